//! A network that contains every architecture of a space, with weights for its parts.
//!
//! The network is a space's [supernet](nas_space::spaces::CellSpace::supernet): its nodes are
//! weighted sums, whose weights, a [`Mixture`], are given with every pass. DARTS makes them of its
//! architecture parameters; a one-hot mixture selects one architecture, and costs no more than this
//! architecture.
//!
//! | item | what it is |
//! |---|---|
//! | [`Supernet`] | a supernet with parameters |
//! | [`SharedSpace`] | a space that has a supernet, and the one-hot mixtures of its architectures |
//! | [`SupernetTraining`] | the training of a supernet's weights, by the [`Steps`] of a method |
//! | [`OneShotSearch`] | a whole search by a [`OneShot`] method: epochs, checkpoints, resumption |
//!
//! A method is two traits: [`Steps`], its relaxation or its sampler, and [`OneShot`], its work and
//! state besides the training of the weights. [`OneShotSearch`] has an example.

mod checkpoint;
mod one_hot;
mod search;
mod shared;
mod training;

pub use checkpoint::{CheckpointForm, Learned};
pub use search::{Event, OneShot, OneShotSearch};
pub use shared::SharedSpace;
pub use training::{Examples, Step, Steps, SupernetData, SupernetTraining, Trained, TrainingPass};

use std::sync::Arc;

use candle_core::{Result, Tensor};
use nas_space::network::Network;
use nas_space::search::Stop;
use nas_space::seed::Seed;
use ndarray::Array2;

use crate::compute::Compute;
use crate::data::{Images, Normalization};
use crate::error::EvalError;
use crate::model::{Logits, Model, Pass};
pub use crate::model::{Mixture, Wanted};
use crate::nn::{Gradients, Parameters};
use crate::pass::Differentiated;
use crate::profile::Profile;
use crate::train::{Scores, evaluate_by};

/// A supernet with parameters.
#[derive(Debug)]
pub struct Supernet {
    model: Model,
    stop: Stop,
}

/// What differentiating a pass gives.
#[derive(Debug)]
pub struct SupernetStep {
    /// The class scores.
    pub logits: Logits,
    /// The loss that was made of them.
    pub loss: Tensor,
    /// Its gradients in the parameters; none where they are not wanted.
    pub gradients: Gradients,
    /// Its gradients in the mixture's weights, table by table; zeros where they are not wanted.
    pub mixture: Vec<Array2<f64>>,
}

impl From<Differentiated> for SupernetStep {
    fn from(done: Differentiated) -> Self {
        Self {
            logits: done.logits,
            loss: done.loss,
            gradients: done.gradients,
            mixture: done.mixture,
        }
    }
}

impl Supernet {
    /// The network with freshly drawn parameters, as [`Model::new`] draws them.
    ///
    /// # Errors
    /// As [`Model::new`].
    pub fn new(network: Arc<Network>, seed: Seed, compute: &Compute) -> std::result::Result<Self, EvalError> {
        let model = Model::new(network, seed, compute)?;
        let stop = Stop::new();
        Ok(Self { model, stop })
    }

    /// The same supernet, whose evaluations end with [`EvalError::Interrupted`] after this stop is
    /// requested.
    #[must_use]
    pub fn with_stop(self, stop: Stop) -> Self {
        Self { stop, ..self }
    }

    /// The network.
    pub fn network(&self) -> &Network {
        self.model.network()
    }

    /// Its parameters and running statistics.
    pub fn parameters(&self) -> &Parameters {
        self.model.parameters()
    }

    /// The class scores of a batch of images \[N, C, H, W\]. No gradient can be taken of them.
    ///
    /// # Errors
    /// A Candle error where the images have another shape than the network takes, the mixture lacks
    /// a weight, or from the device.
    pub fn forward(&self, images: &Tensor, pass: &Pass, mixture: &Mixture) -> Result<Logits> {
        self.model.forward_mixed(images, pass, mixture)
    }

    /// The class scores of a training pass, the loss that `loss` makes of them, and those of its
    /// gradients that are wanted.
    ///
    /// # Errors
    /// As [`Supernet::forward`]; a Candle error where the loss has no gradient, and for a pass that
    /// is not a training one.
    pub fn differentiate(
        &self,
        images: &Tensor,
        pass: &Pass,
        mixture: &Mixture,
        wanted: Wanted,
        loss: impl FnOnce(&Logits) -> Result<Tensor>,
    ) -> Result<SupernetStep> {
        let done = self
            .model
            .differentiate_with(images, pass, Some(mixture), wanted, Box::new(loss))?;
        Ok(done.into())
    }

    /// The same, with what each layer takes, which is added to `profile`. The results have the same
    /// bits.
    ///
    /// # Errors
    /// As [`Supernet::differentiate`]; a Candle error where the engine does not compute on these
    /// images, because they are not on the CPU.
    pub fn profile(
        &self,
        profile: &mut Profile,
        images: &Tensor,
        pass: &Pass,
        mixture: &Mixture,
        wanted: Wanted,
        loss: impl FnOnce(&Logits) -> Result<Tensor>,
    ) -> Result<SupernetStep> {
        let done = self
            .model
            .profile_with(profile, images, pass, Some(mixture), wanted, Box::new(loss))?;
        Ok(done.into())
    }

    /// Mean cross-entropy and accuracy on the images with these indices, as
    /// [`crate::train::evaluate`] measures them. `pass` says by which statistics batch norms
    /// normalise.
    ///
    /// # Errors
    /// As [`crate::train::evaluate`] and [`Supernet::forward`]; [`EvalError::Interrupted`].
    #[expect(
        clippy::too_many_arguments,
        reason = "they are the images, how they are seen, and by what"
    )]
    pub fn evaluate(
        &self,
        images: &Arc<Images>,
        normalization: &Arc<Normalization>,
        indices: &[u32],
        batch_size: usize,
        epoch: u32,
        pass: &Pass,
        mixture: &Mixture,
    ) -> std::result::Result<Scores, EvalError> {
        let parameters = self.parameters();
        evaluate_by(
            |images| Ok(self.forward(images, pass, mixture)?.main),
            parameters.compute(),
            (images, normalization, indices),
            (batch_size, epoch),
            &self.stop,
            &mut None,
        )
    }
}

#[cfg(test)]
mod tests;
