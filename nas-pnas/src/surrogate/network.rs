//! How a network learns accuracies.

use std::fmt;

use candle_core::{D, Device, Tensor};
use nas_eval::Compute;
use nas_eval::nn::{Adam, AdamConfig, Bias, Gradients, Init, Linear, Optimizer, Parameters};
use nas_space::arch::Architecture;
use nas_space::seed::Seed;
use rand::seq::SliceRandom;

use super::ensemble::Member;
use super::{NetworkConfig, Refit, Sample};
use crate::error::PnasError;

/// What a network looks like before its last layer.
pub(super) trait Shape: fmt::Debug + Send + Sync {
    /// Its parameters.
    type Body: fmt::Debug + Send + Sync;

    /// Creates the parameters.
    fn create(&self, parameters: &mut Parameters) -> Result<Self::Body, PnasError>;

    /// What the last layer reads.
    ///
    /// # Shapes
    /// \[architectures, hidden\].
    fn forward(&self, body: &Self::Body, architectures: &[&Architecture]) -> candle_core::Result<Tensor>;

    /// Its name in errors.
    fn name(&self) -> &'static str;
}

/// One network of an ensemble: a body, a linear layer, a sigmoid. It minimises the mean absolute
/// error by Adam.
#[derive(Debug)]
pub(super) struct Network<S: Shape> {
    shape: S,
    config: NetworkConfig,
    seed: Seed,
    trained: Option<Trained<S::Body>>,
    /// How often it was fitted: each time has random streams of its own.
    fits: u64,
}

#[derive(Debug)]
struct Trained<B> {
    parameters: Parameters,
    body: B,
    head: Linear,
}

impl<S: Shape> Network<S> {
    pub(super) fn new(shape: S, config: &NetworkConfig, seed: Seed) -> Result<Self, PnasError> {
        Ok(Self {
            shape,
            config: *config,
            seed,
            trained: None,
            fits: 0,
        })
    }

    /// New parameters.
    fn create(&self) -> Result<Trained<S::Body>, PnasError> {
        let seed = self.seed.derive("parameters", self.fits);
        let mut parameters = Parameters::new(seed, &Compute::cpu());
        let body = self.shape.create(&mut parameters)?;
        let init = Init::KaimingUniform {
            fan_in: self.config.hidden,
        };
        let bias = Bias::With(Init::Constant(self.config.bias));
        let head = Linear::new(&mut parameters, "head", [self.config.hidden, 1], init, bias)?;
        Ok(Trained {
            parameters,
            body,
            head,
        })
    }

    /// The predictions, of shape \[architectures\].
    fn outputs(
        &self,
        trained: &Trained<S::Body>,
        architectures: &[&Architecture],
    ) -> candle_core::Result<Tensor> {
        let hidden = self.shape.forward(&trained.body, architectures)?;
        let logits = trained.head.forward(&hidden)?.squeeze(D::Minus1)?;
        (logits.neg()?.exp()? + 1.0)?.recip()
    }
}

impl<S: Shape> Member for Network<S> {
    fn fit(&mut self, samples: &[&Sample]) -> Result<(), PnasError> {
        let kept = match self.config.refit {
            Refit::FineTune => self.trained.take(),
            Refit::Retrain => None,
        };
        let (trained, rate) = match kept {
            Some(trained) => (trained, self.config.later_learning_rate),
            None => (self.create()?, self.config.learning_rate),
        };
        let mut optimizer = Adam::new(AdamConfig::default())?;
        let mut order: Vec<usize> = (0..samples.len()).collect();
        let mut rng = self.seed.derive("order", self.fits).rng();
        for _ in 0..self.config.epochs {
            order.shuffle(&mut rng);
            for batch in order.chunks(self.config.batch_size) {
                let architectures: Vec<&Architecture> =
                    batch.iter().map(|&place| &samples[place].architecture).collect();
                let accuracies: Vec<f32> = batch
                    .iter()
                    .map(|&place| samples[place].accuracy as f32)
                    .collect();
                let accuracies = Tensor::from_vec(accuracies, batch.len(), &Device::Cpu)?;
                let outputs = self.outputs(&trained, &architectures)?;
                let loss = (outputs - accuracies)?.abs()?.mean_all()?;
                let gradients = Gradients::of(&loss, &trained.parameters)?;
                optimizer.step(&trained.parameters, &gradients, rate)?;
            }
        }
        self.fits += 1;
        self.trained = Some(trained);
        Ok(())
    }

    fn predict(&self, architectures: &[Architecture]) -> Result<Vec<f64>, PnasError> {
        let Some(trained) = &self.trained else {
            return Err(PnasError::Unfitted {
                surrogate: self.shape.name(),
            });
        };
        if architectures.is_empty() {
            return Ok(Vec::new());
        }
        let architectures: Vec<&Architecture> = architectures.iter().collect();
        let outputs: Vec<f32> = self.outputs(trained, &architectures)?.to_vec1()?;
        Ok(outputs.into_iter().map(f64::from).collect())
    }
}
