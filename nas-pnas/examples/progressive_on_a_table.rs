//! Progressive search on the built-in benchmark table: all cells of one node first, then larger
//! ones that a surrogate predicts to be good, level by level. The report says how well it ranked
//! those it chose.

#![expect(clippy::print_stdout, reason = "an example")]

use std::sync::Arc;

use nas_pnas::{ProgressiveConfig, ProgressiveSearch};
use nas_space::{Budget, Seed};
use nas_study::Study;
use nas_tables::{TabularEvaluator, built_in};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let table = Arc::new(built_in("digits")?);
    let space = table.space().clone();
    let evaluator = TabularEvaluator::new(table, "digits")?;
    let config = ProgressiveConfig::nas_bench_201();
    let mut search = ProgressiveSearch::new(space.clone(), config, Seed::new(1))?;
    let summary = Study::new(&*space, &mut search, &evaluator)
        .epochs(4)
        .budget(Budget::trials(100))
        .run()?;
    for level in search.levels() {
        println!("level {}: {} cells", level.level, level.models.len());
        if let Some(rank) = level.extrapolated.and_then(|quality| quality.spearman) {
            println!("  rank correlation of predicted and measured: {rank:.2}");
        }
    }
    println!("{summary}");
    Ok(())
}
