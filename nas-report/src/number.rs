//! Numbers as people read them.

use nas_space::search::Interval;

/// Bytes in MiB.
pub fn mebibytes(bytes: u64) -> String {
    format!("{} MiB", grouped(bytes >> 20))
}

/// Bytes in KiB or, from 1,000 KiB on, in MiB: `48.0 KiB`.
pub fn kibibytes(bytes: u64) -> String {
    match bytes as f64 / 1024.0 {
        small if small < 1000.0 => format!("{small:.1} KiB"),
        large => format!("{:.2} MiB", large / 1024.0),
    }
}

/// An integer with thin groups: `3,349,342`.
pub fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A figure in a unit of its own: whole ones in groups, others with up to six digits.
pub fn figure(value: f64) -> String {
    if value.fract() == 0.0 && value.abs() < 9e15 {
        let sign = if value < 0.0 { "-" } else { "" };
        return format!("{sign}{}", grouped(value.abs() as u64));
    }
    if value.abs() >= 9e15 {
        return format!("{value:e}");
    }
    let digits = 5 - (value.abs().log10().floor() as i32).clamp(-9, 5);
    let text = format!("{value:.*}", digits.unsigned_abs() as usize);
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

/// So many things: `1 cell`, `5 cells`.
pub fn counted(n: usize, thing: &str) -> String {
    let ending = if n == 1 { "" } else { "s" };
    format!("{n} {thing}{ending}")
}

/// The text for an unknown figure.
pub const NOT_KNOWN: &str = "not known";

/// A figure as text, or that it is not known.
pub fn known<T>(figure: Option<T>, text: impl FnOnce(T) -> String) -> String {
    figure.map_or_else(|| NOT_KNOWN.to_owned(), text)
}

/// Millions with two digits: `12.34 M`.
pub fn millions(n: u64) -> String {
    format!("{:.2} M", n as f64 / 1e6)
}

/// The size of a network: `129,306 parameters, 12.34 M multiply-accumulates`, and what of it is not known.
pub fn size(params: Option<u64>, macs: Option<u64>) -> String {
    match (params, macs) {
        (None, None) => "parameters and multiply-accumulates not known".to_owned(),
        (params, macs) => format!(
            "{}, {}",
            params.map_or("parameters not known".to_owned(), |n| format!(
                "{} parameters",
                grouped(n)
            )),
            macs.map_or("multiply-accumulates not known".to_owned(), |n| format!(
                "{} multiply-accumulates",
                millions(n)
            )),
        ),
    }
}

/// An accuracy in [0, 1] as a percentage with two digits.
pub fn percent(accuracy: f64) -> String {
    format!("{:.2} %", 100.0 * accuracy)
}

/// The same with its 95 % interval, where that is known: `91.20 % [88.02, 93.71]`.
pub fn percent_within(share: f64, interval: Option<Interval>) -> String {
    percent(share) + &bounds(interval)
}

/// A 95 % interval of a share, as the text after the share: ` [88.02, 93.71]`; nothing where it is
/// not known.
pub fn bounds(interval: Option<Interval>) -> String {
    interval.map_or_else(String::new, |Interval(low, high)| {
        format!(" [{:.2}, {:.2}]", 100.0 * low, 100.0 * high)
    })
}

/// Seconds as people read them: `0.042 s`, `13.2 s`, `4 min 12 s`, `2 h 5 min`.
pub fn seconds(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match seconds {
        0.0 => "0 s".to_owned(),
        s if s < 0.0005 => "below 0.001 s".to_owned(),
        s if s < 1.0 => format!("{s:.3} s"),
        s if s < 99.95 => format!("{s:.1} s"),
        s if s < 3599.5 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{} h {} min", whole / 3600, whole % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_in_kib_until_there_are_many() {
        let texts = [0, 49_152, 1_000, 1_023_999, 1_024_000, 3 << 20].map(kibibytes);
        let expected = [
            "0.0 KiB",
            "48.0 KiB",
            "1.0 KiB",
            "1000.0 KiB",
            "0.98 MiB",
            "3.00 MiB",
        ];
        assert_eq!(texts, expected);
    }

    #[test]
    fn figures_are_short() {
        let texts = [0.0, 400_346.0, -3.0, 2.5, 0.001_234_567_8, -123_450.4, 2e47].map(figure);
        assert_eq!(
            texts,
            ["0", "400,346", "-3", "2.5", "0.00123457", "-123450", "2e47"]
        );
    }

    #[test]
    fn seconds_have_the_units_that_suit_them() {
        let texts = [0.0, 0.0001, 0.0421, 13.24, 99.99, 252.0, 7_500.0].map(seconds);
        let expected = [
            "0 s",
            "below 0.001 s",
            "0.042 s",
            "13.2 s",
            "1 min 40 s",
            "4 min 12 s",
            "2 h 5 min",
        ];
        assert_eq!(texts, expected);
    }

    #[test]
    fn integers_are_grouped_by_thousands() {
        let texts = [0, 999, 1000, 3_349_342].map(grouped);
        assert_eq!(texts, ["0", "999", "1,000", "3,349,342"]);
    }

    #[test]
    fn what_is_not_known_is_said_to_be_so() {
        assert_eq!(known(Some(1_000), grouped), "1,000");
        assert_eq!(known(None, grouped), "not known");
        assert_eq!(
            size(Some(129_306), Some(12_340_000)),
            "129,306 parameters, 12.34 M multiply-accumulates"
        );
        assert_eq!(
            size(None, Some(12_340_000)),
            "parameters not known, 12.34 M multiply-accumulates"
        );
        assert_eq!(size(None, None), "parameters and multiply-accumulates not known");
    }

    #[test]
    fn one_thing_is_no_plural() {
        let texts = [0, 1, 5].map(|n| counted(n, "cell"));
        assert_eq!(texts, ["0 cells", "1 cell", "5 cells"]);
    }
}
