//! `nas data cache`: images that were read and are kept, and their removal.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Result, bail};
use nas_data::{CachedData, Forget, Forgotten, cached, forget};
use nas_report::number::{counted, mebibytes};
use nas_runner::Usage;
use serde::Serialize;

use crate::args::CacheArgs;
use crate::output::Output;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// Digits of a fingerprint that are shown, and the fewest that name one.
const DIGITS: usize = 12;

/// The JSON of `nas data cache`.
#[derive(Debug, Serialize)]
struct Stock {
    /// What is kept; with `--remove`, what stays.
    kept: Vec<Row>,
    removed: Vec<Row>,
    /// Folders that were removed, which killed processes had left.
    leftovers: usize,
}

/// Images that were read.
#[derive(Debug, Serialize)]
struct Row {
    fingerprint: String,
    /// Where they were read from, the last place first.
    sources: Vec<String>,
    bytes: u64,
    /// Seconds since 1970.
    last_used: u64,
    days_unused: u64,
}

/// What is to be removed, as it was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Removal {
    All,
    Days(u32),
    Fingerprint(String),
}

/// Lists what is kept, and removes what was asked for.
pub(super) fn run(args: &CacheArgs, output: Output) -> Result<()> {
    let removal = args.remove.as_deref().map(removal).transpose()?;
    let now = now();
    let forgotten = match &removal {
        None => Forgotten::default(),
        Some(Removal::All) => forget(None, Forget::All)?,
        Some(Removal::Days(days)) => {
            let since = now.checked_sub(DAY * *days).unwrap_or(UNIX_EPOCH);
            forget(None, Forget::UnusedSince(since))?
        }
        Some(Removal::Fingerprint(digits)) => {
            forget(None, Forget::Fingerprint(&only(&cached(None)?, digits)?))?
        }
    };
    let rows = |all: Vec<CachedData>| all.into_iter().map(|data| row(data, now)).collect();
    let refused = forgotten.kept.len();
    let stock = Stock {
        kept: rows(cached(None)?),
        removed: rows(forgotten.removed),
        leftovers: forgotten.leftovers,
    };
    output.result(&stock, || text(&stock))?;
    if refused > 0 {
        bail!(
            "{} could not be removed: a process is reading the images, or the system refuses",
            counted(refused, "data set")
        );
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "files are dated by the system's clock")]
fn now() -> SystemTime {
    SystemTime::now()
}

fn removal(text: &str) -> Result<Removal> {
    let days = text.strip_suffix('d').and_then(|days| days.parse().ok());
    let is_fingerprint =
        (DIGITS..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    match (text, days) {
        ("all", _) => Ok(Removal::All),
        (_, Some(days)) => Ok(Removal::Days(days)),
        _ if is_fingerprint => Ok(Removal::Fingerprint(text.to_ascii_lowercase())),
        _ => {
            let why = format!(
                "--remove {text}: expected all, a number of days such as 30d, or {DIGITS} or more digits of a fingerprint"
            );
            Err(Usage::new(why).into())
        }
    }
}

/// The one fingerprint that begins with these digits.
fn only(stock: &[CachedData], digits: &str) -> Result<String> {
    let mut found = stock.iter().filter(|data| data.fingerprint.starts_with(digits));
    match (found.next(), found.next()) {
        (Some(data), None) => Ok(data.fingerprint.clone()),
        (None, _) => bail!("no cached images have the fingerprint {digits}; `nas data cache` lists all"),
        (Some(_), Some(_)) => bail!("several fingerprints begin with {digits}; expected more of its digits"),
    }
}

fn row(data: CachedData, now: SystemTime) -> Row {
    let unused = now.duration_since(data.last_used).unwrap_or_default();
    let since_1970 = data.last_used.duration_since(UNIX_EPOCH).unwrap_or_default();
    Row {
        fingerprint: data.fingerprint,
        sources: data.sources,
        bytes: data.bytes,
        last_used: since_1970.as_secs(),
        days_unused: unused.as_secs() / DAY.as_secs(),
    }
}

fn text(stock: &Stock) -> String {
    let mut lines: Vec<String> = stock.kept.iter().map(|row| line(row, "")).collect();
    lines.extend(stock.removed.iter().map(|row| line(row, "  removed")));
    let bytes: u64 = stock.kept.iter().map(|row| row.bytes).sum();
    lines.push(match stock.kept.len() {
        0 => "the cache is empty".to_owned(),
        sets => format!("{} in the cache, {}", counted(sets, "data set"), mebibytes(bytes)),
    });
    if stock.leftovers > 0 {
        lines.push(format!(
            "{} of killed processes removed",
            counted(stock.leftovers, "unfinished folder")
        ));
    }
    lines.join("\n")
}

fn line(row: &Row, what: &str) -> String {
    let used = match row.days_unused {
        0 => "used today".to_owned(),
        days => format!("unused for {}", counted(days as usize, "day")),
    };
    let source = row.sources.first().map_or("place not known", String::as_str);
    format!(
        "{:.DIGITS$}  {:>9}  {used:<20}  {source}{what}",
        row.fingerprint,
        mebibytes(row.bytes)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_to_be_removed_is_all_an_age_or_a_fingerprint() {
        assert_eq!(removal("all").unwrap(), Removal::All);
        assert_eq!(removal("30d").unwrap(), Removal::Days(30));
        assert_eq!(removal("0d").unwrap(), Removal::Days(0));
        let digits = "00FFab12cd34";
        assert_eq!(
            removal(digits).unwrap(),
            Removal::Fingerprint("00ffab12cd34".to_owned())
        );
        for text in ["", "30", "d", "-1d", "every", "00ffab12cd3", "xyz000000000"] {
            let error = removal(text).unwrap_err().to_string();
            assert!(
                error.contains("expected all, a number of days"),
                "{text}: {error}"
            );
        }
    }

    #[test]
    fn a_fingerprint_is_named_by_its_first_digits_where_they_are_of_one_alone() {
        let data = |fingerprint: &str| CachedData {
            fingerprint: fingerprint.to_owned(),
            sources: Vec::new(),
            bytes: 1,
            last_used: UNIX_EPOCH,
        };
        let stock = [
            data("00ffab12cd34aa"),
            data("00ffab12cd34bb"),
            data("10ffab12cd34bb"),
        ];
        assert_eq!(only(&stock, "10ffab12cd34").unwrap(), "10ffab12cd34bb");
        assert!(
            only(&stock, "00ffab12cd34")
                .unwrap_err()
                .to_string()
                .contains("several")
        );
        assert!(
            only(&stock, "20ffab12cd34")
                .unwrap_err()
                .to_string()
                .contains("no cached images")
        );
    }
}
