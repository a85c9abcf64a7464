//! The loop.

use std::collections::{BTreeMap, HashMap};
use std::iter::Peekable;
use std::vec;

use nas_space::arch::Architecture;
use nas_space::search::{
    Ask, Failure, FailureKind, Fidelity, Metric, Outcome, Proposal, Spent, Stop, Strategy, StrategyError,
    Trial, TrialId,
};
use nas_space::seed::Seed;
use nas_space::spaces::Space;

use super::completions::Completions;
use super::journal::Journal;
use super::trainings::Trainings;
use crate::clock;
use crate::config::{Duplicates, StudyConfig};
use crate::error::StudyError;
use crate::event::{Event, Progress};
use crate::executor::{self, Crew, Done, Task, concluded};
use crate::store::{Change, Conclusion, End, Summary, Tally, TrialRecord};

/// A study while it runs.
pub(crate) struct Search<'a> {
    config: &'a StudyConfig,
    space: &'a dyn Space,
    strategy: &'a mut dyn Strategy,
    journal: Journal<'a>,
    /// Records not yet replayed.
    recorded: Peekable<vec::IntoIter<TrialRecord>>,
    /// Asked for and not told.
    outstanding: BTreeMap<TrialId, Pending>,
    /// Whose outcomes are told next, if that is not the oldest.
    completions: Option<Completions>,
    /// Trials whose turn it was, and that take over the outcome of one that is not finished.
    followers: BTreeMap<TrialId, Vec<TrialId>>,
    /// Trials and epochs asked for, seconds told: what the budget is compared with.
    spent: Spent,
    /// What was told.
    tally: Tally,
    /// Seconds the strategy took to say that it has to wait; charged to its next proposal.
    waited_seconds: f64,
    /// The strategy said that it has finished.
    exhausted: bool,
    /// More would have been asked for if no stop had been requested.
    cut_short: bool,
    /// The first trial of each kind, and what became of it, where duplicates take that over.
    firsts: HashMap<(Architecture, Fidelity), First>,
    /// What a proposal may continue.
    trainings: Trainings,
}

/// An outstanding trial.
struct Pending {
    record: TrialRecord,
    /// Its outcome was on record.
    replayed: bool,
}

struct First {
    trial: TrialId,
    seed: Seed,
    conclusion: Option<Conclusion>,
}

impl<'a> Search<'a> {
    pub(crate) fn new(
        config: &'a StudyConfig,
        space: &'a dyn Space,
        strategy: &'a mut dyn Strategy,
        recorded: Vec<TrialRecord>,
        completions: Option<Completions>,
        journal: Journal<'a>,
    ) -> Self {
        Self {
            config,
            space,
            strategy,
            journal,
            recorded: recorded.into_iter().peekable(),
            outstanding: BTreeMap::new(),
            completions,
            followers: BTreeMap::new(),
            spent: Spent::default(),
            tally: Tally::new(config),
            waited_seconds: 0.0,
            exhausted: false,
            cut_short: false,
            firsts: HashMap::new(),
            trainings: Trainings::default(),
        }
    }

    /// Asks, waits and tells until there is nothing left to do.
    pub(crate) fn run(&mut self, crew: &mut dyn Crew, stop: &Stop) -> Result<End, StudyError> {
        loop {
            self.ask_for_more(crew, stop)?;
            if self.outstanding.is_empty() {
                let end = self.end(stop)?;
                self.check_all_replayed(end)?;
                return Ok(end);
            }
            match self.conclude_next(crew, stop)? {
                Some(trial) => self.tell(trial)?,
                None => return Ok(End::Stopped),
            }
        }
    }

    /// Writes down what is left to write, and sums up. The first error is the one to report.
    pub(crate) fn close(mut self, result: Result<End, StudyError>) -> Result<Summary, StudyError> {
        if let Ok(end) = result {
            self.journal.write(Change::Ended(Some(end)));
        }
        let flushed = self.journal.flush();
        let end = result?;
        flushed?;
        // Where the study was stopped, trials may be finished that were not told.
        let untold = self.outstanding.into_values().map(|pending| pending.record);
        let mut untold: Vec<TrialRecord> = untold.collect();
        untold.sort_by_key(TrialRecord::place);
        for record in &untold {
            if let Some(conclusion) = &record.conclusion {
                self.tally.add(record, conclusion);
            }
        }
        let summary = self.tally.into_summary(self.config, Some(end));
        self.journal.announce(Event::Ended {
            summary: summary.clone(),
        });
        Ok(summary)
    }

    fn may_ask(&mut self, stop: &Stop) -> bool {
        let may = !self.exhausted && self.config.budget.allows(&self.spent);
        self.cut_short |= may && stop.is_requested();
        may && !self.cut_short
    }

    /// Fills the window of outstanding trials.
    fn ask_for_more(&mut self, crew: &mut dyn Crew, stop: &Stop) -> Result<(), StudyError> {
        let mut fresh = Vec::new();
        while self.outstanding.len() < self.config.batch as usize && self.may_ask(stop) {
            let (ask, seconds) = clock::timed(|| self.strategy.ask());
            let seconds = seconds + self.waited_seconds;
            self.waited_seconds = 0.0;
            if matches!(ask, Err(StrategyError::Interrupted)) && stop.is_requested() {
                break;
            }
            match ask.map_err(|source| self.strategy_error(source))? {
                Ask::Evaluate(proposal) => fresh.extend(self.admit(proposal, seconds)?),
                Ask::Wait => {
                    self.waited_seconds = seconds;
                    break;
                }
                Ask::Finished => {
                    self.tally.add_strategy_seconds(seconds);
                    self.exhausted = true;
                }
            }
        }
        self.journal.checkpoint()?;
        for task in fresh {
            crew.submit(task);
        }
        Ok(())
    }

    /// Makes a trial of a proposal, or finds it on record. Gives back what a crew has to do.
    fn admit(&mut self, proposal: Proposal, ask_seconds: f64) -> Result<Option<Task>, StudyError> {
        let trial = self.trial(proposal)?;
        let id = trial.id;
        self.spent.trials += 1;
        self.spent.epochs += u64::from(trial.added_epochs());
        let reused_from = self.first_like(&trial);
        if let Some(record) = self.recorded.next() {
            if record.trial != trial || record.reused_from != reused_from {
                return Err(diverged(&record, described(&trial)));
            }
            self.tally
                .add_strategy_seconds(record.ask_seconds + record.tell_seconds.unwrap_or(0.0));
            let replayed = record.conclusion.is_some();
            let task = self.task(&record);
            if matches!(task, Some(Task::Evaluate(_))) {
                self.journal.announce(Event::Asked {
                    record: record.clone(),
                });
            }
            self.outstanding.insert(id, Pending { record, replayed });
            return Ok(task);
        }
        self.tally.add_strategy_seconds(ask_seconds);
        let genotype = self.genotype(&trial);
        let mut record = TrialRecord {
            trial: trial.clone(),
            genotype: genotype.as_ref().ok().cloned(),
            reused_from,
            asked_unix_seconds: clock::unix_seconds(),
            ask_seconds,
            tell_seconds: None,
            completion: None,
            conclusion: None,
        };
        self.journal.write(Change::Asked(record.clone()));
        self.journal.announce(Event::Asked {
            record: record.clone(),
        });
        if let (Err(failure), None) = (genotype, &self.completions) {
            let conclusion = refused(failure);
            self.journal.write(Change::Finished(id, conclusion.clone(), None));
            record.conclusion = Some(conclusion);
        }
        let task = self.task(&record);
        let replayed = false;
        self.outstanding.insert(id, Pending { record, replayed });
        Ok(task)
    }

    /// What a crew has to do for a trial.
    fn task(&self, record: &TrialRecord) -> Option<Task> {
        let settled = record.reused_from.is_some() || record.genotype.is_none();
        match record.conclusion {
            Some(_) => None,
            None if !settled => Some(Task::Evaluate(record.trial.clone())),
            None => self.completions.as_ref().map(|_| Task::Pass(record.trial.id)),
        }
    }

    /// The next trial: a new training, or one that continues.
    fn trial(&mut self, proposal: Proposal) -> Result<Trial, StudyError> {
        let id = self.spent.trials;
        let Proposal {
            architecture,
            fidelity,
            continues,
        } = proposal;
        let fidelity = fidelity.unwrap_or(self.config.fidelity);
        let (seed, continues) = match continues {
            None => (self.config.seed.derive("trial", id), None),
            Some(trial) => {
                let taken = self.trainings.take(trial, &architecture, fidelity);
                let (seed, continued) = taken.map_err(|reason| StudyError::NotContinuable {
                    method: self.config.method.clone(),
                    trial,
                    reason,
                })?;
                (seed, Some(continued))
            }
        };
        Ok(Trial {
            id,
            architecture,
            fidelity,
            seed,
            continues,
        })
    }

    /// The genotype as text, or why there is nothing to evaluate.
    fn genotype(&self, trial: &Trial) -> Result<String, Failure> {
        if trial.fidelity.epochs == 0 {
            let message = "the proposal asks for 0 epochs; expected at least 1";
            return Err(Failure::new(FailureKind::Invalid, message));
        }
        match self.space.genotype(&trial.architecture) {
            Ok(genotype) => Ok(genotype.to_json()),
            Err(error) => Err(Failure::new(FailureKind::Invalid, error.to_string())),
        }
    }

    /// The trial whose outcome this one takes over, if duplicates do.
    fn first_like(&mut self, trial: &Trial) -> Option<TrialId> {
        match self.config.duplicates {
            Duplicates::Evaluate => None,
            Duplicates::Reuse => {
                let key = (trial.architecture.clone(), trial.fidelity);
                let first = self.firsts.entry(key).or_insert(First {
                    trial: trial.id,
                    seed: trial.seed,
                    conclusion: None,
                });
                (first.trial != trial.id).then_some(first.trial)
            }
        }
    }

    /// Waits until the trial that is told next has its conclusion; `None` where the study was
    /// stopped before.
    fn conclude_next(&mut self, crew: &mut dyn Crew, stop: &Stop) -> Result<Option<TrialId>, StudyError> {
        let next = loop {
            let Some((&oldest, pending)) = self.outstanding.first_key_value() else {
                return Ok(None);
            };
            match &self.completions {
                Some(completions) => match completions.due() {
                    Some(trial) if self.outstanding.contains_key(&trial) => break trial,
                    // It is on record, but was not asked for again.
                    Some(_) if stop.is_requested() => return Ok(None),
                    Some(trial) => return Err(self.not_asked_for(trial)),
                    None => {}
                },
                None if pending.record.conclusion.is_some() => break oldest,
                None => {
                    if let Some(conclusion) = self.taken_over(&pending.record) {
                        self.conclude(oldest, conclusion);
                        continue;
                    }
                }
            }
            let Some(done) = crew.next() else {
                return match stop.is_requested() {
                    true => Ok(None),
                    false => Err(StudyError::WorkersLost { trial: oldest }),
                };
            };
            self.receive(done, stop)?;
            while let Some(done) = crew.ready() {
                self.receive(done, stop)?;
            }
        };
        self.journal.checkpoint()?;
        Ok(Some(next))
    }

    /// The conclusion of the trial that this one repeats, if that has one.
    fn taken_over(&self, record: &TrialRecord) -> Option<Conclusion> {
        let first = record.reused_from?;
        let conclusion = match self.outstanding.get(&first) {
            Some(first) => first.record.conclusion.as_ref(),
            None => {
                let key = (record.trial.architecture.clone(), record.trial.fidelity);
                self.firsts.get(&key)?.conclusion.as_ref()
            }
        };
        Some(Conclusion {
            finished_unix_seconds: clock::unix_seconds(),
            ..conclusion?.clone()
        })
    }

    /// Notes what a crew has done. An abandoned trial stays unfinished, and is evaluated on
    /// resuming.
    fn receive(&mut self, done: Done, stop: &Stop) -> Result<(), StudyError> {
        let Done { trial, attempts, end } = done;
        for attempt in attempts {
            self.journal.write(Change::Attempted(trial, attempt));
        }
        match end {
            executor::End::Concluded(conclusion) => self.conclude(trial, conclusion),
            executor::End::Passed => self.pass(trial),
            executor::End::Abandoned(_) if stop.is_requested() => {}
            executor::End::Abandoned(reason) => return Err(StudyError::NotEvaluated { trial, reason }),
        }
        Ok(())
    }

    /// Concludes a trial that is not evaluated and whose turn it is, as soon as that can be.
    fn pass(&mut self, id: TrialId) {
        let Some(Pending { record, .. }) = self.outstanding.get(&id) else {
            return;
        };
        let conclusion = match record.reused_from {
            Some(first) => match self.taken_over(record) {
                Some(conclusion) => Some(conclusion),
                None => return self.followers.entry(first).or_default().push(id),
            },
            None => self.genotype(&record.trial).err().map(refused),
        };
        if let Some(conclusion) = conclusion {
            self.conclude(id, conclusion);
        }
    }

    /// Notes what became of an outstanding trial.
    fn conclude(&mut self, id: TrialId, conclusion: Conclusion) {
        if let Some(Pending { record, .. }) = self.outstanding.get_mut(&id) {
            let place = self
                .completions
                .as_mut()
                .map(|completions| completions.finish(id));
            self.journal
                .write(Change::Finished(id, conclusion.clone(), place));
            record.completion = place;
            record.conclusion = Some(conclusion);
        }
        for follower in self.followers.remove(&id).unwrap_or_default() {
            self.pass(follower);
        }
    }

    /// Tells the strategy what became of an outstanding trial.
    fn tell(&mut self, id: TrialId) -> Result<(), StudyError> {
        if let Some(completions) = &mut self.completions {
            completions.tell();
        }
        let Some(Pending { record, replayed }) = self.outstanding.remove(&id) else {
            return Ok(());
        };
        let Some(conclusion) = &record.conclusion else {
            return Ok(());
        };
        self.spent.seconds += conclusion.cost_seconds;
        self.tally.add(&record, conclusion);
        let mut seed = record.trial.seed;
        if self.config.duplicates == Duplicates::Reuse {
            let key = (record.trial.architecture.clone(), record.trial.fidelity);
            if let Some(first) = self.firsts.get_mut(&key) {
                if first.trial == record.trial.id {
                    first.conclusion = Some(conclusion.clone());
                }
                // What was trained for this outcome, if anything, was that trial.
                seed = first.seed;
            }
        }
        if conclusion.result.is_ok() {
            self.trainings.end(&record.trial, seed);
        }
        let outcome = Outcome {
            trial: record.trial.clone(),
            result: conclusion.result.clone(),
        };
        let told = record.tell_seconds.is_some();
        let progress = Progress {
            spent: self.tally.spent,
            budget: self.config.budget,
            failed: self.tally.failed,
            best: self.tally.best.clone(),
        };
        self.journal.announce(if replayed {
            Event::Replayed { record, progress }
        } else {
            Event::Finished { record, progress }
        });
        let (result, seconds) = clock::timed(|| self.strategy.tell(&outcome));
        result.map_err(|source| self.strategy_error(source))?;
        if !told {
            self.tally.add_strategy_seconds(seconds);
            self.journal.write(Change::Told(outcome.trial.id, seconds));
        }
        Ok(())
    }

    /// Why there is nothing left to do.
    fn end(&self, stop: &Stop) -> Result<End, StudyError> {
        if self.exhausted {
            Ok(End::Finished)
        } else if self.cut_short {
            Ok(End::Stopped)
        } else if !self.config.budget.allows(&self.spent) {
            Ok(End::Budget)
        } else if stop.is_requested() {
            Ok(End::Stopped)
        } else {
            Err(StudyError::Stalled {
                method: self.config.method.clone(),
                told: self.tally.spent.trials,
            })
        }
    }

    /// A study that ends by itself has nothing on record that was not proposed again.
    fn check_all_replayed(&mut self, end: End) -> Result<(), StudyError> {
        match self.recorded.peek() {
            Some(record) if end != End::Stopped => Err(diverged(record, "nothing".to_owned())),
            _ => Ok(()),
        }
    }

    /// Why the trial that is to be told next is not outstanding.
    fn not_asked_for(&mut self, trial: TrialId) -> StudyError {
        match self.recorded.peek() {
            Some(record) => diverged(record, "nothing".to_owned()),
            None => StudyError::ReplayDiverged {
                trial,
                recorded: "finished before others".to_owned(),
                proposed: "nothing".to_owned(),
            },
        }
    }

    fn strategy_error(&self, source: StrategyError) -> StudyError {
        StudyError::Strategy {
            method: self.config.method.clone(),
            source,
        }
    }
}

/// The conclusion of a proposal that cannot be evaluated.
fn refused(failure: Failure) -> Conclusion {
    concluded(Err(failure), 0.0, &Metric::default())
}

fn diverged(record: &TrialRecord, proposed: String) -> StudyError {
    StudyError::ReplayDiverged {
        trial: record.trial.id,
        recorded: described(&record.trial),
        proposed,
    }
}

fn described(trial: &Trial) -> String {
    let continues = trial.continues.map_or(String::new(), |continued| {
        format!(", continuing trial {}", continued.trial)
    });
    format!(
        "architecture {} at {} epochs{continues}",
        trial.architecture, trial.fidelity.epochs
    )
}
