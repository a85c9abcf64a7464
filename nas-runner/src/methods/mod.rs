//! The search methods: a file for each, and a line for each in the list `methods!`.
//!
//! A method's file holds all that this program says of it: its name, its options, its settings where nothing is said, what is typed over
//! them, what it checks, how its search is made, what it leaves in the run directory, and its section of a report. Which option
//! belongs to which method follows from there. Methods that train a supernet share [`supernet`], methods with a controller
//! `controller`, methods with a surrogate `surrogate`.

mod bananas;
mod bohb;
mod controller;
mod darts;
mod enas;
mod evolution;
mod local_search;
mod nsga2;
mod options;
mod pnas;
mod random;
mod rl;
mod seen;
mod setting;
mod spos;
pub mod supernet;
mod surrogate;

use std::fmt;

use anyhow::{Result, bail};
use clap::ValueEnum;
use clap::builder::PossibleValue;
use nas_darts::DartsConfig;
use nas_evo::{BohbConfig, EvolutionConfig, Nsga2Config, Objective, RandomSearchConfig};
use nas_pnas::ProgressiveConfig;
use nas_pnas::bananas::BananasConfig;
use nas_rl::RlConfig;
use nas_space::genotype::Genotype;
use nas_space::search::{Evaluator, Fidelity, Strategy};
use nas_space::spaces::Space;
use nas_study::RunDir;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use toml::Table;

pub use self::enas::EnasMethod;
pub use self::local_search::LocalSearchConfig;
pub use self::options::{MethodArgs, help_of};
pub use self::seen::Seen;
pub use self::setting::{Defaults, Ended, Known, Picture, Section, Setting, SupernetPlan};
pub use self::spos::SposMethod;
pub use self::supernet::AuditRecord;
use self::supernet::{Searches, Supernet};
use crate::usage::Usage;

/// A name for settings of a method, and the options that stand for them.
pub type Variant = (&'static str, &'static [&'static str]);

/// A method by its settings: what its file says of it.
pub trait SearchMethod: Clone + fmt::Debug + PartialEq + Serialize + DeserializeOwned {
    /// The name it is typed by.
    const NAME: &'static str;
    /// What it does, in a few words.
    const DESCRIPTION: &'static str;
    /// What it is good for, in a few words.
    const SUITS: &'static str;
    /// Whether it trains a supernet, rather than proposing architectures one by one.
    const TRAINS_SUPERNET: bool = false;
    /// Why its trainings cannot be halved, if they cannot.
    const NOT_HALVED: Option<&'static str> = None;
    /// Why its candidates cannot be screened by a score, if they cannot.
    const NOT_SCREENED: Option<&'static str> = None;
    /// Why it cannot be told rewards in place of accuracies, if it cannot.
    const NOT_REWARDED: Option<&'static str> = None;
    /// Whether it always searches on the rungs of `[halving]`, and decides itself how long its trials are.
    const HAS_RUNGS: bool = false;
    /// Settings with a name, and what they are: the values of `--preset`.
    const PRESETS: &'static [(&'static str, &'static str)] = &[];

    /// Its options. An option that several methods have is in a group that all of them flatten.
    type Args: clap::Args + Clone + fmt::Debug + Default;

    /// The space that is searched where none is named.
    fn default_space(_preset: Option<&str>) -> &'static str {
        "nb201"
    }

    /// Names under which settings of it take part in comparisons, and the options that stand for them.
    const VARIANTS: &'static [Variant] = &[];

    /// Its settings where nothing is said.
    ///
    /// # Errors
    /// For a preset that is not for this space.
    fn defaults(of: &Defaults<'_>, args: &Self::Args) -> Result<Self>;

    /// Takes out of a file's settings what the typed options contradict.
    fn reconcile(_file: &mut Table, _args: &Self::Args) {}

    /// The places in a file's settings that depend on the data set: sections, and keys of them.
    const OF_DATA: &'static [(&'static [&'static str], &'static [&'static str])] = &[];

    /// Puts what was typed over the settings. What is typed again as it was keeps its settings.
    ///
    /// # Errors
    /// For an option that cannot be read.
    fn overlay(&mut self, _args: &Self::Args, _known: &Known<'_>) -> Result<()> {
        Ok(())
    }

    /// Checks the settings, and that they suit the space.
    ///
    /// # Errors
    /// What is out of range.
    fn validate(&self, space: &dyn Space) -> Result<()>;

    /// What architectures are compared by, where that is not the metric alone.
    fn objectives(&self) -> &[Objective] {
        &[]
    }

    /// What decides the search besides seed and budget, as one line: kept on record with the study.
    ///
    /// # Errors
    /// None of settings that were read.
    fn parameters(&self) -> Result<String> {
        Ok(serde_json::to_string(self)?)
    }

    /// Finds out whether it can search here, before anything is written.
    ///
    /// # Errors
    /// Why it cannot.
    fn check(&self, setting: &Setting<'_>) -> Result<()> {
        self.strategy(setting).map(drop)
    }

    /// Its search, of a method that proposes architectures.
    ///
    /// # Errors
    /// Why it cannot search here; always, of one that trains a supernet.
    fn strategy(&self, setting: &Setting<'_>) -> Result<Box<dyn Strategy>>;

    /// Its searches, of a method that trains a supernet.
    fn searches<'a>(&'a self, _supernet: Supernet<'a>) -> Option<Box<dyn Searches + 'a>> {
        None
    }

    /// How its supernet is trained, of a method that trains one.
    fn supernet_plan(&self) -> Option<SupernetPlan> {
        None
    }

    /// Images that a search passes forward and backward through its supernet in this number of epochs, with `images` to train the
    /// weights on; of a method that trains one.
    ///
    /// # Errors
    /// For a space without a supernet.
    fn image_passes(&self, _space: &dyn Space, _epochs: u32, _images: u64) -> Result<Option<u64>> {
        Ok(None)
    }

    /// What search number `index` by a supernet would have found after each epoch, with the seconds until then; nothing where a method
    /// knows that only at the end.
    ///
    /// # Errors
    /// Where its record cannot be read.
    fn found_by_epoch(&self, _run: &RunDir, _index: u64) -> Result<Vec<(f64, Genotype)>> {
        Ok(Vec::new())
    }

    /// Says how far the ranking by shared weights of search number `index` agrees with trainings alone, where that is asked for.
    ///
    /// # Errors
    /// Where the audit cannot go on.
    fn audit(
        &self,
        _supernet: Supernet<'_>,
        _of: (&RunDir, u64),
        _alone: (&dyn Evaluator, Fidelity),
    ) -> Result<Option<AuditRecord>> {
        Ok(None)
    }

    /// Leaves what it has learned in the run directory, and gives the pictures of it.
    ///
    /// # Errors
    /// Where nothing can be written.
    fn finish(&self, _ended: &Ended<'_>) -> Result<Vec<Picture>> {
        Ok(Vec::new())
    }

    /// The picture of search number `index` by a supernet: its name, and its file.
    fn picture(_index: u64) -> Option<(&'static str, String)> {
        None
    }

    /// Its section of a report; none where the trials say it all.
    ///
    /// # Errors
    /// Where what it left cannot be read.
    fn section(&self, _seen: &Seen<'_>) -> Result<Option<Section>> {
        Ok(None)
    }
}

/// Makes of a list of methods what speaks of all of them.
macro_rules! methods {
    ($($field:ident: $variant:ident($config:ty),)*) => {
        /// A search method.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Method {
            $(
                #[doc = concat!("See [`", stringify!($config), "`].")]
                $variant,
            )*
        }

        /// A search method with its settings.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[serde(tag = "name", rename_all = "kebab-case")]
        pub enum MethodConfig {
            $(
                #[doc = concat!("See [`", stringify!($config), "`].")]
                #[schemars(description = <$config as SearchMethod>::DESCRIPTION)]
                $variant($config),
            )*
        }

        /// The options of each method.
        #[derive(Debug, Clone, Default)]
        pub struct EachArgs {
            $($field: <$config as SearchMethod>::Args,)*
        }

        impl Method {
            /// All of them.
            pub const ALL: [Self; [$(stringify!($variant)),*].len()] = [$(Self::$variant),*];

            /// The name it is typed by.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => <$config>::NAME,)*
                }
            }

            /// What it does, in a few words.
            pub const fn description(self) -> &'static str {
                match self {
                    $(Self::$variant => <$config>::DESCRIPTION,)*
                }
            }

            /// What it is good for, in a few words.
            pub const fn suits(self) -> &'static str {
                match self {
                    $(Self::$variant => <$config>::SUITS,)*
                }
            }

            /// Whether it proposes architectures one by one, rather than training a supernet.
            pub const fn proposes(self) -> bool {
                match self {
                    $(Self::$variant => !<$config>::TRAINS_SUPERNET,)*
                }
            }

            /// The space that it searches where none is named.
            pub fn default_space(self, preset: Option<&str>) -> &'static str {
                match self {
                    $(Self::$variant => <$config>::default_space(preset),)*
                }
            }

            /// Its settings where nothing is said.
            pub fn defaults(self, of: &Defaults<'_>, args: &MethodArgs) -> Result<MethodConfig> {
                Ok(match self {
                    $(Self::$variant => MethodConfig::$variant(<$config>::defaults(of, &args.each.$field)?),)*
                })
            }

            /// Takes out of a file's settings what the typed options contradict.
            pub fn reconcile(self, file: &mut Table, args: &MethodArgs) {
                match self {
                    $(Self::$variant => <$config>::reconcile(file, &args.each.$field),)*
                }
            }

            /// The picture of search number `index` by a supernet: its name, and its file.
            pub fn picture(self, index: u64) -> Option<(&'static str, String)> {
                match self {
                    $(Self::$variant => <$config>::picture(index),)*
                }
            }

            /// Why its trainings cannot be halved, if they cannot.
            pub const fn not_halved(self) -> Option<&'static str> {
                match self {
                    $(Self::$variant => <$config>::NOT_HALVED,)*
                }
            }

            /// Whether it always searches on the rungs of `[halving]`.
            pub const fn has_rungs(self) -> bool {
                match self {
                    $(Self::$variant => <$config>::HAS_RUNGS,)*
                }
            }

            /// Why its candidates cannot be screened by a score, if they cannot.
            pub const fn not_screened(self) -> Option<&'static str> {
                match self {
                    $(Self::$variant => <$config>::NOT_SCREENED,)*
                }
            }

            /// Why it cannot be told rewards in place of accuracies, if it cannot.
            pub const fn not_rewarded(self) -> Option<&'static str> {
                match self {
                    $(Self::$variant => <$config>::NOT_REWARDED,)*
                }
            }

            const fn presets(self) -> &'static [(&'static str, &'static str)] {
                match self {
                    $(Self::$variant => <$config>::PRESETS,)*
                }
            }

            const fn of_data(self) -> &'static [(&'static [&'static str], &'static [&'static str])] {
                match self {
                    $(Self::$variant => <$config>::OF_DATA,)*
                }
            }

            /// See [`SearchMethod::VARIANTS`].
            const fn variants(self) -> &'static [Variant] {
                match self {
                    $(Self::$variant => <$config>::VARIANTS,)*
                }
            }

            /// Its options alone.
            fn options(self) -> clap::Command {
                let none = clap::Command::new(self.name());
                match self {
                    $(Self::$variant => <<$config as SearchMethod>::Args as clap::Args>::augment_args(none),)*
                }
            }
        }

        impl clap::FromArgMatches for EachArgs {
            fn from_arg_matches(matches: &clap::ArgMatches) -> Result<Self, clap::Error> {
                Ok(Self {
                    $($field: clap::FromArgMatches::from_arg_matches(matches)?,)*
                })
            }

            fn update_from_arg_matches(&mut self, matches: &clap::ArgMatches) -> Result<(), clap::Error> {
                *self = Self::from_arg_matches(matches)?;
                Ok(())
            }
        }

        impl MethodConfig {
            /// Which method it is.
            pub const fn method(&self) -> Method {
                match self {
                    $(Self::$variant(_) => Method::$variant,)*
                }
            }

            /// See [`SearchMethod::overlay`].
            pub fn overlay(&mut self, args: &MethodArgs, known: &Known<'_>) -> Result<()> {
                match self {
                    $(Self::$variant(config) => config.overlay(&args.each.$field, known),)*
                }
            }

            /// See [`SearchMethod::validate`].
            pub fn validate(&self, space: &dyn Space) -> Result<()> {
                match self {
                    $(Self::$variant(config) => SearchMethod::validate(config, space),)*
                }
            }

            /// See [`SearchMethod::objectives`].
            pub fn objectives(&self) -> &[Objective] {
                match self {
                    $(Self::$variant(config) => config.objectives(),)*
                }
            }

            /// See [`SearchMethod::parameters`].
            pub fn parameters(&self) -> Result<String> {
                match self {
                    $(Self::$variant(config) => config.parameters(),)*
                }
            }

            /// See [`SearchMethod::check`].
            pub fn check(&self, setting: &Setting<'_>) -> Result<()> {
                match self {
                    $(Self::$variant(config) => config.check(setting),)*
                }
            }

            /// See [`SearchMethod::strategy`].
            pub fn strategy(&self, setting: &Setting<'_>) -> Result<Box<dyn Strategy>> {
                match self {
                    $(Self::$variant(config) => config.strategy(setting),)*
                }
            }

            /// See [`SearchMethod::searches`].
            pub fn searches<'a>(&'a self, supernet: Supernet<'a>) -> Option<Box<dyn Searches + 'a>> {
                match self {
                    $(Self::$variant(config) => config.searches(supernet),)*
                }
            }

            /// See [`SearchMethod::audit`].
            pub fn audit(
                &self,
                supernet: Supernet<'_>,
                of: (&RunDir, u64),
                alone: (&dyn Evaluator, Fidelity),
            ) -> Result<Option<AuditRecord>> {
                match self {
                    $(Self::$variant(config) => config.audit(supernet, of, alone),)*
                }
            }

            /// See [`SearchMethod::supernet_plan`].
            pub fn supernet_plan(&self) -> Option<SupernetPlan> {
                match self {
                    $(Self::$variant(config) => config.supernet_plan(),)*
                }
            }

            /// See [`SearchMethod::image_passes`].
            pub fn image_passes(&self, space: &dyn Space, epochs: u32, images: u64) -> Result<Option<u64>> {
                match self {
                    $(Self::$variant(config) => SearchMethod::image_passes(config, space, epochs, images),)*
                }
            }

            /// See [`SearchMethod::found_by_epoch`].
            pub fn found_by_epoch(&self, run: &RunDir, index: u64) -> Result<Vec<(f64, Genotype)>> {
                match self {
                    $(Self::$variant(config) => config.found_by_epoch(run, index),)*
                }
            }

            /// See [`SearchMethod::finish`].
            pub fn finish(&self, ended: &Ended<'_>) -> Result<Vec<Picture>> {
                match self {
                    $(Self::$variant(config) => config.finish(ended),)*
                }
            }

            /// See [`SearchMethod::section`].
            pub fn section(&self, seen: &Seen<'_>) -> Result<Option<Section>> {
                match self {
                    $(Self::$variant(config) => config.section(seen),)*
                }
            }
        }
    };
}

methods! {
    darts: Darts(DartsConfig),
    random: Random(RandomSearchConfig),
    evolution: Evolution(EvolutionConfig),
    nsga2: Nsga2(Nsga2Config),
    local_search: LocalSearch(LocalSearchConfig),
    bohb: Bohb(BohbConfig),
    bananas: Bananas(BananasConfig),
    pnas: Pnas(ProgressiveConfig),
    rl: Rl(RlConfig),
    enas: Enas(EnasMethod),
    spos: Spos(SposMethod),
}

impl Method {
    /// The method of this name.
    ///
    /// # Errors
    /// Where there is none, with the names that there are.
    pub fn named(name: &str) -> Result<Self> {
        match Self::ALL.into_iter().find(|method| method.name() == name) {
            Some(method) => Ok(method),
            None => bail!(
                "in the configuration: there is no method named '{name}'; known: {}",
                Self::ALL.map(Self::name).join(", ")
            ),
        }
    }

    /// Those that propose architectures one by one.
    pub fn proposing() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|method| method.proposes())
    }

    /// Settings that have a name in comparisons: their method, the name, and the options that stand for them.
    pub fn all_variants() -> impl Iterator<Item = (Self, Variant)> {
        let of = |method: Self| method.variants().iter().map(move |&variant| (method, variant));
        Self::ALL.into_iter().flat_map(of)
    }

    /// Takes out of a file's settings what is of another data set.
    pub fn forget_data(self, file: &mut Table) {
        for (section, keys) in self.of_data() {
            let section = section
                .iter()
                .try_fold(&mut *file, |table, key| table.get_mut(*key)?.as_table_mut());
            if let Some(section) = section {
                for key in *keys {
                    section.remove(*key);
                }
            }
        }
    }
}

impl Default for Method {
    /// The first of the list.
    fn default() -> Self {
        Self::ALL[0]
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl ValueEnum for Method {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let help = format!("{} (for {})", self.description(), self.suits());
        Some(PossibleValue::new(self.name()).help(help))
    }
}

impl MethodConfig {
    /// Whether it proposes architectures one by one, rather than training a supernet.
    pub const fn proposes(&self) -> bool {
        self.method().proposes()
    }

    /// The same with this number of epochs of the supernet, and what is in proportion to them.
    ///
    /// # Errors
    /// Of a method that trains none.
    pub fn with_supernet_epochs(&self, epochs: u32) -> Result<Self> {
        let args = MethodArgs::parsed(&["--search-epochs", &epochs.to_string()])?;
        args.check(self.method())?;
        let mut config = self.clone();
        let known = Known {
            direction: &|_| Ok(None),
        };
        config.overlay(&args, &known)?;
        Ok(config)
    }
}

impl fmt::Display for MethodConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.method().fmt(f)
    }
}

/// What a method that trains a supernet answers to who asks for proposals.
fn proposes_nothing(method: Method) -> Result<Box<dyn Strategy>> {
    bail!("method {method} proposes nothing: it trains a supernet")
}

/// An option that this method does not have.
fn meaningless(option: &str, method: Method, methods: &[&str]) -> Usage {
    let methods = match methods {
        [before @ .., last] if !before.is_empty() => format!("{} and {last}", before.join(", ")),
        other => other.concat(),
    };
    Usage::new(format!(
        "{option} has no meaning with method {method}; it is for {methods}"
    ))
}

#[cfg(test)]
mod tests;
