//! Distributions over the options of decisions.

use candle_core::{D, Device, Result, Tensor};
use candle_nn::ops::log_softmax;
use rand::{Rng, RngExt};

/// What is added to the score of an option that is not allowed. Its exponential is 0, and so is
/// that times itself, where that of minus infinity would be no number.
const BLOCKED: f64 = -1e9;

/// The distributions of equally many decisions for each of a batch of architectures.
#[derive(Debug)]
pub(super) struct Distribution {
    /// \[batch, decisions, options\].
    log_probs: Tensor,
}

/// Which options of which decisions are not allowed, flat, for the shape \[batch, decisions,
/// options\].
pub(super) type Blocked = Vec<bool>;

impl Distribution {
    /// The softmax of these scores, \[batch, decisions, options\], over the options that are not
    /// blocked.
    pub(super) fn new(scores: &Tensor, blocked: Option<Blocked>) -> Result<Self> {
        let scores = match blocked {
            Some(blocked) => {
                let penalty: Vec<f64> = blocked
                    .into_iter()
                    .map(|blocked| if blocked { BLOCKED } else { 0.0 })
                    .collect();
                (scores + Tensor::from_vec(penalty, scores.shape(), scores.device())?)?
            }
            None => scores.clone(),
        };
        Ok(Self {
            log_probs: log_softmax(&scores, D::Minus1)?,
        })
    }

    /// The same without the options that are blocked now; the probabilities of the others keep
    /// their proportions.
    pub(super) fn without(&self, blocked: Option<Blocked>) -> Result<Self> {
        Self::new(&self.log_probs, blocked)
    }

    /// One option of each decision, architecture by architecture.
    pub(super) fn draw(&self, rng: &mut impl Rng) -> Result<Vec<Vec<usize>>> {
        let log_probs = self.log_probs.to_vec3::<f64>()?;
        Ok(log_probs
            .iter()
            .map(|decisions| decisions.iter().map(|options| draw(options, rng)).collect())
            .collect())
    }

    /// One option of decision number `place`, for each architecture.
    pub(super) fn draw_one(&self, place: usize, rng: &mut impl Rng) -> Result<Vec<usize>> {
        let log_probs = self.log_probs.to_vec3::<f64>()?;
        Ok(log_probs
            .iter()
            .map(|decisions| draw(&decisions[place], rng))
            .collect())
    }

    /// The log-probability of these options of the decisions, \[batch\].
    pub(super) fn log_prob(&self, chosen: &[Vec<usize>]) -> Result<Tensor> {
        let (batch, decisions, options) = self.log_probs.dims3()?;
        let mut marks = vec![0.0; batch * decisions * options];
        for (row, chosen) in marks.chunks_mut(decisions * options).zip(chosen) {
            for (marks, &option) in row.chunks_mut(options).zip(chosen) {
                marks[option] = 1.0;
            }
        }
        let marks = Tensor::from_vec(marks, (batch, decisions, options), &Device::Cpu)?;
        (&self.log_probs * marks)?.flatten_from(1)?.sum(1)
    }

    /// The entropies in nats, summed over the decisions, \[batch\].
    pub(super) fn entropy(&self) -> Result<Tensor> {
        (self.log_probs.exp()? * &self.log_probs)?
            .flatten_from(1)?
            .sum(1)?
            .neg()
    }

    /// The Kullback-Leibler divergences of the distributions from this one over their options, in
    /// nats, summed over the decisions, \[batch\].
    pub(super) fn divergence(&self, from: &[f64]) -> Result<Tensor> {
        let from: Vec<f64> = from.iter().map(|probability| probability.ln()).collect();
        let ratio = self.log_probs.broadcast_sub(&Tensor::new(from, &Device::Cpu)?)?;
        (self.log_probs.exp()? * ratio)?.flatten_from(1)?.sum(1)
    }
}

/// An option by inversion of the cumulative distribution. One of probability 0 is never drawn.
fn draw(log_probs: &[f64], rng: &mut impl Rng) -> usize {
    let mut left: f64 = rng.random();
    let mut last = 0;
    for (option, log_prob) in log_probs.iter().enumerate() {
        let probability = log_prob.exp();
        if probability > 0.0 {
            last = option;
            if left < probability {
                break;
            }
            left -= probability;
        }
    }
    last
}

#[cfg(test)]
mod tests {
    use nas_space::seed::Seed;

    use super::*;

    fn distribution(blocked: Option<Blocked>) -> Distribution {
        let scores = Tensor::new(&[[[0.0, 2f64.ln(), 5f64.ln()]]], &Device::Cpu).unwrap();
        Distribution::new(&scores, blocked).unwrap()
    }

    fn scalar(tensor: &Tensor) -> f64 {
        tensor.to_vec1::<f64>().unwrap()[0]
    }

    #[test]
    fn log_probabilities_and_entropy_are_those_of_the_softmax() {
        let one = distribution(None);
        let p: [f64; 3] = [1.0 / 8.0, 2.0 / 8.0, 5.0 / 8.0];
        for (option, p) in p.iter().enumerate() {
            assert!((scalar(&one.log_prob(&[vec![option]]).unwrap()) - p.ln()).abs() < 1e-12);
        }
        let entropy: f64 = p.iter().map(|p| -p * p.ln()).sum();
        assert!((scalar(&one.entropy().unwrap()) - entropy).abs() < 1e-12);
    }

    #[test]
    fn what_is_blocked_has_probability_zero_and_adds_nothing_to_the_entropy() {
        let one = distribution(Some(vec![false, false, true]));
        let entropy = -(1.0 / 3.0 * (1f64 / 3.0).ln() + 2.0 / 3.0 * (2f64 / 3.0).ln());
        assert!((scalar(&one.entropy().unwrap()) - entropy).abs() < 1e-12);
        assert!((scalar(&one.log_prob(&[vec![1]]).unwrap()) - (2f64 / 3.0).ln()).abs() < 1e-12);
        assert_eq!(scalar(&one.log_prob(&[vec![2]]).unwrap()).exp(), 0.0);
        let mut rng = Seed::new(0).rng();
        assert!((0..1000).all(|_| one.draw(&mut rng).unwrap()[0][0] < 2));
    }

    #[test]
    fn draws_come_in_proportion() {
        let one = distribution(None);
        let mut rng = Seed::new(1).rng();
        let mut counts = [0_u32; 3];
        for _ in 0..8000 {
            counts[one.draw(&mut rng).unwrap()[0][0]] += 1;
        }
        // Means 1000, 2000, 5000; standard deviations below 44.
        for (count, mean) in counts.into_iter().zip([1000.0, 2000.0, 5000.0]) {
            assert!((f64::from(count) - mean).abs() < 200.0, "{counts:?}");
        }
    }
}
