//! A run of a method that trains a supernet.

use std::path::Path;

use anyhow::{Context, Result};
use nas_runner::plan::{RunConfig, Work};
use nas_space::search::Stop;
use nas_study::RunDir;
use nas_study::compare::{Incumbent, Run};
use nas_tables::TabularEvaluator;

use super::bench::train;

/// Trains the supernet on the images of `work`, in this directory, and judges what it finds as one trial: by training it, or with a
/// table by looking it up. With a table, the run also has what the supernet would have found after each epoch.
pub(super) fn run(
    config: &RunConfig,
    (work, table): (&Work, Option<&TabularEvaluator>),
    directory: &Path,
    workers: Option<usize>,
    stop: &Stop,
) -> Result<Run> {
    let mut run = train(config.clone(), directory, workers, stop)?;
    let found = config.method.found_by_epoch(&RunDir::open(directory)?, 0)?;
    let planned = config.method.supernet_plan().map(|plan| plan.epochs);
    // A search may have ended early.
    let epochs = match found.len() {
        0 => planned.context("the method trains no supernet")?,
        done => u32::try_from(done)?,
    };
    let of_supernet = work.of_supernet(config, epochs)?;
    let passes = of_supernet.saturating_add(work.of_epoch(config)?.saturating_mul(run.epochs));
    run.image_passes = Some(passes);
    for one in &mut run.incumbents {
        one.image_passes = Some(passes);
    }
    let Some(table) = table else {
        return Ok(run);
    };
    let space = config.space.build()?;
    let mut on_the_way = Vec::new();
    for (epoch, (seconds, genotype)) in (1..).zip(found) {
        on_the_way.push(Incumbent {
            trials: 0,
            epochs: 0,
            image_passes: Some(work.of_supernet(config, epoch)?),
            seconds,
            architecture: space.architecture(&genotype)?,
            valid_accuracy: None,
            test_accuracy: None,
        });
    }
    run.incumbents.splice(0..0, on_the_way);
    for one in &mut run.incumbents {
        // A table may lack some figures.
        let test = table.test_report(&one.architecture).ok();
        one.test_accuracy = test.map(|test| test.test_accuracy);
    }
    Ok(run)
}
