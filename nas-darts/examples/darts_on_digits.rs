//! DARTS on 256 of the built-in digits: a small supernet of the NAS-Bench-201 space learns weights
//! and strengths in turn, and a cell is read off the strengths. After so few epochs it is no better
//! than chance; `nas search darts` has settings that are.

#![expect(clippy::print_stdout, reason = "an example")]

use nas_darts::{DartsConfig, Event, Search};
use nas_eval::{Augmentation, Compute, Dataset};
use nas_space::spaces::nb201;
use nas_space::{NetworkConfig, Seed};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let digits = Dataset::load("digits", None)?.with_training_images(256, Seed::new(0))?;
    let image = digits.train.shape();
    let config = DartsConfig {
        network: NetworkConfig {
            image,
            channels: 4,
            cells: 1,
            ..NetworkConfig::default()
        },
        epochs: 3,
        augmentation: Augmentation::NONE,
        ..DartsConfig::default()
    };
    let mut search = Search::new(&nb201(), &digits, config, Seed::new(1), &Compute::cpu())?;
    let report = search.run(None, |event| {
        if let Event::Epoch { report, .. } = event {
            println!(
                "epoch {}: loss {:.3}, {}",
                report.epoch, report.train_loss, report.genotype
            );
        }
    })?;
    println!("{}", report.genotype);
    Ok(())
}
