//! The kernels against the definitions in `ops`: results and gradients. They run on a GPU where
//! there is one and the `cuda` feature is on, else on the host.

use std::collections::HashMap;
use std::sync::Arc;

use candle_core::{DType, Device, Result, Tensor};

use nas_space::seed::Seed;
use nas_space::shape::Shape;

use super::on_host;
use crate::compute::Compute;
use crate::data::{Augmentation, Batch, BatchPlan, Batcher, Images, Normalization};
use crate::nn::{AdamConfig, Gradients, Init, OptimizerConfig, Parameters, SgdConfig};
use crate::ops::gradient_check::{self, assert_close, assert_values, gradients, random, values};
use crate::ops::{self, ConvSpec, PoolSpec};
use crate::windows::Geometry;

/// Where the kernels run, if they can.
fn place() -> Option<Device> {
    #[cfg(feature = "cuda")]
    if let Ok(device) = Device::new_cuda(0) {
        return Some(device);
    }
    on_host::is_available().then_some(Device::Cpu)
}

/// The gradient that the tests send in, where the result is.
fn random_up(y: &Tensor) -> Tensor {
    gradient_check::random_up(y).to_device(y.device()).unwrap()
}

/// Compares result and gradients of a kernel with those of its definition, in f64 and f32.
fn assert_as_defined(
    inputs: &[Tensor],
    what: &str,
    kernel: impl Fn(&[Tensor]) -> Result<Tensor>,
    definition: impl Fn(&[Tensor]) -> Result<Tensor>,
) {
    let Some(device) = place() else { return };
    for (dtype, tolerance) in [(DType::F64, 1e-11), (DType::F32, 2e-5)] {
        let inputs: Vec<Tensor> = inputs.iter().map(|x| x.to_dtype(dtype).unwrap()).collect();
        let placed: Vec<Tensor> = inputs.iter().map(|x| x.to_device(&device).unwrap()).collect();
        let (y, of) = gradients(&placed, random_up, &kernel);
        // On the CPU and in f64 for both: in f32 the definition's own sums are the less exact.
        let wide: Vec<Tensor> = inputs.iter().map(|x| x.to_dtype(DType::F64).unwrap()).collect();
        let up = |y: &Tensor| {
            random_up(&y.to_dtype(dtype).unwrap())
                .to_dtype(DType::F64)
                .unwrap()
        };
        let (expected, expected_of) = gradients(&wide, up, &definition);
        assert_values(&y, &values(&expected), tolerance, &format!("{what}, {dtype:?}"));
        for (i, (of, expected)) in of.iter().zip(&expected_of).enumerate() {
            let what = format!("{what}, {dtype:?}, gradient {i}");
            assert_eq!((of.dims(), of.dtype()), (expected.dims(), dtype), "{what}");
            // Sums over a batch are larger than their terms.
            assert_values(of, &values(expected), 4.0 * tolerance, &what);
        }
    }
}

fn conv(x: &[usize], weight: &[usize], spec: ConvSpec, what: &str) {
    let inputs = [random(x, DType::F64, 1), random(weight, DType::F64, 2)];
    assert_as_defined(
        &inputs,
        what,
        |t| super::conv2d(&t[0], &t[1], &Geometry::new(&t[0], &t[1], &spec)?),
        |t| ops::conv2d(&t[0], &t[1], &spec),
    );
}

#[test]
fn depthwise_convolutions_are_as_defined() {
    let spec = |stride, padding, dilation, groups| ConvSpec {
        stride: [stride; 2],
        padding: [padding; 2],
        dilation: [dilation; 2],
        groups,
    };
    conv(&[2, 3, 7, 6], &[3, 1, 3, 3], spec(1, 1, 1, 3), "3x3");
    conv(&[2, 4, 8, 8], &[4, 1, 5, 5], spec(2, 2, 1, 4), "5x5 stride 2");
    conv(&[1, 2, 9, 8], &[2, 1, 3, 3], spec(1, 2, 2, 2), "3x3 dilation 2");
    conv(
        &[3, 2, 9, 9],
        &[2, 1, 5, 5],
        spec(2, 4, 2, 2),
        "5x5 dilation 2 stride 2",
    );
    conv(
        &[1, 5, 4, 9],
        &[5, 1, 1, 7],
        ConvSpec {
            padding: [0, 3],
            groups: 5,
            ..ConvSpec::default()
        },
        "1x7",
    );
    // Several slices of the weight's gradient.
    conv(&[3, 2, 32, 32], &[2, 1, 3, 3], spec(1, 1, 1, 2), "sliced");
}

#[test]
fn dense_and_grouped_convolutions_are_as_defined() {
    let spec = |stride, padding, groups| ConvSpec {
        stride: [stride; 2],
        padding: [padding; 2],
        groups,
        ..ConvSpec::default()
    };
    conv(&[2, 3, 5, 6], &[4, 3, 1, 1], spec(1, 0, 1), "1x1");
    conv(&[2, 3, 6, 6], &[4, 3, 1, 1], spec(2, 0, 1), "1x1 stride 2");
    conv(&[2, 3, 7, 6], &[5, 3, 3, 3], spec(1, 1, 1), "3x3");
    conv(&[2, 2, 8, 7], &[3, 2, 3, 3], spec(2, 1, 1), "3x3 stride 2");
    conv(&[2, 6, 5, 5], &[4, 3, 3, 3], spec(1, 1, 2), "3x3 in two groups");
    conv(
        &[2, 3, 5, 5],
        &[6, 1, 3, 3],
        spec(1, 1, 3),
        "two filters a channel",
    );
}

#[test]
fn pools_are_as_defined() {
    for (shape, spec) in [
        ([2, 3, 7, 6], PoolSpec::square(3, 1, 1)),
        ([1, 2, 8, 8], PoolSpec::square(3, 2, 1)),
        ([2, 2, 6, 9], PoolSpec::square(2, 2, 0)),
        ([1, 1, 7, 7], PoolSpec::square(5, 3, 2)),
    ] {
        let x = [random(&shape[..], DType::F64, 3)];
        let what = format!("{shape:?} {spec:?}");
        assert_as_defined(
            &x,
            &what,
            |t| super::avg_pool2d(&t[0], &spec),
            |t| ops::avg_pool2d(&t[0], &spec),
        );
        assert_as_defined(
            &x,
            &what,
            |t| super::max_pool2d(&t[0], &spec),
            |t| ops::max_pool2d(&t[0], &spec),
        );
        // Many ties: the gradient goes to the first.
        let steps = [x[0].affine(1.5, 0.0).unwrap().round().unwrap()];
        assert_as_defined(
            &steps,
            &what,
            |t| super::max_pool2d(&t[0], &spec),
            |t| ops::max_pool2d(&t[0], &spec),
        );
    }
}

#[test]
fn batch_norm_is_as_defined_through_its_statistics_too() {
    let eps = 1e-5;
    for shape in [[3, 4, 5, 5], [2, 1, 40, 40], [4, 300, 2, 1]] {
        // Far from 0, where sums of squares would lose the variance.
        let x = random(&shape[..], DType::F64, 4).affine(0.5, 20.0).unwrap();
        let (weight, bias) = (random(shape[1], DType::F64, 5), random(shape[1], DType::F64, 6));
        let what = format!("batch norm of {shape:?}");
        let kernel = |t: &[Tensor]| {
            let affine = (t.len() > 1).then(|| (&t[1], &t[2]));
            super::normalize(&t[0], &super::moments(&t[0])?, affine, eps)
        };
        let definition = |t: &[Tensor]| {
            let affine = (t.len() > 1).then(|| (&t[1], &t[2]));
            Ok(ops::batch_norm_train(&t[0], affine, eps)?.output)
        };
        assert_as_defined(std::slice::from_ref(&x), &what, kernel, definition);
        assert_as_defined(&[x, weight, bias], &what, kernel, definition);
    }
}

#[test]
fn moments_are_those_of_batch_norm() {
    let Some(device) = place() else { return };
    let x = random((5, 3, 20, 21), DType::F64, 7).affine(2.0, -7.0).unwrap();
    let normed = ops::batch_norm_train(&x, None, 0.0).unwrap();
    let moments = super::moments(&x.to_device(&device).unwrap()).unwrap();
    let moments = moments.to_device(&Device::Cpu).unwrap();
    assert_close(&moments.get(0).unwrap(), &normed.mean, 1e-12, "mean");
    assert_close(&moments.get(1).unwrap(), &normed.variance, 1e-12, "variance");
}

#[test]
fn relu_is_as_defined_with_zeros_and_nan() {
    let x = random((3, 5, 7), DType::F64, 8);
    assert_as_defined(
        std::slice::from_ref(&x),
        "relu",
        |t| super::relu(&t[0]),
        |t| ops::relu(&t[0]),
    );
    let x = Tensor::new(&[-1.0, 0.0, -0.0, 2.0, f64::NAN], &Device::Cpu).unwrap();
    assert_as_defined(&[x], "relu", |t| super::relu(&t[0]), |t| ops::relu(&t[0]));
}

#[test]
fn a_weighted_sum_gives_its_weights_gradients_on_the_way_back() {
    let Some(device) = place() else { return };
    let inputs: Vec<Tensor> = (0..3)
        .map(|i| random((2, 3, 40), DType::F64, 10 + i).to_device(&device).unwrap())
        .collect();
    let weights = [0.5, -1.25, 2.0];
    let products = Arc::new(super::DotProducts::default());
    let kernel = |t: &[Tensor]| {
        let mut sum: Option<Tensor> = None;
        for (i, x) in t.iter().enumerate() {
            let products = Arc::clone(&products);
            let on_backward = move |gradient: &Tensor, x: &Tensor| {
                products.push((i, true), gradient, Some(x))?;
                products.push((i, false), gradient, None)
            };
            sum = Some(super::add_scaled(sum.as_ref(), x, weights[i], on_backward)?);
        }
        Ok(sum.unwrap())
    };
    let (y, of) = gradients(&inputs, random_up, kernel);
    let (expected, expected_of) = gradients(&inputs, random_up, |t| ops::weighted_sum(t, &weights));
    assert_close(&y, &expected, 1e-12, "sum");
    let up = random_up(&y);
    let total = |t: &Tensor| values(t).iter().sum::<f64>();
    let products: HashMap<_, _> = products.totals().unwrap().into_iter().collect();
    assert_eq!(products.len(), 6);
    for i in 0..3 {
        assert_close(&of[i], &expected_of[i], 1e-12, "gradient of a term");
        let product = total(&(&up * &inputs[i]).unwrap());
        assert!(
            (products[&(i, true)] - product).abs() < 1e-11,
            "{i}: {products:?} and {product}"
        );
        assert!(
            (products[&(i, false)] - total(&up)).abs() < 1e-11,
            "{i}: {products:?}"
        );
    }
}

#[test]
fn tensors_too_large_for_the_kernels_indices_are_refused() {
    let error = super::launch::Launch::each("relu", (1 << 16, 1 << 16), &[1])
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("at most 2147483647 elements") && error.contains("smaller batch"),
        "{error}"
    );
    let error = super::launch::Launch::each("relu", 1, &[1 << 40])
        .unwrap_err()
        .to_string();
    assert!(error.contains("got 1099511627776"), "{error}");
}

/// More parameters than one launch takes, of which one needs several blocks, as `sizes` says.
fn many(sizes: impl Iterator<Item = usize>, dtype: DType, device: &Device) -> (Parameters, Gradients) {
    let mut parameters = Parameters::new(Seed::new(3), &Compute::on(device.clone()).with_dtype(dtype));
    let mut gradients = HashMap::new();
    for (i, size) in sizes.enumerate() {
        let name = format!("p{i}");
        let init = Init::Uniform { bound: 1.0 };
        parameters.create(&name, &[size], init, i % 3 != 0).unwrap();
        let gradient = random(size, dtype, 100 + i as u64).to_device(device).unwrap();
        gradients.insert(name, gradient);
    }
    let gradients = Gradients::from_named(gradients, &parameters);
    (parameters, gradients)
}

fn sizes() -> impl Iterator<Item = usize> {
    (0..100).map(|i| if i == 70 { 9_001 } else { 1 + i % 7 })
}

/// Steps by the kernels and by the plain rules, which PyTorch's values are checked for, end at the
/// same parameters.
#[test]
fn steps_of_all_parameters_at_once_are_those_of_each() {
    let Some(device) = place() else { return };
    let sgd = |momentum, nesterov| {
        OptimizerConfig::Sgd(SgdConfig {
            momentum,
            nesterov,
            weight_decay: 0.1,
            ..SgdConfig::default()
        })
    };
    let adam = |decoupled| {
        OptimizerConfig::Adam(AdamConfig {
            weight_decay: 0.1,
            decoupled,
            ..AdamConfig::default()
        })
    };
    for config in [
        sgd(0.9, false),
        sgd(0.9, true),
        sgd(0.0, false),
        adam(false),
        adam(true),
    ] {
        for (dtype, tolerance) in [(DType::F64, 1e-12), (DType::F32, 2e-6)] {
            let run = |device: &Device| {
                let (parameters, gradients) = many(sizes(), dtype, device);
                let mut optimizer = config.build().unwrap();
                for step in 1..4 {
                    // From the second step on, one parameter has no gradient.
                    let kept = gradients.iter().filter(|(name, _)| step == 1 || *name != "p5");
                    let kept = kept.map(|(name, g)| (name.to_owned(), g.clone())).collect();
                    let kept = Gradients::from_named(kept, &parameters);
                    optimizer.step(&parameters, &kept, 0.1 / f64::from(step)).unwrap();
                }
                (parameters, optimizer.state().unwrap())
            };
            let (expected, expected_state) = run(&Device::Cpu);
            let (got, state) = on_host::with_kernels(|| run(&device));
            for ((name, got), (_, expected)) in got.iter().zip(expected.iter()) {
                let what = format!("{config:?} {dtype:?} {name}");
                assert_values(&got.var, &values(&expected.var), tolerance, &what);
            }
            assert_eq!(state.steps(), expected_state.steps());
            assert_eq!(state.tensors().len(), expected_state.tensors().len());
            for ((name, got), (_, expected)) in state.tensors().iter().zip(expected_state.tensors()) {
                assert_values(got, &values(expected), tolerance, name);
            }
        }
    }
}

#[test]
fn gradients_are_clipped_at_once_as_each() {
    let Some(device) = place() else { return };
    for max_norm in [0.5, 1e3] {
        let (_, mut expected) = many(sizes(), DType::F64, &Device::Cpu);
        let (_, mut got) = many(sizes(), DType::F64, &device);
        expected.clip_norm(max_norm).unwrap();
        on_host::with_kernels(|| got.clip_norm(max_norm)).unwrap();
        for ((name, got), (_, expected)) in got.iter().zip(expected.iter()) {
            assert_values(got, &values(expected), 1e-12, name);
        }
    }
}

#[test]
fn a_norm_that_is_not_finite_shows_in_every_gradient_clipped_at_once() {
    let Some(device) = place() else { return };
    let (parameters, gradients) = many([2, 3].into_iter(), DType::F64, &device);
    let mut named: HashMap<String, Tensor> = gradients
        .iter()
        .map(|(name, g)| (name.to_owned(), g.clone()))
        .collect();
    named.insert("p0".to_owned(), Tensor::new(&[f64::NAN, 1.0], &device).unwrap());
    let mut gradients = Gradients::from_named(named, &parameters);
    on_host::with_kernels(|| gradients.clip_norm(1.0)).unwrap();
    assert!(values(gradients.get("p1").unwrap()).iter().all(|v| v.is_nan()));
}

/// Images of two channels, 7×5, with all kinds of pixels.
fn images(n: usize) -> Arc<Images> {
    let pixels = (0..n * 70).map(|i| (i * 37 % 256) as u8).collect();
    let labels = (0..n).map(|i| (i % 3) as u32).collect();
    Arc::new(Images::new(Shape::new(2, 7, 5), 3, pixels, labels).unwrap())
}

/// Indices, classes and the bits of the pixels, batch by batch.
type Bits = Vec<(Vec<u32>, Vec<u32>, Vec<u32>)>;

fn bits(batcher: &Batcher, epoch: u64) -> Bits {
    let bits = |batch: Batch| {
        let images = batch.images.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let images = images.into_iter().map(f32::to_bits).collect();
        (batch.indices, batch.labels.to_vec1().unwrap(), images)
    };
    let epoch = batcher.epoch(epoch, 0).unwrap();
    epoch.map(|batch| bits(batch.unwrap())).collect()
}

#[test]
fn batches_made_on_the_device_have_the_bits_of_those_made_on_the_host() {
    let Some(device) = place() else { return };
    let images = images(23);
    let normalization = Arc::new(Normalization::measure(&images, &[0, 3, 5, 7]).unwrap());
    let crop_and_flip = Augmentation {
        crop_padding: 4,
        horizontal_flip: true,
        cutout: None,
        ..Augmentation::NONE
    };
    for augmentation in [
        Augmentation::NONE,
        crop_and_flip,
        Augmentation {
            cutout: Some(3),
            ..crop_and_flip
        },
        Augmentation {
            cutout: Some(4),
            ..Augmentation::NONE
        },
        Augmentation {
            crop_padding: 1,
            cutout: Some(7),
            ..Augmentation::NONE
        },
    ] {
        for plan in [
            BatchPlan::training(6, augmentation, Seed::new(9)),
            BatchPlan {
                augmentation,
                ..BatchPlan::evaluation(10)
            },
        ] {
            // Not in order, and one twice.
            let indices: Vec<u32> = [22, 0, 22].into_iter().chain(1..20).collect();
            let batcher = |device: &Device| {
                let (images, normalization) = (Arc::clone(&images), Arc::clone(&normalization));
                Batcher::new(images, normalization, indices.clone(), plan, device).unwrap()
            };
            let expected = batcher(&Device::Cpu);
            let got = on_host::with_kernels(|| batcher(&device));
            for epoch in 0..2 {
                assert_eq!(bits(&got, epoch), bits(&expected, epoch), "{plan:?}");
            }
        }
    }
}

#[test]
fn the_images_are_given_to_a_device_once_for_all_batchers() {
    let Some(device) = place() else { return };
    let images = images(4);
    let first = images.pixels_on(&device).unwrap();
    assert_eq!(first.id(), images.pixels_on(&device).unwrap().id());
    let copy = Images::clone(&images);
    assert_eq!(copy, *images);
    assert_ne!(first.id(), copy.pixels_on(&device).unwrap().id());
}

#[test]
fn what_no_batch_can_be_made_of_is_refused() {
    let bytes = Tensor::zeros(70, DType::U8, &Device::Cpu).unwrap();
    let tables = Tensor::zeros((2, 256), DType::F32, &Device::Cpu).unwrap();
    let changes = |rows: usize| Tensor::zeros((rows, 3), DType::U32, &Device::Cpu).unwrap();
    let error = |sources, sizes| super::augment(sources, sizes, 0, 0).unwrap_err().to_string();
    for (sources, sizes) in [
        ([&bytes, &tables, &changes(5)], [3, 2, 7, 5]),
        ([&bytes, &tables, &changes(6)], [4, 2, 7, 5]),
        ([&bytes, &tables, &changes(6)], [3, 1, 7, 5]),
        ([&tables, &tables, &changes(6)], [3, 2, 7, 5]),
    ] {
        let error = error(sources, sizes);
        assert!(error.contains("augment: expected bytes"), "{error}");
    }
}
