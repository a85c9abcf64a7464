//! Kernel densities over the choices of architectures.

use nas_space::arch::Architecture;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// A mean of products of Aitchison and Aitken's kernels, one for each decision, around
/// observations.
///
/// Of a decision with c options, the kernel of bandwidth h around an option has 1 − h there and
/// h / (c − 1) at each other one, with h from 0 (only there) to (c − 1) / c (everywhere the same).
#[derive(Debug, Clone)]
pub(super) struct Density {
    /// The number of options of each decision.
    options: Vec<usize>,
    observations: Vec<Architecture>,
    /// Of each decision.
    bandwidths: Vec<f64>,
}

impl Density {
    /// The density of observations, of which there is at least one, in a space with these numbers
    /// of options.
    pub(super) fn new(options: &[usize], observations: Vec<Architecture>, min_bandwidth: f64) -> Self {
        let bandwidths = (0..options.len())
            .map(|decision| {
                let deviation = deviation(options[decision], decision, &observations);
                let rule = normal_reference(deviation, observations.len(), options.len());
                rule.clamp(
                    min_bandwidth.min(widest(options[decision])),
                    widest(options[decision]),
                )
            })
            .collect();
        Self {
            options: options.to_vec(),
            observations,
            bandwidths,
        }
    }

    /// How many observations it is of.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.observations.len()
    }

    /// The logarithm of the density at an architecture of the space.
    pub(super) fn ln(&self, architecture: &Architecture) -> f64 {
        let choices = architecture.choices();
        let terms: Vec<f64> = self
            .observations
            .iter()
            .map(|observation| {
                let pairs = choices.iter().zip(observation.choices());
                let widths = self.options.iter().zip(&self.bandwidths);
                let factors = pairs.zip(widths).filter(|(_, (options, _))| **options > 1);
                factors
                    .map(|((here, there), (&options, &bandwidth))| match here == there {
                        true => (1.0 - bandwidth).ln(),
                        false => (bandwidth / (options - 1) as f64).ln(),
                    })
                    .sum()
            })
            .collect();
        // With many decisions, the products are too small for a float.
        let largest = terms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = terms.iter().map(|term| (term - largest).exp()).sum();
        largest + (sum / terms.len() as f64).ln()
    }

    /// A draw from the density whose bandwidths are so many times as large, and the observation
    /// that it was drawn around.
    pub(super) fn draw(&self, factor: f64, rng: &mut ChaCha8Rng) -> (Architecture, &Architecture) {
        let centre = &self.observations[rng.random_range(0..self.observations.len())];
        let choices = centre.choices().iter().enumerate().map(|(decision, &choice)| {
            let options = self.options[decision];
            let bandwidth = (factor * self.bandwidths[decision]).min(widest(options));
            if options < 2 || rng.random::<f64>() >= bandwidth {
                return choice;
            }
            let other = rng.random_range(0..options - 1);
            other + usize::from(other >= choice)
        });
        (Architecture::new(choices.collect::<Vec<_>>()), centre)
    }
}

/// The bandwidth of a kernel that is the same everywhere.
fn widest(options: usize) -> f64 {
    (options as f64 - 1.0) / options as f64
}

/// The normal-reference rule: 1.06 σ n^(−1 / (4 + d)).
fn normal_reference(deviation: f64, observations: usize, decisions: usize) -> f64 {
    1.06 * deviation * (observations as f64).powf(-1.0 / (4.0 + decisions as f64))
}

/// The standard deviation of the choices at a decision, where two options have the distance 1
/// whichever they are: of two options, that of the numbers 0 and 1.
fn deviation(options: usize, decision: usize, observations: &[Architecture]) -> f64 {
    let mut counts = vec![0_usize; options];
    for observation in observations {
        if let Some(count) = counts.get_mut(observation.choices()[decision]) {
            *count += 1;
        }
    }
    let share = |count: usize| count as f64 / observations.len() as f64;
    let same: f64 = counts.into_iter().map(|count| share(count).powi(2)).sum();
    ((1.0 - same) / 2.0).max(0.0).sqrt()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use nas_space::seed::Seed;

    use super::*;

    fn architectures(all: &[&[usize]]) -> Vec<Architecture> {
        all.iter()
            .map(|choices| Architecture::new(choices.to_vec()))
            .collect()
    }

    fn every(options: &[usize]) -> Vec<Architecture> {
        let mut all = vec![Vec::new()];
        for &count in options {
            all = all
                .into_iter()
                .flat_map(|start| (0..count).map(move |choice| [&start[..], &[choice]].concat()))
                .collect();
        }
        all.into_iter().map(Architecture::new).collect()
    }

    #[test]
    fn a_density_sums_to_one_over_its_space() {
        let options = [3, 1, 4, 2];
        let observed = architectures(&[&[0, 0, 3, 1], &[2, 0, 3, 0], &[2, 0, 1, 0]]);
        for min_bandwidth in [1e-3, 0.2, 1.0] {
            let density = Density::new(&options, observed.clone(), min_bandwidth);
            let sum: f64 = every(&options).iter().map(|one| density.ln(one).exp()).sum();
            assert!((sum - 1.0).abs() < 1e-12, "{sum}");
        }
    }

    /// By hand: two observations of one decision with three options, 0 and 0: no deviation, so the
    /// smallest bandwidth. Of 0 and 1: σ = √(½ · ½) = ½, h = 1.06 · ½ · 2^(−1/5).
    #[test]
    fn bandwidths_follow_the_rule_within_their_limits() {
        let alike = Density::new(&[3], architectures(&[&[0], &[0]]), 0.01);
        assert_eq!(alike.bandwidths, [0.01]);
        assert!((alike.ln(&Architecture::new([0])).exp() - 0.99).abs() < 1e-12);
        assert!((alike.ln(&Architecture::new([2])).exp() - 0.005).abs() < 1e-12);
        let mixed = Density::new(&[3], architectures(&[&[0], &[1]]), 0.01);
        let expected = 1.06 * 0.5 * 2.0_f64.powf(-0.2);
        assert!((mixed.bandwidths[0] - expected).abs() < 1e-12);
        // Half of each kernel: 1 − h from one, h / 2 from the other.
        let at_0 = (1.0 - expected) / 2.0 + expected / 4.0;
        assert!((mixed.ln(&Architecture::new([0])).exp() - at_0).abs() < 1e-12);
        // A kernel is never lower at its centre than elsewhere, whatever the smallest bandwidth.
        let wide = Density::new(&[2, 1], architectures(&[&[0, 0], &[1, 0]]), 1.0);
        assert_eq!(wide.bandwidths, [0.5, 0.0]);
    }

    #[test]
    fn the_names_of_options_do_not_matter() {
        let options = [5, 5];
        let observed: [&[usize]; 4] = [&[0, 1], &[4, 1], &[4, 2], &[3, 0]];
        let renamed: Vec<Vec<usize>> = observed
            .iter()
            .map(|choices| vec![(choices[0] * 2) % 5, (choices[1] * 3) % 5])
            .collect();
        let density = Density::new(&options, architectures(&observed), 1e-3);
        let other = Density::new(
            &options,
            renamed.into_iter().map(Architecture::new).collect(),
            1e-3,
        );
        for one in every(&options) {
            let choices = one.choices();
            let same = Architecture::new([(choices[0] * 2) % 5, (choices[1] * 3) % 5]);
            assert!((density.ln(&one) - other.ln(&same)).abs() < 1e-12);
        }
    }

    #[test]
    fn products_too_small_for_a_float_are_still_compared() {
        let options = vec![2; 2000];
        let density = Density::new(&options, vec![Architecture::new(vec![0; 2000])], 1e-3);
        let far = density.ln(&Architecture::new(vec![1; 2000]));
        let nearer = density.ln(&Architecture::new([vec![0; 1000], vec![1; 1000]].concat()));
        assert!(far.is_finite() && nearer > far, "{far} {nearer}");
    }

    /// 20,000 draws; the standard deviation of a count is at most 71.
    #[test]
    fn draws_have_the_density_that_they_are_drawn_from() {
        let options = [3, 2];
        let observed = architectures(&[&[0, 1], &[2, 1], &[2, 0]]);
        let density = Density::new(&options, observed, 0.1);
        let mut rng = Seed::new(4).rng();
        let mut counts = BTreeMap::new();
        for _ in 0..20_000 {
            let (drawn, _) = density.draw(1.0, &mut rng);
            *counts.entry(drawn.to_string()).or_insert(0.0) += 1.0;
        }
        for one in every(&options) {
            let expected = 20_000.0 * density.ln(&one).exp();
            let count: f64 = counts[&one.to_string()];
            assert!((count - expected).abs() < 300.0, "{one}: {count} {expected}");
        }
    }
}
