//! ONNX: for onnxruntime, browsers, phones and other runtimes.

#[cfg(feature = "check")]
mod check;
mod graph;
mod proto;
#[cfg(feature = "check")]
mod quantize;

use prost::Message as _;

#[cfg(feature = "check")]
pub use self::check::OnnxRun;
use self::proto::{Entry, Graph, Model, OperatorSet};
use crate::error::ExportError;
use crate::file::{File, Format};
use crate::preprocessing::Preprocessing;
use crate::source::Source;

/// The version of the operators.
const OPSET: i64 = 17;
/// The version of the file format.
const IR_VERSION: i64 = 8;
/// What reads images as this toolkit does.
const PREDICT: &str = include_str!("predict.py");

/// ONNX of opset 17, IR version 8.
///
/// Its input `image` takes bytes, N×C×H×W with any N, as [`Preprocessing`] says. Its outputs are
/// `logits` and `probabilities`, N×classes. The metadata hold the names of the classes, as JSON
/// under `classes`, and what is known of the network.
#[derive(Debug, Clone, Copy, Default)]
pub struct Onnx {
    /// Whether batch norms stay layers of their own, for training on, rather than become part of
    /// the convolutions before them.
    pub keep_batch_norm: bool,
}

impl Onnx {
    /// The network alone, as the bytes of a file.
    ///
    /// # Errors
    /// As [`Format::files`].
    pub fn network(&self, source: &Source<'_>) -> Result<Vec<u8>, ExportError> {
        source.check()?;
        if self.keep_batch_norm {
            return Ok(model(source, graph::graph(source)?));
        }
        Ok(model(source, folded(source)?))
    }

    /// The network in 8-bit integers, as the bytes of a file: a quarter of the size, and faster where
    /// the processor and the runtime have integers. `images` are some hundred of those trained on, as
    /// the network takes them: the ranges of all values are measured on them. Batch norms become part
    /// of convolutions.
    ///
    /// # Errors
    /// As [`Format::files`]; [`ExportError::Mismatch`] without images; [`ExportError::Runtime`] where
    /// the ranges cannot be measured.
    #[cfg(feature = "check")]
    pub fn quantized(&self, source: &Source<'_>, images: &[Vec<u8>]) -> Result<Vec<u8>, ExportError> {
        source.check()?;
        Source::check_calibration(images)?;
        let graph = folded(source)?;
        let values = quantize::values(&graph);
        let image = source.model.network().image();
        let run = OnnxRun::unoptimized(&model(source, graph.clone()))?;
        let ranges = run.ranges(&values, images, [image.channels, image.height, image.width])?;
        // The facts about the network are in the file of the exact one.
        let facts = Vec::new();
        Ok(model(
            &Source {
                facts,
                ..source.clone()
            },
            quantize::quantized(graph, &ranges),
        ))
    }
}

/// The graph of a source with folded batch norms.
fn folded(source: &Source<'_>) -> Result<Graph, ExportError> {
    graph::graph(&Source {
        model: &source.model.folded()?,
        ..source.clone()
    })
}

impl Format for Onnx {
    fn name(&self) -> &'static str {
        "onnx"
    }

    fn files(&self, source: &Source<'_>) -> Result<Vec<File>, ExportError> {
        Ok(vec![
            File::new("network.onnx", self.network(source)?),
            File::new("preprocess.json", Preprocessing::of(source).json()),
            File::new("predict.py", PREDICT),
        ])
    }
}

fn model(source: &Source<'_>, graph: Graph) -> Vec<u8> {
    let classes = ("classes", Preprocessing::of(source).classes_json());
    let facts = source.facts.iter().cloned();
    let model = Model {
        ir_version: IR_VERSION,
        producer_name: "nas".to_owned(),
        producer_version: env!("CARGO_PKG_VERSION").to_owned(),
        graph: Some(graph),
        opset_import: vec![OperatorSet {
            domain: String::new(),
            version: OPSET,
        }],
        metadata_props: std::iter::once(classes)
            .chain(facts)
            .map(|(key, value)| Entry {
                key: key.to_owned(),
                value,
            })
            .collect(),
    };
    model.encode_to_vec()
}
