//! Options of screening, as typed.

use std::path::PathBuf;

use clap::Args;
use clap::builder::RangedI64ValueParser;
use nas_space::search::Screening;

/// Whether candidates are scored before one is trained. Each option but the first needs --proxy.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Screening")]
pub struct ScreeningArgs {
    /// Score candidates by a zero-cost proxy and train only the best of them
    ///
    /// `nas score --help` describes the proxies. For methods that draw and mutate architectures: random, evolution, nsga2,
    /// local-search, bananas and bohb.
    #[arg(long, hide_short_help = true, value_name = "NAME")]
    pub proxy: Option<String>,
    /// Candidates scored for each random draw [default: 5]
    ///
    /// Each member of a first population is such a draw.
    #[arg(long, hide_short_help = true, value_name = "N", value_parser = candidates())]
    pub proxy_draws: Option<u32>,
    /// Candidates scored for each mutant of a parent [default: 2]
    #[arg(long, hide_short_help = true, value_name = "N", value_parser = candidates())]
    pub proxy_mutants: Option<u32>,
    /// Initialisations that a score is averaged over [default: 1]
    #[arg(long, hide_short_help = true, value_name = "K", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub proxy_seeds: Option<u32>,
    /// Take scores from a CSV of `nas score --out` instead of computing them
    ///
    /// --proxy then names its column. If it has a column of seconds, they count as spent.
    #[arg(long, hide_short_help = true, value_name = "FILE")]
    pub scores: Option<PathBuf>,
}

fn candidates() -> RangedI64ValueParser<u32> {
    RangedI64ValueParser::new().range(1..=i64::from(Screening::MOST))
}

impl ScreeningArgs {
    /// The first option typed, by its name.
    pub fn first_typed(&self) -> Option<&'static str> {
        let typed = [
            (self.proxy.is_some(), "--proxy"),
            (self.proxy_draws.is_some(), "--proxy-draws"),
            (self.proxy_mutants.is_some(), "--proxy-mutants"),
            (self.proxy_seeds.is_some(), "--proxy-seeds"),
            (self.scores.is_some(), "--scores"),
        ];
        typed.into_iter().find(|(typed, _)| *typed).map(|(_, name)| name)
    }
}
