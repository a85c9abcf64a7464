//! From the layers of a network to the nodes of an ONNX graph.

use candle_core::DType;
use nas_eval::Model;
use nas_eval::model::BATCH_NORM_EPSILON;
use nas_space::network::{Layer, LayerId, LayerKind, PoolKind};

use super::proto::{Attribute, FLOAT, Graph, INT64, Node, Tensor, UINT8, ValueInfo};
use crate::error::ExportError;
use crate::parameter::parameter;
use crate::source::Source;

/// What goes in: bytes, N×C×H×W.
pub(super) const INPUT: &str = "image";
/// What comes out: N×classes.
pub(super) const LOGITS: &str = "logits";
pub(super) const PROBABILITIES: &str = "probabilities";

/// A graph that grows node by node.
#[derive(Debug, Default)]
pub(super) struct Builder {
    pub(super) nodes: Vec<Node>,
    pub(super) initializers: Vec<Tensor>,
}

impl Builder {
    /// Adds a node with one output, which is called as the node is.
    pub(super) fn node(
        &mut self,
        op: &str,
        name: &str,
        inputs: &[&str],
        attributes: Vec<Attribute>,
    ) -> String {
        self.nodes.push(Node {
            input: inputs.iter().map(|&input| input.to_owned()).collect(),
            output: vec![name.to_owned()],
            name: name.to_owned(),
            op_type: op.to_owned(),
            attribute: attributes,
        });
        name.to_owned()
    }

    fn constant(&mut self, name: &str, data_type: i32, dims: &[usize], raw_data: Vec<u8>) -> String {
        self.initializers.push(Tensor {
            dims: dims.iter().map(|&dim| dim as i64).collect(),
            data_type,
            name: name.to_owned(),
            raw_data,
        });
        name.to_owned()
    }

    pub(super) fn floats(&mut self, name: &str, dims: &[usize], values: &[f32]) -> String {
        let raw = values.iter().flat_map(|value| value.to_le_bytes());
        self.constant(name, FLOAT, dims, raw.collect())
    }

    fn integers(&mut self, name: &str, values: &[i64]) -> String {
        let raw = values.iter().flat_map(|value| value.to_le_bytes());
        self.constant(name, INT64, &[values.len()], raw.collect())
    }

    pub(super) fn bytes(&mut self, name: &str, data_type: i32, dims: &[usize], raw: Vec<u8>) -> String {
        self.constant(name, data_type, dims, raw)
    }

    fn slice(
        &mut self,
        name: &str,
        x: &str,
        axes: &[i64],
        starts: &[i64],
        ends: &[i64],
        steps: &[i64],
    ) -> String {
        let inputs: Vec<String> = [
            ("starts", starts),
            ("ends", ends),
            ("axes", axes),
            ("steps", steps),
        ]
        .into_iter()
        .map(|(what, values)| self.integers(&format!("{name}.{what}"), values))
        .collect();
        let inputs: Vec<&str> = std::iter::once(x)
            .chain(inputs.iter().map(String::as_str))
            .collect();
        self.node("Slice", name, &inputs, Vec::new())
    }
}

/// The graph of a source whose classes and constants have been checked.
pub(super) fn graph(source: &Source<'_>) -> Result<Graph, ExportError> {
    let network = source.model.network();
    let mut layers = Layers {
        model: source.model,
        builder: Builder::default(),
        names: Vec::new(),
    };
    let normalized = normalize(&mut layers.builder, source);
    for (layer, needed) in network.layers().iter().zip(network.behind_logits()) {
        let name = match layer.kind {
            LayerKind::Input => normalized.clone(),
            // The auxiliary head is for training.
            _ if !needed => String::new(),
            _ => layers.layer(layer)?,
        };
        layers.names.push(name);
    }
    let scores = layers.name(network.logits()).to_owned();
    let mut builder = layers.builder;
    builder.node("Flatten", LOGITS, &[&scores], Vec::new());
    builder.node("Softmax", PROBABILITIES, &[LOGITS], Vec::new());
    let image = network.image();
    let classes = [network.classes()];
    Ok(Graph {
        node: builder.nodes,
        name: "network".to_owned(),
        initializer: builder.initializers,
        input: vec![ValueInfo::batch(
            INPUT,
            UINT8,
            &[image.channels, image.height, image.width],
        )],
        output: vec![
            ValueInfo::batch(LOGITS, FLOAT, &classes),
            ValueInfo::batch(PROBABILITIES, FLOAT, &classes),
        ],
    })
}

/// (pixel − mean) / std.
fn normalize(builder: &mut Builder, source: &Source<'_>) -> String {
    let single = |values: &[f64]| values.iter().map(|&value| value as f32).collect::<Vec<_>>();
    let (mean, std) = (
        single(source.normalization.mean()),
        single(source.normalization.std()),
    );
    let dims = [1, mean.len(), 1, 1];
    let pixels = builder.node(
        "Cast",
        "pixels",
        &[INPUT],
        vec![Attribute::int("to", i64::from(FLOAT))],
    );
    let mean = builder.floats("mean", &dims, &mean);
    let std = builder.floats("std", &dims, &std);
    let centered = builder.node("Sub", "centered", &[&pixels, &mean], Vec::new());
    builder.node("Div", "normalized", &[&centered, &std], Vec::new())
}

/// The layers of a network as they become nodes.
struct Layers<'a> {
    model: &'a Model,
    builder: Builder,
    /// What each layer's output is called.
    names: Vec<String>,
}

impl Layers<'_> {
    fn name(&self, id: LayerId) -> &str {
        &self.names[id.index()]
    }

    /// Adds what this layer computes.
    fn layer(&mut self, layer: &Layer) -> Result<String, ExportError> {
        let inputs: Vec<String> = layer.inputs.iter().map(|&id| self.name(id).to_owned()).collect();
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        let x = inputs.first().copied().unwrap_or_default();
        let before = layer
            .inputs
            .first()
            .map(|&id| self.model.network().layer(id).shape);
        let name = layer.name.as_str();
        let ends = before.map_or([0, 0], |shape| [shape.height as i64, shape.width as i64]);
        let ints = |name: &str, values: &[usize]| {
            Attribute::ints(name, values.iter().map(|&value| value as i64).collect())
        };
        let around = |padding: [usize; 2]| [padding[0], padding[1], padding[0], padding[1]];
        Ok(match &layer.kind {
            LayerKind::Relu => self.builder.node("Relu", name, &[x], Vec::new()),
            LayerKind::Conv2d(conv) => {
                let mut values = vec![x.to_owned(), self.parameter(layer, "weight")?];
                if conv.bias {
                    values.push(self.parameter(layer, "bias")?);
                }
                let values: Vec<&str> = values.iter().map(String::as_str).collect();
                let attributes = vec![
                    ints("kernel_shape", &conv.kernel),
                    ints("strides", &conv.stride),
                    ints("pads", &around(conv.padding)),
                    ints("dilations", &conv.dilation),
                    Attribute::int("group", conv.groups as i64),
                ];
                self.builder.node("Conv", name, &values, attributes)
            }
            LayerKind::Linear { .. } => {
                let flat = format!("{name}.flat");
                let flat = self
                    .builder
                    .node("Flatten", &flat, &[x], vec![Attribute::int("axis", 1)]);
                let weight = self.parameter(layer, "weight")?;
                let bias = self.parameter(layer, "bias")?;
                let transposed = vec![Attribute::int("transB", 1)];
                self.builder
                    .node("Gemm", name, &[&flat, &weight, &bias], transposed)
            }
            LayerKind::BatchNorm { affine } => {
                let channels = layer.shape.channels;
                let (weight, bias) = if *affine {
                    (self.parameter(layer, "weight")?, self.parameter(layer, "bias")?)
                } else {
                    let mut all = |suffix: &str, value: f32| {
                        self.builder
                            .floats(&format!("{name}.{suffix}"), &[channels], &vec![value; channels])
                    };
                    (all("weight", 1.0), all("bias", 0.0))
                };
                let mean = self.parameter(layer, "running_mean")?;
                let variance = self.parameter(layer, "running_var")?;
                let epsilon = vec![Attribute::float("epsilon", BATCH_NORM_EPSILON as f32)];
                let inputs = [x, &weight, &bias, &mean, &variance];
                self.builder.node("BatchNormalization", name, &inputs, epsilon)
            }
            LayerKind::Pool2d(pool) => {
                let mut attributes = vec![
                    ints("kernel_shape", &pool.kernel),
                    ints("strides", &pool.stride),
                    ints("pads", &around(pool.padding)),
                ];
                let op = match pool.kind {
                    PoolKind::Max => "MaxPool",
                    PoolKind::Average => {
                        // What is padding counts in no mean.
                        attributes.push(Attribute::int("count_include_pad", 0));
                        "AveragePool"
                    }
                };
                self.builder.node(op, name, &[x], attributes)
            }
            LayerKind::GlobalAvgPool => self.builder.node("GlobalAveragePool", name, &[x], Vec::new()),
            LayerKind::Zero { stride } => {
                let stride = *stride as i64;
                let places = format!("{name}.places");
                let places = self
                    .builder
                    .slice(&places, x, &[2, 3], &[0, 0], &ends, &[stride, stride]);
                let zero = self.builder.floats(&format!("{name}.zero"), &[], &[0.0]);
                self.builder.node("Mul", name, &[&places, &zero], Vec::new())
            }
            LayerKind::Shift => self.builder.slice(name, x, &[2, 3], &[1, 1], &ends, &[1, 1]),
            LayerKind::Pad { height, width } => {
                let (rows, columns) =
                    before.map_or((0, 0), |shape| (height - shape.height, width - shape.width));
                let (top, left) = (rows / 2, columns / 2);
                let pads = [0, 0, top, left, 0, 0, rows - top, columns - left].map(|pad| pad as i64);
                let pads = self.builder.integers(&format!("{name}.pads"), &pads);
                self.builder.node("Pad", name, &[x, &pads], Vec::new())
            }
            LayerKind::Add => self.sum(name, &inputs),
            LayerKind::Concat => {
                let axis = vec![Attribute::int("axis", 1)];
                self.builder.node("Concat", name, &inputs, axis)
            }
            LayerKind::Channels { start, count } => {
                let (start, end) = (*start as i64, (start + count) as i64);
                self.builder.slice(name, x, &[1], &[start], &[end], &[1])
            }
            LayerKind::Shuffle { groups } => self.shuffle(layer, x, *groups),
            // They do something in training alone.
            LayerKind::DropPath | LayerKind::Dropout { .. } => x.to_owned(),
            other => {
                return Err(ExportError::Layer {
                    layer: layer.name.clone(),
                    kind: other.label(),
                    format: "ONNX",
                });
            }
        })
    }

    /// The sum of two or more, two at a time: what runtimes fuse best.
    fn sum(&mut self, name: &str, terms: &[&str]) -> String {
        let Some((first, rest)) = terms.split_first() else {
            return String::new();
        };
        let mut sum = (*first).to_owned();
        for (place, term) in rest.iter().enumerate() {
            let partial = match place + 1 == rest.len() {
                true => name.to_owned(),
                false => format!("{name}.{place}"),
            };
            sum = self.builder.node("Add", &partial, &[&sum, term], Vec::new());
        }
        sum
    }

    fn shuffle(&mut self, layer: &Layer, x: &str, groups: usize) -> String {
        let name = &layer.name;
        let shape = layer.shape;
        let (height, width) = (shape.height as i64, shape.width as i64);
        let parts = (shape.channels / groups) as i64;
        // 0 is the dimension as it is.
        let apart = [0, groups as i64, parts, height, width];
        let apart = self.builder.integers(&format!("{name}.apart"), &apart);
        let together = [0, shape.channels as i64, height, width];
        let together = self.builder.integers(&format!("{name}.together"), &together);
        let split = self
            .builder
            .node("Reshape", &format!("{name}.split"), &[x, &apart], Vec::new());
        let order = vec![Attribute::ints("perm", vec![0, 2, 1, 3, 4])];
        let turned = self
            .builder
            .node("Transpose", &format!("{name}.turned"), &[&split], order);
        self.builder
            .node("Reshape", name, &[&turned, &together], Vec::new())
    }

    /// A parameter or running statistic of a layer, as a constant of its name.
    fn parameter(&mut self, layer: &Layer, suffix: &str) -> Result<String, ExportError> {
        let tensor = parameter(self.model, layer, suffix)?;
        let name = format!("{}.{suffix}", layer.name);
        let dims = tensor.dims().to_vec();
        let values: Vec<f32> = tensor.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?;
        Ok(self.builder.floats(&name, &dims, &values))
    }
}
