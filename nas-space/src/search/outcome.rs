//! What became of a trial.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{Metric, Trial};

/// A successful evaluation: training and validation figures, and what they cost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evaluation {
    /// Accuracy on the validation split after the last epoch, in [0, 1]. This is what strategies
    /// maximise: where a table's metric is no accuracy, the score of its figure
    /// ([`Metric::score`]), of which higher is better too.
    pub valid_accuracy: f64,
    /// Mean cross-entropy on the validation split, in nats, where known.
    #[serde(default)]
    pub valid_loss: Option<f64>,
    /// Accuracy on the (augmented) training batches of the last epoch, in [0, 1], where known.
    #[serde(default)]
    pub train_accuracy: Option<f64>,
    /// Mean loss over the training batches of the last epoch, where known.
    #[serde(default)]
    pub train_loss: Option<f64>,
    /// Trainable parameters of the network that was evaluated, where known: see
    /// [`Sizes`](crate::sizes::Sizes).
    #[serde(default)]
    pub params: Option<u64>,
    /// Multiply-accumulates of one forward pass for one image, where known.
    #[serde(default)]
    pub macs: Option<u64>,
    /// Other figures by their names, in the units of their source; finite.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub figures: BTreeMap<String, f64>,
    /// Epochs trained.
    pub epochs: u32,
    /// Wall-clock seconds the evaluation took, or those the benchmark table gives.
    pub cost_seconds: f64,
    /// What it ran on: `cpu`, `cuda:0`, `table`.
    pub device: String,
    /// The attempts that failed before this one. A study records them apart, and tells strategies
    /// nothing of them.
    #[serde(skip)]
    pub attempts: Vec<Attempt>,
}

impl Evaluation {
    /// An evaluation with this validation accuracy, or score, after this number of epochs. All
    /// other fields are empty: no time, no device.
    pub fn new(valid_accuracy: f64, epochs: u32) -> Self {
        Self {
            valid_accuracy,
            valid_loss: None,
            train_accuracy: None,
            train_loss: None,
            params: None,
            macs: None,
            figures: BTreeMap::new(),
            epochs,
            cost_seconds: 0.0,
            device: "none".to_owned(),
            attempts: Vec::new(),
        }
    }

    /// The failure that the evaluation turns out to be. The attempts before it stay.
    pub fn into_failure(self, kind: FailureKind, message: impl Into<String>) -> Failure {
        Failure {
            attempts: self.attempts,
            ..Failure::new(kind, message)
        }
    }

    /// The evaluation, if its validation accuracy is a number in [0, 1].
    ///
    /// # Errors
    /// A [`FailureKind::NonFinite`] or [`FailureKind::Invalid`] failure otherwise.
    pub fn checked(self) -> Result<Self, Failure> {
        self.checked_as(&Metric::default())
    }

    /// The evaluation, if its validation figure can be one of this metric.
    ///
    /// # Errors
    /// As [`checked`](Self::checked).
    pub fn checked_as(self, metric: &Metric) -> Result<Self, Failure> {
        if !metric.is_accuracy() {
            let value = metric.value(self.valid_accuracy);
            if metric.allows(value) {
                return Ok(self);
            }
            let kind = match value.is_finite() {
                true => FailureKind::Invalid,
                false => FailureKind::NonFinite,
            };
            return Err(self.into_failure(kind, format!("the validation {metric} is {value}")));
        }
        let accuracy = self.valid_accuracy;
        if !accuracy.is_finite() {
            let message = match accuracy.is_nan() {
                true => format!("the validation accuracy is {accuracy}"),
                false => format!("the validation accuracy is infinite ({accuracy})"),
            };
            return Err(self.into_failure(FailureKind::NonFinite, message));
        }
        if !(0.0..=1.0).contains(&accuracy) {
            let message = format!("the validation accuracy is {accuracy}; expected a number from 0 to 1");
            return Err(self.into_failure(FailureKind::Invalid, message));
        }
        Ok(self)
    }
}

/// Why a trial has no evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FailureKind {
    /// A loss or an accuracy was NaN or infinite.
    NonFinite,
    /// The host or the device had no memory left.
    OutOfMemory,
    /// The evaluator panicked.
    Panic,
    /// It took longer than it was allowed to: for evaluators that have a time limit.
    TimedOut,
    /// The network cannot be built at this size, or the architecture is not of the space.
    Invalid,
    /// The network is larger than the study allows; it was not trained.
    OverLimit,
    /// The process that evaluated it went away: for evaluators that run trials in processes of
    /// their own.
    LostWorker,
    /// The process that evaluated it did not keep to the protocol: what it wrote is no answer.
    BadAnswer,
    /// It was abandoned because a [`Stop`](super::Stop) was requested, or because no worker is
    /// left. A study never records this: the trial counts as not started, and is evaluated when the
    /// study is resumed.
    Interrupted,
    /// Anything else; the message says what.
    Other,
}

/// A failed trial: recorded and told like any other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Error)]
#[serde(deny_unknown_fields)]
#[error("{message}")]
pub struct Failure {
    /// The class of the failure.
    pub kind: FailureKind,
    /// What happened, for people.
    pub message: String,
    /// The attempts that failed before this one. A study records them apart, and tells strategies
    /// nothing of them.
    #[serde(skip)]
    pub attempts: Vec<Attempt>,
}

impl Failure {
    /// A failure of this kind.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            attempts: Vec::new(),
        }
    }
}

/// A failed attempt at a trial that was followed by another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attempt {
    /// Why it failed.
    pub failure: Failure,
    /// Wall-clock seconds that it took.
    pub seconds: f64,
}

/// A trial and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// What was evaluated.
    pub trial: Trial,
    /// Its evaluation or its failure.
    pub result: Result<Evaluation, Failure>,
}

impl Outcome {
    /// The same outcome with another accuracy or score, where there is one: what strategies are told
    /// that learn from something else.
    #[must_use]
    pub fn with_accuracy(&self, accuracy: f64) -> Self {
        let mut outcome = self.clone();
        if let Ok(evaluation) = &mut outcome.result {
            evaluation.valid_accuracy = accuracy;
        }
        outcome
    }

    /// The validation accuracy in [0, 1], or the score of another metric; `None` for a failed
    /// trial.
    pub fn valid_accuracy(&self) -> Option<f64> {
        self.result
            .as_ref()
            .ok()
            .map(|evaluation| evaluation.valid_accuracy)
    }
}
