//! Times the choice of the paper's last level: 256 cells of four blocks are expanded into 1,176 children each, those that are
//! different are predicted in batches. Prints one JSON object.
//!
//! `level [mlp|lstm|forest|gaussian_process] [--threads T] [--epochs E]`; the surrogate has learned from 136 cells of one block and 256
//! of each number up to four, of made-up accuracies. `peak_mb` is the most memory the process has held, on Linux.

use std::collections::HashSet;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use nas_eval::clock::Stopwatch;
use nas_pnas::expansion::Expansion;
use nas_pnas::surrogate::{ForestConfig, GaussianProcessConfig, NetworkConfig, Sample, SurrogateConfig};
use nas_space::arch::Architecture;
use nas_space::seed::Seed;
use nas_space::spaces::{PnasConfig, Space, pnas};
use serde_json::json;

const PARENTS: usize = 256;
const BATCH: usize = 8_192;

fn main() -> Result<()> {
    let mut name = "mlp".to_owned();
    let mut network = NetworkConfig::default();
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().with_context(|| format!("{word} needs a value"));
        match &word[..] {
            "--threads" => rayon::ThreadPoolBuilder::new()
                .num_threads(value()?.parse()?)
                .build_global()?,
            "--epochs" => network.epochs = value()?.parse()?,
            _ => name = word,
        }
    }
    let config = match &name[..] {
        "mlp" => SurrogateConfig::Mlp(network),
        "lstm" => SurrogateConfig::Lstm(network),
        "forest" => SurrogateConfig::Forest(ForestConfig::default()),
        "gaussian_process" => SurrogateConfig::GaussianProcess(GaussianProcessConfig::default()),
        other => bail!("no surrogate is called '{other}'; there are mlp, lstm, forest, gaussian_process"),
    };
    let space: Arc<dyn Space> = Arc::new(pnas(&PnasConfig::default())?);
    let growth = space.growth().context("the space grows")?;
    let mut rng = Seed::new(1).rng();
    let mut samples = Vec::new();
    for (level, count) in [(1, 136), (2, PARENTS), (3, PARENTS), (4, PARENTS)] {
        while samples
            .iter()
            .filter(|sample: &&Sample| sample.level == level)
            .count()
            < count
        {
            let architecture = growth.sample_at(level, &mut rng);
            if growth.is_ordered(&architecture)? {
                let accuracy = made_up(&architecture);
                samples.push(Sample {
                    architecture,
                    accuracy,
                    level,
                });
            }
        }
    }
    let mut surrogate = config.build(&space, Seed::new(2))?;
    let watch = Stopwatch::start();
    surrogate.fit(&samples)?;
    let fit_seconds = watch.seconds();
    let last = samples.iter().filter(|sample| sample.level == 4);
    let parents: Vec<Architecture> = last.map(|sample| sample.architecture.clone()).collect();
    let mut expansion = Expansion::of(Arc::clone(&space), parents, HashSet::new());
    let (mut expand_seconds, mut predict_seconds, mut best) = (0.0, 0.0, f64::NEG_INFINITY);
    loop {
        let watch = Stopwatch::start();
        let batch = expansion.next_batch(BATCH)?;
        expand_seconds += watch.seconds();
        let Some(batch) = batch else { break };
        let watch = Stopwatch::start();
        let architectures: Vec<Architecture> = batch
            .into_iter()
            .map(|candidate| candidate.architecture)
            .collect();
        for prediction in surrogate.predict(&architectures)? {
            best = best.max(prediction.mean);
        }
        predict_seconds += watch.seconds();
    }
    let result = json!({
        "surrogate": name,
        "threads": rayon::current_num_threads(),
        "samples": samples.len(),
        "children": expansion.written(),
        "different": expansion.distinct(),
        "best": best,
        "fit_seconds": fit_seconds,
        "expand_seconds": expand_seconds,
        "predict_seconds": predict_seconds,
        "peak_mb": peak_megabytes(),
    });
    print(&result.to_string());
    Ok(())
}

/// The share of convolutions.
fn made_up(architecture: &Architecture) -> f64 {
    let blocks = architecture.choices().chunks_exact(4);
    let count = 2.0 * blocks.len() as f64;
    let convolutions = blocks
        .flat_map(|block| &block[2..])
        .filter(|&&operation| operation < 4);
    0.5 + 0.4 * convolutions.count() as f64 / count
}

/// The most memory held so far, if the system says.
fn peak_megabytes() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kilobytes: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes / 1024.0)
}

#[expect(clippy::print_stdout, reason = "what this program is for")]
fn print(text: &str) {
    println!("{text}");
}
