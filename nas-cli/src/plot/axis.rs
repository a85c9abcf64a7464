//! An axis with round marks.

/// A range of numbers and what is written beside it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Axis {
    low: f64,
    high: f64,
    marks: Vec<(f64, String)>,
}

impl Axis {
    /// As short as shows all of these between round marks; of percents where there are none.
    pub(super) fn of(values: impl Iterator<Item = f64>) -> Self {
        let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
            (low.min(value), high.max(value))
        });
        let (low, high) = if low <= high { (low, high) } else { (0.0, 100.0) };
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
            marks: (0..=count)
                .map(|i| (first + i as f64) * step)
                .map(|value| (value, format!("{value:.digits$}")))
                .collect(),
        }
    }

    /// From 1 to so many, with half a step before and behind.
    pub(super) fn levels(count: usize) -> Self {
        let count = count.max(1);
        Self {
            low: 0.5,
            high: count as f64 + 0.5,
            marks: (1..=count)
                .map(|level| (level as f64, level.to_string()))
                .collect(),
        }
    }

    /// Powers of ten, from 1 to the first that is not below `largest`; values are logarithms.
    pub(super) fn powers(largest: f64) -> Self {
        let high = largest.log10().ceil().clamp(1.0, 300.0);
        let step = (high / 6.0).ceil();
        let marks = (0..=6)
            .map(|i| f64::from(i) * step)
            .filter(|&power| power <= high);
        Self {
            low: 0.0,
            high,
            marks: marks.map(|power| (power, count(10_f64.powf(power)))).collect(),
        }
    }

    /// How far along a number is, from 0 to 1.
    pub(super) fn share(&self, value: f64) -> f64 {
        ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0)
    }

    /// What is written beside it.
    pub(super) fn marks(&self) -> impl Iterator<Item = (f64, &str)> {
        self.marks.iter().map(|(value, name)| (*value, name.as_str()))
    }

    /// The range that two axes have in common: from the first to the second number, if that is larger.
    pub(super) fn overlap(&self, other: &Self) -> (f64, f64) {
        (self.low.max(other.low), self.high.min(other.high))
    }
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
    fn powers_reach_the_largest() {
        assert_eq!(
            names(&Axis::powers(15_625.0)),
            ["1", "10", "100", "1000", "10000", "1e5"]
        );
        let names_of_many: Vec<String> = Axis::powers(5.6e14)
            .marks()
            .map(|(_, name)| name.to_owned())
            .collect();
        assert_eq!(names_of_many, ["1", "1000", "1e6", "1e9", "1e12", "1e15"]);
        assert_eq!(count(5.566e14), "5.6e14");
        assert_eq!(count(40_800.0), "40800");
    }

    #[test]
    fn shares_go_from_end_to_end() {
        let axis = Axis::levels(3);
        assert_eq!([0.5, 2.0, 3.5].map(|value| axis.share(value)), [0.0, 0.5, 1.0]);
    }
}
