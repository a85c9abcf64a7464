//! Runs the exported network in Rust, and compares.

use rten::{Model, ModelOptions};
use rten_tensor::NdTensor;
use rten_tensor::prelude::*;

use super::graph::{INPUT, LOGITS};
use super::quantize::Ranges;
use crate::difference::Difference;
use crate::error::ExportError;
use crate::largest::largest;
use crate::source::Source;

/// Images whose values are all kept at a time.
const CALIBRATED_TOGETHER: usize = 8;

/// An exported network, ready to run in the runtime `rten`, which shares no code with the trainer.
pub struct OnnxRun {
    model: Model,
}

impl std::fmt::Debug for OnnxRun {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OnnxRun").finish_non_exhaustive()
    }
}

impl OnnxRun {
    /// The network in the bytes of an ONNX file.
    ///
    /// # Errors
    /// [`ExportError::Runtime`] where the runtime does not read it.
    pub fn new(file: &[u8]) -> Result<Self, ExportError> {
        let model = Model::load(file.to_vec()).map_err(|error| runtime(&error))?;
        Ok(Self { model })
    }

    /// The same with every value of the graph computed as it stands there.
    pub(super) fn unoptimized(file: &[u8]) -> Result<Self, ExportError> {
        let mut options = ModelOptions::with_all_ops();
        options.enable_optimization(false);
        let model = options.load(file.to_vec()).map_err(|error| runtime(&error))?;
        Ok(Self { model })
    }

    /// The smallest and the largest number that each of these values has on images of this shape.
    pub(super) fn ranges(
        &self,
        values: &[String],
        images: &[Vec<u8>],
        shape: [usize; 3],
    ) -> Result<Ranges, ExportError> {
        let mut ranges = Ranges::new();
        for batch in images.chunks(CALIBRATED_TOGETHER) {
            let names: Vec<&str> = values.iter().map(String::as_str).collect();
            for (name, numbers) in values.iter().zip(self.values(&names, batch, shape)?) {
                let [low, high] = ranges
                    .entry(name.clone())
                    .or_insert([f32::INFINITY, f32::NEG_INFINITY]);
                for number in numbers {
                    (*low, *high) = (low.min(number), high.max(number));
                }
            }
        }
        ranges.retain(|_, [low, high]| low.is_finite() && high.is_finite());
        Ok(ranges)
    }

    /// The class scores, before the softmax, of a batch of images of this shape, C×H×W bytes each.
    ///
    /// # Errors
    /// [`ExportError::Runtime`] where the network takes no such images.
    pub fn scores(&self, images: &[Vec<u8>], shape: [usize; 3]) -> Result<Vec<Vec<f32>>, ExportError> {
        let scores = self.values(&[LOGITS], images, shape)?.concat();
        let classes = scores.len() / images.len().max(1);
        Ok(scores.chunks(classes.max(1)).map(<[f32]>::to_vec).collect())
    }

    /// The class that each of these images is given, by label.
    ///
    /// # Errors
    /// As [`OnnxRun::scores`].
    pub fn classes(&self, images: &[Vec<u8>], shape: [usize; 3]) -> Result<Vec<usize>, ExportError> {
        let scores = self.scores(images, shape)?;
        Ok(scores.iter().map(|scores| largest(scores)).collect())
    }

    /// The values of these names for a batch of images.
    fn values(
        &self,
        names: &[&str],
        images: &[Vec<u8>],
        shape: [usize; 3],
    ) -> Result<Vec<Vec<f32>>, ExportError> {
        let [channels, height, width] = shape;
        let dims = [images.len(), channels, height, width];
        let batch = NdTensor::try_from_data(dims, images.concat()).map_err(|error| runtime(&error))?;
        let node = |name| self.model.node_id(name).map_err(|error| runtime(&error));
        let nodes: Vec<_> = names.iter().map(|name| node(name)).collect::<Result<_, _>>()?;
        let input = vec![(node(INPUT)?, batch.view().into())];
        let outputs = self
            .model
            .run(input, &nodes, None)
            .map_err(|error| runtime(&error))?;
        let numbers = |value: rten::Value| value.into_tensor::<f32>().map(|tensor| tensor.to_vec());
        let outputs: Option<Vec<Vec<f32>>> = outputs.into_iter().map(numbers).collect();
        outputs.ok_or_else(|| ExportError::Runtime {
            reason: "its outputs are no 32-bit numbers".to_owned(),
        })
    }

    /// Compares with the source on these images, C×H×W bytes each.
    ///
    /// # Errors
    /// As [`OnnxRun::scores`], and a Candle error from the source.
    pub fn compare(&self, source: &Source<'_>, images: &[Vec<u8>]) -> Result<Difference, ExportError> {
        let image = source.model.network().image();
        let shape = [image.channels, image.height, image.width];
        Difference::of(source, images, |batch| self.scores(batch, shape))
    }
}

fn runtime(error: &dyn std::error::Error) -> ExportError {
    ExportError::Runtime {
        reason: error.to_string(),
    }
}
