//! A search that can be stopped and goes on exactly where it was.
//!
//! A checkpoint is one file in a directory: what the search is (so that another one is refused), how far it got, and the tensors
//! of the weights and the controller and of what their optimizers remember. It is replaced as a whole, so that a process
//! killed at any moment leaves that of this epoch or of the last one. One that is asked to stop leaves that of its last step.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use nas_eval::Device;
use nas_eval::nn::{OptimizerState, Snapshot, tensor_file};
use serde::{Deserialize, Serialize};

use super::progress::Progress;
use super::{Enas, EpochReport};
use crate::baseline::Baseline;
use crate::error::RlError;

const FORMAT: &str = "nas-enas-search";
const VERSION: u32 = 1;
const FILE: &str = "enas.safetensors";

/// What the tensors belong to.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    identity: Identity,
    history: Vec<EpochReport>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    progress: Option<Progress>,
    seconds: f64,
    baseline: Baseline,
    updates: usize,
    weights_optimizer: OptimizerContent,
    controller_optimizer: OptimizerContent,
}

/// What search it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Identity {
    /// Its configuration as JSON, compared letter by letter.
    pub(super) config: String,
    /// The cells of the supernet, written out.
    pub(super) space: String,
    /// Fingerprint of images and labels.
    pub(super) data: String,
    /// Its seed.
    pub(super) seed: u64,
    /// Element type of the weights.
    pub(super) dtype: String,
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

    fn with(self, tensors: IndexMap<String, candle_core::Tensor>) -> OptimizerState {
        OptimizerState::from_parts(self.kind, self.steps, tensors)
    }
}

/// The groups of tensors in the file: what stands before the `/` of their names.
const GROUPS: [&str; 4] = [
    "weights",
    "weights-optimizer",
    "controller",
    "controller-optimizer",
];

fn path(directory: &Path) -> PathBuf {
    directory.join(FILE)
}

impl Enas {
    /// Whether there is a checkpoint in this directory.
    pub fn has_checkpoint(directory: &Path) -> bool {
        path(directory).is_file()
    }

    /// Writes a checkpoint to the directory, which is made if it is not there.
    pub(super) fn save(&self, directory: &Path) -> Result<(), RlError> {
        std::fs::create_dir_all(directory)
            .map_err(|error| RlError::checkpoint(directory, error.to_string()))?;
        let states = [self.weights.state()?, self.learner.optimizer.state()?];
        let snapshots = [
            self.supernet.parameters().snapshot()?,
            self.learner.controller.parameters().snapshot()?,
        ];
        let content = Content {
            identity: self.identity(),
            history: self.history.clone(),
            progress: self.progress,
            seconds: self.seconds,
            baseline: self.learner.baseline.clone(),
            updates: self.learner.updates,
            weights_optimizer: OptimizerContent::of(&states[0]),
            controller_optimizer: OptimizerContent::of(&states[1]),
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
    /// [`RlError::Checkpoint`] where it is of another search, [`RlError::Eval`] where it is torn or damaged. Nothing is changed
    /// then.
    pub fn load(&mut self, directory: &Path) -> Result<(), RlError> {
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
                return Err(RlError::checkpoint(&path, reason));
            }
        }
        let mut groups: [IndexMap<String, _>; 4] = Default::default();
        for (name, tensor) in tensors {
            let known = name.split_once('/').and_then(|(group, rest)| {
                let position = GROUPS.iter().position(|known| *known == group)?;
                Some((position, rest.to_owned()))
            });
            let Some((position, rest)) = known else {
                let reason = format!("it has a tensor '{name}', which belongs nowhere");
                return Err(RlError::checkpoint(&path, reason));
            };
            groups[position].insert(rest, tensor);
        }
        let [weights, weights_state, controller, controller_state] = groups;
        let [mut sgd, mut adam] = self.new_optimizers()?;
        let (of_weights, of_controller) = (self.supernet.parameters(), self.learner.controller.parameters());
        sgd.restore(&content.weights_optimizer.with(weights_state), of_weights)?;
        adam.restore(
            &content.controller_optimizer.with(controller_state),
            of_controller,
        )?;
        let before = of_weights.snapshot()?;
        of_weights.restore(&Snapshot::from_tensors(weights))?;
        if let Err(error) = of_controller.restore(&Snapshot::from_tensors(controller)) {
            of_weights.restore(&before)?;
            return Err(error.into());
        }
        self.weights = sgd;
        self.learner.optimizer = adam;
        self.learner.baseline = content.baseline;
        self.learner.updates = content.updates;
        self.history = content.history;
        self.progress = content.progress;
        self.seconds = content.seconds;
        Ok(())
    }
}
