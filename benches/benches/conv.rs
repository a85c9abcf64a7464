//! Convolution, forward and backward together (both gradients), on batches of 64 images.
//!
//! The shapes are those of the three stages of a CIFAR network: 16, 32 and 64 channels on 32, 16 and 8 pixels squared.

#![allow(clippy::unwrap_used, reason = "a bench that cannot run stops")]

use std::hint::black_box;

use candle_core::{Device, Tensor, Var};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use nas_benches as _;
use nas_eval::ops::{ConvSpec, conv2d};

const BATCH: usize = 64;

/// Numbers in [-1, 1) without a pattern.
fn numbers(dims: [usize; 4]) -> Var {
    let n: usize = dims.iter().product();
    let values = (0..n as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 8) as f32 / 8_388_608.0 - 1.0);
    Var::from_tensor(&Tensor::from_vec(values.collect::<Vec<f32>>(), &dims, &Device::Cpu).unwrap()).unwrap()
}

struct Case {
    name: &'static str,
    channels: usize,
    filters: usize,
    size: usize,
    kernel: usize,
    stride: usize,
    dilation: usize,
    depthwise: bool,
}

fn cases() -> Vec<Case> {
    let dense = |name, channels, filters, size, kernel, stride| Case {
        name,
        channels,
        filters,
        size,
        kernel,
        stride,
        dilation: 1,
        depthwise: false,
    };
    let depthwise = |name, channels, size, kernel, stride, dilation| Case {
        name,
        channels,
        filters: channels,
        size,
        kernel,
        stride,
        dilation,
        depthwise: true,
    };
    vec![
        dense("dense 3x3", 16, 16, 32, 3, 1),
        dense("dense 3x3", 32, 32, 16, 3, 1),
        dense("dense 3x3", 64, 64, 8, 3, 1),
        dense("dense 3x3 of stride 2", 16, 32, 32, 3, 2),
        dense("stem 3x3", 3, 16, 32, 3, 1),
        depthwise("depthwise 3x3", 16, 32, 3, 1, 1),
        depthwise("depthwise 5x5", 16, 32, 5, 1, 1),
        depthwise("depthwise 3x3 of dilation 2", 16, 32, 3, 1, 2),
        depthwise("depthwise 5x5 of dilation 2", 16, 32, 5, 1, 2),
        depthwise("depthwise 3x3 of stride 2", 16, 32, 3, 2, 1),
        depthwise("depthwise 3x3", 64, 8, 3, 1, 1),
        dense("pointwise", 16, 16, 32, 1, 1),
        dense("pointwise", 64, 64, 8, 1, 1),
        dense("pointwise", 64, 16, 32, 1, 1),
        dense("pointwise of stride 2", 16, 32, 32, 1, 2),
    ]
}

fn forward_and_backward(c: &mut Criterion) {
    let mut group = c.benchmark_group("convolution, forward and backward");
    for case in cases() {
        let padding = case.dilation * (case.kernel - 1) / 2;
        let groups = if case.depthwise { case.channels } else { 1 };
        let spec = ConvSpec {
            stride: [case.stride; 2],
            padding: [padding; 2],
            dilation: [case.dilation; 2],
            groups,
        };
        let x = numbers([BATCH, case.channels, case.size, case.size]);
        let weight = numbers([case.filters, case.channels / groups, case.kernel, case.kernel]);
        let outputs = conv2d(&x, &weight, &spec).unwrap().elem_count();
        let macs = outputs * (case.channels / groups) * case.kernel * case.kernel;
        // Three times: output, gradient of the input, gradient of the weight.
        group.throughput(Throughput::Elements(3 * macs as u64));
        let shape = format!("{}-{}, {}x{}", case.channels, case.filters, case.size, case.size);
        group.bench_function(BenchmarkId::new(case.name, shape), |b| {
            b.iter(|| black_box(conv2d(&x, &weight, &spec).unwrap().backward().unwrap()));
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
