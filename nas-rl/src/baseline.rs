//! What a reward is compared with.

use serde::{Deserialize, Serialize};

/// An exponential moving average of rewards, without the bias towards 0 that it would begin with:
/// the sum of dᵏ·r over the rewards, k steps ago, over the sum of dᵏ.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Baseline {
    decay: f64,
    rewards: f64,
    weights: f64,
    /// Whether it begins at 0, and so is too low for long.
    biased: bool,
}

impl Baseline {
    pub(crate) fn new(decay: f64) -> Self {
        Self {
            decay,
            rewards: 0.0,
            weights: 0.0,
            biased: false,
        }
    }

    /// One that begins at 0, as in the authors' code of ENAS.
    pub(crate) fn from_zero(decay: f64) -> Self {
        Self {
            biased: true,
            ..Self::new(decay)
        }
    }

    /// The average, once there is a reward.
    pub(crate) fn value(&self) -> Option<f64> {
        if self.biased {
            return Some(self.rewards);
        }
        (self.weights > 0.0).then(|| self.rewards / self.weights)
    }

    pub(crate) fn observe(&mut self, reward: f64) {
        self.rewards = self.decay * self.rewards + (1.0 - self.decay) * reward;
        self.weights = self.decay * self.weights + (1.0 - self.decay);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_weighted_mean_from_the_first_reward_on() {
        let mut baseline = Baseline::new(0.9);
        assert_eq!(baseline.value(), None);
        baseline.observe(0.5);
        assert!((baseline.value().unwrap() - 0.5).abs() < 1e-12);
        baseline.observe(1.0);
        assert!((baseline.value().unwrap() - (0.9 * 0.5 + 1.0) / 1.9).abs() < 1e-12);
        let mut biased = Baseline::from_zero(0.9);
        biased.observe(0.5);
        assert!((biased.value().unwrap() - 0.05).abs() < 1e-12);
        biased.observe(1.0);
        assert!((biased.value().unwrap() - 0.145).abs() < 1e-12);
        let mut last = Baseline::new(0.0);
        last.observe(0.5);
        last.observe(0.25);
        assert_eq!(last.value(), Some(0.25));
    }
}
