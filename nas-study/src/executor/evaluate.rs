//! One evaluation, including every way in which it can fail.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use nas_space::search::{Attempt, Evaluation, Evaluator, Failure, FailureKind, Metric, Trial, TrialId};

use super::Task;
use crate::clock;
use crate::processes::panic_message;
use crate::store::Conclusion;

/// A trial that a crew has done with.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) trial: TrialId,
    /// What was tried before, in vain.
    pub(crate) attempts: Vec<Attempt>,
    /// How it ended.
    pub(crate) end: End,
}

/// How a trial ended for a crew.
#[derive(Debug)]
pub(crate) enum End {
    /// It was evaluated.
    Concluded(Conclusion),
    /// It was not, for this reason.
    Abandoned(String),
    /// It was only to pass.
    Passed,
}

/// Does with a trial what is asked for.
pub(crate) fn carry_out(evaluator: &dyn Evaluator, task: &Task) -> Done {
    match task {
        Task::Evaluate(trial) => evaluate(evaluator, trial),
        Task::Pass(trial) => Done {
            trial: *trial,
            attempts: Vec::new(),
            end: End::Passed,
        },
    }
}

/// Evaluates a trial. A panic is a failure like any other; an evaluation is checked.
fn evaluate(evaluator: &dyn Evaluator, trial: &Trial) -> Done {
    let work = || evaluator.evaluate(trial);
    // An evaluator is shared between threads, so it has to be sound after a panic on one of them
    // anyway.
    let (caught, seconds) = clock::timed(|| catch_unwind(AssertUnwindSafe(work)));
    let mut result = match caught {
        Ok(result) => result,
        Err(payload) => {
            let message = format!("the evaluator panicked: {}", panic_message(payload.as_ref()));
            Err(Failure::new(FailureKind::Panic, message))
        }
    };
    let attempts = match &mut result {
        Ok(evaluation) => std::mem::take(&mut evaluation.attempts),
        Err(failure) => std::mem::take(&mut failure.attempts),
    };
    let end = match result {
        Err(failure) if failure.kind == FailureKind::Interrupted => End::Abandoned(failure.message),
        result => End::Concluded(concluded(result, seconds, &evaluator.metric())),
    };
    Done {
        trial: trial.id,
        attempts,
        end,
    }
}

/// The record of a result that took this number of seconds, with a score of this metric.
pub(crate) fn concluded(result: Result<Evaluation, Failure>, seconds: f64, metric: &Metric) -> Conclusion {
    let result = result
        .and_then(|evaluation| evaluation.checked_as(metric))
        .and_then(checked);
    Conclusion {
        cost_seconds: result
            .as_ref()
            .map_or(seconds, |evaluation| evaluation.cost_seconds),
        result,
        finished_unix_seconds: clock::unix_seconds(),
    }
}

/// The evaluation in a form that can be recorded and read back bit for bit. The strategy receives
/// this one, so a resumed study behaves exactly like one that was never interrupted.
fn checked(evaluation: Evaluation) -> Result<Evaluation, Failure> {
    let cost = evaluation.cost_seconds;
    if !cost.is_finite() || cost < 0.0 {
        let message = format!("the evaluation's cost_seconds is {cost}; expected a number of at least 0");
        return Err(Failure::new(FailureKind::Invalid, message));
    }
    Ok(Evaluation {
        valid_accuracy: unsigned_zero(evaluation.valid_accuracy),
        valid_loss: finite(evaluation.valid_loss),
        train_accuracy: finite(evaluation.train_accuracy),
        train_loss: finite(evaluation.train_loss),
        params: countable(evaluation.params),
        macs: countable(evaluation.macs),
        figures: recordable(evaluation.figures),
        cost_seconds: unsigned_zero(cost),
        ..evaluation
    })
}

/// SQLite has no NaN.
fn finite(value: Option<f64>) -> Option<f64> {
    value.filter(|value| value.is_finite()).map(unsigned_zero)
}

/// JSON has no NaN either.
fn recordable(figures: BTreeMap<String, f64>) -> BTreeMap<String, f64> {
    let finite = figures.into_iter().filter(|(_, value)| value.is_finite());
    finite.map(|(name, value)| (name, unsigned_zero(value))).collect()
}

/// SQLite does not keep the sign of a zero.
fn unsigned_zero(value: f64) -> f64 {
    if value == 0.0 { 0.0 } else { value }
}

/// SQLite's integers have 63 bits.
fn countable(count: Option<u64>) -> Option<u64> {
    count.filter(|&count| i64::try_from(count).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::evaluation;

    #[test]
    fn figures_that_cannot_be_recorded_are_left_out() {
        let odd = Evaluation {
            valid_accuracy: -0.0,
            valid_loss: Some(f64::NAN),
            train_loss: Some(f64::INFINITY),
            params: Some(u64::MAX),
            macs: Some(3),
            figures: [("latency", 0.1), ("score", f64::NAN)]
                .map(|(name, value)| (name.to_owned(), value))
                .into(),
            ..evaluation(0.5)
        };
        let kept = concluded(Ok(odd), 0.0, &Metric::default()).result.unwrap();
        assert_eq!(kept.valid_accuracy.to_bits(), 0.0_f64.to_bits());
        assert_eq!(
            (kept.valid_loss, kept.train_loss, kept.params),
            (None, None, None)
        );
        assert_eq!(kept.macs, Some(3));
        assert_eq!(
            kept.figures.into_iter().collect::<Vec<_>>(),
            [("latency".to_owned(), 0.1)]
        );
    }

    #[test]
    fn a_cost_or_an_accuracy_that_is_no_number_is_a_failure() {
        for cost in [f64::NAN, f64::INFINITY, -1.0] {
            let odd = Evaluation {
                cost_seconds: cost,
                ..evaluation(0.5)
            };
            let conclusion = concluded(Ok(odd), 2.0, &Metric::default());
            assert_eq!(conclusion.result.unwrap_err().kind, FailureKind::Invalid);
            assert_eq!(conclusion.cost_seconds, 2.0);
        }
        let failure = concluded(Ok(evaluation(f64::NAN)), 0.0, &Metric::default())
            .result
            .unwrap_err();
        assert_eq!(failure.kind, FailureKind::NonFinite);
    }

    #[test]
    fn an_evaluation_costs_what_it_says_and_a_failure_what_was_measured() {
        let said = Evaluation {
            cost_seconds: 7.0,
            ..evaluation(0.5)
        };
        assert_eq!(concluded(Ok(said), 2.0, &Metric::default()).cost_seconds, 7.0);
        let failure = Failure::new(FailureKind::OutOfMemory, "none left");
        assert_eq!(concluded(Err(failure), 2.0, &Metric::default()).cost_seconds, 2.0);
    }
}
