//! Options of who evaluates trials, and of what one may take.

use clap::Args;

use crate::parsers::positive;

/// Who evaluates trials.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Hardware")]
pub struct WorkerArgs {
    /// Number of processes that evaluate trials
    ///
    /// Each gets its share of the threads. If one crashes, its trial is repeated or fails, and the search continues. No more
    /// than --batch of them have work at the same time. 0 evaluates in this process. The number never changes a result. The default is 1 if
    /// trials are trained, else 0.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(..=1024))]
    pub workers: Option<u16>,
}

impl WorkerArgs {
    /// How many, where that is typed.
    pub fn count(&self) -> Option<usize> {
        self.workers.map(usize::from)
    }
}

/// What a trial may take.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Hardware")]
pub struct BoundArgs {
    /// Stop a trial after this time; it counts as failed
    #[arg(long, hide_short_help = true, value_name = "SECONDS", value_parser = positive)]
    pub trial_timeout: Option<f64>,
    /// Stop a trial that needs more memory, such as 8GiB or 500MiB; it counts as failed
    ///
    /// This works on Linux only.
    #[arg(long, hide_short_help = true, value_name = "SIZE", value_parser = bytes)]
    pub trial_memory: Option<u64>,
}

/// A number of bytes, with or without a unit.
pub(super) fn bytes(text: &str) -> Result<u64, String> {
    // The last one ends all others.
    const UNITS: [(&str, u64); 7] = [
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
        ("KB", 1_000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
        ("B", 1),
    ];
    let (number, unit) = UNITS
        .into_iter()
        .find_map(|(name, unit)| Some((text.strip_suffix(name)?, unit)))
        .unwrap_or((text, 1));
    let bytes = number
        .trim()
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(unit));
    bytes
        .filter(|&bytes| (1..=i64::MAX as u64).contains(&bytes))
        .ok_or_else(|| "expected a whole number above 0 with a unit, such as 8GiB, 500MiB or 2GB".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        for (text, expected) in [
            ("8GiB", 8 << 30),
            ("500 MiB", 500 << 20),
            ("2GB", 2_000_000_000),
            ("256KiB", 262_144),
            ("1 MB", 1_000_000),
            ("77", 77),
            ("77B", 77),
        ] {
            assert_eq!(bytes(text), Ok(expected), "{text}");
        }
        for text in ["", "0", "GiB", "-1GiB", "1.5GiB", "99999999999GiB", "8 gigs"] {
            assert!(bytes(text).unwrap_err().contains("8GiB"), "{text}");
        }
    }
}
