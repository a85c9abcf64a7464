//! Random search, regularized evolution and local search on the NAS-Bench-201 table, against what is known of them: CIFAR-10, searched by
//! the validation accuracy after 12 epochs, reported by the test accuracy after 200, 500 seeds.
//!
//! It needs `../shared/data/nb201/nb201_acc.csv.gz` beside the repository.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test that prints what it measured"
)]

use std::path::Path;
use std::sync::Arc;

use nas_eval::tabular::{Nb201Dataset, Nb201Table, TabularEvaluator};
use nas_evo::{EvolutionConfig, LocalSearch, RandomSearch, RandomSearchConfig, RegularizedEvolution};
use nas_space::arch::Architecture;
use nas_space::search::{Ask, Evaluator, Fidelity, Outcome, Strategy, Trial};
use nas_space::seed::Seed;
use nas_space::spaces::{Space, nb201};

const SEEDS: u64 = 500;

fn evaluator() -> Option<TabularEvaluator> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/nb201/nb201_acc.csv.gz");
    if !path.exists() {
        eprintln!("skipped: {} is not there", path.display());
        return None;
    }
    let table = Nb201Table::open(&path).unwrap();
    Some(TabularEvaluator::new(Arc::new(table), Nb201Dataset::Cifar10))
}

/// The architecture of the best validation accuracy of `trials` trials, the first of equals.
fn search(strategy: &mut dyn Strategy, evaluator: &TabularEvaluator, trials: u64) -> Architecture {
    let mut best: Option<(f64, Architecture)> = None;
    for id in 0..trials {
        let Ask::Evaluate(proposal) = strategy.ask().unwrap() else {
            panic!("no method waits or ends here")
        };
        let trial = Trial {
            id,
            architecture: proposal.architecture,
            fidelity: Fidelity { epochs: 12 },
            seed: Seed::new(id),
            continues: None,
        };
        let result = evaluator.evaluate(&trial);
        let accuracy = result.as_ref().unwrap().valid_accuracy;
        if best.as_ref().is_none_or(|(other, _)| accuracy > *other) {
            best = Some((accuracy, trial.architecture.clone()));
        }
        strategy.tell(&Outcome { trial, result }).unwrap();
    }
    best.unwrap().1
}

/// Mean and standard deviation over all seeds of the test accuracy in percent.
fn measure(
    name: &str,
    trials: u64,
    evaluator: &TabularEvaluator,
    strategy: impl Fn(Arc<dyn Space>, Seed) -> Box<dyn Strategy>,
) -> (f64, f64) {
    let space: Arc<dyn Space> = Arc::new(nb201());
    let tested: Vec<f64> = (0..SEEDS)
        .map(|seed| {
            let mut strategy = strategy(Arc::clone(&space), Seed::new(seed));
            let best = search(&mut *strategy, evaluator, trials);
            100.0 * evaluator.test_report(&best).unwrap().test_accuracy
        })
        .collect();
    let n = SEEDS as f64;
    let mean = tested.iter().sum::<f64>() / n;
    let deviation = (tested.iter().map(|t| (t - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt();
    println!("{name}, {trials} trials: {mean:.3} ± {deviation:.3}");
    (mean, deviation)
}

#[test]
fn the_methods_reproduce_what_is_known_of_them() {
    let Some(evaluator) = evaluator() else { return };
    let random = |space, seed| -> Box<dyn Strategy> {
        Box::new(RandomSearch::new(space, RandomSearchConfig::default(), seed).unwrap())
    };
    let evolution = |space, seed| -> Box<dyn Strategy> {
        Box::new(RegularizedEvolution::new(space, EvolutionConfig::NATS_BENCH, seed).unwrap())
    };
    let close = |(mean, deviation): (f64, f64), expected: f64, expected_deviation: f64| {
        assert!((mean - expected).abs() <= 0.05, "{mean}, expected {expected}");
        assert!(
            (deviation - expected_deviation).abs() <= 0.06,
            "{deviation}, expected {expected_deviation}"
        );
    };
    close(measure("random", 100, &evaluator, random), 93.75, 0.35);
    close(measure("evolution 10/3", 100, &evaluator, evolution), 93.93, 0.38);
    let (random, _) = measure("random", 500, &evaluator, random);
    assert!((random - 94.01).abs() <= 0.05, "{random}");
    let (evolution, _) = measure("evolution 10/3", 500, &evaluator, evolution);
    assert!((evolution - 94.29).abs() <= 0.05, "{evolution}");
    let local = |space, seed| -> Box<dyn Strategy> { Box::new(LocalSearch::new(space, seed).unwrap()) };
    let (local, _) = measure("local search", 500, &evaluator, local);
    assert!(local > random + 0.1, "{local}, random search {random}");
}
