//! An axis: a range of numbers, evenly or by their logarithms, with round marks.

/// A range of numbers and what is written beside it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Axis {
    low: f64,
    high: f64,
    /// Whether equal steps are equal factors.
    logarithmic: bool,
    marks: Vec<(f64, String)>,
}

impl Axis {
    /// As short as shows all of these between round marks; of percents where there are none.
    pub(super) fn of(values: impl Iterator<Item = f64>) -> Self {
        let (low, high) = extent(values).unwrap_or((0.0, 100.0));
        let steps = (-3..=3).flat_map(|power| [1.0, 2.0, 5.0].map(|digit| digit * 10_f64.powi(power)));
        let mut steps = steps.filter(|step| (high / step).ceil() - (low / step).floor() <= 5.0);
        let step = steps.next().unwrap_or(high - low).max(f64::MIN_POSITIVE);
        let first = (low / step).floor();
        let last = (high / step).ceil().max(first + 1.0);
        let digits = (-step.log10()).ceil().clamp(0.0, 3.0) as usize;
        let count = (last - first).min(10.0) as usize;
        Self {
            low: first * step,
            high: last * step,
            logarithmic: false,
            marks: (0..=count)
                .map(|i| (first + i as f64) * step)
                .map(|value| (value, format!("{value:.digits$}")))
                .collect(),
        }
    }

    /// A little longer than these values, which are at most `most`, so that none lies on its ends, unless nothing can be beyond:
    /// where none is negative, it begins at 0 or above. Marks are short: `200 k`, `1.2 M`.
    pub(super) fn over(values: impl Iterator<Item = f64>, most: f64) -> Self {
        let Some((least, largest)) = extent(values) else {
            return Self::steps(0.0, 1.0, 1);
        };
        let range = if largest > least {
            largest - least
        } else {
            (0.1 * largest.abs()).max(1.0)
        };
        // Four to eight steps.
        let step = step(range / 6.0);
        let first = ((least - 0.03 * range) / step).floor();
        let first = if least < 0.0 { first } else { first.max(0.0) };
        let last = ((largest + 0.03 * range) / step).ceil().min((most / step).ceil());
        Self::steps(first * step, step, (last - first).max(1.0) as u32)
    }

    /// From the least to the largest of these values as they are, from 0 on where that is near, with round marks, so far apart at
    /// least: of trials and seconds, after the last of which there is nothing.
    pub(super) fn until(values: impl Iterator<Item = f64>, least_step: f64) -> Self {
        let (least, largest) = extent(values).unwrap_or((0.0, 1.0));
        let low = if (0.0..=0.2 * largest).contains(&least) {
            0.0
        } else {
            least
        };
        let high = if largest > low { largest } else { low + 1.0 };
        let step = step((high - low) / 5.0).max(least_step);
        let (first, last) = (
            (low / step - 1e-9).ceil() as i64,
            (high / step + 1e-9).floor() as i64,
        );
        let marks = (first..=last.min(first + 20)).map(|i| i as f64 * step);
        Self {
            low,
            high,
            logarithmic: false,
            marks: marks.map(|mark| (mark, short(mark, step))).collect(),
        }
    }

    /// From 0 to a little beyond `largest`: of amounts.
    pub(super) fn amounts(largest: f64) -> Self {
        let largest = if largest.is_finite() {
            largest.max(0.0)
        } else {
            0.0
        };
        Self::over([0.0, largest].into_iter(), f64::INFINITY)
    }

    /// So many equal steps.
    fn steps(first: f64, step: f64, count: u32) -> Self {
        let marks = (0..=count).map(|i| first + f64::from(i) * step);
        Self {
            low: first,
            high: first + f64::from(count) * step,
            logarithmic: false,
            marks: marks.map(|mark| (mark, short(mark, step))).collect(),
        }
    }

    /// From 1 to this number, with half a step before and after.
    pub(super) fn levels(count: usize) -> Self {
        let count = count.max(1);
        Self {
            low: 0.5,
            high: count as f64 + 0.5,
            logarithmic: false,
            marks: (1..=count)
                .map(|level| (level as f64, level.to_string()))
                .collect(),
        }
    }

    /// From the whole number below these to the one above, at least one apart, with a mark at each: of mean ranks.
    pub(super) fn ranks(values: impl Iterator<Item = f64>) -> Self {
        let (least, largest) = extent(values).unwrap_or((1.0, 2.0));
        let low = least.floor();
        let high = largest.ceil().max(low + 1.0);
        let step = ((high - low) / 20.0).ceil().max(1.0);
        let count = ((high - low) / step).floor() as u32;
        let marks = (0..=count).map(|i| low + f64::from(i) * step);
        Self {
            low,
            high,
            logarithmic: false,
            marks: marks.map(|mark| (mark, format!("{mark:.0}"))).collect(),
        }
    }

    /// By logarithms, from the power of ten that is not above the least of these values to the one that is not below the
    /// largest, at least one apart; from 1 to 10 where there are none. Values are positive.
    pub(super) fn powers(values: impl Iterator<Item = f64>) -> Self {
        let values = values.filter(|value| *value > 0.0);
        let (least, largest) = extent(values).unwrap_or((1.0, 10.0));
        let low = (least.log10() + 1e-9).floor().clamp(-300.0, 299.0);
        let high = (largest.log10() - 1e-9).ceil().clamp(low + 1.0, 300.0);
        let step = ((high - low) / 6.0).ceil();
        let marks = (0..=6)
            .map(|i| low + f64::from(i) * step)
            .filter(|&power| power <= high);
        Self {
            low: 10_f64.powf(low),
            high: 10_f64.powf(high),
            logarithmic: true,
            marks: marks
                .map(|power| (10_f64.powf(power), power_of_ten(power)))
                .collect(),
        }
    }

    /// By logarithms, from the least to the largest of these values as they are, with marks at 1, 2 and 5 times powers of
    /// ten: of trials and seconds, of which decades would waste half of the width. Values are positive.
    pub(super) fn within(values: impl Iterator<Item = f64>) -> Self {
        let values = values.filter(|value| *value > 0.0);
        let (least, largest) = extent(values).unwrap_or((1.0, 10.0));
        let largest = largest.max(1.0001 * least);
        let (first, last) = (least.log10().floor() as i32, largest.log10().ceil() as i32);
        // Long axes have marks at powers of ten alone, and not at each.
        let decades = (largest / least).log10();
        let digits: &[f64] = if decades > 3.0 { &[1.0] } else { &[1.0, 2.0, 5.0] };
        let stride = (decades / 7.0).ceil().max(1.0) as usize;
        let marks = (first..=last)
            .step_by(stride)
            .flat_map(|power| digits.iter().map(move |digit| digit * 10_f64.powi(power)));
        let (low, high) = (0.999_999 * least, 1.000_001 * largest);
        let marks = marks.filter(|mark| (low..=high).contains(mark));
        let mut marks: Vec<(f64, String)> = marks.map(|mark| (mark, plain(mark))).collect();
        if marks.len() < 2 {
            // No two round numbers lie between: the ends themselves.
            marks = [least, largest].map(|end| (end, format!("{end:.1}"))).to_vec();
        }
        Self {
            low: least,
            high: largest,
            logarithmic: true,
            marks,
        }
    }

    /// How far along a number is, from 0 to 1.
    pub(super) fn share(&self, value: f64) -> f64 {
        let share = if self.logarithmic {
            (value.max(f64::MIN_POSITIVE) / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value - self.low) / (self.high - self.low)
        };
        share.clamp(0.0, 1.0)
    }

    /// What is written beside it.
    pub(super) fn marks(&self) -> impl Iterator<Item = (f64, &str)> {
        self.marks.iter().map(|(value, name)| (*value, name.as_str()))
    }

    /// The same with this after each number.
    pub(super) fn with_unit(mut self, unit: &str) -> Self {
        for (_, name) in &mut self.marks {
            name.push_str(unit);
        }
        self
    }

    /// The least number on it.
    pub(super) fn low(&self) -> f64 {
        self.low
    }

    /// The largest number on it.
    pub(super) fn high(&self) -> f64 {
        self.high
    }

    /// The range that two axes have in common: from the first to the second number, if that is larger.
    pub(super) fn overlap(&self, other: &Self) -> (f64, f64) {
        (self.low.max(other.low), self.high.min(other.high))
    }
}

/// 1, 2 or 5 times a power of ten: the next from `least` on.
fn step(least: f64) -> f64 {
    let power = 10_f64.powf(least.log10().floor());
    let steps = [1.0, 2.0, 5.0].map(|factor| factor * power);
    // What is one by rounding counts as one.
    let fitting = steps.into_iter().find(|step| *step >= 0.999_999 * least);
    fitting.unwrap_or(10.0 * power)
}

/// The least and the largest of these numbers; what is none does not count.
fn extent(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    let finite = values.filter(|value| value.is_finite());
    finite.fold(None, |known, value| {
        let (least, largest) = known.unwrap_or((value, value));
        Some((value.min(least), value.max(largest)))
    })
}

/// A mark of an axis with these steps: `0`, `85`, `97.5`, `200 k`, `1.2 M`.
fn short(mark: f64, step: f64) -> String {
    let (unit, letter) = match step {
        step if step >= 1e8 => (1e9, " G"),
        step if step >= 1e5 => (1e6, " M"),
        step if step >= 1e2 => (1e3, " k"),
        _ => (1.0, ""),
    };
    let digits = (-(step / unit).log10().floor()).max(0.0) as usize;
    let number = format!("{:.digits$}", mark / unit);
    if number.chars().all(|c| "-0.".contains(c)) {
        return "0".to_owned();
    }
    format!("{number}{letter}")
}

/// 1, 2 or 5 times a power of ten, with no more digits than it has.
fn plain(mark: f64) -> String {
    if mark >= 0.9995 {
        return count(mark.round());
    }
    let digits = (-mark.log10()).ceil().max(0.0) as usize;
    if digits > 4 {
        return format!("{mark:.0e}");
    }
    format!("{mark:.digits$}")
}

fn power_of_ten(power: f64) -> String {
    plain(10_f64.powf(power))
}

/// A number of things: all digits, or the power of ten where those are many.
pub(super) fn count(value: f64) -> String {
    if value < 1e5 {
        return format!("{value:.0}");
    }
    let power = value.log10().floor();
    let digits = format!("{:.1}", value / 10_f64.powf(power));
    format!("{}e{power:.0}", digits.strip_suffix(".0").unwrap_or(&digits))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(axis: &Axis) -> Vec<&str> {
        axis.marks().map(|(_, name)| name).collect()
    }

    #[test]
    fn marks_are_round_few_and_around_all_values() {
        let axis = |values: &[f64]| Axis::of(values.iter().copied());
        assert_eq!(names(&axis(&[81.2, 84.9])), ["81", "82", "83", "84", "85"]);
        assert_eq!(
            names(&axis(&[0.0, 1.0])),
            ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]
        );
        assert_eq!(names(&axis(&[])), ["0", "20", "40", "60", "80", "100"]);
        for (low, high) in [
            (10.0, 84.3),
            (-3.0, 120.0),
            (50.0, 50.0),
            (84.01, 84.02),
            (0.0, 0.0),
        ] {
            let axis = axis(&[low, high]);
            let marks = names(&axis);
            assert!((2..=6).contains(&marks.len()), "{low}, {high}: {marks:?}");
            assert!(axis.low <= low && high <= axis.high, "{low}, {high}: {marks:?}");
        }
    }

    #[test]
    fn axes_over_values_have_short_marks_and_room_at_their_ends() {
        let marks = |values: &[f64]| {
            let most = if values[0] < 100.0 { 100.0 } else { f64::INFINITY };
            let axis = Axis::over(values.iter().copied(), most);
            for &value in values {
                assert!(axis.low <= value && value <= axis.high, "{values:?}: {axis:?}");
            }
            names(&axis).join(", ")
        };
        assert_eq!(
            marks(&[31_000.0, 316_058.0]),
            "0, 50 k, 100 k, 150 k, 200 k, 250 k, 300 k, 350 k"
        );
        assert_eq!(marks(&[92.1, 97.3]), "91, 92, 93, 94, 95, 96, 97, 98");
        assert_eq!(marks(&[0.1e6, 1.4e6]), "0, 0.5 M, 1.0 M, 1.5 M");
        assert_eq!(
            marks(&[97.30, 97.52]),
            "97.25, 97.30, 97.35, 97.40, 97.45, 97.50, 97.55"
        );
        assert_eq!(marks(&[99.2, 99.99]), "99.0, 99.2, 99.4, 99.6, 99.8, 100.0");
        assert_eq!(
            marks(&[200.0, 1e9]),
            "0, 0.2 G, 0.4 G, 0.6 G, 0.8 G, 1.0 G, 1.2 G"
        );
        let percent = Axis::over([97.2, 97.4].into_iter(), 100.0).with_unit(" %");
        assert_eq!(names(&percent)[0], "97.15 %");
        assert_eq!(names(&Axis::amounts(7.0)), ["0", "2", "4", "6", "8"]);
        assert_eq!(names(&Axis::amounts(0.0))[0], "0");
    }

    #[test]
    fn axes_until_the_last_value_end_there() {
        let of = |values: [f64; 2]| {
            let axis = Axis::until(values.into_iter(), 0.0);
            assert_eq!(axis.share(values[1]), 1.0);
            (axis.low, names(&axis).join(", "))
        };
        assert_eq!(of([1.0, 168.0]), (0.0, "0, 50, 100, 150".to_owned()));
        assert_eq!(of([0.2, 64.6]), (0.0, "0, 20, 40, 60".to_owned()));
        assert_eq!(of([0.0, 3000.0]), (0.0, "0, 1 k, 2 k, 3 k".to_owned()));
        assert_eq!(of([80.0, 90.0]), (80.0, "80, 82, 84, 86, 88, 90".to_owned()));
        assert_eq!(of([1.0, 2.0]).1, "1.0, 1.2, 1.4, 1.6, 1.8, 2.0");
        assert_eq!(names(&Axis::until([1.0, 3.0].into_iter(), 1.0)), ["1", "2", "3"]);
    }

    #[test]
    fn powers_reach_the_least_and_the_largest() {
        let of = |values: &[f64]| {
            let axis = Axis::powers(values.iter().copied());
            names(&axis).join(", ")
        };
        assert_eq!(of(&[1.0, 15_625.0]), "1, 10, 100, 1000, 10000, 1e5");
        assert_eq!(of(&[1.0, 5.6e14]), "1, 1000, 1e6, 1e9, 1e12, 1e15");
        assert_eq!(of(&[0.004, 0.3]), "0.001, 0.01, 0.1, 1");
        assert_eq!(of(&[0.1]), "0.1, 1");
        assert_eq!(of(&[0.0, -3.0]), "1, 10");
        assert_eq!(count(5.566e14), "5.6e14");
        assert_eq!(count(40_800.0), "40800");
        assert_eq!(Axis::powers([0.01, 1.0].into_iter()).share(0.1), 0.5);
    }

    #[test]
    fn axes_within_values_waste_nothing_and_have_marks() {
        let of = |values: [f64; 2]| {
            let axis = Axis::within(values.into_iter());
            assert_eq!((axis.share(values[0]), axis.share(values[1])), (0.0, 1.0));
            names(&axis).join(", ")
        };
        assert_eq!(of([1.0, 168.0]), "1, 2, 5, 10, 20, 50, 100");
        assert_eq!(of([0.3, 40.0]), "0.5, 1, 2, 5, 10, 20");
        assert_eq!(of([1.0, 100_000.0]), "1, 10, 100, 1000, 10000, 1e5");
        assert_eq!(of([3.2, 4.7]), "3.2, 4.7");
        assert_eq!(Axis::within([3.0].into_iter()).share(3.0), 0.0);
    }

    #[test]
    fn shares_go_from_end_to_end() {
        let axis = Axis::levels(3);
        assert_eq!([0.5, 2.0, 3.5].map(|value| axis.share(value)), [0.0, 0.5, 1.0]);
    }
}
