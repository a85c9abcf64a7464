//! The trait that performance estimation implements.

use super::{Evaluation, Failure, Metric, Trial};

/// Turns a trial into an evaluation, by training the network or from a table.
///
/// An evaluator is shared between threads. Its answer is a function of its configuration and the
/// trial alone (save for `cost_seconds`): not of what was evaluated before, nor of how many threads
/// there are.
///
/// # Example
/// ```
/// use nas_space::{Evaluation, Evaluator, Failure, Trial};
///
/// /// Likes small choices.
/// struct Synthetic;
///
/// impl Evaluator for Synthetic {
///     fn description(&self) -> String {
///         "synthetic".to_owned()
///     }
///
///     fn evaluate(&self, trial: &Trial) -> Result<Evaluation, Failure> {
///         let sum: usize = trial.architecture.choices().iter().sum();
///         Ok(Evaluation::new(1.0 / (1.0 + sum as f64), trial.fidelity.epochs))
///     }
/// }
/// ```
pub trait Evaluator: Send + Sync {
    /// Everything that determines an evaluation besides the trial, in one line. Equal descriptions
    /// mean comparable figures. Recorded with a study, and checked when it is resumed.
    fn description(&self) -> String;

    /// What its evaluations are scores of: the accuracy, unless it says otherwise.
    fn metric(&self) -> Metric {
        Metric::default()
    }

    /// Evaluates one trial. Takes as long as it takes.
    ///
    /// An evaluator that tries again by itself puts the attempts that failed before into the
    /// result, whether that is an evaluation or a failure. All others leave them as they are.
    ///
    /// # Errors
    /// A typed [`Failure`], which is recorded and told to the strategy.
    fn evaluate(&self, trial: &Trial) -> Result<Evaluation, Failure>;
}

impl<E: Evaluator + ?Sized> Evaluator for &E {
    fn description(&self) -> String {
        (**self).description()
    }

    fn metric(&self) -> Metric {
        (**self).metric()
    }

    fn evaluate(&self, trial: &Trial) -> Result<Evaluation, Failure> {
        (**self).evaluate(trial)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::arch::Architecture;
    use crate::search::{Attempt, FailureKind, Fidelity};
    use crate::seed::Seed;

    fn lost() -> Attempt {
        Attempt {
            failure: Failure::new(FailureKind::LostWorker, "gone"),
            seconds: 2.0,
        }
    }

    /// Tries again once, and gives an accuracy of the number of the trial.
    struct Retrying;

    impl Evaluator for Retrying {
        fn description(&self) -> String {
            "retrying".to_owned()
        }

        fn evaluate(&self, trial: &Trial) -> Result<Evaluation, Failure> {
            let attempts = vec![lost()];
            match trial.id {
                3 => Err(Failure {
                    attempts,
                    ..Failure::new(FailureKind::Other, "no")
                }),
                id => Ok(Evaluation {
                    attempts,
                    ..Evaluation::new(id as f64, 1)
                }),
            }
        }
    }

    /// Knows nothing of attempts: checks evaluations, and adds a figure and some words.
    struct Wrapping<E>(E);

    impl<E: Evaluator> Evaluator for Wrapping<E> {
        fn description(&self) -> String {
            self.0.description()
        }

        fn evaluate(&self, trial: &Trial) -> Result<Evaluation, Failure> {
            let evaluation = self.0.evaluate(trial).map_err(|failure| Failure {
                message: format!("wrapped: {}", failure.message),
                ..failure
            })?;
            let figures = BTreeMap::from([("latency".to_owned(), 2.5)]);
            Evaluation {
                figures,
                ..evaluation
            }
            .checked()
        }
    }

    #[test]
    fn a_decorator_that_knows_nothing_of_attempts_keeps_them() {
        let evaluate = |id| {
            let trial = Trial::new(id, Architecture::new([]), Fidelity { epochs: 1 }, Seed::new(0));
            Wrapping(&Retrying).evaluate(&trial)
        };
        let evaluation = evaluate(1).unwrap();
        assert_eq!((evaluation.figures.len(), evaluation.attempts), (1, vec![lost()]));
        for (id, kind) in [(2, FailureKind::Invalid), (3, FailureKind::Other)] {
            let failure = evaluate(id).unwrap_err();
            assert_eq!((failure.kind, failure.attempts), (kind, vec![lost()]));
        }
    }

    #[test]
    fn attempts_are_not_written_with_a_result() {
        let evaluation = Evaluation {
            attempts: vec![lost()],
            ..Evaluation::new(0.5, 1)
        };
        let plain = serde_json::to_string(&Evaluation::new(0.5, 1)).unwrap();
        assert_eq!(serde_json::to_string(&evaluation).unwrap(), plain);
        assert_eq!(serde_json::from_str::<Evaluation>(&plain).unwrap().attempts, []);
    }
}
