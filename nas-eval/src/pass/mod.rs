//! The purpose, inputs and outputs of a pass through a network, shared by models and the engine.

mod mask;
mod mixture;

use candle_core::{Result, Tensor};
use nas_space::seed::Seed;
use ndarray::Array2;

pub(crate) use self::mask::layer_mask;
pub use self::mixture::Mixture;
pub(crate) use self::mixture::{Part, Weights};
use crate::nn::Gradients;

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
    /// Evaluation by the statistics of the batch, which the running ones do not follow; nothing
    /// random.
    BatchStatistics,
    /// Evaluation of two images, of which drop-path layers multiply what they read: by 1 + `step`
    /// for the first one and by 1 − `step` for the second.
    Scaled {
        /// By how much.
        step: f64,
    },
}

/// Class scores before the softmax.
#[derive(Debug, Clone)]
pub struct Logits {
    /// Those of the network: \[N, classes\].
    pub main: Tensor,
    /// Those of the auxiliary head, in a training pass of a network that has one: \[N, classes\].
    pub auxiliary: Option<Tensor>,
}

/// Which gradients a pass is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// Those of the weights of its layers.
    Weights,
    /// Those of the mixture.
    Mixture,
    /// Both.
    Both,
    /// Those of the images alone.
    Images,
}

impl Wanted {
    pub(crate) fn weights(self) -> bool {
        matches!(self, Self::Weights | Self::Both)
    }

    pub(crate) fn mixture(self) -> bool {
        matches!(self, Self::Mixture | Self::Both)
    }

    pub(crate) fn images(self) -> bool {
        self == Self::Images
    }
}

/// What differentiating a pass gives.
pub(crate) struct Differentiated {
    pub(crate) logits: Logits,
    pub(crate) loss: Tensor,
    pub(crate) gradients: Gradients,
    /// Zeros where they are not wanted.
    pub(crate) mixture: Vec<Array2<f64>>,
    /// That of the images \[N, C, H, W\], where it is wanted.
    pub(crate) images: Option<Tensor>,
}

/// What makes a loss of class scores. Behind the public functions it is of one type whatever the
/// closure: else the engine, which is generic over the element, would be compiled once more in
/// every crate that has a loss.
pub(crate) type Loss<'a> = Box<dyn FnOnce(&Logits) -> Result<Tensor> + 'a>;
