//! Trains one network on the built-in digits and tests it, once. The network is NAS-Bench-201's
//! ResNet cell with 16 channels; three epochs take seconds. Any other `Genotype` can take its
//! place.

#![expect(clippy::print_stdout, reason = "an example")]

use nas_eval::evaluator::JudgedBy;
use nas_eval::final_training::Validation;
use nas_eval::{Compute, Dataset, FinalTraining, TrainingEvaluatorConfig};
use nas_space::{Seed, named, op::Operations, search::Stop};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let digits = Dataset::load("digits", None)?;
    let config = TrainingEvaluatorConfig::quick("digits")?;
    let training = FinalTraining {
        genotype: &named::by_name("NB201_RESNET")?.genotype,
        operations: &Operations::standard(),
        dataset: &digits,
        network: config.network,
        train: config.train.with_epochs(3),
        judged_by: JudgedBy::Accuracy,
        validation: Validation::None,
        seed: Seed::new(1),
        compute: &Compute::cpu(),
        checkpoint: None,
        stop: Stop::new(),
    };
    let report = training.run(|epoch| println!("epoch {}: loss {:.3}", epoch.epoch, epoch.train_loss))?;
    println!(
        "test accuracy {:.1} %, {} parameters",
        100.0 * report.test.test_accuracy,
        report.cost.params
    );
    Ok(())
}
