//! Helpers for the tests of all operations: random tensors, gradients, finite differences, and
//! bits.

use candle_core::{DType, Device, Result, Shape, Tensor, Var};
use nas_space::seed::Seed;
use rand::RngExt;

/// A tensor of numbers uniform in [-1, 1), the same at each call.
pub(crate) fn random(shape: impl Into<Shape>, dtype: DType, seed: u64) -> Tensor {
    let shape = shape.into();
    let mut rng = Seed::new(seed).derive("test tensor", 0).rng();
    let values: Vec<f64> = (0..shape.elem_count())
        .map(|_| rng.random_range(-1.0..1.0))
        .collect();
    Tensor::from_vec(values, shape, &Device::Cpu)
        .unwrap()
        .to_dtype(dtype)
        .unwrap()
}

/// A whole number in a range, the same at each call.
pub(crate) fn random_int(range: std::ops::RangeInclusive<usize>, seed: u64, index: u64) -> usize {
    Seed::new(seed)
        .derive("test size", index)
        .rng()
        .random_range(range)
}

pub(crate) fn values(t: &Tensor) -> Vec<f64> {
    t.to_dtype(DType::F64)
        .unwrap()
        .flatten_all()
        .unwrap()
        .to_vec1()
        .unwrap()
}

/// The result of `f`, and the gradients of the inputs when that of the result is `up`.
pub(crate) fn gradients(
    inputs: &[Tensor],
    up: impl Fn(&Tensor) -> Tensor,
    f: impl Fn(&[Tensor]) -> Result<Tensor>,
) -> (Tensor, Vec<Tensor>) {
    let vars: Vec<Var> = inputs.iter().map(|t| Var::from_tensor(t).unwrap()).collect();
    let tensors: Vec<Tensor> = vars.iter().map(|v| v.as_tensor().clone()).collect();
    let y = f(&tensors).unwrap();
    let loss = (&y * up(&y)).unwrap().sum_all().unwrap();
    let store = loss.backward().unwrap();
    (
        y,
        tensors
            .iter()
            .map(|t| store.get(t).expect("an input without a gradient").clone())
            .collect(),
    )
}

/// The gradient that the tests send in: random, the same for equal shapes and types.
pub(crate) fn random_up(y: &Tensor) -> Tensor {
    random(y.shape(), y.dtype(), 99)
}

/// Panics unless the two are equal up to `tolerance` (absolute, and relative to the larger).
pub(crate) fn assert_close(a: &Tensor, b: &Tensor, tolerance: f64, what: &str) {
    assert_eq!((a.dims(), a.dtype()), (b.dims(), b.dtype()), "{what}");
    assert_values(a, &values(b), tolerance, what);
}

/// Panics unless `a` holds `expected` up to `tolerance` (absolute, and relative to the larger).
pub(crate) fn assert_values(a: &Tensor, expected: &[f64], tolerance: f64, what: &str) {
    let a = values(a);
    assert_eq!(a.len(), expected.len(), "{what}");
    for (i, (a, b)) in a.iter().zip(expected).enumerate() {
        let same = a == b || (a.is_nan() && b.is_nan());
        let limit = tolerance * a.abs().max(b.abs()).max(1.0);
        assert!(same || (a - b).abs() <= limit, "{what}: element {i}: {a} and {b}");
    }
}

/// Compares the gradients of `f` with central differences, element by element. The inputs are
/// `f64`.
pub(crate) fn assert_gradients_are_differences(
    inputs: &[Tensor],
    what: &str,
    f: impl Fn(&[Tensor]) -> Result<Tensor>,
) {
    const STEP: f64 = 1e-5;
    let (_, gradients) = gradients(inputs, random_up, &f);
    for (which, gradient) in gradients.iter().enumerate() {
        let original = values(&inputs[which]);
        let loss = |i: usize, step: f64| {
            let mut moved = original.clone();
            moved[i] += step;
            let mut inputs = inputs.to_vec();
            inputs[which] = Tensor::from_vec(moved, inputs[which].shape(), &Device::Cpu).unwrap();
            let y = f(&inputs).unwrap();
            values(&(&y * random_up(&y)).unwrap().sum_all().unwrap())[0]
        };
        let differences: Vec<f64> = (0..original.len())
            .map(|i| (loss(i, STEP) - loss(i, -STEP)) / (2.0 * STEP))
            .collect();
        assert_values(
            gradient,
            &differences,
            1e-6,
            &format!("{what}: gradient of input {which}"),
        );
    }
}
