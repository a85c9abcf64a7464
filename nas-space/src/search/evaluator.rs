//! The trait that performance estimation implements.

use super::{Attempt, Evaluation, Failure, Metric, Trial};

/// Turns a trial into an evaluation, by training the network or from a table.
///
/// An evaluator is shared between threads. Its answer is a function of its configuration and the trial alone
/// (save for `cost_seconds`): not of what was evaluated before, nor of how many threads there are.
///
/// # Example
/// ```
/// use nas_space::search::{Evaluation, Evaluator, Failure, Trial};
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
    /// Everything that decides an evaluation besides the trial, as one line: equal descriptions mean comparable
    /// figures. Recorded with a study, and checked when it is resumed.
    fn description(&self) -> String;

    /// What its evaluations are scores of: the accuracy, unless it says otherwise.
    fn metric(&self) -> Metric {
        Metric::default()
    }

    /// Evaluates one trial. Takes as long as it takes.
    ///
    /// # Errors
    /// A typed [`Failure`], which is recorded and told to the strategy.
    fn evaluate(&self, trial: &Trial) -> Result<Evaluation, Failure>;

    /// As [`Evaluator::evaluate`], and tells `note` of every attempt that another one followed. This is what a study calls;
    /// only evaluators that try again by themselves, as those whose trials run in other processes do, have more to say than
    /// what is written here.
    ///
    /// # Errors
    /// As [`Evaluator::evaluate`].
    fn evaluate_noting(&self, trial: &Trial, note: &mut dyn FnMut(Attempt)) -> Result<Evaluation, Failure> {
        let _ = note;
        self.evaluate(trial)
    }
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

    fn evaluate_noting(&self, trial: &Trial, note: &mut dyn FnMut(Attempt)) -> Result<Evaluation, Failure> {
        (**self).evaluate_noting(trial, note)
    }
}
