//! Failed trials are data.

use nas_space::arch::Architecture;
use nas_space::search::{
    Ask, Budget, Evaluation, Failure, FailureKind, Fidelity, Outcome, Proposal, Strategy, StrategyError,
    Trial,
};

use crate::testing::{
    Climber, Evaluate, config, evaluation, options, run, run_strategy, synthetic, timeless,
};
use crate::{Silent, Store, StudyConfig, StudyError};

/// Every kind of failure, one after another.
fn troubled(trial: &Trial) -> Result<Evaluation, Failure> {
    match trial.id % 6 {
        0 => panic!("no such layer: {}", trial.id),
        1 => std::panic::panic_any(7_u8),
        2 => Ok(evaluation(f64::NAN)),
        3 => Ok(evaluation(1.5)),
        4 => Err(Failure::new(FailureKind::OutOfMemory, "none left")),
        _ => synthetic(trial),
    }
}

#[test]
fn every_failure_is_recorded_with_its_reason_and_the_study_goes_on() {
    for workers in [1, 4] {
        let config = config(Budget::trials(12), 4);
        let mut store = Store::in_memory().unwrap();
        let mut strategy = Climber::new(config.seed);
        let evaluator = Evaluate(troubled);
        let summary = run_strategy(
            &mut store,
            &config,
            &mut strategy,
            &evaluator,
            &options(workers),
            &mut Silent,
        )
        .unwrap();
        assert_eq!((summary.trials, summary.failed), (12, 10));
        assert_eq!(summary.first_failure.as_ref().unwrap().kind, FailureKind::Panic);
        let told = strategy.calls.iter().filter(|call| call.starts_with("tell"));
        assert_eq!(told.count(), 12);
        let failures: Vec<Option<Failure>> = timeless(&store)
            .iter()
            .map(|r| r.outcome().unwrap().result.err())
            .collect();
        let (kinds, messages): (Vec<_>, Vec<_>) = failures[6..11]
            .iter()
            .flatten()
            .map(|f| (f.kind, f.message.as_str()))
            .unzip();
        use FailureKind::{Invalid, NonFinite, OutOfMemory, Panic};
        assert_eq!(kinds, [Panic, Panic, NonFinite, Invalid, OutOfMemory]);
        assert!(messages[0].contains("no such layer: 6"), "{}", messages[0]);
        assert!(messages[2].contains("NaN"), "{}", messages[2]);
        assert_eq!(messages[4], "none left");
        assert_eq!(failures[11], None);
    }
}

#[test]
fn a_study_in_which_every_trial_failed_gives_the_first_reason() {
    let mut store = Store::in_memory().unwrap();
    let evaluator = Evaluate(|trial: &Trial| {
        Err(Failure::new(
            FailureKind::Other,
            format!("disk {} is full", trial.id),
        ))
    });
    let summary = run(
        &mut store,
        &config(Budget::trials(3), 2),
        &evaluator,
        &options(2),
        &mut Silent,
    )
    .unwrap();
    let refused = summary.require_best().unwrap_err();
    assert_eq!(
        refused.to_string(),
        "all 3 trials failed; the first one because: disk 0 is full"
    );
    assert_eq!(
        store
            .records()
            .summary()
            .unwrap()
            .require_best()
            .unwrap_err()
            .to_string(),
        refused.to_string()
    );
}

/// Proposes what it is given.
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
fn an_impossible_proposal_is_a_failed_trial_that_is_not_evaluated() {
    let proposals = [
        Proposal::new(Architecture::new([0, 0, 9])),
        Proposal::new(Architecture::new([0])),
        Proposal {
            fidelity: Some(Fidelity { epochs: 0 }),
            ..Proposal::new(Architecture::new([0, 0, 0]))
        },
        Proposal::new(Architecture::new([1, 1, 1])),
    ];
    let evaluator = Evaluate(|trial: &Trial| {
        assert_eq!(trial.id, 3);
        synthetic(trial)
    });
    let config = config(Budget::trials(10), 2);
    let mut store = Store::in_memory().unwrap();
    for _run_and_replay in 0..2 {
        let mut strategy = Script(proposals.to_vec());
        let summary = run_strategy(
            &mut store,
            &config,
            &mut strategy,
            &evaluator,
            &options(1),
            &mut Silent,
        )
        .unwrap();
        assert_eq!((summary.trials, summary.failed), (4, 3));
        let records = timeless(&store);
        let message = |i: usize| records[i].outcome().unwrap().result.unwrap_err().message;
        assert!(message(0).contains("4 options, got choice 9"), "{}", message(0));
        assert!(message(1).contains("takes 3 choices, got 1"), "{}", message(1));
        assert!(message(2).contains("0 epochs"), "{}", message(2));
        assert_eq!(records[0].genotype, None);
    }
}

/// Gives up after five proposals.
struct GivesUp(Climber);

impl Strategy for GivesUp {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn ask(&mut self) -> Result<Ask, StrategyError> {
        if self.0.calls.iter().filter(|c| c.starts_with("ask")).count() == 5 {
            return Err(StrategyError::Other("the surrogate did not converge".into()));
        }
        self.0.ask()
    }

    fn tell(&mut self, outcome: &Outcome) -> Result<(), StrategyError> {
        self.0.tell(outcome)
    }
}

#[test]
fn a_strategy_that_gives_up_ends_the_study_with_its_reason_and_the_records_stay() {
    for workers in [1, 3] {
        let config = StudyConfig {
            ..config(Budget::trials(9), 3)
        };
        let mut store = Store::in_memory().unwrap();
        let mut strategy = GivesUp(Climber::new(config.seed));
        let evaluator = Evaluate(synthetic);
        let refused = run_strategy(
            &mut store,
            &config,
            &mut strategy,
            &evaluator,
            &options(workers),
            &mut Silent,
        )
        .unwrap_err();
        assert!(matches!(refused, StudyError::Strategy { .. }));
        assert!(refused.to_string().contains("did not converge"), "{refused}");
        let records = store.records().trials().unwrap();
        assert_eq!(records.len(), 5);
        assert!(records[..3].iter().all(|record| record.conclusion.is_some()));
    }
}
