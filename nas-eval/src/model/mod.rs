//! From a [`Network`] to a model that can be trained.
//!
//! A [`Model`] creates the parameters that the network's layers need, named after the layers, and
//! computes the class scores layer by layer on Candle's tape. It handles only elementary layers:
//! `nas-space` has turned operations and skeletons into these.
//!
//! **Invariant:** the number of trainable values equals the network's counted parameters.

mod differentiate;
mod folding;
mod layers;

use std::sync::Arc;

use candle_core::Tensor;
use nas_space::network::{Layer, LayerId, LayerKind, Network};
use nas_space::seed::Seed;

use crate::compute::Compute;
use crate::engine::{Engine, Observer, Request, runs_here};
use crate::error::EvalError;
use crate::nn::{Init, Parameters};
pub use crate::pass::{BATCH_NORM_EPSILON, BATCH_NORM_MOMENTUM, Logits, Mixture, Pass, Wanted};
use crate::pass::{Part, Weights};
pub(crate) use folding::folded_network;
use layers::Tape;

/// A network with parameters.
#[derive(Debug)]
pub struct Model {
    network: Arc<Network>,
    parameters: Parameters,
    /// What computes passes on the CPU.
    engine: Engine,
    /// For each layer, the last one that reads it.
    last_use: Vec<usize>,
}

impl Model {
    /// The network with freshly drawn parameters.
    ///
    /// Convolutions and linear layers are drawn from U(±1/√fan-in), PyTorch's default; batch norms
    /// start as the identity. Each parameter has a stream of its own, named after it.
    ///
    /// # Errors
    /// [`EvalError::Tensor`] where the device has no memory for them;
    /// [`EvalError::UnsupportedLayer`].
    pub fn new(network: Arc<Network>, seed: Seed, compute: &Compute) -> Result<Self, EvalError> {
        let engine = Engine::new(&network)?;
        Self::with_engine(network, engine, seed, compute)
    }

    /// The same, with an engine whose [`Observer`](crate::engine::Observer) sees the output of every
    /// convolution.
    pub(crate) fn unfused(network: Arc<Network>, seed: Seed, compute: &Compute) -> Result<Self, EvalError> {
        let engine = Engine::unfused(&network)?;
        Self::with_engine(network, engine, seed, compute)
    }

    fn with_engine(
        network: Arc<Network>,
        engine: Engine,
        seed: Seed,
        compute: &Compute,
    ) -> Result<Self, EvalError> {
        let mut parameters = Parameters::new(seed, compute);
        for layer in network.layers() {
            create_parameters(&mut parameters, &network, layer)?;
        }
        let mut last_use = vec![0; network.layers().len()];
        for (index, layer) in network.layers().iter().enumerate() {
            for input in &layer.inputs {
                last_use[input.index()] = index;
            }
        }
        let outputs = std::iter::once(network.logits()).chain(network.auxiliary());
        for output in outputs {
            last_use[output.index()] = usize::MAX;
        }
        Ok(Self {
            engine,
            network,
            parameters,
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
    pub(crate) fn check_images(&self, images: &Tensor) -> candle_core::Result<()> {
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
    /// A Candle error where the batch has another shape than the network takes, the network is a
    /// supernet, whose weights are missing here, or the device fails.
    pub fn forward(&self, images: &Tensor, pass: &Pass) -> candle_core::Result<Logits> {
        let training = matches!(pass, Pass::Train { .. });
        let tape = if training { Tape::On } else { Tape::Off };
        self.forward_with(images, pass, &Weights::Missing, tape)
    }

    /// The same on the engine for the whole batch at once; the `observer` sees the maps.
    ///
    /// # Errors
    /// As [`Model::forward`]; a Candle error where the engine does not compute on these images.
    pub(crate) fn forward_observed(
        &self,
        images: &Tensor,
        pass: &Pass,
        observer: &mut dyn Observer,
    ) -> candle_core::Result<Logits> {
        self.check_images(images)?;
        self.check_engine(images)?;
        self.engine
            .forward_observed(&self.request(images, pass, &Weights::Missing), observer)
    }

    /// Refuses images that the engine does not compute on.
    fn check_engine(&self, images: &Tensor) -> candle_core::Result<()> {
        if !self.runs_on_engine(images) {
            candle_core::bail!(
                "the passes of a network can only be observed on the CPU, in the element type of its parameters; got {:?} \
                 images on {:?}",
                images.dtype(),
                images.device().location()
            );
        }
        Ok(())
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
        if tape == Tape::Off && self.runs_on_engine(images) {
            return self.engine.forward(&self.request(images, pass, weights));
        }
        let auxiliary = self
            .network
            .auxiliary()
            .filter(|_| matches!(pass, Pass::Train { .. }));
        let needed = self.needed(pass, weights)?;
        let mut values: Vec<Option<Tensor>> = vec![None; needed.len()];
        for index in (0..needed.len()).filter(|&index| needed[index]) {
            values[index] = Some(self.value(index, images, pass, weights, &values, tape)?);
            for input in &self.network.layers()[index].inputs {
                if self.last_use[input.index()] == index {
                    values[input.index()] = None;
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

    /// Whether the engine computes passes on these images: on the CPU, in the parameters' element
    /// type.
    pub(crate) fn runs_on_engine(&self, images: &Tensor) -> bool {
        runs_here(images) && self.parameters.device().is_cpu() && images.dtype() == self.parameters.dtype()
    }

    fn request<'a>(&'a self, images: &'a Tensor, pass: &'a Pass, weights: &'a Weights<'a>) -> Request<'a> {
        Request {
            network: &self.network,
            parameters: &self.parameters,
            images,
            pass,
            weights,
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
            LayerKind::WeightedSum { terms } => {
                weights.sum(&self.network, layer, terms, values, images, tape == Tape::On)
            }
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

    /// Which layers the outputs of this pass depend on: those of the auxiliary head in training
    /// alone, and none that count nothing in a weighted sum.
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
                for (&input, term) in layer.inputs.iter().zip(terms) {
                    if let Part::Weighed(_) = weights.part(&self.network, layer, input, term)? {
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

/// How many numbers the parameters and running statistics of a network are; `u64::MAX` stands for
/// that many or more.
pub(crate) fn stored_numbers(network: &Network) -> u64 {
    let statistics = network.layers().iter().map(|layer| match layer.kind {
        LayerKind::BatchNorm { .. } => 2 * layer.shape.channels as u64,
        _ => 0,
    });
    statistics.fold(network.cost().params, u64::saturating_add)
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
