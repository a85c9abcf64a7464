//! Models against their networks' counts, finite differences and themselves.

use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use nas_space::network::{LayerKind, NetworkBuilder, NetworkConfig};
use nas_space::seed::Seed;
use nas_space::shape::Shape;
use nas_space::spaces::{self, Space};
use rand::RngExt;

use super::{Model, Pass};
use crate::compute::Compute;
use crate::nn::Gradients;
use crate::ops::cross_entropy;

const IMAGE: Shape = Shape::new(2, 8, 8);

fn config() -> NetworkConfig {
    NetworkConfig {
        image: IMAGE,
        classes: 3,
        channels: 4,
        cells: 3,
        ..NetworkConfig::default()
    }
}

/// A model of an architecture drawn from the space.
fn drawn(space: &dyn Space, seed: u64, dtype: DType) -> Model {
    let architecture = space.sample(&mut Seed::new(seed).rng());
    let network = space.network(&architecture, &config()).unwrap();
    Model::new(
        Arc::new(network),
        Seed::new(seed),
        &Compute::cpu().with_dtype(dtype),
    )
    .unwrap()
}

fn images(count: usize, dtype: DType) -> Tensor {
    images_of(IMAGE, count, dtype)
}

fn images_of(shape: Shape, count: usize, dtype: DType) -> Tensor {
    let mut rng = Seed::new(99).rng();
    let values: Vec<f64> = (0..count * shape.numel())
        .map(|_| rng.random_range(-1.0..1.0))
        .collect();
    let shape = (count, shape.channels, shape.height, shape.width);
    Tensor::from_vec(values, shape, &Device::Cpu)
        .unwrap()
        .to_dtype(dtype)
        .unwrap()
}

fn train_pass(step: u64) -> Pass {
    Pass::Train {
        seed: Seed::new(5).derive("step", step),
        drop_path: 0.0,
    }
}

fn loss(model: &Model, x: &Tensor, pass: &Pass) -> Tensor {
    let labels = Tensor::from_vec(
        (0..x.dims()[0] as u32).map(|i| i % 3).collect(),
        x.dims()[0],
        &Device::Cpu,
    );
    cross_entropy(&model.forward(x, pass).unwrap().main, &labels.unwrap(), 0.1).unwrap()
}

#[test]
fn every_space_gives_models_of_the_counted_size_that_train_a_step() {
    for &name in spaces::names() {
        let space = spaces::by_name(name).unwrap();
        for seed in 0..6 {
            let model = drawn(space.as_ref(), seed, DType::F32);
            assert_eq!(
                model.parameters().count(),
                model.network().cost().params,
                "{name} {seed}"
            );
            let loss = loss(&model, &images(4, DType::F32), &train_pass(0));
            assert!(loss.to_scalar::<f32>().unwrap().is_finite(), "{name} {seed}");
            let gradients = loss.backward().unwrap();
            let reached = model
                .parameters()
                .iter()
                .filter(|(_, p)| gradients.get(&p.var).is_some())
                .count();
            assert_eq!(
                reached,
                model.parameters().iter().len(),
                "{name} {seed}: a parameter without gradient"
            );
        }
    }
}

/// Off the tape and on it: the same loss, the same statistics, the same gradients. Sizes that are
/// odd, or a single row, and stems that halve are among them.
#[test]
fn gradients_off_the_tape_equal_those_of_the_tape() {
    for &name in spaces::names() {
        for (seed, (height, width, stem_halvings)) in (0..).zip([
            (8, 8, 0),
            (8, 8, 0),
            (8, 8, 0),
            (9, 7, 0),
            (1, 11, 0),
            (22, 19, 2),
            (33, 36, 3),
        ]) {
            let space = spaces::by_name(name).unwrap();
            let full = ["darts", "pnas", "nasnet"].contains(&name);
            // Cells of a hierarchy are so deep that through nine of them in a row, at last of
            // sixteen values a channel, a rounding error in the images alone moves the loss by more
            // than these bounds allow.
            let cells = if name == "hierarchical" { 1 } else { 3 };
            let config = NetworkConfig {
                drop_path: full,
                auxiliary: full,
                cells,
                image: Shape::new(IMAGE.channels, height, width),
                stem_halvings,
                ..config()
            };
            let architecture = space.sample(&mut Seed::new(seed).rng());
            let network = Arc::new(space.network(&architecture, &config).unwrap());
            let model = Model::new(network, Seed::new(seed), &Compute::cpu().with_dtype(DType::F64)).unwrap();
            let x = images_of(config.image, 4, DType::F64);
            let pass = Pass::Train {
                seed: Seed::new(8),
                drop_path: if full { 0.3 } else { 0.0 },
            };
            let labels = Tensor::from_vec(vec![0u32, 1, 2, 0], 4, &Device::Cpu).unwrap();
            let total = |logits: &super::Logits| {
                let main = cross_entropy(&logits.main, &labels, 0.1)?;
                match &logits.auxiliary {
                    Some(auxiliary) => main + (cross_entropy(auxiliary, &labels, 0.1)? * 0.4)?,
                    None => Ok(main),
                }
            };
            let start = model.parameters().snapshot().unwrap();
            let expected = total(&model.forward(&x, &pass).unwrap()).unwrap();
            let on_tape = Gradients::of(&expected, model.parameters()).unwrap();
            let statistics = model.parameters().snapshot().unwrap();
            model.parameters().restore(&start).unwrap();
            let (_, loss, gradients) = model.differentiate(&x, &pass, total).unwrap();
            let scalar = |t: &Tensor| t.to_scalar::<f64>().unwrap();
            assert!((scalar(&loss) - scalar(&expected)).abs() < 1e-12, "{name} {seed}");
            assert_eq!(gradients.iter().len(), on_tape.iter().len(), "{name} {seed}");
            for ((name, got), (expected_name, expected)) in gradients.iter().zip(on_tape.iter()) {
                assert_eq!(name, expected_name);
                let difference = (got - expected).unwrap().abs().unwrap().max_all().unwrap();
                // Gradients of the first layers of deep networks are large.
                let largest = expected.abs().unwrap().max_all().unwrap();
                let tolerance = 1e-10 * scalar(&largest).max(1.0);
                assert!(
                    scalar(&difference) < tolerance,
                    "{} {name}: {difference} of {largest}",
                    space.name()
                );
            }
            let after = model.parameters().snapshot().unwrap();
            for ((name, a), (_, b)) in after.iter().zip(statistics.iter()) {
                let difference = (a - b).unwrap().abs().unwrap().max_all().unwrap();
                // Variances of sums of many maps are in the hundreds.
                let largest = scalar(&b.abs().unwrap().max_all().unwrap()).max(1.0);
                assert!(
                    scalar(&difference) < 1e-12 * largest,
                    "{name}: {difference} of {largest}"
                );
            }
        }
    }
}

/// The derivative along a random direction in parameter space, by the tape and by central
/// differences in f64.
#[test]
fn gradients_of_whole_networks_agree_with_finite_differences() {
    for (name, seed) in [
        ("darts", 1),
        ("nb201", 2),
        ("nasnet", 3),
        ("pnas", 4),
        ("chain", 5),
        ("hierarchical", 6),
        ("enas-macro", 7),
    ] {
        let space = spaces::by_name(name).unwrap();
        let model = drawn(space.as_ref(), seed, DType::F64);
        let x = images(3, DType::F64);
        let gradients = loss(&model, &x, &train_pass(0)).backward().unwrap();
        let start = model.parameters().snapshot().unwrap();
        let mut rng = Seed::new(seed).derive("direction", 0).rng();
        let mut slope = 0.0;
        let mut directions = Vec::new();
        for (_, parameter) in model.parameters().iter() {
            let count = parameter.var.elem_count();
            let values: Vec<f64> = (0..count).map(|_| rng.random_range(-1.0..1.0)).collect();
            let direction = Tensor::from_vec(values, parameter.var.shape(), &Device::Cpu).unwrap();
            let gradient = gradients.get(&parameter.var).unwrap();
            slope += (gradient * &direction)
                .unwrap()
                .sum_all()
                .unwrap()
                .to_scalar::<f64>()
                .unwrap();
            directions.push(direction);
        }
        let moved = |step: f64| {
            model.parameters().restore(&start).unwrap();
            for ((_, parameter), direction) in model.parameters().iter().zip(&directions) {
                parameter
                    .var
                    .set(&(parameter.var.as_tensor() + (direction * step).unwrap()).unwrap())
                    .unwrap();
            }
            loss(&model, &x, &train_pass(0)).to_scalar::<f64>().unwrap()
        };
        let step = 1e-6;
        let measured = (moved(step) - moved(-step)) / (2.0 * step);
        let error = (measured - slope).abs() / slope.abs().max(1e-3);
        assert!(
            error < 1e-4,
            "{name}: {slope} by the tape, {measured} by differences"
        );
    }
}

#[test]
fn training_follows_the_statistics_and_evaluation_leaves_them() {
    let space = spaces::by_name("nb201").unwrap();
    let model = drawn(space.as_ref(), 0, DType::F32);
    let x = images(8, DType::F32);
    let statistics = || {
        model
            .parameters()
            .buffer("stem.bn.running_mean")
            .unwrap()
            .get()
            .unwrap()
            .to_vec1::<f32>()
            .unwrap()
    };
    let before = statistics();
    let first = model
        .forward(&x, &Pass::Eval)
        .unwrap()
        .main
        .to_vec2::<f32>()
        .unwrap();
    let second = model
        .forward(&x, &Pass::Eval)
        .unwrap()
        .main
        .to_vec2::<f32>()
        .unwrap();
    assert_eq!((first.clone(), statistics()), (second, before.clone()));
    model.forward(&x, &train_pass(0)).unwrap();
    assert_ne!(statistics(), before);
    assert_ne!(
        model
            .forward(&x, &Pass::Eval)
            .unwrap()
            .main
            .to_vec2::<f32>()
            .unwrap(),
        first
    );
}

#[test]
fn drop_path_is_random_in_training_alone_and_repeats_with_its_seed() {
    let space = spaces::by_name("darts").unwrap();
    let config = NetworkConfig {
        drop_path: true,
        auxiliary: true,
        ..config()
    };
    let architecture = space.sample(&mut Seed::new(3).rng());
    let network = Arc::new(space.network(&architecture, &config).unwrap());
    let model = Model::new(network, Seed::new(0), &Compute::cpu()).unwrap();
    let x = images(4, DType::F32);
    let forward = |seed: u64, drop_path: f64| {
        let logits = model
            .forward(
                &x,
                &Pass::Train {
                    seed: Seed::new(seed),
                    drop_path,
                },
            )
            .unwrap();
        assert!(logits.auxiliary.is_some());
        logits.main.to_vec2::<f32>().unwrap()
    };
    assert_eq!(forward(1, 0.5), forward(1, 0.5));
    assert_ne!(forward(1, 0.5), forward(2, 0.5));
    assert_eq!(forward(1, 0.0), forward(2, 0.0));
    assert!(model.forward(&x, &Pass::Eval).unwrap().auxiliary.is_none());
}

#[test]
fn images_of_another_shape_are_refused() {
    let space = spaces::by_name("nb201").unwrap();
    let model = drawn(space.as_ref(), 0, DType::F32);
    let x = Tensor::zeros((1, 3, 8, 8), DType::F32, &Device::Cpu).unwrap();
    let message = model.forward(&x, &Pass::Eval).unwrap_err().to_string();
    assert!(
        message.contains("2x8x8") && message.contains("3x8x8"),
        "{message}"
    );
}

/// A model whose running statistics are not those it starts with.
fn seasoned(name: &str, seed: u64) -> Model {
    let model = drawn(spaces::by_name(name).unwrap().as_ref(), seed, DType::F64);
    let mut rng = Seed::new(seed).derive("statistics", 0).rng();
    let mut values = indexmap::IndexMap::new();
    for (name, tensor) in model.parameters().snapshot().unwrap().iter() {
        let is_norm = tensor.dims().len() == 1;
        let numbers: Vec<f64> = match is_norm {
            true => (0..tensor.elem_count())
                .map(|_| rng.random_range(0.5..1.5))
                .collect(),
            false => tensor.flatten_all().unwrap().to_vec1().unwrap(),
        };
        values.insert(
            name.to_owned(),
            Tensor::from_vec(numbers, tensor.shape(), &Device::Cpu).unwrap(),
        );
    }
    model.parameters().adopt(&values, "here").unwrap();
    model
}

#[test]
fn a_folded_model_gives_the_same_scores_with_fewer_layers() {
    for &name in spaces::names() {
        for seed in 0..12 {
            let model = seasoned(name, seed);
            let folded = model.folded().unwrap();
            let x = images(3, DType::F64);
            let scores = |model: &Model| model.forward(&x, &Pass::Eval).unwrap().main;
            let (expected, got) = (scores(&model), scores(&folded));
            let difference = (&expected - &got).unwrap().abs().unwrap().max_all().unwrap();
            let largest = expected.abs().unwrap().max_all().unwrap();
            let of = |t: &Tensor| t.to_scalar::<f64>().unwrap();
            assert!(
                of(&difference) <= 1e-12 * of(&largest).max(1.0),
                "{name} {seed}: {difference}"
            );
            let layers = |model: &Model| model.network().layers().to_vec();
            assert!(layers(&folded).len() < layers(&model).len(), "{name} {seed}");
            for layer in layers(&folded) {
                let before = layer.inputs.first().map(|&id| folded.network().layer(id));
                let follows_conv = before.is_some_and(|before| matches!(before.kind, LayerKind::Conv2d(_)));
                let read_once = || {
                    let all = layers(&folded);
                    all.iter()
                        .filter(|other| other.inputs.contains(&layer.inputs[0]))
                        .count()
                        == 1
                };
                assert!(
                    !(matches!(layer.kind, LayerKind::BatchNorm { .. }) && follows_conv && read_once()),
                    "{name} {seed}: {} could be folded",
                    layer.name
                );
            }
        }
    }
}

#[test]
fn what_training_alone_needs_is_not_in_a_folded_model() {
    let space = spaces::by_name("darts").unwrap();
    let config = NetworkConfig {
        drop_path: true,
        auxiliary: true,
        ..config()
    };
    let network = space
        .network(&space.sample(&mut Seed::new(3).rng()), &config)
        .unwrap();
    let model = Model::new(Arc::new(network), Seed::new(0), &Compute::cpu()).unwrap();
    let folded = model.folded().unwrap();
    assert!(folded.network().auxiliary().is_none());
    let kinds = |model: &Model| -> Vec<&str> {
        model
            .network()
            .layers()
            .iter()
            .map(|layer| layer.kind.label())
            .collect()
    };
    assert!(kinds(&model).contains(&"drop_path") && !kinds(&folded).contains(&"drop_path"));
}

/// Each sum is of the two before it: to follow all ways through them would take for ever.
#[test]
fn sums_of_zeros_are_folded_at_once_however_many_there_are() {
    let mut builder = NetworkBuilder::new(IMAGE).unwrap();
    let image = builder.image();
    let zero = builder.push(LayerKind::Zero { stride: 1 }, &[image]).unwrap();
    let mut sums = [zero, builder.add(&[zero, zero]).unwrap()];
    for _ in 0..100 {
        sums = [sums[1], builder.add(&sums).unwrap()];
    }
    let all = builder.add(&[sums[1], image]).unwrap();
    let pooled = builder.global_avg_pool(all).unwrap();
    let logits = builder.linear(pooled, 3).unwrap();
    let network = Arc::new(builder.finish(logits, None));
    let model = Model::new(network, Seed::new(0), &Compute::cpu()).unwrap();
    let folded = model.folded().unwrap();
    let kinds: Vec<&str> = folded
        .network()
        .layers()
        .iter()
        .map(|layer| layer.kind.label())
        .collect();
    assert_eq!(kinds, ["input", "gap", "linear"]);
    let x = images(2, DType::F32);
    let scores = |model: &Model| model.forward(&x, &Pass::Eval).unwrap().main;
    assert_eq!(
        scores(&model).to_vec2::<f32>().unwrap(),
        scores(&folded).to_vec2::<f32>().unwrap()
    );
}
