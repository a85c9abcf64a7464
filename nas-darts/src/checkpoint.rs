//! A search that can be stopped and goes on exactly where it was.
//!
//! A checkpoint is one file in a directory: what the search is (so that another one is refused), how far it got, and the
//! tensors of weights, running statistics, momentum and architecture parameters. It is replaced as a whole, so that a
//! process killed at any moment leaves that of this epoch or of the last one. One that is asked to stop leaves that of its
//! last step.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use nas_eval::Device;
use nas_eval::nn::{OptimizerState, Snapshot, tensor_file};
use nas_eval::train::Progress;
use serde::{Deserialize, Serialize};

use crate::error::DartsError;
use crate::perturbation::Projection;
use crate::report::EpochReport;
use crate::search::Search;
use crate::stop::Stopped;

const FORMAT: &str = "nas-darts-search";
const VERSION: u32 = 1;
const FILE: &str = "search.safetensors";

/// What the tensors belong to.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    identity: Identity,
    history: Vec<EpochReport>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    progress: Option<Progress>,
    stopped: Option<Stopped>,
    projection: Option<Projection>,
    seconds: f64,
    weights_optimizer: OptimizerContent,
    alpha_optimizer: OptimizerContent,
}

/// What search it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Identity {
    /// Its configuration as JSON, compared letter by letter.
    pub(crate) config: String,
    /// The cells that are relaxed, written out.
    pub(crate) space: String,
    /// Fingerprint of images and labels.
    pub(crate) data: String,
    /// Its seed.
    pub(crate) seed: u64,
    /// Element type of the weights.
    pub(crate) dtype: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OptimizerContent {
    kind: String,
    steps: BTreeMap<String, u64>,
}

impl OptimizerContent {
    fn of(state: &OptimizerState) -> Self {
        Self {
            kind: state.kind().to_owned(),
            steps: state.steps().clone(),
        }
    }
}

/// The groups of tensors in the file: what stands before the `/` of their names.
const GROUPS: [&str; 4] = ["weights", "weights-optimizer", "alpha", "alpha-optimizer"];

fn path(directory: &Path) -> PathBuf {
    directory.join(FILE)
}

impl Search {
    /// Whether there is a checkpoint in this directory.
    pub fn has_checkpoint(directory: &Path) -> bool {
        path(directory).is_file()
    }

    /// Writes a checkpoint to the directory, which is made if it is not there.
    pub(crate) fn save(&self, directory: &Path) -> Result<(), DartsError> {
        std::fs::create_dir_all(directory)
            .map_err(|error| DartsError::checkpoint(directory, error.to_string()))?;
        let states = [self.weights.state()?, self.architecture.optimizer_state()?];
        let snapshots = [
            self.supernet.parameters().snapshot()?,
            self.architecture.parameters().snapshot()?,
        ];
        let content = Content {
            identity: self.identity(),
            history: self.history.clone(),
            progress: self.progress,
            stopped: self.stopped.clone(),
            projection: self.projection.clone(),
            seconds: self.seconds,
            weights_optimizer: OptimizerContent::of(&states[0]),
            alpha_optimizer: OptimizerContent::of(&states[1]),
        };
        let mut tensors = IndexMap::new();
        let groups = [
            snapshots[0].tensors(),
            states[0].tensors(),
            snapshots[1].tensors(),
            states[1].tensors(),
        ];
        for (group, named) in GROUPS.iter().zip(groups) {
            for (name, tensor) in named {
                tensors.insert(format!("{group}/{name}"), tensor.clone());
            }
        }
        Ok(tensor_file::save(
            &path(directory),
            FORMAT,
            VERSION,
            &content,
            &tensors,
        )?)
    }

    /// Goes on from the checkpoint in this directory.
    ///
    /// # Errors
    /// [`DartsError::Checkpoint`] where it is of another search, [`DartsError::Eval`] where it is torn or damaged.
    /// Nothing is changed then.
    pub(crate) fn load(&mut self, directory: &Path) -> Result<(), DartsError> {
        let path = path(directory);
        let (content, tensors) = tensor_file::load::<Content>(&path, FORMAT, VERSION, &Device::Cpu)?;
        let (got, expected) = (&content.identity, self.identity());
        for (what, got, expected) in [
            ("configuration", &got.config, &expected.config),
            ("space", &got.space, &expected.space),
            ("data's fingerprint", &got.data, &expected.data),
            ("seed", &got.seed.to_string(), &expected.seed.to_string()),
            ("element type", &got.dtype, &expected.dtype),
        ] {
            if got != expected {
                let reason = format!(
                    "it is of another search: its {what} is {got}, expected {expected}; search from the start or use \
                     another directory"
                );
                return Err(DartsError::checkpoint(&path, reason));
            }
        }
        let mut groups: [IndexMap<String, _>; 4] = Default::default();
        for (name, tensor) in tensors {
            let known = name.split_once('/').and_then(|(group, rest)| {
                let position = GROUPS.iter().position(|known| *known == group)?;
                Some((position, rest.to_owned()))
            });
            match known {
                Some((position, rest)) => groups[position].insert(rest, tensor),
                None => {
                    return Err(DartsError::checkpoint(
                        &path,
                        format!("it has a tensor '{name}', which belongs nowhere"),
                    ));
                }
            };
        }
        let [weights, weights_state, alpha, alpha_state] = groups;
        let state = |content: OptimizerContent, tensors| {
            OptimizerState::from_parts(content.kind, content.steps, tensors)
        };
        let mut optimizer = self.new_weights_optimizer()?;
        optimizer.restore(
            &state(content.weights_optimizer, weights_state),
            self.supernet.parameters(),
        )?;
        let adam = self
            .architecture
            .optimizer_from(&state(content.alpha_optimizer, alpha_state))?;
        let before = self.supernet.parameters().snapshot()?;
        self.supernet
            .parameters()
            .restore(&Snapshot::from_tensors(weights))?;
        if let Err(error) = self
            .architecture
            .parameters()
            .restore(&Snapshot::from_tensors(alpha))
        {
            self.supernet.parameters().restore(&before)?;
            return Err(error.into());
        }
        self.architecture.adopt(adam);
        self.weights = optimizer;
        self.history = content.history;
        self.progress = content.progress;
        self.stopped = content.stopped;
        self.projection = content.projection;
        self.seconds = content.seconds;
        Ok(())
    }
}
