//! What an optimizer remembers.

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::{Device, Tensor, Var};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::error::EvalError;
use crate::nn::{Parameters, tensor_file};

const FORMAT: &str = "nas-optimizer";
const VERSION: u32 = 1;

/// Everything an optimizer needs to continue exactly where it stopped.
#[derive(Debug, Clone)]
pub struct OptimizerState {
    kind: String,
    /// Number of steps that each parameter has made, where the optimizer counts them.
    pub(super) steps: BTreeMap<String, u64>,
    /// By `SLOT:PARAMETER`.
    tensors: IndexMap<String, Tensor>,
}

/// What the file says besides its tensors.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    kind: String,
    steps: BTreeMap<String, u64>,
}

impl OptimizerState {
    /// A state built from the results of [`OptimizerState::kind`], [`OptimizerState::steps`] and
    /// [`OptimizerState::tensors`]. The optimizer that continues from it checks it.
    pub fn from_parts(
        kind: impl Into<String>,
        steps: BTreeMap<String, u64>,
        tensors: IndexMap<String, Tensor>,
    ) -> Self {
        Self {
            kind: kind.into(),
            steps,
            tensors,
        }
    }

    /// What optimizer it is of: `sgd`, `adam`.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// Number of steps that each parameter has made, by its name, where the optimizer counts them.
    pub fn steps(&self) -> &BTreeMap<String, u64> {
        &self.steps
    }

    /// The tensors by `SLOT:PARAMETER`, such as `momentum:stem.conv.weight`.
    pub fn tensors(&self) -> &IndexMap<String, Tensor> {
        &self.tensors
    }

    /// Writes it to a safetensors file, which is there completely or not at all.
    ///
    /// # Errors
    /// [`EvalError::Io`] where it cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), EvalError> {
        let content = Content {
            kind: self.kind.clone(),
            steps: self.steps.clone(),
        };
        tensor_file::save(path, FORMAT, VERSION, &content, &self.tensors)
    }

    /// Reads what [`OptimizerState::save`] wrote.
    ///
    /// # Errors
    /// [`EvalError::Io`] where the file cannot be read, [`EvalError::Format`] where it is torn,
    /// damaged or no such file.
    pub fn load(path: &Path, device: &Device) -> Result<Self, EvalError> {
        let (Content { kind, steps }, tensors) = tensor_file::load(path, FORMAT, VERSION..=VERSION, device)?;
        Ok(Self { kind, steps, tensors })
    }

    /// Copies the tensors of an optimizer's slots.
    pub(super) fn collect<const N: usize>(
        kind: &str,
        slots: [(&str, &IndexMap<String, Var>); N],
    ) -> candle_core::Result<Self> {
        let mut tensors = IndexMap::new();
        for (slot, vars) in slots {
            for (name, var) in vars {
                tensors.insert(format!("{slot}:{name}"), var.as_detached_tensor().copy()?);
            }
        }
        Ok(Self {
            kind: kind.to_owned(),
            steps: BTreeMap::new(),
            tensors,
        })
    }

    /// The tensors of the slots of an optimizer of this kind, each checked against its parameter.
    pub(super) fn slots<const N: usize>(
        &self,
        kind: &str,
        slots: [&str; N],
        parameters: &Parameters,
    ) -> Result<[IndexMap<String, Var>; N], EvalError> {
        let mismatch = |tensor: &str, expected: String, got: String| EvalError::TensorMismatch {
            place: "the optimizer's state".to_owned(),
            tensor: tensor.to_owned(),
            expected,
            got,
        };
        if self.kind != kind {
            return Err(mismatch(
                "all",
                format!("of '{kind}'"),
                format!("of '{}'", self.kind),
            ));
        }
        let mut found = std::array::from_fn(|_| IndexMap::new());
        for (key, tensor) in &self.tensors {
            let known = key.split_once(':').and_then(|(slot, name)| {
                let position = slots.iter().position(|s| *s == slot)?;
                Some((position, name, parameters.get(name)?))
            });
            let Some((position, name, parameter)) = known else {
                return Err(mismatch(key, "no such tensor".to_owned(), "there".to_owned()));
            };
            let var = &parameter.var;
            if var.shape() != tensor.shape() || var.dtype() != tensor.dtype() {
                let describe = |t: &Tensor| format!("{} {:?}", t.dtype().as_str(), t.dims());
                return Err(mismatch(key, describe(var), describe(tensor)));
            }
            let value = Var::from_tensor(&tensor.to_device(var.device())?.copy()?)?;
            found[position].insert(name.to_owned(), value);
        }
        Ok(found)
    }
}

/// The tensor of a parameter in a slot: zeros like the parameter where it is new.
pub(super) fn slot<'a>(
    slots: &'a mut IndexMap<String, Var>,
    name: &str,
    like: &Var,
) -> candle_core::Result<&'a Var> {
    if !slots.contains_key(name) {
        slots.insert(
            name.to_owned(),
            Var::zeros(like.shape(), like.dtype(), like.device())?,
        );
    }
    Ok(&slots[name])
}
