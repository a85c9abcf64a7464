//! The convolution against finite differences and PyTorch.

use candle_core::{DType, Device, Result, Tensor, Var};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use super::{ConvSpec, conv2d};
use crate::ops::gradient_check::{
    assert_close, assert_gradients_are_differences, gradients as gradients_of, random, values,
};

/// A convolution of some shape.
#[derive(Clone, Debug)]
struct Case {
    x: [usize; 4],
    weight: [usize; 4],
    spec: ConvSpec,
}

/// All kinds of convolutions: dense, grouped, depthwise; square and not; strides, paddings,
/// dilations per axis. Images are `size` at most, kernels 7, and filters `filters` a group.
fn random_case(rng: &mut ChaCha8Rng, size: [usize; 2], filters: usize) -> Case {
    loop {
        let (groups, channels, filters) = match rng.random_range(0..3) {
            0 => (1, rng.random_range(1..=9), rng.random_range(1..=filters)),
            1 => (rng.random_range(1..=6), 1, 1),
            _ => (
                rng.random_range(2..=3),
                rng.random_range(1..=3),
                rng.random_range(1..=filters.min(6)),
            ),
        };
        let size = [rng.random_range(1..=size[0]), rng.random_range(1..=size[1])];
        let kernel = match rng.random_range(0..4) {
            0 => [1, 1],
            1 => [3, 3],
            2 => [5, 5],
            _ => [rng.random_range(1..=7), rng.random_range(1..=7)],
        };
        let mut pair =
            |least: usize, most: usize| [rng.random_range(least..=most), rng.random_range(least..=most)];
        let spec = ConvSpec {
            stride: pair(1, 3),
            padding: pair(0, 4),
            dilation: pair(1, 3),
            groups,
        };
        // Plain convolutions have paths of their own: make them as frequent as all others together.
        let plain = ConvSpec {
            stride: [1, 1],
            padding: [kernel[0] / 2, kernel[1] / 2],
            dilation: [1, 1],
            groups,
        };
        let spec = if rng.random_bool(0.5) { plain } else { spec };
        if (0..2).all(|a| size[a] + 2 * spec.padding[a] > (kernel[a] - 1) * spec.dilation[a]) {
            return Case {
                x: [rng.random_range(1..=3), channels * groups, size[0], size[1]],
                weight: [filters * groups, channels, kernel[0], kernel[1]],
                spec,
            };
        }
    }
}

#[test]
fn gradients_are_finite_differences_for_random_convolutions() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    for i in 0..80 {
        let case = random_case(&mut rng, [6, 7], 9);
        let inputs = [
            random(case.x.as_slice(), DType::F64, 1000 + 2 * i),
            random(case.weight.as_slice(), DType::F64, 1001 + 2 * i),
        ];
        assert_gradients_are_differences(&inputs, &format!("{case:?}"), |t| {
            conv2d(&t[0], &t[1], &case.spec)
        });
    }
}

/// Small multiples of 1/4, so that sums of products are exact in any order.
fn pattern(shape: &[usize], factor: usize, modulus: usize) -> Tensor {
    let value = |i: usize| ((i * factor % modulus) as f64 - (modulus / 2) as f64) / 4.0;
    let values: Vec<f64> = (0..shape.iter().product()).map(value).collect();
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}

/// The first five elements, and the sum of all times a pattern.
fn digest(t: &Tensor) -> Vec<f64> {
    let v = values(t);
    let sum = v
        .iter()
        .zip(values(&pattern(&[v.len()], 11, 13)))
        .map(|(a, b)| a * b)
        .sum();
    v[..5].iter().copied().chain([sum]).collect()
}

/// The numbers are PyTorch's:
/// ```python
/// import torch
/// import torch.nn.functional as F
///
/// def pattern(shape, factor, modulus):
///     i = torch.arange(torch.Size(shape).numel(), dtype=torch.float64)
///     return (((i * factor) % modulus - modulus // 2) / 4).reshape(shape)
///
/// def case(x, w, stride, padding, dilation, groups):
///     x, w = pattern(x, 7, 11).requires_grad_(), pattern(w, 5, 9).requires_grad_()
///     y = F.conv2d(x, w, None, stride, padding, dilation, groups)
///     y.backward(pattern(y.shape, 3, 7))
///     for t in (y, x.grad, w.grad):
///         v = t.detach().flatten()
///         print([float(a) for a in v[:5]] + [float((v * pattern(v.shape, 11, 13)).sum())])
///
/// case((2, 3, 5, 6), (4, 3, 3, 3), 1, 1, 1, 1)                     # dense
/// case((2, 3, 9, 10), (3, 1, 3, 3), 2, 2, 2, 3)                    # depthwise, dilated, strided
/// case((1, 2, 4, 9), (3, 2, 1, 7), 1, (0, 3), 1, 1)                # 1x7
/// case((2, 3, 5, 6), (4, 3, 1, 1), 2, 0, 1, 1)                     # pointwise, strided
/// case((1, 4, 6, 5), (6, 2, 3, 2), (2, 1), (1, 2), (1, 2), 2)      # grouped, all different on both axes
/// ```
#[test]
fn output_and_gradients_equal_those_of_pytorch() {
    let spec = |stride, padding, dilation, groups| ConvSpec {
        stride,
        padding,
        dilation,
        groups,
    };
    let cases = [
        (
            ([2, 3, 5, 6], [4, 3, 3, 3], spec([1, 1], [1, 1], [1, 1], 1)),
            [4.1875, -2.6875, -1.6875, 4.8125, -3.125, -1.6875],
            [-2.0, 4.125, -4.6875, 4.0, -2.625, 4.75],
            [2.375, 1.6875, -2.75, -4.8125, 2.6875, -13.03125],
        ),
        (
            ([2, 3, 9, 10], [3, 1, 3, 3], spec([2, 2], [2, 2], [2, 2], 3)),
            [1.0, -1.625, 0.1875, -0.75, 1.9375, -7.859375],
            [0.0, 0.0, 1.0, 0.0, -0.875, -13.390625],
            [4.1875, -5.0625, -2.375, 2.4375, 4.875, 10.796875],
        ),
        (
            ([1, 2, 4, 9], [3, 2, 1, 7], spec([1, 1], [0, 3], [1, 1], 1)),
            [-2.3125, 2.1875, -1.875, 2.8125, 0.1875, 32.4375],
            [0.25, -0.125, -0.5625, 0.375, 0.375, 1.3125],
            [0.5625, 1.5, -0.875, -0.125, 1.1875, 2.921875],
        ),
        (
            ([2, 3, 5, 6], [4, 3, 1, 1], spec([2, 2], [0, 0], [1, 1], 1)),
            [1.5625, 0.4375, -0.6875, -1.0625, -0.8125, -2.875],
            [0.75, 0.0, 0.75, 0.0, -0.5625, 0.1875],
            [1.6875, -1.0625, -0.375, -0.0625, -1.25, -5.828125],
        ),
        (
            ([1, 4, 6, 5], [6, 2, 3, 2], spec([2, 1], [1, 2], [1, 2], 2)),
            [0.1875, -0.6875, 1.0, 1.125, -0.125, -5.171875],
            [0.5625, 0.0, -0.5625, 0.1875, -0.375, 1.265625],
            [0.5, 1.25, -1.3125, -0.1875, 0.5, -12.953125],
        ),
    ];
    for ((x, weight, spec), y_torch, dx_torch, dw_torch) in cases {
        let inputs = [pattern(&x, 7, 11), pattern(&weight, 5, 9)];
        for dtype in [DType::F32, DType::F64] {
            let inputs = inputs.clone().map(|t| t.to_dtype(dtype).unwrap());
            let up = |y: &Tensor| pattern(y.dims(), 3, 7).to_dtype(dtype).unwrap();
            let (y, gradients) = gradients_of(&inputs, up, |t| conv2d(&t[0], &t[1], &spec));
            assert_eq!(digest(&y), y_torch, "output, {spec:?}");
            assert_eq!(digest(&gradients[0]), dx_torch, "input gradient, {spec:?}");
            assert_eq!(digest(&gradients[1]), dw_torch, "weight gradient, {spec:?}");
        }
    }
}

#[test]
fn views_are_convolved_as_they_look() -> Result<()> {
    let spec = ConvSpec {
        padding: [1, 1],
        ..ConvSpec::default()
    };
    let x = random((2, 6, 5, 3), DType::F32, 1)
        .transpose(1, 3)?
        .narrow(2, 1, 4)?;
    let weight = random((4, 4, 3, 3), DType::F32, 2).narrow(1, 1, 3)?;
    let y = conv2d(&x, &weight, &spec)?;
    assert_close(
        &y,
        &conv2d(&x.contiguous()?, &weight.contiguous()?, &spec)?,
        0.0,
        "views",
    );
    Ok(())
}

#[test]
fn an_input_that_is_not_on_the_tape_gets_no_gradient() -> Result<()> {
    let image = random((2, 3, 5, 5), DType::F32, 1);
    let weight = Var::from_tensor(&random((4, 3, 3, 3), DType::F32, 2))?;
    let grads = conv2d(&image, &weight, &ConvSpec::default())?
        .sum_all()?
        .backward()?;
    assert!(grads.get(&image).is_none() && grads.get(&weight).is_some());
    Ok(())
}

#[test]
fn other_element_types_are_kept() -> Result<()> {
    let (x, weight) = (pattern(&[1, 2, 4, 4], 7, 11), pattern(&[3, 2, 3, 3], 5, 9));
    let y = conv2d(
        &x.to_dtype(DType::BF16)?,
        &weight.to_dtype(DType::BF16)?,
        &ConvSpec::default(),
    )?;
    assert_eq!(y.dtype(), DType::BF16);
    assert_close(
        &y.to_dtype(DType::F64)?,
        &conv2d(&x, &weight, &ConvSpec::default())?,
        0.05,
        "bf16",
    );
    Ok(())
}

#[test]
fn an_empty_batch_gives_an_empty_output() -> Result<()> {
    let x = Tensor::zeros((0, 3, 8, 8), DType::F32, &Device::Cpu)?;
    let weight = random((4, 3, 3, 3), DType::F32, 1);
    let y = conv2d(&x, &weight, &ConvSpec::default())?;
    assert_eq!(y.dims(), [0, 4, 6, 6]);
    Ok(())
}

#[test]
fn what_does_not_fit_is_refused_with_its_reason() {
    let zeros = |dims: &[usize]| Tensor::zeros(dims, DType::F32, &Device::Cpu).unwrap();
    let (x, weight, spec) = (zeros(&[1, 4, 5, 5]), zeros(&[6, 4, 3, 3]), ConvSpec::default());
    let message =
        |x: &Tensor, weight: &Tensor, spec: ConvSpec| conv2d(x, weight, &spec).unwrap_err().to_string();
    for (message, part) in [
        (
            message(&zeros(&[4, 5, 5]), &weight, spec),
            "4 axes [batch, channels, rows, columns], got [4, 5, 5]",
        ),
        (
            message(&x, &zeros(&[6, 4]), spec),
            "4 axes [filters, channels / groups, rows, columns], got [6, 4]",
        ),
        (
            message(&x, &weight.to_dtype(DType::F64).unwrap(), spec),
            "one element type, got F32 and F64",
        ),
        (
            message(&x, &weight, ConvSpec { groups: 0, ..spec }),
            "groups must be at least 1, got 0",
        ),
        (
            message(&x, &weight, ConvSpec { groups: 4, ..spec }),
            "4 groups must divide the 4 input channels and the 6 filters",
        ),
        (
            message(&x, &weight, ConvSpec { groups: 2, ..spec }),
            "2 channels per filter, got 4",
        ),
        (
            message(&zeros(&[1, 0, 5, 5]), &zeros(&[6, 0, 3, 3]), spec),
            "at least one channel",
        ),
        (
            message(
                &x,
                &weight,
                ConvSpec {
                    stride: [1, 0],
                    ..spec
                },
            ),
            "stride [1, 0] and dilation [1, 1]",
        ),
        (
            message(
                &x,
                &weight,
                ConvSpec {
                    dilation: [0, 1],
                    ..spec
                },
            ),
            "stride [1, 1] and dilation [0, 1]",
        ),
        (
            message(&x, &zeros(&[6, 4, 0, 3]), spec),
            "at least one tap on each axis, got 0 rows",
        ),
        (
            message(&x, &zeros(&[6, 4, 3, 6]), spec),
            "spans 6 columns, more than the 5 of the input (5 and 0 of padding",
        ),
        (
            message(
                &x,
                &weight,
                ConvSpec {
                    dilation: [4, 1],
                    padding: [1, 0],
                    ..spec
                },
            ),
            "a kernel of 3 rows with dilation 4 spans 9 rows, more than the 7 of the input (5 and 1 of padding at each end)",
        ),
    ] {
        assert!(message.contains(part), "{message:?} should contain {part:?}");
    }
}
