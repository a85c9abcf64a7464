//! Costs of architectures besides their counted size: given in files, or measured.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use anyhow::{Context, Result, bail};
use nas_eval::latency::{LATENCY, LatencySizes, LatencyTable};
use nas_space::arch::Architecture;
use nas_space::error::SpaceError;
use nas_space::sizes::{Figures, Quantity, Sizes};
use nas_space::spaces::Space;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Estimation, RunConfig};
use crate::architecture_csv::ArchitectureCsv;
use crate::args::LimitArgs;
use crate::data_dir;
use crate::usage::Typed;

/// The file in a run directory with the latencies that were measured for it.
const LATENCY_FILE: &str = "latency.csv";

/// `[costs]` of a run's configuration.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CostsPlan {
    /// CSV files, plain or gzipped, with costs of architectures. A column `arch` names the
    /// architecture, or in the space nb201 a column `index` by its official number. Each other
    /// column is a figure of this name, for limits and objectives.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<PathBuf>,
    /// Whether the latency of networks is measured on this machine: the figure `latency`, in
    /// milliseconds for one image on one thread. It is the sum of the latencies of the operations,
    /// each of which is measured once and kept in the run directory.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub latency: bool,
    /// What was read and measured.
    #[serde(skip)]
    opened: Opened,
}

/// Files that are read when they are first needed, and the latencies so far. It takes no part in comparisons.
#[derive(Debug, Clone, Default)]
struct Opened {
    given: OnceLock<Arc<Given>>,
    table: Arc<LatencyTable>,
}

impl PartialEq for Opened {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// Costs from files.
#[derive(Debug, Default)]
struct Given {
    /// The names of the figures, with the file of each and how many architectures it has.
    names: BTreeMap<String, (PathBuf, usize)>,
    costs: HashMap<Architecture, BTreeMap<String, f64>>,
    fingerprints: Vec<String>,
}

impl Given {
    fn read(files: &[PathBuf], space: &dyn Space) -> Result<Self> {
        let mut given = Self::default();
        for path in files {
            let shown = path.display();
            let csv = ArchitectureCsv::read(path)?;
            let architectures = csv.architectures(space)?;
            let names: Vec<String> = csv.columns().map(str::to_owned).collect();
            if names.is_empty() {
                bail!("{shown} has no costs; expected another column besides that of the architectures");
            }
            for name in names {
                if name.is_empty() || !matches!(Quantity::named(&name), Quantity::Named(_)) {
                    bail!(
                        "{shown} has a column '{name}'; expected a name other than params and macs, which are counted"
                    );
                }
                let numbers = csv.numbers(&name)?.unwrap_or_default();
                for (line, (architecture, number)) in
                    (ArchitectureCsv::FIRST_LINE..).zip(architectures.iter().zip(numbers))
                {
                    if !number.is_finite() {
                        bail!("{shown}, line {line}: {name} is {number}; expected a finite number");
                    }
                    let costs = given.costs.entry(architecture.clone()).or_default();
                    if costs.insert(name.clone(), number).is_some() {
                        bail!(
                            "{shown}, line {line}: {architecture} has more than one {name}; expected one row for each architecture, \
                             and each name in one file"
                        );
                    }
                }
                given.names.insert(name, (path.clone(), architectures.len()));
            }
            given.fingerprints.push(csv.fingerprint().to_owned());
        }
        Ok(given)
    }
}

/// Adds given costs to other sizes.
#[derive(Debug)]
struct GivenSizes {
    others: Arc<dyn Sizes>,
    given: Arc<Given>,
    /// How many architectures can be asked for; nothing where they are more than a file can have.
    architectures: Option<usize>,
}

impl GivenSizes {
    fn covers(&self, architectures: usize) -> bool {
        self.architectures.is_some_and(|all| architectures >= all)
    }
}

impl Sizes for GivenSizes {
    fn of(&self, architecture: &Architecture) -> Result<Figures, SpaceError> {
        let mut figures = self.others.of(architecture)?;
        if let Some(costs) = self.given.costs.get(architecture) {
            figures.named.extend(costs.clone());
        }
        Ok(figures)
    }

    fn known(&self) -> Vec<String> {
        let mut known = self.others.known();
        for (name, (_, architectures)) in &self.given.names {
            if self.covers(*architectures) && !known.contains(name) {
                known.push(name.clone());
            }
        }
        known
    }

    fn check(&self, quantity: &Quantity) -> Result<(), SpaceError> {
        match self.given.names.get(quantity.name()) {
            None => self
                .others
                .check(quantity)
                .map_err(|error| error.with_known(self.known())),
            Some((_, architectures)) if self.covers(*architectures) => Ok(()),
            Some((path, architectures)) => Err(SpaceError::NotKnown {
                quantity: quantity.clone(),
                reason: format!(
                    "{} has it for {architectures} of {} architectures; expected all of them",
                    path.display(),
                    self.architectures
                        .map_or_else(|| "far more".to_owned(), |all| all.to_string())
                ),
                known: self.known(),
            }),
        }
    }
}

/// Applies the options typed.
pub(super) fn overlay(config: &mut RunConfig, args: &LimitArgs) -> Result<()> {
    let mut plan = config.costs.take().unwrap_or_default();
    if !args.cost.is_empty() {
        plan.files = args
            .cost
            .iter()
            .map(|path| data_dir::absolute(path))
            .collect::<Result<_>>()?;
        plan.opened = Opened::default();
    }
    plan.latency |= args.latency_table.is_some();
    config.costs = (plan != CostsPlan::default()).then_some(plan);
    // A latency that no file and no table has is measured.
    let asked = config.named().iter().any(|quantity| quantity.name() == LATENCY);
    let is_given = || -> Result<bool> {
        let of_table = match &config.estimation {
            Estimation::Table(plan) => plan.evaluator()?.sizes().names().any(|name| name == LATENCY),
            Estimation::Training(_) | Estimation::Command(_) => false,
        };
        let given = config.given()?;
        Ok(of_table || given.is_some_and(|given| given.names.contains_key(LATENCY)))
    };
    if asked && !is_given()? {
        config.costs.get_or_insert_default().latency = true;
    }
    if let (Some(plan), Some(path)) = (&config.costs, &args.latency_table) {
        plan.opened.table.keep_in(path).typed("--latency-table")?;
    }
    Ok(())
}

impl RunConfig {
    fn given(&self) -> Result<Option<Arc<Given>>> {
        let Some(plan) = self.costs.as_ref().filter(|plan| !plan.files.is_empty()) else {
            return Ok(None);
        };
        let given = match plan.opened.given.get() {
            Some(given) => given,
            None => {
                let given = Given::read(&plan.files, self.space.build()?.as_ref()).typed("--cost")?;
                plan.opened.given.get_or_init(|| Arc::new(given))
            }
        };
        Ok(Some(Arc::clone(given)))
    }

    /// These sizes, and the costs that are given or measured.
    pub(super) fn with_costs(&self, mut sizes: Arc<dyn Sizes>) -> Result<Arc<dyn Sizes>> {
        let Some(plan) = &self.costs else {
            return Ok(sizes);
        };
        if let Some(given) = self.given()? {
            let architectures = match &self.estimation {
                Estimation::Table(plan) => plan.known()?.size(),
                Estimation::Training(_) | Estimation::Command(_) => self.space.build()?.size(),
            };
            sizes = Arc::new(GivenSizes {
                others: sizes,
                given,
                architectures: architectures.try_into().ok(),
            });
        }
        if plan.latency {
            let network = self
                .network()
                .context("the latency of its architectures cannot be measured")?;
            let table = Arc::clone(&plan.opened.table);
            sizes = Arc::new(LatencySizes::new(sizes, self.space.build()?, network, table));
        }
        Ok(sizes)
    }

    /// Which costs are given, by digests of their files; nothing where none are.
    ///
    /// # Errors
    /// Where a file cannot be read.
    pub fn given_costs(&self) -> Result<Option<Vec<String>>> {
        Ok(self.given()?.map(|given| given.fingerprints.clone()))
    }

    /// Keeps the latencies that are measured in a directory, and takes up those that are there.
    /// Before a search is resumed this has to come first: its proposals depend on them.
    ///
    /// # Errors
    /// Where they cannot be read or written.
    pub fn keep_latencies_in(&self, directory: &Path) -> Result<()> {
        match &self.costs {
            Some(plan) if plan.latency => Ok(plan.opened.table.keep_in(&directory.join(LATENCY_FILE))?),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
