//! The order of telling: that of the trials, or that in which they are finished.

use std::collections::{BTreeMap, VecDeque};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use nas_evo::{EvolutionConfig, Halving, HalvingConfig, RegularizedEvolution, Tournament};
use nas_space::search::{Ask, Outcome, StrategyError, Trial};
use nas_space::search::{Budget, Evaluation, Failure, FailureKind, Proposal, Stop, Strategy, TrialId};
use nas_space::seed::Seed;
use nas_space::testing::TinySpace;

use super::simulated::{Run, Scripted, Simulated, below};
use crate::run::completions::Completions;
use crate::testing::{Climber, Evaluate, OPTIONS, config, options, run_strategy, synthetic, timeless};
use crate::{
    Commit, Duplicates, End, Event, Silent, Store, StoreError, Study, StudyConfig, StudyError, TellOrder,
    TrialRecord,
};

/// Proposes something outside of the space now and then.
struct Careless(Climber);

impl Strategy for Careless {
    fn name(&self) -> &str {
        "climber"
    }

    fn ask(&mut self) -> Result<Ask, StrategyError> {
        let careless = self.0.asked % 11 == 5;
        Ok(match self.0.ask()? {
            Ask::Evaluate(proposal) if careless => Ask::Evaluate(Proposal {
                architecture: proposal.architecture.with_choice(0, 99),
                ..proposal
            }),
            answer => answer,
        })
    }

    fn tell(&mut self, outcome: &Outcome) -> Result<(), StrategyError> {
        self.0.tell(outcome)
    }

    fn any_order(&self) -> bool {
        self.0.any_order
    }
}

/// A study of a random kind.
struct Case {
    seed: Seed,
    slots: usize,
    method: u64,
    config: StudyConfig,
}

impl Case {
    fn new(seed: u64, slots: usize, order: TellOrder) -> Self {
        let seed = Seed::new(seed);
        let draw = |what: &str, limit| below(seed.derive(what, 0), limit);
        let method = draw("method", 3);
        let mut budget = Budget::trials(20 + draw("trials", 100));
        if draw("seconds", 3) == 0 {
            // Costs are tenths of a second. Those of failures are measured, so that the sums of two
            // runs differ a little, but never on both sides of this.
            budget.seconds = Some(20.05 + draw("how many", 40) as f64);
        }
        let mut config = StudyConfig {
            seed,
            tell: order,
            duplicates: match draw("duplicates", 2) {
                0 => Duplicates::Evaluate,
                _ => Duplicates::Reuse,
            },
            ..config(budget, 1 + draw("batch", 2 * slots as u64) as u32)
        };
        let case = Self {
            seed,
            slots,
            method,
            config: config.clone(),
        };
        config.method = case.strategy().name().to_owned();
        Self { config, ..case }
    }

    fn strategy(&self) -> Box<dyn Strategy> {
        let climber = Climber {
            any_order: true,
            window: 1 + below(self.seed.derive("window", 0), 80),
            ..Climber::new(self.seed)
        };
        let evolution = EvolutionConfig {
            population: 12,
            tournament: Tournament::Members(4),
            ..EvolutionConfig::default()
        };
        let evolution =
            || RegularizedEvolution::new(Arc::new(TinySpace::new(&OPTIONS)), evolution, self.seed).unwrap();
        let halving = HalvingConfig {
            min_epochs: 1,
            max_epochs: 9,
            eta: 3,
            ..HalvingConfig::default()
        };
        match self.method {
            0 => Box::new(Careless(climber)),
            1 => Box::new(evolution()),
            _ => Box::new(Halving::new(Box::new(evolution()), halving).unwrap()),
        }
    }
}

fn evaluate(trial: &Trial) -> Result<Evaluation, Failure> {
    if below(trial.seed.derive("fails", 0), 9) == 0 {
        return Err(Failure::new(FailureKind::NonFinite, "the loss is not a number"));
    }
    synthetic(trial)
}

/// Anything between an instant and a hundred; many end at the same time.
fn length(trial: &Trial) -> u64 {
    below(trial.seed.derive("length", trial.fidelity.epochs.into()), 100).pow(2) / 40
}

fn run<'a>(
    strategy: &'a mut dyn Strategy,
    space: &'a TinySpace,
    evaluator: &'a dyn nas_space::Evaluator,
) -> Run<'a> {
    Run {
        space,
        strategy,
        evaluator,
        stop: Stop::new(),
        commit: Commit::EveryStep,
    }
}

/// The numbers of the trials in the order in which they were finished.
fn order_of(records: &[TrialRecord]) -> VecDeque<TrialId> {
    let places = records
        .iter()
        .filter_map(|record| Some((record.completion?, record.trial.id)));
    places.collect::<BTreeMap<_, _>>().into_values().collect()
}

/// The records of an undisturbed study in which trials are finished in this order.
fn scripted(case: &Case, order: VecDeque<TrialId>) -> (crate::Summary, Vec<TrialRecord>) {
    let (space, mut strategy, evaluator) = (TinySpace::new(&OPTIONS), case.strategy(), Evaluate(evaluate));
    let mut crew = Scripted {
        evaluator: &evaluator,
        order,
        tasks: BTreeMap::new(),
    };
    let mut store = Store::in_memory().unwrap();
    let run = run(&mut *strategy, &space, &evaluator);
    let summary = run.silently(&mut store, &case.config, &mut crew).unwrap();
    (summary, timeless(&store))
}

/// Whatever the order of completions, and however often the process is killed or stopped and
/// resumed: the records are those of a study that was never disturbed in which trials are finished
/// in the recorded order, and a replay finds nothing to add.
#[test]
fn a_study_that_is_killed_and_stopped_at_random_has_the_records_of_its_replay() {
    let space = TinySpace::new(&OPTIONS);
    let (mut out_of_order, mut disturbed) = (0, 0);
    for seed in 0..300 {
        let slots = 1 + below(Seed::new(seed).derive("slots", 0), 64) as usize;
        let case = Case::new(seed, slots, TellOrder::Completion);
        let mut store = Store::in_memory().unwrap();
        let evaluator = Evaluate(evaluate);
        let mut runs = 0;
        let summary = loop {
            runs += 1;
            let number = runs;
            let draw = |what: &str, limit| below(case.seed.derive(what, number), limit);
            let mut strategy = case.strategy();
            // The machine is another one each time.
            let length = |trial: &Trial| (length(trial) * (1 + draw("speed", 3))) ^ draw("noise", 4);
            let mut crew = Simulated::new(&evaluator, 1 + draw("slots", slots as u64) as usize, &length);
            let stop = Stop::new();
            match draw("end", 5) {
                0 | 1 => crew.kill_after = Some(draw("kill", 40)),
                2 | 3 => crew.stop_after = Some((1 + draw("stop", 40), stop.clone())),
                _ => {}
            }
            let run = Run {
                stop: stop.clone(),
                commit: match draw("commit", 3) {
                    0 => Commit::Within(Duration::from_micros(200)),
                    _ => Commit::EveryStep,
                },
                ..run(&mut *strategy, &space, &evaluator)
            };
            match run.silently(&mut store, &case.config, &mut crew) {
                Ok(summary) if summary.end == Some(End::Stopped) => {
                    let stored = store.records().summary().unwrap();
                    assert_eq!((stored.trials, &stored.best), (summary.trials, &summary.best));
                }
                Ok(summary) => break summary,
                Err(StudyError::NotEvaluated { .. }) => {}
                Err(error) => panic!("seed {seed}, run {runs}: {error}"),
            }
            // Whatever is on record is consistent at any time.
            let records = store.records().trials().unwrap();
            Completions::of(TellOrder::Completion, &records).unwrap();
            disturbed += 1;
        };
        let records = timeless(&store);
        let order = order_of(&records);
        assert_eq!(order.len(), records.len());
        out_of_order += u64::from(!order.iter().is_sorted());
        let (undisturbed, expected) = scripted(&case, order);
        assert_eq!(records, expected, "seed {seed}, {runs} runs");
        let stored = store.records().summary().unwrap();
        // Of failures the cost is measured, so it is another in each run.
        assert_eq!(stored.seconds.to_bits(), summary.seconds.to_bits());
        for other in [undisturbed, stored] {
            assert_eq!(
                (other.end, other.trials, other.failed, other.epochs),
                (summary.end, summary.trials, summary.failed, summary.epochs)
            );
            assert_eq!(
                (&other.best, &other.first_failure),
                (&summary.best, &summary.first_failure)
            );
        }
        replayed(&case, &mut store, &space);
    }
    assert!(
        out_of_order > 250 && disturbed > 300,
        "{out_of_order}, {disturbed}"
    );
}

/// A finished study is replayed in the recorded order; nothing is evaluated, nothing changes.
fn replayed(case: &Case, store: &mut Store, space: &TinySpace) {
    let before = store.records().trials().unwrap();
    let nobody = Evaluate(|_: &Trial| panic!("everything is on record"));
    let mut strategy = case.strategy();
    let mut told = VecDeque::new();
    let mut crew = Simulated::new(&nobody, 1, &length);
    let mut observer = |event: &Event| match event {
        Event::Replayed { record, progress } => {
            told.push_back(record.trial.id);
            assert_eq!(progress.spent.trials, told.len() as u64);
        }
        Event::Finished { .. } | Event::Asked { .. } => panic!("{event:?}"),
        _ => {}
    };
    run(&mut *strategy, space, &nobody)
        .with(store, &case.config, &mut crew, &mut observer)
        .unwrap();
    assert_eq!(told, order_of(&before));
    assert_eq!(store.records().trials().unwrap(), before);
}

#[test]
fn with_one_worker_the_order_of_completion_is_that_of_the_trials() {
    let space = TinySpace::new(&OPTIONS);
    for seed in 0..100 {
        let records = [TellOrder::Trial, TellOrder::Completion].map(|order| {
            let case = Case::new(seed, 1, order);
            let config = StudyConfig {
                batch: 1 + below(case.seed.derive("window", 1), 9) as u32,
                ..case.config.clone()
            };
            let (mut strategy, evaluator) = (case.strategy(), Evaluate(evaluate));
            let mut crew = Simulated::new(&evaluator, case.slots, &length);
            let mut store = Store::in_memory().unwrap();
            run(&mut *strategy, &space, &evaluator)
                .silently(&mut store, &config, &mut crew)
                .unwrap();
            timeless(&store)
        });
        let [trial, mut completion] = records;
        for record in &mut completion {
            assert_eq!(record.completion.take(), Some(record.trial.id));
        }
        assert_eq!(completion, trial, "seed {seed}");
    }
}

/// With the crews that programs have: the thread of the study, and several.
#[test]
fn threads_finish_in_any_order_and_a_study_of_them_is_replayed() {
    for workers in [1, 2, 8] {
        for seed in 0..6 {
            let case = Case::new(seed, 8, TellOrder::Completion);
            let mut store = Store::in_memory().unwrap();
            run_strategy(
                &mut store,
                &case.config,
                &mut *case.strategy(),
                &Evaluate(evaluate),
                &options(workers),
                &mut Silent,
            )
            .unwrap();
            let records = timeless(&store);
            let order = order_of(&records);
            assert!(workers > 1 || order.iter().is_sorted());
            assert_eq!(
                records,
                scripted(&case, order).1,
                "{workers} workers, seed {seed}"
            );
        }
    }
}

/// Trial 0 runs until the others are told.
#[test]
fn a_straggler_holds_nothing_back() {
    let config = StudyConfig {
        tell: TellOrder::Completion,
        ..config(Budget::trials(6), 2)
    };
    let space = TinySpace::new(&OPTIONS);
    let mut climber = Climber {
        any_order: true,
        ..Climber::new(config.seed)
    };
    let evaluator = Evaluate(synthetic);
    let length = |trial: &Trial| if trial.id == 0 { 100 } else { 1 };
    let mut crew = Simulated::new(&evaluator, 2, &length);
    let mut store = Store::in_memory().unwrap();
    let mut best = Vec::new();
    let mut observer = |event: &Event| {
        if let Event::Finished { record, progress } = event {
            assert_eq!(record.completion, Some(best.len() as u64));
            best.push(progress.best.as_ref().unwrap().trial);
        }
    };
    run(&mut climber, &space, &evaluator)
        .with(&mut store, &config, &mut crew, &mut observer)
        .unwrap();
    let expected = [
        "ask 0", "ask 1", "tell 1", "ask 2", "tell 2", "ask 3", "tell 3", "ask 4", "tell 4", "ask 5",
        "tell 5", "tell 0",
    ];
    assert_eq!(climber.calls, expected);
    assert_eq!(crew.now, 100);
    // The best so far, by the rule of all records, at each of these moments.
    let incumbents = store.records().incumbents().unwrap();
    let mut distinct = best.clone();
    distinct.dedup();
    assert_eq!(
        incumbents.iter().map(|one| one.trial).collect::<Vec<_>>(),
        distinct
    );
    assert_eq!(store.records().standing().unwrap().best.unwrap().trial, best[5]);
}

/// Equals: the best is the one of the lowest number, whenever it was finished.
#[test]
fn of_equals_the_lowest_number_is_the_best_in_every_order() {
    let config = StudyConfig {
        tell: TellOrder::Completion,
        ..config(Budget::trials(4), 4)
    };
    let space = TinySpace::new(&OPTIONS);
    let mut climber = Climber {
        any_order: true,
        ..Climber::new(config.seed)
    };
    let evaluator = Evaluate(|trial: &Trial| match trial.id {
        0 => Err(Failure::new(FailureKind::Other, "first")),
        3 => Err(Failure::new(FailureKind::Other, "last")),
        _ => Ok(crate::testing::evaluation(0.5)),
    });
    let mut crew = Scripted {
        evaluator: &evaluator,
        order: [3, 2, 1, 0].into(),
        tasks: BTreeMap::new(),
    };
    let mut store = Store::in_memory().unwrap();
    let summary = run(&mut climber, &space, &evaluator)
        .silently(&mut store, &config, &mut crew)
        .unwrap();
    let stored = store.records().summary().unwrap();
    for summary in [&summary, &stored] {
        assert_eq!(summary.best.as_ref().unwrap().trial, 1);
        assert_eq!(summary.first_failure.as_ref().unwrap().message, "first");
    }
    assert_eq!(store.records().standing().unwrap().best, summary.best);
    let incumbents = store.records().incumbents().unwrap();
    let incumbents = incumbents.iter().map(|one| (one.trial, one.trials));
    assert_eq!(incumbents.collect::<Vec<_>>(), [(2, 2), (1, 3)]);
    let found = crate::compare::incumbents(&store.records().trials().unwrap(), None);
    assert_eq!(found.iter().map(|one| one.trials).collect::<Vec<_>>(), [2, 3]);
}

/// The larger budget of a resumed study is used from where the smaller one was spent.
#[test]
fn an_extended_study_keeps_to_its_order() {
    let space = TinySpace::new(&OPTIONS);
    for seed in 0..40 {
        let case = Case::new(seed, 16, TellOrder::Completion);
        let evaluator = Evaluate(evaluate);
        let mut store = Store::in_memory().unwrap();
        let mut config = case.config.clone();
        for budget in [config.budget, Budget::trials(150), Budget::trials(200)] {
            if config.budget != budget {
                config = store.extend_budget(budget).unwrap();
            }
            let mut strategy = case.strategy();
            let mut crew = Simulated::new(&evaluator, case.slots, &length);
            run(&mut *strategy, &space, &evaluator)
                .silently(&mut store, &config, &mut crew)
                .unwrap();
        }
        let records = timeless(&store);
        assert_eq!(records.len(), 200);
        let extended = Case { config, ..case };
        assert_eq!(records, scripted(&extended, order_of(&records)).1, "seed {seed}");
    }
}

/// Trial 2 would have been asked for when trial 0 was told, and is when the study is resumed,
/// though trial 1 has spent the budget by then.
#[test]
fn a_study_that_is_stopped_before_it_asks_for_all_is_not_at_its_end() {
    let budget = Budget {
        trials: None,
        epochs: None,
        seconds: Some(1.5),
    };
    let evaluator = Evaluate(|_: &Trial| {
        Ok(Evaluation {
            cost_seconds: 1.0,
            ..crate::testing::evaluation(0.5)
        })
    });
    let (space, length) = (TinySpace::new(&OPTIONS), |trial: &Trial| 1 + trial.id);
    for tell in [TellOrder::Trial, TellOrder::Completion] {
        let config = StudyConfig {
            tell,
            ..config(budget, 2)
        };
        let mut store = Store::in_memory().unwrap();
        let ends = [Some(1), None].map(|stop_after| {
            let mut climber = Climber {
                any_order: true,
                ..Climber::new(config.seed)
            };
            let mut crew = Simulated::new(&evaluator, 2, &length);
            let run = run(&mut climber, &space, &evaluator);
            crew.stop_after = stop_after.map(|after| (after, run.stop.clone()));
            let summary = run.silently(&mut store, &config, &mut crew).unwrap();
            (summary.end.unwrap(), summary.trials)
        });
        assert_eq!(ends, [(End::Stopped, 2), (End::Budget, 3)], "{tell:?}");
    }
}

#[test]
fn a_strategy_that_needs_the_order_of_the_trials_is_refused() {
    let (space, evaluator) = (TinySpace::new(&OPTIONS), Evaluate(synthetic));
    for any_order in [false, true] {
        let mut climber = Climber {
            any_order,
            ..Climber::new(Seed::new(1))
        };
        let study = Study::new(&space, &mut climber, &evaluator)
            .budget(Budget::trials(5))
            .batch(3)
            .workers(NonZeroUsize::new(2).unwrap())
            .tell(TellOrder::Completion);
        match study.run() {
            Ok(summary) => assert_eq!((any_order, summary.trials), (true, 5)),
            Err(error) => {
                assert!(
                    !any_order && matches!(error, StudyError::TrialOrder { .. }),
                    "{error}"
                );
                assert!(error.to_string().contains("'climber'"), "{error}");
            }
        }
    }
}

#[test]
fn a_study_is_not_resumed_in_another_order() {
    let completion = StudyConfig {
        tell: TellOrder::Completion,
        ..config(Budget::trials(5), 2)
    };
    let trial = config(Budget::trials(5), 2);
    for (recorded, given) in [(&trial, &completion), (&completion, &trial)] {
        let mut store = Store::in_memory().unwrap();
        let mut resume = |config: &StudyConfig| {
            let mut climber = Climber {
                any_order: true,
                ..Climber::new(config.seed)
            };
            run_strategy(
                &mut store,
                config,
                &mut climber,
                &Evaluate(synthetic),
                &options(1),
                &mut Silent,
            )
        };
        resume(recorded).unwrap();
        let refused = resume(given).unwrap_err().to_string();
        assert!(refused.contains("tell is recorded as"), "{refused}");
    }
}

#[test]
fn places_that_contradict_each_other_are_damage() {
    let case = Case::new(3, 8, TellOrder::Completion);
    let evaluator = Evaluate(evaluate);
    let mut store = Store::in_memory().unwrap();
    let (space, mut strategy) = (TinySpace::new(&OPTIONS), case.strategy());
    let mut crew = Simulated::new(&evaluator, 8, &length);
    run(&mut *strategy, &space, &evaluator)
        .silently(&mut store, &case.config, &mut crew)
        .unwrap();
    let records = store.records().trials().unwrap();
    type Spoil = fn(&mut [TrialRecord]);
    let spoils: [(Spoil, &str); 4] = [
        (|records| records[2].completion = None, "has no place"),
        (|records| records[2].completion = Some(1_000), "expected"),
        (
            |records| records[2].completion = records[3].completion,
            "expected",
        ),
        (|records| records[2].conclusion = None, "expected none"),
    ];
    for (spoil, named) in spoils {
        let mut records = records.clone();
        spoil(&mut records);
        let reason = Completions::of(TellOrder::Completion, &records).unwrap_err();
        assert!(reason.contains(named), "{reason}");
    }
    let reason = Completions::of(TellOrder::Trial, &records).unwrap_err();
    assert!(reason.contains("expected none"), "{reason}");
    // Two trials cannot be written down at the same place.
    let mut store = Store::in_memory().unwrap();
    store
        .begin(&case.config, "[]", &nas_space::search::Metric::default())
        .unwrap();
    let at = |id: usize, place| {
        let record = &records[id];
        let conclusion = record.conclusion.clone().unwrap();
        let asked = TrialRecord {
            completion: None,
            conclusion: None,
            tell_seconds: None,
            ..record.clone()
        };
        [
            crate::store::Change::Asked(asked),
            crate::store::Change::Finished(record.trial.id, conclusion, Some(place)),
        ]
    };
    store.apply(&at(0, 0)).unwrap();
    let refused = store.apply(&at(1, 0)).unwrap_err();
    assert!(matches!(refused, StoreError::Sqlite { .. }), "{refused}");
    store.apply(&at(1, 1)).unwrap();
}
