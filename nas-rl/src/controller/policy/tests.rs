//! Controllers of spaces small enough to be enumerated.

use nas_space::spaces::{by_name, nb201};

use nas_space::op::Operations;

use super::*;
use crate::controller::Skips;
use crate::tiny_space::{TinySpace, all, tiny_chain};

/// Weights so large that no distribution is close to uniform.
fn config() -> ControllerConfig {
    ControllerConfig {
        hidden: 5,
        layers: 2,
        init_bound: 2.0,
        ..ControllerConfig::default()
    }
}

fn controller(space: &dyn Space, config: ControllerConfig) -> Controller {
    Controller::new(space, config, Seed::new(3)).unwrap()
}

fn mixed() -> TinySpace {
    TinySpace::new(&[("a", 2), ("operation", 3), ("a", 2), ("a", 3), ("b", 1)])
}

/// Log-probabilities and entropies of all architectures with this number of choices.
fn enumerated(controller: &Controller, space: &dyn Space, choices: usize) -> Vec<(f64, f64)> {
    let all = all(space, choices);
    let scores = controller.scores(&all.iter().collect::<Vec<_>>()).unwrap();
    let [p, h] = [scores.log_prob, scores.entropy].map(|tensor| tensor.to_vec1::<f64>().unwrap());
    p.into_iter().zip(h).collect()
}

fn assert_is_a_distribution(controller: &Controller, space: &dyn Space, choices: usize) {
    let scores = enumerated(controller, space, choices);
    let total: f64 = scores.iter().map(|(p, _)| p.exp()).sum();
    assert!((total - 1.0).abs() < 1e-12, "{total}");
    // The mean entropy along the decisions is the entropy of the architecture as a whole.
    let entropy: f64 = scores
        .iter()
        .map(|(p, _)| if p.exp() > 0.0 { -p.exp() * p } else { 0.0 })
        .sum();
    let mean: f64 = scores.iter().map(|(p, h)| p.exp() * h).sum();
    assert!((entropy - mean).abs() < 1e-12, "{entropy} and {mean}");
    let uniform = (scores.len() as f64).ln();
    assert!(
        entropy < 0.999 * uniform,
        "{entropy}: hardly a test, {uniform} is that of uniform draws"
    );
}

#[test]
fn probabilities_sum_to_one_and_entropies_are_exact() {
    let tempered = ControllerConfig {
        temperature: 0.5,
        tanh_constant: 2.5,
        operation_tanh_reduce: 2.0,
        operation_bias: vec![1.0, 0.0, -1.0],
        ..config()
    };
    for config in [config(), tempered] {
        let space = mixed();
        assert_is_a_distribution(&controller(&space, config.clone()), &space, 5);
        let chain = tiny_chain(3);
        let one = controller(&chain, config.clone());
        // One layer, two, three; with skip connections at anchor points.
        for choices in [1, 3, 6] {
            assert_is_a_distribution(&one, &chain, choices);
        }
        let skips = Skips::Decisions;
        let plain = controller(&chain, ControllerConfig { skips, ..config });
        assert!(plain.parameters().get("anchor.vector.weight").is_none());
        assert_is_a_distribution(&plain, &chain, 6);
    }
}

#[test]
fn a_draw_comes_with_the_log_probability_and_entropy_that_its_architecture_is_scored_with() {
    for space in [
        &tiny_chain(3) as &dyn Space,
        &mixed(),
        &nb201(),
        by_name("nasnet").unwrap().as_ref(),
    ] {
        let config = ControllerConfig {
            init_bound: 0.5,
            ..config()
        };
        let controller = controller(space, config);
        let mut rng = Seed::new(4).rng();
        let drawn: Vec<Drawn> = (0..8).map(|_| controller.sample(&mut rng).unwrap()).collect();
        let architectures: Vec<&Architecture> = drawn.iter().map(|drawn| &drawn.architecture).collect();
        let scores = controller.scores(&architectures).unwrap();
        let log_probs = scores.log_prob.to_vec1::<f64>().unwrap();
        let entropies = scores.entropy.to_vec1::<f64>().unwrap();
        for ((drawn, log_prob), entropy) in drawn.iter().zip(log_probs).zip(entropies) {
            space.validate(&drawn.architecture).unwrap();
            assert!((drawn.log_prob - log_prob).abs() < 1e-12);
            assert!((drawn.entropy - entropy).abs() < 1e-12);
            assert!((controller.log_prob(&drawn.architecture).unwrap() - log_prob).abs() < 1e-12);
        }
    }
}

#[test]
fn architectures_of_different_depths_are_scored_in_one_batch() {
    let chain = tiny_chain(3);
    let controller = controller(&chain, config());
    let batch = [
        vec![1, 0, 1, 1, 0, 1],
        vec![1],
        vec![0, 1, 1],
        vec![0; 6],
        vec![0],
    ]
    .map(Architecture::new);
    let together = controller.scores(&batch.iter().collect::<Vec<_>>()).unwrap();
    let together = together.log_prob.to_vec1::<f64>().unwrap();
    for (architecture, together) in batch.iter().zip(together) {
        assert!((controller.log_prob(architecture).unwrap() - together).abs() < 1e-12);
    }
    for wrong in [vec![0, 1, 2], vec![0; 4], vec![0; 7]] {
        assert!(controller.log_prob(&Architecture::new(wrong)).is_err());
    }
}

/// 4,000 draws of a chain of two layers: heights and one skip connection.
#[test]
fn skip_connections_are_drawn_with_the_probability_of_their_sigmoid() {
    let chain = tiny_chain(2);
    let controller = controller(&chain, config());
    let mut rng = Seed::new(5).rng();
    let mut counts = [[0.0; 2]; 2];
    for _ in 0..4000 {
        let drawn = controller.sample(&mut rng).unwrap();
        let choices = drawn.architecture.choices();
        counts[choices[0]][choices[1]] += 1.0;
    }
    let value = |name: &str| {
        controller
            .parameters()
            .get(name)
            .unwrap()
            .var
            .to_vec2::<f64>()
            .unwrap()
    };
    let [earlier, current] = ["anchor.earlier.weight", "anchor.current.weight"].map(value);
    let vector = value("anchor.vector.weight").remove(0);
    for (height, counts) in counts.into_iter().enumerate() {
        let mut walk = Walk::new(&controller, 1).unwrap();
        let steps = controller.steps_of(3).unwrap();
        assert!(walk.enter(&steps[0]).unwrap().is_none());
        let distribution = walk.enter(&steps[1]).unwrap().unwrap();
        walk.choose(&steps[1], &distribution, &[vec![height]]).unwrap();
        walk.enter(&steps[2]).unwrap().unwrap();
        let states: Vec<Vec<f64>> = walk
            .anchors
            .iter()
            .map(|(h, _)| h.to_vec2().unwrap().remove(0))
            .collect();
        let times = |row: &[f64], state: &[f64]| row.iter().zip(state).map(|(w, h)| w * h).sum::<f64>();
        let x: f64 = (0..5)
            .map(|i| vector[i] * (times(&earlier[i], &states[0]) + times(&current[i], &states[1])).tanh())
            .sum();
        let expected = 1.0 / (1.0 + (-x).exp());
        let draws = counts[0] + counts[1];
        let deviation = (expected * (1.0 - expected) / draws).sqrt();
        let share = counts[1] / draws;
        assert!(draws > 200.0, "{draws}");
        assert!(
            (share - expected).abs() < 4.0 * deviation,
            "{share}, expected {expected} ± {deviation}"
        );
        assert!((expected - 0.5).abs() > 0.05, "{expected}: hardly a test");
    }
}

/// Neither two equal neighbours nor a second option at decision 3.
#[derive(Debug)]
struct Picky;

impl Mask for Picky {
    fn allows(&self, decision: usize, option: usize, chosen: &[usize]) -> bool {
        chosen.last() != Some(&option) && (decision, option) != (3, 1)
    }
}

#[test]
fn what_a_mask_forbids_has_no_probability_and_the_rest_has_all() {
    let space = TinySpace::new(&[("a", 3), ("a", 3), ("b", 2), ("a", 3)]);
    let masked = controller(&space, config()).with_mask(Arc::new(Picky));
    assert_is_a_distribution(&masked, &space, 4);
    let allowed = |choices: &[usize]| (0..choices.len()).all(|i| Picky.allows(i, choices[i], &choices[..i]));
    for architecture in all(&space, 4) {
        let log_prob = masked.log_prob(&architecture).unwrap();
        assert_eq!(
            log_prob > f64::NEG_INFINITY,
            allowed(architecture.choices()),
            "{architecture}"
        );
    }
    let mut rng = Seed::new(6).rng();
    assert!((0..500).all(|_| allowed(masked.sample(&mut rng).unwrap().architecture.choices())));
}

/// No layer reads layer 0, unless that is the first decision's doing.
#[derive(Debug)]
struct NoSkips;

impl Mask for NoSkips {
    fn allows(&self, decision: usize, option: usize, _chosen: &[usize]) -> bool {
        !([1, 3].contains(&decision) && option == 1)
    }
}

#[test]
fn a_mask_reaches_skip_connections_at_anchor_points() {
    let chain = tiny_chain(3);
    let masked = controller(&chain, config()).with_mask(Arc::new(NoSkips));
    assert_is_a_distribution(&masked, &chain, 6);
    let mut rng = Seed::new(7).rng();
    let drawn: Vec<Drawn> = (0..200).map(|_| masked.sample(&mut rng).unwrap()).collect();
    assert!(
        drawn
            .iter()
            .all(|d| d.architecture.choices()[1] == 0 && d.architecture.choices()[3] == 0)
    );
    assert!(drawn.iter().any(|d| d.architecture.choices()[4] == 1));
}

#[derive(Debug)]
struct Nothing;

impl Mask for Nothing {
    fn allows(&self, decision: usize, _option: usize, _chosen: &[usize]) -> bool {
        decision < 1
    }
}

#[test]
fn a_mask_that_leaves_nothing_is_an_error() {
    let controller = controller(&mixed(), config()).with_mask(Arc::new(Nothing));
    let error = controller.sample(&mut Seed::new(0).rng()).unwrap_err();
    assert!(
        error.to_string().contains("no option of decision 'd1'"),
        "{error}"
    );
}

/// Of every weight: LSTM, embeddings, heads, anchors.
#[test]
fn gradients_of_log_probability_and_entropy_are_differences() {
    const STEP: f64 = 1e-5;
    let heads = ControllerConfig {
        hidden: 3,
        tanh_constant: 1.5,
        temperature: 2.0,
        init_bound: 1.0,
        ..config()
    };
    let attention = ControllerConfig {
        form: Form::Attention,
        ..heads.clone()
    };
    let chain = tiny_chain(3);
    let deep = [vec![1, 0, 1, 1, 0, 1], vec![0, 1, 0]];
    assert_gradients_are_differences(&controller(&chain, heads), &deep, STEP);
    assert_gradients_are_differences(&controller(&chain, attention.clone()), &deep, STEP);
    let pairs = nas_space::spaces::pnas(&nas_space::spaces::PnasConfig { blocks: 2 }).unwrap();
    let blocks = [vec![0, 1, 7, 2, 2, 0, 3, 4], vec![1, 1, 0, 0, 1, 2, 6, 5]];
    assert_gradients_are_differences(&controller(&pairs, attention), &blocks, STEP);
}

fn assert_gradients_are_differences(controller: &Controller, batch: &[Vec<usize>], step: f64) {
    let batch: Vec<Architecture> = batch.iter().cloned().map(Architecture::new).collect();
    let loss = || {
        let scores = controller.scores(&batch.iter().collect::<Vec<_>>()).unwrap();
        let parts = [
            scores.log_prob.sum_all().unwrap(),
            (scores.entropy.sum_all().unwrap() * 0.3).unwrap(),
            (scores.skip_divergence.sum_all().unwrap() * 0.7).unwrap(),
        ];
        Tensor::stack(&parts, 0).unwrap().sum_all().unwrap()
    };
    let gradients = nas_eval::nn::Gradients::of(&loss(), controller.parameters()).unwrap();
    assert_eq!(gradients.iter().len(), controller.parameters().iter().len());
    for (name, parameter) in controller.parameters().iter() {
        let original = parameter.var.copy().unwrap();
        let values = original.flatten_all().unwrap().to_vec1::<f64>().unwrap();
        let gradient = gradients
            .get(name)
            .unwrap()
            .flatten_all()
            .unwrap()
            .to_vec1::<f64>()
            .unwrap();
        for (i, gradient) in gradient.into_iter().enumerate() {
            let at = |step: f64| {
                let mut moved = values.clone();
                moved[i] += step;
                let moved = Tensor::from_vec(moved, original.shape(), &Device::Cpu).unwrap();
                parameter.var.set(&moved).unwrap();
                loss().to_scalar::<f64>().unwrap()
            };
            let difference = (at(step) - at(-step)) / (2.0 * step);
            assert!(
                (gradient - difference).abs() < 1e-8,
                "{name} {i}: {gradient}, expected {difference}"
            );
        }
        parameter.var.set(&original).unwrap();
    }
}

#[test]
fn there_is_no_prior_unless_it_is_asked_for() {
    let config = ControllerConfig {
        init_bound: 0.0,
        ..ControllerConfig::default()
    };
    let space = nb201();
    let architecture = Architecture::new([0, 1, 2, 3, 4, 0]);
    let none = controller(&space, config.clone());
    assert!((none.log_prob(&architecture).unwrap() + 6.0 * 5f64.ln()).abs() < 1e-12);
    let bias = |operation_bias| ControllerConfig {
        operation_bias,
        ..config.clone()
    };
    let biased = controller(&space, bias(vec![10.0, 0.0, 0.0, 0.0, 0.0]));
    assert!(biased.log_prob(&Architecture::new([0; 6])).unwrap() > -0.01);
    let error = Controller::new(&space, bias(vec![1.0]), Seed::new(0)).unwrap_err();
    assert!(
        error.to_string().contains("one for each of 5 operations"),
        "{error}"
    );
}

/// The tape is as long as the chain: its backward pass must not exhaust the stack of a thread.
#[test]
fn the_longest_chain_there_is_can_be_learned_from() {
    let chain = nas_space::spaces::ChainSpace::new(nas_space::spaces::ChainConfig {
        layers: 64,
        strides: vec![1, 2, 3],
        ..nas_space::spaces::ChainConfig::default()
    })
    .unwrap();
    let config = ControllerConfig {
        hidden: 4,
        init_bound: 0.1,
        ..config()
    };
    let controller = controller(&chain, config);
    let drawn = controller.sample(&mut Seed::new(8).rng()).unwrap();
    let scores = controller.scores(&[&drawn.architecture]).unwrap();
    let gradients = nas_eval::nn::Gradients::of(&scores.log_prob.sum_all().unwrap(), controller.parameters());
    assert!(gradients.unwrap().norm().unwrap() > 0.0);
}

mod attention;
