//! How long a study takes to be resumed that has a million finished trials. Run by name:
//! `cargo test -p nas-study --release -- --ignored --nocapture a_million`.

use std::sync::Arc;
use std::time::Duration;

use nas_evo::{EvolutionConfig, RegularizedEvolution};
use nas_space::search::{Budget, Evaluation, Evaluator, Failure, Stop, Strategy, Trial};
use nas_space::seed::Seed;
use nas_space::spaces::{Space, nb201};

use super::simulated::{Run, Simulated, below};
use crate::clock::Stopwatch;
use crate::testing::Evaluate;
use crate::{Commit, Event, Parts, PreparedStudy, RunOptions, Store, StudyConfig, TellOrder};

const TRIALS: u64 = 1_000_000;
const SLOTS: usize = 1_000;

fn length(trial: &Trial) -> u64 {
    1 + below(trial.seed.derive("length", 0), 100).pow(2)
}

fn evaluate(trial: &Trial) -> Result<Evaluation, Failure> {
    let sum: usize = trial.architecture.choices().iter().sum();
    Ok(Evaluation::new(sum as f64 / 40.0, trial.fidelity.epochs))
}

#[test]
#[ignore = "a measurement of minutes"]
fn a_million_finished_trials_are_resumed_within_30_seconds() {
    let folder = tempfile::tempdir().unwrap();
    let space: Arc<dyn Space> = Arc::new(nb201());
    let evaluator = Evaluate(evaluate);
    for tell in [TellOrder::Trial, TellOrder::Completion] {
        let path = folder.path().join(format!("{tell:?}.db"));
        let evolution = || {
            RegularizedEvolution::new(Arc::clone(&space), EvolutionConfig::default(), Seed::new(1)).unwrap()
        };
        let config = StudyConfig {
            budget: Budget::trials(TRIALS),
            batch: SLOTS as u32,
            tell,
            ..StudyConfig::new(
                evolution().name(),
                space.name(),
                evaluator.description(),
                Seed::new(1),
            )
        };
        let watch = Stopwatch::start();
        let run = Run {
            space: space.as_ref(),
            strategy: &mut evolution(),
            evaluator: &evaluator,
            stop: Stop::new(),
            commit: Commit::Within(Duration::from_millis(50)),
        };
        let mut crew = Simulated::new(&evaluator, SLOTS, &length);
        run.silently(&mut Store::create(&path).unwrap(), &config, &mut crew)
            .unwrap();
        let recorded = watch.seconds();
        let watch = Stopwatch::start();
        let mut store = Store::open(&path).unwrap();
        let opened = watch.seconds();
        let larger = store.extend_budget(Budget::trials(TRIALS + 1)).unwrap();
        let mut until_new = None;
        let mut observer = |event: &Event| {
            if let Event::Asked { record } = event {
                assert_eq!((record.trial.id, until_new), (TRIALS, None));
                until_new = Some(watch.seconds());
            }
        };
        let parts = Parts {
            space: space.as_ref(),
            strategy: &mut evolution(),
            evaluator: &evaluator,
        };
        let prepared = PreparedStudy::resume(&mut store, larger, parts).unwrap();
        let read = watch.seconds();
        prepared.run(&RunOptions::default(), &mut observer).unwrap();
        let until_new = until_new.unwrap();
        println!(
            "{TRIALS} trials on {SLOTS} slots, {tell:?}: recorded in {recorded:.1} s; resumed in {until_new:.1} s, \
             {opened:.1} s of them to open the file of {} MB and {:.1} s to read it",
            std::fs::metadata(&path).unwrap().len() / 1_000_000,
            read - opened
        );
        assert!(until_new <= 30.0);
    }
}
