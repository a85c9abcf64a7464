//! The checkpoint files of supernet searches.
//!
//! A checkpoint is one file in a directory: the identity of the search (so that another search is
//! refused), its progress, and the tensors of all learned values and of the optimizers' states. It
//! is replaced as a whole, so a process killed at any moment leaves the checkpoint of this epoch or
//! of the previous one. A search that is asked to stop saves a checkpoint of its last step.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use candle_core::Tensor;
use indexmap::IndexMap;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::Device;
use crate::error::EvalError;
use crate::nn::{Optimizer, OptimizerState, Parameters, Snapshot, tensor_file};
use crate::train::Progress;

/// What a method's checkpoints are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckpointForm {
    /// Name of the format, such as `nas-darts-search`.
    pub format: &'static str,
    /// Version of the format.
    pub version: u32,
    /// Name of the file in its directory.
    pub file: &'static str,
}

/// Parameters and the optimizer that they learn by.
#[derive(Debug)]
pub struct Learned<'a> {
    /// What they are called in checkpoints, such as `alpha`. The supernet's own are `weights`.
    pub name: &'static str,
    /// The parameters.
    pub parameters: &'a Parameters,
    /// Their optimizer.
    pub optimizer: &'a mut dyn Optimizer,
}

/// The state of a search besides its tensors. `R` is the report of an epoch, `T` the state of the
/// method.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Checkpoint<R, T> {
    pub(super) identity: Identity,
    pub(super) history: Vec<R>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) progress: Option<Progress>,
    pub(super) seconds: f64,
    #[serde(flatten)]
    pub(super) method: T,
    /// What optimizers remember beside tensors, by `NAME_optimizer`: all fields that are not named
    /// above.
    #[serde(flatten)]
    optimizers: BTreeMap<String, OptimizerSteps>,
}

/// What search it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Identity {
    /// Its configuration as JSON, compared letter by letter.
    pub(super) config: String,
    /// Its space, written out.
    pub(super) space: String,
    /// Fingerprint of images and labels.
    pub(super) data: String,
    /// Its seed.
    pub(super) seed: u64,
    /// Element type of the weights.
    pub(super) dtype: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OptimizerSteps {
    kind: String,
    steps: BTreeMap<String, u64>,
}

/// Values of parameters and of their optimizer.
struct Values {
    parameters: Snapshot,
    optimizer: OptimizerState,
}

impl Learned<'_> {
    fn values(&self) -> Result<Values, EvalError> {
        Ok(Values {
            parameters: self.parameters.snapshot()?,
            optimizer: self.optimizer.state()?,
        })
    }

    fn adopt(&mut self, values: &Values) -> Result<(), EvalError> {
        self.optimizer.restore(&values.optimizer, self.parameters)?;
        self.parameters.restore(&values.parameters)
    }
}

impl CheckpointForm {
    /// The file in this directory.
    pub(super) fn path(&self, directory: &Path) -> PathBuf {
        directory.join(self.file)
    }
}

impl<R: Serialize + DeserializeOwned, T: Serialize + DeserializeOwned> Checkpoint<R, T> {
    /// A checkpoint of this search, to be written with the state of its method.
    pub(super) fn new(
        identity: Identity,
        history: Vec<R>,
        progress: Option<Progress>,
        seconds: f64,
        method: T,
    ) -> Self {
        Self {
            identity,
            history,
            progress,
            seconds,
            method,
            optimizers: BTreeMap::new(),
        }
    }

    /// Writes it to the directory, which is made if it is not there.
    ///
    /// # Errors
    /// [`EvalError::Io`] where it cannot be written.
    pub(super) fn write(
        mut self,
        form: &CheckpointForm,
        directory: &Path,
        learned: &[Learned<'_>],
    ) -> Result<(), EvalError> {
        std::fs::create_dir_all(directory).map_err(|error| EvalError::io(directory, error))?;
        let mut tensors = IndexMap::new();
        for one in learned {
            let Values {
                parameters,
                optimizer,
            } = one.values()?;
            let steps = OptimizerSteps {
                kind: optimizer.kind().to_owned(),
                steps: optimizer.steps().clone(),
            };
            self.optimizers.insert(format!("{}_optimizer", one.name), steps);
            for (name, tensor) in parameters.tensors() {
                tensors.insert(format!("{}/{name}", one.name), tensor.clone());
            }
            for (name, tensor) in optimizer.tensors() {
                tensors.insert(format!("{}-optimizer/{name}", one.name), tensor.clone());
            }
        }
        let path = form.path(directory);
        tensor_file::save(&path, form.format, form.version, &self, &tensors)
    }

    /// Reads the checkpoint in the directory, which must belong to the search with this identity,
    /// and restores the state of its method.
    ///
    /// # Errors
    /// [`EvalError::Io`] where it cannot be read; [`EvalError::Format`] where it is torn, damaged
    /// or of another search; [`EvalError::TensorMismatch`] where its tensors are of other
    /// parameters. Nothing is changed then.
    pub(super) fn read(
        form: &CheckpointForm,
        directory: &Path,
        expected: &Identity,
        learned: &mut [Learned<'_>],
    ) -> Result<Self, EvalError> {
        let path = form.path(directory);
        let (mut content, mut tensors): (Self, _) =
            tensor_file::load(&path, form.format, form.version..=form.version, &Device::Cpu)?;
        content.identity.check(expected, &path)?;
        let mut found = Vec::with_capacity(learned.len());
        for one in learned.iter() {
            let field = format!("{}_optimizer", one.name);
            let Some(OptimizerSteps { kind, steps }) = content.optimizers.remove(&field) else {
                return Err(EvalError::format(&path, format!("it has no field '{field}'")));
            };
            let parameters = take(&mut tensors, &format!("{}/", one.name));
            let slots = take(&mut tensors, &format!("{}-optimizer/", one.name));
            found.push(Values {
                parameters: Snapshot::from_tensors(parameters),
                optimizer: OptimizerState::from_parts(kind, steps, slots),
            });
        }
        let tensor = tensors.keys().next().map(|name| ("tensor", name));
        let field = content.optimizers.keys().next().map(|name| ("field", name));
        if let Some((what, name)) = tensor.or(field) {
            let reason = format!("it has a {what} '{name}', which belongs nowhere");
            return Err(EvalError::format(&path, reason));
        }
        let before = learned
            .iter()
            .map(Learned::values)
            .collect::<Result<Vec<_>, _>>()?;
        let mut all = learned.iter_mut().zip(&found);
        if let Err(error) = all.try_for_each(|(one, values)| one.adopt(values)) {
            for (one, values) in learned.iter_mut().zip(&before) {
                one.adopt(values)?;
            }
            return Err(error);
        }
        Ok(content)
    }
}

impl Identity {
    fn check(&self, expected: &Self, path: &Path) -> Result<(), EvalError> {
        for (what, got, expected) in [
            ("configuration", &self.config, &expected.config),
            ("space", &self.space, &expected.space),
            ("data's fingerprint", &self.data, &expected.data),
            ("seed", &self.seed.to_string(), &expected.seed.to_string()),
            ("element type", &self.dtype, &expected.dtype),
        ] {
            if got != expected {
                let reason = format!(
                    "it is of another search: its {what} is {got}, expected {expected}; search from the start or use \
                     another directory"
                );
                return Err(EvalError::format(path, reason));
            }
        }
        Ok(())
    }
}

/// Takes out the tensors whose names begin so, and gives them by the rest of their names.
fn take(tensors: &mut IndexMap<String, Tensor>, beginning: &str) -> IndexMap<String, Tensor> {
    let mut taken = IndexMap::new();
    tensors.retain(|name, tensor| match name.strip_prefix(beginning) {
        Some(rest) => {
            taken.insert(rest.to_owned(), tensor.clone());
            false
        }
        None => true,
    });
    taken
}
