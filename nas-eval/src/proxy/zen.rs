//! Zen: how expressive the features are (Lin et al. 2021, "Zen-NAS: A Zero-Shot NAS for
//! High-Performance Image Recognition", arXiv 2102.01063, algorithm 1).
//!
//! With f the features before the global average pooling, x and ε Gaussian images and α = 0.01, the
//! score is ln E ‖f(x) − f(x + α ε)‖ + Σ over batch norms of ln √(mean variance of the channels).
//!
//! - **Weights** of convolutions and linear layers are drawn from N(0, 1); biases are 0, batch
//!   norms start with scale 1 and shift 0.
//! - **Batch norms** normalise by the statistics of the batch. The second term has the biased
//!   variances of the batch x. (The authors' program takes running variances, which are part of the
//!   way from 1 to those.) A batch norm that reads zeros alone scales nothing and is left out.
//! - **The norm** is Σ |·| over all features of an image, as in the authors' program; the paper
//!   writes ‖·‖_F.
//! - **Data** is not used but for the number of images. Skip connections stay, where the paper
//!   removes those of its own networks.
//!
//! A network whose features do not depend on the image has the score −∞.

use std::sync::Arc;

use candle_core::{Device, Tensor};
use nas_space::network::Network;
use nas_space::seed::Seed;
use rand_distr::{Distribution, StandardNormal};

use super::network::features;
use super::weights::values;
use crate::compute::Compute;
use crate::engine::Observer;
use crate::error::EvalError;
use crate::model::{Model, Pass};

/// How much of ε is added: the paper's α.
const ALPHA: f64 = 0.01;

/// Sums up ln √(mean variance) over the batch norms of a pass.
#[derive(Debug, Default)]
struct Scales(f64);

impl Observer for Scales {
    fn batch_norm(&mut self, _name: &str, variance: &[f64]) {
        let mean = variance.iter().sum::<f64>() / variance.len() as f64;
        if mean > 0.0 {
            self.0 += 0.5 * mean.ln();
        }
    }
}

/// Sees nothing.
struct Nothing;

impl Observer for Nothing {}

pub(super) fn score(
    network: &Network,
    images: usize,
    seed: Seed,
    compute: &Compute,
) -> Result<f64, EvalError> {
    let features = Arc::new(features(network)?);
    let model = Model::new(Arc::clone(&features), seed, compute)?;
    for (name, parameter) in model.parameters().iter() {
        let (shape, count) = (parameter.var.dims(), parameter.var.elem_count());
        let is_matrix = shape.len() > 1;
        if is_matrix {
            let drawn = gaussian(count, seed.derive(&format!("zen:{name}"), 0));
            parameter.var.set(&tensor(drawn, shape, compute)?)?;
        } else if name.ends_with(".bias") {
            parameter.var.set(&parameter.var.zeros_like()?)?;
        }
    }
    let image = network.image();
    let shape = [images, image.channels, image.height, image.width];
    let draw = |purpose: &str| gaussian(shape.iter().product(), seed.derive(purpose, 0));
    let x = draw("zen-input");
    let moved = x
        .iter()
        .zip(draw("zen-noise"))
        .map(|(x, noise)| x + ALPHA * noise)
        .collect();
    change(
        &model,
        &tensor(x, &shape, compute)?,
        &tensor(moved, &shape, compute)?,
    )
}

/// The score of a model whose outputs are features, for images that are `moved` a little.
pub(super) fn change(model: &Model, x: &Tensor, moved: &Tensor) -> Result<f64, EvalError> {
    let mut scales = Scales::default();
    let pass = Pass::BatchStatistics;
    let before = model.forward_observed(x, &pass, &mut scales)?;
    let after = model.forward_observed(moved, &pass, &mut Nothing)?;
    let change: f64 = values(&before.main)?
        .iter()
        .zip(values(&after.main)?)
        .map(|(a, b)| (a - b).abs())
        .sum();
    let change = change / x.dim(0)? as f64;
    if change == 0.0 {
        return Ok(f64::NEG_INFINITY);
    }
    Ok(change.ln() + scales.0)
}

fn gaussian(count: usize, seed: Seed) -> Vec<f64> {
    let mut rng = seed.rng();
    (0..count).map(|_| StandardNormal.sample(&mut rng)).collect()
}

fn tensor(values: Vec<f64>, shape: &[usize], compute: &Compute) -> Result<Tensor, EvalError> {
    let tensor = Tensor::from_vec(values, shape, &Device::Cpu)?;
    Ok(tensor.to_dtype(compute.dtype)?.to_device(&compute.device)?)
}
