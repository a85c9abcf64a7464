//! Whole training steps: forward, backward and the optimizer's update, on random images.
#![allow(missing_docs, reason = "criterion's macros make undocumented items")]
#![allow(clippy::unwrap_used, reason = "a bench that cannot run has nothing to say")]

use std::sync::Arc;

use candle_core::{Device, Tensor};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use nas_benches as _;
use nas_eval::Compute;
use nas_eval::model::{Logits, Model, Pass};
use nas_eval::nn::OptimizerConfig;
use nas_eval::ops::cross_entropy;
use nas_space::genotype::Genotype;
use nas_space::network::NetworkConfig;
use nas_space::op::Operations;
use nas_space::seed::Seed;
use nas_space::shape::Shape;
use rand::RngExt;

/// Name, architecture, image, channels, cells, batch.
const WORKS: [(&str, &str, Shape, usize, usize, usize); 4] = [
    ("nb201-digits", "NB201_ALL_3X3", Shape::new(1, 8, 8), 16, 1, 64),
    ("nb201-fashion", "NB201_ALL_3X3", Shape::new(1, 28, 28), 16, 1, 64),
    ("nb201-cifar", "NB201_ALL_3X3", Shape::new(3, 32, 32), 16, 5, 64),
    ("darts-v2-fashion", "DARTS_V2", Shape::new(1, 28, 28), 16, 5, 64),
];

fn steps(c: &mut Criterion) {
    let mut group = c.benchmark_group("step");
    group.sample_size(10);
    for (name, arch, image, channels, cells, batch) in WORKS {
        let genotype: Genotype = arch.parse().unwrap();
        let config = NetworkConfig {
            image,
            channels,
            cells,
            ..NetworkConfig::default()
        };
        let network = genotype.network(&Operations::standard(), &config).unwrap();
        let model = Model::new(Arc::new(network), Seed::new(0), &Compute::cpu()).unwrap();
        let mut optimizer = OptimizerConfig::default().build().unwrap();
        let mut rng = Seed::new(1).rng();
        let pixels: Vec<f32> = (0..batch * image.numel())
            .map(|_| rng.random_range(-1.0..1.0))
            .collect();
        let shape = (batch, image.channels, image.height, image.width);
        let images = Tensor::from_vec(pixels, shape, &Device::Cpu).unwrap();
        let labels: Vec<u32> = (0..batch).map(|_| rng.random_range(0..10)).collect();
        let labels = Tensor::from_vec(labels, batch, &Device::Cpu).unwrap();
        let parameters = format!("C{channels} L{cells} {image} batch {batch}");
        group.bench_function(BenchmarkId::new(name, parameters), |b| {
            b.iter(|| {
                let pass = Pass::Train {
                    seed: Seed::new(2),
                    drop_path: 0.0,
                };
                let loss = |logits: &Logits| cross_entropy(&logits.main, &labels, 0.0);
                let (_, _, gradients) = model.differentiate(&images, &pass, loss).unwrap();
                optimizer.step(model.parameters(), &gradients, 0.01).unwrap();
            });
        });
    }
    group.finish();
}

criterion_group!(benches, steps);
criterion_main!(benches);
