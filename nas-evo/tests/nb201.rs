//! The methods of this crate on the NAS-Bench-201 table, against what is known of them: CIFAR-10,
//! searched by the validation accuracy after 12 epochs, reported by the test accuracy after 200,
//! 500 seeds.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that prints what it measured"
)]

use std::sync::Arc;

use nas_evo::nsga2::fronts;
use nas_evo::{
    EvolutionConfig, LocalSearch, Nsga2, Nsga2Config, RandomSearch, RandomSearchConfig, RegularizedEvolution,
};
use nas_space::arch::Architecture;
use nas_space::search::{Ask, Evaluator, Fidelity, Outcome, Strategy, Trial};
use nas_space::seed::Seed;
use nas_space::spaces::{Space, nb201};
use nas_tables::{TabularEvaluator, built_in};

const SEEDS: u64 = 500;

fn evaluator() -> TabularEvaluator {
    TabularEvaluator::new(Arc::new(built_in("nb201").unwrap()), "cifar10").unwrap()
}

/// Every architecture of `trials` trials with its validation accuracy and parameters.
fn trials(
    strategy: &mut dyn Strategy,
    evaluator: &TabularEvaluator,
    trials: u64,
) -> Vec<(Architecture, f64, u64)> {
    let trials = (0..trials).map(|id| {
        let Ask::Evaluate(proposal) = strategy.ask().unwrap() else {
            panic!("no method waits or ends here")
        };
        let architecture = proposal.architecture;
        let trial = Trial::new(id, architecture.clone(), Fidelity { epochs: 12 }, Seed::new(id));
        let result = evaluator.evaluate(&trial);
        let evaluation = result.as_ref().unwrap();
        let (accuracy, params) = (evaluation.valid_accuracy, evaluation.params.unwrap());
        strategy.tell(&Outcome { trial, result }).unwrap();
        (architecture, accuracy, params)
    });
    trials.collect()
}

/// The architecture of the best validation accuracy of `trials` trials, the first of equals.
fn search(strategy: &mut dyn Strategy, evaluator: &TabularEvaluator, trials: u64) -> Architecture {
    let all = self::trials(strategy, evaluator, trials).into_iter();
    let best = all.reduce(|best, next| if next.1 > best.1 { next } else { best });
    best.unwrap().0
}

/// What `trials` trials dominate of accuracies from a half to one and parameters from none to the
/// most there are, as a share.
fn volume(strategy: &mut dyn Strategy, evaluator: &TabularEvaluator, trials: u64) -> f64 {
    const MOST_PARAMS: f64 = 1_531_546.0;
    let all = self::trials(strategy, evaluator, trials).into_iter();
    let points: Vec<[f64; 2]> = all
        .map(|(_, accuracy, params)| [-2.0 * (accuracy - 0.5), params as f64 / MOST_PARAMS])
        .filter(|[accuracy, _]| *accuracy < 0.0)
        .collect();
    let mut front: Vec<[f64; 2]> = fronts(&points)[0].iter().map(|&place| points[place]).collect();
    front.sort_by(|a, b| a[1].total_cmp(&b[1]));
    let mut volume = 0.0;
    let mut reached = 0.0;
    for [accuracy, params] in front {
        volume += (reached - accuracy) * (1.0 - params);
        reached = accuracy;
    }
    volume
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
    let evaluator = evaluator();
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

/// A sign test: were neither better, 70 or more wins of 100 would have a probability of 4 · 10⁻⁵.
#[test]
fn nsga2_finds_a_better_front_of_accuracy_and_parameters_than_random_search() {
    let evaluator = evaluator();
    let space: Arc<dyn Space> = Arc::new(nb201());
    let nsga2 = |population, offspring, seed| {
        let config = Nsga2Config {
            population,
            offspring,
            ..Nsga2Config::default()
        };
        let sizes = Arc::clone(evaluator.sizes());
        let mut strategy = Nsga2::new(Arc::clone(&space), config, sizes, Seed::new(seed)).unwrap();
        volume(&mut strategy, &evaluator, 100)
    };
    let random: Vec<f64> = (0..100)
        .map(|seed| {
            let config = RandomSearchConfig::default();
            let mut strategy = RandomSearch::new(Arc::clone(&space), config, Seed::new(seed)).unwrap();
            volume(&mut strategy, &evaluator, 100)
        })
        .collect();
    let mean = |volumes: &[f64]| volumes.iter().sum::<f64>() / volumes.len() as f64;
    println!("random, 100 trials: volume {:.4}", mean(&random));
    for (population, offspring) in [(10, 1), (10, 10), (20, 1), (20, 20)] {
        let found: Vec<f64> = (0..100).map(|seed| nsga2(population, offspring, seed)).collect();
        let wins = found.iter().zip(&random).filter(|(a, b)| a > b).count();
        println!(
            "nsga2 {population}/{offspring}, 100 trials: volume {:.4}, better than random search in {wins} of 100",
            mean(&found)
        );
        assert!(wins >= 70, "{population}/{offspring}: {wins} of 100");
    }
}
