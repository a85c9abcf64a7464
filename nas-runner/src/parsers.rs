//! What options may be.

use clap::builder::RangedU64ValueParser;

/// A whole number from `least` on.
pub fn at_least(least: u64) -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(least..)
}

/// A whole number from `least` to `most`.
pub fn between(least: u64, most: u64) -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(least..=most)
}

/// A seed, below 2⁶³ so that TOML can hold it.
pub fn seed() -> RangedU64ValueParser<u64> {
    RangedU64ValueParser::new().range(..=i64::MAX as u64)
}

/// A number of things from 1, below 2⁶³ so that TOML can hold it.
pub fn count() -> RangedU64ValueParser<u64> {
    RangedU64ValueParser::new().range(1..=i64::MAX as u64)
}

/// The name of a figure and a number.
pub fn named(text: &str) -> Result<(String, f64), String> {
    const EXPECTED: &str = "NAME=VALUE, the name of a figure and a number";
    let (name, value) = text
        .split_once('=')
        .ok_or_else(|| format!("expected {EXPECTED}"))?;
    let value = number(value, EXPECTED, |_| true)?;
    match name {
        "" => Err(format!("expected {EXPECTED}")),
        "params" | "macs" => Err(format!(
            "expected another figure; for {name} there is --max-{name}"
        )),
        name => Ok((name.to_owned(), value)),
    }
}

/// A time in milliseconds: `20ms`, `0.5s`, `800us`, or a number of milliseconds.
pub fn milliseconds(text: &str) -> Result<f64, String> {
    const EXPECTED: &str = "a time above 0, such as 20ms";
    let text = text.trim();
    // The longest unit first: each ends in an s.
    let units = [("us", 1e-3), ("µs", 1e-3), ("ms", 1.0), ("s", 1e3)];
    let (amount, unit) = units
        .into_iter()
        .find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, factor)))
        .unwrap_or((text, 1.0));
    Ok(unit * number(amount.trim_end(), EXPECTED, |value| value > 0.0)?)
}

/// `NAME=VALUE`: the target of a figure.
pub fn target(text: &str) -> Result<(String, f64), String> {
    const EXPECTED: &str = "NAME=VALUE, with a number above 0";
    let (name, value) = text
        .rsplit_once('=')
        .ok_or_else(|| format!("expected {EXPECTED}"))?;
    let value = number(value, EXPECTED, |value| value > 0.0)?;
    match name {
        "" => Err(format!("expected {EXPECTED}")),
        name => Ok((name.to_owned(), value)),
    }
}

/// A number of at most 0.
pub fn not_positive(text: &str) -> Result<f64, String> {
    number(text, "a number of at most 0", |value| value <= 0.0)
}

/// A number above 0.
pub fn positive(text: &str) -> Result<f64, String> {
    number(text, "a number above 0", |value| value > 0.0)
}

/// A number of at least 0.
pub fn not_negative(text: &str) -> Result<f64, String> {
    number(text, "a number of at least 0", |value| value >= 0.0)
}

/// A number from 0 to below 1.
pub fn share(text: &str) -> Result<f64, String> {
    number(text, "a number from 0 to below 1", |value| {
        (0.0..1.0).contains(&value)
    })
}

/// A number above 0 and up to 1.
pub fn part(text: &str) -> Result<f64, String> {
    number(text, "a number above 0 and up to 1", |value| {
        value > 0.0 && value <= 1.0
    })
}

fn number(text: &str, expected: &str, legal: impl Fn(f64) -> bool) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() && legal(value) => Ok(value),
        _ => Err(format!("expected {expected}")),
    }
}
