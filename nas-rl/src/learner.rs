//! What a batch of draws teaches a controller.

use candle_core::{Device, Tensor};
use nas_eval::nn::{Gradients, Optimizer, OptimizerConfig};
use nas_space::arch::Architecture;

use crate::baseline::Baseline;
use crate::config::{Algorithm, BaselineStart, EntropyBonus, RlConfig};
use crate::controller::{Controller, Drawn, Scores};
use crate::error::RlError;

/// A draw, and how much better it was than expected.
#[derive(Debug, Clone)]
pub(crate) struct Lesson {
    pub(crate) architecture: Architecture,
    /// Log-probability when it was drawn.
    pub(crate) log_prob: f64,
    /// Its signal (reward and entropy bonus) less the baseline.
    pub(crate) advantage: f64,
}

/// A controller with the optimizer that trains it.
#[derive(Debug)]
pub(crate) struct Learner {
    pub(crate) controller: Controller,
    pub(crate) optimizer: Box<dyn Optimizer>,
    pub(crate) baseline: Baseline,
    algorithm: Algorithm,
    learning_rate: f64,
    entropy_weight: f64,
    entropy_bonus: EntropyBonus,
    baseline_start: BaselineStart,
    skip_weight: f64,
    clip_norm: f64,
    pub(crate) updates: usize,
}

impl Learner {
    pub(crate) fn new(controller: Controller, config: &RlConfig) -> Result<Self, RlError> {
        Ok(Self {
            controller,
            optimizer: OptimizerConfig::Adam(config.adam).build()?,
            baseline: match config.baseline_start {
                BaselineStart::Unbiased => Baseline::new(config.baseline_decay),
                BaselineStart::Zero => Baseline::from_zero(config.baseline_decay),
            },
            algorithm: config.algorithm,
            learning_rate: config.learning_rate,
            entropy_weight: config.entropy_weight,
            entropy_bonus: config.entropy_bonus,
            baseline_start: config.baseline_start,
            skip_weight: config.skip_weight,
            clip_norm: config.clip_norm,
            updates: 0,
        })
    }

    /// Learns what these draws were worth, and gives the baseline that they, or the last of them,
    /// were compared with: of the first ones, their own mean, unless it begins at 0. There is at
    /// least one.
    pub(crate) fn reward(&mut self, draws: &[&Drawn], rewards: &[f64]) -> Result<f64, RlError> {
        let with_bonus = |(drawn, reward): (&&Drawn, &f64)| reward + self.entropy_weight * drawn.entropy;
        let signals: Vec<f64> = draws.iter().zip(rewards).map(with_bonus).collect();
        let mean = signals.iter().sum::<f64>() / signals.len() as f64;
        let mut baseline = self.baseline.value().unwrap_or(mean);
        let mut next = self.baseline.clone();
        let mut batch = Vec::with_capacity(draws.len());
        for (drawn, signal) in draws.iter().zip(signals) {
            next.observe(signal);
            if self.baseline_start == BaselineStart::Zero {
                baseline = next.value().unwrap_or(mean);
            }
            batch.push(Lesson {
                architecture: drawn.architecture.clone(),
                log_prob: drawn.log_prob,
                advantage: signal - baseline,
            });
        }
        self.learn(&batch)?;
        self.baseline = next;
        Ok(baseline)
    }

    /// Learns from a batch, which is not empty.
    pub(crate) fn learn(&mut self, batch: &[Lesson]) -> Result<(), RlError> {
        let steps = match self.algorithm {
            Algorithm::Reinforce {} => 1,
            Algorithm::Ppo { epochs, .. } => epochs,
        };
        for _ in 0..steps {
            let mut gradients = self.gradients(batch)?;
            if self.clip_norm > 0.0 {
                gradients.clip_norm(self.clip_norm)?;
            }
            let parameters = self.controller.parameters();
            self.optimizer.step(parameters, &gradients, self.learning_rate)?;
        }
        self.updates += 1;
        Ok(())
    }

    /// The gradients of what is minimised: −(1/m)·Σ (w·log p + β·H − λ·D), with the weights w as
    /// constants and the distance D from the target of skip connections; without β·H where entropy
    /// counts in the reward alone.
    pub(crate) fn gradients(&self, batch: &[Lesson]) -> Result<Gradients, RlError> {
        let architectures: Vec<&Architecture> = batch.iter().map(|lesson| &lesson.architecture).collect();
        let Scores {
            log_prob,
            entropy,
            skip_divergence,
        } = self.controller.scores(&architectures)?;
        let now = log_prob.to_vec1::<f64>()?;
        if !now.iter().all(|value| value.is_finite()) {
            return Err(RlError::NonFinite {
                updates: self.updates,
            });
        }
        let share = 1.0 / batch.len() as f64;
        let weights: Vec<f64> = batch
            .iter()
            .zip(now)
            .map(|(lesson, log_prob)| -share * self.weight(lesson, log_prob))
            .collect();
        let weights = Tensor::new(weights, &Device::Cpu)?;
        let mut loss = (log_prob * weights)?.sum_all()?;
        if self.entropy_weight > 0.0 && self.entropy_bonus == EntropyBonus::Gradient {
            loss = (loss - (entropy.sum_all()? * (share * self.entropy_weight))?)?;
        }
        if self.skip_weight > 0.0 {
            loss = (loss + (skip_divergence.sum_all()? * (share * self.skip_weight))?)?;
        }
        Ok(Gradients::of(&loss, self.controller.parameters())?)
    }

    /// What ∇log p is weighed by: the advantage for REINFORCE. PPO's objective is min(r·A, clip(r,
    /// 1 ± ε)·A) with r = p / p_old, whose gradient is r·A·∇log p, or 0 where the clip holds r
    /// back.
    fn weight(&self, lesson: &Lesson, log_prob: f64) -> f64 {
        let advantage = lesson.advantage;
        match self.algorithm {
            Algorithm::Reinforce {} => advantage,
            Algorithm::Ppo { clip, .. } => {
                let ratio = (log_prob - lesson.log_prob).exp();
                let held = if advantage > 0.0 {
                    ratio > 1.0 + clip
                } else {
                    ratio < 1.0 - clip
                };
                if held { 0.0 } else { ratio * advantage }
            }
        }
    }
}

#[cfg(test)]
mod tests;
