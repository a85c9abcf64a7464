//! Evaluation on the thread that runs the study.

use std::collections::VecDeque;

use nas_space::search::{Evaluator, Stop, Trial};

use super::{Crew, Done, evaluate};

/// Evaluates trials in the order they came in, when they are waited for.
pub(crate) struct Inline<'a> {
    evaluator: &'a dyn Evaluator,
    stop: &'a Stop,
    queue: VecDeque<Trial>,
}

impl<'a> Inline<'a> {
    pub(crate) fn new(evaluator: &'a dyn Evaluator, stop: &'a Stop) -> Self {
        let queue = VecDeque::new();
        Self {
            evaluator,
            stop,
            queue,
        }
    }
}

impl Crew for Inline<'_> {
    fn submit(&mut self, trial: Trial) {
        self.queue.push_back(trial);
    }

    fn next(&mut self) -> Option<Done> {
        if self.stop.is_requested() {
            return None;
        }
        let trial = self.queue.pop_front()?;
        Some(evaluate(self.evaluator, &trial))
    }

    fn ready(&mut self) -> Option<Done> {
        None
    }
}
