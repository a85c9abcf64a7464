//! What is exported.

use std::borrow::Cow;

use nas_data::Resize;
use nas_eval::data::Normalization;
use nas_eval::{Model, TrainedNetwork};

use crate::error::ExportError;

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
