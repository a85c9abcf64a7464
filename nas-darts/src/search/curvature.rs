//! The curvature of a supernet's validation loss in its architecture parameters.

use nas_eval::data::{Endless, LastBatch};
use nas_eval::supernet::SupernetTraining;
use nas_space::seed::Seed;

use crate::alphas::Alphas;
use crate::error::DartsError;
use crate::hessian::{extreme_eigenvalues, hessian_vector};
use crate::search::differentiable::Differentiable;

/// Steps of Lanczos' method: see [`hessian`](crate::hessian) for what they leave to be desired.
pub(crate) const LANCZOS_STEPS: usize = 12;

impl Differentiable {
    /// The largest eigenvalue of ∇²_α L_val + λ I on one validation batch, the same in every epoch,
    /// with λ the weight decay of α, as in RobustDARTS' code. The weights and the running
    /// statistics stay as they are.
    pub(crate) fn dominant_eigenvalue(
        &self,
        training: &SupernetTraining,
        alphas: &Alphas,
        epoch: u32,
        steps: usize,
    ) -> Result<f64, DartsError> {
        let batches = training.valid_batches(self.config.augmentation, LastBatch::KeepJoiningSingle)?;
        let examples = training.next_examples(&mut Endless::starting_at(batches, 0)?)?;
        let supernet = training.supernet();
        let parameters = supernet.parameters();
        let before = parameters.snapshot()?;
        let gradient = |offset: &[f64]| -> Result<Vec<f64>, DartsError> {
            let mut moved = alphas.clone();
            for (value, offset) in moved.iter_mut().zip(offset) {
                *value += offset;
            }
            let mixed = self.relaxation.expected(&moved);
            let gradient = self
                .relaxed(supernet, &moved, &mixed)
                .architecture_gradient(&examples)?;
            Ok(gradient.iter().copied().collect())
        };
        let seed: Seed = self.seed.derive("lanczos", epoch.into());
        let extremes = extreme_eigenvalues(alphas.iter().count(), seed, steps, |direction| {
            hessian_vector(direction, gradient)
        });
        parameters.restore(&before)?;
        // λ moves all eigenvalues by the same amount.
        Ok(extremes?.largest + self.config.alpha.weight_decay)
    }
}
