//! The engine against Candle's tape, on the layers as they are defined; against finite differences;
//! and against itself on other instruction sets and other numbers of threads.

use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use nas_space::network::{Conv2d, LayerId, LayerKind, Network, NetworkBuilder, Pool2d, PoolKind};
use nas_space::seed::Seed;
use nas_space::shape::Shape;
use rand::RngExt;

use super::plan::Plan;
use super::{Engine, Request};
use crate::compute::Compute;
use crate::kernels::{Level, Tile, level};
use crate::model::{Logits, Model, Pass, Wanted};
use crate::nn::Gradients;
use crate::ops::cross_entropy;
use crate::pass::{Differentiated, Weights};

const TRAIN: Pass = Pass::Train {
    seed: Seed::new(5),
    drop_path: 0.3,
};

/// A network of a stem, so that what follows has an input with a gradient, the layers that `f`
/// adds, and a classifier.
fn network(
    image: Shape,
    channels: usize,
    f: impl FnOnce(&mut NetworkBuilder, LayerId) -> LayerId,
) -> Arc<Network> {
    let mut b = NetworkBuilder::new(image).unwrap();
    let x = b.image();
    let stem = b.conv(x, Conv2d::pointwise(channels)).unwrap();
    let stem = b.batch_norm(stem, true).unwrap();
    let y = f(&mut b, stem);
    // No ReLU behind it: a convolution may see nothing but padding, and then its sign would be that
    // of rounding.
    let y = b.batch_norm(y, true).unwrap();
    let y = b.global_avg_pool(y).unwrap();
    let logits = b.linear(y, 3).unwrap();
    Arc::new(b.finish(logits, None))
}

/// Images and labels.
fn batch(network: &Network, n: usize, dtype: DType) -> (Tensor, Tensor) {
    let image = network.image();
    let mut rng = Seed::new(7).rng();
    let values: Vec<f64> = (0..n * image.numel())
        .map(|_| rng.random_range(-1.0..1.0))
        .collect();
    let images = Tensor::from_vec(
        values,
        (n, image.channels, image.height, image.width),
        &Device::Cpu,
    )
    .unwrap()
    .to_dtype(dtype)
    .unwrap();
    let labels: Vec<u32> = (0..n as u32).map(|i| i % 3).collect();
    (images, Tensor::from_vec(labels, n, &Device::Cpu).unwrap())
}

fn loss(labels: &Tensor) -> impl FnOnce(&Logits) -> candle_core::Result<Tensor> + '_ {
    |logits| cross_entropy(&logits.main, labels, 0.0)
}

fn by_engine(engine: &Engine, model: &Model, n: usize) -> Differentiated {
    let (images, labels) = batch(model.network(), n, model.parameters().dtype());
    let request = Request {
        network: model.network(),
        parameters: model.parameters(),
        images: &images,
        pass: &TRAIN,
        weights: &Weights::Missing,
    };
    engine
        .differentiate(&request, Wanted::Weights, Box::new(loss(&labels)), None)
        .unwrap()
}

fn values(tensor: &Tensor) -> Vec<f64> {
    let tensor = tensor.to_dtype(DType::F64).unwrap();
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

fn assert_close(a: &Tensor, b: &Tensor, tolerance: f64, what: &str) {
    assert_eq!(a.dims(), b.dims(), "{what}");
    let (a, b) = (values(a), values(b));
    let scale = b.iter().fold(1.0, |m: f64, v| m.max(v.abs()));
    for (i, (a, b)) in a.iter().zip(&b).enumerate() {
        assert!(
            (a - b).abs() <= tolerance * scale,
            "{what}: element {i}: {a} and {b}"
        );
    }
}

fn levels() -> impl Iterator<Item = Level> {
    [Level::Plain, Level::Avx2, Level::Avx512]
        .into_iter()
        .filter(|&l| l <= level())
}

/// Compares scores, gradients and running statistics of the engine with those of the tape, in both
/// element types and on all instruction sets of this processor.
fn assert_is_the_tape(network: &Arc<Network>, n: usize, what: &str) {
    for (dtype, tolerance) in [(DType::F64, 1e-10), (DType::F32, 2e-3)] {
        let model = Model::new(
            Arc::clone(network),
            Seed::new(1),
            &Compute::cpu().with_dtype(dtype),
        )
        .unwrap();
        let (images, labels) = batch(network, n, dtype);
        let start = model.parameters().snapshot().unwrap();
        let tape = model
            .differentiate_on_tape(&images, &TRAIN, None, Wanted::Weights, Box::new(loss(&labels)))
            .unwrap();
        let statistics: Vec<Tensor> = model
            .parameters()
            .buffers()
            .map(|(_, b)| b.get().unwrap())
            .collect();
        for level in levels() {
            model.parameters().restore(&start).unwrap();
            let mut engine = Engine::new(network).unwrap();
            engine.level = level;
            let what = format!("{what}, {dtype:?}, {level:?}");
            let got = by_engine(&engine, &model, n);
            assert_close(
                &got.logits.main,
                &tape.logits.main,
                tolerance,
                &format!("{what}: scores"),
            );
            let names = |g: &Gradients| g.iter().map(|(name, _)| name.to_owned()).collect::<Vec<_>>();
            assert_eq!(names(&got.gradients), names(&tape.gradients), "{what}");
            for (name, gradient) in got.gradients.iter() {
                let expected = tape.gradients.get(name).unwrap();
                assert_close(
                    gradient,
                    expected,
                    tolerance,
                    &format!("{what}: gradient of {name}"),
                );
            }
            for ((name, buffer), expected) in model.parameters().buffers().zip(&statistics) {
                assert_close(
                    &buffer.get().unwrap(),
                    expected,
                    tolerance,
                    &format!("{what}: {name}"),
                );
            }
        }
    }
}

#[test]
fn random_convolutions_are_those_of_the_tape() {
    for case in 0..120 {
        let mut rng = Seed::new(case).rng();
        let mut pick = |range: std::ops::RangeInclusive<usize>| rng.random_range(range);
        let groups = [1, 1, pick(2..=3)][pick(0..=2)];
        let depthwise = pick(0..=2) == 0;
        let channels = if depthwise {
            pick(1..=40)
        } else {
            groups * pick(1..=20)
        };
        let mut conv = Conv2d {
            channels: if depthwise {
                channels
            } else {
                groups * pick(1..=28)
            },
            kernel: [pick(1..=5), pick(1..=5)],
            stride: [pick(1..=3), pick(1..=3)],
            padding: [pick(0..=4), pick(0..=4)],
            dilation: [pick(1..=2), pick(1..=2)],
            groups: if depthwise { channels } else { groups },
            bias: pick(0..=3) == 0,
        };
        if pick(0..=1) == 0 {
            conv = Conv2d {
                groups: conv.groups,
                bias: conv.bias,
                ..Conv2d::same(conv.channels, [2 * pick(0..=2) + 1, 2 * pick(0..=2) + 1])
            };
        }
        let span = |i: usize| conv.dilation[i] * (conv.kernel[i] - 1) + 1;
        let least = |i: usize| span(i).saturating_sub(2 * conv.padding[i]).max(1);
        let image = Shape::new(2, least(0) + pick(0..=9), least(1) + pick(0..=11));
        let network = network(image, channels, |b, x| {
            let x = b.relu(x).unwrap();
            b.conv(x, conv).unwrap()
        });
        assert_is_the_tape(
            &network,
            3,
            &format!("{conv:?} on {channels} channels of {image}"),
        );
    }
}

#[test]
fn random_pooling_is_that_of_the_tape() {
    for case in 0..40 {
        let mut rng = Seed::new(1000 + case).rng();
        let mut pick = |range: std::ops::RangeInclusive<usize>| rng.random_range(range);
        let kernel = [pick(1..=4), pick(1..=4)];
        let pool = Pool2d {
            kind: if case % 2 == 0 {
                PoolKind::Max
            } else {
                PoolKind::Average
            },
            kernel,
            stride: [pick(1..=3), pick(1..=3)],
            padding: [pick(0..=kernel[0] / 2), pick(0..=kernel[1] / 2)],
        };
        let image = Shape::new(2, kernel[0] + pick(0..=6), kernel[1] + pick(0..=6));
        let channels = pick(1..=20);
        let network = network(image, channels, |b, x| b.pool(x, pool).unwrap());
        assert_is_the_tape(
            &network,
            3,
            &format!("{pool:?} on {channels} channels of {image}"),
        );
    }
}

/// One of each other layer, and maps that are read in several ways.
fn zoo(channels: usize) -> Arc<Network> {
    network(Shape::new(3, 9, 8), channels, |b, x| {
        let rectified = b.relu(x).unwrap();
        // Convolutions that share a frame, one of them with a pointwise one behind it.
        let small = b.conv(rectified, Conv2d::same(channels, [3, 3])).unwrap();
        let deep = b.conv(rectified, Conv2d::depthwise(channels, 5, 2)).unwrap();
        let deep = b.conv(deep, Conv2d::pointwise(channels)).unwrap();
        let deep = b.batch_norm(deep, false).unwrap();
        let dropped = b.push(LayerKind::DropPath, &[deep]).unwrap();
        let nothing = b.push(LayerKind::Zero { stride: 1 }, &[x]).unwrap();
        let sum = b.add(&[small, dropped, x, rectified, nothing, x]).unwrap();
        let inner = b.add(&[sum]).unwrap();
        // Channels that are no multiple of anything.
        let both = b.concat(&[inner, x, dropped]).unwrap();
        let some = LayerKind::Channels {
            start: 2,
            count: 2 * channels,
        };
        let some = b.push(some, &[both]).unwrap();
        let shuffled = b.push(LayerKind::Shuffle { groups: 2 }, &[some]).unwrap();
        let shifted = b.push(LayerKind::Shift, &[shuffled]).unwrap();
        let padded = b
            .push(LayerKind::Pad { height: 11, width: 8 }, &[shifted])
            .unwrap();
        let loose = b.push(LayerKind::Dropout { rate: 0.25 }, &[padded]).unwrap();
        let twice = b.push(LayerKind::DropPath, &[loose]).unwrap();
        let twice = b.push(LayerKind::DropPath, &[twice]).unwrap();
        let again = b.batch_norm(loose, true).unwrap();
        b.add(&[twice, again]).unwrap()
    })
}

/// Maps that many convolutions read, through a ReLU and without: those whose gradients are added up
/// where they arrive, alone and with others.
fn shared(size: [usize; 2], channels: usize) -> Arc<Network> {
    network(Shape::new(channels, size[0], size[1]), channels, |b, x| {
        let separable = |b: &mut NetworkBuilder, x, kernel, dilation| {
            let y = b.conv(x, Conv2d::depthwise(channels, kernel, dilation)).unwrap();
            let y = b.conv(y, Conv2d::pointwise(channels)).unwrap();
            b.batch_norm(y, true).unwrap()
        };
        let normal = b.batch_norm(x, true).unwrap();
        let mut terms = vec![normal];
        for x in [normal, x] {
            let rectified = b.relu(x).unwrap();
            for (kernel, dilation) in [(3, 1), (5, 1), (3, 2)] {
                terms.push(separable(b, rectified, kernel, dilation));
            }
            terms.push(separable(b, x, 3, 1));
            terms.push(b.conv(x, Conv2d::depthwise(channels, 3, 1)).unwrap());
            terms.push(b.conv(rectified, Conv2d::pointwise(channels)).unwrap());
            // One after the other, each the only one that reads the map before it.
            let once = b.relu(terms[1]).unwrap();
            terms.push(separable(b, once, 3, 1));
            let dropped = b.push(LayerKind::DropPath, &[rectified]).unwrap();
            terms.push(separable(b, dropped, 3, 1));
        }
        b.add(&terms).unwrap()
    })
}

/// Two dense 3×3 convolutions of this output, the first one with this padding; it shares its frame
/// with a wider one.
fn even(padding: usize, output: [usize; 2], channels: usize, filters: usize) -> Arc<Network> {
    let [height, width] = output.map(|side| side + 2 - 2 * padding);
    network(Shape::new(2, height, width), channels, |b, x| {
        let rectified = b.relu(x).unwrap();
        let conv = Conv2d {
            padding: [padding, padding],
            bias: padding == 0,
            ..Conv2d::same(filters, [3, 3])
        };
        let first = b.conv(rectified, conv).unwrap();
        let first = b.batch_norm(first, true).unwrap();
        let wide = Conv2d {
            padding: [padding + 1, padding + 1],
            ..Conv2d::same(filters, [5, 5])
        };
        let second = b.conv(rectified, wide).unwrap();
        let sum = b.add(&[first, second]).unwrap();
        b.conv(sum, Conv2d::same(channels, [3, 3])).unwrap()
    })
}

#[test]
fn convolutions_in_tiles_are_those_of_the_tape() {
    // The last images of the batch are fewer than are computed together.
    for (output, tile, n) in [
        ([2, 2], Tile::Two, 33),
        ([3, 3], Tile::Two, 9),
        ([4, 4], Tile::Two, 9),
        ([5, 5], Tile::Two, 5),
        ([6, 6], Tile::Two, 5),
        ([7, 7], Tile::Four, 9),
        ([8, 10], Tile::Four, 7),
        ([9, 13], Tile::Four, 4),
    ] {
        let paddings = (0..=4).filter(|padding| output[0] + 2 > 2 * padding);
        for padding in paddings {
            for (channels, filters) in [(8, 8), (20, 9), (16, 40)] {
                let network = even(padding, output, channels, filters);
                let what = format!("{output:?}, padding {padding}, {channels} to {filters} channels");
                assert_is_the_tape(&network, n, &what);
                let plan = Plan::new(&network).unwrap();
                let convs = plan.steps.iter().flat_map(|step| step.convolutions());
                let tiled: Vec<_> = convs.filter(|conv| conv.tile.is_some()).collect();
                assert_eq!(tiled.len(), 2, "{what}");
                for conv in tiled {
                    assert_eq!(conv.tile, Some(tile), "{what}");
                    let together = conv.images_together();
                    assert!(n > together && n % together != 0, "{what}: {together}");
                }
            }
        }
    }
}

#[test]
fn all_other_layers_are_those_of_the_tape() {
    for channels in [5, 8, 16] {
        assert_is_the_tape(&zoo(channels), 4, &format!("{channels} channels"));
    }
}

#[test]
fn convolutions_that_read_the_same_map_are_those_of_the_tape() {
    for (size, channels) in [([9, 7], 5), ([4, 11], 24), ([8, 8], 40), ([3, 2], 16)] {
        let what = format!("{size:?}, {channels} channels");
        assert_is_the_tape(&shared(size, channels), 3, &what);
    }
}

#[test]
fn gradients_are_finite_differences() {
    for (network, every) in [
        (zoo(3), 5),
        (even(1, [4, 6], 8, 8), 37),
        (even(1, [8, 8], 8, 8), 37),
        (even(1, [5, 7], 8, 8), 37),
        (shared([5, 4], 3), 11),
    ] {
        check_differences(&network, every);
    }
}

/// Compares the gradients of every n-th element with finite differences.
fn check_differences(network: &Arc<Network>, every: usize) {
    const STEP: f64 = 1e-6;
    let model = Model::new(
        Arc::clone(network),
        Seed::new(3),
        &Compute::cpu().with_dtype(DType::F64),
    )
    .unwrap();
    let engine = Engine::new(network).unwrap();
    let found = by_engine(&engine, &model, 4);
    let mut checked = 0;
    for (name, gradient) in found.gradients.iter() {
        let var = &model.parameters().get(name).unwrap().var;
        let (start, gradient) = (values(var), values(gradient));
        for i in (0..start.len()).step_by(every) {
            let at = |by: f64| {
                let mut moved = start.clone();
                moved[i] += by;
                var.set(&Tensor::from_vec(moved, var.dims(), &Device::Cpu).unwrap())
                    .unwrap();
                values(&by_engine(&engine, &model, 4).loss)[0]
            };
            let difference = (at(STEP) - at(-STEP)) / (2.0 * STEP);
            assert!(
                (difference - gradient[i]).abs() < 1e-6,
                "{name}, element {i}: {difference} and {}",
                gradient[i]
            );
            checked += 1;
        }
        var.set(&Tensor::from_vec(start, var.dims(), &Device::Cpu).unwrap())
            .unwrap();
    }
    assert!(checked > 40, "{checked}");
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    for network in [
        zoo(16),
        even(1, [4, 6], 16, 16),
        even(1, [8, 8], 16, 16),
        shared([6, 5], 24),
    ] {
        let one = bits(&network, 1);
        assert!(one == bits(&network, 2) && one == bits(&network, 3));
    }
}

/// The bits of scores and gradients, computed on this number of threads.
fn bits(network: &Arc<Network>, threads: usize) -> Vec<u64> {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .unwrap();
    pool.install(|| {
        let model = Model::new(Arc::clone(network), Seed::new(3), &Compute::cpu()).unwrap();
        let found = by_engine(&Engine::new(network).unwrap(), &model, 70);
        let all = found.gradients.iter().map(|(_, gradient)| gradient);
        let all = all.chain([&found.logits.main]);
        all.flat_map(values).map(f64::to_bits).collect()
    })
}

#[test]
fn memory_of_a_larger_batch_does_not_show_in_a_smaller_one() {
    let network = zoo(8);
    let model = Model::new(
        Arc::clone(&network),
        Seed::new(3),
        &Compute::cpu().with_dtype(DType::F64),
    )
    .unwrap();
    let engine = Engine::new(&network).unwrap();
    let first = by_engine(&engine, &model, 3);
    by_engine(&engine, &model, 11);
    let second = by_engine(&engine, &model, 3);
    assert_eq!(values(&first.logits.main), values(&second.logits.main));
    for (name, gradient) in first.gradients.iter() {
        assert_eq!(
            values(gradient),
            values(second.gradients.get(name).unwrap()),
            "{name}"
        );
    }
}

#[test]
fn memory_is_used_again_and_known_beforehand() {
    let network = zoo(8);
    let model = Model::new(Arc::clone(&network), Seed::new(3), &Compute::cpu()).unwrap();
    for (trained, evaluated) in [(6, 3), (3, 6)] {
        let engine = Engine::new(&network).unwrap();
        let evaluate = || {
            let (images, _) = batch(&network, evaluated, DType::F32);
            let request = Request {
                network: &network,
                parameters: model.parameters(),
                images: &images,
                pass: &Pass::Eval,
                weights: &Weights::Missing,
            };
            engine.forward(&request).unwrap();
        };
        evaluate();
        let forward_alone = engine.held_elements();
        by_engine(&engine, &model, trained);
        evaluate();
        by_engine(&engine, &model, trained);
        let held = engine.held_elements();
        assert_eq!(held, engine.elements_of_places(trained, evaluated));
        for _ in 0..3 {
            by_engine(&engine, &model, trained);
            evaluate();
        }
        assert_eq!(engine.held_elements(), held, "more for the same passes");
        let plan = super::plan::Plan::new(&network).unwrap();
        let all_maps: usize = plan.steps.iter().map(super::plan::Step::len).sum();
        let of_all_maps = |images: usize| (all_maps * images) as u64;
        // Gradients lie where maps have lain, and an evaluation forgets what has been read.
        assert!(
            2 * held < 3 * of_all_maps(trained.max(evaluated)),
            "{held} of {all_maps}"
        );
        assert!(
            3 * forward_alone < 2 * of_all_maps(evaluated),
            "{forward_alone} of {all_maps}"
        );
    }
}

/// Mean 1000, standard deviation 1: the square of the mean is a million times the variance.
#[test]
fn statistics_are_right_far_from_zero() {
    let mut b = NetworkBuilder::new(Shape::new(3, 24, 24)).unwrap();
    let x = b.image();
    let y = b.batch_norm(x, false).unwrap();
    let y = b.global_avg_pool(y).unwrap();
    let logits = b.linear(y, 3).unwrap();
    let network = Arc::new(b.finish(logits, None));
    let statistics = |dtype: DType| {
        let model = Model::new(
            Arc::clone(&network),
            Seed::new(3),
            &Compute::cpu().with_dtype(dtype),
        )
        .unwrap();
        let (images, _) = batch(&network, 16, DType::F32);
        // Single precision rounds the images; both see the same ones.
        let images = ((images * 3f64.sqrt()).unwrap() + 1000.0)
            .unwrap()
            .to_dtype(dtype)
            .unwrap();
        let request = Request {
            network: &network,
            parameters: model.parameters(),
            images: &images,
            pass: &TRAIN,
            weights: &Weights::Missing,
        };
        Engine::new(&network).unwrap().forward(&request).unwrap();
        let buffers = model.parameters().buffers();
        buffers
            .flat_map(|(_, b)| values(&b.get().unwrap()))
            .collect::<Vec<_>>()
    };
    for (single, double) in statistics(DType::F32).iter().zip(statistics(DType::F64)) {
        assert!((single / double - 1.0).abs() < 1e-6, "{single} {double}");
    }
}
