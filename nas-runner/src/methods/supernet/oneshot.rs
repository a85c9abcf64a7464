//! Searches by a supernet as trials of a study.
//!
//! These methods propose nothing that they would learn from: a supernet is trained, and one architecture read off it. For the records,
//! the budget and the judgement of what they find they stand here as a strategy all the same: to propose number `i` is to run
//! a whole search whose seed is derived from `i`. So several trials are several searches, and the best by validation is the
//! one trained in full, which is how the papers select (Liu et al. 2019, section 3.2; Pham et al. 2018, section 3.3).
//!
//! A search leaves in the run directory `search-i.json`, its epochs; a picture of them; `cell-i.svg`, the architecture; and
//! `checkpoints/search-i`, from which it goes on. A finished search that is asked for again, as in a replay, is read from
//! there.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Result;
use nas_darts::stop::Stopped;
use nas_eval::Compute;
use nas_eval::data::Dataset;
use nas_space::arch::Architecture;
use nas_space::genotype::Genotype;
use nas_space::op::Role;
use nas_space::search::{Ask, Outcome, Proposal, Stop, Strategy, StrategyError, Turns};
use nas_space::seed::Seed;
use nas_space::spaces::Space;
use nas_study::RunDir;
use serde::Serialize;

use crate::methods::Method;
use crate::watch::Watcher;

/// What a supernet is made of and trained on.
#[derive(Clone, Copy)]
pub struct Supernet<'a> {
    /// The space.
    pub space: &'a dyn Space,
    /// What of it is searched: all, or what is within the limits.
    pub searched: &'a Arc<dyn Space>,
    /// The images.
    pub dataset: &'a Dataset,
    /// The study's; that of each search is derived from it.
    pub seed: Seed,
    /// What it is trained on.
    pub compute: &'a Compute,
    /// By which a search can be asked to stop.
    pub stop: &'a Stop,
    /// Whoever looks on.
    pub watcher: &'a dyn Watcher,
}

impl Supernet<'_> {
    /// The seed of search number `index`.
    pub(in crate::methods) fn seed_of(&self, index: u64) -> Seed {
        self.seed.derive("search", index)
    }
}

/// Searches by one method, each with a supernet of its own.
pub trait Searches: Send {
    /// The method.
    fn method(&self) -> Method;

    /// Makes a supernet, to find out what cannot be. Nothing is written.
    fn check(&self) -> Result<()>;

    /// Runs search number `index`, or what is left of it, and leaves its record and its pictures in the run directory.
    fn search(&self, index: u64, run: &RunDir) -> Result<(Architecture, SupernetSummary)>;
}

/// Searches as proposals.
pub struct Oneshot<'a> {
    searches: Box<dyn Searches + 'a>,
    run: &'a RunDir,
    /// Seconds after which no other search is begun.
    limit: Option<f64>,
    /// Seconds of searches and of trials.
    spent: f64,
    turns: Turns,
    found: Vec<SupernetSummary>,
}

/// What came out of a search by a supernet.
#[derive(Debug, Clone, Serialize)]
pub struct SupernetSummary {
    /// Parameters of the supernet.
    pub params: u64,
    /// Epochs that it was trained.
    pub epochs: u32,
    /// Skip connections in the architecture, over its cells.
    pub skip_connections: usize,
    /// Why the search ended early, if it did.
    pub stopped: Option<Stopped>,
    /// Why the architecture may mean little.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// Those before an interruption included.
    pub seconds: f64,
}

impl<'a> Oneshot<'a> {
    /// Searches that write into `run`; none is begun once they and their trials took `limit` seconds.
    pub fn new(searches: Box<dyn Searches + 'a>, run: &'a RunDir, limit: Option<f64>) -> Self {
        Self {
            searches,
            run,
            limit,
            spent: 0.0,
            turns: Turns::default(),
            found: Vec::new(),
        }
    }

    /// The results of the searches that were asked for, by the number of their trial.
    pub fn found(&self) -> &[SupernetSummary] {
        &self.found
    }
}

/// Where search number `index` goes on from.
pub(in crate::methods) fn checkpoint(run: &RunDir, index: u64) -> PathBuf {
    run.checkpoints_path().join(format!("search-{index}"))
}

/// The file with the epochs of a search.
pub(in crate::methods) fn record_file(index: u64) -> String {
    format!("search-{index}.json")
}

/// The picture of the architecture that a search found.
pub fn cell_file(index: u64) -> String {
    format!("cell-{index}.svg")
}

/// Edges that pass their input on unchanged, over the cells of an architecture; of a whole network, what its layers add.
pub(in crate::methods) fn skip_connections(genotype: &Genotype, space: &dyn Space) -> usize {
    if let Genotype::EnasMacro(network) = genotype {
        return network.layers().iter().map(|layer| layer.skips.len()).sum();
    }
    let is_identity = |name: &str| {
        let operation = space.operations().get(name);
        operation.is_ok_and(|operation| operation.role() == Role::Identity)
    };
    let cells = genotype.cells();
    let nodes = cells.iter().flat_map(|(_, cell)| cell.nodes());
    let edges = nodes.flat_map(|node| node.edges);
    edges.filter(|(name, _)| is_identity(name)).count()
}

/// The error of a search; [`StrategyError::Interrupted`] is one of them.
fn interrupted_or_other(error: anyhow::Error) -> StrategyError {
    error
        .downcast()
        .unwrap_or_else(|error| StrategyError::Other(error.into()))
}

impl Strategy for Oneshot<'_> {
    fn name(&self) -> &str {
        self.searches.method().name()
    }

    fn ask(&mut self) -> Result<Ask, StrategyError> {
        if self.limit.is_some_and(|limit| self.spent >= limit) {
            return Ok(Ask::Finished);
        }
        let index = self.turns.asked();
        let (architecture, found) = self
            .searches
            .search(index, self.run)
            .map_err(interrupted_or_other)?;
        self.spent += found.seconds;
        self.found.push(found);
        self.turns.ask();
        Ok(Ask::Evaluate(Proposal::new(architecture)))
    }

    fn tell(&mut self, outcome: &Outcome) -> Result<(), StrategyError> {
        self.turns.tell(outcome)?;
        if let Ok(evaluation) = &outcome.result {
            self.spent += evaluation.cost_seconds;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use nas_darts::DartsConfig;
    use nas_eval::data::Augmentation;
    use nas_space::network::NetworkConfig;
    use nas_space::search::{Failure, FailureKind, Fidelity, Trial, TrialId};
    use nas_space::spaces::nb201;

    use super::*;
    use crate::methods::SearchMethod;
    use crate::watch::Unwatched;

    /// What searches of a second borrow.
    struct Parts {
        dir: tempfile::TempDir,
        run: RunDir,
        space: Arc<dyn Space>,
        dataset: Dataset,
        config: DartsConfig,
        compute: Compute,
        stop: Stop,
    }

    impl Parts {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let digits = Dataset::load("digits", None).unwrap();
            let dataset = digits.with_training_images(100, Seed::new(7)).unwrap();
            let config = DartsConfig {
                network: NetworkConfig {
                    image: dataset.train.shape(),
                    channels: 2,
                    cells: 1,
                    ..NetworkConfig::default()
                },
                epochs: 1,
                augmentation: Augmentation::NONE,
                ..DartsConfig::default()
            };
            Self {
                run: RunDir::create(dir.path(), &config).unwrap().0,
                dir,
                space: Arc::new(nb201()),
                dataset,
                config,
                compute: Compute::cpu(),
                stop: Stop::new(),
            }
        }

        fn oneshot(&self, limit: Option<f64>) -> Oneshot<'_> {
            let supernet = Supernet {
                space: self.space.as_ref(),
                searched: &self.space,
                dataset: &self.dataset,
                seed: Seed::new(7),
                compute: &self.compute,
                stop: &self.stop,
                watcher: &Unwatched,
            };
            let searches = SearchMethod::searches(&self.config, supernet).unwrap();
            Oneshot::new(searches, &self.run, limit)
        }

        fn file(&self, name: &str) -> std::path::PathBuf {
            self.dir.path().join(name)
        }
    }

    fn failed(id: TrialId) -> Outcome {
        Outcome {
            trial: Trial::new(id, Architecture::new([]), Fidelity { epochs: 1 }, Seed::new(0)),
            result: Err(Failure::new(FailureKind::Other, "out of order")),
        }
    }

    #[test]
    fn a_replay_proposes_the_same_from_the_checkpoints() {
        let parts = Parts::new();
        let mut first = parts.oneshot(None);
        let asked = [first.ask().unwrap(), first.ask().unwrap()];
        let record = fs::read(parts.file("search-1.json")).unwrap();
        let mut again = parts.oneshot(None);
        assert_eq!([again.ask().unwrap(), again.ask().unwrap()], asked);
        assert_eq!(
            fs::read(parts.file("search-1.json")).unwrap(),
            record,
            "seconds too"
        );
        assert_eq!(again.spent, first.spent);
    }

    #[test]
    fn outcomes_are_told_in_turn_and_after_they_were_asked_for() {
        let parts = Parts::new();
        let mut oneshot = parts.oneshot(None);
        assert!(oneshot.tell(&failed(0)).is_err());
        oneshot.ask().unwrap();
        assert!(oneshot.tell(&failed(1)).is_err());
        oneshot.tell(&failed(0)).unwrap();
        assert!(oneshot.tell(&failed(0)).is_err());
    }

    #[test]
    fn no_search_is_begun_once_the_seconds_are_spent() {
        let parts = Parts::new();
        let mut oneshot = parts.oneshot(Some(1e-9));
        assert!(matches!(oneshot.ask().unwrap(), Ask::Evaluate(_)));
        assert_eq!(oneshot.ask().unwrap(), Ask::Finished);
        assert!(!parts.file("search-1.json").exists());
    }

    #[test]
    fn skip_connections_are_counted_over_all_cells() {
        let space = nas_space::spaces::darts();
        // Three in the normal cell, three in the reduction cell.
        let genotype: Genotype = "DARTS_V1".parse().unwrap();
        assert_eq!(skip_connections(&genotype, &space), 6);
    }
}
