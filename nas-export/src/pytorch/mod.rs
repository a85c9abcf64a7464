//! PyTorch: for further training and for changing the network in a text editor.

mod class;
mod modules;
mod recipe;
mod scope;

use std::collections::BTreeMap;
use std::path::Path;

use nas_eval::train::TrainConfig;

use crate::error::ExportError;
use crate::file::{File, Format};
use crate::preprocessing::Preprocessing;
use crate::source::Source;

const MODEL: &str = include_str!("model.py");
const PREDICT: &str = include_str!("predict.py");
/// The program that reads images for ONNX: PyTorch's programs read them with the same functions.
const ONNX_PREDICT: &str = include_str!("../onnx/predict.py");
const WEIGHTS: &str = "model.safetensors";

/// PyTorch 2 without other packages: a readable module, its weights, and programs that train it on
/// and use it on images.
///
/// The module takes pixels, N×C×H×W, as [`Preprocessing`] says, and gives class scores, N×classes.
/// Its parameters and running statistics are named as in the model. `model.safetensors` is the file
/// of the trained network where [`Source::trained`] has one, else that of the parameters alone;
/// what PyTorch has trained on is written in the same form. `train.py` has the recipe of the trained
/// network, else that of [`TrainConfig::default`].
#[derive(Debug, Clone, Copy, Default)]
pub struct PyTorch;

impl Format for PyTorch {
    fn name(&self) -> &'static str {
        "pytorch"
    }

    fn files(&self, source: &Source<'_>) -> Result<Vec<File>, ExportError> {
        source.check()?;
        let weights = match source.trained {
            Some(trained) => trained.to_bytes(Path::new(WEIGHTS))?,
            None => source.model.parameters().to_bytes(Path::new(WEIGHTS))?,
        };
        let recipe = source
            .trained
            .map_or_else(TrainConfig::default, |trained| trained.train.clone());
        Ok(vec![
            File::new("model.py", model(source)?),
            File::new(WEIGHTS, weights),
            File::new("train.py", recipe::train(&recipe)?),
            File::new("predict.py", PREDICT),
            File::new("prepare.py", prepare()),
            File::new("preprocess.json", Preprocessing::of(source).json()),
        ])
    }
}

fn model(source: &Source<'_>) -> Result<String, ExportError> {
    let about: BTreeMap<&str, &str> = source
        .facts
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let facts = format!(
        "CLASSES = {}\nMEAN = {:?}  # of each channel, in values of pixels\nSTD = {:?}\nABOUT = {}",
        Preprocessing::of(source).classes_json(),
        source.normalization.mean(),
        source.normalization.std(),
        // Names and text in JSON are literals of Python.
        serde_json::to_string_pretty(&about).unwrap_or_default(),
    );
    let classes = modules::classes(source.model.network())?.text();
    // What comes from outside is put in last, so that nothing is replaced in it.
    Ok(MODEL
        .replace("__CLASSES__", &classes)
        .replace("__FACTS__", &facts))
}

/// `prepare.py`: the part of the ONNX program that reads images.
fn prepare() -> String {
    let functions = ONNX_PREDICT
        .split_once("\ndef eight_bits")
        .map_or("", |(_, rest)| rest);
    let functions = functions
        .split_once("\n\ndef predict(")
        .map_or(functions, |(functions, _)| functions);
    format!(
        "\"\"\"Reads images as the program that trained the network reads them.\"\"\"\n\n\
         import numpy as np\nfrom PIL import Image, ImageOps\n\n\ndef eight_bits{functions}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_prepared_by_the_functions_of_the_onnx_program() {
        let text = prepare();
        for function in ["eight_bits", "border", "fitting", "resized", "prepare"] {
            assert!(text.contains(&format!("\ndef {function}(")), "{function}: {text}");
        }
        assert!(!text.contains("onnxruntime"), "{text}");
    }
}
