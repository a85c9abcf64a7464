//! Evaluation on the thread that runs the study.

use std::collections::VecDeque;

use nas_space::search::{Evaluator, Stop};

use super::{Crew, Done, Task, carry_out};

/// Evaluates trials in the order they came in, when they are waited for.
pub(crate) struct Inline<'a> {
    evaluator: &'a dyn Evaluator,
    stop: &'a Stop,
    queue: VecDeque<Task>,
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
    fn submit(&mut self, task: Task) {
        self.queue.push_back(task);
    }

    fn next(&mut self) -> Option<Done> {
        if self.stop.is_requested() {
            return None;
        }
        let task = self.queue.pop_front()?;
        Some(carry_out(self.evaluator, &task))
    }

    fn ready(&mut self) -> Option<Done> {
        None
    }
}
