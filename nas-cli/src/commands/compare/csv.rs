//! The runs of a comparison as a table for other programs.

use std::fmt::Write;

use nas_study::compare::Comparison;

const BEGIN: &str = "task,method,seed,trials,failed,epochs,image_passes";
const ACCURACIES: &str = "valid_accuracy,test_accuracy";
/// Where any task's figures are no accuracies.
const FIGURES: &str = "metric,valid,test";
const END: &str = "trial_seconds,strategy_seconds,final_seconds,architecture";

/// One line for each run; a run without a result has no figures. No field needs quotes: names of methods and tasks have neither
/// commas nor quotes, and in that of a metric they become spaces.
pub(super) fn runs(comparison: &Comparison) -> String {
    let comparison = comparison.in_values();
    let plain = comparison.tasks.values().all(|task| task.metric.is_accuracy());
    let figures = if plain { ACCURACIES } else { FIGURES };
    let mut text = format!("{BEGIN},{figures},{END}\n");
    for (task, compared) in &comparison.tasks {
        let metric = match plain {
            true => String::new(),
            false => format!("{},", compared.metric.name().replace([',', '"'], " ")),
        };
        for (method, standing) in &compared.methods {
            for run in &standing.runs {
                let chosen = run.incumbents.last().map(|one| one.architecture.to_string());
                let known =
                    |accuracy: Option<f64>| accuracy.map_or(String::new(), |accuracy| accuracy.to_string());
                // Writing to a string cannot fail.
                let _ = writeln!(
                    text,
                    "{task},{method},{},{},{},{},{},{metric}{},{},{},{},{},{}",
                    run.seed,
                    run.trials,
                    run.failed,
                    run.epochs,
                    run.image_passes
                        .map_or(String::new(), |passes| passes.to_string()),
                    known(run.valid_accuracy),
                    known(run.test_accuracy),
                    run.trial_seconds,
                    run.strategy_seconds,
                    run.final_seconds,
                    chosen.unwrap_or_default()
                );
            }
        }
    }
    text
}
