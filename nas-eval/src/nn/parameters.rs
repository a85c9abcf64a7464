//! The named parameters and running statistics of a network.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use candle_core::{DType, Device, Tensor, Var};
use indexmap::IndexMap;
use nas_space::seed::Seed;
use serde::{Deserialize, Serialize};

use super::{Init, tensor_file};
use crate::compute::Compute;
use crate::error::EvalError;

/// What a file of parameters calls itself.
const FORMAT: &str = "nas-parameters";
const VERSION: u32 = 1;

/// A file of parameters says nothing but its tensors.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct NoContent {}

/// The parameters of a network, by name, in the order of their creation, and its buffers: values
/// that are not trained, such as running statistics.
///
/// The values of a parameter are drawn from a stream named after it, so they depend on the seed and
/// the name alone. Device and element type are chosen once, for all.
#[derive(Debug)]
pub struct Parameters {
    seed: Seed,
    compute: Compute,
    parameters: IndexMap<String, Parameter>,
    buffers: IndexMap<String, Buffer>,
}

/// A trainable tensor.
#[derive(Debug, Clone)]
pub struct Parameter {
    /// The values.
    pub var: Var,
    /// Whether weight decay may apply to it. An optimizer can be told to spare more.
    pub decay: bool,
}

/// A tensor that is not trained but kept and saved with the parameters.
///
/// It can be replaced through a shared reference, since a forward pass updates running statistics.
/// Clones share the value.
#[derive(Debug, Clone)]
pub struct Buffer(Arc<Mutex<Tensor>>);

/// The values of all parameters and buffers at one moment.
#[derive(Debug, Clone)]
pub struct Snapshot(IndexMap<String, Tensor>);

impl Parameters {
    /// None yet. Only `f32` and `f64` can be created.
    pub fn new(seed: Seed, compute: &Compute) -> Self {
        let (parameters, buffers) = (IndexMap::new(), IndexMap::new());
        Self {
            seed,
            compute: compute.clone(),
            parameters,
            buffers,
        }
    }

    /// A new parameter, its values drawn from the stream `parameter:NAME` of the seed.
    ///
    /// # Errors
    /// [`EvalError::Config`] where the name is taken or the element type is not a float of 32 or 64
    /// bits; [`EvalError::Tensor`] where the device has no memory for it.
    pub fn create(&mut self, name: &str, shape: &[usize], init: Init, decay: bool) -> Result<Var, EvalError> {
        self.check_new(name)?;
        let seed = self.seed.derive(&format!("parameter:{name}"), 0);
        let values = init.values(shape.iter().product(), seed);
        let var = match self.compute.dtype {
            DType::F32 => {
                let values: Vec<f32> = values.into_iter().map(|v| v as f32).collect();
                Var::from_vec(values, shape, &self.compute.device)?
            }
            DType::F64 => Var::from_vec(values, shape, &self.compute.device)?,
            other => {
                return Err(EvalError::config("dtype", other.as_str(), "f32 or f64"));
            }
        };
        self.parameters.insert(
            name.to_owned(),
            Parameter {
                var: var.clone(),
                decay,
            },
        );
        Ok(var)
    }

    /// A new buffer, filled with `value`.
    ///
    /// # Errors
    /// As [`Parameters::create`].
    pub fn create_buffer(&mut self, name: &str, shape: &[usize], value: f64) -> Result<Buffer, EvalError> {
        self.check_new(name)?;
        let tensor = Tensor::full(value, shape, &self.compute.device)?
            .to_dtype(self.compute.dtype)?
            .contiguous()?;
        let buffer = Buffer(Arc::new(Mutex::new(tensor)));
        self.buffers.insert(name.to_owned(), buffer.clone());
        Ok(buffer)
    }

    fn check_new(&self, name: &str) -> Result<(), EvalError> {
        if self.parameters.contains_key(name) || self.buffers.contains_key(name) {
            let expected = "a name that no other parameter or buffer has";
            return Err(EvalError::config("parameter name", name, expected));
        }
        Ok(())
    }

    /// The parameter of this name.
    pub fn get(&self, name: &str) -> Option<&Parameter> {
        self.parameters.get(name)
    }

    /// The buffer of this name.
    pub fn buffer(&self, name: &str) -> Option<&Buffer> {
        self.buffers.get(name)
    }

    /// The parameters, in the order of their creation.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Parameter)> {
        self.parameters
            .iter()
            .map(|(name, parameter)| (name.as_str(), parameter))
    }

    /// The buffers, in the order of their creation.
    pub fn buffers(&self) -> impl ExactSizeIterator<Item = (&str, &Buffer)> {
        self.buffers.iter().map(|(name, buffer)| (name.as_str(), buffer))
    }

    /// Number of trainable values.
    pub fn count(&self) -> u64 {
        self.parameters.values().map(|p| p.var.elem_count() as u64).sum()
    }

    /// The device they are on.
    pub fn device(&self) -> &Device {
        &self.compute.device
    }

    /// Their element type.
    pub fn dtype(&self) -> DType {
        self.compute.dtype
    }

    /// The device they are on, and their element type.
    pub fn compute(&self) -> &Compute {
        &self.compute
    }

    /// A copy of the values of all parameters and buffers, in that order.
    ///
    /// # Errors
    /// A Candle error where the device has no memory for it.
    pub fn snapshot(&self) -> candle_core::Result<Snapshot> {
        let mut values = IndexMap::new();
        for (name, parameter) in self.iter() {
            values.insert(name.to_owned(), parameter.var.as_detached_tensor().copy()?);
        }
        for (name, buffer) in self.buffers() {
            values.insert(name.to_owned(), buffer.get()?);
        }
        Ok(Snapshot(values))
    }

    /// Puts back what [`Parameters::snapshot`] took, here or from a network of the same parameters.
    ///
    /// # Errors
    /// [`EvalError::TensorMismatch`] names a tensor that is missing, superfluous or of another
    /// shape or element type; then nothing is changed.
    pub fn restore(&self, snapshot: &Snapshot) -> Result<(), EvalError> {
        self.adopt(&snapshot.0, "the snapshot")
    }

    /// Writes all parameters and buffers to a safetensors file. The file is there completely or not
    /// at all.
    ///
    /// # Errors
    /// [`EvalError::Io`] where it cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), EvalError> {
        tensor_file::save(path, FORMAT, VERSION, &NoContent {}, &self.snapshot()?.0)
    }

    /// What [`Parameters::save`] writes to a file of this name.
    ///
    /// # Errors
    /// A Candle error where the device has no memory for a copy.
    pub fn to_bytes(&self, name: &Path) -> Result<Vec<u8>, EvalError> {
        tensor_file::bytes(name, FORMAT, VERSION, &NoContent {}, &self.snapshot()?.0)
    }

    /// Reads what [`Parameters::save`] wrote.
    ///
    /// # Errors
    /// [`EvalError::Io`] where the file cannot be read, [`EvalError::Format`] where it is torn,
    /// damaged or of another format or version, [`EvalError::TensorMismatch`] where it is of
    /// another network; then nothing is changed.
    pub fn load(&self, path: &Path) -> Result<(), EvalError> {
        let (NoContent {}, tensors) =
            tensor_file::load(path, FORMAT, VERSION..=VERSION, &self.compute.device)?;
        self.adopt(&tensors, &path.display().to_string())
    }

    /// Takes over the values of exactly these tensors, from `place`.
    pub(crate) fn adopt(&self, tensors: &IndexMap<String, Tensor>, place: &str) -> Result<(), EvalError> {
        let mut vars = Vec::with_capacity(self.parameters.len());
        for (name, parameter) in self.iter() {
            vars.push((
                &parameter.var,
                self.find(tensors, name, parameter.var.dims(), place)?,
            ));
        }
        let mut buffers = Vec::with_capacity(self.buffers.len());
        for (name, buffer) in self.buffers() {
            buffers.push((buffer, self.find(tensors, name, buffer.get()?.dims(), place)?));
        }
        let superfluous = tensors.iter().find(|(name, _)| self.check_new(name).is_ok());
        if let Some((name, tensor)) = superfluous {
            return Err(mismatch(
                place,
                name,
                "no such tensor".to_owned(),
                describe(tensor.dtype(), tensor.dims()),
            ));
        }
        for (var, tensor) in vars {
            var.set(&tensor.to_device(&self.compute.device)?)?;
        }
        for (buffer, tensor) in buffers {
            buffer.set(&tensor.to_device(&self.compute.device)?)?;
        }
        Ok(())
    }

    fn find<'a>(
        &self,
        tensors: &'a IndexMap<String, Tensor>,
        name: &str,
        shape: &[usize],
        place: &str,
    ) -> Result<&'a Tensor, EvalError> {
        let expected = describe(self.compute.dtype, shape);
        match tensors.get(name) {
            Some(tensor) if tensor.dims() == shape && tensor.dtype() == self.compute.dtype => Ok(tensor),
            Some(tensor) => Err(mismatch(
                place,
                name,
                expected,
                describe(tensor.dtype(), tensor.dims()),
            )),
            None => Err(mismatch(place, name, expected, "missing".to_owned())),
        }
    }
}

fn describe(dtype: DType, shape: &[usize]) -> String {
    format!("{} {shape:?}", dtype.as_str())
}

fn mismatch(place: &str, tensor: &str, expected: String, got: String) -> EvalError {
    EvalError::TensorMismatch {
        place: place.to_owned(),
        tensor: tensor.to_owned(),
        expected,
        got,
    }
}

impl Buffer {
    /// The value.
    ///
    /// # Errors
    /// None today; a Candle error where a device could not give it.
    pub fn get(&self) -> candle_core::Result<Tensor> {
        Ok(self.0.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    /// Replaces the value; the tape of `value` is not kept.
    ///
    /// # Errors
    /// A Candle error where shape or element type differ.
    pub fn set(&self, value: &Tensor) -> candle_core::Result<()> {
        let mut cell = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if cell.shape() != value.shape() || cell.dtype() != value.dtype() {
            candle_core::bail!(
                "a buffer of {} {:?} cannot be set to {} {:?}",
                cell.dtype().as_str(),
                cell.dims(),
                value.dtype().as_str(),
                value.dims()
            );
        }
        *cell = value.detach();
        Ok(())
    }

    /// Moves the value towards `newest`: value ← (1 − `momentum`) · value + `momentum` · newest.
    ///
    /// # Errors
    /// As [`Buffer::set`].
    pub fn follow(&self, newest: &Tensor, momentum: f64) -> candle_core::Result<()> {
        let moved = ((self.get()? * (1.0 - momentum))? + (newest.detach() * momentum)?)?;
        self.set(&moved)
    }
}

impl Snapshot {
    /// The tensors by name: parameters first, then buffers.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Tensor)> {
        self.0.iter().map(|(name, tensor)| (name.as_str(), tensor))
    }

    /// A snapshot of these tensors, which [`Parameters::restore`] checks.
    pub fn from_tensors(tensors: IndexMap<String, Tensor>) -> Self {
        Self(tensors)
    }

    /// The tensors by name.
    pub fn tensors(&self) -> &IndexMap<String, Tensor> {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weights(seed: u64, names: &[&str], dtype: DType) -> Parameters {
        let mut parameters = Parameters::new(Seed::new(seed), &Compute::cpu().with_dtype(dtype));
        for name in names {
            parameters
                .create(name, &[2, 3], Init::KaimingUniform { fan_in: 3 }, true)
                .unwrap();
        }
        parameters
    }

    fn values(parameters: &Parameters, name: &str) -> Vec<f64> {
        let tensor = parameters.get(name).unwrap().var.to_dtype(DType::F64).unwrap();
        tensor.flatten_all().unwrap().to_vec1().unwrap()
    }

    #[test]
    fn values_depend_on_seed_and_name_but_not_on_the_order_of_creation() {
        let (ab, ba) = (
            weights(1, &["a", "b"], DType::F32),
            weights(1, &["b", "a"], DType::F32),
        );
        assert_eq!(values(&ab, "a"), values(&ba, "a"));
        assert_ne!(values(&ab, "a"), values(&ab, "b"));
        assert_ne!(values(&ab, "a"), values(&weights(2, &["a"], DType::F32), "a"));
    }

    #[test]
    fn single_precision_starts_as_rounded_double_precision() {
        let (single, double) = (weights(1, &["a"], DType::F32), weights(1, &["a"], DType::F64));
        let rounded: Vec<f64> = values(&double, "a")
            .iter()
            .map(|&v| f64::from(v as f32))
            .collect();
        assert_eq!(values(&single, "a"), rounded);
    }

    /// A change of these numbers changes every network that was ever trained.
    #[test]
    fn value_stability() {
        let got: Vec<f32> = values(&weights(42, &["conv.weight"], DType::F32), "conv.weight")
            .into_iter()
            .map(|v| v as f32)
            .collect();
        assert_eq!(
            got,
            [
                -0.42682382,
                0.5195323,
                0.24206017,
                -0.01592908,
                -0.5233595,
                0.06442172
            ]
        );
    }

    #[test]
    fn a_name_can_be_taken_only_once() {
        let mut parameters = weights(1, &["a"], DType::F32);
        assert!(parameters.create("a", &[1], Init::Zeros, true).is_err());
        assert!(parameters.create_buffer("a", &[1], 0.0).is_err());
    }

    #[test]
    fn other_element_types_are_refused() {
        let mut parameters = Parameters::new(Seed::new(0), &Compute::cpu().with_dtype(DType::U8));
        let error = parameters.create("a", &[1], Init::Zeros, true).unwrap_err();
        assert!(error.to_string().contains("f32 or f64"), "{error}");
    }

    #[test]
    fn a_snapshot_is_independent_and_restores_everything() {
        let mut parameters = weights(1, &["a"], DType::F32);
        let buffer = parameters.create_buffer("mean", &[2], 0.5).unwrap();
        let before = values(&parameters, "a");
        let snapshot = parameters.snapshot().unwrap();
        let var = &parameters.get("a").unwrap().var;
        var.set(&var.ones_like().unwrap()).unwrap();
        buffer
            .set(&Tensor::new(&[1f32, 2.0], &Device::Cpu).unwrap())
            .unwrap();
        assert_ne!(values(&parameters, "a"), before);
        parameters.restore(&snapshot).unwrap();
        assert_eq!(values(&parameters, "a"), before);
        assert_eq!(buffer.get().unwrap().to_vec1::<f32>().unwrap(), [0.5; 2]);
        assert!(weights(1, &["b"], DType::F32).restore(&snapshot).is_err());
    }

    #[test]
    fn a_buffer_follows_and_keeps_its_shape() {
        let mut parameters = Parameters::new(Seed::new(0), &Compute::cpu().with_dtype(DType::F64));
        let buffer = parameters.create_buffer("mean", &[2], 1.0).unwrap();
        buffer
            .follow(&Tensor::new(&[3f64, 1.0], &Device::Cpu).unwrap(), 0.25)
            .unwrap();
        assert_eq!(
            parameters
                .buffer("mean")
                .unwrap()
                .get()
                .unwrap()
                .to_vec1::<f64>()
                .unwrap(),
            [1.5, 1.0]
        );
        assert!(buffer.set(&Tensor::new(&[1f64], &Device::Cpu).unwrap()).is_err());
    }

    #[test]
    fn only_parameters_are_counted() {
        let mut parameters = weights(1, &["a", "b"], DType::F32);
        parameters.create_buffer("mean", &[7], 0.0).unwrap();
        assert_eq!(parameters.count(), 12);
    }

    #[test]
    fn a_saved_file_restores_parameters_and_buffers_of_either_element_type() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("weights.safetensors");
        for dtype in [DType::F32, DType::F64] {
            let (mut saved, mut other) = (weights(1, &["b", "a"], dtype), weights(2, &["b", "a"], dtype));
            saved.create_buffer("mean", &[2], 0.1).unwrap();
            other.create_buffer("mean", &[2], 0.0).unwrap();
            saved.save(&path).unwrap();
            other.load(&path).unwrap();
            for ((name, a), (_, b)) in saved
                .snapshot()
                .unwrap()
                .iter()
                .zip(other.snapshot().unwrap().iter())
            {
                assert_eq!(a.to_string(), b.to_string(), "{name}");
            }
        }
        assert_eq!(
            std::fs::read_dir(dir.path()).unwrap().count(),
            1,
            "no temporary file is left"
        );
    }

    #[test]
    fn a_file_of_another_network_is_refused_by_the_name_of_the_tensor() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("weights.safetensors");
        weights(1, &["a", "b"], DType::F32).save(&path).unwrap();
        let mut other_shape = weights(1, &["b"], DType::F32);
        other_shape.create("a", &[6], Init::Zeros, true).unwrap();
        for (other, tensor, reason) in [
            (weights(1, &["a", "b", "c"], DType::F32), "c", "missing"),
            (weights(1, &["a"], DType::F32), "b", "no such tensor"),
            (other_shape, "a", "[6]"),
            (weights(1, &["a", "b"], DType::F64), "a", "f64"),
        ] {
            let before = values(&other, other.iter().next().unwrap().0);
            let error = other.load(&path).unwrap_err().to_string();
            for part in [&format!("'{tensor}'"), reason, "weights.safetensors"] {
                assert!(error.contains(part), "{error} lacks {part}");
            }
            assert_eq!(
                values(&other, other.iter().next().unwrap().0),
                before,
                "nothing is changed"
            );
        }
    }
}
