//! Multi-fidelity search, resolved.

use anyhow::{Result, bail};
use nas_eval::evaluator::Span;
use nas_evo::HalvingConfig;
use nas_evo::halving::Schedule;
use nas_tables::TabularEvaluator;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use toml::Table as Toml;

use super::resolve::value_at;
use super::{Estimation, RunConfig, TablePlan};
use crate::args::{HalvingArgs, HalvingName};
use crate::methods::Method;
use crate::usage::Usage;

/// The default number of epochs of the top rung: three rungs of the default reduction.
pub(super) const EPOCHS: u32 = 16;

/// `[halving]` of a run's configuration: all of [`HalvingConfig`] but the maximum, which is the epochs of a trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HalvingPlan {
    /// Epochs r of the bottom rung, where `early_stopping_rate` is 0.
    #[schemars(range(min = 1))]
    pub min_epochs: u32,
    /// Reduction factor η: one of η trials of a rung is promoted, to η times the epochs.
    #[schemars(range(min = 2))]
    pub eta: u32,
    /// Lowest rungs that are left out: s in the paper.
    pub early_stopping_rate: u32,
    /// Epochs of each rung, increasing, where they are not powers of η times `min_epochs`. Without
    /// it, they are.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(inner(range(min = 1)))]
    pub rungs: Vec<u32>,
    /// Which rungs there are at a time, and whether a promotion waits for the rest of its rung.
    pub schedule: SchedulePlan,
}

/// Whether promotions wait, and where brackets begin.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum SchedulePlan {
    /// It does not: ASHA.
    Asha {},
    /// It does: successive halving.
    Sync {
        /// Architectures of a bracket. Without it, the fewest that bring one to the top rung; not
        /// less.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(range(min = 1))]
        bracket: Option<usize>,
    },
    /// It does, and a bracket begins at each rung in turn: Hyperband.
    Hyperband {},
}

impl Default for SchedulePlan {
    fn default() -> Self {
        Self::Asha {}
    }
}

impl Default for HalvingPlan {
    fn default() -> Self {
        let HalvingConfig {
            min_epochs,
            eta,
            early_stopping_rate,
            ..
        } = HalvingConfig::default();
        Self {
            min_epochs,
            eta,
            early_stopping_rate,
            rungs: Vec::new(),
            schedule: SchedulePlan::default(),
        }
    }
}

impl HalvingPlan {
    /// The settings for trials of at most this number of epochs.
    ///
    /// # Errors
    /// For a number out of its range.
    pub fn config(&self, max_epochs: u32) -> Result<HalvingConfig> {
        let mut config = HalvingConfig {
            min_epochs: self.min_epochs,
            max_epochs,
            eta: self.eta,
            early_stopping_rate: self.early_stopping_rate,
            rungs: self.rungs.clone(),
            schedule: Schedule::Asynchronous {},
        };
        match self.schedule {
            SchedulePlan::Asha {} => {}
            SchedulePlan::Sync { bracket } => {
                let configurations = match bracket {
                    Some(configurations) => configurations,
                    None => config.smallest_bracket()?,
                };
                config.schedule = Schedule::Synchronous { configurations };
            }
            SchedulePlan::Hyperband {} => config.schedule = Schedule::Hyperband {},
        }
        config.validate()?;
        Ok(config)
    }
}

/// The defaults of a method: in a table, the numbers that make rungs of its epochs and fit to what is typed or in the file.
///
/// # Errors
/// Where the table cannot be read.
pub(super) fn defaults(
    method: Method,
    estimation: &Estimation,
    args: &HalvingArgs,
    file: &Toml,
) -> Result<HalvingPlan> {
    let mut plan = HalvingPlan::default();
    if method.has_rungs() {
        plan.schedule = SchedulePlan::Hyperband {};
    }
    let recorded = value_at(file, &["halving", "rungs"]).and_then(|rungs| rungs.as_array());
    let named = match recorded {
        // These take the place of the rungs.
        Some(_) if args.min_epochs.is_some() => Vec::new(),
        Some(rungs) if args.rungs.is_empty() => {
            let numbers = rungs.iter().filter_map(toml::Value::as_integer);
            numbers.filter_map(|number| u32::try_from(number).ok()).collect()
        }
        _ => args.rungs.clone(),
    };
    plan.eta = mean_ratio(&named).unwrap_or(plan.eta);
    let Estimation::Table(table) = estimation else {
        return Ok(plan);
    };
    if !named.is_empty() {
        return Ok(plan);
    }
    let recorded = |key: &str| {
        let value = value_at(file, &["halving", key])?;
        u32::try_from(value.as_integer()?).ok()
    };
    let given = Ladder {
        min: args.min_epochs.or_else(|| recorded("min_epochs")),
        eta: args.eta.or_else(|| recorded("eta")),
        max: Some(table.search_epochs()?),
    };
    let known = table.known_epochs()?;
    let any_eta = Ladder { eta: None, ..given };
    if let Some(found) = given.fitting(&known) {
        plan.min_epochs = found.min;
        plan.eta = found.eta;
    } else if any_eta.min.is_none() && any_eta.fitting(&known).is_none() {
        // No powers fit, whatever their base: all numbers that the table has.
        let top = table.search_epochs()?;
        let rungs: Vec<u32> = known.into_iter().filter(|&epochs| epochs <= top).collect();
        match rungs[..] {
            [only] if method.has_rungs() => plan.min_epochs = only,
            [] | [_] => {}
            _ => {
                plan.eta = mean_ratio(&rungs).unwrap_or(plan.eta);
                plan.rungs = rungs;
            }
        }
    }
    // Where nothing fits, the plain defaults are refused, with the reason.
    Ok(plan)
}

/// The mean ratio of a rung's epochs to those of the rung before, to the nearest whole number: the reduction with which all rungs
/// train about as much.
fn mean_ratio(rungs: &[u32]) -> Option<u32> {
    let [first, .., last] = *rungs else {
        return None;
    };
    let ratio = f64::from(last) / f64::from(first.max(1));
    Some((ratio.powf(1.0 / (rungs.len() - 1) as f64).round() as u32).max(2))
}

/// What is given of rungs r, r η, r η², … R; the rest is open.
#[derive(Debug, Clone, Copy, Default)]
struct Ladder {
    min: Option<u32>,
    eta: Option<u32>,
    max: Option<u32>,
}

/// Rungs that are numbers of a table.
#[derive(Debug, PartialEq, Eq)]
struct Rungs {
    min: u32,
    eta: u32,
    epochs: Vec<u32>,
}

impl Ladder {
    /// The most rungs, two at least, all of which are among these numbers; of several, those with the highest top, the lowest
    /// bottom and the smallest reduction.
    fn fitting(self, known: &[u32]) -> Option<Rungs> {
        let mut best: Option<Rungs> = None;
        for &max in known
            .iter()
            .rev()
            .filter(|&&n| self.max.is_none_or(|max| max == n))
        {
            for &min in known
                .iter()
                .filter(|&&n| n < max && self.min.is_none_or(|min| min == n))
            {
                let ratios = known.iter().filter(|&&n| n > min && n.is_multiple_of(min));
                for eta in ratios
                    .map(|n| n / min)
                    .filter(|&n| self.eta.is_none_or(|eta| eta == n))
                {
                    let powers = std::iter::successors(Some(min), |epochs| epochs.checked_mul(eta));
                    let epochs: Vec<u32> = powers.take_while(|&epochs| epochs <= max).collect();
                    let fits = epochs.last() == Some(&max) && epochs.iter().all(|n| known.contains(n));
                    if fits && best.as_ref().is_none_or(|best| epochs.len() > best.epochs.len()) {
                        best = Some(Rungs { min, eta, epochs });
                    }
                }
            }
        }
        best
    }
}

/// Refuses rungs after which a table knows nothing, and says what to type.
fn check_table(method: Method, table: &TablePlan, halving: &HalvingConfig) -> Result<()> {
    let known = table.known_epochs()?;
    let rungs = halving.rung_epochs()?;
    if method.has_rungs() && rungs == [halving.max_epochs] && known.contains(&halving.max_epochs) {
        return Ok(());
    }
    let list = |numbers: &[u32]| numbers.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
    let title = table.title();
    if let [only] = known[..] {
        bail!(
            "halving has no meaning with {title}, which has validation accuracies only after {only} \
             epochs; it is for tables that have them after several numbers of epochs. Leave out --halving"
        );
    }
    let top_fits = rungs.last() == Some(&halving.max_epochs);
    if top_fits && rungs.iter().all(|rung| known.contains(rung)) {
        return Ok(());
    }
    let same_top = Ladder {
        max: Some(halving.max_epochs),
        ..Ladder::default()
    };
    let advice = match same_top
        .fitting(&known)
        .or_else(|| Ladder::default().fitting(&known))
    {
        Some(Rungs { min, eta, epochs }) => format!(
            "type --epochs {} --min-epochs {min} --eta {eta}, whose rungs are {}",
            epochs[epochs.len() - 1],
            list(&epochs)
        ),
        None => format!(
            "type --epochs {} --rungs {}",
            known.last().copied().unwrap_or_default(),
            list(&known).replace(' ', "")
        ),
    };
    let reason = if top_fits {
        String::new()
    } else {
        format!(
            ", and the top one is not the {} epochs of a trial",
            halving.max_epochs
        )
    };
    bail!(
        "the rungs of the halving are {} epochs{reason}; {title} has validation accuracies after {} epochs: {advice}",
        list(&rungs),
        list(&known)
    )
}

/// Applies the options typed.
pub(super) fn overlay(plan: &mut HalvingPlan, args: &HalvingArgs) -> Result<()> {
    if let Some(min_epochs) = args.min_epochs {
        plan.min_epochs = min_epochs;
        plan.rungs.clear();
    }
    if !args.rungs.is_empty() {
        plan.rungs.clone_from(&args.rungs);
    }
    plan.eta = args.eta.unwrap_or(plan.eta);
    plan.early_stopping_rate = args.early_stopping_rate.unwrap_or(plan.early_stopping_rate);
    plan.schedule = match (args.halving, plan.schedule) {
        (Some(HalvingName::Asha), _) => SchedulePlan::Asha {},
        (Some(HalvingName::Hyperband), _) => SchedulePlan::Hyperband {},
        (Some(HalvingName::Sync), SchedulePlan::Asha {} | SchedulePlan::Hyperband {}) => {
            SchedulePlan::Sync { bracket: None }
        }
        (_, schedule) => schedule,
    };
    let other = match (&mut plan.schedule, args.bracket) {
        (_, None) => return Ok(()),
        (SchedulePlan::Sync { bracket }, typed) => {
            *bracket = typed;
            return Ok(());
        }
        (SchedulePlan::Asha {}, Some(_)) => "asha",
        (SchedulePlan::Hyperband {}, Some(_)) => "hyperband",
    };
    let why = format!("--bracket has no meaning with --halving {other}; it is for sync");
    Err(Usage::new(why).into())
}

/// Refuses options that are typed and have no meaning without halving.
pub(super) fn refuse_options(method: Method, args: &HalvingArgs, in_file: bool) -> Result<()> {
    match args.first_typed() {
        Some(name) if args.halving.is_none() && !in_file && !method.has_rungs() => Err(Usage::new(format!(
            "{name} has no meaning without --halving asha, --halving sync or --halving hyperband"
        ))
        .into()),
        _ => Ok(()),
    }
}

impl RunConfig {
    /// How trials are halved, where they are.
    ///
    /// # Errors
    /// For a number out of its range, or an estimation or method that cannot be halved; where it is missing and the method needs it.
    pub fn halving(&self) -> Result<Option<HalvingConfig>> {
        let method = self.method.method();
        let Some(halving) = &self.halving else {
            if method.has_rungs() {
                bail!(
                    "[halving] is missing: method {method} needs its rungs; expected a table, which may be empty"
                );
            }
            return Ok(None);
        };
        if let Some(why) = method.not_halved() {
            bail!(
                "halving has no meaning with method {method}, {why}; it is for methods that propose architectures one by one"
            );
        }
        match &self.estimation {
            Estimation::Training(plan) => {
                if plan.evaluator.span != Span::Trial {
                    bail!(
                        "[estimation.evaluator] has a span; expected none with halving: it is the epochs of a trial"
                    );
                }
                Ok(Some(halving.config(plan.epochs)?))
            }
            Estimation::Table(plan) => {
                let config = halving.config(plan.search_epochs()?)?;
                check_table(method, plan, &config)?;
                Ok(Some(config))
            }
            Estimation::Command(_) if method.has_rungs() => bail!(
                "method {method} has no meaning with your own evaluator, which cannot continue a training; \
                 it is for trials that this program trains, and for tables"
            ),
            Estimation::Command(_) => bail!(
                "halving has no meaning with your own evaluator, which cannot continue a training; it is \
                 for trials that this program trains, and for tables"
            ),
        }
    }

    /// What looks trials up, for the epochs that they have; nothing where there is no table.
    ///
    /// # Errors
    /// As [`RunConfig::halving`], and where the table cannot be read or lacks these epochs.
    pub fn lookup(&self) -> Result<Option<TabularEvaluator>> {
        let Estimation::Table(plan) = &self.estimation else {
            return Ok(None);
        };
        let evaluator = plan.evaluator()?;
        Ok(Some(match self.halving()? {
            Some(halving) => evaluator.with_epochs(&halving.rung_epochs()?)?,
            None => evaluator,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reduction_of_rungs_that_are_named_is_their_mean_ratio() {
        let cases: [(&[u32], _); 5] = [
            (&[12, 200], Some(17)),
            (&[1, 3, 9], Some(3)),
            (&[3, 4], Some(2)),
            (&[12], None),
            (&[], None),
        ];
        for (rungs, expected) in cases {
            assert_eq!(mean_ratio(rungs), expected, "{rungs:?}");
        }
    }

    #[test]
    fn the_rungs_of_a_table_are_the_most_that_its_epochs_make() {
        let rungs = |known: &[u32], min, eta, max| {
            let found = Ladder { min, eta, max }.fitting(known);
            found.map_or_else(Vec::new, |found| found.epochs)
        };
        assert_eq!(rungs(&[1, 2, 4], None, None, Some(4)), [1, 2, 4]);
        assert_eq!(rungs(&[1, 2, 4], None, Some(4), Some(4)), [1, 4]);
        assert_eq!(rungs(&[1, 2, 4], Some(2), None, Some(4)), [2, 4]);
        assert_eq!(rungs(&[1, 2, 4], None, None, Some(2)), [1, 2]);
        assert_eq!(rungs(&[4, 12, 36, 108], None, None, Some(108)), [4, 12, 36, 108]);
        assert_eq!(rungs(&[4, 12, 36, 108], None, Some(9), None), [12, 108]);
        // Every epoch is there.
        let all: Vec<u32> = (1..=12).collect();
        assert_eq!(rungs(&all, None, None, Some(12)), [3, 6, 12]);
        assert_eq!(rungs(&all, None, None, None), [1, 2, 4, 8]);
        for (known, eta, max) in [
            (&[12, 200][..], None, Some(200)),
            (&[1, 2, 4], Some(3), Some(4)),
            (&[1, 2, 4], None, Some(1)),
            (&[1], None, None),
            (&[], None, None),
            (&[1, u32::MAX], Some(2), None),
        ] {
            assert!(rungs(known, None, eta, max).is_empty(), "{known:?}");
        }
    }
}
