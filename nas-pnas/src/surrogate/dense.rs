//! A plain MLP on features: the meta neural network of BANANAS.
//!
//! All layers but the last have a ReLU. Accuracies are shifted and scaled to mean 0 and variance 1,
//! and the mean absolute error is minimised by Adam. Each fit begins with new weights.
//!
//! Sums are taken in the order of the loops, so that the same samples give the same bits on every
//! machine.
//!
//! # References
//! C. White, W. Neiswanger, Y. Savani: BANANAS: Bayesian optimization with neural architectures for
//! neural architecture search. AAAI 2021, arXiv 1910.11858, section 5.

use nas_space::arch::Architecture;
use nas_space::seed::Seed;
use rand::RngExt;
use rand::seq::SliceRandom;
use rayon::prelude::*;

use super::ensemble::Member;
use super::features::Encoder;
use super::{FeatureNetworkConfig, Sample};
use crate::error::PnasError;

/// Decay of Adam's mean of gradients.
const BETA1: f32 = 0.9;
/// Decay of Adam's mean of squared gradients.
const BETA2: f32 = 0.999;
/// What keeps Adam from dividing by 0.
const EPSILON: f32 = 1e-8;

/// One network of an ensemble.
#[derive(Debug)]
pub(super) struct Dense {
    encoder: Encoder,
    config: FeatureNetworkConfig,
    seed: Seed,
    /// How often it was fitted: each time has random streams of its own.
    fits: u64,
    trained: Option<Trained>,
}

#[derive(Debug)]
struct Trained {
    layers: Layers,
    /// Of the accuracies.
    mean: f64,
    deviation: f64,
}

impl Dense {
    pub(super) fn new(encoder: Encoder, config: &FeatureNetworkConfig, seed: Seed) -> Self {
        Self {
            encoder,
            config: *config,
            seed,
            fits: 0,
            trained: None,
        }
    }
}

impl Member for Dense {
    fn fit(&mut self, samples: &[&Sample]) -> Result<(), PnasError> {
        let features = self
            .encoder
            .all(samples.par_iter().map(|sample| &sample.architecture))?;
        let n = samples.len() as f64;
        let mean = samples.iter().map(|sample| sample.accuracy).sum::<f64>() / n;
        let squares = samples.iter().map(|sample| (sample.accuracy - mean).powi(2));
        let variance = squares.sum::<f64>() / n;
        let deviation = if variance > 0.0 { variance.sqrt() } else { 1.0 };
        let targets: Vec<f32> = samples
            .iter()
            .map(|sample| ((sample.accuracy - mean) / deviation) as f32)
            .collect();

        let inputs = features.first().map_or(0, Vec::len);
        let mut sizes = vec![inputs];
        sizes.extend(vec![self.config.width; self.config.layers]);
        sizes.push(1);
        let mut layers = Layers::new(&sizes, self.seed.derive("parameters", self.fits));
        let mut adam = Adam::new(layers.parameters.len());
        let mut order: Vec<usize> = (0..samples.len()).collect();
        let mut rng = self.seed.derive("order", self.fits).rng();
        let mut pass = Pass::new(&layers, self.config.batch_size.min(samples.len()));
        for _ in 0..self.config.epochs {
            order.shuffle(&mut rng);
            for batch in order.chunks(self.config.batch_size) {
                pass.gradients.fill(0.0);
                layers.forward(batch.iter().map(|&place| &features[place][..]), &mut pass);
                let share = 1.0 / batch.len() as f32;
                for (row, &place) in batch.iter().enumerate() {
                    let error = pass.outputs()[row] - targets[place];
                    pass.deltas[row] = match error {
                        0.0 => 0.0,
                        error => share.copysign(error),
                    };
                }
                layers.backward(batch.len(), &mut pass);
                adam.step(
                    &mut layers.parameters,
                    &pass.gradients,
                    self.config.learning_rate as f32,
                );
            }
        }
        self.fits += 1;
        self.trained = Some(Trained {
            layers,
            mean,
            deviation,
        });
        Ok(())
    }

    fn predict(&self, architectures: &[Architecture]) -> Result<Vec<f64>, PnasError> {
        let Some(trained) = &self.trained else {
            return Err(PnasError::Unfitted { surrogate: NAME });
        };
        let features = self.encoder.all(architectures.par_iter())?;
        let mut pass = Pass::new(&trained.layers, features.len());
        trained
            .layers
            .forward(features.iter().map(Vec::as_slice), &mut pass);
        let outputs = pass.outputs()[..features.len()].iter();
        let scaled = outputs.map(|&output| trained.mean + trained.deviation * f64::from(output));
        Ok(scaled.collect())
    }
}

/// The surrogate's name.
pub(super) const NAME: &str = "feature_mlp";

/// Fully connected layers.
#[derive(Debug, Clone)]
struct Layers {
    /// Units from the features to the output.
    sizes: Vec<usize>,
    /// For each layer the weights, \[inputs, outputs\], then the biases.
    parameters: Vec<f32>,
}

/// What a pass writes, for a number of rows at most.
#[derive(Debug)]
struct Pass {
    /// The features, then what each layer gives: \[rows, units\] each.
    activations: Vec<Vec<f32>>,
    /// The gradients of what the layer at hand gives: \[rows, units\].
    deltas: Vec<f32>,
    /// Those of what it reads.
    inputs: Vec<f32>,
    gradients: Vec<f32>,
}

impl Pass {
    fn new(layers: &Layers, rows: usize) -> Self {
        let widest = layers.sizes.iter().copied().max().unwrap_or(0);
        Self {
            activations: layers.sizes.iter().map(|units| vec![0.0; rows * units]).collect(),
            deltas: vec![0.0; rows * widest],
            inputs: vec![0.0; rows * widest],
            gradients: vec![0.0; layers.parameters.len()],
        }
    }

    /// One number for each row.
    fn outputs(&self) -> &[f32] {
        self.activations.last().map_or(&[], Vec::as_slice)
    }
}

impl Layers {
    /// Weights as He et al. 2015 draw them for ReLUs, uniformly; biases of 0.
    fn new(sizes: &[usize], seed: Seed) -> Self {
        let mut rng = seed.rng();
        let mut parameters = Vec::new();
        for pair in sizes.windows(2) {
            let bound = (6.0 / pair[0].max(1) as f32).sqrt();
            parameters.extend((0..pair[0] * pair[1]).map(|_| rng.random_range(-bound..=bound)));
            parameters.resize(parameters.len() + pair[1], 0.0);
        }
        Self {
            sizes: sizes.to_vec(),
            parameters,
        }
    }

    /// Where the parameters of each layer begin.
    fn places(&self) -> Vec<usize> {
        let mut at = 0;
        let mut places = Vec::with_capacity(self.sizes.len());
        for pair in self.sizes.windows(2) {
            places.push(at);
            at += pair[0] * pair[1] + pair[1];
        }
        places
    }

    /// The outputs of some rows of features.
    fn forward<'a>(&self, rows: impl Iterator<Item = &'a [f32]>, pass: &mut Pass) {
        let mut count = 0;
        for row in rows {
            let units = row.len();
            pass.activations[0][count * units..(count + 1) * units].copy_from_slice(row);
            count += 1;
        }
        let last = self.sizes.len() - 2;
        for (layer, at) in self.places().into_iter().enumerate() {
            let (inputs, outputs) = (self.sizes[layer], self.sizes[layer + 1]);
            let (weights, rest) = self.parameters[at..].split_at(inputs * outputs);
            let (before, after) = pass.activations.split_at_mut(layer + 1);
            let rows = before[layer].chunks_exact(inputs.max(1));
            let written = after[0].chunks_exact_mut(outputs);
            for (row, written) in rows.zip(written).take(count) {
                written.copy_from_slice(&rest[..outputs]);
                for (&value, weights) in row.iter().zip(weights.chunks_exact(outputs)) {
                    add_scaled(written, value, weights);
                }
                if layer < last {
                    written.iter_mut().for_each(|value| *value = value.max(0.0));
                }
            }
        }
    }

    /// Adds the gradients of the parameters, from the deltas of the outputs of as many rows.
    fn backward(&self, count: usize, pass: &mut Pass) {
        for (layer, at) in self.places().into_iter().enumerate().rev() {
            let (inputs, outputs) = (self.sizes[layer], self.sizes[layer + 1]);
            let weights = &self.parameters[at..at + inputs * outputs];
            let (of_weights, rest) = pass.gradients[at..].split_at_mut(inputs * outputs);
            let rows = pass.activations[layer].chunks_exact(inputs.max(1));
            let deltas = pass.deltas.chunks_exact(outputs);
            let below = pass.inputs.chunks_exact_mut(inputs.max(1));
            for ((row, deltas), below) in rows.zip(deltas).zip(below).take(count) {
                add_scaled(&mut rest[..outputs], 1.0, deltas);
                let of_weights = of_weights.chunks_exact_mut(outputs);
                let weights = weights.chunks_exact(outputs);
                for (((&value, gradients), weights), below) in
                    row.iter().zip(of_weights).zip(weights).zip(below)
                {
                    // What a ReLU gave as 0, and a feature that is 0, hands nothing on.
                    *below = 0.0;
                    if value != 0.0 {
                        add_scaled(gradients, value, deltas);
                        if layer > 0 {
                            *below = dot(weights, deltas);
                        }
                    }
                }
            }
            std::mem::swap(&mut pass.deltas, &mut pass.inputs);
        }
    }
}

/// `sum += value · row`; features are mostly 0.
fn add_scaled(sum: &mut [f32], value: f32, row: &[f32]) {
    if value != 0.0 {
        for (sum, &weight) in sum.iter_mut().zip(row) {
            *sum += value * weight;
        }
    }
}

/// The sum of products, in four sums side by side.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0_f32; 4];
    let (fours, others) = (a.chunks_exact(4), b.chunks_exact(4));
    let rest: f32 = fours
        .remainder()
        .iter()
        .zip(others.remainder())
        .map(|(a, b)| a * b)
        .sum();
    for (a, b) in fours.zip(others) {
        for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += a * b;
        }
    }
    (sums[0] + sums[1]) + (sums[2] + sums[3]) + rest
}

/// Adam (Kingma & Ba 2015) on a slice of parameters.
#[derive(Debug)]
struct Adam {
    means: Vec<f32>,
    squares: Vec<f32>,
    /// β₁ and β₂ to the power of the steps so far.
    powers: [f32; 2],
}

impl Adam {
    fn new(parameters: usize) -> Self {
        Self {
            means: vec![0.0; parameters],
            squares: vec![0.0; parameters],
            powers: [1.0; 2],
        }
    }

    fn step(&mut self, parameters: &mut [f32], gradients: &[f32], rate: f32) {
        self.powers[0] *= BETA1;
        self.powers[1] *= BETA2;
        let rate = rate / (1.0 - self.powers[0]);
        let scale = 1.0 / (1.0 - self.powers[1]);
        let moments = self.means.iter_mut().zip(&mut self.squares);
        for ((parameter, &gradient), (mean, square)) in parameters.iter_mut().zip(gradients).zip(moments) {
            *mean = BETA1 * *mean + (1.0 - BETA1) * gradient;
            *square = BETA2 * *square + (1.0 - BETA2) * gradient * gradient;
            *parameter -= rate * *mean / ((*square * scale).sqrt() + EPSILON);
        }
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Tensor, Var};

    use super::*;

    fn features(rows: usize, inputs: usize) -> Vec<Vec<f32>> {
        let mut rng = Seed::new(3).rng();
        let one = |rng: &mut rand_chacha::ChaCha8Rng| f32::from(rng.random_bool(0.4));
        (0..rows)
            .map(|_| (0..inputs).map(|_| one(&mut rng)).collect())
            .collect()
    }

    /// Candle's tape on the same weights.
    #[test]
    fn outputs_and_gradients_are_those_of_the_tape() {
        let sizes = [7, 6, 5, 1];
        let layers = Layers::new(&sizes, Seed::new(1));
        let rows = features(9, 7);
        let mut pass = Pass::new(&layers, 12);
        layers.forward(rows.iter().map(Vec::as_slice), &mut pass);
        pass.deltas[..9].copy_from_slice(&[1.0 / 9.0; 9]);
        layers.backward(9, &mut pass);

        let mut vars = Vec::new();
        let mut x = Tensor::new(rows, &Device::Cpu).unwrap();
        for (layer, at) in layers.places().into_iter().enumerate() {
            let (inputs, outputs) = (sizes[layer], sizes[layer + 1]);
            let part = |from: usize, size: &[usize]| {
                let values = layers.parameters[from..from + size.iter().product::<usize>()].to_vec();
                Var::from_tensor(&Tensor::from_vec(values, size, &Device::Cpu).unwrap()).unwrap()
            };
            let weights = part(at, &[inputs, outputs]);
            let bias = part(at + inputs * outputs, &[outputs]);
            x = x.matmul(&weights).unwrap().broadcast_add(&bias).unwrap();
            if layer < 2 {
                x = x.relu().unwrap();
            }
            vars.extend([weights, bias]);
        }
        let expected = x.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        for (a, b) in pass.outputs()[..9].iter().zip(&expected) {
            assert!((a - b).abs() < 1e-5, "{a} {b}");
        }
        let tape = x.mean_all().unwrap().backward().unwrap();
        let gradients = vars.iter().flat_map(|var| {
            let gradient = tape.get(var).unwrap().flatten_all().unwrap();
            gradient.to_vec1::<f32>().unwrap()
        });
        let gradients: Vec<f32> = gradients.collect();
        assert_eq!(gradients.len(), pass.gradients.len());
        for (place, (a, b)) in pass.gradients.iter().zip(&gradients).enumerate() {
            assert!((a - b).abs() < 1e-5, "{place}: {a} {b}");
        }
    }

    /// Two steps of Adam, worked out by hand: the first is of length `rate` whatever the gradient.
    #[test]
    fn adam_steps_as_published() {
        let mut adam = Adam::new(2);
        let mut parameters = [1.0, -1.0];
        adam.step(&mut parameters, &[0.5, -20.0], 0.1);
        assert!((parameters[0] - 0.9).abs() < 1e-6 && (parameters[1] + 0.9).abs() < 1e-6);
        adam.step(&mut parameters, &[-0.5, -20.0], 0.1);
        // m = 0.9·0.05 − 0.05 = −0.005, over 1 − 0.81; v = 0.25.
        let expected = 0.9 + 0.1 * (0.005 / 0.19) / 0.5;
        assert!((parameters[0] - expected).abs() < 1e-5, "{}", parameters[0]);
        assert!((parameters[1] + 0.8).abs() < 1e-5);
    }
}
