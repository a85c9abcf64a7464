//! GraSP: what the norm of the gradient loses with each weight (Wang et al. 2020, "Picking Winning
//! Tickets Before Training by Preserving Gradient Flow", arXiv 2002.07376, equation 8).
//!
//! −wᵀ H g, with g and H the gradient and the Hessian of the loss in the weights w of convolutions
//! and linear layers. The sign is that of Abdelfattah et al. 2021, of whose scores a higher one is
//! better.
//!
//! Since H is symmetric, wᵀ H g is the change of ½ ‖g‖² when all w grow together: H w is the
//! derivative of g at w · (1 + t). So the score is −(‖g(w · (1 + t))‖² − ‖g(w · (1 − t))‖²) / 4t, a
//! central difference in double precision. The published programs differentiate twice, which takes
//! every ReLU as fixed. But some of the millions of values of a network cross 0 when weights move,
//! and each that does adds a jump of the gradient divided by t. So in both passes, the values that
//! were near 0 before are moved away from it, each to its own side and by the same distance: they
//! still change with the weights, and none crosses. What this changes of the score is far below
//! 1e-5.
//!
//! A maximum of max pooling can still change its place. Where there is max pooling, the difference
//! is taken with smaller and smaller t, until two of them agree.
//!
//! Batch norms by the statistics of the batch; mean cross-entropy on the whole batch, at
//! temperature 1; PyTorch's initialisation.

use std::collections::BTreeMap;
use std::sync::Arc;

use candle_core::{DType, Tensor, Var};
use nas_space::network::{LayerKind, Network, PoolKind};
use nas_space::seed::Seed;

use super::ProxyBatch;
use super::score::mean_cross_entropy;
use super::weights;
use crate::compute::Compute;
use crate::engine::{NearZero, Observer};
use crate::error::EvalError;
use crate::model::{Model, Pass, Wanted};

/// By how much of themselves weights are moved.
const STEP: f64 = 1e-7;
/// What is near 0, and how far it is moved away: a hundred times as far as weights move.
const NEAR: f64 = 1e-5;
/// The first step where there is max pooling, and how often it is divided by ten.
const POOLING_STEP: f64 = 1e-6;
const SMALLER: i32 = 3;
/// How closely two differences agree that are both right, as a share of ‖g‖² and of themselves.
const AGREEMENT: f64 = 1e-4;

pub(super) fn score(
    network: &Arc<Network>,
    batch: &ProxyBatch,
    seed: Seed,
    compute: &Compute,
) -> Result<f64, EvalError> {
    let compute = compute.clone().with_dtype(DType::F64);
    of_model(&Model::new(Arc::clone(network), seed, &compute)?, batch)
}

/// The score of a model in double precision, whose weights are moved.
pub(super) fn of_model(model: &Model, batch: &ProxyBatch) -> Result<f64, EvalError> {
    let moved = Moved::new(model, batch)?;
    if !has_max_pooling(model.network()) {
        return Ok(moved.difference(STEP)?.0);
    }
    let (mut before, _) = moved.difference(POOLING_STEP)?;
    for power in 1..=SMALLER {
        let (difference, squared_norm) = moved.difference(POOLING_STEP * 0.1_f64.powi(power))?;
        if (difference - before).abs() <= AGREEMENT * (difference.abs() + squared_norm) {
            return Ok(difference);
        }
        before = difference;
    }
    Err(EvalError::config(
        "grasp",
        before,
        "a network whose max pooling keeps its places when weights move a little; leave this proxy out, or change the seed or the \
         images",
    ))
}

fn has_max_pooling(network: &Network) -> bool {
    let is_max = |kind: &LayerKind| matches!(kind, LayerKind::Pool2d(pool) if pool.kind == PoolKind::Max);
    network.layers().iter().any(|layer| is_max(&layer.kind))
}

/// A model whose weights are moved, and what its ReLUs read near 0 before, by the step of the plan.
struct Moved<'a> {
    model: &'a Model,
    images: Tensor,
    labels: &'a Tensor,
    start: Vec<(&'a Var, Tensor)>,
    near: BTreeMap<usize, Vec<NearZero>>,
}

impl<'a> Moved<'a> {
    fn new(model: &'a Model, batch: &'a ProxyBatch) -> Result<Self, EvalError> {
        let images = batch.images.to_dtype(DType::F64)?;
        let mut start = Vec::new();
        for name in weights::names(model.network()) {
            if let Some(parameter) = model.parameters().get(&name) {
                start.push((&parameter.var, parameter.var.as_detached_tensor().copy()?));
            }
        }
        let mut seen = Near::default();
        model.forward_observed(&images, &Pass::BatchStatistics, &mut seen)?;
        Ok(Self {
            model,
            images,
            labels: &batch.labels,
            start,
            near: seen.0,
        })
    }

    /// −wᵀ H g as a difference, and ‖g‖².
    fn difference(&self, step: f64) -> Result<(f64, f64), EvalError> {
        let (above, below) = (self.gradient(1.0 + step)?, self.gradient(1.0 - step)?);
        // Term by term: two large sums would be rounded apart.
        let pairs = || above.iter().flatten().zip(below.iter().flatten());
        let change: f64 = pairs()
            .map(|(above, below)| (below - above) * (below + above))
            .sum();
        let squared_norm = pairs().map(|(above, below)| above * below).sum();
        Ok((change / (4.0 * step), squared_norm))
    }

    /// That of the weights, layer by layer, where all of them are so many times as large.
    fn gradient(&self, factor: f64) -> Result<Vec<Vec<f64>>, EvalError> {
        for (var, weight) in &self.start {
            var.set(&(weight * factor)?)?;
        }
        let loss = mean_cross_entropy(self.labels);
        let mut away = Away(&self.near);
        let done =
            self.model
                .differentiate_untrained(&self.images, Wanted::Weights, loss, Some(&mut away))?;
        let layers = weights::with_gradients(self.model, &done.gradients)?;
        Ok(layers.into_iter().filter_map(|layer| layer.gradient).collect())
    }
}

/// Sees what is near 0.
#[derive(Default)]
struct Near(BTreeMap<usize, Vec<NearZero>>);

impl Observer for Near {
    fn wants_near_zero(&self) -> Option<f64> {
        Some(NEAR)
    }

    fn near_zero(&mut self, step: usize, values: Vec<NearZero>) {
        self.0.insert(step, values);
    }
}

/// Moves what was near 0 away from it.
struct Away<'a>(&'a BTreeMap<usize, Vec<NearZero>>);

impl Observer for Away<'_> {
    fn moves(&self, step: usize) -> Option<(f64, &[NearZero])> {
        Some((NEAR, self.0.get(&step)?))
    }
}
