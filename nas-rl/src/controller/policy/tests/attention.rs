//! The controller of ENAS as in the authors' code, compared with a step-by-step calculation.

use nas_space::spaces::{CellSpace, CustomConfig, NasnetConfig, PnasConfig, darts, nasnet, pnas};

use super::*;
use crate::tiny_space::tiny_macro;

fn attention() -> ControllerConfig {
    ControllerConfig {
        form: Form::Attention,
        hidden: 5,
        init_bound: 1.5,
        tanh_constant: 1.1,
        operation_tanh_reduce: 2.5,
        ..ControllerConfig::default()
    }
}

/// Two cells of two nodes that read two different states, with two operations.
fn small() -> CellSpace {
    let text = "name = 'small'\nskeleton = 'darts'\noperations = ['skip_connect', 'sep_conv_3x3']\nnodes = 2\n\
                inputs = 2\nreduction = 'separate'";
    CustomConfig::from_toml(text)
        .unwrap()
        .build(Operations::standard())
        .unwrap()
}

/// Vectors and matrices as numbers.
struct ByHand<'a> {
    controller: &'a Controller,
    h: Vec<f64>,
    c: Vec<f64>,
}

impl ByHand<'_> {
    fn new(controller: &Controller) -> ByHand<'_> {
        let zeros = vec![0.0; controller.config().hidden];
        ByHand {
            controller,
            h: zeros.clone(),
            c: zeros,
        }
    }

    fn matrix(&self, name: &str) -> Vec<Vec<f64>> {
        let parameter = self.controller.parameters().get(name);
        parameter.expect(name).var.to_vec2().unwrap()
    }

    fn times(&self, name: &str, x: &[f64]) -> Vec<f64> {
        let row = |row: &Vec<f64>| row.iter().zip(x).map(|(w, x)| w * x).sum();
        self.matrix(name).iter().map(row).collect()
    }

    fn first(&self) -> Vec<f64> {
        self.matrix("first.weight").remove(0)
    }

    fn step(&mut self, x: &[f64]) {
        let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
        let (of_x, of_h) = (
            self.times("lstm.weight_ih_l0", x),
            self.times("lstm.weight_hh_l0", &self.h),
        );
        let gate = |k: usize| of_x[k] + of_h[k];
        let width = self.h.len();
        for k in 0..width {
            let (i, f) = (sigmoid(gate(k)), sigmoid(gate(width + k)));
            let (g, o) = (gate(2 * width + k).tanh(), sigmoid(gate(3 * width + k)));
            self.c[k] = f * self.c[k] + i * g;
            self.h[k] = o * self.c[k].tanh();
        }
    }

    fn key(&self) -> Vec<f64> {
        self.times("anchor.earlier.weight", &self.h)
    }

    /// vᵀ tanh(key + W₂·h), not yet bounded.
    fn query(&self, key: &[f64]) -> f64 {
        let of_h = self.times("anchor.current.weight", &self.h);
        let both: Vec<f64> = key.iter().zip(of_h).map(|(k, h)| (k + h).tanh()).collect();
        self.times("anchor.vector.weight", &both)[0]
    }
}

/// ln of the softmax of these scores at `chosen`, over those that are allowed.
fn log_softmax(scores: &[f64], allowed: impl Fn(usize) -> bool, chosen: usize) -> f64 {
    let sum: f64 = (0..scores.len())
        .filter(|&i| allowed(i))
        .map(|i| scores[i].exp())
        .sum();
    scores[chosen] - sum.ln()
}

/// Of a whole architecture of two cells: first inputs that are zeros to read, pairs of states in
/// increasing order, operations with a prior in the first cell, a step at the end of each node.
#[test]
fn log_probabilities_are_those_of_the_authors_walk_by_hand() {
    let space = small();
    let config = ControllerConfig {
        operation_bias: vec![0.0, 10.0],
        operation_prior: vec![-0.25, 0.25],
        ..attention()
    };
    let controller = controller(&space, config);
    let bias = &controller.parameters().get("head.operation.2.bias").unwrap().var;
    assert_eq!(bias.to_vec1::<f64>().unwrap(), [0.0, 10.0]);
    bias.set(&Tensor::new(&[0.3, -0.2], &Device::Cpu).unwrap())
        .unwrap();
    // Of each cell: the only pair of node 0 and two operations; a pair of three states and two
    // operations.
    let choices = [0, 1, 0, 1, 0, 1, 0, 0, 1, 2, 1, 0];
    let pairs = [(0, 1), (0, 2), (1, 2)];
    let mut expected = 0.0;
    let mut hand = ByHand::new(&controller);
    let mut input = hand.first();
    for cell in 0..2 {
        let own = &choices[6 * cell..];
        let mut states: Vec<(Vec<f64>, Vec<f64>)> = Vec::new();
        for _ in 0..2 {
            hand.step(&input);
            states.push((vec![0.0; 5], hand.key()));
        }
        for node in 0..2 {
            let (a, b) = pairs[own[3 * node]];
            let count = 2 + node;
            for (pick, allowed) in [(a, 0..count - 1), (b, a + 1..count)] {
                hand.step(&input);
                let scores: Vec<f64> = states
                    .iter()
                    .map(|(_, key)| 1.1 * hand.query(key).tanh())
                    .collect();
                expected += log_softmax(&scores, |state| allowed.contains(&state), pick);
                input = states[pick].0.clone();
            }
            for operation in &own[3 * node + 1..3 * node + 3] {
                hand.step(&input);
                let mut scores = hand.times("head.operation.2.weight", &hand.h);
                for (option, score) in scores.iter_mut().enumerate() {
                    *score = 1.1 / 2.5 * (*score + [0.3, -0.2][option]).tanh();
                    if cell == 0 {
                        *score += [-0.25, 0.25][option];
                    }
                }
                expected += log_softmax(&scores, |_| true, *operation);
                input = hand
                    .matrix("embedding.operation.2.weight")
                    .swap_remove(*operation);
            }
            hand.step(&input);
            states.push((hand.h.clone(), hand.key()));
            input = hand.first();
        }
    }
    let got = controller.log_prob(&Architecture::new(choices)).unwrap();
    assert!((got - expected).abs() < 1e-12, "{got}, expected {expected}");
    assert!(controller.parameters().get("lstm.bias_ih_l0").is_none());
}

#[test]
fn probabilities_of_pairs_and_of_repeated_inputs_sum_to_one() {
    let small = small();
    assert_is_a_distribution(&controller(&small, attention()), &small, 12);
    let pairs = pnas(&PnasConfig { blocks: 1 }).unwrap();
    assert_is_a_distribution(&controller(&pairs, attention()), &pairs, pairs.decisions().len());
}

#[test]
fn draws_are_scored_as_they_were_drawn() {
    let nasnet = nasnet(&NasnetConfig { blocks: 3 }).unwrap();
    let tiny = tiny_macro(4);
    for space in [&darts() as &dyn Space, &small(), &nb201(), &nasnet, &tiny] {
        let controller = controller(space, attention());
        let mut rng = Seed::new(4).rng();
        for _ in 0..6 {
            let drawn = controller.sample(&mut rng).unwrap();
            space.validate(&drawn.architecture).unwrap();
            let scores = controller.scores(&[&drawn.architecture]).unwrap();
            let value = |tensor: &Tensor| tensor.to_vec1::<f64>().unwrap()[0];
            assert!(
                (value(&scores.log_prob) - drawn.log_prob).abs() < 1e-12,
                "{}",
                space.name()
            );
            assert!(
                (value(&scores.entropy) - drawn.entropy).abs() < 1e-12,
                "{}",
                space.name()
            );
        }
    }
}

/// Not option 2 of the second node's pair of the first cell.
#[derive(Debug)]
struct NoLastPair;

impl Mask for NoLastPair {
    fn allows(&self, decision: usize, option: usize, _chosen: &[usize]) -> bool {
        (decision, option) != (3, 2)
    }
}

#[test]
fn a_mask_reaches_pairs_that_are_chosen_part_by_part() {
    let space = small();
    let masked = controller(&space, attention()).with_mask(Arc::new(NoLastPair));
    assert_is_a_distribution(&masked, &space, 12);
    let mut rng = Seed::new(7).rng();
    assert!((0..100).all(|_| masked.sample(&mut rng).unwrap().architecture.choices()[3] != 2));
}

/// Layer by layer: an operation, then a step whose attention gives q for each earlier layer; the
/// connection is drawn from (−z, z) with z = c·tanh(q), and the penalty is on σ(z).
#[test]
fn macro_log_probabilities_and_penalties_are_those_of_the_authors_walk_by_hand() {
    let space = tiny_macro(3);
    let config = ControllerConfig {
        tanh_constant: 1.5,
        operation_tanh_reduce: 1.0,
        ..attention()
    };
    let controller = controller(&space, config);
    let options = space.decisions()[0].options.len();
    let choices = [4, 1, 1, 0, 0, 1];
    let layers: [(usize, &[usize]); 3] = [(4, &[]), (1, &[1]), (0, &[0, 1])];
    let (mut expected, mut penalties) = (0.0, 0.0);
    let mut hand = ByHand::new(&controller);
    let mut input = hand.first();
    let mut anchors: Vec<(Vec<f64>, Vec<f64>)> = Vec::new();
    for (operation, skips) in layers {
        hand.step(&input);
        let scores = hand.times(&format!("head.operation.{options}.weight"), &hand.h);
        let scores: Vec<f64> = scores.iter().map(|score| 1.5 * score.tanh()).collect();
        expected += log_softmax(&scores, |_| true, operation);
        let table = format!("embedding.operation.{options}.weight");
        input = hand.matrix(&table).swap_remove(operation);
        hand.step(&input);
        input = vec![0.0; 5];
        let read: usize = skips.iter().sum();
        for ((anchor, key), &skip) in anchors.iter().zip(skips) {
            let z = 1.5 * hand.query(key).tanh();
            expected += log_softmax(&[-z, z], |_| true, skip);
            let yes = 1.0 / (1.0 + (-z).exp());
            penalties += yes * (yes / 0.4).ln() + (1.0 - yes) * ((1.0 - yes) / 0.6).ln();
            for (sum, value) in input.iter_mut().zip(anchor) {
                *sum += skip as f64 * value / (1 + read) as f64;
            }
        }
        if anchors.is_empty() {
            input = hand.first();
        }
        anchors.push((hand.h.clone(), hand.key()));
    }
    let scores = controller.scores(&[&Architecture::new(choices)]).unwrap();
    let value = |tensor: &Tensor| tensor.to_vec1::<f64>().unwrap()[0];
    let (log_prob, divergence) = (value(&scores.log_prob), value(&scores.skip_divergence));
    assert!(
        (log_prob - expected).abs() < 1e-12,
        "{log_prob}, expected {expected}"
    );
    // The mean over the two layers that have connections.
    assert!(
        (divergence - penalties / 2.0).abs() < 1e-12,
        "{divergence}, expected {penalties}"
    );
    assert!(
        controller
            .parameters()
            .get(&format!("head.operation.{options}.bias"))
            .is_none()
    );
}
