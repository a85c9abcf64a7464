//! Evolution that is told rewards, accuracy × (macs / target)^w, on the NAS-Bench-201 table.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::sync::Arc;

use nas_evo::{EvolutionConfig, RegularizedEvolution};
use nas_space::limits::SoftLimits;
use nas_space::search::{Budget, Evaluator, REWARD, Rewarded, Rewarding, Strategy};
use nas_space::seed::Seed;
use nas_space::spaces::{Space, nb201};
use nas_study::{Parts, PreparedStudy, RunOptions, Silent, Store, StudyConfig};
use nas_tables::{TabularEvaluator, built_in};

const SEEDS: u64 = 20;
const TRIALS: u64 = 200;

/// Multiply-accumulates and accuracy of the best of a search with these soft limits, or without.
fn best(evaluator: &TabularEvaluator, soft: Option<&SoftLimits>, seed: u64) -> (f64, f64) {
    let space: Arc<dyn Space> = Arc::new(nb201());
    let seed = Seed::new(seed);
    let search = RegularizedEvolution::new(Arc::clone(&space), EvolutionConfig::NATS_BENCH, seed).unwrap();
    let mut strategy: Box<dyn Strategy> = Box::new(search);
    let rewarding = soft.map(|soft| Rewarding::new(evaluator, evaluator.sizes().clone(), soft.clone()));
    if soft.is_some() {
        strategy = Box::new(Rewarded::new(strategy));
    }
    let evaluator: &dyn Evaluator = match &rewarding {
        Some(rewarding) => rewarding,
        None => evaluator,
    };
    let config = StudyConfig {
        budget: Budget::trials(TRIALS),
        fidelity: nas_space::search::Fidelity { epochs: 12 },
        ranked_by: soft.map(|_| REWARD.to_owned()),
        ..StudyConfig::new(strategy.name(), space.name(), evaluator.description(), seed)
    };
    let mut store = Store::in_memory().unwrap();
    let parts = Parts {
        space: space.as_ref(),
        strategy: strategy.as_mut(),
        evaluator,
    };
    let study = PreparedStudy::create(&mut store, config, parts).unwrap();
    let summary = study.run(&RunOptions::default(), &mut Silent).unwrap();
    let best = summary.best.unwrap();
    let record = &store.records().trials().unwrap()[best.trial as usize];
    let evaluation = record.conclusion.as_ref().unwrap().result.as_ref().unwrap();
    assert_eq!(evaluation.valid_accuracy, best.valid_accuracy);
    (evaluation.macs.unwrap() as f64, best.valid_accuracy)
}

#[test]
fn a_soft_limit_finds_smaller_networks_of_a_higher_reward() {
    let evaluator = TabularEvaluator::new(Arc::new(built_in("nb201").unwrap()), "cifar10").unwrap();
    let soft = |weight: f64, weight_below: Option<f64>| SoftLimits {
        weight,
        weight_below,
        targets: [("macs".to_owned(), 50e6)].into(),
    };
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let found = |soft: Option<&SoftLimits>| -> Vec<(f64, f64)> {
        (0..SEEDS).map(|seed| best(&evaluator, soft, seed)).collect()
    };
    let say = |name: &str, found: &[(f64, f64)]| {
        let macs = found.iter().map(|one| one.0 / 1e6).collect::<Vec<_>>();
        let accuracy = found.iter().map(|one| 100.0 * one.1).collect::<Vec<_>>();
        println!(
            "{name}: {:.2} M multiply-accumulates, {:.2} % validation accuracy",
            mean(&macs),
            mean(&accuracy)
        );
    };
    let plain = found(None);
    say("without", &plain);
    for (name, soft) in [
        ("soft, -0.07", soft(-0.07, None)),
        ("hard, -1 above and 0 below", soft(-1.0, Some(0.0))),
    ] {
        let small = found(Some(&soft));
        say(name, &small);
        let reward = |&(macs, accuracy): &(f64, f64)| {
            let exponent = if macs > 50e6 {
                soft.weight
            } else {
                soft.weight_below.unwrap_or(soft.weight)
            };
            accuracy * (macs / 50e6).powf(exponent)
        };
        let pairs = || plain.iter().zip(&small);
        let smaller = pairs().filter(|(plain, small)| small.0 < plain.0).count();
        let better = pairs()
            .filter(|(plain, small)| reward(small) > reward(plain))
            .count();
        println!("{name}: smaller in {smaller} of {SEEDS} runs, of a higher reward in {better}");
        assert!(smaller >= 18 && better >= 18, "{name}: {smaller}, {better}");
    }
    // What is beyond the target costs as much as it is worth at the hard limit.
    let hard = found(Some(&soft(-1.0, Some(0.0))));
    assert!(hard.iter().all(|one| one.0 <= 50e6), "{hard:?}");
}
