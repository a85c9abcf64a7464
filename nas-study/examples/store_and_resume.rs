//! A study on disk, stopped and resumed. It asks itself to stop after its tenth trial; then a fresh
//! strategy is asked again, is told what is on record, and goes on. It ends as if it had never
//! stopped, also where it is killed instead.

#![expect(clippy::print_stdout, reason = "an example")]

use std::sync::Arc;

use nas_evo::{RandomSearch, RandomSearchConfig};
use nas_space::{Budget, Seed};
use nas_study::{Event, Stop, Store, Study};
use nas_tables::{TabularEvaluator, built_in};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let table = Arc::new(built_in("digits")?);
    let space = table.space().clone();
    let evaluator = TabularEvaluator::new(table, "digits")?;
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("study.db");
    drop(Store::create(&path)?);
    let stop = Stop::new();
    let mut stop_at_ten = |event: &Event| {
        if matches!(event, Event::Finished { progress, .. } if progress.spent.trials == 10) {
            stop.request();
        }
    };
    for round in [stop.clone(), Stop::new()] {
        let mut store = Store::open(&path)?;
        let mut random = RandomSearch::new(space.clone(), RandomSearchConfig::default(), Seed::new(1))?;
        let study = Study::new(&*space, &mut random, &evaluator).epochs(4);
        let study = study.budget(Budget::trials(30)).store(&mut store);
        println!("{}\n", study.stop(round).observer(&mut stop_at_ten).run()?);
    }
    Ok(())
}
