//! A trained network with everything needed to use it, in one file.

use std::path::Path;
use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use nas_data::Resize;
use nas_space::genotype::Genotype;
use nas_space::network::NetworkConfig;
use nas_space::op::Operations;
use nas_space::seed::Seed;
use nas_space::shape::Shape;
use serde::{Deserialize, Serialize};

use crate::compute::Compute;
use crate::data::{DatasetInfo, Normalization};
use crate::error::EvalError;
use crate::exact::Exact;
use crate::model::{Model, stored_numbers};
use crate::nn::tensor_file;
use crate::train::{JudgedBy, TrainConfig};

const FORMAT: &str = "nas-network";
const VERSION: u32 = 2;
/// The first version, which knows no classes by name and not how images are made to fit.
const FIRST_VERSION: u32 = 1;
/// What writes these files.
pub(crate) const MADE_BY: &str = concat!("nas ", env!("CARGO_PKG_VERSION"));
/// Operations that a network may have on the edges of its cells, however little is stored: several
/// times what any published one has.
const EDGES_OF_ANY: usize = 2048;
/// Numbers of an image of a data set that this crate does not know.
const MOST_OF_AN_IMAGE: usize = 1 << 24;
/// Stored numbers for each operation beyond these. Most operations have a convolution, which has
/// more.
const NUMBERS_PER_EDGE: usize = 64;

/// A trained network, its architecture and its training data.
///
/// Its file is in the safetensors format: the weights and running statistics by name, and in the
/// metadata, as JSON, the other fields.
#[derive(Debug)]
pub struct TrainedNetwork {
    /// The architecture.
    pub genotype: Genotype,
    /// The size it was built at.
    pub network: NetworkConfig,
    /// Name of the data set it was trained on.
    pub dataset: String,
    /// Names of the classes, by label: one for each class of the network.
    pub classes: Vec<String>,
    /// How images of other sizes are brought to that of the network.
    pub resize: Resize,
    /// The fingerprint of the user's images that it was trained on.
    pub fingerprint: Option<String>,
    /// What it was chosen by.
    pub judged_by: JudgedBy,
    /// The program that trained it, with its version.
    pub made_by: String,
    /// How its images are normalised.
    pub normalization: Arc<Normalization>,
    /// How it was trained.
    pub train: TrainConfig,
    /// The network with its weights.
    pub model: Model,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    genotype: Genotype,
    network: NetworkConfig,
    dataset: String,
    #[serde(default)]
    classes: Vec<String>,
    #[serde(default)]
    resize: Option<Resize>,
    #[serde(default)]
    fingerprint: Option<String>,
    #[serde(default)]
    judged_by: JudgedBy,
    #[serde(default)]
    made_by: Option<String>,
    mean: Vec<Exact>,
    std: Vec<Exact>,
    train: TrainConfig,
    double_precision: bool,
}

impl Content {
    /// Checks that the network takes images of the data set that it was trained on, before anything
    /// of their size is made.
    fn check_images(&self, path: &Path) -> Result<(), EvalError> {
        let (image, classes) = (self.network.image, self.network.classes);
        let fits = match DatasetInfo::find(&self.dataset) {
            Ok(info) => (image, classes) == (info.shape, info.classes),
            // A data set of the caller's.
            Err(_) => {
                let numbers = image.height.checked_mul(image.width);
                let numbers = numbers.and_then(|numbers| numbers.checked_mul(image.channels));
                numbers.is_some_and(|numbers| numbers <= MOST_OF_AN_IMAGE)
            }
        };
        if fits {
            return Ok(());
        }
        let expected = DatasetInfo::find(&self.dataset).map_or_else(
            |_| format!("at most {MOST_OF_AN_IMAGE} numbers an image"),
            |info| {
                format!(
                    "{} and {} classes, as {} has",
                    sides(info.shape),
                    info.classes,
                    info.name
                )
            },
        );
        Err(EvalError::format(
            path,
            format!(
                "its network takes images of {} in {classes} classes; expected {expected}",
                sides(image)
            ),
        ))
    }
}

impl Content {
    /// The names of the classes; their numbers, where the file has none.
    fn names_of_classes(&self, path: &Path) -> Result<Vec<String>, EvalError> {
        let classes = self.network.classes;
        match self.classes.len() {
            0 => Ok((0..classes).map(|class| class.to_string()).collect()),
            named if named == classes => Ok(self.classes.clone()),
            named => Err(EvalError::format(
                path,
                format!("it names {named} classes, and its network tells {classes} apart"),
            )),
        }
    }
}

/// Channels, height and width of an image.
fn sides(shape: Shape) -> String {
    format!("{}x{}x{}", shape.channels, shape.height, shape.width)
}

impl TrainedNetwork {
    /// Writes it to a file, which is there completely or not at all.
    ///
    /// # Errors
    /// [`EvalError::Io`] where it cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), EvalError> {
        nas_files::replace(path, &self.to_bytes(path)?).map_err(|e| EvalError::io(path, e))
    }

    /// What [`TrainedNetwork::save`] writes to a file of this name.
    ///
    /// # Errors
    /// [`EvalError::Tensor`] where the device has no memory for a copy.
    pub fn to_bytes(&self, name: &Path) -> Result<Vec<u8>, EvalError> {
        let exact = |values: &[f64]| values.iter().map(|&value| Exact(value)).collect();
        let content = Content {
            genotype: self.genotype.clone(),
            network: self.network,
            dataset: self.dataset.clone(),
            classes: self.classes.clone(),
            resize: Some(self.resize),
            fingerprint: self.fingerprint.clone(),
            judged_by: self.judged_by,
            made_by: Some(self.made_by.clone()),
            mean: exact(self.normalization.mean()),
            std: exact(self.normalization.std()),
            train: self.train.clone(),
            double_precision: self.model.parameters().dtype() == DType::F64,
        };
        let snapshot = self.model.parameters().snapshot()?;
        tensor_file::bytes(name, FORMAT, VERSION, &content, snapshot.tensors())
    }

    /// Reads what [`TrainedNetwork::save`] wrote. `operations` are the vocabulary that its
    /// architecture is built from.
    ///
    /// # Errors
    /// [`EvalError::Io`] where the file cannot be read; [`EvalError::Format`] where it is torn,
    /// damaged or not such a file; [`EvalError::Space`] for an operation that is not in the
    /// vocabulary; [`EvalError::TensorMismatch`] where the weights are not those of the
    /// architecture.
    pub fn load(path: &Path, operations: &Operations, device: &Device) -> Result<Self, EvalError> {
        let (content, tensors): (Content, _) =
            tensor_file::load(path, FORMAT, FIRST_VERSION..=VERSION, device)?;
        content.check_images(path)?;
        let numbers = |values: &[Exact]| values.iter().map(|value| value.0).collect();
        let normalization = Normalization::new(numbers(&content.mean), numbers(&content.std))
            .map_err(|e| EvalError::format(path, e.to_string()))?;
        // A few digits say how often a cell is repeated: no network is laid out that is out of
        // proportion to the file.
        let edges: usize = content
            .genotype
            .cells()
            .iter()
            .map(|(_, cell)| cell.graph().edge_count())
            .sum();
        let edges = edges.saturating_mul(content.network.cells);
        let stored: usize = tensors.values().map(Tensor::elem_count).sum();
        let most = EDGES_OF_ANY + stored / NUMBERS_PER_EDGE;
        if edges > most {
            let reason = format!(
                "its network would have some {edges} operations, expected at most {most} where {stored} numbers are stored"
            );
            return Err(EvalError::format(path, reason));
        }
        let network = Arc::new(content.genotype.network(operations, &content.network)?);
        let compute = Compute::on(device.clone()).with_dtype(if content.double_precision {
            DType::F64
        } else {
            DType::F32
        });
        // What a few words say can be larger than any memory: nothing is made that the file does
        // not hold.
        let needed = stored_numbers(&network);
        if needed > stored as u64 {
            return Err(EvalError::TensorMismatch {
                place: path.display().to_string(),
                tensor: "all".to_owned(),
                expected: format!("{needed} numbers"),
                got: format!("{stored} numbers"),
            });
        }
        // Every drawn value is replaced by a stored one.
        let model = Model::new(network, Seed::new(0), &compute)?;
        model.parameters().adopt(&tensors, &path.display().to_string())?;
        Ok(Self {
            classes: content.names_of_classes(path)?,
            genotype: content.genotype,
            network: content.network,
            dataset: content.dataset,
            resize: content.resize.unwrap_or(Resize::Pad),
            fingerprint: content.fingerprint,
            judged_by: content.judged_by,
            made_by: content.made_by.unwrap_or_else(|| "nas".to_owned()),
            normalization: Arc::new(normalization),
            train: content.train,
            model,
        })
    }
}
