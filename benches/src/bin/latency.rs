//! How well latencies from a table of operations agree with those of whole networks, on random architectures of a space.
//!
//! `cargo run --release --bin latency -- [SPACE] [ARCHITECTURES] [CHANNELS] [CELLS] [SIDE] [ROUNDS]`, by default NAS-Bench-201 in its
//! published size: 50 architectures of 16 channels and 5 cells in each stage, on images of 32×32 pixels, in 3 rounds.
//!
//! A machine that others share is faster in one minute than in the next. So each round measures a new table and then all networks, and
//! a sum or a latency is the median over the rounds. What each round alone shows is printed, too.

use std::sync::Arc;

use anyhow::{Context, Result};
use nas_eval::clock::Stopwatch;
use nas_eval::latency::{Latency, LatencyTable};
use nas_pnas::rank::spearman;
use nas_space::network::{Network, NetworkConfig};
use nas_space::seed::Seed;
use nas_space::shape::Shape;
use nas_space::spaces;
use serde::Serialize;

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
    let rounds = number(3)?.max(1);
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
    let rounds = (0..rounds)
        .map(|_| Round::measure(&networks))
        .collect::<Result<Vec<_>>>()?;
    let over_rounds = |of: fn(&Round) -> &[f64]| -> Vec<f64> {
        let of_network = |index| median(rounds.iter().map(|round| of(round)[index]).collect());
        (0..count).map(of_network).collect()
    };
    let whole = Agreement::of(
        &over_rounds(|round| &round.sums),
        &over_rounds(|round| &round.measured),
    );
    let last = &rounds[rounds.len() - 1];
    println!(
        "{}",
        serde_json::json!({
            "architectures": count,
            "operations": last.operations,
            "seconds_of_measuring": last.seconds_of_measuring,
            "microseconds_of_a_sum": last.microseconds_of_a_sum,
            "agreement": whole,
            "rounds": rounds.iter().map(|round| Agreement::of(&round.sums, &round.measured)).collect::<Vec<_>>(),
        })
    );
    Ok(())
}

/// A table and whole networks, measured one after the other.
struct Round {
    /// Milliseconds of each network by the table.
    sums: Vec<f64>,
    /// Milliseconds of each network as a whole.
    measured: Vec<f64>,
    operations: usize,
    seconds_of_measuring: f64,
    microseconds_of_a_sum: f64,
}

impl Round {
    fn measure(networks: &[Arc<Network>]) -> Result<Self> {
        let table = LatencyTable::new();
        let watch = Stopwatch::start();
        let sums = networks
            .iter()
            .map(|network| Ok(table.milliseconds(network)?))
            .collect::<Result<Vec<_>>>()?;
        let seconds_of_measuring = watch.seconds();
        let watch = Stopwatch::start();
        for network in networks {
            table.milliseconds(network)?;
        }
        let microseconds_of_a_sum = 1e6 * watch.seconds() / networks.len() as f64;
        let measured = networks
            .iter()
            .map(|network| Ok(Latency::on_one_thread(network)?.milliseconds))
            .collect::<Result<Vec<_>>>()?;
        Ok(Self {
            sums,
            measured,
            operations: table.entries().len(),
            seconds_of_measuring,
            microseconds_of_a_sum,
        })
    }
}

/// How well sums agree with what was measured.
#[derive(Serialize)]
struct Agreement {
    /// The shortest and the longest latency, in milliseconds.
    milliseconds: [f64; 2],
    spearman: Option<f64>,
    /// Errors as shares of what was measured.
    median_error: f64,
    largest_error: f64,
    median_ratio: f64,
}

impl Agreement {
    fn of(sums: &[f64], measured: &[f64]) -> Self {
        let ratios: Vec<f64> = sums
            .iter()
            .zip(measured)
            .map(|(sum, measured)| sum / measured)
            .collect();
        let errors: Vec<f64> = ratios.iter().map(|ratio| (ratio - 1.0).abs()).collect();
        Self {
            milliseconds: [
                measured.iter().copied().fold(f64::INFINITY, f64::min),
                measured.iter().copied().fold(0.0, f64::max),
            ],
            spearman: spearman(sums, measured),
            largest_error: errors.iter().copied().fold(0.0, f64::max),
            median_error: median(errors),
            median_ratio: median(ratios),
        }
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
