//! Seconds that a zero-cost proxy takes for each of some cells of NAS-Bench-201, in the published size, with a batch of 64
//! images of CIFAR-10's shape: the peer of `proxies.py speed`, which runs it.

use std::sync::Arc;

use anyhow::{Context, Result, bail};
use candle_core::{Device, Tensor};
use nas_eval::Compute;
use nas_eval::clock::Stopwatch;
use nas_eval::proxy::{ProxyBatch, ProxyKind, score_network};
use nas_space::genotype::Genotype;
use nas_space::network::NetworkConfig;
use nas_space::op::Operations;
use nas_space::seed::Seed;
use rand::RngExt as _;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const IMAGES: usize = 64;

#[expect(clippy::print_stdout, reason = "it is a program")]
fn main() -> Result<()> {
    let mut words = std::env::args().skip(1);
    let kind: ProxyKind = words
        .next()
        .context("proxies PROXY [--threads T] CELL…")?
        .parse()?;
    let mut cells = Vec::new();
    while let Some(word) = words.next() {
        if word == "--threads" {
            let threads = words.next().context("--threads needs a number")?.parse()?;
            rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build_global()?;
        } else {
            cells.push(word);
        }
    }
    if cells.is_empty() {
        bail!("there are no cells");
    }
    let config = NetworkConfig {
        channels: 16,
        cells: 5,
        ..NetworkConfig::default()
    };
    let compute = Compute::cpu();
    let mut rng = Seed::new(1).rng();
    let values: Vec<f32> = (0..IMAGES * 3 * 32 * 32)
        .map(|_| rng.random_range(-1.7..1.7))
        .collect();
    let images = Tensor::from_vec(values, (IMAGES, 3, 32, 32), &Device::Cpu)?;
    let labels: Vec<u32> = (0..IMAGES as u32).map(|i| i % 10).collect();
    let labels = Tensor::from_vec(labels, IMAGES, &Device::Cpu)?;
    let batch = ProxyBatch::new(&images, &labels, 10, &compute)?;
    let score = |cell: &str| -> Result<f64> {
        let genotype: Genotype = cell.parse()?;
        let network = genotype.network(&Operations::standard(), &config)?;
        Ok(score_network(&Arc::new(network), &[kind], &batch, Seed::new(0), &compute)?[0])
    };
    score(&cells[0])?;
    let seconds: Vec<f64> = cells
        .iter()
        .map(|cell| {
            let watch = Stopwatch::start();
            score(cell)?;
            Ok(watch.seconds())
        })
        .collect::<Result<_>>()?;
    println!("{}", serde_json::json!({ "proxy": kind, "seconds": seconds }));
    Ok(())
}
