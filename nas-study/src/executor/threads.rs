//! Evaluation on threads other than the one that runs the study.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, Scope};

use nas_space::search::{Evaluator, Stop};

use super::{Crew, Done, Task, carry_out};
use crate::error::StudyError;

/// Threads that take trials from one queue. When it is dropped, they finish their current trial and
/// stop.
pub(crate) struct Threads {
    jobs: Sender<Task>,
    /// The result of a job; `None` if it was not started.
    answers: Receiver<Option<Done>>,
    /// Jobs without an answer.
    under_way: usize,
    closed: Arc<AtomicBool>,
}

impl Threads {
    /// Starts `workers` threads.
    pub(crate) fn spawn<'scope, 'env: 'scope>(
        scope: &'scope Scope<'scope, 'env>,
        evaluator: &'env dyn Evaluator,
        stop: &'env Stop,
        workers: usize,
    ) -> Result<Self, StudyError> {
        let (jobs, queue) = channel::<Task>();
        let queue = Arc::new(Mutex::new(queue));
        let (answer, answers) = channel();
        let closed = Arc::new(AtomicBool::new(false));
        let crew = Self {
            jobs,
            answers,
            under_way: 0,
            closed: Arc::clone(&closed),
        };
        for worker in 1..=workers {
            let (queue, answer, closed) = (Arc::clone(&queue), answer.clone(), Arc::clone(&closed));
            let work = move || {
                loop {
                    // Whoever holds the queue waits for a job; the others wait for the queue.
                    let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    let Ok(task) = job else { return };
                    let begin = !stop.is_requested() && !closed.load(Ordering::Acquire);
                    let done = begin.then(|| carry_out(evaluator, &task));
                    if answer.send(done).is_err() {
                        return;
                    }
                }
            };
            Builder::new()
                .name(format!("nas-worker-{worker}"))
                .spawn_scoped(scope, work)
                .map_err(|source| StudyError::Spawn {
                    worker,
                    workers,
                    source,
                })?;
        }
        Ok(crew)
    }
}

impl Crew for Threads {
    fn submit(&mut self, task: Task) {
        // Without a thread to take it, the trial stays unanswered, which `next` finds out.
        if self.jobs.send(task).is_ok() {
            self.under_way += 1;
        }
    }

    fn next(&mut self) -> Option<Done> {
        while self.under_way > 0 {
            let answer = self.answers.recv().ok()?;
            self.under_way -= 1;
            if answer.is_some() {
                return answer;
            }
        }
        None
    }

    fn ready(&mut self) -> Option<Done> {
        while let Ok(answer) = self.answers.try_recv() {
            self.under_way -= 1;
            if answer.is_some() {
                return answer;
            }
        }
        None
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.closed.store(true, Ordering::Release);
    }
}
