//! Chains that a controller draws: each is a network, whatever its skip connections, strides and
//! depth.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::sync::Arc;

use candle_core::{Device, Tensor};
use nas_eval::Compute;
use nas_eval::model::{Logits, Model, Pass};
use nas_eval::nn::OptimizerConfig;
use nas_eval::ops::cross_entropy;
use nas_rl::{Controller, ControllerConfig};
use nas_space::network::NetworkConfig;
use nas_space::seed::Seed;
use nas_space::shape::Shape;
use nas_space::spaces::{ChainConfig, ChainSpace, Growth, Space};
use proptest::prelude::*;

fn chain(layers: usize, filters: Vec<usize>) -> ChainSpace {
    let config = ChainConfig {
        layers,
        strides: vec![1, 2, 3],
        filters,
        ..ChainConfig::default()
    };
    ChainSpace::new(config).unwrap()
}

/// One whose distributions are far from uniform.
fn controller(space: &ChainSpace, seed: u64) -> Controller {
    let config = ControllerConfig {
        hidden: 8,
        init_bound: 1.0,
        ..ControllerConfig::default()
    };
    Controller::new(space, config, Seed::new(seed)).unwrap()
}

fn network_config(side: usize) -> NetworkConfig {
    NetworkConfig {
        image: Shape::new(3, side, side),
        ..NetworkConfig::default()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// 200 controllers, 10 draws each: 2,000 networks of 1 to 12 layers, images of 5 to 32 pixels a
    /// side.
    #[test]
    fn every_drawn_chain_is_a_network_of_known_cost(seed in any::<u64>(), layers in 1..=12_usize, side in 5..=32_usize) {
        let space = chain(layers, vec![4, 7, 16]);
        let controller = controller(&space, seed);
        let mut rng = Seed::new(seed).derive("draws", 0).rng();
        for draw in 0..10 {
            let level = 1 + draw % layers;
            let drawn = controller.sample_first(space.choices_at(level), &mut rng).unwrap();
            let network = space.network(&drawn.architecture, &network_config(side)).unwrap();
            let cost = network.cost();
            prop_assert!(cost.params > 0 && cost.macs > 0);
            prop_assert!(drawn.log_prob <= 0.0 && drawn.entropy >= 0.0);
        }
    }
}

#[test]
fn two_dozen_drawn_chains_train_a_step() {
    let space = chain(6, vec![4, 6]);
    for seed in 0..24 {
        let drawn = controller(&space, seed)
            .sample(&mut Seed::new(seed).rng())
            .unwrap();
        let network = space.network(&drawn.architecture, &network_config(9)).unwrap();
        let params = network.cost().params;
        let model = Model::new(Arc::new(network), Seed::new(seed), &Compute::cpu()).unwrap();
        assert_eq!(model.parameters().count(), params);
        let pixels: Vec<f32> = (0..4 * 3 * 81).map(|i| (i as f32).sin()).collect();
        let images = Tensor::from_vec(pixels, (4, 3, 9, 9), &Device::Cpu).unwrap();
        let labels = Tensor::new(&[0_u32, 3, 5, 9], &Device::Cpu).unwrap();
        let pass = Pass::Train {
            seed: Seed::new(0),
            drop_path: 0.0,
        };
        let loss = |logits: &Logits| cross_entropy(&logits.main, &labels, 0.0);
        let (_, loss, gradients) = model.differentiate(&images, &pass, loss).unwrap();
        assert!(
            loss.to_scalar::<f32>().unwrap().is_finite(),
            "{}",
            drawn.architecture
        );
        assert!(gradients.norm().unwrap() > 0.0, "{}", drawn.architecture);
        let mut optimizer = OptimizerConfig::default().build().unwrap();
        optimizer.step(model.parameters(), &gradients, 0.01).unwrap();
    }
}
