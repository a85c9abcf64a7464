//! One operation more: training passes of networks that repeat an operation four times, forward and backward.
#![allow(missing_docs, reason = "criterion's macros make undocumented items")]
#![allow(clippy::unwrap_used, reason = "a bench that cannot run has nothing to say")]

use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use nas_benches::{OPERATIONS, repeated};
use nas_eval::Compute;
use nas_eval::model::{Logits, Model, Pass};
use nas_eval::ops::cross_entropy;
use nas_space::seed::Seed;
use rand::RngExt;

const BATCH: usize = 64;

/// Channels and size of the stages of the workloads.
const STAGES: [(usize, usize); 3] = [(16, 32), (32, 16), (64, 8)];

fn operations(c: &mut Criterion) {
    let mut group = c.benchmark_group("operation");
    group.sample_size(10);
    for operation in OPERATIONS {
        for (channels, size) in STAGES {
            let network = repeated(operation, channels, size, 4).unwrap();
            let model = Model::new(Arc::new(network), Seed::new(0), &Compute::cpu()).unwrap();
            let mut rng = Seed::new(1).rng();
            let pixels: Vec<f32> = (0..BATCH * 3 * size * size)
                .map(|_| rng.random_range(-1.0..1.0))
                .collect();
            let images = Tensor::from_vec(pixels, (BATCH, 3, size, size), &Device::Cpu).unwrap();
            let labels = Tensor::zeros(BATCH, DType::U32, &Device::Cpu).unwrap();
            let pass = Pass::Train {
                seed: Seed::new(2),
                drop_path: 0.0,
            };
            let loss = |logits: &Logits| cross_entropy(&logits.main, &labels, 0.0);
            let what = format!("{channels}x{size}x{size}, four times");
            group.bench_function(BenchmarkId::new(operation, what), |b| {
                b.iter(|| model.differentiate(&images, &pass, loss).unwrap());
            });
        }
    }
    group.finish();
}

criterion_group!(benches, operations);
criterion_main!(benches);
