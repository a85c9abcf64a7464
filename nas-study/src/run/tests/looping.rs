//! The loop: order, budgets, ends, duplicates, observers.

use std::cell::RefCell;
use std::time::Duration;

use nas_space::search::{Budget, Fidelity, Spent};

use crate::testing::{Climber, Evaluate, config, options, run, run_strategy, synthetic, timeless};
use crate::{
    Commit, Duplicates, End, Event, Records, RunOptions, Silent, Stop, Store, StudyConfig, StudyError,
    Summary, TrialRecord,
};

fn records_of(config: &StudyConfig, options: &RunOptions) -> (Summary, Vec<TrialRecord>) {
    let mut store = Store::in_memory().unwrap();
    let summary = run(&mut store, config, &Evaluate(synthetic), options, &mut Silent).unwrap();
    (summary, timeless(&store))
}

#[test]
fn the_number_of_workers_changes_nothing() {
    for batch in [1, 4] {
        let config = config(Budget::trials(40), batch);
        let (summary, records) = records_of(&config, &options(1));
        assert_eq!((records.len(), summary.failed), (40, 0));
        for workers in [2, 8] {
            let (other_summary, other_records) = records_of(&config, &options(workers));
            assert_eq!(other_records, records, "batch {batch}, {workers} workers");
            assert_eq!(
                (other_summary.best, other_summary.seconds),
                (summary.best.clone(), summary.seconds)
            );
        }
    }
}

#[test]
fn the_batch_does_change_what_is_proposed() {
    let (_, one) = records_of(&config(Budget::trials(40), 1), &options(1));
    let (_, four) = records_of(&config(Budget::trials(40), 4), &options(1));
    assert_ne!(one, four);
}

#[test]
fn the_seed_does_change_what_is_proposed() {
    let config = config(Budget::trials(10), 1);
    let other = StudyConfig {
        seed: nas_space::seed::Seed::new(43),
        ..config.clone()
    };
    assert_ne!(
        records_of(&config, &options(1)).1,
        records_of(&other, &options(1)).1
    );
}

fn calls(config: &StudyConfig, mut strategy: Climber, workers: usize) -> (End, Vec<String>) {
    let mut store = Store::in_memory().unwrap();
    let (evaluator, options) = (Evaluate(synthetic), options(workers));
    let summary = run_strategy(
        &mut store,
        config,
        &mut strategy,
        &evaluator,
        &options,
        &mut Silent,
    )
    .unwrap();
    (summary.end.unwrap(), strategy.calls)
}

#[test]
fn a_window_of_trials_is_outstanding_and_outcomes_are_told_in_trial_order() {
    let config = config(Budget::trials(5), 3);
    let expected = [
        "ask 0", "ask 1", "ask 2", "tell 0", "ask 3", "tell 1", "ask 4", "tell 2", "tell 3", "tell 4",
    ];
    for workers in [1, 3] {
        let (end, calls) = calls(&config, Climber::new(config.seed), workers);
        assert_eq!(calls, expected);
        assert_eq!(end, End::Budget);
    }
}

#[test]
fn a_strategy_that_waits_is_told_an_outcome_and_asked_again() {
    let config = config(Budget::trials(3), 8);
    let strategy = Climber {
        window: 2,
        ..Climber::new(config.seed)
    };
    let expected = ["ask 0", "ask 1", "wait", "tell 0", "ask 2", "tell 1", "tell 2"];
    assert_eq!(calls(&config, strategy, 2).1, expected);
}

#[test]
fn a_strategy_that_finishes_is_told_what_is_outstanding_and_not_asked_again() {
    let config = config(Budget::trials(100), 2);
    let strategy = Climber {
        limit: 2,
        ..Climber::new(config.seed)
    };
    let (end, calls) = calls(&config, strategy, 1);
    assert_eq!(calls, ["ask 0", "ask 1", "tell 0", "finished", "tell 1"]);
    assert_eq!(end, End::Finished);
}

#[test]
fn a_strategy_that_waits_for_nothing_is_an_error_that_says_so() {
    let config = config(Budget::trials(3), 1);
    let mut strategy = Climber {
        window: 0,
        ..Climber::new(config.seed)
    };
    let mut store = Store::in_memory().unwrap();
    let refused = run_strategy(
        &mut store,
        &config,
        &mut strategy,
        &Evaluate(synthetic),
        &options(1),
        &mut Silent,
    )
    .unwrap_err();
    assert!(
        matches!(refused, StudyError::Stalled { told: 0, .. }),
        "{refused}"
    );
}

/// Trials of 5 epochs, every third of 7: 7 + 5 + 5 + 7 = 24 epochs are asked for before the limit
/// of 20 is seen.
#[test]
fn epochs_are_counted_on_asking() {
    let budget = Budget {
        epochs: Some(20),
        ..Budget::default()
    };
    let config = StudyConfig {
        fidelity: Fidelity { epochs: 5 },
        ..config(budget, 1)
    };
    let mut strategy = Climber {
        fidelity: Some(Fidelity { epochs: 7 }),
        ..Climber::new(config.seed)
    };
    let mut store = Store::in_memory().unwrap();
    let summary = run_strategy(
        &mut store,
        &config,
        &mut strategy,
        &Evaluate(synthetic),
        &options(1),
        &mut Silent,
    )
    .unwrap();
    assert_eq!((summary.trials, summary.epochs), (4, 24));
    assert_eq!(summary.end, Some(End::Budget));
}

#[test]
fn seconds_are_counted_on_telling() {
    let budget = Budget {
        seconds: Some(5.0),
        ..Budget::default()
    };
    for workers in [1, 4] {
        let (summary, records) = records_of(&config(budget, 4), &options(workers));
        let costs: Vec<f64> = records
            .iter()
            .map(|r| r.conclusion.as_ref().unwrap().cost_seconds)
            .collect();
        let told_before_the_last_was_asked: f64 = costs[..costs.len() - 4].iter().sum();
        assert!(told_before_the_last_was_asked < 5.0 && summary.seconds >= 5.0);
        assert_eq!(summary.seconds, costs.iter().sum::<f64>());
    }
}

#[test]
fn every_trial_has_a_seed_of_its_own_and_the_time_the_strategy_took() {
    let config = config(Budget::trials(6), 2);
    let mut store = Store::in_memory().unwrap();
    let summary = run(
        &mut store,
        &config,
        &Evaluate(synthetic),
        &options(1),
        &mut Silent,
    )
    .unwrap();
    let records = store.records().trials().unwrap();
    let mut strategy_seconds = 0.0;
    for (record, id) in records.iter().zip(0..) {
        assert_eq!(record.trial.seed, config.seed.derive("trial", id));
        assert!(record.ask_seconds > 0.0 && record.asked_unix_seconds > 1.6e9);
        strategy_seconds += record.ask_seconds + record.tell_seconds.unwrap();
    }
    assert!((summary.strategy_seconds - strategy_seconds).abs() < 1e-9);
}

/// A space of 120 architectures and a climber that changes one choice: it repeats itself often.
#[test]
fn a_duplicate_is_evaluated_anew_or_takes_over_the_first_outcome() {
    let mut config = config(Budget::trials(60), 3);
    let key = |record: &TrialRecord| (record.trial.architecture.clone(), record.trial.fidelity);
    let first_like = |records: &[TrialRecord], i: usize| {
        records[..i]
            .iter()
            .position(|earlier| key(earlier) == key(&records[i]))
    };

    let (_, records) = records_of(&config, &options(1));
    let repeated = (0..60).filter(|&i| first_like(&records, i).is_some()).count();
    assert!(repeated > 5, "{repeated}");
    assert!(records.iter().all(|record| record.reused_from.is_none()));

    config.duplicates = Duplicates::Reuse;
    for workers in [1, 3] {
        let evaluated = std::sync::Mutex::new(0);
        let counting = Evaluate(|trial: &_| {
            *evaluated.lock().unwrap() += 1;
            synthetic(trial)
        });
        let mut store = Store::in_memory().unwrap();
        let summary = run(&mut store, &config, &counting, &options(workers), &mut Silent).unwrap();
        let records = timeless(&store);
        let mut reused = 0;
        for (i, record) in records.iter().enumerate() {
            let first = first_like(&records, i);
            assert_eq!(record.reused_from, first.map(|first| first as u64));
            if let Some(first) = first {
                reused += 1;
                assert_eq!(record.conclusion, records[first].conclusion);
            }
        }
        assert!(reused > 5, "{reused}");
        assert_eq!(*evaluated.lock().unwrap(), 60 - reused);
        assert_eq!(summary.trials, 60);
    }
}

#[test]
fn observers_see_every_trial_in_order_and_the_summary() {
    let mut store = Store::in_memory().unwrap();
    let mut seen = Vec::new();
    let mut last = None;
    let config = config(Budget::trials(3), 2);
    let mut observer = |event: &Event| {
        seen.push(match event {
            Event::Started { .. } => "started".to_owned(),
            Event::Asked { record } => format!("asked {}", record.trial.id),
            Event::Finished { record, progress } => {
                assert!(record.outcome().is_some());
                assert_eq!(progress.spent.trials, record.trial.id + 1);
                last = Some(progress.clone());
                format!("finished {}", record.trial.id)
            }
            Event::Ended { summary } => format!("ended {}", summary.trials),
            other => panic!("{other:?}"),
        });
    };
    let summary = run(
        &mut store,
        &config,
        &Evaluate(synthetic),
        &options(1),
        &mut observer,
    )
    .unwrap();
    assert_eq!(
        seen,
        [
            "started",
            "asked 0",
            "asked 1",
            "finished 0",
            "asked 2",
            "finished 1",
            "finished 2",
            "ended 3"
        ]
    );
    let last = last.unwrap();
    assert_eq!(last.best, summary.best);
    let Spent { trials, seconds, .. } = last.spent;
    assert_eq!((trials, seconds), (3, summary.seconds));
    assert_eq!(store.records().summary().unwrap().best, summary.best);
}

/// The figure falls where the accuracy grows, but for trials that do not have it.
#[test]
fn the_best_by_a_figure_is_that_of_its_highest_value_everywhere() {
    let mut store = Store::in_memory().unwrap();
    let evaluator = Evaluate(|trial: &nas_space::search::Trial| {
        let accuracy = [0.2, 0.3, 0.9, 0.1][trial.id as usize];
        let mut evaluation = crate::testing::evaluation(accuracy);
        if trial.id != 3 {
            evaluation
                .figures
                .insert("reward".to_owned(), 1.0 - accuracy / 3.0);
        }
        Ok(evaluation)
    });
    let config = StudyConfig {
        ranked_by: Some("reward".to_owned()),
        ..config(Budget::trials(4), 1)
    };
    let mut seen = Vec::new();
    let mut observer = |event: &Event| {
        if let Event::Finished { progress, .. } = event {
            seen.push(progress.best.as_ref().map(|best| best.trial));
        }
    };
    let summary = run(&mut store, &config, &evaluator, &options(1), &mut observer).unwrap();
    assert_eq!(seen, [Some(0); 4]);
    let best = summary.best.unwrap();
    assert_eq!((best.trial, best.valid_accuracy), (0, 0.2));
    assert_eq!(best.ranked_by, Some(1.0 - 0.2 / 3.0));
    assert_eq!(store.records().summary().unwrap().best.as_ref(), Some(&best));
    assert_eq!(store.records().standing().unwrap().best.as_ref(), Some(&best));
    let other = StudyConfig {
        ranked_by: None,
        ..config
    };
    let error = run(&mut store, &other, &evaluator, &options(1), &mut Silent).unwrap_err();
    assert!(error.to_string().contains("ranked_by"), "{error}");
}

/// Of equals the first one is the best.
#[test]
fn ties_go_to_the_lowest_number() {
    let mut store = Store::in_memory().unwrap();
    let evaluator = Evaluate(|trial: &nas_space::search::Trial| {
        Ok(crate::testing::evaluation(
            [0.2, 0.7, 0.7, 0.1][trial.id as usize],
        ))
    });
    let config = config(Budget::trials(4), 4);
    let summary = run(&mut store, &config, &evaluator, &options(4), &mut Silent).unwrap();
    let best = summary.require_best().unwrap();
    assert_eq!((best.trial, best.valid_accuracy), (1, 0.7));
    let genotype = serde_json::from_str::<nas_space::genotype::Genotype>(&best.genotype).unwrap();
    assert!(matches!(genotype, nas_space::genotype::Genotype::Chain(_)));
}

/// Another connection to the same file sees what an observer is told of, however the records are
/// committed.
#[test]
fn what_an_observer_is_told_of_is_in_the_store() {
    let commits = [Commit::EveryStep, Commit::Within(Duration::from_secs(3600))];
    let mut all = Vec::new();
    for commit in commits {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("study.db");
        let mut store = Store::create(&path).unwrap();
        let mut finished = 0;
        let mut observer = |event: &Event| {
            let records = Records::open(&path).unwrap().trials().unwrap();
            match event {
                Event::Asked { record } => assert_eq!(records[record.trial.id as usize].trial, record.trial),
                Event::Finished { record, .. } => {
                    finished += 1;
                    assert_eq!(records[record.trial.id as usize].conclusion, record.conclusion);
                }
                _ => {}
            }
        };
        let options = RunOptions {
            commit,
            ..RunOptions::default()
        };
        let config = config(Budget::trials(5), 2);
        run(&mut store, &config, &Evaluate(synthetic), &options, &mut observer).unwrap();
        assert_eq!(finished, 5);
        all.push(timeless(&store));
    }
    assert_eq!(all[0], all[1]);
}

/// Before an evaluation begins its trial is on record, and before a trial is proposed the outcomes
/// it rests on are.
#[test]
fn a_proposal_is_on_disk_before_it_is_evaluated() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("study.db");
    let mut store = Store::create(&path).unwrap();
    let evaluator = Evaluate(|trial: &nas_space::search::Trial| {
        let records = Records::open(&path).unwrap().trials().unwrap();
        assert_eq!(records.last().unwrap().trial, *trial);
        assert!(
            records[..trial.id as usize]
                .iter()
                .all(|r| r.conclusion.is_some())
        );
        synthetic(trial)
    });
    let summary = run(
        &mut store,
        &config(Budget::trials(4), 1),
        &evaluator,
        &options(1),
        &mut Silent,
    )
    .unwrap();
    assert_eq!((summary.trials, summary.first_failure), (4, None));
}

/// Stopped after any number of outcomes and resumed, a study has the records of one that was not
/// stopped.
#[test]
fn a_stopped_study_goes_on_as_if_it_had_not_been() {
    let config = config(Budget::trials(12), 3);
    let (_, whole) = records_of(&config, &options(1));
    for workers in [1, 3] {
        for after in 0..12 {
            let mut store = Store::in_memory().unwrap();
            let stop = Stop::new();
            let told = RefCell::new(0);
            let mut observer = |event: &Event| {
                if let Event::Asked { record } | Event::Finished { record, .. } = event
                    && record.trial.id == after
                {
                    *told.borrow_mut() += 1;
                    stop.request();
                }
            };
            let stoppable = RunOptions {
                stop: stop.clone(),
                ..options(workers)
            };
            let summary = run(
                &mut store,
                &config,
                &Evaluate(synthetic),
                &stoppable,
                &mut observer,
            )
            .unwrap();
            assert_eq!(summary.end, Some(End::Stopped));
            assert!(summary.trials < 12);
            assert_eq!(
                store.records().summary().unwrap().trials,
                summary.trials,
                "what is done is stored"
            );
            run(
                &mut store,
                &config,
                &Evaluate(synthetic),
                &options(workers),
                &mut Silent,
            )
            .unwrap();
            assert_eq!(
                timeless(&store),
                whole,
                "stopped at {after} with {workers} workers"
            );
        }
    }
}
