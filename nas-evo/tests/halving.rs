//! Studies whose trials are halved: for any number of workers, stopped anywhere, around every
//! method.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::Arc;

use nas_evo::halving::Schedule;
use nas_evo::{
    Bohb, BohbConfig, EvolutionConfig, Halving, HalvingConfig, LocalSearch, RandomSearch, RandomSearchConfig,
    RegularizedEvolution,
};
use nas_space::search::{Budget, Evaluation, Evaluator, Failure, FailureKind, Strategy, Trial, TrialId};
use nas_space::seed::Seed;
use nas_space::spaces::{Space, nb201};
use nas_study::{
    Event, Parts, PreparedStudy, RunOptions, Silent, Stop, Store, StudyConfig, Summary, TrialRecord,
};

/// Rises with the epochs towards a value of the training's own, which crosses others on its way;
/// some fail.
struct Curves;

impl Evaluator for Curves {
    fn description(&self) -> String {
        "curves".to_owned()
    }

    fn evaluate(&self, trial: &Trial) -> Result<Evaluation, Failure> {
        let draw = |purpose| trial.seed.derive(purpose, 0).value() as f64 / u64::MAX as f64;
        let epochs = f64::from(trial.fidelity.epochs);
        if draw("fails") < 0.1 && epochs > 1.0 || draw("fails at once") < 0.1 {
            return Err(Failure::new(FailureKind::NonFinite, "the loss is NaN"));
        }
        Ok(Evaluation {
            cost_seconds: epochs,
            ..Evaluation::new(
                draw("limit") * epochs / (epochs + 5.0 * draw("slowness")),
                trial.fidelity.epochs,
            )
        })
    }
}

const METHODS: [&str; 4] = ["random", "evolution", "local-search", "bohb"];

fn strategy(method: &str, schedule: Schedule) -> Box<dyn Strategy> {
    let space: Arc<dyn Space> = Arc::new(nb201());
    let config = HalvingConfig {
        max_epochs: 27,
        eta: 3,
        schedule,
        ..HalvingConfig::default()
    };
    if method == "bohb" {
        let bohb = Bohb::new(space, BohbConfig::default(), config, Seed::new(3));
        return Box::new(bohb.unwrap());
    }
    let inner = |bottom| -> Box<dyn Strategy> {
        let (space, seed) = (space.clone(), Seed::new(3).derive("bottom", bottom));
        match method {
            "random" => Box::new(RandomSearch::new(space, RandomSearchConfig::default(), seed).unwrap()),
            "evolution" => {
                Box::new(RegularizedEvolution::new(space, EvolutionConfig::NATS_BENCH, seed).unwrap())
            }
            _ => Box::new(LocalSearch::new(space, seed).unwrap()),
        }
    };
    let all = (0..config.strategies().unwrap() as u64).map(inner).collect();
    Box::new(Halving::of_each(all, config).unwrap())
}

fn schedules() -> [Schedule; 3] {
    [
        Schedule::Hyperband {},
        Schedule::Asynchronous {},
        Schedule::Synchronous { configurations: 27 },
    ]
}

/// Runs a study, or what is left of it, and stops it once this trial is finished.
fn run(
    store: &mut Store,
    method: &str,
    schedule: Schedule,
    workers: usize,
    stop_after: Option<TrialId>,
) -> (Summary, Vec<TrialRecord>) {
    let mut strategy = strategy(method, schedule);
    let space = nb201();
    let config = StudyConfig {
        budget: Budget {
            epochs: Some(200),
            ..Budget::default()
        },
        batch: 3,
        ..StudyConfig::new(strategy.name(), space.name(), Curves.description(), Seed::new(8))
    };
    let parts = Parts {
        space: &space,
        strategy: strategy.as_mut(),
        evaluator: &Curves,
    };
    let stop = Stop::new();
    let options = RunOptions {
        workers: NonZeroUsize::new(workers).unwrap(),
        stop: stop.clone(),
        ..RunOptions::default()
    };
    let mut observer = |event: &Event| {
        if let Event::Finished { record, .. } = event
            && Some(record.trial.id) == stop_after
        {
            stop.request();
        }
    };
    let study = PreparedStudy::resume(store, config, parts).unwrap();
    let summary = match stop_after {
        Some(_) => study.run(&options, &mut observer),
        None => study.run(&options, &mut Silent),
    };
    (summary.unwrap(), store.records().trials().unwrap())
}

/// What does not depend on the clock.
fn timeless(records: &[TrialRecord]) -> Vec<(Trial, Result<Evaluation, Failure>)> {
    let result = |record: &TrialRecord| record.outcome().unwrap().result;
    records.iter().map(|r| (r.trial.clone(), result(r))).collect()
}

#[test]
fn any_number_of_workers_gives_the_same_records() {
    for method in METHODS {
        for schedule in schedules() {
            let alone = run(&mut Store::in_memory().unwrap(), method, schedule, 1, None);
            assert!(alone.1.iter().any(|r| r.trial.fidelity.epochs == 27), "{method}");
            for workers in [2, 3] {
                let several = run(&mut Store::in_memory().unwrap(), method, schedule, workers, None);
                assert_eq!(
                    timeless(&several.1),
                    timeless(&alone.1),
                    "{method}, {workers} workers"
                );
                assert_eq!(several.0.best, alone.0.best);
            }
        }
    }
}

#[test]
fn stopped_after_any_trial_and_resumed_a_study_comes_to_the_same_end() {
    let evolution = schedules().map(|schedule| ("evolution", schedule));
    for (method, schedule) in evolution.into_iter().chain([("bohb", Schedule::Hyperband {})]) {
        let whole = run(&mut Store::in_memory().unwrap(), method, schedule, 1, None);
        for after in (0..whole.1.len() as TrialId - 1).step_by(5) {
            let mut store = Store::in_memory().unwrap();
            run(&mut store, method, schedule, 2, Some(after));
            let resumed = run(&mut store, method, schedule, 3, None);
            assert_eq!(
                timeless(&resumed.1),
                timeless(&whole.1),
                "{method}, stopped after {after}"
            );
            assert_eq!(
                (resumed.0.best, resumed.0.epochs),
                (whole.0.best.clone(), whole.0.epochs)
            );
        }
    }
}

#[test]
fn epochs_are_paid_once_failures_stay_where_they_are_and_the_best_was_trained_longest() {
    for schedule in schedules() {
        let (summary, records) = run(&mut Store::in_memory().unwrap(), "random", schedule, 2, None);
        assert!(summary.failed > 3);
        // Of each training, whose trials share a seed, the epochs it has reached.
        let mut reached = BTreeMap::new();
        for record in &records {
            let before = reached.insert(record.trial.seed, record.trial.fidelity.epochs);
            assert_eq!(before, record.trial.continues.map(|continued| continued.epochs));
            if let Some(continued) = record.trial.continues {
                let before = records[continued.trial as usize].outcome().unwrap();
                assert!(before.result.is_ok(), "a failed trial was promoted");
            }
        }
        let paid: u64 = reached.values().map(|&epochs| u64::from(epochs)).sum();
        assert_eq!(summary.epochs, paid);
        // The limit is looked at before each trial, and three are under way: of at most 18 epochs
        // each.
        assert!((200..200 + 18).contains(&paid), "{paid}");
        let best = summary.best.unwrap();
        assert_eq!(best.epochs, 27);
        let longest = records.iter().filter(|r| r.trial.fidelity.epochs == 27);
        let accuracies = longest.filter_map(|r| r.outcome().unwrap().valid_accuracy());
        assert_eq!(best.valid_accuracy, accuracies.fold(0.0, f64::max));
        let briefly = records
            .iter()
            .filter_map(|r| r.outcome().unwrap().valid_accuracy());
        assert!(briefly.fold(0.0, f64::max) >= best.valid_accuracy);
    }
}
