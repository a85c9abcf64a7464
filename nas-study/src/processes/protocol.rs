//! The messages between a study and the processes that evaluate its trials;
//! `nas-study/EVALUATORS.md` is the same for people who write such a program.
//!
//! One message is one line of UTF-8 with one JSON object, whose `type` says which message it is.
//! The study writes to the program's standard input: `hello`, then one `trial` after the other. The
//! program writes to its standard output: `ready` or `refused` once, then for each trial an
//! `evaluation`, a `failure`, or `interrupted`.

use std::collections::BTreeMap;

use nas_space::arch::Architecture;
use nas_space::genotype::Genotype;
use nas_space::search::{Continued, Evaluation, Failure, FailureKind, Fidelity, Trial, TrialId};
use nas_space::seed::Seed;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The version of the messages.
pub const PROTOCOL: u32 = 1;

/// Most bytes of a line that is read. A longer one is no message.
pub const MAX_LINE: usize = 1 << 20;

/// Most seconds that a trial can have cost, some 30 years: sums of a million such are still
/// numbers.
pub const MOST_SECONDS: f64 = 1e9;

/// Most that a loss can be, either way.
pub const MOST_LOSS: f64 = 1e30;

/// An evaluation, and what else a program has to say of it.
pub type Detailed = (Evaluation, Option<Value>);

/// What a study says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Request {
    /// First of all, and once.
    Hello(Hello),
    /// Evaluate this.
    Trial(Box<Job>),
}

/// The first message to a program, before its first trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hello {
    /// [`PROTOCOL`].
    pub protocol: u32,
    /// Which of the workers it is, from 0.
    pub worker: usize,
    /// The device to compute on, such as `cuda:1`, where the study was given any.
    pub device: Option<String>,
    /// Threads it may compute on, at least 1.
    pub threads: usize,
    /// Further settings for the program; `nas` documents what it sends.
    pub settings: Value,
}

/// A trial to evaluate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Job {
    /// Its number, to be given back with the answer.
    pub id: TrialId,
    /// The architecture in its written form, such as a NAS-Bench-201 string.
    pub arch: String,
    /// The same as an object: cells, nodes and edges.
    pub genotype: Option<Genotype>,
    /// The same as the index of the option that was chosen for each decision of the space.
    pub choices: Architecture,
    /// Epochs to train for in all, at least 1.
    pub epochs: u32,
    /// The seed of all randomness of this trial.
    pub seed: Seed,
    /// The trial whose training continues, and the epochs that it already has; none for a new
    /// training.
    pub continues: Option<Continued>,
}

/// What a program says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Answer {
    /// Trials can come.
    Ready(Ready),
    /// None can.
    Refused(Refused),
    /// A trial's figures.
    Evaluation(Figures),
    /// Why a trial has none.
    Failure(Reason),
    /// A trial was abandoned because standard input had ended.
    Interrupted(Interrupted),
}

/// Trials can come.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ready {
    /// The version of the messages that the program speaks: [`PROTOCOL`].
    pub protocol: u32,
    /// Everything that decides an evaluation besides the trial, as one line: see
    /// [`Evaluator::description`](nas_space::search::Evaluator::description).
    pub description: String,
}

/// No trial can come.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refused {
    /// Why.
    pub message: String,
}

/// A trial's figures: an [`Evaluation`] of which most may be left out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Figures {
    /// The trial.
    pub id: TrialId,
    /// Accuracy on the validation split, in [0, 1]; `null` or NaN where it is no number.
    #[serde(deserialize_with = "present")]
    pub valid_accuracy: Option<f64>,
    /// Mean cross-entropy on the validation split, in nats.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_loss: Option<f64>,
    /// Accuracy on the training batches of the last epoch, in [0, 1].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub train_accuracy: Option<f64>,
    /// Mean loss over them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub train_loss: Option<f64>,
    /// Trainable parameters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub params: Option<u64>,
    /// Multiply-accumulates of one forward pass for one image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub macs: Option<u64>,
    /// Other figures by their names, such as a latency. They are recorded beside the trial; `null`
    /// and NaN are left out.
    #[serde(
        default,
        skip_serializing_if = "BTreeMap::is_empty",
        deserialize_with = "numbers"
    )]
    pub figures: BTreeMap<String, f64>,
    /// Epochs trained; those asked for where it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epochs: Option<u32>,
    /// Seconds it took; as measured by the study where it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_seconds: Option<f64>,
    /// What it ran on; that of the hello, or `process`, where it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// Anything else, which a study takes no notice of: see
    /// [`Processes::evaluate_detailed`](super::Processes::evaluate_detailed).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Value>,
}

/// Why a trial has no figures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// The trial.
    pub id: TrialId,
    /// The class of the failure; `other` where it is not said.
    #[serde(default = "other")]
    pub kind: FailureKind,
    /// What happened, for people.
    pub message: String,
}

/// An abandoned trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interrupted {
    /// The trial.
    pub id: TrialId,
}

fn other() -> FailureKind {
    FailureKind::Other
}

/// Numbers by their names, without those that are none.
fn numbers<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, f64>, D::Error> {
    let numbers = BTreeMap::<String, Option<f64>>::deserialize(deserializer)?;
    Ok(numbers
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect())
}

/// A field that may be null and may not be missing.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    Option::deserialize(deserializer)
}

impl Request {
    /// Reads a line.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn parse(line: &str) -> Result<Self, String> {
        serde_json::from_str(line).map_err(|error| wrong(line, &error))
    }

    /// The line, with its end.
    pub fn line(&self) -> String {
        line(self)
    }
}

impl Answer {
    /// Reads a line. NaN and infinities, which JSON does not have and Python writes all the same,
    /// are read as null, but for an infinite accuracy.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn parse(line: &str) -> Result<Self, String> {
        match serde_json::from_str(line) {
            Ok(answer) => Ok(answer),
            Err(error) => {
                let answer = serde_json::from_str(&without_nan(line)).map_err(|_| wrong(line, &error))?;
                Ok(match answer {
                    Self::Evaluation(figures) if figures.valid_accuracy.is_none() => {
                        Self::Evaluation(Figures {
                            valid_accuracy: infinite_accuracy(line),
                            ..figures
                        })
                    }
                    answer => answer,
                })
            }
        }
    }

    /// The line, with its end.
    pub fn line(&self) -> String {
        line(self)
    }

    /// The trial that it is of; `None` for what is said before the first one.
    pub fn trial(&self) -> Option<TrialId> {
        match self {
            Self::Ready(_) | Self::Refused(_) => None,
            Self::Evaluation(figures) => Some(figures.id),
            Self::Failure(reason) => Some(reason.id),
            Self::Interrupted(interrupted) => Some(interrupted.id),
        }
    }

    /// The answer that a trial's result is.
    pub fn of(id: TrialId, result: Result<Detailed, Failure>) -> Self {
        match result {
            Ok((evaluation, details)) => Self::Evaluation(Figures {
                id,
                valid_accuracy: Some(evaluation.valid_accuracy),
                valid_loss: evaluation.valid_loss,
                train_accuracy: evaluation.train_accuracy,
                train_loss: evaluation.train_loss,
                params: evaluation.params,
                macs: evaluation.macs,
                figures: evaluation.figures,
                epochs: Some(evaluation.epochs),
                cost_seconds: Some(evaluation.cost_seconds),
                device: Some(evaluation.device),
                details,
            }),
            Err(failure) if failure.kind == FailureKind::Interrupted => Self::Interrupted(Interrupted { id }),
            Err(Failure { kind, message, .. }) => Self::Failure(Reason { id, kind, message }),
        }
    }
}

impl Job {
    /// The job that a trial is.
    pub fn of(trial: &Trial, genotype: Option<Genotype>) -> Self {
        Self {
            id: trial.id,
            arch: genotype
                .as_ref()
                .map_or_else(|| trial.architecture.to_string(), Genotype::to_string),
            genotype,
            choices: trial.architecture.clone(),
            epochs: trial.fidelity.epochs,
            seed: trial.seed,
            continues: trial.continues,
        }
    }

    /// The trial that a job is.
    pub fn trial(&self) -> Trial {
        Trial {
            id: self.id,
            architecture: self.choices.clone(),
            fidelity: Fidelity { epochs: self.epochs },
            seed: self.seed,
            continues: self.continues,
        }
    }
}

impl Figures {
    /// Which figure is not one that a training can have, in words.
    pub(crate) fn out_of_bounds(&self) -> Option<String> {
        if let Some(seconds) = self.cost_seconds
            && !(0.0..=MOST_SECONDS).contains(&seconds)
        {
            return Some(format!(
                "its cost_seconds are {seconds}; expected a number from 0 to {MOST_SECONDS:e}"
            ));
        }
        let losses = [("valid_loss", self.valid_loss), ("train_loss", self.train_loss)];
        losses.into_iter().find_map(|(name, loss)| {
            let loss = loss.filter(|loss| loss.abs() > MOST_LOSS)?;
            Some(format!(
                "its {name} is {loss:e}; expected a number between -{MOST_LOSS:e} and {MOST_LOSS:e}"
            ))
        })
    }

    /// The evaluation; what the program has left out is what the study knows: the `epochs` asked
    /// for, the `seconds` measured, and the `device`.
    pub fn evaluation(self, epochs: u32, seconds: f64, device: &str) -> Detailed {
        let evaluation = Evaluation {
            valid_accuracy: self.valid_accuracy.unwrap_or(f64::NAN),
            valid_loss: self.valid_loss,
            train_accuracy: self.train_accuracy,
            train_loss: self.train_loss,
            params: self.params,
            macs: self.macs,
            figures: self.figures,
            epochs: self.epochs.unwrap_or(epochs),
            cost_seconds: self.cost_seconds.unwrap_or(seconds),
            device: self.device.unwrap_or_else(|| device.to_owned()),
            attempts: Vec::new(),
        };
        (evaluation, self.details)
    }
}

/// Messages are made of strings, numbers, options and maps with keys of text, which always
/// serialise.
fn line(message: &impl Serialize) -> String {
    let mut line = serde_json::to_string(message).unwrap_or_default();
    line.push('\n');
    line
}

fn wrong(line: &str, error: &serde_json::Error) -> String {
    format!("{error}, in the line: {}", shortened(line))
}

/// As much of a text as a message can hold.
pub(crate) fn shortened(text: &str) -> String {
    const MOST: usize = 200;
    let text = text.trim_end();
    if text.chars().count() <= MOST {
        return text.to_owned();
    }
    let start: String = text.chars().take(MOST).collect();
    format!("{start}… ({} bytes)", text.len())
}

/// The accuracy of a line, where that is an infinity.
fn infinite_accuracy(line: &str) -> Option<f64> {
    let (_, rest) = line.split_once("\"valid_accuracy\"")?;
    let value = rest.trim_start().strip_prefix(':')?.trim_start();
    match value.strip_prefix('-') {
        Some(value) => value.starts_with("Infinity").then_some(f64::NEG_INFINITY),
        None => value.starts_with("Infinity").then_some(f64::INFINITY),
    }
}

/// The line with null for each NaN, Infinity and -Infinity outside of strings.
fn without_nan(line: &str) -> String {
    let mut result = String::with_capacity(line.len());
    let (mut rest, mut in_string) = (line, false);
    while let Some(first) = rest.chars().next() {
        if !in_string
            && let Some(word) = ["NaN", "Infinity", "-Infinity"]
                .into_iter()
                .find(|word| rest.starts_with(word))
        {
            result.push_str("null");
            rest = &rest[word.len()..];
            continue;
        }
        let mut taken = first.len_utf8();
        if first == '"' {
            in_string = !in_string;
        } else if first == '\\' && in_string {
            // What is escaped ends no string.
            taken += rest[taken..].chars().next().map_or(0, char::len_utf8);
        }
        result.push_str(&rest[..taken]);
        rest = &rest[taken..];
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures() -> Figures {
        Figures {
            id: 3,
            valid_accuracy: Some(0.1 + 0.2),
            valid_loss: None,
            train_accuracy: None,
            train_loss: None,
            params: Some(u64::MAX),
            macs: None,
            figures: BTreeMap::from([("latency".to_owned(), 0.1)]),
            epochs: None,
            cost_seconds: None,
            device: None,
            details: Some(serde_json::json!([1.5, "x"])),
        }
    }

    #[test]
    fn figures_come_back_bit_for_bit() {
        let answer = Answer::Evaluation(figures());
        let line = answer.line();
        assert!(line.ends_with("}\n") && line.matches('\n').count() == 1);
        assert_eq!(Answer::parse(&line).unwrap(), answer);
    }

    #[test]
    fn a_trial_comes_back_as_it_was() {
        let trial = Trial {
            id: u64::from(u32::MAX) + 7,
            architecture: Architecture::new([0, 3, 1]),
            fidelity: Fidelity { epochs: 4 },
            seed: Seed::new(u64::MAX),
            continues: Some(Continued { trial: 2, epochs: 1 }),
        };
        let genotype: Genotype = "DARTS_V2".parse().unwrap();
        let request = Request::Trial(Box::new(Job::of(&trial, Some(genotype))));
        let Request::Trial(job) = Request::parse(&request.line()).unwrap() else {
            panic!("another request")
        };
        assert_eq!(job.trial(), trial);
        assert_eq!(Request::Trial(job), request);
    }

    #[test]
    fn what_python_writes_for_a_nan_is_no_number_and_no_garbage() {
        for text in ["NaN", "null", "Infinity", "-Infinity"] {
            let line = format!(r#"{{"type": "evaluation", "id": 1, "valid_accuracy": {text}}}"#);
            let Answer::Evaluation(figures) = Answer::parse(&line).unwrap() else {
                panic!("another answer")
            };
            let accuracy = figures.evaluation(1, 0.0, "cpu").0.valid_accuracy;
            let expected = match text {
                "Infinity" => f64::INFINITY,
                "-Infinity" => f64::NEG_INFINITY,
                _ => f64::NAN,
            };
            assert_eq!(accuracy.to_string(), expected.to_string());
        }
        let line = r#"{"type": "failure", "id": 1, "message": "loss \" is NaN", "kind": NaN}"#;
        assert!(without_nan(line).contains(r#"loss \" is NaN", "kind": null"#));
    }

    #[test]
    fn an_answer_that_is_none_is_refused_with_the_reason() {
        for (line, named) in [
            ("hello", "hello"),
            (r#"{"type":"evaluation","id":1}"#, "valid_accuracy"),
            (
                r#"{"type":"evaluation","id":1,"valid_accuracy":0.5,"test_accuracy":0.9}"#,
                "test_accuracy",
            ),
            (r#"{"type":"evaluation","id":-1,"valid_accuracy":0.5}"#, "-1"),
            (r#"{"type":"answer"}"#, "answer"),
            (
                r#"{"type":"failure","id":1,"kind":"tired","message":""}"#,
                "tired",
            ),
            ("", "EOF"),
        ] {
            let refused = Answer::parse(line).unwrap_err();
            assert!(refused.contains(named), "{refused}");
        }
        let long = "x".repeat(5_000);
        assert!(Answer::parse(&long).unwrap_err().len() < 400);
    }
}
