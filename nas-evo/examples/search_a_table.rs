//! Random search and evolution on the built-in benchmark table, with the same budget. A search sees
//! validation accuracies; the test accuracy of what it chose is looked up once, at the end. One
//! seed each says nothing about which is better.

#![expect(clippy::print_stdout, reason = "an example")]

use std::sync::Arc;

use nas_evo::{EvolutionConfig, RandomSearch, RandomSearchConfig, RegularizedEvolution};
use nas_space::{Budget, Seed, Strategy};
use nas_study::Study;
use nas_tables::{TabularEvaluator, built_in};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let table = Arc::new(built_in("digits")?);
    let space = table.space().clone();
    let evaluator = TabularEvaluator::new(table, "digits")?;
    let mut random = RandomSearch::new(space.clone(), RandomSearchConfig::default(), Seed::new(1))?;
    let mut evolution = RegularizedEvolution::new(space.clone(), EvolutionConfig::default(), Seed::new(1))?;
    let strategies: [&mut dyn Strategy; 2] = [&mut random, &mut evolution];
    for strategy in strategies {
        let summary = Study::new(&*space, strategy, &evaluator)
            .epochs(4)
            .budget(Budget::trials(200))
            .run()?;
        let best = summary.require_best()?;
        let test = evaluator.test_report(&best.architecture)?;
        let (method, valid, test) = (
            &summary.method,
            100.0 * best.valid_accuracy,
            100.0 * test.test_accuracy,
        );
        println!(
            "{method:<9}  validation {valid:.2} %, test {test:.2} %  {}",
            best.architecture
        );
    }
    Ok(())
}
