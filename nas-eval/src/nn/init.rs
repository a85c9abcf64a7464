//! What the values of a parameter are before training.

use nas_space::seed::Seed;
use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};

/// What a parameter starts from.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Init {
    /// All 0.
    Zeros,
    /// All 1.
    Ones,
    /// All the same.
    Constant(f64),
    /// U(−`bound`, `bound`).
    Uniform {
        /// The largest magnitude.
        bound: f64,
    },
    /// N(0, `std`²).
    Normal {
        /// The standard deviation.
        std: f64,
    },
    /// U(±1/√`fan_in`): what PyTorch draws the weights and biases of convolutions and linear layers
    /// from (its `kaiming_uniform_` with a = √5).
    KaimingUniform {
        /// Number of inputs of one output: input channels per group × kernel size.
        fan_in: usize,
    },
    /// N(0, 2 / `fan_out`): He et al. 2015 (arXiv 1502.01852) for ReLU networks, as ResNets start.
    KaimingNormalFanOut {
        /// Number of outputs that one input reaches: output channels × kernel size.
        fan_out: usize,
    },
}

impl Init {
    /// `count` values, drawn from the stream of `seed`. They are drawn in double precision for
    /// every element type, so that an `f32` network starts as the rounded `f64` one.
    pub(super) fn values(self, count: usize, seed: Seed) -> Vec<f64> {
        match self {
            Self::Zeros => vec![0.0; count],
            Self::Ones => vec![1.0; count],
            Self::Constant(value) => vec![value; count],
            Self::Uniform { bound } => uniform(count, bound, seed),
            Self::Normal { std } => normal(count, std, seed),
            Self::KaimingUniform { fan_in } => uniform(count, 1.0 / (fan_in.max(1) as f64).sqrt(), seed),
            Self::KaimingNormalFanOut { fan_out } => {
                normal(count, (2.0 / fan_out.max(1) as f64).sqrt(), seed)
            }
        }
    }
}

fn uniform(count: usize, bound: f64, seed: Seed) -> Vec<f64> {
    let mut rng = seed.rng();
    (0..count)
        .map(|_| bound * (2.0 * rng.random::<f64>() - 1.0))
        .collect()
}

fn normal(count: usize, std: f64, seed: Seed) -> Vec<f64> {
    let mut rng = seed.rng();
    (0..count)
        .map(|_| {
            let value: f64 = StandardNormal.sample(&mut rng);
            std * value
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean_and_std(values: &[f64]) -> (f64, f64) {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / values.len() as f64;
        (mean, variance.sqrt())
    }

    #[test]
    fn draws_have_the_stated_spread() {
        let n = 20_000;
        let uniform = Init::KaimingUniform { fan_in: 25 }.values(n, Seed::new(1));
        let (mean, std) = mean_and_std(&uniform);
        assert!(uniform.iter().all(|v| v.abs() <= 0.2));
        assert!(
            mean.abs() < 0.005 && (std - 0.2 / 3f64.sqrt()).abs() < 0.003,
            "mean {mean}, std {std}"
        );
        let (mean, std) = mean_and_std(&Init::KaimingNormalFanOut { fan_out: 50 }.values(n, Seed::new(1)));
        assert!(
            mean.abs() < 0.005 && (std - 0.2).abs() < 0.005,
            "mean {mean}, std {std}"
        );
    }

    #[test]
    fn constants_are_constant() {
        assert_eq!(Init::Ones.values(3, Seed::new(0)), [1.0; 3]);
        assert_eq!(Init::Constant(-2.5).values(2, Seed::new(0)), [-2.5; 2]);
    }
}
