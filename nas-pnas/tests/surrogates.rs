//! What surrogates can do on a landscape made up for them. Differences are judged over seeds by a
//! sign test: of 12 seeds at least 10 on one side has probability 0.019 by chance.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;

use nas_pnas::rank::spearman;
use nas_pnas::surrogate::{
    Encoding, ForestConfig, GaussianProcessConfig, NetworkConfig, Sample, SurrogateConfig,
};
use nas_space::arch::Architecture;
use nas_space::seed::Seed;
use nas_space::spaces::{Growth, PnasConfig, Space, pnas};
use rand_chacha::ChaCha8Rng;

const SEEDS: u64 = 12;
const ENOUGH: usize = 10;

const WORTH: [f64; 8] = [0.9, 0.7, 0.6, 0.4, 0.2, 0.3, 0.5, 0.1];

/// The worth of the operations, and a little for reading other blocks.
fn landscape(architecture: &Architecture) -> f64 {
    let blocks = architecture.choices().chunks_exact(4);
    let count = blocks.len() as f64;
    let worth: f64 = blocks
        .map(|block| WORTH[block[2]] + WORTH[block[3]] + 0.05 * (block[0] + block[1]) as f64)
        .sum();
    0.5 + 0.2 * worth / count
}

fn space() -> Arc<dyn Space> {
    Arc::new(pnas(&PnasConfig { blocks: 3 }).unwrap())
}

fn growth(space: &Arc<dyn Space>) -> &dyn Growth {
    space.growth().unwrap()
}

/// Cells of this level whose operations are among `operations`.
fn draw(
    space: &Arc<dyn Space>,
    level: usize,
    count: usize,
    operations: std::ops::Range<usize>,
    rng: &mut ChaCha8Rng,
) -> Vec<Architecture> {
    let allowed = |a: &Architecture| {
        let mut blocks = a.choices().chunks_exact(4);
        blocks.all(|block| operations.contains(&block[2]) && operations.contains(&block[3]))
    };
    let draws = std::iter::repeat_with(|| growth(space).sample_at(level, rng));
    draws.filter(allowed).take(count).collect()
}

fn samples(architectures: &[Architecture], level: usize) -> Vec<Sample> {
    let sample = |architecture: &Architecture| Sample {
        architecture: architecture.clone(),
        accuracy: landscape(architecture),
        level,
    };
    architectures.iter().map(sample).collect()
}

fn small() -> NetworkConfig {
    NetworkConfig {
        embedding: 16,
        hidden: 24,
        epochs: 20,
        batch_size: 16,
        ..NetworkConfig::default()
    }
}

fn all() -> [SurrogateConfig; 5] {
    let forest = ForestConfig {
        trees: 8,
        ..ForestConfig::default()
    };
    [
        SurrogateConfig::Mlp(small()),
        SurrogateConfig::Lstm(small()),
        SurrogateConfig::Forest(forest),
        SurrogateConfig::GaussianProcess(GaussianProcessConfig::default()),
        SurrogateConfig::GaussianProcess(GaussianProcessConfig {
            encoding: Encoding::Paths,
        }),
    ]
}

fn truth(architectures: &[Architecture]) -> Vec<f64> {
    architectures.iter().map(landscape).collect()
}

#[test]
fn every_surrogate_ranks_the_next_level_better_than_chance() {
    let space = space();
    for config in all() {
        // From one block to two, and from both to three.
        let mut positive = [0; 2];
        let mut within = 0;
        for seed in 0..SEEDS {
            let seed = Seed::new(seed);
            let mut rng = seed.rng();
            let cells = [1, 2, 3].map(|level| draw(&space, level, 40, 0..8, &mut rng));
            let mut surrogate = config.build(&space, seed).unwrap();
            let mut learned = Vec::new();
            for level in 1..3 {
                learned.extend(samples(&cells[level - 1], level));
                let held_out = surrogate.fit(&learned).unwrap();
                let predictions = surrogate.predict(&cells[level]).unwrap();
                let means: Vec<f64> = predictions.iter().map(|prediction| prediction.mean).collect();
                let rho = spearman(&means, &truth(&cells[level])).unwrap();
                positive[level - 1] += usize::from(rho > 0.0);
                if level == 2 {
                    let unseen: Vec<f64> = held_out[40..].iter().map(|held_out| held_out.unwrap()).collect();
                    within += usize::from(spearman(&unseen, &truth(&cells[1])).unwrap() > 0.0);
                }
            }
        }
        assert!(
            positive.iter().all(|&n| n >= ENOUGH),
            "{config:?}: {positive:?} of {SEEDS}"
        );
        assert!(within >= ENOUGH, "{config:?}: held out {within} of {SEEDS}");
    }
}

#[test]
fn every_surrogate_comes_close_to_what_it_was_taught() {
    let space = space();
    for config in all() {
        let config = match config {
            SurrogateConfig::Mlp(network) => SurrogateConfig::Mlp(NetworkConfig {
                epochs: 80,
                ..network
            }),
            SurrogateConfig::Lstm(network) => SurrogateConfig::Lstm(NetworkConfig {
                epochs: 80,
                ..network
            }),
            other => other,
        };
        let cells = draw(&space, 2, 60, 0..8, &mut Seed::new(1).rng());
        let mut surrogate = config.build(&space, Seed::new(1)).unwrap();
        surrogate.fit(&samples(&cells, 2)).unwrap();
        let predictions = surrogate.predict(&cells).unwrap();
        let truth = truth(&cells);
        let mean = truth.iter().sum::<f64>() / 60.0;
        let error: f64 = predictions
            .iter()
            .zip(&truth)
            .map(|(p, t)| (p.mean - t).abs())
            .sum();
        let spread: f64 = truth.iter().map(|t| (t - mean).abs()).sum();
        assert!(
            error < 0.5 * spread,
            "{config:?}: {error}, of always the mean {spread}"
        );
    }
}

/// Trained on cells of four operations, asked for those and for the other four. Forests are left
/// out: of operations that no tree has split by, they all say the same.
#[test]
fn the_spread_is_larger_away_from_what_was_learned() {
    let space = space();
    // Trained until the members agree on what they were taught.
    let long = NetworkConfig {
        epochs: 80,
        batch_size: 40,
        ..small()
    };
    let telling = [
        SurrogateConfig::Mlp(long),
        SurrogateConfig::Lstm(long),
        SurrogateConfig::GaussianProcess(GaussianProcessConfig::default()),
        SurrogateConfig::GaussianProcess(GaussianProcessConfig {
            encoding: Encoding::Paths,
        }),
    ];
    for config in telling {
        let mut larger = 0;
        for seed in 0..SEEDS {
            let seed = Seed::new(seed);
            let mut rng = seed.rng();
            let known = draw(&space, 2, 40, 0..4, &mut rng);
            let unknown = draw(&space, 2, 40, 4..8, &mut rng);
            let mut surrogate = config.build(&space, seed).unwrap();
            surrogate.fit(&samples(&known, 2)).unwrap();
            let spread = |cells: &[Architecture]| {
                let predictions = surrogate.predict(cells).unwrap();
                predictions
                    .iter()
                    .map(|prediction| prediction.spread)
                    .sum::<f64>()
            };
            larger += usize::from(spread(&unknown) > spread(&known));
        }
        assert!(larger >= ENOUGH, "{config:?}: {larger} of {SEEDS}");
    }
}
