//! The axes of a panel.

use super::CellStrengths;

/// Width and height of a panel.
pub(super) const PANEL: (f64, f64) = (156.0, 92.0);

/// The axis of strengths: the same for all panels, as short as shows all. In hundredths, so that its marks are round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StrengthScale {
    first: u32,
    step: u32,
}

impl StrengthScale {
    pub(super) fn of(history: &[Vec<CellStrengths>]) -> Self {
        let strengths = history
            .iter()
            .flatten()
            .flat_map(|cell| cell.strengths.iter().flatten());
        let (least, largest) = strengths.fold((1.0, 0.0), |(least, largest): (f64, f64), &strength| {
            (least.min(strength), largest.max(strength))
        });
        let fitting = [1, 2, 5, 10, 20, 30, 40].into_iter().find_map(|step| {
            let first = (100.0 * least.clamp(0.0, 1.0)) as u32 / step * step;
            let scale = Self { first, step };
            (largest <= scale.marks()[2]).then_some(scale)
        });
        fitting.unwrap_or(Self { first: 0, step: 50 })
    }

    /// The strengths that are named: the first, the middle, the last.
    pub(super) fn marks(self) -> [f64; 3] {
        [0, 1, 2].map(|steps| f64::from(self.first + steps * self.step) / 100.0)
    }

    /// How far up a strength is, from 0 to 1.
    fn share(self, strength: f64) -> f64 {
        let [first, _, last] = self.marks();
        ((strength - first) / (last - first)).clamp(0.0, 1.0)
    }
}

/// The axes of a panel.
pub(super) struct Frame {
    pub(super) left: f64,
    pub(super) top: f64,
    /// Number of epochs.
    pub(super) epochs: usize,
    pub(super) scale: StrengthScale,
}

impl Frame {
    /// Where an epoch is, counted from 0.
    pub(super) fn x(&self, epoch: usize) -> f64 {
        let last = self.epochs.saturating_sub(1);
        if last == 0 {
            return self.left + PANEL.0 / 2.0;
        }
        self.left + PANEL.0 * epoch as f64 / last as f64
    }

    pub(super) fn y(&self, strength: f64) -> f64 {
        self.top + PANEL.1 * (1.0 - self.scale.share(strength))
    }
}

/// The epochs that are named, counted from 0: the first, the last and round ones between, about four in all.
pub(super) fn ticks(epochs: usize) -> Vec<usize> {
    let steps = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000];
    let step = steps
        .into_iter()
        .find(|step| epochs <= 4 * step)
        .unwrap_or(epochs);
    let Some(last) = epochs.checked_sub(1) else {
        return Vec::new();
    };
    let mut ticks = vec![0];
    // Counted from 1, multiples of the step; none so close to the first or last that their numbers would touch.
    let between = (1..=epochs / step.max(1)).map(|multiple| multiple * step - 1);
    ticks.extend(between.filter(|&epoch| {
        8 * epoch >= last && 8 * (last - epoch.min(last)) >= last && 0 < epoch && epoch < last
    }));
    if last > 0 {
        ticks.push(last);
    }
    ticks
}
