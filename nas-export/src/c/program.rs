//! From the layers of a network to the steps of a program, each of which writes one map.

use std::collections::BTreeMap;

use candle_core::DType;
use nas_eval::Model;
use nas_eval::model::BATCH_NORM_EPSILON;
use nas_space::device::{Arena, ArenaConfig, Number};
use nas_space::network::{Conv2d, Layer, LayerKind, Network};
use nas_space::shape::Shape;

use super::call::{Call, CallKind, Windows};
use super::function::Function;
use super::view::View;
use crate::error::ExportError;
use crate::parameter::parameter;
use crate::source::Source;

/// Most bytes of an arena: what numbers of 32 bits with a sign can address.
const MOST_BYTES: u64 = i32::MAX as u64;

/// What is computed, in the order in which an arena needs fewest bytes.
#[derive(Debug, Clone)]
pub(super) struct Program {
    /// The first one is the image.
    pub(super) steps: Vec<Step>,
    /// The class scores.
    pub(super) scores: View,
    /// Bytes of the arena.
    pub(super) arena: usize,
    /// Bytes of a value.
    element: usize,
    /// Scale and shift that normalise a byte of each channel.
    pub(super) pixels: Vec<[f64; 2]>,
}

/// A step.
#[derive(Debug, Clone)]
pub(super) struct Step {
    /// The name of its layer.
    pub(super) layer: String,
    pub(super) shape: Shape,
    /// Rows and columns of what it reads.
    pub(super) seen: [usize; 2],
    /// The first value of its map, counted from the beginning of the arena.
    pub(super) first: usize,
    /// What writes its map, some channels each. None writes the image.
    pub(super) calls: Vec<Call>,
}

impl Program {
    /// The program of a source whose classes and constants have been checked.
    pub(super) fn of(source: &Source<'_>, number: Number) -> Result<Self, ExportError> {
        let model = source.model.folded()?;
        let network = model.network();
        let arena = Arena::of(network, ArenaConfig::new(number));
        if arena.bytes() > MOST_BYTES {
            return Err(ExportError::Mismatch {
                what: "the memory of feature maps",
                got: format!("{} bytes", arena.bytes()),
                expected: format!("at most {MOST_BYTES} bytes for C"),
            });
        }
        let element = number.bytes() as usize;
        let places = arena.maps().iter().enumerate();
        let places = places.map(|(place, map)| (map.layer.index(), (place, map.offset as usize / element)));
        let mut layers = Layers {
            model: &model,
            places: places.collect(),
            consumers: consumers(network),
            absorbed: vec![false; network.layers().len()],
            views: Vec::new(),
            steps: BTreeMap::new(),
        };
        for (layer, needed) in network.layers().iter().zip(network.behind_logits()) {
            let view = match needed {
                true => layers.layer(layer)?,
                // The auxiliary head is for training.
                false => View::zeros(layer.shape),
            };
            layers.views.push(view);
        }
        let scores = layers.views[network.logits().index()].clone();
        let (mean, std) = (source.normalization.mean(), source.normalization.std());
        let pixels = mean.iter().zip(std).map(|(mean, std)| [1.0 / std, -mean / std]);
        let program = Self {
            steps: layers.steps.into_values().collect(),
            scores,
            arena: arena.bytes() as usize,
            element,
            pixels: pixels.collect(),
        };
        program.check()?;
        Ok(program)
    }

    /// Refuses numbers that C has no constants for.
    fn check(&self) -> Result<(), ExportError> {
        for step in &self.steps {
            let mut numbers: Vec<&[f32]> = Vec::new();
            let mut lines = Vec::new();
            for call in &step.calls {
                if let CallKind::Conv { weight, bias, .. } | CallKind::Depthwise { weight, bias, .. } =
                    &call.kind
                {
                    numbers.extend([weight.as_slice(), bias]);
                }
                let functions = call.inputs.iter().flatten().map(|part| &part.function);
                lines.extend(functions.chain([&call.function]).filter_map(|f| f.line.as_ref()));
            }
            let lines = lines.into_iter().flatten().flatten();
            let mut all = numbers.into_iter().flatten().chain(lines);
            if let Some(number) = all.find(|number| !number.is_finite()) {
                return Err(ExportError::Mismatch {
                    what: "a weight",
                    got: format!("{number}, in layer '{}'", step.layer),
                    expected: "a finite number".to_owned(),
                });
            }
        }
        Ok(())
    }

    /// Values that the arena holds.
    pub(super) fn values(&self) -> usize {
        self.arena / self.element
    }

    pub(super) fn image(&self) -> Shape {
        self.steps[0].shape
    }

    pub(super) fn classes(&self) -> usize {
        self.scores.shape.channels
    }
}

/// Which layers behind the class scores read each layer, each as often as it reads it.
fn consumers(network: &Network) -> Vec<Vec<usize>> {
    let mut consumers = vec![Vec::new(); network.layers().len()];
    let layers = network.layers().iter().enumerate().zip(network.behind_logits());
    for ((index, layer), _) in layers.filter(|(_, behind)| *behind) {
        for input in &layer.inputs {
            consumers[input.index()].push(index);
        }
    }
    consumers
}

/// The layers of a network as they become steps and views.
struct Layers<'a> {
    model: &'a Model,
    /// The number of the step of a layer, and the first value of its map.
    places: BTreeMap<usize, (usize, usize)>,
    consumers: Vec<Vec<usize>>,
    /// Layers that are part of the step before them.
    absorbed: Vec<bool>,
    views: Vec<View>,
    steps: BTreeMap<usize, Step>,
}

impl Layers<'_> {
    fn layer(&mut self, layer: &Layer) -> Result<View, ExportError> {
        let index = self.views.len();
        let inputs: Vec<&View> = layer
            .inputs
            .iter()
            .map(|input| &self.views[input.index()])
            .collect();
        if let Some(&(place, first)) = self.places.get(&index) {
            let inputs: Vec<View> = inputs.into_iter().cloned().collect();
            let function = self.function(index)?;
            let mut step = Step {
                layer: layer.name.clone(),
                shape: layer.shape,
                seen: inputs
                    .first()
                    .map_or([0, 0], |view| [view.shape.height, view.shape.width]),
                first,
                calls: self.calls(layer, &inputs, &function)?,
            };
            if let ([call], true) = (
                step.calls.as_mut_slice(),
                inputs.len() == 1 && inputs[0].is_plain(),
            ) {
                // Where a layer reads a whole map in order, the map can be one place with many channels.
                if call.sees_all(step.seen) {
                    call.inputs = vec![inputs[0].flat().parts];
                    step.seen = [1, 1];
                }
            }
            self.steps.insert(place, step);
            return Ok(View::of_map(place, layer.shape, first));
        }
        if self.absorbed[index] {
            return Ok(inputs[0].clone());
        }
        let seen = match &layer.kind {
            LayerKind::Concat => Some(View::joined(&inputs, layer.shape)),
            LayerKind::BatchNorm { affine } => {
                let line = self.line(layer, *affine)?;
                inputs[0].changed(&Function::line(line)).map(|parts| View {
                    shape: layer.shape,
                    parts,
                })
            }
            LayerKind::Add => {
                let (constants, maps): (Vec<&View>, Vec<&View>) =
                    inputs.iter().partition(|view| view.is_constant());
                match maps.as_slice() {
                    [] => View::zeros(layer.shape).plus_constants(&constants),
                    [map] => map.plus_constants(&constants),
                    // What only becomes zeros is not computed.
                    _ => Some(View::zeros(layer.shape)),
                }
            }
            // What only becomes zeros is not computed.
            LayerKind::Conv2d(_)
            | LayerKind::Pool2d(_)
            | LayerKind::GlobalAvgPool
            | LayerKind::Linear { .. } => Some(View::zeros(layer.shape)),
            kind => inputs[0].through(kind, layer.shape),
        };
        seen.ok_or_else(|| refused(layer))
    }

    /// What writes the map of a step.
    fn calls(&self, layer: &Layer, inputs: &[View], function: &Function) -> Result<Vec<Call>, ExportError> {
        Ok(match &layer.kind {
            LayerKind::Input => Vec::new(),
            LayerKind::Conv2d(conv) => {
                let weight = numbers(self.model, layer, "weight")?;
                let bias = match conv.bias {
                    true => numbers(self.model, layer, "bias")?,
                    false => vec![0.0; conv.channels],
                };
                Call::convolutions(*conv, &inputs[0], &weight, &bias, function)
            }
            LayerKind::Linear { features } => {
                let weight = numbers(self.model, layer, "weight")?;
                let bias = numbers(self.model, layer, "bias")?;
                let shape = inputs[0].shape;
                let conv = Conv2d {
                    kernel: [shape.height, shape.width],
                    padding: [0, 0],
                    ..Conv2d::pointwise(*features)
                };
                Call::convolutions(conv, &inputs[0], &weight, &bias, function)
            }
            LayerKind::Pool2d(pool) => {
                let windows = Windows {
                    kernel: pool.kernel,
                    stride: pool.stride,
                    padding: pool.padding,
                    dilation: [1, 1],
                };
                let kind = pool.kind;
                Call::pools(&inputs[0], &CallKind::Pool { kind, windows }, function)
            }
            LayerKind::GlobalAvgPool => Call::pools(&inputs[0], &CallKind::Mean, function),
            LayerKind::Add => Call::sums(inputs, layer.shape, function),
            _ => return Err(refused(layer)),
        })
    }

    /// What all readers of a step's map do to it first. It is done before the map is written, and
    /// these readers are passed over.
    fn function(&mut self, index: usize) -> Result<Function, ExportError> {
        let network = self.model.network();
        let mut function = Function::default();
        let mut tip = index;
        // The image is written as it is, and the class scores are those of their layer.
        while index > 0 && tip != network.logits().index() {
            let readers = self.consumers[tip].clone();
            let layers: Vec<&Layer> = readers.iter().map(|&reader| &network.layers()[reader]).collect();
            let next = match layers.as_slice() {
                [] => break,
                [
                    Layer {
                        kind: LayerKind::DropPath | LayerKind::Dropout { .. },
                        ..
                    },
                ] => Function::default(),
                [
                    layer @ Layer {
                        kind: LayerKind::BatchNorm { affine },
                        ..
                    },
                ] => Function::line(self.line(layer, *affine)?),
                layers if layers.iter().all(|layer| layer.kind == LayerKind::Relu) => Function::relu(),
                _ => break,
            };
            let Some(both) = function.then(&next) else {
                break;
            };
            function = both;
            readers.iter().for_each(|&reader| self.absorbed[reader] = true);
            match readers.as_slice() {
                [only] => tip = *only,
                _ => break,
            }
        }
        Ok(function)
    }

    /// Scale and shift of a batch norm.
    fn line(&self, layer: &Layer, affine: bool) -> Result<Vec<[f32; 2]>, ExportError> {
        let channels = layer.shape.channels;
        let (weight, bias) = match affine {
            true => (
                numbers(self.model, layer, "weight")?,
                numbers(self.model, layer, "bias")?,
            ),
            false => (vec![1.0; channels], vec![0.0; channels]),
        };
        let mean = numbers(self.model, layer, "running_mean")?;
        let variance = numbers(self.model, layer, "running_var")?;
        let line = (0..channels).map(|channel| {
            let deviation = (f64::from(variance[channel]) + BATCH_NORM_EPSILON).sqrt();
            let scale = f64::from(weight[channel]) / deviation;
            let shift = f64::from(bias[channel]) - f64::from(mean[channel]) * scale;
            [scale as f32, shift as f32]
        });
        Ok(line.collect())
    }
}

fn refused(layer: &Layer) -> ExportError {
    match layer.kind {
        LayerKind::WeightedSum { .. } => ExportError::Layer {
            layer: layer.name.clone(),
            kind: layer.kind.label(),
            format: "C",
        },
        _ => ExportError::Mismatch {
            what: "a chain of layers without a map of their own",
            got: format!(
                "one that C cannot compute on reading, up to layer '{}'",
                layer.name
            ),
            expected: "at most one batch norm after a ReLU, and no padding of other values than 0".to_owned(),
        },
    }
}

/// A parameter or running statistic of a layer.
fn numbers(model: &Model, layer: &Layer, suffix: &str) -> Result<Vec<f32>, ExportError> {
    let tensor = parameter(model, layer, suffix)?;
    Ok(tensor.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?)
}
