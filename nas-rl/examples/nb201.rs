//! Searches of the NAS-Bench-201 table by a controller, against as many uniform draws: CIFAR-10,
//! rewarded by the validation accuracy after 12 epochs, reported by the test accuracy after 200.
//!
//! `cargo run --release -p nas-rl --example nb201 -- FIRST_SEED SEEDS TRIALS [CONFIG.json]`,
//! with as much of an `RlConfig` as differs from the preset for small budgets.

#![expect(clippy::print_stdout, reason = "a program that prints what it measured")]

use std::error::Error;
use std::sync::Arc;

use nas_rl::{ControllerSearch, RlConfig};
use nas_space::search::Fidelity;
use nas_space::spaces::nb201;
use nas_space::{Architecture, Ask, Evaluator, Outcome, Seed, Space, Strategy, Trial};
use nas_tables::{TabularEvaluator, built_in};
use rayon::prelude::*;

type Failed = Box<dyn Error + Send + Sync>;

fn main() -> Result<(), Failed> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [first, seeds, trials, rest @ ..] = args.as_slice() else {
        return Err("expected FIRST_SEED SEEDS TRIALS [CONFIG.json]".into());
    };
    let evaluator = TabularEvaluator::new(Arc::new(built_in("nb201")?), "cifar10")?;
    let mut config = serde_json::to_value(RlConfig::small_budget())?;
    for path in rest {
        merge(
            &mut config,
            serde_json::from_str(&std::fs::read_to_string(path)?)?,
        );
    }
    let config: RlConfig = serde_json::from_value(config)?;
    let (first, seeds, trials): (u64, u64, u64) = (first.parse()?, seeds.parse()?, trials.parse()?);
    let tested: Vec<[f64; 2]> = (first..first + seeds)
        .into_par_iter()
        .map(|seed| {
            let found = by_controller(&evaluator, &config, seed, trials)?;
            let drawn = by_chance(&evaluator, seed, trials)?;
            let test = |best: &Architecture| -> Result<f64, Failed> {
                Ok(100.0 * evaluator.test_report(best)?.test_accuracy)
            };
            Ok([test(&found)?, test(&drawn)?])
        })
        .collect::<Result<_, Failed>>()?;
    let of = |f: fn(&[f64; 2]) -> f64| mean_and_deviation(&tested.iter().map(f).collect::<Vec<f64>>());
    let (controller, chance) = (of(|pair| pair[0]), of(|pair| pair[1]));
    let (difference, deviation) = of(|pair| pair[0] - pair[1]);
    println!(
        "{seeds} seeds from {first}, {trials} trials: controller {:.3} ± {:.3}, chance {:.3} ± {:.3}, difference {difference:+.3}, \
         t = {:.2}",
        controller.0,
        controller.1,
        chance.0,
        chance.1,
        difference / (deviation / (seeds as f64).sqrt())
    );
    Ok(())
}

/// The best by validation of a controller's proposals, the first of equals.
fn by_controller(
    evaluator: &TabularEvaluator,
    config: &RlConfig,
    seed: u64,
    trials: u64,
) -> Result<Architecture, Failed> {
    let mut search = ControllerSearch::new(Arc::new(nb201()), config.clone(), Seed::new(seed))?;
    let mut best: Option<(f64, Architecture)> = None;
    for id in 0..trials {
        let Ask::Evaluate(proposal) = search.ask()? else {
            break;
        };
        let trial = trial(id, proposal.architecture);
        let result = evaluator.evaluate(&trial);
        let accuracy = result
            .as_ref()
            .map_or(0.0, |evaluation| evaluation.valid_accuracy);
        if best.as_ref().is_none_or(|(other, _)| accuracy > *other) {
            best = Some((accuracy, trial.architecture.clone()));
        }
        search.tell(&Outcome { trial, result })?;
    }
    best.map(|(_, architecture)| architecture)
        .ok_or("no trials".into())
}

/// The best by validation of uniform draws.
fn by_chance(evaluator: &TabularEvaluator, seed: u64, trials: u64) -> Result<Architecture, Failed> {
    let mut rng = Seed::new(seed).derive("chance", 0).rng();
    let space = nb201();
    let mut best: Option<(f64, Architecture)> = None;
    for id in 0..trials {
        let trial = trial(id, space.sample(&mut rng));
        let accuracy = evaluator.evaluate(&trial)?.valid_accuracy;
        if best.as_ref().is_none_or(|(other, _)| accuracy > *other) {
            best = Some((accuracy, trial.architecture));
        }
    }
    best.map(|(_, architecture)| architecture)
        .ok_or("no trials".into())
}

fn trial(id: u64, architecture: Architecture) -> Trial {
    Trial::new(id, architecture, Fidelity { epochs: 12 }, Seed::new(id))
}

fn mean_and_deviation(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (mean, (squares / (n - 1.0)).sqrt())
}

/// Puts `over` over `base`, field by field.
fn merge(base: &mut serde_json::Value, over: serde_json::Value) {
    match (base.as_object_mut(), over) {
        (Some(below), serde_json::Value::Object(above)) if !above.contains_key("kind") => {
            for (key, value) in above {
                merge(below.entry(key).or_insert(serde_json::Value::Null), value);
            }
        }
        (_, over) => *base = over,
    }
}
