//! Rewards: accuracies times a factor that falls with the cost of an architecture.

use std::sync::Arc;

use super::{
    Ask, Evaluation, Evaluator, Failure, FailureKind, Metric, Outcome, Strategy, StrategyError, Trial,
};
use crate::limits::SoftLimits;
use crate::sizes::{Quantity, Sizes};

/// The name of the figure that [`Rewarding`] adds to evaluations.
pub const REWARD: &str = "reward";

/// An evaluator that adds the reward of [`SoftLimits`] to each evaluation of the one behind it: its
/// validation accuracy times the factor of its figures.
///
/// The accuracy stays as it is; the reward is the figure [`REWARD`]. It is computed from the
/// figures of the evaluation and, for those that it does not have, from [`Sizes`]. An evaluation
/// without a factor, such as one with a latency of 0, becomes a failure, as does one that has a
/// figure of this name already.
///
/// The metric should be a share of which higher values are better: the product of a factor and a
/// negative score would say the opposite.
#[derive(Clone)]
pub struct Rewarding<'a> {
    evaluator: &'a dyn Evaluator,
    sizes: Arc<dyn Sizes>,
    soft: SoftLimits,
}

impl<'a> Rewarding<'a> {
    /// Rewards on top of `evaluator`.
    pub fn new(evaluator: &'a dyn Evaluator, sizes: Arc<dyn Sizes>, soft: SoftLimits) -> Self {
        Self {
            evaluator,
            sizes,
            soft,
        }
    }

    /// The factor of this evaluation.
    fn factor(&self, trial: &Trial, evaluation: &Evaluation) -> Result<f64, String> {
        let own = |quantity: &Quantity| match quantity {
            Quantity::Params => evaluation.params.map(|count| count as f64),
            Quantity::Macs => evaluation.macs.map(|count| count as f64),
            Quantity::Named(name) => evaluation.figures.get(name).copied(),
        };
        let quantities = self.soft.quantities();
        let missing = quantities.iter().any(|quantity| own(quantity).is_none());
        let figures = match missing {
            true => Some(
                self.sizes
                    .of(&trial.architecture)
                    .map_err(|error| error.to_string())?,
            ),
            false => None,
        };
        let get = |quantity: &Quantity| own(quantity).or_else(|| figures.as_ref()?.get(quantity));
        let factor = self.soft.factor_of(get, || self.sizes.known());
        factor.map_err(|error| error.to_string())
    }
}

impl Evaluator for Rewarding<'_> {
    fn description(&self) -> String {
        format!("{}; rewards: {}", self.evaluator.description(), self.soft)
    }

    fn metric(&self) -> Metric {
        self.evaluator.metric()
    }

    fn evaluate(&self, trial: &Trial) -> Result<Evaluation, Failure> {
        let mut evaluation = self.evaluator.evaluate(trial)?;
        if evaluation.figures.contains_key(REWARD) {
            let message = format!(
                "the evaluator reports a figure named '{REWARD}', which this search computes itself; expected another name"
            );
            return Err(evaluation.into_failure(FailureKind::Invalid, message));
        }
        match self.factor(trial, &evaluation) {
            Ok(factor) => {
                let reward = evaluation.valid_accuracy * factor;
                evaluation.figures.insert(REWARD.to_owned(), reward);
                Ok(evaluation)
            }
            Err(reason) => {
                Err(evaluation.into_failure(FailureKind::Invalid, format!("it has no reward: {reason}")))
            }
        }
    }
}

/// A strategy that is told the reward of each evaluation, the figure [`REWARD`] that [`Rewarding`]
/// recorded, in place of the accuracy. So what it proposes follows from the records alone.
///
/// A reward can be above 1. A strategy that needs accuracies in [0, 1] is wrapped in
/// [`Scaled`](super::Scaled) first.
pub struct Rewarded {
    strategy: Box<dyn Strategy>,
}

impl Rewarded {
    /// `strategy`, told rewards.
    pub const fn new(strategy: Box<dyn Strategy>) -> Self {
        Self { strategy }
    }
}

impl Strategy for Rewarded {
    fn name(&self) -> &str {
        self.strategy.name()
    }

    fn ask(&mut self) -> Result<Ask, StrategyError> {
        self.strategy.ask()
    }

    fn tell(&mut self, outcome: &Outcome) -> Result<(), StrategyError> {
        let Ok(evaluation) = &outcome.result else {
            return self.strategy.tell(outcome);
        };
        let Some(&reward) = evaluation.figures.get(REWARD) else {
            let id = outcome.trial.id;
            return Err(StrategyError::Other(
                format!("trial {id} has no figure '{REWARD}'; expected one of an evaluator that adds it")
                    .into(),
            ));
        };
        self.strategy.tell(&outcome.with_accuracy(reward))
    }

    fn any_order(&self) -> bool {
        self.strategy.any_order()
    }

    fn report(&self) -> Option<serde_json::Value> {
        self.strategy.report()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::arch::Architecture;
    use crate::error::SpaceError;
    use crate::search::{Attempt, Fidelity, Proposal};
    use crate::seed::Seed;
    use crate::sizes::Figures;

    /// Accuracy a half, 200 parameters of its own, and perhaps a figure.
    #[derive(Clone, Copy)]
    struct Half(Option<(&'static str, f64)>);

    impl Evaluator for Half {
        fn description(&self) -> String {
            "half".to_owned()
        }

        fn evaluate(&self, _: &Trial) -> Result<Evaluation, Failure> {
            let figures = self.0.map(|(name, value)| (name.to_owned(), value));
            Ok(Evaluation {
                params: Some(200),
                figures: figures.into_iter().collect(),
                attempts: vec![Attempt {
                    failure: Failure::new(FailureKind::LostWorker, "gone"),
                    seconds: 1.0,
                }],
                ..Evaluation::new(0.5, 1)
            })
        }
    }

    /// 100 parameters and 400 multiply-accumulates.
    #[derive(Debug)]
    struct Fixed;

    impl Sizes for Fixed {
        fn of(&self, _: &Architecture) -> Result<Figures, SpaceError> {
            Ok(Figures {
                params: Some(100),
                macs: Some(400),
                ..Figures::default()
            })
        }

        fn known(&self) -> Vec<String> {
            vec!["params".to_owned(), "macs".to_owned()]
        }
    }

    fn trial() -> Trial {
        Trial::new(0, Architecture::new([]), Fidelity { epochs: 1 }, Seed::new(0))
    }

    fn evaluate(half: Half, targets: &[(&str, f64)]) -> Result<Evaluation, Failure> {
        let soft = SoftLimits {
            weight: -1.0,
            targets: targets
                .iter()
                .map(|&(name, target)| (name.to_owned(), target))
                .collect(),
            ..SoftLimits::default()
        };
        Rewarding::new(&half, Arc::new(Fixed), soft).evaluate(&trial())
    }

    #[test]
    fn the_reward_is_recorded_and_the_accuracy_stays() {
        let evaluation = evaluate(Half(None), &[("params", 100.0)]).unwrap();
        assert_eq!(
            (evaluation.valid_accuracy, evaluation.figures[REWARD]),
            (0.5, 0.25)
        );
        assert_eq!(
            evaluation.params,
            Some(200),
            "its own size counts before that of the sizes"
        );
        let evaluation = evaluate(Half(None), &[("params", 100.0), ("macs", 100.0)]).unwrap();
        assert_eq!(evaluation.figures[REWARD], 0.5 / 2.0 / 4.0);
        let evaluation = evaluate(Half(Some(("latency", 8.0))), &[("latency", 2.0)]).unwrap();
        assert_eq!(evaluation.figures[REWARD], 0.125);
        assert_eq!(evaluation.figures["latency"], 8.0);
    }

    #[test]
    fn what_has_no_reward_is_a_failure_that_keeps_its_attempts() {
        for (half, target, why) in [
            (Half(None), "energy", "'energy'"),
            (Half(Some(("latency", 0.0))), "latency", "latency is 0"),
            (Half(Some((REWARD, 1.0))), "macs", "named 'reward'"),
        ] {
            let failure = evaluate(half, &[(target, 1.0)]).unwrap_err();
            assert!(failure.message.contains(why), "{failure}");
            assert_eq!((failure.kind, failure.attempts.len()), (FailureKind::Invalid, 1));
        }
    }

    /// Notes what it is told.
    struct Noting(Arc<Mutex<Vec<Option<f64>>>>);

    impl Strategy for Noting {
        fn name(&self) -> &str {
            "noting"
        }

        fn ask(&mut self) -> Result<Ask, StrategyError> {
            Ok(Ask::Evaluate(Proposal::new(Architecture::new([]))))
        }

        fn tell(&mut self, outcome: &Outcome) -> Result<(), StrategyError> {
            self.0.lock().unwrap().push(outcome.valid_accuracy());
            Ok(())
        }
    }

    #[test]
    fn a_strategy_is_told_the_reward_on_record_and_failures_as_they_are() {
        let told = Arc::new(Mutex::new(Vec::new()));
        let mut strategy = Rewarded::new(Box::new(Noting(told.clone())));
        assert_eq!(strategy.name(), "noting");
        let outcome = |result| Outcome {
            trial: trial(),
            result,
        };
        let rewarded = evaluate(Half(None), &[("params", 100.0)]);
        strategy.tell(&outcome(rewarded)).unwrap();
        strategy
            .tell(&outcome(Err(Failure::new(FailureKind::Other, "no"))))
            .unwrap();
        assert_eq!(*told.lock().unwrap(), [Some(0.25), None]);
        let error = strategy.tell(&outcome(Ok(Evaluation::new(0.5, 1)))).unwrap_err();
        assert!(error.to_string().contains("no figure 'reward'"), "{error}");
    }
}
