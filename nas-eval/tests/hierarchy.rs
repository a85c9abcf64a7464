//! What a hierarchy computes, motif by motif, is what its flattened cell computes, and it can be
//! trained.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use nas_eval::Compute;
use nas_eval::model::{Model, Pass};
use nas_eval::ops::cross_entropy;
use nas_space::error::SpaceError;
use nas_space::genotype::Genotype;
use nas_space::hierarchy::{Hierarchy, NONE};
use nas_space::network::{Conv2d, LayerId, LayerKind, Network, NetworkBuilder, NetworkConfig, lower_cell};
use nas_space::op::{Operations, Site};
use nas_space::seed::Seed;
use nas_space::shape::Shape;
use nas_space::spaces::{HierarchicalConfig, HierarchicalSpace, LevelConfig, Space};
use rand::RngExt;

const IMAGE: Shape = Shape::new(4, 8, 8);
const CLASSES: usize = 3;
const SITE: Site = Site {
    channels: 4,
    stride: 1,
    affine: true,
    normalized_pooling: false,
};
const PASS: Pass = Pass::Train {
    seed: Seed::new(0),
    drop_path: 0.0,
};

/// An image, this cell, and a classifier.
fn around(
    cell: impl FnOnce(&mut NetworkBuilder, LayerId) -> Result<LayerId, SpaceError>,
) -> Result<Arc<Network>, SpaceError> {
    let mut b = NetworkBuilder::new(IMAGE)?;
    let image = b.image();
    let output = cell(&mut b, image)?;
    let pooled = b.global_avg_pool(output)?;
    let logits = b.linear(pooled, CLASSES)?;
    Ok(Arc::new(b.finish(logits, None)))
}

/// Motif `number` of level `level` over `x`, by the definition: `x_i` merges what the operations
/// make of each `x_j` before it; an operation is a primitive or a motif of the level below. `None`
/// where nothing comes out.
fn evaluate(
    b: &mut NetworkBuilder,
    hierarchy: &Hierarchy,
    (level, number): (usize, usize),
    x: LayerId,
) -> Result<Option<LayerId>, SpaceError> {
    let operations = Operations::standard();
    let mut nodes = vec![Some(x)];
    for into in hierarchy.levels()[level][number].operations() {
        let mut parts = Vec::new();
        for (&from, name) in nodes.iter().zip(into) {
            let Some(from) = from.filter(|_| name != NONE) else {
                continue;
            };
            if level == 0 {
                parts.push(operations.get(name)?.build(b, from, &SITE)?);
            } else {
                let inner = name.strip_prefix("motif").unwrap().parse().unwrap();
                parts.extend(evaluate(b, hierarchy, (level - 1, inner), from)?);
            }
        }
        nodes.push(match parts.as_slice() {
            [] => None,
            &[part] => Some(part),
            parts => {
                let joined = b.concat(parts)?;
                Some(b.relu_conv_bn(joined, Conv2d::pointwise(SITE.channels), true)?)
            }
        });
    }
    Ok(nodes.pop().unwrap())
}

/// Gives `to` the weights of `from`, layer by layer: both have the same kinds of layers in the same
/// order.
fn copy_weights(from: &Model, to: &Model) {
    let (sources, targets) = (from.network().layers(), to.network().layers());
    assert_eq!(sources.len(), targets.len());
    let mut copied = 0;
    for (source, target) in sources.iter().zip(targets) {
        assert_eq!(source.kind, target.kind);
        for suffix in ["weight", "bias"] {
            let of = |model: &Model, layer: &str| {
                let parameter = model.parameters().get(&format!("{layer}.{suffix}"));
                parameter.map(|parameter| parameter.var.clone())
            };
            if let (Some(source), Some(target)) = (of(from, &source.name), of(to, &target.name)) {
                target.set(source.as_tensor()).unwrap();
                copied += 1;
            }
        }
    }
    assert_eq!(copied, from.parameters().iter().len());
    assert_eq!(copied, to.parameters().iter().len());
}

fn model(network: Arc<Network>, seed: u64) -> Model {
    Model::new(network, Seed::new(seed), &Compute::cpu().with_dtype(DType::F64)).unwrap()
}

fn images() -> Tensor {
    let mut rng = Seed::new(1).rng();
    let values: Vec<f64> = (0..4 * IMAGE.numel())
        .map(|_| rng.random_range(-1.0..1.0))
        .collect();
    let shape = (4, IMAGE.channels, IMAGE.height, IMAGE.width);
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}

fn spaces() -> [HierarchicalSpace; 3] {
    let level = |motifs, nodes| LevelConfig { motifs, nodes };
    let stacked = HierarchicalConfig {
        levels: vec![level(2, 3), level(2, 3), level(1, 3)],
        ..HierarchicalConfig::default()
    };
    [
        HierarchicalConfig::default(),
        HierarchicalConfig::small(),
        stacked,
    ]
    .map(|config| HierarchicalSpace::new(config, Operations::standard()).unwrap())
}

#[test]
fn flattening_preserves_the_function_computed() {
    let mut zeros = 0;
    for space in spaces() {
        for seed in 0..8 {
            let architecture = space.sample(&mut Seed::new(seed).rng());
            let Genotype::Hierarchical(hierarchy) = space.genotype(&architecture).unwrap() else {
                panic!("an architecture of a hierarchical space is a hierarchy");
            };
            let top = (hierarchy.levels().len() - 1, 0);
            let nested = around(|b, x| match evaluate(b, &hierarchy, top, x)? {
                Some(output) => Ok(output),
                None => {
                    zeros += 1;
                    b.push(LayerKind::Zero { stride: 1 }, &[x])
                }
            });
            let operations = Operations::standard();
            let flat = around(|b, x| lower_cell(b, &operations, hierarchy.cell(), &[x], &SITE, false));
            let (nested, flat) = (model(nested.unwrap(), 1), model(flat.unwrap(), 2));
            let x = images();
            let scores = |model: &Model, pass: &Pass| {
                let scores = model.forward(&x, pass).unwrap().main;
                scores.to_vec2::<f64>().unwrap()
            };
            assert_ne!(
                scores(&nested, &Pass::Eval),
                scores(&flat, &Pass::Eval),
                "other weights"
            );
            copy_weights(&nested, &flat);
            // The second by the statistics that the first has left.
            for pass in [PASS, Pass::Eval] {
                assert_eq!(scores(&nested, &pass), scores(&flat, &pass), "{architecture}");
            }
        }
    }
    assert!(zeros < 6, "{zeros} of 24 cells compute nothing");
}

/// A small step against the gradient makes the loss on the same images smaller.
#[test]
fn random_architectures_are_of_the_counted_size_and_learn_from_a_step() {
    const LENGTH: f64 = 1e-4;
    let config = NetworkConfig {
        image: IMAGE,
        classes: CLASSES,
        channels: 4,
        cells: 1,
        ..NetworkConfig::default()
    };
    let labels = Tensor::from_vec(vec![0_u32, 1, 2, 0], 4, &Device::Cpu).unwrap();
    let spaces = spaces();
    for (seed, space) in (100..112).zip(spaces.iter().cycle()) {
        let architecture = space.sample(&mut Seed::new(seed).rng());
        let network = space.network(&architecture, &config).unwrap();
        let params = network.cost().params;
        let model = model(Arc::new(network), seed);
        assert_eq!(model.parameters().count(), params, "{architecture}");
        let differentiate = || {
            let loss = |logits: &nas_eval::model::Logits| cross_entropy(&logits.main, &labels, 0.0);
            let (_, loss, gradients) = model.differentiate(&images(), &PASS, loss).unwrap();
            (loss.to_scalar::<f64>().unwrap(), gradients)
        };
        let (before, gradients) = differentiate();
        let rate = LENGTH / gradients.norm().unwrap();
        assert!(rate.is_finite(), "{architecture}");
        for (name, gradient) in gradients.iter() {
            let var = &model.parameters().get(name).unwrap().var;
            let step = (gradient * rate).unwrap();
            var.set(&(var.as_tensor() - step).unwrap()).unwrap();
        }
        let (after, _) = differentiate();
        assert!(after < before, "{architecture}: {before}, then {after}");
    }
}
