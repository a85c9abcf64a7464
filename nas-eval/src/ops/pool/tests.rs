//! Pooling against finite differences and PyTorch.

use candle_core::{DType, Device, Result, Tensor};

use super::{PoolSpec, avg_pool2d, global_avg_pool, max_pool2d};
use crate::ops::gradient_check::{
    assert_gradients_are_differences, assert_values, gradients, random, random_int, values,
};

type Pool = fn(&Tensor, &PoolSpec) -> Result<Tensor>;

const BOTH: [(&str, Pool); 2] = [("max", max_pool2d), ("average", avg_pool2d)];

/// Random geometries, and those that cells use. All are legal.
fn geometries() -> Vec<(PoolSpec, [usize; 4])> {
    let mut all = vec![
        (PoolSpec::square(3, 1, 1), [2, 3, 8, 8]),
        (PoolSpec::square(3, 2, 1), [2, 3, 8, 8]),
        (PoolSpec::square(3, 2, 1), [1, 2, 7, 5]),
        (PoolSpec::square(2, 2, 0), [2, 2, 4, 4]),
        (PoolSpec::square(3, 1, 1), [1, 2, 1, 1]),
        (PoolSpec::square(1, 2, 0), [1, 2, 5, 4]),
        (PoolSpec::square(5, 3, 0), [1, 1, 12, 12]),
    ];
    for seed in 0..20 {
        let pick = |range, index| random_int(range, seed, index);
        let kernel = [pick(1..=4, 0), pick(1..=4, 1)];
        let spec = PoolSpec {
            kernel,
            stride: [pick(1..=4, 2), pick(1..=4, 3)],
            padding: [pick(0..=kernel[0] / 2, 4), pick(0..=kernel[1] / 2, 5)],
        };
        let size = |axis: usize, index| pick(kernel[axis]..=kernel[axis] + 6, index);
        all.push((spec, [pick(1..=2, 6), pick(1..=3, 7), size(0, 8), size(1, 9)]));
    }
    all
}

/// Numbers that are all at least 0.01 apart, so that a small step does not change which is the
/// largest.
fn distinct(dims: [usize; 4]) -> Tensor {
    let n: usize = dims.iter().product();
    // 7919 is a prime and larger than n, so the remainders are a permutation.
    let values: Vec<f64> = (0..n).map(|i| (i * 7919 % n) as f64 * 0.01 - 0.5).collect();
    Tensor::from_vec(values, &dims, &Device::Cpu).unwrap()
}

#[test]
fn gradients_are_the_finite_differences() {
    for (spec, dims) in geometries() {
        for (name, pool) in BOTH {
            let what = format!("{name} {spec:?} {dims:?}");
            assert_gradients_are_differences(&[distinct(dims)], &what, |x| pool(&x[0], &spec));
        }
    }
    assert_gradients_are_differences(&[distinct([2, 3, 5, 7])], "global", |x| global_avg_pool(&x[0]));
}

#[test]
fn the_input_may_have_any_strides() {
    let x = random((2, 5, 6, 3), DType::F32, 3);
    let turned = x.transpose(1, 3).unwrap();
    let spec = PoolSpec::square(3, 2, 1);
    for (_, pool) in BOTH {
        let strided = pool(&turned, &spec).unwrap();
        assert_eq!(
            values(&strided),
            values(&pool(&turned.contiguous().unwrap(), &spec).unwrap())
        );
    }
    let strided = global_avg_pool(&turned).unwrap();
    assert_eq!(
        values(&strided),
        values(&global_avg_pool(&turned.contiguous().unwrap()).unwrap())
    );
}

#[test]
fn other_types_are_kept() {
    let x = random((1, 2, 4, 4), DType::F32, 3);
    let half = x.to_dtype(DType::BF16).unwrap();
    let spec = PoolSpec::square(3, 1, 1);
    let pooled = max_pool2d(&half, &spec).unwrap();
    assert_eq!(pooled.dtype(), DType::BF16);
    assert_eq!(
        values(&pooled),
        values(&max_pool2d(&half.to_dtype(DType::F32).unwrap(), &spec).unwrap())
    );
    assert_eq!(avg_pool2d(&half, &spec).unwrap().dtype(), DType::BF16);
    assert_eq!(global_avg_pool(&half).unwrap().dtype(), DType::BF16);
}

#[test]
fn impossible_geometries_are_errors() {
    let x = random((1, 1, 2, 2), DType::F32, 5);
    for spec in [
        PoolSpec::square(5, 1, 1),
        PoolSpec::square(2, 0, 0),
        PoolSpec::square(3, 1, 2),
    ] {
        for (_, pool) in BOTH {
            let message = pool(&x, &spec).unwrap_err().to_string();
            assert!(message.contains("pooling: "), "{message}");
        }
    }
    let flat = random((2, 2), DType::F32, 5);
    assert!(max_pool2d(&flat, &PoolSpec::square(1, 1, 0)).is_err());
    assert!(global_avg_pool(&flat).is_err());
}

/// In each window with a NaN the gradient goes to the last one; minus infinity is a maximum like
/// any other.
///
/// ```python
/// n = float('nan')
/// x = torch.tensor([[1.,n,3.],[n,0.,-1.],[5.,2.,0.]], requires_grad=True).reshape(1,1,3,3)
/// y = F.max_pool2d(x, 2, 1); torch.autograd.grad(y.sum(), x)
/// x = torch.full((1,1,2,2), -float('inf'), requires_grad=True)
/// y = F.max_pool2d(x, 3, 2, 1); torch.autograd.grad(y, x, torch.ones_like(y))
/// ```
#[test]
fn nan_and_infinity_are_pooled_as_pytorch_does() {
    let n = f32::NAN;
    let x = Tensor::new(&[1.0, n, 3.0, n, 0.0, -1.0, 5.0, 2.0, 0.0], &Device::Cpu).unwrap();
    let x = x.reshape((1, 1, 3, 3)).unwrap();
    let ones = |y: &Tensor| y.ones_like().unwrap();
    let infinite = Tensor::full(f32::NEG_INFINITY, (1, 1, 2, 2), &Device::Cpu).unwrap();
    {
        let pool = max_pool2d as Pool;
        let (y, g) = gradients(std::slice::from_ref(&x), ones, |x| {
            pool(&x[0], &PoolSpec::square(2, 1, 0))
        });
        assert_values(&y, &[f64::NAN, f64::NAN, f64::NAN, 2.0], 0.0, "max with NaN");
        assert_values(
            &g[0],
            &[0.0, 1.0, 0.0, 2.0, 0.0, 0.0, 0.0, 1.0, 0.0],
            0.0,
            "gradient with NaN",
        );
        let (y, g) = gradients(std::slice::from_ref(&infinite), ones, |x| {
            pool(&x[0], &PoolSpec::square(3, 2, 1))
        });
        assert_values(&y, &[f64::NEG_INFINITY], 0.0, "max of -inf");
        assert_values(&g[0], &[1.0, 0.0, 0.0, 0.0], 0.0, "gradient of -inf");
    }
}

#[test]
fn infinity_next_to_the_padding_does_not_make_an_average_nan() {
    let x = Tensor::full(f64::INFINITY, (1, 1, 2, 2), &Device::Cpu).unwrap();
    {
        let pool = avg_pool2d as Pool;
        let y = pool(&x, &PoolSpec::square(3, 1, 1)).unwrap();
        assert!(values(&y).iter().all(|v| *v == f64::INFINITY));
    }
}

/// ```python
/// x = ((torch.arange(80, dtype=torch.float64) * 37 % 23 - 11) / 4).reshape(2,2,4,5)[:1].clone().requires_grad_()
/// def show(y):
///     up = (torch.arange(y.numel()) % 7 + 1).reshape(y.shape)
///     print(y.flatten().tolist(), torch.autograd.grad((y * up).sum(), x)[0].flatten().tolist())
/// show(F.max_pool2d(x, 3, 2, 1))
/// show(F.max_pool2d(x, (2, 3), (1, 2), (1, 0)))
/// show(F.avg_pool2d(x, 3, 2, 1, count_include_pad=False))
/// ```
#[test]
fn numbers_are_pytorchs() {
    let x: Vec<f64> = (0..40).map(|i| (f64::from(i * 37 % 23) - 11.0) / 4.0).collect();
    let x = Tensor::from_vec(x, (1, 2, 4, 5), &Device::Cpu).unwrap();
    let up = |y: &Tensor| {
        let up: Vec<f64> = (0..y.elem_count()).map(|i| (i % 7 + 1) as f64).collect();
        Tensor::from_vec(up, y.shape(), &Device::Cpu).unwrap()
    };
    let mixed = PoolSpec {
        kernel: [2, 3],
        stride: [1, 2],
        padding: [1, 0],
    };
    #[rustfmt::skip]
    let cases: [(Pool, PoolSpec, &[f64], &[f64]); 3] = [
        (max_pool2d, PoolSpec::square(3, 2, 1),
         &[1.0, 2.25, 2.25, 1.5, 2.75, 2.75, 2.0, 2.0, 1.0, 2.5, 2.5, 1.5],
         &[0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 5.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 4.0, 0.0, 11.0, 0.0,
           0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 8.0, 0.0, 0.0, 2.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 7.0, 0.0, 0.0, 5.0]),
        (max_pool2d, mixed,
         &[0.75, 2.0, 1.0, 2.25, 1.25, 2.5, 1.5, 2.75, 1.5, 2.75,
           1.75, 0.75, 2.0, 1.0, 2.25, 1.25, 2.5, 1.5, 2.5, 1.5],
         &[0.0, 1.0, 0.0, 2.0, 0.0, 0.0, 3.0, 0.0, 4.0, 0.0, 0.0, 5.0, 0.0, 6.0, 0.0, 0.0, 9.0, 0.0, 4.0, 0.0,
           0.0, 4.0, 0.0, 0.0, 5.0, 0.0, 6.0, 0.0, 0.0, 7.0, 0.0, 1.0, 0.0, 0.0, 2.0, 0.0, 8.0, 0.0, 0.0, 10.0]),
        (avg_pool2d, PoolSpec::square(3, 2, 1),
         &[-0.875, 0.5416666666666666, 1.0, -0.5, 0.9166666666666666, 1.375,
           0.125, -0.375, -0.875, 0.5, 0.0, -0.5],
         &[0.25, 0.5833333333333333, 0.3333333333333333, 1.0833333333333333, 0.75, 0.9166666666666666,
           1.8055555555555556, 0.8888888888888888, 2.638888888888889, 1.75, 0.6666666666666666, 1.2222222222222223,
           0.5555555555555556, 1.5555555555555556, 1.0, 0.6666666666666666, 1.2222222222222223, 0.5555555555555556,
           1.5555555555555556, 1.0,
           1.75, 1.9166666666666667, 0.16666666666666666, 0.6666666666666666, 0.5, 2.25, 2.8611111111111116,
           0.611111111111111, 1.9444444444444446, 1.3333333333333335, 0.5, 0.9444444444444444, 0.4444444444444444,
           1.2777777777777777, 0.8333333333333334, 0.5, 0.9444444444444444, 0.4444444444444444, 1.2777777777777777,
           0.8333333333333334]),
    ];
    for (pool, spec, expected, expected_gradient) in cases {
        let (y, g) = gradients(std::slice::from_ref(&x), up, |x| pool(&x[0], &spec));
        assert_values(&y, expected, 1e-14, "PyTorch's result");
        assert_values(&g[0], expected_gradient, 1e-14, "PyTorch's gradient");
    }
}

#[test]
fn an_empty_batch_gives_an_empty_result() {
    let x = Tensor::zeros((0, 3, 4, 4), DType::F32, &Device::Cpu).unwrap();
    for (_, pool) in BOTH {
        assert_eq!(pool(&x, &PoolSpec::square(3, 2, 1)).unwrap().dims(), [0, 3, 2, 2]);
    }
    assert_eq!(global_avg_pool(&x).unwrap().dims(), [0, 3]);
}

fn message(spec: PoolSpec, input: [usize; 2]) -> String {
    spec.output_size(input).unwrap_err().to_string()
}

#[test]
fn output_sizes_are_pytorchs() {
    assert_eq!(PoolSpec::square(3, 1, 1).output_size([5, 8]).unwrap(), [5, 8]);
    assert_eq!(PoolSpec::square(3, 2, 1).output_size([5, 8]).unwrap(), [3, 4]);
    assert_eq!(PoolSpec::square(2, 2, 0).output_size([5, 8]).unwrap(), [2, 4]);
    let spec = PoolSpec {
        kernel: [2, 5],
        stride: [1, 3],
        padding: [1, 2],
    };
    assert_eq!(spec.output_size([5, 8]).unwrap(), [6, 3]);
}

#[test]
fn impossible_geometries_are_refused_with_what_was_expected() {
    assert!(message(PoolSpec::square(3, 0, 1), [8, 8]).contains("stride [0, 0]"));
    assert!(message(PoolSpec::square(0, 1, 0), [8, 8]).contains("kernel [0, 0]"));
    assert!(message(PoolSpec::square(3, 1, 2), [8, 8]).contains("at most [1, 1]"));
    assert!(message(PoolSpec::square(5, 1, 1), [2, 8]).contains("at most [4, 10]"));
    assert!(message(PoolSpec::square(1, 1, 0), [0, 8]).contains("[0, 8]"));
}
