//! The runs of a comparison as a table for other programs.

use std::fmt::Write;

use nas_study::compare::Comparison;

const HEAD: &str = "task,method,seed,trials,failed,epochs,valid_accuracy,test_accuracy,trial_seconds,strategy_seconds,\
                    final_seconds,architecture\n";

/// One line for each run; a run without a result has no accuracies. No field needs quotes: names of methods and tasks have neither commas nor quotes.
pub(super) fn runs(comparison: &Comparison) -> String {
    let mut text = HEAD.to_owned();
    for (task, compared) in &comparison.tasks {
        for (method, standing) in &compared.methods {
            for run in &standing.runs {
                let chosen = run.incumbents.last().map(|one| one.architecture.to_string());
                let known =
                    |accuracy: Option<f64>| accuracy.map_or(String::new(), |accuracy| accuracy.to_string());
                // Writing to a string cannot fail.
                let _ = writeln!(
                    text,
                    "{task},{method},{},{},{},{},{},{},{},{},{},{}",
                    run.seed,
                    run.trials,
                    run.failed,
                    run.epochs,
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
