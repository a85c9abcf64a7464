//! Networks that exports are tested on.
#![allow(dead_code, reason = "each test uses a part of it")]

use std::fs;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use nas_eval::model::Pass;
use nas_eval::{Compute, Model};
use nas_space::network::{Conv2d, LayerKind, Network, NetworkBuilder, NetworkConfig, Pool2d, PoolKind};
use nas_space::op::Operations;
use nas_space::seed::Seed;
use nas_space::shape::Shape;
use nas_space::{named, spaces};
use rand::RngExt;

/// The largest difference of a class score, over the larger of 1 and the score.
pub(crate) const BOUND: f64 = 1e-4;

pub(crate) fn config(height: usize, width: usize) -> NetworkConfig {
    NetworkConfig {
        image: Shape::new(3, height, width),
        classes: 5,
        channels: 4,
        cells: 3,
        ..NetworkConfig::default()
    }
}

/// A model of the network whose running statistics and scales are not those it starts with.
pub(crate) fn seasoned(network: Network, seed: u64) -> Model {
    let model = Model::new(Arc::new(network), Seed::new(seed), &Compute::cpu()).unwrap();
    let mut rng = Seed::new(seed).derive("images", 0).rng();
    for step in 0..3 {
        let image = model.network().image();
        let values: Vec<f32> = (0..8 * image.numel())
            .map(|_| rng.random_range(-2.0..2.0))
            .collect();
        let images = Tensor::from_vec(
            values,
            (8, image.channels, image.height, image.width),
            &Device::Cpu,
        )
        .unwrap();
        let pass = Pass::Train {
            seed: Seed::new(step),
            drop_path: 0.0,
        };
        model.forward(&images, &pass).unwrap();
    }
    for (_, parameter) in model.parameters().iter() {
        if parameter.var.dims().len() == 1 {
            let values: Vec<f32> = (0..parameter.var.elem_count())
                .map(|_| rng.random_range(0.5..1.5))
                .collect();
            parameter
                .var
                .set(&Tensor::from_vec(values, parameter.var.shape(), &Device::Cpu).unwrap())
                .unwrap();
        }
    }
    model
}

pub(crate) fn images(shape: Shape, count: usize) -> Vec<Vec<u8>> {
    let mut rng = Seed::new(7).rng();
    let mut image = || (0..shape.numel()).map(|_| rng.random_range(0..=255_u8)).collect();
    (0..count).map(|_| image()).collect()
}

/// The images as a model takes them that divides pixels by 255.
pub(crate) fn batch(shape: Shape, images: &[Vec<u8>]) -> Tensor {
    let pixels: Vec<f32> = images
        .concat()
        .into_iter()
        .map(|pixel| f32::from(pixel) / 255.0)
        .collect();
    let dims = (images.len(), shape.channels, shape.height, shape.width);
    Tensor::from_vec(pixels, dims, &Device::Cpu).unwrap()
}

/// The class scores of a batch.
pub(crate) fn scores(model: &Model, batch: &Tensor) -> Vec<Vec<f64>> {
    let scores = model.forward(batch, &Pass::Eval).unwrap().main;
    scores.to_dtype(DType::F64).unwrap().to_vec2().unwrap()
}

/// A folder with images, what is known of them, and the files of an export.
pub(crate) fn write(folder: &Path, images: &[Vec<u8>], known: &serde_json::Value, files: &[(&str, &[u8])]) {
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join("images.bin"), images.concat()).unwrap();
    fs::write(folder.join("case.json"), known.to_string()).unwrap();
    for (name, content) in files {
        fs::write(folder.join(name), content).unwrap();
    }
}

/// Random architectures of each space, as networks; an architecture for each of these seeds.
pub(crate) fn of_every_space(seeds: Range<u64>, mut check: impl FnMut(&str, &Model)) {
    for &name in spaces::names() {
        let space = spaces::by_name(name).unwrap();
        for seed in seeds.clone() {
            // Odd sizes, and a single row, are among them.
            let (height, width) = [(8, 8), (9, 7), (12, 10), (1, 11)][seed as usize % 4];
            let full = ["darts", "pnas", "nasnet"].contains(&name) && seed % 2 == 0;
            let config = NetworkConfig {
                drop_path: full,
                auxiliary: full,
                stem_halvings: (seed as usize % 8) / 3,
                ..config(height, width)
            };
            let architecture = space.sample(&mut Seed::new(seed).rng());
            let network = space.network(&architecture, &config).unwrap();
            check(&format!("{name}-{seed}"), &seasoned(network, seed));
        }
    }
}

/// The published architectures, as networks.
pub(crate) fn published(mut check: impl FnMut(&str, &Model)) {
    let all = named::all();
    assert!(all.len() >= 10);
    for (seed, named) in (0..).zip(all) {
        let network = named
            .genotype
            .network(&Operations::standard(), &config(16, 16))
            .unwrap();
        check(&named.name, &seasoned(network, seed));
    }
}

/// Layers that few architectures have, or none: each by itself and what may stand around it.
pub(crate) fn every_layer(mut check: impl FnMut(&str, &Model)) {
    let pool = |kind, kernel: usize, stride: usize, padding: usize| {
        LayerKind::Pool2d(Pool2d {
            kind,
            kernel: [kernel; 2],
            stride: [stride; 2],
            padding: [padding; 2],
        })
    };
    let kinds = [
        LayerKind::Relu,
        LayerKind::BatchNorm { affine: true },
        LayerKind::BatchNorm { affine: false },
        pool(PoolKind::Max, 3, 1, 1),
        pool(PoolKind::Max, 2, 2, 1),
        pool(PoolKind::Average, 3, 1, 1),
        pool(PoolKind::Average, 3, 2, 1),
        pool(PoolKind::Average, 5, 3, 2),
        pool(PoolKind::Average, 2, 2, 1),
        LayerKind::Zero { stride: 1 },
        LayerKind::Zero { stride: 2 },
        LayerKind::Shift,
        LayerKind::Pad {
            height: 12,
            width: 14,
        },
        LayerKind::Channels { start: 2, count: 3 },
        LayerKind::Shuffle { groups: 3 },
        LayerKind::DropPath,
        LayerKind::Dropout { rate: 0.5 },
        LayerKind::Dropout { rate: 0.0 },
        LayerKind::Conv2d(Conv2d {
            stride: [1, 2],
            bias: true,
            groups: 3,
            ..Conv2d::same(9, [3, 5])
        }),
        LayerKind::Conv2d(Conv2d::depthwise(6, 3, 2).with_stride(2)),
    ];
    for (seed, kind) in (0..).zip(kinds) {
        let mut b = NetworkBuilder::new(Shape::new(3, 11, 13)).unwrap();
        let image = b.image();
        let stem = b.conv(image, Conv2d::same(6, [3, 3])).unwrap();
        let name = kind.label();
        let x = b.push_named("it", kind, &[stem]).unwrap();
        let twice = b.add(&[x, x]).unwrap();
        let both = b.concat(&[x, twice]).unwrap();
        let normed = b.batch_norm(both, true).unwrap();
        let pooled = b.global_avg_pool(normed).unwrap();
        let logits = b.linear(pooled, 5).unwrap();
        check(
            &format!("layer-{name}-{seed}"),
            &seasoned(b.finish(logits, None), seed),
        );
    }
}
