//! A recurrent controller on the built-in benchmark table. It proposes cells, is rewarded by their
//! validation accuracies, and learns by PPO: its proposals get better from hundred to hundred.

#![expect(clippy::print_stdout, reason = "an example")]

use std::sync::Arc;

use nas_rl::{ControllerSearch, RlConfig};
use nas_space::{Budget, Seed};
use nas_study::{Event, Study};
use nas_tables::{TabularEvaluator, built_in};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let table = Arc::new(built_in("digits")?);
    let space = table.space().clone();
    let evaluator = TabularEvaluator::new(table, "digits")?;
    let mut controller = ControllerSearch::new(space.clone(), RlConfig::small_budget(), Seed::new(1))?;
    let mut accuracies = Vec::new();
    let mut observer = |event: &Event| {
        if let Event::Finished { record, .. } = event {
            accuracies.extend(record.outcome().and_then(|outcome| outcome.valid_accuracy()));
        }
    };
    let study = Study::new(&*space, &mut controller, &evaluator)
        .epochs(4)
        .budget(Budget::trials(400));
    let summary = study.observer(&mut observer).run()?;
    for (i, hundred) in accuracies.chunks(100).enumerate() {
        let mean = 100.0 * hundred.iter().sum::<f64>() / hundred.len() as f64;
        println!("hundred {}: {mean:.2} % on average", i + 1);
    }
    println!("{summary}");
    Ok(())
}
