//! One operation more: training passes of networks that repeat an operation four times, forward and backward.
#![allow(missing_docs, reason = "criterion's macros make undocumented items")]
#![allow(clippy::unwrap_used, reason = "a bench that cannot run has nothing to say")]

use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use nas_benches as _;
use nas_eval::model::{Logits, Model, Pass};
use nas_eval::ops::cross_entropy;
use nas_space::network::{Conv2d, LayerId, Network, NetworkBuilder, Pool2d, PoolKind};
use nas_space::seed::Seed;
use nas_space::shape::Shape;
use rand::RngExt;

const BATCH: usize = 64;

/// Channels and size of the stages of the workloads.
const STAGES: [(usize, usize); 3] = [(16, 32), (32, 16), (64, 8)];

/// The operation, and how often it is repeated.
fn network(operation: &str, channels: usize, size: usize, times: usize) -> Network {
    let mut b = NetworkBuilder::new(Shape::new(3, size, size)).unwrap();
    let image = b.image();
    let mut x = b.conv(image, Conv2d::pointwise(channels)).unwrap();
    for _ in 0..times {
        x = add(&mut b, x, operation, channels);
    }
    let x = b.global_avg_pool(x).unwrap();
    let logits = b.linear(x, 10).unwrap();
    b.finish(logits, None)
}

fn add(b: &mut NetworkBuilder, x: LayerId, operation: &str, channels: usize) -> LayerId {
    let pool = |kind| Pool2d {
        kind,
        kernel: [3, 3],
        stride: [1, 1],
        padding: [1, 1],
    };
    let mut separable = |kernel, dilation| {
        let x = b.relu(x).unwrap();
        let x = b.conv(x, Conv2d::depthwise(channels, kernel, dilation)).unwrap();
        let x = b.conv(x, Conv2d::pointwise(channels)).unwrap();
        b.batch_norm(x, true).unwrap()
    };
    match operation {
        "separable 3x3" => separable(3, 1),
        "separable 5x5" => separable(5, 1),
        "dilated 3x3" => separable(3, 2),
        "dilated 5x5" => separable(5, 2),
        "dense 1x1" => b.relu_conv_bn(x, Conv2d::pointwise(channels), true).unwrap(),
        "dense 3x3" => b.relu_conv_bn(x, Conv2d::same(channels, [3, 3]), true).unwrap(),
        "max pool 3x3" => b.pool(x, pool(PoolKind::Max)).unwrap(),
        // The one that is left: averages.
        _ => b.pool(x, pool(PoolKind::Average)).unwrap(),
    }
}

fn operations(c: &mut Criterion) {
    let operations = [
        "separable 3x3",
        "separable 5x5",
        "dilated 3x3",
        "dilated 5x5",
        "dense 1x1",
        "dense 3x3",
        "max pool 3x3",
        "average pool 3x3",
    ];
    let mut group = c.benchmark_group("operation");
    group.sample_size(10);
    for operation in operations {
        for (channels, size) in STAGES {
            let network = network(operation, channels, size, 4);
            let model = Model::new(Arc::new(network), Seed::new(0), &Device::Cpu, DType::F32).unwrap();
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
