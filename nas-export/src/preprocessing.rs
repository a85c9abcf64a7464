//! How images become what an exported network takes.

use nas_data::Resize;
use serde::Serialize;

use crate::source::Source;

/// What is done to an image before a network sees it, as `preprocess.json` says it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Preprocessing {
    /// 1 for grey, 3 for red, green and blue.
    pub channels: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// What happens to an image whose sides are not in this proportion.
    pub resize: Resize,
    /// The filter of resizing.
    pub filter: &'static str,
    /// The order of dimensions and the type of the input.
    pub input: &'static str,
    /// Mean of each channel, in pixel units. The exported network normalises by itself.
    pub mean: Vec<f64>,
    /// Standard deviation of each channel, in pixel units.
    pub std: Vec<f64>,
    /// Names of the classes, in the order of the outputs.
    pub classes: Vec<String>,
}

impl Preprocessing {
    /// That of a source.
    pub fn of(source: &Source<'_>) -> Self {
        let image = source.model.network().image();
        Self {
            channels: image.channels,
            height: image.height,
            width: image.width,
            resize: source.resize,
            filter: "bilinear",
            input: "uint8 NCHW",
            mean: source.normalization.mean().to_vec(),
            std: source.normalization.std().to_vec(),
            classes: source.classes.to_vec(),
        }
    }

    /// As JSON.
    pub fn json(&self) -> String {
        // Numbers and text: there is nothing that could not be written.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    /// The names of the classes as JSON.
    pub(crate) fn classes_json(&self) -> String {
        serde_json::to_string(&self.classes).unwrap_or_default()
    }
}
