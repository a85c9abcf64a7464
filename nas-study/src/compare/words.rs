//! Figures of a comparison as a person writes them.

use nas_space::search::{Direction, Metric, Scale};

use super::SIGNIFICANCE;

/// A p-value: `0.22`, `0.043`, `0.0012`, `< 0.001`. One below the level of significance is never
/// rounded up to it.
pub fn p_text(p: f64) -> String {
    if p < 0.001 {
        return "< 0.001".to_owned();
    }
    // Two digits that count; more where they would hide on which side of the level it is.
    (2..6)
        .map(|digits| {
            let decimals = if p >= 0.1 {
                digits
            } else {
                digits + 1 + usize::from(p < 0.01)
            };
            format!("{p:.decimals$}")
        })
        .find(|text| {
            let shown: f64 = text.parse().unwrap_or(p);
            (shown < SIGNIFICANCE) == (p < SIGNIFICANCE)
        })
        .unwrap_or_else(|| p.to_string())
}

/// The same with its name: `p = 0.22`, `p < 0.001`.
pub fn p_equals(p: f64) -> String {
    let text = p_text(p);
    if text.starts_with('<') {
        format!("p {text}")
    } else {
        format!("p = {text}")
    }
}

/// A number of seeds in two significant digits, rounded up: 140 for 137.
pub fn about_seeds(seeds: u64) -> u64 {
    let mut unit = 1;
    while seeds / unit >= 100 {
        unit *= 10;
    }
    seeds.div_ceil(unit) * unit
}

/// A difference of accuracies in points, without the word: `+0.80`, `-2.18`; with more digits where
/// two would make it 0.
pub(super) fn points(difference: f64) -> String {
    let points = 100.0 * difference;
    (2..10)
        .map(|digits| format!("{points:+.digits$}"))
        .find(|text| text.bytes().any(|byte| (b'1'..=b'9').contains(&byte)))
        .unwrap_or_else(|| "0.00".to_owned())
}

/// A number of any size with five significant digits.
pub fn plain(value: f64) -> String {
    let size = value.abs();
    if size == 0.0 {
        return "0".to_owned();
    }
    if !(1e-4..1e7).contains(&size) {
        return format!("{value:.4e}");
    }
    let digits = (4.0 - size.log10().floor()).clamp(0.0, 8.0) as usize;
    format!("{value:.digits$}")
}

/// A difference of scores as one of values, with its sign: points without the word where values are
/// shares, as of accuracies, else the plain number.
pub fn difference(metric: &Metric, scores: f64) -> String {
    let values = metric.value(scores);
    match metric.scale() {
        Scale::Share => points(values),
        Scale::Plain if values > 0.0 => format!("+{}", plain(values)),
        Scale::Plain => plain(values),
    }
}

/// An interval of differences, without the unit: `+0.10 to +1.20`, `above +0.10`; none where it has
/// no end.
pub fn interval(metric: &Metric, low: Option<f64>, high: Option<f64>) -> Option<String> {
    let (low, high) = match metric.direction() {
        Direction::Higher => (low, high),
        Direction::Lower => (high, low),
    };
    let text = |scores: f64| difference(metric, scores);
    Some(match (low, high) {
        (Some(low), Some(high)) => format!("{} to {}", text(low), text(high)),
        (Some(low), None) => format!("above {}", text(low)),
        (None, Some(high)) => format!("below {}", text(high)),
        (None, None) => return None,
    })
}

/// `a`, `a and b`, `a, b and c`.
pub(super) fn listed(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p_values_are_short_and_on_their_side_of_the_level() {
        let texts = [
            1.0, 0.2187, 0.1, 0.0532, 0.05, 0.0499, 0.0125, 0.0043, 0.001, 0.000_999, 0.0,
        ]
        .map(p_text);
        let expected = [
            "1.00", "0.22", "0.10", "0.053", "0.050", "0.0499", "0.013", "0.0043", "0.0010", "< 0.001",
            "< 0.001",
        ];
        assert_eq!(texts, expected);
        assert_eq!(p_text(0.049_999), "0.049999");
        assert_eq!(
            (p_equals(0.2), p_equals(1e-9)),
            ("p = 0.20".to_owned(), "p < 0.001".to_owned())
        );
    }

    #[test]
    fn numbers_of_seeds_have_two_digits() {
        let seeds = [0, 6, 99, 100, 137, 1_201, 12_000].map(about_seeds);
        assert_eq!(seeds, [0, 6, 99, 100, 140, 1_300, 12_000]);
    }

    #[test]
    fn a_difference_that_is_not_0_does_not_read_as_0() {
        let texts = [0.008, -0.0218, 0.0, 0.000_004, -1e-9].map(points);
        assert_eq!(texts, ["+0.80", "-2.18", "0.00", "+0.0004", "-0.0000001"]);
        let interval = |low, high| interval(&Metric::default(), low, high);
        assert_eq!(interval(Some(0.001), Some(0.02)).unwrap(), "+0.10 to +2.00");
        assert_eq!(interval(None, Some(-0.001)).unwrap(), "below -0.10");
        assert_eq!(interval(Some(-0.001), None).unwrap(), "above -0.10");
        assert_eq!(interval(None, None), None);
    }

    #[test]
    fn a_loss_that_is_better_by_a_score_is_lower_by_that_value() {
        let loss = Metric::new("loss", Direction::Lower, Scale::Plain).unwrap();
        assert_eq!(difference(&loss, 0.25), "-0.25000");
        assert_eq!(
            interval(&loss, Some(0.125), Some(0.5)).unwrap(),
            "-0.50000 to -0.12500"
        );
        assert_eq!(interval(&loss, Some(0.125), None).unwrap(), "below -0.12500");
    }

    #[test]
    fn plain_numbers_have_five_digits_that_count() {
        let texts = [0.0123456, 12.34567, -0.765432, 98765.4, 1e-6, 2.5e9].map(plain);
        let expected = ["0.012346", "12.346", "-0.76543", "98765", "1.0000e-6", "2.5000e9"];
        assert_eq!(texts, expected);
    }
}
