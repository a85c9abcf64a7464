//! What is done to each value on its way into a map or out of it.

/// ReLU, scale and shift of each channel, ReLU: each of them or none, in this order.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Function {
    /// Whether negative values become 0 before all else.
    pub(super) before: bool,
    /// Scale and shift of each channel: what is left of a batch norm.
    pub(super) line: Option<Vec<[f32; 2]>>,
    /// Whether negative values become 0 in the end.
    pub(super) after: bool,
}

impl Function {
    /// A ReLU alone.
    pub(super) fn relu() -> Self {
        Self {
            before: true,
            ..Self::default()
        }
    }

    /// A scale and a shift alone.
    pub(super) fn line(line: Vec<[f32; 2]>) -> Self {
        Self {
            line: Some(line),
            ..Self::default()
        }
    }

    /// Whether values stay as they are.
    pub(super) fn is_identity(&self) -> bool {
        *self == Self::default()
    }

    /// This function and then another one, if one function can be both.
    pub(super) fn then(&self, next: &Self) -> Option<Self> {
        let mut both = self.clone();
        if next.before {
            match both.line {
                Some(_) => both.after = true,
                None => both.before = true,
            }
        }
        if let Some(line) = &next.line {
            if both.after {
                return None;
            }
            let old = both.line.get_or_insert_with(|| vec![[1.0, 0.0]; line.len()]);
            for ([scale, shift], [by, plus]) in old.iter_mut().zip(line) {
                (*scale, *shift) = (*scale * by, *shift * by + plus);
            }
        }
        if next.after {
            match both.line {
                Some(_) => both.after = true,
                None => both.before = true,
            }
        }
        Some(both)
    }

    /// The function of some of the channels.
    pub(super) fn part(&self, start: usize, count: usize) -> Self {
        Self {
            line: self.line.as_ref().map(|line| line[start..][..count].to_vec()),
            ..*self
        }
    }

    /// What a value of this channel becomes.
    pub(super) fn of(&self, channel: usize, value: f32) -> f32 {
        // A value that is not a number stays one.
        let relu = |on: bool, value: f32| if on && value < 0.0 { 0.0 } else { value };
        let mut value = relu(self.before, value);
        if let Some(line) = &self.line {
            let [scale, shift] = line[channel];
            value = value * scale + shift;
        }
        relu(self.after, value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All functions of two channels that a bit of each kind makes.
    fn all() -> Vec<Function> {
        (0..8)
            .map(|bits| Function {
                before: bits & 1 > 0,
                line: (bits & 2 > 0).then(|| vec![[-0.5, 0.75], [2.0, -1.0]]),
                after: bits & 4 > 0,
            })
            .collect()
    }

    #[test]
    fn two_functions_in_one_give_what_one_after_the_other_gives() {
        let mut expressed = 0;
        for first in all() {
            for second in all() {
                let Some(both) = first.then(&second) else {
                    continue;
                };
                expressed += 1;
                for channel in 0..2 {
                    for value in [-3.0, -0.25, 0.0, 0.5, 4.0] {
                        let expected = second.of(channel, first.of(channel, value));
                        assert_eq!(both.of(channel, value), expected, "{first:?} {second:?}");
                    }
                }
            }
        }
        assert!(expressed >= 44, "{expressed}");
        let line = Function::line(vec![[1.0, 1.0]; 2]);
        let rectified = line.then(&Function::relu());
        assert_eq!(rectified.and_then(|both| both.then(&line)), None);
    }
}
