//! Options of a comparison, as typed.

use std::path::PathBuf;
use std::str::FromStr;

use clap::builder::PossibleValuesParser;
use clap::{Args, ValueEnum};
use nas_space::search::Budget;
use nas_tables::BUILT_IN;

use super::{
    BoundArgs, DataArgs, HalvingArgs, LimitArgs, SearchArgs, SizeArgs, TrainingArgs, WorkerArgs, at_least,
    between, positive,
};
use crate::method::Method;
use crate::plan::benchmarks;

/// Trials of a run where nothing is said: in a table, and where each one trains.
const TRIALS: (u64, u64) = (100, 20);
/// Seeds where nothing is said.
const SEEDS: (u64, u64) = (30, 5);
/// More runs of a method than anything is learned from.
const MOST_SEEDS: u64 = 100_000;

#[derive(Debug, Clone, Args)]
pub(crate) struct CompareArgs {
    /// Methods, separated by commas, each as `nas search METHOD` would run it; NAME=METHOD gives one another name, NAME=FILE.toml
    /// takes one with the settings of a file [default: all that propose architectures and can run there]
    #[arg(value_name = "METHOD,METHOD,…", value_delimiter = ',')]
    pub(crate) methods: Vec<Entrant>,
    /// Do without random search, which is compared with where it is not named
    #[arg(long)]
    pub(crate) without_random: bool,
    /// The benchmark that accuracies are looked up in: digits is built in, nb201 needs --table [default: digits, unless
    /// there is a --table or --data]
    #[arg(long, value_name = "NAME", value_parser = PossibleValuesParser::new(benchmarks()))]
    pub(crate) benchmark: Option<String>,
    /// Look accuracies up in this file: one made by `nas table`, or NAS-Bench-201's accuracies as CSV
    #[arg(long, value_name = "FILE")]
    pub(crate) table: Option<PathBuf>,
    /// Which of the table's data sets to search on; several are several tasks [default: its first]
    #[arg(long, value_name = "NAME,NAME,…", value_delimiter = ',')]
    pub(crate) table_data: Vec<String>,
    /// Search space of a comparison by training, or a TOML file that describes one [default: nb201]
    #[arg(long, value_name = "NAME|FILE")]
    pub(crate) space: Option<String>,
    /// Blocks of a cell, in the spaces pnas and nasnet [default: 5]
    #[arg(long, value_name = "N", value_parser = at_least(1))]
    pub(crate) blocks: Option<usize>,
    /// Layers of a network, in the spaces chain and enas-macro [default: 6, 12]
    #[arg(long, value_name = "N", value_parser = at_least(1))]
    pub(crate) layers: Option<usize>,
    #[command(flatten)]
    pub(crate) data: DataArgs,
    /// Runs of each method, with the seeds 0 to K - 1 [default: 30, or 5 by training]
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u64).range(1..=MOST_SEEDS))]
    pub(crate) seeds: Option<u64>,
    /// Trials of each run [default: 100, or 20 by training, unless another budget is given]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) trials: Option<u64>,
    /// Seconds of the trials of each run, simulated where a table has them
    #[arg(long, value_name = "S", value_parser = positive)]
    pub(crate) budget_seconds: Option<f64>,
    /// Training epochs of the trials of each run
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) budget_epochs: Option<u64>,
    /// Training epochs of a trial; in a table, one of the numbers it has [default: the table's own]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) epochs: Option<u32>,
    /// Training epochs of the best architecture of each run, before it is tested
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) final_epochs: Option<u32>,
    #[command(flatten)]
    pub(crate) size: SizeArgs,
    #[command(flatten)]
    pub(crate) limits: LimitArgs,
    #[command(flatten)]
    pub(crate) training: TrainingArgs,
    /// Runs at a time, which share the threads [default: one per thread, or 1 with a GPU]. Never changes a result
    #[arg(long, value_name = "N", value_parser = between(1, 1024))]
    pub(crate) jobs: Option<usize>,
    #[command(flatten)]
    pub(crate) workers: WorkerArgs,
    #[command(flatten)]
    pub(crate) bounds: BoundArgs,
    /// Directory of the comparison; one that is there goes on [default: runs/compare-SPACE, numbered]
    #[arg(long, value_name = "DIR")]
    pub(crate) run: Option<PathBuf>,
    /// TOML file with the methods' settings, as a run directory holds it
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    // Last: what follows would stand under their heading.
    #[command(flatten)]
    pub(crate) halving: HalvingArgs,
}

/// A method, or the settings of one, under a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entrant {
    pub(crate) name: String,
    pub(crate) what: What,
}

/// What an entrant is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum What {
    /// A method with its own defaults.
    Method(Method),
    /// The method of a file.
    File(PathBuf),
}

impl Entrant {
    /// A method under its own name.
    pub(crate) fn method(method: Method) -> Self {
        Self {
            name: method.name().to_owned(),
            what: What::Method(method),
        }
    }
}

impl FromStr for Entrant {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, what) = match text.split_once('=') {
            Some((name, what)) => (Some(name), what),
            None => (None, text),
        };
        if let Some(name) = name {
            let legal = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
            if name.is_empty() || !name.chars().all(legal) || name.starts_with('.') {
                return Err(format!(
                    "expected a name of letters, digits, -, _ and . before the '=', got '{name}'"
                ));
            }
        }
        if what.ends_with(".toml") {
            let Some(name) = name else {
                return Err(format!("expected a name for the settings of a file: NAME={what}"));
            };
            return Ok(Self {
                name: name.to_owned(),
                what: What::File(PathBuf::from(what)),
            });
        }
        let method = <Method as ValueEnum>::from_str(what, false).map_err(|_| {
            let able: Vec<&str> = Method::ALL
                .into_iter()
                .filter(|m| m.proposes())
                .map(Method::name)
                .collect();
            format!(
                "there is no method '{what}'; known: {}, or a file that ends in .toml",
                able.join(", ")
            )
        })?;
        Ok(Self {
            name: name.unwrap_or(method.name()).to_owned(),
            what: What::Method(method),
        })
    }
}

impl CompareArgs {
    /// Whether architectures are trained, rather than looked up.
    pub(crate) fn trains(&self) -> bool {
        self.data.data.is_some() && self.benchmark.is_none() && self.table.is_none()
    }

    /// Runs of each method.
    pub(crate) fn seeds(&self) -> u64 {
        self.seeds
            .unwrap_or(if self.trains() { SEEDS.1 } else { SEEDS.0 })
    }

    /// The budget of each run.
    pub(crate) fn budget(&self) -> Budget {
        let other = self.budget_epochs.is_some() || self.budget_seconds.is_some();
        let default = if self.trains() { TRIALS.1 } else { TRIALS.0 };
        Budget {
            trials: self.trials.or((!other).then_some(default)),
            epochs: self.budget_epochs,
            seconds: self.budget_seconds,
        }
    }

    /// What would be typed to search with one of the methods, on one of the table's data sets.
    pub(crate) fn search(&self, what: &What, table_data: Option<&str>) -> SearchArgs {
        let (method, config) = match what {
            What::Method(method) => (Some(*method), self.config.clone()),
            What::File(path) => (None, Some(path.clone())),
        };
        let budget = self.budget();
        SearchArgs {
            method,
            benchmark: match (&self.benchmark, &self.table) {
                (None, None) if !self.trains() => Some(BUILT_IN[0].name.to_owned()),
                (benchmark, _) => benchmark.clone(),
            },
            table: self.table.clone(),
            table_data: table_data.map(str::to_owned),
            space: self.space.clone(),
            blocks: self.blocks,
            layers: self.layers,
            data: self.data.clone(),
            trials: budget.trials,
            budget_epochs: budget.epochs,
            budget_seconds: budget.seconds,
            epochs: self.epochs,
            final_epochs: self.final_epochs,
            size: self.size.clone(),
            limits: self.limits.clone(),
            training: self.training.clone(),
            bounds: self.bounds.clone(),
            halving: self.halving.clone(),
            config,
            ..SearchArgs::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entrant_is_a_method_or_a_named_file() {
        let parsed = |text: &str| text.parse::<Entrant>();
        assert_eq!(parsed("rl").unwrap(), Entrant::method(Method::Rl));
        let named = parsed("again=random").unwrap();
        assert_eq!(
            (&named.name[..], named.what),
            ("again", What::Method(Method::Random))
        );
        let file = parsed("slow=a=b.toml").unwrap();
        assert_eq!(file.what, What::File(PathBuf::from("a=b.toml")));
        for (text, named) in [
            ("magic", "no method 'magic'"),
            ("x.toml", "NAME=x.toml"),
            ("=random", "expected a name"),
            ("a/b=random", "a/b"),
            ("..=random", "expected a name"),
        ] {
            let message = parsed(text).unwrap_err();
            assert!(message.contains(named), "{text}: {message}");
        }
    }
}
