//! One pass over the training half: the steps of the weights and of the architecture, in turn.

use nas_eval::data::Endless;
use nas_eval::nn::Moment;
use nas_eval::supernet::Wanted;
use nas_eval::train::{Scores, Tally};

use crate::alphas::Alphas;
use crate::bilevel;
use crate::config::{FirstStep, Order};
use crate::error::DartsError;
use crate::problem::{Examples, SupernetProblem};
use crate::relaxation::Mixed;
use crate::search::{Half, Search};

/// An architecture that stays as it is while the weights are trained on.
pub(crate) struct Fixed {
    /// The weights of the operations.
    pub(crate) mixed: Mixed,
    /// The learning rate, the same in each step.
    pub(crate) learning_rate: f64,
}

impl Search {
    /// One pass over the training half: number `stream` of those there are, at the moment of `epoch` in the schedule.
    /// The architecture makes a step beside each of the weights' where it `learns`. It stays as it is where it is `fixed`.
    pub(crate) fn train_epoch(
        &mut self,
        epoch: u32,
        stream: u32,
        learns: bool,
        fixed: Option<&Fixed>,
    ) -> Result<(Scores, f64), DartsError> {
        let (train, valid) = (self.batcher(Half::Train)?, self.batcher(Half::Valid)?);
        let dtype = self.supernet.parameters().dtype();
        // Each training epoch goes through the validation half from a start of its own.
        let rounds = train.batches().div_ceil(valid.batches()) as u64;
        let first = self.progress.map_or(0, |progress| progress.steps);
        let consumed = if learns { first } else { 0 };
        let position = u64::from(stream) * rounds * valid.batches() as u64 + consumed as u64;
        let mut valid_batches = Endless::starting_at(valid, position)?;
        let start = Moment {
            epochs: self.config.epochs,
            steps_per_epoch: train.batches(),
            epoch,
            step: 0,
        };
        let rate_at = |step| match fixed {
            Some(fixed) => fixed.learning_rate,
            None => {
                let moment = Moment { step, ..start };
                self.config.schedule.rate(self.config.learning_rate, moment)
            }
        };
        let weights_first = self.weights_first();
        let rates: Vec<f64> = (0..train.batches()).map(rate_at).collect();
        let mut tally = Tally::resumed(epoch, self.progress.as_ref());
        for (step, batch) in (first..).zip(train.epoch(stream.into(), first)?) {
            if self.stop.is_requested() {
                tally.check()?;
                self.progress = tally.progress(step);
                return Err(DartsError::Interrupted);
            }
            let train = Examples::new(&batch?, dtype)?;
            let rate = rates[step];
            let draw = u64::from(stream) << 32 | step as u64;
            let valid = if learns {
                let batch = valid_batches.next_batch()?;
                Some(Examples::new(&batch, dtype)?)
            } else {
                None
            };
            if let (Some(valid), false) = (&valid, weights_first) {
                self.learn([&train, valid], rate, (epoch, step), draw)?;
            }
            let alphas = self.architecture.alphas()?;
            let mixed = match fixed {
                Some(fixed) => fixed.mixed.clone(),
                None => self.mix(&alphas, epoch, "weights", draw),
            };
            let mut done = self
                .relaxed(&alphas, &mixed)
                .differentiate(&train, Wanted::Weights)?;
            tally.count(&done.logits.main, &train.labels, &done.loss, &done.loss)?;
            if self.config.clip_norm > 0.0 {
                done.gradients.clip_norm(self.config.clip_norm)?;
            }
            self.weights
                .step(self.supernet.parameters(), &done.gradients, rate)?;
            if let (Some(valid), true) = (&valid, weights_first) {
                self.learn([&train, valid], rate, (epoch, step), draw)?;
            }
        }
        tally.check()?;
        self.progress = tally.progress(rates.len());
        Ok((tally.scores(), rates[0]))
    }

    /// Whether the weights make their step before the architecture.
    fn weights_first(&self) -> bool {
        match self.config.first_step {
            FirstStep::Method => self.relaxation.weights_first(),
            FirstStep::Architecture => false,
            FirstStep::Weights => true,
        }
    }

    /// One step of the architecture.
    fn learn(
        &mut self,
        [train, valid]: [&Examples; 2],
        rate: f64,
        (epoch, step): (u32, usize),
        draw: u64,
    ) -> Result<(), DartsError> {
        let gradient = self.architecture_gradient(train, valid, rate, draw)?;
        if !gradient.iter().all(|value| value.is_finite()) {
            return Err(DartsError::NonFinite { epoch, step });
        }
        self.architecture.step(&gradient, self.config.alpha_learning_rate)
    }

    /// The gradient of the architecture parameters, of the order asked for.
    pub(crate) fn architecture_gradient(
        &self,
        train: &Examples,
        valid: &Examples,
        rate: f64,
        draw: u64,
    ) -> Result<Alphas, DartsError> {
        let alphas = self.architecture.alphas()?;
        let mixed = self.mix(&alphas, self.epochs_done(), "architecture", draw);
        let relaxed = self.relaxed(&alphas, &mixed);
        if self.config.order == Order::First {
            return Ok(relaxed.architecture_gradient(valid)?);
        }
        let state = self.weights.state()?;
        let sgd = [self.config.weights.momentum, self.config.weights.weight_decay];
        let mut problem = SupernetProblem::new(relaxed, [train, valid], sgd, state.tensors());
        let flat = bilevel::second_order(&mut problem, rate)?;
        let mut gradient = alphas.clone();
        for (value, new) in gradient.iter_mut().zip(flat) {
            *value = new;
        }
        Ok(gradient)
    }

    /// The weights of a pass in this epoch; `purpose` and `draw` name the stream that chance comes from.
    pub(crate) fn mix(&self, alphas: &Alphas, epoch: u32, purpose: &str, draw: u64) -> Mixed {
        let last = self.config.epochs.saturating_sub(1).max(1);
        let share = (f64::from(epoch) / f64::from(last)).min(1.0);
        let seed = self.seed.derive("mix", 0).derive(purpose, draw);
        self.relaxation.mix(alphas, share, &mut seed.rng())
    }
}
