//! What studies and the processes that evaluate their trials say to each other.

use anyhow::Result;
use nas_study::processes::protocol::{Answer, Request};

use crate::target::{Target, Use};

const WORDS: &[&str] = &[
    "type",
    "hello",
    "trial",
    "ready",
    "refused",
    "evaluation",
    "failure",
    "interrupted",
    "protocol",
    "worker",
    "device",
    "threads",
    "settings",
    "id",
    "arch",
    "genotype",
    "choices",
    "epochs",
    "seed",
    "continues",
    "description",
    "message",
    "kind",
    "valid_accuracy",
    "valid_loss",
    "train_accuracy",
    "params",
    "macs",
    "cost_seconds",
    "NaN",
    "Infinity",
    "-Infinity",
    "null",
    "\\\"",
    "{",
    "}",
    "[",
    "]",
];

/// A line, as either side reads it.
pub(super) fn protocol() -> Result<Target> {
    Ok(Target::new("protocol", WORDS, |input, _| {
        let line = std::str::from_utf8(input).map_err(|_| "not a text".to_owned())?;
        let (answer, request) = (Answer::parse(line), Request::parse(line));
        let refused = match (&answer, &request) {
            (Err(answer), Err(request)) => Some(format!("{answer}; {request}")),
            _ => None,
        };
        if let Some(refused) = refused {
            return Err(refused);
        }
        Ok(Box::new(move || {
            if let Ok(answer) = &answer
                && Answer::parse(&answer.line()).as_ref() != Ok(answer)
            {
                return Err(format!("it comes back changed: {}", answer.line()));
            }
            if let Ok(request) = &request
                && Request::parse(&request.line()).as_ref() != Ok(request)
            {
                return Err(format!("it comes back changed: {}", request.line()));
            }
            Ok(())
        }) as Use<'_>)
    }))
}
