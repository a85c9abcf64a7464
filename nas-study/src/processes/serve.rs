//! The other side: a process that evaluates.

use std::any::Any;
use std::io::{self, BufRead, Read as _, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::channel;
use std::thread::Builder;

use nas_space::search::{Evaluator, Failure, FailureKind, Stop, Trial};
use thiserror::Error;

use super::protocol::{Answer, Detailed, Hello, MAX_LINE, PROTOCOL, Ready, Refused, Request};

/// Why a process stops evaluating before its input ends.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ServeError {
    /// Nothing can be read or written.
    #[error("the connection to the study failed: {0}")]
    Io(#[from] io::Error),
    /// What was read is no message.
    #[error("expected a message of the evaluator protocol: {0}")]
    Protocol(String),
    /// The evaluator cannot be made.
    #[error("{0}")]
    Refused(String),
}

/// An evaluator that runs in its own process: every [`Evaluator`], and types that return additional
/// details.
pub trait Served {
    /// As [`Evaluator::description`].
    fn description(&self) -> String;

    /// Like [`Evaluator::evaluate`], with additional details.
    ///
    /// # Errors
    /// As [`Evaluator::evaluate`].
    fn evaluate_detailed(&self, trial: &Trial) -> Result<Detailed, Failure>;
}

impl<E: Evaluator> Served for E {
    fn description(&self) -> String {
        Evaluator::description(self)
    }

    fn evaluate_detailed(&self, trial: &Trial) -> Result<Detailed, Failure> {
        self.evaluate(trial).map(|evaluation| (evaluation, None))
    }
}

impl Served for Box<dyn Served> {
    fn description(&self) -> String {
        (**self).description()
    }

    fn evaluate_detailed(&self, trial: &Trial) -> Result<Detailed, Failure> {
        (**self).evaluate_detailed(trial)
    }
}

/// Evaluates the trials that come in on `input` and writes the answers to `output`, until the input
/// ends: the program's side of the [protocol](super).
///
/// `make` makes the evaluator from the hello. It is also given a [`Stop`], which is requested when
/// the input ends, so that a running evaluation can be abandoned; the answer is then
/// [`FailureKind::Interrupted`].
///
/// # Errors
/// [`ServeError`]; the study has been told where it could be.
pub fn serve<E: Served>(
    input: impl BufRead + Send + 'static,
    mut output: impl Write,
    make: impl FnOnce(&Hello, &Stop) -> Result<E, String>,
) -> Result<(), ServeError> {
    let stop = Stop::new();
    let (sender, requests) = channel();
    let at_end = stop.clone();
    Builder::new().name("nas-requests".to_owned()).spawn(move || {
        read_requests(input, |request| sender.send(request).is_ok());
        at_end.request();
    })?;
    let hello = match requests.recv() {
        // There was nothing to read at all.
        Err(_) => return Ok(()),
        Ok(Ok(Request::Hello(hello))) => hello,
        Ok(Ok(Request::Trial(_))) => {
            return Err(ServeError::Protocol("a trial came before the hello".to_owned()));
        }
        Ok(Err(reason)) => return Err(ServeError::Protocol(reason)),
    };
    let made = if hello.protocol == PROTOCOL {
        make(&hello, &stop)
    } else {
        Err(format!(
            "the study speaks version {} of the protocol; expected {PROTOCOL}",
            hello.protocol
        ))
    };
    let evaluator = match made {
        Ok(evaluator) => evaluator,
        Err(message) => {
            let refused = Answer::Refused(Refused {
                message: message.clone(),
            });
            write(&mut output, &refused)?;
            return Err(ServeError::Refused(message));
        }
    };
    let ready = Answer::Ready(Ready {
        protocol: PROTOCOL,
        description: evaluator.description(),
    });
    write(&mut output, &ready)?;
    while let Ok(request) = requests.recv() {
        let job = match request {
            Ok(Request::Trial(job)) => job,
            Ok(Request::Hello(_)) => return Err(ServeError::Protocol("a second hello".to_owned())),
            Err(reason) => return Err(ServeError::Protocol(reason)),
        };
        let trial = job.trial();
        // An evaluator has to be sound after a panic, as one that is shared between threads.
        let caught = catch_unwind(AssertUnwindSafe(|| evaluator.evaluate_detailed(&trial)));
        let result = caught.unwrap_or_else(|payload| {
            let message = format!("the evaluator panicked: {}", panic_message(payload.as_ref()));
            Err(Failure::new(FailureKind::Panic, message))
        });
        write(&mut output, &Answer::of(trial.id, result))?;
    }
    Ok(())
}

/// Passes each line on as a request, until the input ends or the receiver is gone.
fn read_requests(mut input: impl BufRead, mut hand_on: impl FnMut(Result<Request, String>) -> bool) {
    loop {
        let mut line = String::new();
        let request = match (&mut input).take(MAX_LINE as u64 + 1).read_line(&mut line) {
            Ok(0) => return,
            Ok(_) if line.len() > MAX_LINE => Err(format!("a line of more than {MAX_LINE} bytes")),
            Ok(_) => Request::parse(&line),
            Err(error) => Err(error.to_string()),
        };
        let wrong = request.is_err();
        if !hand_on(request) || wrong {
            return;
        }
    }
}

fn write(output: &mut impl Write, answer: &Answer) -> io::Result<()> {
    output.write_all(answer.line().as_bytes())?;
    output.flush()
}

/// What a panic says.
pub fn panic_message(payload: &(dyn Any + Send)) -> &str {
    payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}
