//! How architecture parameters weigh operations: the part in which differentiable methods differ.
//!
//! A [`Relaxation`] turns [`Alphas`] into the weights of a supernet's terms, turns the gradient of
//! the weights into that of the parameters, and gives the strength of each operation when an
//! architecture is selected. A new relaxation is one file here.

mod beta;
mod dirichlet;
#[cfg(test)]
mod gradient_check;
mod gumbel;
mod partial_channels;
mod softmax;

pub use dirichlet::Dirichlet;
pub use gumbel::Gumbel;
pub use partial_channels::PartialChannels;
pub use softmax::Softmax;

use std::fmt;

use nas_space::seed::Seed;
use nas_space::spaces::RelaxedCell;
use ndarray::Array2;
use rand_chacha::ChaCha8Rng;

use crate::alphas::Alphas;
use crate::config::RelaxationConfig;

/// A way to weigh operations.
pub trait Relaxation: fmt::Debug + Send + Sync {
    /// Its name: `darts`, `pc-darts`, `gdas`, `drnas`.
    fn name(&self) -> &'static str;

    /// Whether edges have parameters of their own, β.
    fn weighs_edges(&self) -> bool {
        false
    }

    /// Whether the authors' code makes the weights' step before that of the architecture.
    fn weights_first(&self) -> bool {
        false
    }

    /// The weights of a pass. `share` is how much of the search is done, 0 in the first epoch and 1
    /// in the last; chance, if any, comes from `rng` alone.
    ///
    /// # Shapes
    /// A table a cell: edges × [`RelaxedCell::columns`](nas_space::spaces::RelaxedCell::columns).
    fn mix(&self, alphas: &Alphas, share: f64, rng: &mut ChaCha8Rng) -> Mixed;

    /// The weights of a pass without chance, by which a supernet is evaluated. Those of
    /// [`Relaxation::mix`] where that leaves nothing to chance.
    fn expected(&self, alphas: &Alphas) -> Mixed {
        self.mix(alphas, 1.0, &mut Seed::new(0).rng())
    }

    /// The gradient of the architecture parameters from that of the weights which
    /// [`Relaxation::mix`] made of them.
    fn pull_back(&self, alphas: &Alphas, mixed: &Mixed, gradient: &[Array2<f64>]) -> Alphas;

    /// The gradient of what the method itself adds to the loss of the architecture, if anything.
    fn regulariser(&self, _alphas: &Alphas) -> Option<Alphas> {
        None
    }

    /// How strong each operation is, without chance, in \[0, 1\].
    ///
    /// # Shapes
    /// A table a cell: edges × operations.
    fn strengths(&self, alphas: &Alphas) -> Vec<Array2<f64>>;
}

/// The weights of a pass, and what taking their gradient back needs beside them.
#[derive(Debug, Clone)]
pub struct Mixed {
    /// The weights: a table a cell.
    pub weights: Vec<Array2<f64>>,
    /// Probabilities that the weights were made from, where they are not the weights themselves.
    pub probabilities: Vec<Array2<f64>>,
    /// Where the weights are a draw whose gradient is taken from the distribution: how fast each
    /// weight x follows its own parameter, dx / dc / (1 − x).
    pub rates: Vec<Array2<f64>>,
    /// Temperature of those probabilities; 1 where there is none.
    pub temperature: f64,
}

impl Mixed {
    /// Weights that owe nothing to chance.
    fn certain(weights: Vec<Array2<f64>>) -> Self {
        Self {
            weights,
            probabilities: Vec::new(),
            rates: Vec::new(),
            temperature: 1.0,
        }
    }
}

impl RelaxationConfig {
    /// The relaxation of these settings, for a supernet of these cells.
    pub fn build(&self, cells: &[RelaxedCell]) -> Box<dyn Relaxation> {
        match *self {
            Self::Darts {} => Box::new(Softmax),
            Self::PcDarts { .. } => Box::new(PartialChannels::new(cells)),
            Self::Gdas {
                first_temperature,
                last_temperature,
            } => Box::new(Gumbel {
                first_temperature,
                last_temperature,
            }),
            Self::Drnas { kl_weight } => Box::new(Dirichlet { kl_weight }),
        }
    }
}
