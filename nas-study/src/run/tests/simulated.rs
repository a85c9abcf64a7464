//! Crews without threads: one whose slots evaluate in simulated time, and one that finishes trials
//! in an order that was given.

use std::collections::{BTreeMap, VecDeque};

use nas_space::search::{Evaluator, Stop, Strategy, Trial, TrialId};
use nas_space::seed::Seed;
use nas_space::spaces::Space;

use crate::executor::{Crew, Done, End, Task, carry_out};
use crate::run::completions::Completions;
use crate::run::journal::Journal;
use crate::run::search::Search;
use crate::{
    Commit, Observer, Parts, PreparedStudy, Silent, Store, StudyConfig, StudyError, Summary, TellOrder,
};

/// A number in [0, 1).
pub(super) fn uniform(seed: Seed) -> f64 {
    (seed.value() >> 11) as f64 / (1_u64 << 53) as f64
}

/// A whole number below this one.
pub(super) fn below(seed: Seed, limit: u64) -> u64 {
    seed.value() % limit
}

/// The trial of a task.
fn id(task: &Task) -> TrialId {
    match task {
        Task::Evaluate(trial) => trial.id,
        Task::Pass(trial) => *trial,
    }
}

/// Slots that evaluate in simulated time.
pub(super) struct Simulated<'a> {
    evaluator: &'a dyn Evaluator,
    /// How long a trial takes, in nanoseconds.
    length: &'a dyn Fn(&Trial) -> u64,
    slots: usize,
    queue: VecDeque<Task>,
    /// By the end of the trial, then in the order in which they began.
    running: BTreeMap<(u64, u64), Task>,
    begun: u64,
    /// Nanoseconds since the start.
    pub(super) now: u64,
    /// How long slots were busy, added up.
    pub(super) busy: u64,
    /// What `now` and `busy` were when the last trial began.
    pub(super) at_last: (u64, u64),
    /// After so many finished trials, the process is killed.
    pub(super) kill_after: Option<u64>,
    /// After so many finished trials, it is asked to stop.
    pub(super) stop_after: Option<(u64, Stop)>,
}

impl<'a> Simulated<'a> {
    pub(super) fn new(evaluator: &'a dyn Evaluator, slots: usize, length: &'a dyn Fn(&Trial) -> u64) -> Self {
        Self {
            evaluator,
            length,
            slots,
            queue: VecDeque::new(),
            running: BTreeMap::new(),
            begun: 0,
            now: 0,
            busy: 0,
            at_last: (0, 0),
            kill_after: None,
            stop_after: None,
        }
    }

    fn begin(&mut self) {
        if self.stop_after.as_ref().is_some_and(|(left, _)| *left == 0) {
            return;
        }
        while self.running.len() < self.slots
            && let Some(task) = self.queue.pop_front()
        {
            let length = match &task {
                Task::Evaluate(trial) => (self.length)(trial),
                Task::Pass(_) => 0,
            };
            self.running.insert((self.now + length, self.begun), task);
            self.begun += 1;
            self.at_last = (self.now, self.busy);
        }
    }

    /// The next one that ends, if it ends by this time.
    fn take(&mut self, by: u64) -> Option<Done> {
        self.begin();
        let (&(end, _), task) = self.running.first_key_value()?;
        if end > by {
            return None;
        }
        if let Some(left) = &mut self.kill_after {
            if *left == 0 {
                return Some(Done {
                    trial: id(task),
                    attempts: Vec::new(),
                    end: End::Abandoned("killed".to_owned()),
                });
            }
            *left -= 1;
        }
        if let Some((left, stop)) = &mut self.stop_after {
            *left = left.saturating_sub(1);
            if *left == 0 {
                stop.request();
            }
        }
        self.busy += (end - self.now) * self.running.len() as u64;
        self.now = end;
        let (_, task) = self.running.pop_first()?;
        Some(carry_out(self.evaluator, &task))
    }
}

impl Crew for Simulated<'_> {
    fn submit(&mut self, task: Task) {
        self.queue.push_back(task);
    }

    fn next(&mut self) -> Option<Done> {
        self.take(u64::MAX)
    }

    fn ready(&mut self) -> Option<Done> {
        self.take(self.now)
    }
}

/// Finishes trials in this order.
pub(super) struct Scripted<'a> {
    pub(super) evaluator: &'a dyn Evaluator,
    pub(super) order: VecDeque<TrialId>,
    pub(super) tasks: BTreeMap<TrialId, Task>,
}

impl Crew for Scripted<'_> {
    fn submit(&mut self, task: Task) {
        self.tasks.insert(id(&task), task);
    }

    fn next(&mut self) -> Option<Done> {
        let task = self.tasks.remove(&self.order.pop_front()?)?;
        Some(carry_out(self.evaluator, &task))
    }

    fn ready(&mut self) -> Option<Done> {
        None
    }
}

/// How a study is run in these tests.
pub(super) struct Run<'a> {
    pub(super) space: &'a dyn Space,
    pub(super) strategy: &'a mut dyn Strategy,
    pub(super) evaluator: &'a dyn Evaluator,
    pub(super) stop: Stop,
    pub(super) commit: Commit,
}

impl Run<'_> {
    /// Runs a study, new or recorded, with this crew. If the crew is killed, so is the study: what
    /// was not committed is lost.
    pub(super) fn with(
        self,
        store: &mut Store,
        config: &StudyConfig,
        crew: &mut dyn Crew,
        observer: &mut dyn Observer,
    ) -> Result<Summary, StudyError> {
        let parts = Parts {
            space: self.space,
            strategy: &mut *self.strategy,
            evaluator: self.evaluator,
        };
        // All checks, and the first record.
        drop(PreparedStudy::resume(store, config.clone(), parts)?);
        let recorded = store.records().trials()?;
        let completions = Completions::of(config.tell, &recorded).map_err(|_| StudyError::NoTrials)?;
        assert_eq!(completions.is_some(), config.tell == TellOrder::Completion);
        let journal = Journal::new(store, observer, self.commit);
        let mut search = Search::new(config, self.space, self.strategy, recorded, completions, journal);
        match search.run(crew, &self.stop) {
            Err(StudyError::NotEvaluated { trial, reason }) if reason == "killed" => {
                Err(StudyError::NotEvaluated { trial, reason })
            }
            result => search.close(result),
        }
    }

    pub(super) fn silently(
        self,
        store: &mut Store,
        config: &StudyConfig,
        crew: &mut dyn Crew,
    ) -> Result<Summary, StudyError> {
        self.with(store, config, crew, &mut Silent)
    }
}
