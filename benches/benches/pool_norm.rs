//! Pooling, batch normalisation and the element-wise kernels, forward and backward together.
//!
//! The input is a batch of 64 images of 16 channels, 32 × 32: the first stage of a network for CIFAR.

#![allow(clippy::unwrap_used, reason = "a bench that cannot run stops")]

use std::hint::black_box;

use candle_core::{DType, Device, Result, Tensor, Var};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use nas_benches as _;
use nas_eval::ops::{self, PoolSpec};

const DIMS: [usize; 4] = [64, 16, 32, 32];

/// Numbers in [-1, 1) without a pattern that a pooling window would notice.
fn input(dims: &[usize]) -> Tensor {
    let n: usize = dims.iter().product();
    let values = (0..n as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 8) as f32 / 8_388_608.0 - 1.0);
    Tensor::from_vec(values.collect::<Vec<f32>>(), dims, &Device::Cpu).unwrap()
}

type Operation = Box<dyn Fn(&[Var]) -> Result<Tensor>>;

fn forward_and_backward(c: &mut Criterion) {
    let pool = |f: fn(&Tensor, &PoolSpec) -> Result<Tensor>, stride: usize| -> Operation {
        Box::new(move |x| f(&x[0], &PoolSpec::square(3, stride, 1)))
    };
    let variance = Tensor::ones(DIMS[1], DType::F32, &Device::Cpu).unwrap();
    let operations: Vec<(&str, Operation)> = vec![
        ("max_pool_3x3/stride 1", pool(ops::max_pool2d, 1)),
        ("max_pool_3x3/stride 2", pool(ops::max_pool2d, 2)),
        ("avg_pool_3x3/stride 1", pool(ops::avg_pool2d, 1)),
        ("avg_pool_3x3/stride 2", pool(ops::avg_pool2d, 2)),
        ("global_avg_pool", Box::new(|x| ops::global_avg_pool(&x[0]))),
        (
            "batch_norm/training",
            Box::new(|x| Ok(ops::batch_norm_train(&x[0], Some((&x[1], &x[2])), 1e-5)?.output)),
        ),
        (
            "batch_norm/evaluation",
            Box::new(move |x| ops::batch_norm_eval(&x[0], &variance, &variance, Some((&x[1], &x[2])), 1e-5)),
        ),
        ("relu", Box::new(|x| ops::relu(&x[0]))),
        (
            "add_many/3",
            Box::new(|x| {
                ops::add_many(&[
                    x[0].as_tensor().clone(),
                    x[3].as_tensor().clone(),
                    x[4].as_tensor().clone(),
                ])
            }),
        ),
    ];
    let variables: Vec<Var> = [&DIMS[..], &DIMS[1..2], &DIMS[1..2], &DIMS[..], &DIMS[..]]
        .iter()
        .map(|dims| Var::from_tensor(&input(dims)).unwrap())
        .collect();
    let mut group = c.benchmark_group("forward and backward");
    for (name, operation) in &operations {
        group.bench_function(BenchmarkId::new(*name, format!("{DIMS:?}")), |b| {
            b.iter(|| black_box(operation(&variables).unwrap().backward().unwrap()));
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(std::time::Duration::from_millis(300))
        .measurement_time(std::time::Duration::from_secs(1));
    targets = forward_and_backward
}
criterion_main!(benches);
