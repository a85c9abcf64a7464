//! The alternating steps of the weights and of the architecture.

use nas_eval::data::Endless;
use nas_eval::error::EvalError;
use nas_eval::supernet::{Examples, Mixture, Step, Steps, SupernetTraining};

use crate::alphas::Alphas;
use crate::bilevel;
use crate::config::{FirstStep, Order};
use crate::error::DartsError;
use crate::problem::SupernetProblem;
use crate::search::differentiable::Differentiable;

/// The weights learn from training batches and the architecture from validation batches, a step
/// each at a time.
pub(crate) struct Alternating<'a> {
    method: &'a mut Differentiable,
    /// What the architecture learns from; nothing where it stays as it is.
    valid: Option<Endless>,
    weights_first: bool,
}

impl<'a> Alternating<'a> {
    pub(crate) fn new(method: &'a mut Differentiable, valid: Option<Endless>) -> Self {
        let weights_first = match method.config.first_step {
            FirstStep::Method => method.relaxation.weights_first(),
            FirstStep::Architecture => false,
            FirstStep::Weights => true,
        };
        Self {
            method,
            valid,
            weights_first,
        }
    }

    /// One step of the architecture, if it learns.
    fn learn(&mut self, training: &SupernetTraining, step: &Step<'_>) -> Result<(), DartsError> {
        let Some(batches) = &mut self.valid else {
            return Ok(());
        };
        let valid = training.next_examples(batches)?;
        let (epoch, rate) = (step.pass.epoch, step.learning_rate);
        let gradient = self.method.architecture_gradient(
            training,
            [step.examples, &valid],
            rate,
            (epoch, draw_of(step)),
        )?;
        if !gradient.iter().all(|value| value.is_finite()) {
            let step = step.number;
            return Err(DartsError::NonFinite { epoch, step });
        }
        let rate = self.method.config.alpha_learning_rate;
        self.method.architecture.step(&gradient, rate)
    }
}

impl Steps for Alternating<'_> {
    type Error = DartsError;

    fn mixture(&mut self, _: &SupernetTraining, step: &Step<'_>) -> Result<Mixture, DartsError> {
        let alphas = self.method.architecture.alphas()?;
        let mixed = self
            .method
            .mix(&alphas, step.pass.epoch, "weights", draw_of(step));
        Ok(Mixture::new(mixed.weights))
    }

    fn before(&mut self, training: &SupernetTraining, step: &Step<'_>) -> Result<(), DartsError> {
        if self.weights_first {
            return Ok(());
        }
        self.learn(training, step)
    }

    fn after(&mut self, training: &SupernetTraining, step: &Step<'_>) -> Result<(), DartsError> {
        if self.weights_first {
            return self.learn(training, step);
        }
        Ok(())
    }
}

/// Number of the draw in this step.
fn draw_of(step: &Step<'_>) -> u64 {
    u64::from(step.pass.stream) << 32 | step.number as u64
}

/// The weights alone learn, with weights of the operations that stay as they are.
pub(crate) struct Fixed(pub(crate) Mixture);

impl Steps for Fixed {
    type Error = EvalError;

    fn mixture(&mut self, _: &SupernetTraining, _: &Step<'_>) -> Result<Mixture, EvalError> {
        Ok(self.0.clone())
    }
}

impl Differentiable {
    /// The gradient of the architecture parameters, of the order asked for, where the weights have
    /// this learning rate. Those of the expected cost and of the relaxation's own regulariser are
    /// included, where they are part of the loss.
    pub(crate) fn architecture_gradient(
        &self,
        training: &SupernetTraining,
        [train, valid]: [&Examples; 2],
        rate: f64,
        (epoch, draw): (u32, u64),
    ) -> Result<Alphas, DartsError> {
        let alphas = self.architecture.alphas()?;
        let mixed = self.mix(&alphas, epoch, "architecture", draw);
        let relaxed = self.relaxed(training.supernet(), &alphas, &mixed);
        let gradient = match self.config.order {
            Order::First => relaxed.architecture_gradient(valid)?,
            Order::Second => {
                let state = training.optimizer_state()?;
                let sgd = [self.config.weights.momentum, self.config.weights.weight_decay];
                let mut problem = SupernetProblem::new(relaxed, [train, valid], sgd, state.tensors());
                let flat = bilevel::second_order(&mut problem, rate)?;
                let mut gradient = alphas.clone();
                for (value, new) in gradient.iter_mut().zip(flat) {
                    *value = new;
                }
                gradient
            }
        };
        // What is added does not depend on the weights, and the way back through the relaxation is
        // linear: at either order the gradients are summed.
        let gradient = match self.relaxation.regulariser(&alphas) {
            Some(regulariser) => gradient.plus(1.0, &regulariser),
            None => gradient,
        };
        let (Some(cost), Some(term)) = (&self.expected_cost, self.config.expected_cost) else {
            return Ok(gradient);
        };
        let of_cost = self
            .relaxation
            .pull_back(&alphas, &mixed, &cost.slope(term.weight));
        Ok(gradient.plus(1.0, &of_cost))
    }
}
