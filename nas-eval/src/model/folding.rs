//! The same function with less computation, for a network whose training has ended.

use std::collections::HashMap;
use std::sync::Arc;

use candle_core::{DType, Tensor};
use indexmap::IndexMap;
use nas_space::network::{Layer, LayerId, LayerKind, Network, NetworkBuilder};
use nas_space::seed::Seed;

use super::{BATCH_NORM_EPSILON, Model};
use crate::error::EvalError;

/// What is done to each channel: its factor and what is added after it.
type Line = Vec<[f64; 2]>;

impl Model {
    /// The model that gives the same class scores in evaluation, up to rounding, with fewer layers.
    ///
    /// Batch norms are folded into the convolutions before them, if nothing else reads these
    /// convolutions: weight · s and bias · s + t for s = scale / √(variance + ε) and t = shift − s
    /// · mean. Zero terms are removed, and so are drop-path, dropout and the auxiliary head. The
    /// remaining layers keep their names. The result cannot be trained.
    ///
    /// # Errors
    /// As [`Model::new`].
    pub fn folded(&self) -> Result<Self, EvalError> {
        let values = self.values()?;
        let mut folding = Folding::new(&self.network);
        folding.find(|layer| line(&layer.name, &values));
        let network = Arc::new(folding.network()?);
        let model = Self::new(network, Seed::new(0), self.parameters.compute())?;
        let mut tensors = IndexMap::new();
        for layer in model.network.layers() {
            let line = folding.lines.get(layer.name.as_str());
            for (name, mut numbers) in values_of(&layer.name, &values) {
                if let Some(line) = line {
                    multiply(&mut numbers, line);
                }
                tensors.insert(name, numbers);
            }
            if let Some(line) = line {
                let bias = tensors
                    .entry(format!("{}.bias", layer.name))
                    .or_insert_with(|| vec![0.0; line.len()]);
                for (bias, [_, shift]) in bias.iter_mut().zip(line) {
                    *bias += shift;
                }
            }
        }
        model.set_values(tensors)?;
        Ok(model)
    }

    /// All parameters and running statistics by name.
    fn values(&self) -> candle_core::Result<HashMap<String, Vec<f64>>> {
        let snapshot = self.parameters.snapshot()?;
        snapshot
            .iter()
            .map(|(name, tensor)| {
                Ok((
                    name.to_owned(),
                    tensor.to_dtype(DType::F64)?.flatten_all()?.to_vec1()?,
                ))
            })
            .collect()
    }

    fn set_values(&self, mut values: IndexMap<String, Vec<f64>>) -> Result<(), EvalError> {
        let mut tensors = IndexMap::new();
        for (name, old) in self.parameters.snapshot()?.iter() {
            if let Some(values) = values.swap_remove(name) {
                let tensor = Tensor::from_vec(values, old.shape(), old.device())?;
                tensors.insert(name.to_owned(), tensor.to_dtype(old.dtype())?);
            }
        }
        self.parameters.adopt(&tensors, "the folded network")
    }
}

/// The network of [`Model::folded`], for which no parameters are needed.
///
/// # Errors
/// As [`NetworkBuilder`] refuses networks.
pub(crate) fn folded_network(network: &Network) -> Result<Network, EvalError> {
    let mut folding = Folding::new(network);
    folding.find(|layer| vec![[1.0, 0.0]; layer.shape.channels]);
    folding.network()
}

/// The parameters and statistics of a layer with their full names.
fn values_of<'a>(
    layer: &'a str,
    values: &'a HashMap<String, Vec<f64>>,
) -> impl Iterator<Item = (String, Vec<f64>)> + 'a {
    ["weight", "bias", "running_mean", "running_var"]
        .into_iter()
        .filter_map(move |suffix| {
            let name = format!("{layer}.{suffix}");
            values.get(&name).map(|numbers| (name, numbers.clone()))
        })
}

/// Multiplies what belongs to each output channel, which is as much for each.
fn multiply(numbers: &mut [f64], line: &Line) {
    let of_each = numbers.len() / line.len().max(1);
    for (numbers, [factor, _]) in numbers.chunks_mut(of_each.max(1)).zip(line) {
        numbers.iter_mut().for_each(|number| *number *= factor);
    }
}

/// How often each layer is read by what the class scores depend on, themselves included.
fn readers(network: &Network) -> Vec<usize> {
    let mut readers = vec![0; network.layers().len()];
    readers[network.logits().index()] = 1;
    for (layer, _) in network
        .layers()
        .iter()
        .zip(network.behind_logits())
        .filter(|(_, behind)| *behind)
    {
        for input in &layer.inputs {
            readers[input.index()] += 1;
        }
    }
    readers
}

/// The layers that are zero everywhere because zeros are only rectified and added.
fn zeros(network: &Network) -> Vec<bool> {
    let mut zeros: Vec<bool> = Vec::with_capacity(network.layers().len());
    for layer in network.layers() {
        zeros.push(match layer.kind {
            LayerKind::Zero { .. } => true,
            LayerKind::Relu | LayerKind::DropPath | LayerKind::Dropout { .. } | LayerKind::Add => {
                layer.inputs.iter().all(|input| zeros[input.index()])
            }
            _ => false,
        });
    }
    zeros
}

struct Folding<'a> {
    old: &'a Network,
    readers: Vec<usize>,
    /// What convolutions and linear layers take over, by their names.
    lines: HashMap<&'a str, Line>,
    /// Layers that are left out, each with what its readers read in its place.
    gone: HashMap<usize, LayerId>,
}

impl<'a> Folding<'a> {
    fn new(old: &'a Network) -> Self {
        Self {
            old,
            readers: readers(old),
            lines: HashMap::new(),
            gone: HashMap::new(),
        }
    }

    /// Decides which layers are left out. `line` is what a batch norm does.
    fn find(&mut self, line: impl Fn(&Layer) -> Line) {
        for (index, layer) in self.old.layers().iter().enumerate() {
            if self.readers[index] == 0 {
                continue;
            }
            match &layer.kind {
                LayerKind::DropPath | LayerKind::Dropout { .. } => {
                    self.gone.insert(index, layer.inputs[0]);
                }
                LayerKind::BatchNorm { .. } if self.can_take(layer.inputs[0]) => {
                    let line = line(layer);
                    self.take(layer.inputs[0], &line);
                    self.gone.insert(index, layer.inputs[0]);
                }
                _ => {}
            }
        }
    }

    /// Whether a line can become part of this layer, whose output is read once.
    fn can_take(&self, id: LayerId) -> bool {
        let layer = self.old.layer(id);
        self.readers[id.index()] == 1
            && match &layer.kind {
                LayerKind::Conv2d(_) | LayerKind::Linear { .. } => true,
                LayerKind::DropPath | LayerKind::Dropout { .. } | LayerKind::BatchNorm { .. } => {
                    self.gone.contains_key(&id.index()) && self.can_take(layer.inputs[0])
                }
                LayerKind::Concat => layer.inputs.iter().all(|&input| self.can_take(input)),
                _ => false,
            }
    }

    fn take(&mut self, id: LayerId, line: &[[f64; 2]]) {
        let layer = self.old.layer(id);
        match &layer.kind {
            LayerKind::Conv2d(_) | LayerKind::Linear { .. } => {
                let old = self
                    .lines
                    .entry(&layer.name)
                    .or_insert_with(|| vec![[1.0, 0.0]; line.len()]);
                for ([factor, shift], [by, plus]) in old.iter_mut().zip(line) {
                    (*factor, *shift) = (*factor * by, *shift * by + plus);
                }
            }
            _ => {
                let mut start = 0;
                for &input in &layer.inputs {
                    let channels = self.old.layer(input).shape.channels;
                    self.take(input, &line[start..start + channels]);
                    start += channels;
                }
            }
        }
    }

    /// The layer that is read instead of this one.
    fn kept(&self, mut id: LayerId) -> LayerId {
        while let Some(&before) = self.gone.get(&id.index()) {
            id = before;
        }
        id
    }

    /// The network of what is left.
    fn network(&mut self) -> Result<Network, EvalError> {
        let mut builder = NetworkBuilder::new(self.old.image())?;
        let zeros = zeros(self.old);
        let mut new: HashMap<usize, LayerId> = HashMap::from([(0, builder.image())]);
        for (index, layer) in self.old.layers().iter().enumerate().skip(1) {
            if self.readers[index] == 0 || self.gone.contains_key(&index) {
                continue;
            }
            let mut inputs = layer.inputs.clone();
            if layer.kind == LayerKind::Add {
                inputs.retain(|&input| !zeros[input.index()]);
                if inputs.len() < 2 {
                    self.gone
                        .insert(index, inputs.first().copied().unwrap_or(layer.inputs[0]));
                    continue;
                }
            }
            let inputs: Vec<LayerId> = inputs.iter().map(|&id| new[&self.kept(id).index()]).collect();
            let mut kind = layer.kind.clone();
            if let LayerKind::Conv2d(conv) = &mut kind {
                conv.bias |= self.lines.contains_key(layer.name.as_str());
            }
            new.insert(index, builder.push_named(&layer.name, kind, &inputs)?);
        }
        Ok(builder.finish(new[&self.kept(self.old.logits()).index()], None))
    }
}

/// What a batch norm does to each channel.
fn line(layer: &str, values: &HashMap<String, Vec<f64>>) -> Line {
    let get = |suffix: &str| values.get(&format!("{layer}.{suffix}"));
    let (Some(mean), Some(variance)) = (get("running_mean"), get("running_var")) else {
        return Line::new();
    };
    let at =
        |suffix: &str, channel: usize, without: f64| get(suffix).map_or(without, |values| values[channel]);
    let line = mean
        .iter()
        .zip(variance)
        .enumerate()
        .map(|(channel, (mean, variance))| {
            let factor = at("weight", channel, 1.0) / (variance + BATCH_NORM_EPSILON).sqrt();
            [factor, at("bias", channel, 0.0) - factor * mean]
        });
    line.collect()
}
