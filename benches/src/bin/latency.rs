//! How well latencies from a table of operations agree with those of whole networks, on random architectures of a space.
//!
//! `cargo run --release --bin latency -- [SPACE] [ARCHITECTURES] [CHANNELS] [CELLS] [SIDE]`, by default NAS-Bench-201 in its published
//! size: 50 architectures of 16 channels and 5 cells in each stage, on images of 32×32 pixels.

use std::sync::Arc;

use anyhow::{Context, Result};
use nas_eval::clock::Stopwatch;
use nas_eval::latency::{Latency, LatencyTable};
use nas_pnas::rank::spearman;
use nas_space::network::NetworkConfig;
use nas_space::seed::Seed;
use nas_space::shape::Shape;
use nas_space::spaces;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[expect(clippy::print_stdout, reason = "it is a program")]
fn main() -> Result<()> {
    let mut words = std::env::args().skip(1);
    let space = words.next().unwrap_or_else(|| "nb201".to_owned());
    let mut number = |default: usize| -> Result<usize> {
        let word = words.next();
        word.map_or(Ok(default), |word| {
            word.parse().with_context(|| format!("'{word}' is no number"))
        })
    };
    let (count, channels, cells, side) = (number(50)?, number(16)?, number(5)?, number(32)?);
    let space = spaces::by_name(&space)?;
    let config = NetworkConfig {
        image: Shape::new(3, side, side),
        channels,
        cells,
        ..NetworkConfig::default()
    };
    let mut rng = Seed::new(0).derive("latency", 0).rng();
    let networks = (0..count)
        .map(|_| Ok(Arc::new(space.network(&space.sample(&mut rng), &config)?)))
        .collect::<Result<Vec<_>>>()?;
    let table = LatencyTable::new();
    let watch = Stopwatch::start();
    let sums = networks
        .iter()
        .map(|network| Ok(table.milliseconds(network)?))
        .collect::<Result<Vec<_>>>()?;
    let measuring = watch.seconds();
    let watch = Stopwatch::start();
    for network in &networks {
        table.milliseconds(network)?;
    }
    let looking_up = 1e6 * watch.seconds() / count as f64;
    let measured = networks
        .iter()
        .map(|network| Ok(Latency::on_one_thread(network)?.milliseconds))
        .collect::<Result<Vec<_>>>()?;
    let mut ratios: Vec<f64> = sums
        .iter()
        .zip(&measured)
        .map(|(sum, measured)| sum / measured)
        .collect();
    ratios.sort_by(f64::total_cmp);
    let mut errors: Vec<f64> = ratios.iter().map(|ratio| (ratio - 1.0).abs()).collect();
    errors.sort_by(f64::total_cmp);
    println!(
        "{}",
        serde_json::json!({
            "architectures": count,
            "operations": table.entries().len(),
            "seconds_of_measuring": measuring,
            "microseconds_of_a_sum": looking_up,
            "milliseconds": [measured.iter().copied().fold(f64::INFINITY, f64::min), measured.iter().copied().fold(0.0, f64::max)],
            "spearman": spearman(&sums, &measured),
            "median_error": errors[count / 2],
            "largest_error": errors[count - 1],
            "median_ratio": ratios[count / 2],
        })
    );
    Ok(())
}
