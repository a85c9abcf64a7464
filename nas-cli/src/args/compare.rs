//! Options of a comparison, as typed.

use std::path::PathBuf;
use std::str::FromStr;

use anyhow::Result;
use clap::{Args, ValueEnum};
use nas_runner::args::{
    BudgetArgs, DataArgs, FileArgs, OwnArgs, ScreeningArgs, SearchArgs, SubjectArgs, TaskArgs,
};
use nas_runner::methods::{Method, MethodArgs, Variant};
use nas_runner::parsers::between;
use nas_runner::plan::PREFIX;
use nas_space::search::Budget;
use nas_tables::BUILT_IN;

/// Trials of a run where nothing is said: in a table, and where each one trains.
const TRIALS: (u64, u64) = (100, 20);
/// Seeds where nothing is said.
const SEEDS: (u64, u64) = (30, 5);
/// More runs of a method than anything is learned from.
const MOST_SEEDS: u64 = 100_000;

const EXAMPLES: &str = "\
Examples:
  nas compare
      All methods on the built-in table, 30 seeds each
  nas compare random,evolution,local-search --seeds 100 --trials 200
      Some methods, with more seeds and more trials
  nas compare evolution --data digits --limit 500 --trials 10 --epochs 1 --seeds 5
      By training: every trial of every seed trains a network
  nas compare evolution,evolution+synflow,random@synflow --scores scores.csv
      With and without screening, and by scores alone, from nas score --space nb201 --every
  nas compare evolution,mine=settings.toml
      A method against settings of your own";

#[derive(Debug, Clone, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct CompareArgs {
    /// Methods, separated by commas [default: all that can run]
    ///
    /// Each runs as `nas search METHOD` would. NAME=METHOD gives one another name; NAME=FILE.toml is a method with the
    /// settings of a file. METHOD+PROXY is a method whose candidates are screened by a proxy, METHOD@PROXY one whose trials
    /// are scored by it and not trained; on a table, --scores names the file of scores. Methods that train a supernet, by their
    /// names or as pc-darts, gdas, drnas, darts-2nd, darts-pt or fairnas, are trained on as many images as the trials of the others:
    /// on --data, on a table too.
    #[arg(value_name = "METHOD,METHOD,…", value_delimiter = ',')]
    pub(crate) methods: Vec<Entrant>,
    #[command(flatten)]
    pub(crate) runs: RunsArgs,
    #[command(flatten)]
    pub(crate) task: TaskArgs,
}

/// The runs of a comparison.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Comparison")]
pub(crate) struct RunsArgs {
    /// Leave out random search, which otherwise always takes part
    #[arg(long, hide_short_help = true)]
    pub(crate) without_random: bool,
    /// Runs of each method, with the seeds 0 to N - 1 [default: 30, or 5 by training]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=MOST_SEEDS))]
    pub(crate) seeds: Option<u64>,
    /// Number of runs at a time [default: one per thread, or 1 with a GPU]
    ///
    /// They share the threads. The number never changes a result.
    #[arg(long, value_name = "N", value_parser = between(1, 1024))]
    pub(crate) jobs: Option<usize>,
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
    /// Settings of a method that have a name.
    Variant(Method, Variant),
    /// A method whose candidates are screened by a proxy.
    Screened(Method, String),
    /// A method whose trials are scored by a proxy.
    Scored(Method, String),
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

impl Entrant {
    /// What its trials are scored by, where they are not trained.
    pub(crate) fn score(&self) -> Option<&str> {
        match &self.what {
            What::Scored(_, proxy) => Some(proxy),
            What::Method(_) | What::Variant(..) | What::Screened(..) | What::File(_) => None,
        }
    }
}

impl FromStr for Entrant {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
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
        let place = what.find(['+', '@']);
        let (typed, sign, proxy) = match place {
            Some(place) => (&what[..place], &what[place..=place], &what[place + 1..]),
            None => (what, "", ""),
        };
        if place.is_some() && proxy.is_empty() {
            return Err(format!(
                "expected the name of a proxy after the '{sign}' of '{what}'"
            ));
        }
        let variant = Method::all_variants().find(|(_, variant)| variant.0 == what);
        if let Some((method, variant)) = variant {
            return Ok(Self {
                name: name.unwrap_or(what).to_owned(),
                what: What::Variant(method, variant),
            });
        }
        let method = <Method as ValueEnum>::from_str(typed, false).map_err(|_| {
            let names = Method::ALL.into_iter().map(Method::name);
            let variants = Method::all_variants().map(|(_, (name, _))| name);
            let known: Vec<&str> = names.chain(variants).collect();
            format!(
                "there is no method '{typed}'; known: {}, or a file that ends in .toml",
                known.join(", ")
            )
        })?;
        let (what, own) = match sign {
            "+" => (
                What::Screened(method, proxy.to_owned()),
                format!("{method}+{proxy}"),
            ),
            "@" => {
                // As in `nas search --evaluator proxy:NAME`.
                let proxy = proxy.strip_prefix(PREFIX).unwrap_or(proxy);
                (
                    What::Scored(method, proxy.to_owned()),
                    format!("{method}@{proxy}"),
                )
            }
            _ => (What::Method(method), method.name().to_owned()),
        };
        Ok(Self {
            name: name.map_or(own, str::to_owned),
            what,
        })
    }
}

impl CompareArgs {
    /// Whether architectures are trained, rather than looked up.
    pub(crate) fn trains(&self) -> bool {
        let SubjectArgs { benchmark, table, .. } = &self.task.subject;
        self.task.data.data.is_some() && benchmark.is_none() && table.is_none()
    }

    /// Runs of each method.
    pub(crate) fn seeds(&self) -> u64 {
        self.runs
            .seeds
            .unwrap_or(if self.trains() { SEEDS.1 } else { SEEDS.0 })
    }

    /// The budget of each run.
    pub(crate) fn budget(&self) -> Budget {
        let typed = &self.task.budget;
        let default = if self.trains() { TRIALS.1 } else { TRIALS.0 };
        let default = (!typed.limits_otherwise()).then_some(default);
        Budget {
            trials: typed.trials.or(default),
            epochs: typed.budget_epochs,
            seconds: typed.budget_seconds,
        }
    }

    /// What would be typed to search with one of the methods, on one of the table's data sets; beside a table, with the images that
    /// supernets are trained on or without.
    pub(crate) fn search(&self, what: &What, table_data: Option<&str>, images: bool) -> Result<SearchArgs> {
        let (method, config) = match what {
            What::Method(method)
            | What::Variant(method, _)
            | What::Screened(method, _)
            | What::Scored(method, _) => (Some(*method), self.task.files.config.clone()),
            What::File(path) => (None, Some(path.clone())),
        };
        let methods = match what {
            What::Variant(_, (_, options)) => MethodArgs::parsed(options)?,
            _ => MethodArgs::default(),
        };
        let SubjectArgs { benchmark, table, .. } = &self.task.subject;
        let task = TaskArgs {
            subject: SubjectArgs {
                benchmark: match (benchmark, table) {
                    (None, None) if !self.trains() => Some(BUILT_IN[0].name.to_owned()),
                    (benchmark, _) => benchmark.clone(),
                },
                table_data: table_data.map(str::to_owned).into_iter().collect(),
                ..self.task.subject.clone()
            },
            budget: BudgetArgs {
                trials: self.budget().trials,
                ..self.task.budget.clone()
            },
            files: FileArgs { config, run: None },
            screening: match what {
                What::Screened(_, proxy) => ScreeningArgs {
                    proxy: Some(proxy.clone()),
                    ..self.task.screening.clone()
                },
                _ => match &self.task.screening.proxy {
                    Some(_) => self.task.screening.clone(),
                    // --scores and its like are for those that are screened.
                    None => ScreeningArgs::default(),
                },
            },
            ..self.task.clone()
        };
        let (mut task, mut own) = (task, OwnArgs::default());
        if !images && !self.trains() {
            task.data = DataArgs::default();
            (task.device.device, task.device.tf32) = (None, None);
        }
        if let (What::Scored(_, proxy), true) = (what, self.trains()) {
            own.evaluator = Some(format!("{PREFIX}{proxy}"));
            // Those of the others.
            task.budget.epochs = None;
        }
        Ok(SearchArgs {
            method,
            task,
            own,
            methods,
        })
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
        for (text, name, what) in [
            (
                "random+snip",
                "random+snip",
                What::Screened(Method::Random, "snip".to_owned()),
            ),
            (
                "random@snip",
                "random@snip",
                What::Scored(Method::Random, "snip".to_owned()),
            ),
            (
                "random@proxy:snip",
                "random@snip",
                What::Scored(Method::Random, "snip".to_owned()),
            ),
            (
                "by-snip=random@snip",
                "by-snip",
                What::Scored(Method::Random, "snip".to_owned()),
            ),
        ] {
            let entrant = parsed(text).unwrap();
            assert_eq!((&entrant.name[..], entrant.what), (name, what));
        }
        let file = parsed("slow=a=b.toml").unwrap();
        assert_eq!(file.what, What::File(PathBuf::from("a=b.toml")));
        for (text, named) in [
            ("magic", "no method 'magic'"),
            ("x.toml", "NAME=x.toml"),
            ("=random", "expected a name"),
            ("a/b=random", "a/b"),
            ("..=random", "expected a name"),
            ("random@", "a proxy after the '@'"),
            ("random+", "a proxy after the '+'"),
        ] {
            let message = parsed(text).unwrap_err();
            assert!(message.contains(named), "{text}: {message}");
        }
    }
}
