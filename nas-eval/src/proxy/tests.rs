use std::collections::BTreeMap;
use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use nas_space::genotype::Genotype;
use nas_space::network::{LayerKind, Network, NetworkBuilder, NetworkConfig};
use nas_space::op::Operations;
use nas_space::search::Scorer as _;
use nas_space::seed::Seed;
use nas_space::shape::Shape;
use nas_space::spaces::{self, Space as _};
use serde::Deserialize;

use super::score::{mean_cross_entropy, of_model};
use super::*;
use crate::compute::Compute;
use crate::data::Dataset;
use crate::model::{Logits, Model, Pass, Wanted};
use crate::nn::Gradients;

/// What `benches/proxies.py reference` has computed in PyTorch.
#[derive(Deserialize)]
struct Reference {
    channels: usize,
    cells: usize,
    image: [usize; 3],
    batch: usize,
    networks: Vec<Referred>,
    deep: Deep,
}

#[derive(Deserialize)]
struct Referred {
    cell: String,
    scores: std::collections::BTreeMap<ProxyKind, f64>,
    /// ‖∂L/∂w‖₂ of each convolution and of the classifier, in order.
    gradient_norms: Vec<f64>,
    /// ‖∂Σ scores/∂x‖₂ of each image.
    jacobian_norms: Vec<f64>,
}

/// GraSP of networks as deep as the published ones, by cell.
#[derive(Debug, serde::Deserialize)]
struct Deep {
    channels: usize,
    cells: usize,
    image: [usize; 3],
    batch: usize,
    grasp: BTreeMap<String, f64>,
}

fn reference() -> Reference {
    serde_json::from_str(include_str!("tests/pytorch.json")).unwrap()
}

/// `count` numbers in [−1, 1): the formula of `benches/proxies.py`.
fn numbers(stream: u32, count: usize) -> Vec<f64> {
    let number = |i: usize| {
        let mut x = (i as u32)
            .wrapping_mul(2_654_435_761)
            .wrapping_add(stream.wrapping_mul(40_503));
        for factor in [0x7feb_352d, 0x846c_a68b] {
            x = (x ^ (x >> 16)).wrapping_mul(factor);
        }
        f64::from(x ^ (x >> 15)) / f64::from(1_u32 << 31) - 1.0
    };
    (0..count).map(number).collect()
}

fn precise() -> Compute {
    Compute::cpu().with_dtype(DType::F64)
}

/// Puts the numbers of the formula where weights and biases are.
fn fill(model: &Model, scale: impl Fn(usize) -> f64) {
    for (number, name) in weights::names(model.network()).enumerate() {
        let weight = &model.parameters().get(&name).unwrap().var;
        let fan_in = weight.elem_count() / weight.dim(0).unwrap();
        let put = |name: &str, stream: usize| {
            let Some(parameter) = model.parameters().get(name) else {
                return;
            };
            let values = numbers(stream as u32, parameter.var.elem_count());
            let values: Vec<f64> = values.into_iter().map(|v| v * scale(fan_in)).collect();
            let values = Tensor::from_vec(values, parameter.var.shape(), &Device::Cpu).unwrap();
            parameter.var.set(&values).unwrap();
        };
        put(&name, number);
        put(&name.replace(".weight", ".bias"), 1000 + number);
    }
}

fn filled(network: &Arc<Network>) -> Model {
    let model = Model::unfused(Arc::clone(network), Seed::new(0), &precise()).unwrap();
    fill(&model, |fan_in| 1.0 / (fan_in as f64).sqrt());
    model
}

fn images(stream: u32, [channels, height, width]: [usize; 3], n: usize) -> Tensor {
    let values = numbers(stream, n * channels * height * width);
    let values: Vec<f64> = values.into_iter().map(|v| 1.7 * v).collect();
    Tensor::from_vec(values, (n, channels, height, width), &Device::Cpu).unwrap()
}

fn batch_of(images: &Tensor, classes: usize) -> ProxyBatch {
    let n = images.dim(0).unwrap();
    let labels: Vec<u32> = (0..n as u32).map(|i| i * 7 % 3).collect();
    let labels = Tensor::from_vec(labels, n, &Device::Cpu).unwrap();
    ProxyBatch::new(images, &labels, classes, &precise()).unwrap()
}

fn nb201(cell: &str, image: [usize; 3], channels: usize, cells: usize) -> Arc<Network> {
    let genotype: Genotype = cell.parse().unwrap();
    let config = NetworkConfig {
        channels,
        cells,
        ..NetworkConfig::of_images(Shape::new(image[0], image[1], image[2]), 10)
    };
    Arc::new(genotype.network(&Operations::standard(), &config).unwrap())
}

#[track_caller]
fn assert_near(got: f64, expected: f64, tolerance: f64, what: &str) {
    let difference = (got - expected).abs();
    assert!(
        difference <= tolerance * expected.abs().max(1e-3),
        "{what}: {got}, expected {expected}"
    );
}

#[test]
fn every_proxy_gives_pytorchs_value() {
    let reference = reference();
    let x = images(5000, reference.image, reference.batch);
    let noise = images(5001, reference.image, reference.batch);
    let batch = batch_of(&x, 10);
    for Referred { cell, scores, .. } in reference.networks {
        let network = nb201(&cell, reference.image, reference.channels, reference.cells);
        let kinds: Vec<ProxyKind> = scores.keys().copied().collect();
        let mut found = of_model(&filled(&network), &kinds, &batch).unwrap();
        found.push((
            ProxyKind::Grasp,
            grasp::of_model(&filled(&network), &batch).unwrap(),
        ));
        let flow = Arc::new(network::scaled_without_batch_norms(&network).unwrap());
        found.push((ProxyKind::Synflow, synflow::flow(&filled(&flow)).unwrap()));
        let features = Arc::new(network::features(&network).unwrap());
        let features = Model::new(features, Seed::new(0), &precise()).unwrap();
        fill(&features, |_| 3_f64.sqrt());
        let moved = (&x + (&noise * 0.01).unwrap()).unwrap();
        found.push((ProxyKind::Zen, zen::change(&features, &x, &moved).unwrap()));
        found.push((ProxyKind::Parameters, size::parameters(&network)));
        assert_eq!(found.len(), scores.len());
        for (kind, score) in found {
            assert_near(score, scores[&kind], 1e-5, &format!("{cell}: {kind}"));
        }
    }
}

/// In networks of this depth, values cross the 0 of a ReLU when weights move by a millionth.
#[test]
fn grasp_of_deep_networks_is_pytorchs() {
    let deep = reference().deep;
    assert_eq!(deep.grasp.len(), 3);
    let batch = batch_of(&images(5000, deep.image, deep.batch), 10);
    for (cell, expected) in deep.grasp {
        let network = nb201(&cell, deep.image, deep.channels, deep.cells);
        let got = grasp::of_model(&filled(&network), &batch).unwrap();
        assert_near(got, expected, 1e-5, &cell);
    }
}

#[test]
fn gradients_of_weights_and_of_images_are_pytorchs() {
    let reference = reference();
    let batch = batch_of(&images(5000, reference.image, reference.batch), 10);
    for referred in reference.networks {
        let cell = &referred.cell;
        let network = nb201(cell, reference.image, reference.channels, reference.cells);
        let model = filled(&network);
        let loss = mean_cross_entropy(&batch.labels);
        let done = model
            .differentiate_untrained(&batch.images, Wanted::Weights, loss, None)
            .unwrap();
        let layers = weights::with_gradients(&model, &done.gradients).unwrap();
        assert_eq!(layers.len(), referred.gradient_norms.len());
        for (layer, expected) in layers.iter().zip(&referred.gradient_norms) {
            assert_near(layer.sum(|_, g| g * g).sqrt(), *expected, 1e-9, cell);
        }
        let rows = correlation::jacobian(&model, &batch).unwrap();
        for (row, expected) in rows.iter().zip(&referred.jacobian_norms) {
            let norm = row.iter().map(|v| v * v).sum::<f64>().sqrt();
            assert_near(norm, *expected, 1e-9, cell);
        }
    }
}

const SMALL: [usize; 3] = [3, 8, 8];
const CELL: &str =
    "|nor_conv_3x3~0|+|nor_conv_1x1~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_1x1~2|";

fn loss_and_gradients(model: &Model, batch: &ProxyBatch) -> (f64, Gradients) {
    let loss = mean_cross_entropy(&batch.labels);
    let done = model
        .differentiate_untrained(&batch.images, Wanted::Weights, loss, None)
        .unwrap();
    (done.loss.to_scalar().unwrap(), done.gradients)
}

/// Moves the weights of convolutions and linear layers by `step` times a direction, and back.
fn moved<R>(model: &Model, direction: &[Vec<f64>], step: f64, f: impl FnOnce() -> R) -> R {
    let vars: Vec<_> = weights::names(model.network())
        .map(|name| model.parameters().get(&name).unwrap().var.clone())
        .collect();
    let start: Vec<Tensor> = vars
        .iter()
        .map(|var| var.as_detached_tensor().copy().unwrap())
        .collect();
    for ((var, start), direction) in vars.iter().zip(&start).zip(direction) {
        let direction = Tensor::from_vec(direction.clone(), var.shape(), &Device::Cpu).unwrap();
        var.set(&(start + (direction * step).unwrap()).unwrap()).unwrap();
    }
    let result = f();
    for (var, start) in vars.iter().zip(&start) {
        var.set(start).unwrap();
    }
    result
}

#[test]
fn the_gradient_of_weights_is_that_of_finite_differences() {
    let model = filled(&nb201(CELL, SMALL, 4, 1));
    let batch = batch_of(&images(5000, SMALL, 6), 10);
    let (_, gradients) = loss_and_gradients(&model, &batch);
    let layers = weights::with_gradients(&model, &gradients).unwrap();
    for stream in 0..3 {
        let direction: Vec<Vec<f64>> = layers
            .iter()
            .enumerate()
            .map(|(number, layer)| numbers(9000 + 100 * stream + number as u32, layer.weight.len()))
            .collect();
        let expected: f64 = layers
            .iter()
            .zip(&direction)
            .map(|(layer, d)| {
                let gradient = layer.gradient.as_ref().unwrap();
                gradient.iter().zip(d).map(|(g, d)| g * d).sum::<f64>()
            })
            .sum();
        let step = 1e-7;
        let loss = |step| moved(&model, &direction, step, || loss_and_gradients(&model, &batch).0);
        let found = (loss(step) - loss(-step)) / (2.0 * step);
        assert_near(found, expected, 1e-5, "derivative");
    }
}

#[test]
fn the_gradient_of_images_is_that_of_finite_differences() {
    let model = filled(&nb201(CELL, SMALL, 4, 1));
    let x = images(5000, SMALL, 6);
    let rows = correlation::jacobian(&model, &batch_of(&x, 10)).unwrap();
    let total = |images: &Tensor| -> f64 {
        let logits = model.forward(images, &Pass::BatchStatistics).unwrap();
        logits.main.sum_all().unwrap().to_scalar().unwrap()
    };
    for image in 0..6 {
        let mut direction = vec![0.0; x.elem_count()];
        let size = rows[image].len();
        let of_image = numbers(9500 + image as u32, size);
        direction[image * size..(image + 1) * size].copy_from_slice(&of_image);
        let direction = Tensor::from_vec(direction, x.shape(), &Device::Cpu).unwrap();
        let step = 1e-7;
        let at = |step: f64| total(&(&x + (&direction * step).unwrap()).unwrap());
        let found = (at(step) - at(-step)) / (2.0 * step);
        let expected: f64 = rows[image].iter().zip(&of_image).map(|(g, d)| g * d).sum();
        assert_near(found, expected, 1e-5, "derivative");
    }
}

/// Hg by moving the weights along g itself, instead of growing them as `grasp` does.
#[test]
fn grasp_is_that_of_finite_differences_along_the_gradient() {
    let model = filled(&nb201(CELL, SMALL, 4, 1));
    let batch = batch_of(&images(5000, SMALL, 6), 10);
    let gradient = || -> Vec<Vec<f64>> {
        let (_, gradients) = loss_and_gradients(&model, &batch);
        let layers = weights::with_gradients(&model, &gradients).unwrap();
        layers.into_iter().map(|layer| layer.gradient.unwrap()).collect()
    };
    let (g, step) = (gradient(), 1e-7);
    let (above, below) = (
        moved(&model, &g, step, gradient),
        moved(&model, &g, -step, gradient),
    );
    let weights = weights::weights(&model).unwrap();
    let product: f64 = weights
        .iter()
        .flatten()
        .zip(above.iter().flatten().zip(below.iter().flatten()))
        .map(|(w, (above, below))| w * (above - below) / (2.0 * step))
        .sum();
    assert_near(grasp::of_model(&model, &batch).unwrap(), -product, 1e-5, "grasp");
}

/// A small network of each built-in space for the digits.
fn of_every_space() -> Vec<(String, Arc<Network>)> {
    let networks = spaces::names().iter().map(|name| {
        let space = spaces::by_name(name).unwrap();
        let config = NetworkConfig {
            channels: 8,
            cells: if *name == "darts" { 3 } else { 1 },
            ..NetworkConfig::of_images(Shape::new(1, 8, 8), 10)
        };
        let architecture = space.sample(&mut Seed::new(4).rng());
        let network = space.network(&architecture, &config).unwrap();
        ((*name).to_owned(), Arc::new(network))
    });
    networks.collect()
}

#[test]
fn gradients_of_images_are_those_of_the_tape_in_every_space() {
    let x = images(5000, [1, 8, 8], 5);
    let sum = || Box::new(|logits: &Logits| logits.main.sum_all());
    for (space, network) in of_every_space() {
        let model = Model::new(network, Seed::new(3), &precise()).unwrap();
        let engine = model
            .differentiate_untrained(&x, Wanted::Images, sum(), None)
            .unwrap();
        let tape = model
            .differentiate_on_tape(&x, &Pass::BatchStatistics, None, Wanted::Images, sum())
            .unwrap();
        let (engine, tape) = (engine.images.unwrap(), tape.images.unwrap());
        assert_eq!(engine.dims(), tape.dims());
        let (engine, tape) = (weights::values(&engine).unwrap(), weights::values(&tape).unwrap());
        let scale = tape.iter().fold(1e-3, |m: f64, v| m.max(v.abs()));
        for (a, b) in engine.iter().zip(&tape) {
            assert!((a - b).abs() <= 1e-9 * scale, "{space}: {a} and {b}");
        }
    }
}

#[test]
fn a_score_is_the_same_for_any_number_of_threads_and_with_any_others() {
    let x = images(5000, [1, 8, 8], 9);
    for (space, network) in of_every_space() {
        let compute = Compute::cpu();
        let labels = batch_of(&x, 10).labels;
        let batch = ProxyBatch::new(&x, &labels, 10, &compute).unwrap();
        let score = |kinds: &[ProxyKind], threads: usize| -> Vec<u64> {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            let scores = pool.install(|| score_network(&network, kinds, &batch, Seed::new(2), &compute));
            scores.unwrap().into_iter().map(f64::to_bits).collect()
        };
        let all = score(&ProxyKind::ALL, 1);
        assert_eq!(all, score(&ProxyKind::ALL, 3), "{space}");
        for (kind, expected) in ProxyKind::ALL.into_iter().zip(&all) {
            assert_eq!(score(&[kind], 2)[0], *expected, "{space}, {kind}");
            assert!(f64::from_bits(*expected).is_finite(), "{space}, {kind}");
        }
    }
}

#[test]
fn a_network_that_does_not_look_at_its_images_scores_lowest() {
    let zeros = nb201("|none~0|+|none~0|none~1|+|none~0|none~1|none~2|", [1, 8, 8], 4, 1);
    let normal = nb201(CELL, [1, 8, 8], 4, 1);
    let compute = Compute::cpu();
    let x = images(5000, [1, 8, 8], 9);
    let batch = ProxyBatch::new(&x, &batch_of(&x, 10).labels, 10, &compute).unwrap();
    let score = |network, kind| score_network(network, &[kind], &batch, Seed::new(2), &compute).unwrap()[0];
    for kind in [
        ProxyKind::Naswot,
        ProxyKind::Zen,
        ProxyKind::Synflow,
        ProxyKind::Jacov,
        ProxyKind::GradNorm,
        ProxyKind::Snip,
        ProxyKind::Fisher,
    ] {
        let (low, high) = (score(&zeros, kind), score(&normal, kind));
        assert!(low < high, "{kind}: {low}, {high}");
    }
    assert_eq!(score(&zeros, ProxyKind::Naswot), f64::NEG_INFINITY);
    assert_eq!(score(&zeros, ProxyKind::Zen), f64::NEG_INFINITY);
    assert_eq!(score(&zeros, ProxyKind::Synflow), 0.0);
}

#[test]
fn synflow_is_the_product_along_a_path() {
    // Two 1×1 convolutions of weights a and b, pooling and a classifier c: R = a · b · c.
    let mut b = NetworkBuilder::new(Shape::new(1, 2, 2)).unwrap();
    let image = b.image();
    let conv = nas_space::network::Conv2d::pointwise(1);
    let x = b.push(LayerKind::Conv2d(conv), &[image]).unwrap();
    let x = b.batch_norm(x, true).unwrap();
    let x = b.relu(x).unwrap();
    let x = b.push(LayerKind::Conv2d(conv), &[x]).unwrap();
    let x = b.global_avg_pool(x).unwrap();
    let logits = b.linear(x, 1).unwrap();
    let network = network::scaled_without_batch_norms(&b.finish(logits, None)).unwrap();
    assert!(
        network
            .layers()
            .iter()
            .all(|layer| !matches!(layer.kind, LayerKind::BatchNorm { .. }))
    );
    let network = Arc::new(network);
    let model = Model::new(Arc::clone(&network), Seed::new(0), &precise()).unwrap();
    for (name, value) in weights::names(&network).zip([-2.0, 3.0, -0.5]) {
        let var = &model.parameters().get(&name).unwrap().var;
        let value = Tensor::full(value, var.shape(), &Device::Cpu).unwrap();
        var.set(&value.contiguous().unwrap()).unwrap();
    }
    // Each of the three layers has a share of |a · b · c| = 3.
    assert_near(synflow::flow(&model).unwrap(), f64::ln(1.0 + 9.0), 1e-9, "flow");
}

#[test]
fn a_scorer_averages_over_initialisations_and_describes_all_that_matters() {
    let digits = Dataset::load("digits", None).unwrap();
    let config = ProxyConfig {
        network: NetworkConfig {
            channels: 4,
            cells: 1,
            ..NetworkConfig::of_images(digits.train.shape(), 10)
        },
        proxies: vec![ProxyKind::Naswot, ProxyKind::Snip],
        seeds: 2,
        batch_size: 12,
    };
    let proxies = Proxies::new(&digits, config.clone(), Seed::new(5), &Compute::cpu()).unwrap();
    let space = Arc::new(spaces::nb201());
    let architecture = space.architecture(&CELL.parse().unwrap()).unwrap();
    let network = Arc::new(space.network(&architecture, &config.network).unwrap());
    let mean = proxies.scores(&network).unwrap();
    let batch = ProxyBatch::draw(&digits, 12, Seed::new(5), &Compute::cpu()).unwrap();
    let one = |index| {
        let seed = Seed::new(5).derive("proxy", index);
        score_network(&network, &config.proxies, &batch, seed, &Compute::cpu()).unwrap()
    };
    let (first, second) = (one(0), one(1));
    assert_ne!(first, second);
    for ((mean, a), b) in mean.iter().zip(first).zip(second) {
        assert_near(*mean, (a + b) / 2.0, 1e-12, "mean");
    }
    let scorer = proxies.scorer(space);
    assert_eq!(scorer.score(&architecture).unwrap(), mean[0]);
    let described = scorer.description();
    for part in [
        "naswot",
        "nb201",
        "digits",
        "\"seeds\":2",
        "\"batch_size\":12",
        "\"seed\":5",
    ] {
        assert!(described.contains(part), "{part}: {described}");
    }
    assert!(!described.contains('\n'));
}

#[test]
fn what_does_not_fit_is_refused() {
    let compute = Compute::cpu();
    let x = images(5000, [1, 8, 8], 4);
    let labels = batch_of(&x, 10).labels;
    let batch = ProxyBatch::new(&x, &labels, 7, &compute).unwrap();
    let network = nb201(CELL, [1, 8, 8], 4, 1);
    let refused = score_network(&network, &[ProxyKind::Snip], &batch, Seed::new(0), &compute);
    assert!(refused.unwrap_err().to_string().contains("10 classes"));
    assert!(ProxyBatch::new(&x, &labels, 2, &compute).is_err());
    assert!(ProxyBatch::new(&x.narrow(0, 0, 1).unwrap(), &labels, 10, &compute).is_err());
    for config in [
        ProxyConfig {
            proxies: Vec::new(),
            ..ProxyConfig::default()
        },
        ProxyConfig {
            proxies: vec![ProxyKind::Snip, ProxyKind::Snip],
            ..ProxyConfig::default()
        },
        ProxyConfig {
            seeds: 0,
            ..ProxyConfig::default()
        },
        ProxyConfig {
            batch_size: 1,
            ..ProxyConfig::default()
        },
    ] {
        assert!(config.validate().is_err(), "{config:?}");
    }
}
