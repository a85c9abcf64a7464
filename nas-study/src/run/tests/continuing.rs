//! Trials that continue others: seeds, epochs, records, replay, the best.

use std::collections::BTreeSet;
use std::sync::Mutex;

use nas_space::arch::Architecture;
use nas_space::search::{
    Ask, Budget, Continued, Failure, FailureKind, Fidelity, Outcome, Proposal, Strategy, StrategyError,
    Trial, TrialId,
};

use crate::testing::{Evaluate, config, evaluation, options, run_strategy, synthetic, timeless};
use crate::{Duplicates, Event, Silent, Stop, Store, StudyConfig, StudyError, Summary, TrialRecord};

/// Alternately proposes a new architecture and the continuation of the best trial that can
/// continue.
#[derive(Default)]
struct Ladder {
    asked: TrialId,
    told: Vec<(f64, Outcome)>,
    continued: BTreeSet<TrialId>,
}

impl Strategy for Ladder {
    fn name(&self) -> &str {
        "climber"
    }

    fn ask(&mut self) -> Result<Ask, StrategyError> {
        let id = self.asked;
        self.asked += 1;
        let open = self
            .told
            .iter()
            .filter(|(_, o)| !self.continued.contains(&o.trial.id) && o.trial.fidelity.epochs < 54);
        let best = open.max_by(|a, b| a.0.total_cmp(&b.0));
        Ok(Ask::Evaluate(match best {
            Some((_, outcome)) if id % 2 == 1 => {
                let Trial {
                    id,
                    architecture,
                    fidelity,
                    ..
                } = outcome.trial.clone();
                self.continued.insert(id);
                let longer = Fidelity {
                    epochs: 3 * fidelity.epochs,
                };
                Proposal::continuing(id, architecture, longer)
            }
            _ => Proposal {
                fidelity: Some(Fidelity { epochs: 2 }),
                ..Proposal::new(Architecture::new([id as usize % 6, id as usize % 5, 0]))
            },
        }))
    }

    fn tell(&mut self, outcome: &Outcome) -> Result<(), StrategyError> {
        if let Some(accuracy) = outcome.valid_accuracy() {
            self.told.push((accuracy, outcome.clone()));
        }
        Ok(())
    }
}

fn run_in(store: &mut Store, config: &StudyConfig, workers: usize) -> Summary {
    let strategy = &mut Ladder::default();
    let evaluator = Evaluate(|trial: &Trial| {
        if trial.id == 4 {
            return Err(Failure::new(FailureKind::OutOfMemory, "none left"));
        }
        synthetic(trial)
    });
    run_strategy(
        store,
        config,
        strategy,
        &evaluator,
        &options(workers),
        &mut Silent,
    )
    .unwrap()
}

fn records_of(config: &StudyConfig, workers: usize) -> (Summary, Vec<TrialRecord>) {
    let mut store = Store::in_memory().unwrap();
    let summary = run_in(&mut store, config, workers);
    (summary, timeless(&store))
}

#[test]
fn a_continuation_has_the_seed_of_its_first_trial_and_is_charged_what_it_adds() {
    let config = config(Budget::trials(30), 3);
    let (summary, records) = records_of(&config, 1);
    let (mut epochs, mut chains) = (0, 0);
    for record in &records {
        let trial = &record.trial;
        let Some(continued) = trial.continues else {
            assert_eq!(trial.seed, config.seed.derive("trial", trial.id));
            epochs += 2;
            continue;
        };
        let before = &records[continued.trial as usize].trial;
        assert_eq!(
            (before.seed, &before.architecture),
            (trial.seed, &trial.architecture)
        );
        assert_eq!(continued.epochs, before.fidelity.epochs);
        epochs += u64::from(trial.fidelity.epochs - before.fidelity.epochs);
        chains += u32::from(before.continues.is_some());
    }
    assert!(chains > 3, "some continue a continuation: {chains}");
    assert_eq!(summary.epochs, epochs);
    let trained = records
        .iter()
        .map(|record| u64::from(record.trial.fidelity.epochs));
    assert!(epochs < trained.sum());
}

/// 2 epochs, then 6 − 2 more, then 2, then (6 or 18) less 2 or 6: the limit is seen before a trial
/// is asked for.
#[test]
fn a_budget_of_epochs_is_of_those_that_are_added() {
    let budget = Budget {
        epochs: Some(7),
        ..Budget::default()
    };
    let (summary, records) = records_of(&config(budget, 1), 1);
    assert_eq!((summary.trials, summary.epochs), (3, 2 + 4 + 2));
    assert_eq!(
        records[1].trial.continues,
        Some(Continued { trial: 0, epochs: 2 })
    );
}

#[test]
fn the_best_is_the_best_of_those_that_were_trained_longest() {
    let accuracies = [0.9, 0.3, 0.95, 0.4, 0.97, 0.35];
    let config = config(Budget::trials(6), 6);
    let proposals = (0..6).map(|id: u32| Proposal {
        fidelity: Some(Fidelity {
            epochs: 1 + 2 * (id % 2),
        }),
        ..Proposal::new(Architecture::new([id as usize, 0, 0]))
    });
    let evaluator = Evaluate(|trial: &Trial| match trial.id {
        5 => Err(Failure::new(FailureKind::Other, "the longest, and failed")),
        id => Ok(evaluation(accuracies[id as usize])),
    });
    let mut proposals: Vec<Proposal> = proposals.collect();
    proposals[5].fidelity = Some(Fidelity { epochs: 9 });
    let mut store = Store::in_memory().unwrap();
    let mut script = Script(proposals);
    let summary = run_strategy(
        &mut store,
        &config,
        &mut script,
        &evaluator,
        &options(1),
        &mut Silent,
    )
    .unwrap();
    let best = summary.require_best().unwrap();
    assert_eq!((best.trial, best.valid_accuracy, best.epochs), (3, 0.4, 3));
    assert_eq!(store.records().summary().unwrap().best, summary.best);
}

#[test]
fn the_number_of_workers_changes_nothing_where_trials_continue() {
    for duplicates in [Duplicates::Evaluate, Duplicates::Reuse] {
        let config = StudyConfig {
            duplicates,
            ..config(Budget::trials(40), 4)
        };
        let (summary, records) = records_of(&config, 1);
        for workers in [2, 3] {
            let (other, other_records) = records_of(&config, workers);
            assert_eq!(other_records, records, "{workers} workers");
            assert_eq!((other.best, other.epochs), (summary.best.clone(), summary.epochs));
        }
    }
}

/// The architectures repeat themselves every 30 trials.
#[test]
fn a_duplicate_is_one_of_the_same_fidelity_and_its_continuation_goes_on_with_the_first_training() {
    let config = StudyConfig {
        duplicates: Duplicates::Reuse,
        ..config(Budget::trials(120), 2)
    };
    let (_, records) = records_of(&config, 1);
    let mut continued_duplicates = 0;
    for record in &records {
        if let Some(first) = record.reused_from {
            let first = &records[first as usize];
            assert_eq!(first.trial.fidelity, record.trial.fidelity);
            assert_eq!(first.trial.architecture, record.trial.architecture);
        }
        let before = record
            .trial
            .continues
            .map(|continued| &records[continued.trial as usize]);
        if let Some(first) = before.and_then(|before| before.reused_from) {
            assert_eq!(record.trial.seed, records[first as usize].trial.seed);
            continued_duplicates += 1;
        }
    }
    assert!(continued_duplicates > 0);
}

#[test]
fn stopped_anywhere_and_resumed_it_continues_the_same_trials() {
    let config = config(Budget::trials(14), 3);
    let (_, whole) = records_of(&config, 1);
    assert!(whole.iter().filter(|r| r.trial.continues.is_some()).count() > 4);
    for after in 0..14 {
        let mut store = Store::in_memory().unwrap();
        let stop = Stop::new();
        let mut observer = |event: &Event| {
            if let Event::Finished { record, .. } = event
                && record.trial.id == after
            {
                stop.request();
            }
        };
        let stoppable = crate::RunOptions {
            stop: stop.clone(),
            ..options(2)
        };
        let evaluator = Evaluate(|trial: &Trial| {
            if trial.id == 4 {
                return Err(Failure::new(FailureKind::OutOfMemory, "none left"));
            }
            synthetic(trial)
        });
        let strategy = &mut Ladder::default();
        run_strategy(
            &mut store,
            &config,
            strategy,
            &evaluator,
            &stoppable,
            &mut observer,
        )
        .unwrap();
        run_in(&mut store, &config, 1);
        assert_eq!(timeless(&store), whole, "stopped after {after}");
    }
}

struct Script(Vec<Proposal>);

impl Strategy for Script {
    fn name(&self) -> &str {
        "climber"
    }

    fn ask(&mut self) -> Result<Ask, StrategyError> {
        Ok(if self.0.is_empty() {
            Ask::Finished
        } else {
            Ask::Evaluate(self.0.remove(0))
        })
    }

    fn tell(&mut self, _outcome: &Outcome) -> Result<(), StrategyError> {
        Ok(())
    }
}

#[test]
fn what_cannot_be_continued_ends_the_study_with_the_reason() {
    let longer = |trial, choice, epochs| {
        Proposal::continuing(trial, Architecture::new([choice, 0, 0]), Fidelity { epochs })
    };
    let first = || Proposal::new(Architecture::new([0, 0, 0]));
    let unknown = "it failed, its outcome is not known yet, or it is already continued";
    // With the trials outstanding at a time, and how many of them are recorded.
    for (proposals, batch, reason, recorded) in [
        (vec![longer(0, 0, 2)], 1, unknown, 0),
        (vec![first(), longer(5, 0, 2)], 1, unknown, 1),
        (vec![first(), longer(0, 0, 2)], 2, unknown, 1),
        (vec![first(), longer(0, 0, 2), longer(0, 0, 4)], 1, unknown, 2),
        (
            vec![Proposal::new(Architecture::new([9, 0, 0])), longer(0, 9, 2)],
            1,
            unknown,
            1,
        ),
        (
            vec![first(), longer(0, 1, 2)],
            1,
            "it is of architecture 0.0.0",
            1,
        ),
        (
            vec![first(), longer(0, 0, 1)],
            1,
            "it has 1 epochs, expected fewer than 1",
            1,
        ),
    ] {
        let config = config(Budget::trials(9), batch);
        let mut store = Store::in_memory().unwrap();
        let mut script = Script(proposals);
        let evaluator = Evaluate(synthetic);
        let refused = run_strategy(
            &mut store,
            &config,
            &mut script,
            &evaluator,
            &options(1),
            &mut Silent,
        );
        let refused = refused.unwrap_err();
        assert!(matches!(refused, StudyError::NotContinuable { .. }), "{refused}");
        assert!(refused.to_string().contains(reason), "{refused}");
        assert_eq!(store.records().trials().unwrap().len(), recorded);
    }
}

#[test]
fn every_continuation_is_evaluated_after_what_it_continues() {
    let done = Mutex::new(BTreeSet::new());
    let evaluator = Evaluate(|trial: &Trial| {
        if let Some(continued) = trial.continues {
            assert!(done.lock().unwrap().contains(&continued.trial), "{trial:?}");
        }
        let result = synthetic(trial);
        done.lock().unwrap().insert(trial.id);
        result
    });
    let mut store = Store::in_memory().unwrap();
    let config = config(Budget::trials(40), 4);
    let strategy = &mut Ladder::default();
    let summary = run_strategy(
        &mut store,
        &config,
        strategy,
        &evaluator,
        &options(4),
        &mut Silent,
    )
    .unwrap();
    assert_eq!((summary.trials, summary.first_failure), (40, None));
}
