//! The loop.

use std::collections::{HashMap, VecDeque};
use std::iter::Peekable;
use std::vec;

use nas_space::arch::Architecture;
use nas_space::search::{
    Ask, Failure, FailureKind, Fidelity, Metric, Outcome, Proposal, Spent, Stop, Strategy, StrategyError,
    Trial, TrialId,
};
use nas_space::seed::Seed;
use nas_space::spaces::Space;

use super::journal::Journal;
use super::trainings::Trainings;
use crate::clock;
use crate::config::{Duplicates, StudyConfig};
use crate::error::StudyError;
use crate::event::{Event, Progress};
use crate::executor::{Crew, Done, concluded};
use crate::store::{Change, Conclusion, End, Summary, Tally, TrialRecord};

/// A study while it runs.
pub(crate) struct Search<'a> {
    config: &'a StudyConfig,
    space: &'a dyn Space,
    strategy: &'a mut dyn Strategy,
    journal: Journal<'a>,
    /// Records not yet replayed.
    recorded: Peekable<vec::IntoIter<TrialRecord>>,
    /// Asked for and not told, oldest first.
    outstanding: VecDeque<Pending>,
    /// Trials and epochs asked for, seconds told: what the budget is compared with.
    spent: Spent,
    /// What was told.
    tally: Tally,
    /// Seconds the strategy took to say that it has to wait; charged to its next proposal.
    waited_seconds: f64,
    /// The strategy said that it has finished.
    exhausted: bool,
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
        journal: Journal<'a>,
    ) -> Self {
        Self {
            config,
            space,
            strategy,
            journal,
            recorded: recorded.into_iter().peekable(),
            outstanding: VecDeque::new(),
            spent: Spent::default(),
            tally: Tally::new(config),
            waited_seconds: 0.0,
            exhausted: false,
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
            if !self.conclude_oldest(crew, stop)? {
                return Ok(End::Stopped);
            }
            self.tell_oldest()?;
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
        for pending in &self.outstanding {
            if let Some(conclusion) = &pending.record.conclusion {
                self.tally.add(&pending.record, conclusion);
            }
        }
        let summary = self.tally.into_summary(self.config, Some(end));
        self.journal.announce(Event::Ended {
            summary: summary.clone(),
        });
        Ok(summary)
    }

    fn may_ask(&self, stop: &Stop) -> bool {
        !self.exhausted && !stop.is_requested() && self.config.budget.allows(&self.spent)
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
        for trial in fresh {
            crew.submit(trial);
        }
        Ok(())
    }

    /// Makes a trial of a proposal, or finds it on record. Gives it back if it is to be evaluated.
    fn admit(&mut self, proposal: Proposal, ask_seconds: f64) -> Result<Option<Trial>, StudyError> {
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
            let evaluate = !replayed && reused_from.is_none();
            if evaluate {
                self.journal.announce(Event::Asked {
                    record: record.clone(),
                });
            }
            self.outstanding.push_back(Pending { record, replayed });
            return Ok(evaluate.then_some(trial));
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
            conclusion: None,
        };
        self.journal.write(Change::Asked(record.clone()));
        self.journal.announce(Event::Asked {
            record: record.clone(),
        });
        if let Err(failure) = genotype {
            let conclusion = concluded(Err(failure), 0.0, &Metric::default());
            self.journal.write(Change::Finished(id, conclusion.clone()));
            record.conclusion = Some(conclusion);
        }
        let evaluate = record.conclusion.is_none() && reused_from.is_none();
        self.outstanding.push_back(Pending {
            record,
            replayed: false,
        });
        Ok(evaluate.then_some(trial))
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

    /// Waits until the oldest outstanding trial has its conclusion; `false` where the study was
    /// stopped before.
    fn conclude_oldest(&mut self, crew: &mut dyn Crew, stop: &Stop) -> Result<bool, StudyError> {
        while let Some(oldest) = self.outstanding.front() {
            if oldest.record.conclusion.is_some() {
                break;
            }
            let trial = oldest.record.trial.id;
            if let Some(conclusion) = self.taken_over(&oldest.record) {
                self.conclude(trial, conclusion);
            } else {
                let Some(done) = crew.next() else {
                    return if stop.is_requested() {
                        Ok(false)
                    } else {
                        Err(StudyError::WorkersLost { trial })
                    };
                };
                self.receive(done, stop)?;
                while let Some(done) = crew.ready() {
                    self.receive(done, stop)?;
                }
            }
        }
        self.journal.checkpoint()?;
        Ok(true)
    }

    /// The conclusion of the trial that this one repeats, which is older and so was told.
    fn taken_over(&self, record: &TrialRecord) -> Option<Conclusion> {
        record.reused_from?;
        let key = (record.trial.architecture.clone(), record.trial.fidelity);
        let first = self.firsts.get(&key)?.conclusion.as_ref()?;
        Some(Conclusion {
            finished_unix_seconds: clock::unix_seconds(),
            ..first.clone()
        })
    }

    /// Notes what a crew has done. An abandoned trial stays unfinished, and is evaluated on
    /// resuming.
    fn receive(&mut self, done: Done, stop: &Stop) -> Result<(), StudyError> {
        let Done {
            trial,
            attempts,
            conclusion,
        } = done;
        for attempt in attempts {
            self.journal.write(Change::Attempted(trial, attempt));
        }
        match conclusion {
            Ok(conclusion) => {
                self.conclude(trial, conclusion);
                Ok(())
            }
            Err(_) if stop.is_requested() => Ok(()),
            Err(reason) => Err(StudyError::NotEvaluated { trial, reason }),
        }
    }

    /// Notes what became of an outstanding trial.
    fn conclude(&mut self, id: TrialId, conclusion: Conclusion) {
        if let Some(pending) = self.outstanding.iter_mut().find(|p| p.record.trial.id == id) {
            self.journal.write(Change::Finished(id, conclusion.clone()));
            pending.record.conclusion = Some(conclusion);
        }
    }

    /// Tells the strategy what became of the oldest outstanding trial.
    fn tell_oldest(&mut self) -> Result<(), StudyError> {
        let Some(Pending { record, replayed }) = self.outstanding.pop_front() else {
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

    fn strategy_error(&self, source: StrategyError) -> StudyError {
        StudyError::Strategy {
            method: self.config.method.clone(),
            source,
        }
    }
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
