//! Resuming: what is the same, what is refused, what may grow.

use nas_space::search::{Budget, Fidelity};
use nas_space::seed::Seed;
use nas_space::testing::TinySpace;

use crate::testing::{Climber, Evaluate, OPTIONS, config, options, run, run_strategy, synthetic, timeless};
use crate::{Duplicates, Event, Parts, PreparedStudy, Silent, Store, StudyConfig, StudyError};

fn recorded(config: &StudyConfig) -> Store {
    let mut store = Store::in_memory().unwrap();
    run(&mut store, config, &Evaluate(synthetic), &options(1), &mut Silent).unwrap();
    store
}

fn resume(store: &mut Store, config: &StudyConfig) -> Result<crate::Summary, StudyError> {
    run(store, config, &Evaluate(synthetic), &options(1), &mut Silent)
}

#[test]
fn replaying_a_finished_study_evaluates_nothing_and_gives_the_same() {
    let config = config(Budget::trials(7), 2);
    let mut store = recorded(&config);
    let (records, summary) = (
        store.records().trials().unwrap(),
        store.records().summary().unwrap(),
    );
    let evaluator = Evaluate(|_: &_| panic!("everything is on record"));
    let mut replayed = Vec::new();
    let mut observer = |event: &Event| match event {
        Event::Resumed {
            recorded, finished, ..
        } => assert_eq!((*recorded, *finished), (7, 7)),
        Event::Replayed { record, .. } => replayed.push(record.trial.id),
        Event::Ended { .. } => {}
        other => panic!("{other:?}"),
    };
    let again = run(&mut store, &config, &evaluator, &options(3), &mut observer).unwrap();
    assert_eq!(replayed, [0, 1, 2, 3, 4, 5, 6]);
    assert_eq!(store.records().trials().unwrap(), records);
    assert_eq!(
        (again.best, again.end, again.seconds),
        (summary.best, summary.end, summary.seconds)
    );
}

/// What was evaluated under the smaller budget is what would have been evaluated under the larger.
#[test]
fn an_extended_study_is_the_one_that_had_the_larger_budget_from_the_beginning() {
    let budget = |trials, seconds| Budget {
        trials: Some(trials),
        epochs: None,
        seconds: Some(seconds),
    };
    for batch in [1, 4] {
        let small = config(budget(9, 6.0), batch);
        let large = config(budget(25, 1e6), batch);
        let mut store = recorded(&small);
        let extended = store.extend_budget(large.budget).unwrap();
        assert_eq!(extended, large);
        resume(&mut store, &extended).unwrap();
        assert_eq!(timeless(&store), timeless(&recorded(&large)));
        assert_eq!(timeless(&store).len(), 25);
    }
}

#[test]
fn a_budget_cannot_shrink() {
    let budget = Budget {
        seconds: Some(3.5),
        ..Budget::trials(4)
    };
    let config = config(budget, 1);
    let mut store = recorded(&config);
    let refused = |budget| store.extend_budget(budget).unwrap_err().to_string();
    let refused: Vec<String> = [
        Budget {
            trials: Some(3),
            ..budget
        },
        Budget {
            seconds: Some(3.0),
            ..budget
        },
        Budget {
            epochs: Some(1000),
            ..budget
        },
        Budget::default(),
    ]
    .map(refused)
    .into();
    assert!(
        refused[0].contains("trials cannot change from 4 to 3"),
        "{refused:?}"
    );
    assert!(
        refused[1].contains("seconds cannot change from 3.5 to 3"),
        "{refused:?}"
    );
    assert!(
        refused[2].contains("epochs cannot change from none to 1000"),
        "{refused:?}"
    );
    assert!(refused[3].contains("no limit"), "{refused:?}");
    assert_eq!(store.records().study().unwrap().unwrap().config, config);
}

#[test]
fn another_study_is_refused_and_every_difference_is_named() {
    let config = config(Budget::trials(3), 1);
    let mut store = recorded(&config);
    let others = [
        (
            StudyConfig {
                seed: Seed::new(1),
                batch: 2,
                ..config.clone()
            },
            vec!["seed is recorded as 42, but is now 1", "batch is recorded as 1"],
        ),
        (
            StudyConfig {
                evaluator: "trained".to_owned(),
                ..config.clone()
            },
            vec!["evaluator is recorded as 'synthetic', but is now 'trained'"],
        ),
        (
            StudyConfig {
                fidelity: Fidelity { epochs: 2 },
                ..config.clone()
            },
            vec!["fidelity.epochs is recorded as 1"],
        ),
        (
            StudyConfig {
                budget: Budget::trials(9),
                ..config.clone()
            },
            vec!["budget.trials is recorded as 3, but is now 9"],
        ),
        (
            StudyConfig {
                duplicates: Duplicates::Reuse,
                ..config.clone()
            },
            vec!["duplicates is recorded as 'evaluate'"],
        ),
        (
            StudyConfig {
                parameters: "k=3".to_owned(),
                ..config.clone()
            },
            vec!["parameters is recorded as ''"],
        ),
    ];
    for (other, named) in others {
        let refused = resume(&mut store, &other).unwrap_err();
        assert!(matches!(refused, StudyError::Differs { .. }));
        for named in named {
            assert!(refused.to_string().contains(named), "{refused}");
        }
    }
    assert_eq!(timeless(&store), timeless(&recorded(&config)));
}

#[test]
fn a_space_of_the_same_name_with_other_decisions_is_refused() {
    let config = config(Budget::trials(3), 1);
    let mut store = recorded(&config);
    let space = TinySpace::new(&[6, 5, 5]);
    let parts = Parts {
        space: &space,
        strategy: &mut Climber::new(config.seed),
        evaluator: &Evaluate(synthetic),
    };
    let Err(StudyError::Differs { differences }) = PreparedStudy::resume(&mut store, config, parts) else {
        panic!("resumed");
    };
    assert_eq!(differences[0].field, "decisions");
}

#[test]
fn parts_that_the_configuration_does_not_name_are_refused() {
    let good = config(Budget::trials(3), 1);
    for (what, config) in [
        (
            "method",
            StudyConfig {
                method: "random".to_owned(),
                ..good.clone()
            },
        ),
        (
            "space",
            StudyConfig {
                space: "darts".to_owned(),
                ..good.clone()
            },
        ),
        (
            "evaluator",
            StudyConfig {
                evaluator: "trained".to_owned(),
                ..good.clone()
            },
        ),
    ] {
        let mut store = Store::in_memory().unwrap();
        let refused = resume(&mut store, &config).unwrap_err().to_string();
        assert!(
            refused.starts_with(&format!("the study's {what} is")),
            "{refused}"
        );
        assert!(store.records().study().unwrap().is_none());
    }
}

#[test]
fn a_study_is_not_created_over_another() {
    let config = config(Budget::trials(3), 1);
    let mut store = recorded(&config);
    let space = TinySpace::new(&OPTIONS);
    let parts = Parts {
        space: &space,
        strategy: &mut Climber::new(config.seed),
        evaluator: &Evaluate(synthetic),
    };
    let refused = PreparedStudy::create(&mut store, config, parts).err().unwrap();
    assert!(matches!(refused, StudyError::AlreadyBegun { .. }), "{refused}");
}

/// A strategy whose code has changed proposes something else.
#[test]
fn a_strategy_that_proposes_something_else_is_refused_with_both_architectures() {
    let config = config(Budget::trials(6), 1);
    let mut store = recorded(&config);
    let before = timeless(&store);
    let mut changed = Climber::new(Seed::new(7));
    let evaluator = Evaluate(synthetic);
    let refused = run_strategy(
        &mut store,
        &config,
        &mut changed,
        &evaluator,
        &options(1),
        &mut Silent,
    )
    .unwrap_err();
    let StudyError::ReplayDiverged {
        trial,
        recorded,
        proposed,
    } = &refused
    else {
        panic!("{refused}");
    };
    assert_eq!(*trial, 0);
    assert!(recorded.contains(&before[0].trial.architecture.to_string()));
    assert_ne!(recorded, proposed);
    assert!(
        refused
            .to_string()
            .contains("resume with the program that started the study"),
        "{refused}"
    );
    assert_eq!(timeless(&store), before, "the records stay");
}

#[test]
fn a_strategy_that_finishes_before_the_records_do_is_refused() {
    let config = config(Budget::trials(6), 1);
    let mut store = recorded(&config);
    let mut shorter = Climber {
        limit: 4,
        ..Climber::new(config.seed)
    };
    let evaluator = Evaluate(synthetic);
    let refused = run_strategy(
        &mut store,
        &config,
        &mut shorter,
        &evaluator,
        &options(1),
        &mut Silent,
    )
    .unwrap_err();
    assert!(
        matches!(&refused, StudyError::ReplayDiverged { trial: 4, proposed, .. } if proposed == "nothing"),
        "{refused}"
    );
}
