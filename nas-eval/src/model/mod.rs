//! From a [`Network`] to a model that can be trained.
//!
//! A [`Model`] creates the parameters that the network's layers need, named after the layers, and computes the
//! class scores layer by layer on Candle's tape. It knows the elementary layers only: operations and skeletons
//! have come down to those in `nas-space`.
//!
//! **Invariant:** the number of trainable values equals the network's counted parameters.

mod backward;
mod differentiate;
mod layers;
mod mixture;
mod random;

use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use nas_space::network::{Layer, LayerId, LayerKind, Network};
use nas_space::seed::Seed;
use rayon::prelude::*;

use crate::error::EvalError;
use crate::nn::{Init, Parameters};
pub(crate) use differentiate::Differentiated;
pub use differentiate::Wanted;
use layers::Tape;
pub use mixture::Mixture;
use mixture::Weights;

/// Momentum of the running statistics of batch normalisation: the share of the newest batch.
pub const BATCH_NORM_MOMENTUM: f64 = 0.1;
/// What is added to a variance before its root is taken.
pub const BATCH_NORM_EPSILON: f64 = 1e-5;

/// What a forward pass is for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pass {
    /// Training: batch statistics, which the running ones follow; drop-path and dropout are active.
    Train {
        /// The stream that drop-path and dropout draw from: another one for each step.
        seed: Seed,
        /// Probability of dropping a path for one sample, in [0, 1).
        drop_path: f64,
    },
    /// Evaluation: running statistics, nothing random.
    Eval,
    /// Evaluation by the statistics of the batch, which the running ones do not follow; nothing random.
    BatchStatistics,
}

/// Class scores before the softmax.
#[derive(Debug, Clone)]
pub struct Logits {
    /// Those of the network: \[N, classes\].
    pub main: Tensor,
    /// Those of the auxiliary head, in a training pass of a network that has one: \[N, classes\].
    pub auxiliary: Option<Tensor>,
}

/// A network with parameters.
#[derive(Debug)]
pub struct Model {
    network: Arc<Network>,
    parameters: Parameters,
    /// The layers by how far they are from the image: those of a wave depend on earlier waves alone.
    waves: Vec<Vec<usize>>,
    /// For each layer, the number of the last wave that reads it.
    last_use: Vec<usize>,
}

impl Model {
    /// The network with freshly drawn parameters.
    ///
    /// Convolutions and linear layers are drawn from U(±1/√fan-in), PyTorch's default; batch norms start as the
    /// identity. Each parameter has a stream of its own, named after it.
    ///
    /// # Errors
    /// [`EvalError::Tensor`] where the device has no memory for them; [`EvalError::UnsupportedLayer`].
    pub fn new(network: Arc<Network>, seed: Seed, device: &Device, dtype: DType) -> Result<Self, EvalError> {
        let mut parameters = Parameters::new(seed, device, dtype);
        for layer in network.layers() {
            create_parameters(&mut parameters, &network, layer)?;
        }
        let (waves, mut last_use) = waves(&network);
        let outputs = std::iter::once(network.logits()).chain(network.auxiliary());
        for output in outputs {
            last_use[output.index()] = usize::MAX;
        }
        Ok(Self {
            network,
            parameters,
            waves,
            last_use,
        })
    }

    /// The network this is a model of.
    pub fn network(&self) -> &Arc<Network> {
        &self.network
    }

    /// Its parameters and running statistics.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// Refuses images of another shape than the network takes.
    fn check_images(&self, images: &Tensor) -> candle_core::Result<()> {
        let image = self.network.image();
        let (_, channels, height, width) = images.dims4()?;
        if (channels, height, width) != (image.channels, image.height, image.width) {
            candle_core::bail!("the network takes images of {image}, got {channels}x{height}x{width}");
        }
        Ok(())
    }

    /// The class scores of a batch of images \[N, C, H, W\].
    ///
    /// In a training pass the running statistics of the batch norms are updated.
    ///
    /// # Errors
    /// A Candle error where the batch has another shape than the network takes, the network is a supernet, whose weights
    /// are missing here, or the device fails.
    pub fn forward(&self, images: &Tensor, pass: &Pass) -> candle_core::Result<Logits> {
        let training = matches!(pass, Pass::Train { .. });
        let tape = if training { Tape::On } else { Tape::Off };
        self.forward_with(images, pass, &Weights::Missing, tape)
    }

    /// The same with weights for the network's weighted sums, off the tape.
    pub(crate) fn forward_mixed(
        &self,
        images: &Tensor,
        pass: &Pass,
        mixture: &Mixture,
    ) -> candle_core::Result<Logits> {
        self.forward_with(images, pass, &Weights::Given(mixture), Tape::Off)
    }

    fn forward_with(
        &self,
        images: &Tensor,
        pass: &Pass,
        weights: &Weights<'_>,
        tape: Tape,
    ) -> candle_core::Result<Logits> {
        self.check_images(images)?;
        let auxiliary = self
            .network
            .auxiliary()
            .filter(|_| matches!(pass, Pass::Train { .. }));
        let needed = self.needed(pass, weights)?;
        let mut values: Vec<Option<Tensor>> = vec![None; needed.len()];
        for (number, wave) in self.waves.iter().enumerate() {
            let done = self.in_parallel(wave, &needed, |index| {
                self.value(index, images, pass, weights, &values, tape)
            })?;
            for (index, value) in done {
                values[index] = Some(value);
            }
            for &index in wave {
                for input in &self.network.layers()[index].inputs {
                    if self.last_use[input.index()] == number {
                        values[input.index()] = None;
                    }
                }
            }
        }
        let take = |id: LayerId| match &values[id.index()] {
            Some(value) => value.flatten_from(1),
            None => candle_core::bail!("the network has no output"),
        };
        Ok(Logits {
            main: take(self.network.logits())?,
            auxiliary: auxiliary.map(take).transpose()?,
        })
    }

    /// What `f` gives for those layers of a wave that are `included`, each computed by one thread of several, in the order
    /// of the layers.
    fn in_parallel<R: Send>(
        &self,
        wave: &[usize],
        included: &[bool],
        f: impl Fn(usize) -> candle_core::Result<R> + Sync + Send,
    ) -> candle_core::Result<Vec<(usize, R)>> {
        let chosen: Vec<usize> = wave.iter().copied().filter(|&index| included[index]).collect();
        let run = |index| Ok((index, f(index)?));
        match chosen[..] {
            // An accelerator gets its work from one thread, and a single layer is best divided within itself.
            [single] => Ok(vec![run(single)?]),
            _ if !self.parameters.device().is_cpu() => chosen.into_iter().map(run).collect(),
            _ => chosen.into_par_iter().map(run).collect(),
        }
    }

    /// The value of a layer from those of the layers it reads.
    fn value(
        &self,
        index: usize,
        images: &Tensor,
        pass: &Pass,
        weights: &Weights<'_>,
        values: &[Option<Tensor>],
        tape: Tape,
    ) -> candle_core::Result<Tensor> {
        let layer = &self.network.layers()[index];
        match &layer.kind {
            LayerKind::Input => Ok(images.clone()),
            LayerKind::WeightedSum { terms } => weights.sum(layer, terms, values, images, tape == Tape::On),
            _ => {
                let mut inputs = Vec::with_capacity(layer.inputs.len());
                for input in &layer.inputs {
                    match &values[input.index()] {
                        Some(value) => inputs.push(value.clone()),
                        None => candle_core::bail!("layer '{}' reads a value that is gone", layer.name),
                    }
                }
                self.compute(layer, &inputs, pass, tape)
            }
        }
    }

    /// Which layers the outputs of this pass depend on: those of the auxiliary head in training alone, and none that
    /// count nothing in a weighted sum.
    fn needed(&self, pass: &Pass, weights: &Weights<'_>) -> candle_core::Result<Vec<bool>> {
        let layers = self.network.layers();
        let mut needed = vec![false; layers.len()];
        needed[self.network.logits().index()] = true;
        if let (Some(id), Pass::Train { .. }) = (self.network.auxiliary(), pass) {
            needed[id.index()] = true;
        }
        for (index, layer) in layers.iter().enumerate().rev() {
            if !needed[index] {
                continue;
            }
            if let LayerKind::WeightedSum { terms } = &layer.kind {
                for (input, term) in layer.inputs.iter().zip(terms) {
                    if weights.of(layer, term)? != 0.0 {
                        needed[input.index()] = true;
                    }
                }
            } else {
                for input in &layer.inputs {
                    needed[input.index()] = true;
                }
            }
        }
        Ok(needed)
    }
}

/// The layers of each wave, in order, and for each layer the last wave that reads it.
fn waves(network: &Network) -> (Vec<Vec<usize>>, Vec<usize>) {
    let layers = network.layers();
    let mut number = vec![0; layers.len()];
    let mut last_use = vec![0; layers.len()];
    let mut waves: Vec<Vec<usize>> = Vec::new();
    for (index, layer) in layers.iter().enumerate() {
        let after = layer.inputs.iter().map(|input| number[input.index()] + 1);
        number[index] = after.max().unwrap_or(0);
        for input in &layer.inputs {
            last_use[input.index()] = last_use[input.index()].max(number[index]);
        }
        waves.resize_with(waves.len().max(number[index] + 1), Vec::new);
        waves[number[index]].push(index);
    }
    (waves, last_use)
}

fn create_parameters(parameters: &mut Parameters, network: &Network, layer: &Layer) -> Result<(), EvalError> {
    let input = layer.inputs.first().map(|&id| network.layer(id).shape);
    let name = |suffix: &str| format!("{}.{suffix}", layer.name);
    match (&layer.kind, input) {
        (LayerKind::Conv2d(conv), Some(input)) => {
            let shape = [
                conv.channels,
                input.channels / conv.groups,
                conv.kernel[0],
                conv.kernel[1],
            ];
            let fan_in = shape[1..].iter().product();
            parameters.create(&name("weight"), &shape, Init::KaimingUniform { fan_in }, true)?;
            if conv.bias {
                parameters.create(
                    &name("bias"),
                    &[conv.channels],
                    Init::KaimingUniform { fan_in },
                    true,
                )?;
            }
        }
        (LayerKind::Linear { features }, Some(input)) => {
            let fan_in = input.numel();
            parameters.create(
                &name("weight"),
                &[*features, fan_in],
                Init::KaimingUniform { fan_in },
                true,
            )?;
            parameters.create(&name("bias"), &[*features], Init::KaimingUniform { fan_in }, true)?;
        }
        (LayerKind::BatchNorm { affine }, Some(input)) => {
            if *affine {
                parameters.create(&name("weight"), &[input.channels], Init::Ones, true)?;
                parameters.create(&name("bias"), &[input.channels], Init::Zeros, true)?;
            }
            parameters.create_buffer(&name("running_mean"), &[input.channels], 0.0)?;
            parameters.create_buffer(&name("running_var"), &[input.channels], 1.0)?;
        }
        _ => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests;
