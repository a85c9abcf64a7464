//! What is exported.

use std::borrow::Cow;

use candle_core::{DType, Device, Tensor};
use nas_data::Resize;
use nas_eval::data::Normalization;
use nas_eval::model::Pass;
use nas_eval::{Model, TrainedNetwork};

use crate::error::ExportError;
use crate::largest::largest;

/// A network with its weights, and everything needed to use it.
#[derive(Debug, Clone)]
pub struct Source<'a> {
    /// The network with its weights.
    pub model: &'a Model,
    /// Names of the classes, by label.
    pub classes: Cow<'a, [String]>,
    /// How pixels are normalised: a mean and a standard deviation for each channel.
    pub normalization: Cow<'a, Normalization>,
    /// How images of other sizes are brought to that of the network.
    pub resize: Resize,
    /// What else is known of it, by name: written down beside the network.
    pub facts: Vec<(&'static str, String)>,
    /// The trained network that it is, where it is one that can be trained on.
    pub trained: Option<&'a TrainedNetwork>,
}

impl<'a> Source<'a> {
    /// A model by itself: its classes are numbers, and its pixels are divided by 255.
    pub fn of_model(model: &'a Model) -> Self {
        let network = model.network();
        let channels = network.image().channels;
        let classes = (0..network.classes()).map(|class| class.to_string());
        Self {
            model,
            classes: classes.collect(),
            normalization: Cow::Owned(Normalization::unit(channels)),
            resize: Resize::Pad,
            facts: Vec::new(),
            trained: None,
        }
    }

    /// A trained network.
    pub fn of(trained: &'a TrainedNetwork) -> Self {
        let mut facts = vec![
            ("architecture", trained.genotype.to_string()),
            ("dataset", trained.dataset.clone()),
            ("made_by", trained.made_by.clone()),
        ];
        facts.extend(trained.fingerprint.clone().map(|digest| ("fingerprint", digest)));
        Self {
            model: &trained.model,
            classes: Cow::Borrowed(&trained.classes),
            normalization: Cow::Borrowed(&trained.normalization),
            resize: trained.resize,
            facts,
            trained: Some(trained),
        }
    }

    /// Refuses to measure the ranges of values on no images.
    pub(crate) fn check_calibration(images: &[Vec<u8>]) -> Result<(), ExportError> {
        if images.is_empty() {
            return Err(ExportError::Mismatch {
                what: "the number of images to measure ranges on",
                got: "0".to_owned(),
                expected: "at least 1, and better some hundred".to_owned(),
            });
        }
        Ok(())
    }

    /// The class scores of images, C×H×W bytes each, as the trainer computes them.
    ///
    /// # Errors
    /// A Candle error, as for images of another size.
    pub fn scores(&self, images: &[Vec<u8>]) -> Result<Vec<Vec<f64>>, ExportError> {
        let image = self.model.network().image();
        let (mean, std) = (self.normalization.mean(), self.normalization.std());
        let plane = image.height * image.width;
        let normalized = images.iter().flatten().enumerate().map(|(place, &pixel)| {
            let channel = place / plane % image.channels;
            (f64::from(pixel) - mean[channel]) / std[channel]
        });
        let dims = (images.len(), image.channels, image.height, image.width);
        let batch = Tensor::from_vec(normalized.collect::<Vec<f64>>(), dims, &Device::Cpu)?;
        let compute = self.model.parameters().compute();
        let batch = batch.to_dtype(compute.dtype)?.to_device(&compute.device)?;
        let scores = self.model.forward(&batch, &Pass::Eval)?.main;
        Ok(scores.to_dtype(DType::F64)?.to_vec2()?)
    }

    /// The class of each of these images, C×H×W bytes each, by label.
    ///
    /// # Errors
    /// As [`Source::scores`].
    pub fn classes_of(&self, images: &[Vec<u8>]) -> Result<Vec<usize>, ExportError> {
        let scores = self.scores(images)?;
        Ok(scores.iter().map(|scores| largest(scores)).collect())
    }

    /// Refuses classes and constants that are not as many as the network has classes and channels.
    pub(crate) fn check(&self) -> Result<(), ExportError> {
        let network = self.model.network();
        let mismatch = |what, got: usize, expected: usize| ExportError::Mismatch {
            what,
            got: got.to_string(),
            expected: expected.to_string(),
        };
        if self.classes.len() != network.classes() {
            return Err(mismatch(
                "the number of named classes",
                self.classes.len(),
                network.classes(),
            ));
        }
        let channels = network.image().channels;
        match self.normalization.mean().len() {
            constants if constants == channels => Ok(()),
            constants => Err(mismatch("the number of normalised channels", constants, channels)),
        }
    }
}
