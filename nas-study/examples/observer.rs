//! Watching a study. An observer is told of every event once it is on record; any closure is one.
//! This one says when a trial is better than all before it.

#![expect(clippy::print_stdout, reason = "an example")]

use std::sync::Arc;

use nas_evo::{RandomSearch, RandomSearchConfig};
use nas_space::{Budget, Seed};
use nas_study::{Event, Study};
use nas_tables::{TabularEvaluator, built_in};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let table = Arc::new(built_in("digits")?);
    let space = table.space().clone();
    let evaluator = TabularEvaluator::new(table, "digits")?;
    let mut random = RandomSearch::new(space.clone(), RandomSearchConfig::default(), Seed::new(1))?;
    let mut observer = |event: &Event| {
        if let Event::Finished { record, progress } = event
            && let Some(best) = &progress.best
            && best.trial == record.trial.id
        {
            println!("trial {:>3}: {:.2} %", best.trial, 100.0 * best.valid_accuracy);
        }
    };
    let study = Study::new(&*space, &mut random, &evaluator)
        .epochs(4)
        .budget(Budget::trials(100));
    println!("{}", study.observer(&mut observer).run()?);
    Ok(())
}
