//! The steps of weights and architecture, their gradients, and the curvature.

use nas_eval::supernet::Wanted;

use super::*;
use crate::bilevel::{self, Bilevel};
use crate::config::FirstStep;
use crate::problem::{Examples, SupernetProblem};

/// The architecture's step is along its gradient at the weights before theirs, or after it.
#[test]
fn the_two_steps_come_in_the_order_of_the_method() {
    let gdas = RelaxationConfig::Gdas {
        first_temperature: 10.0,
        last_temperature: 0.1,
    };
    for (relaxation, first_step, weights_first) in [
        (RelaxationConfig::Darts {}, FirstStep::Method, false),
        (RelaxationConfig::Darts {}, FirstStep::Weights, true),
        (gdas, FirstStep::Method, true),
        (gdas, FirstStep::Architecture, false),
    ] {
        // One step an epoch.
        let config = DartsConfig {
            relaxation,
            first_step,
            batch_size: 40,
            epochs: 1,
            ..config(&digits(80))
        };
        let mut whole = search(&nb201(), &config, 5);
        whole.train_epoch(0, 0, true, None).unwrap();
        let mut by_hand = search(&nb201(), &config, 5);
        let examples = |search: &Search, half| {
            let batches = search.batcher(half).unwrap();
            assert_eq!(batches.batches(), 1);
            let batch = batches.epoch(0, 0).unwrap().next().unwrap().unwrap();
            Examples::new(&batch, DType::F32).unwrap()
        };
        let (train, valid) = (examples(&by_hand, Half::Train), examples(&by_hand, Half::Valid));
        if weights_first {
            by_hand.train_epoch(0, 0, false, None).unwrap();
        }
        let gradient = by_hand
            .architecture_gradient(&train, &valid, config.learning_rate, 0)
            .unwrap();
        by_hand
            .architecture
            .step(&gradient, config.alpha_learning_rate)
            .unwrap();
        assert_eq!(
            whole.alphas().unwrap(),
            by_hand.alphas().unwrap(),
            "{relaxation:?} {first_step:?}"
        );
    }
}

/// Every operation that is not drawn learns, `none` too.
#[test]
fn in_gdas_none_has_a_gradient_where_it_is_not_drawn() {
    let config = DartsConfig {
        relaxation: RelaxationConfig::Gdas {
            first_temperature: 10.0,
            last_temperature: 0.1,
        },
        ..config(&digits(80))
    };
    let search = search(&nb201(), &config, 1);
    let alphas = search.alphas().unwrap();
    let mixed = search.mix(&alphas, 0, "architecture", 0);
    let batch = search.batcher(Half::Valid).unwrap().epoch(0, 0).unwrap().next();
    let examples = Examples::new(&batch.unwrap().unwrap(), DType::F32).unwrap();
    let step = search
        .relaxed(&alphas, &mixed)
        .differentiate(&examples, Wanted::Mixture)
        .unwrap();
    let (drawn, gradient) = (&mixed.weights[0], &step.mixture[0]);
    let mut compared = 0;
    for row in 0..6 {
        let others: Vec<f64> = (1..5)
            .filter(|&column| drawn[[row, column]] == 0.0)
            .map(|column| gradient[[row, column]])
            .collect();
        if drawn[[row, 0]] == 0.0 {
            assert!(
                others.iter().all(|&other| other == gradient[[row, 0]]),
                "{gradient:?}"
            );
            // A node that nothing reads has no gradient at all.
            compared += usize::from(gradient[[row, 0]] != 0.0);
        } else {
            assert_eq!(gradient[[row, 0]], 0.0, "zeros pass no gradient on");
        }
    }
    assert!(compared > 0);
}

/// 12 steps of Lanczos' method against as many as there are parameters, at the start and after some epochs.
#[test]
fn twelve_steps_find_the_largest_eigenvalue_of_a_supernet_to_a_thousandth() {
    let config = DartsConfig {
        network: NetworkConfig {
            channels: 2,
            cells: 2,
            ..config(&digits(80)).network
        },
        ..config(&digits(80))
    };
    let mut search = search(&darts(), &config, 1);
    for epoch in 0..2 {
        let alphas = search.alphas().unwrap();
        assert_eq!(alphas.iter().count(), 224);
        let few = search.dominant_eigenvalue(&alphas, 0, LANCZOS_STEPS).unwrap();
        let all = search.dominant_eigenvalue(&alphas, 0, 224).unwrap();
        println!("after {epoch} epochs: {few} by 12 steps, {all} by 224");
        assert!((few / all - 1.0).abs() < 1e-3, "{few} {all}");
        search.train_epoch(epoch, epoch, true, None).unwrap();
    }
}

#[test]
fn the_eigenvalue_has_the_weight_decay_of_alpha_in_it() {
    let eigenvalue = |weight_decay: f64| {
        let base = config(&digits(80));
        let config = DartsConfig {
            alpha: nas_eval::nn::AdamConfig {
                weight_decay,
                ..base.alpha
            },
            ..base
        };
        let search = search(&nb201(), &config, 1);
        let alphas = search.alphas().unwrap();
        search.dominant_eigenvalue(&alphas, 0, LANCZOS_STEPS).unwrap()
    };
    let (without, with) = (eigenvalue(0.0), eigenvalue(1e-3));
    assert!((with - without - 1e-3).abs() < 1e-12, "{without} {with}");
}

/// The second-order gradient against the derivative, in double precision, of the validation loss after the step, as
/// a function of the architecture parameters: momentum and weight decay are part of the step.
#[test]
fn the_second_order_gradient_is_that_through_the_step() {
    let dataset = digits(80);
    let config = DartsConfig {
        order: Order::Second,
        weights: SgdConfig {
            weight_decay: 0.1,
            ..SgdConfig::default()
        },
        alpha_deviation: 0.3,
        epochs: 1,
        ..config(&dataset)
    };
    let mut search = Search::new(&nb201(), &dataset, config, Seed::new(4), &Device::Cpu, DType::F64).unwrap();
    // A step or more of training, so that there is momentum.
    search.train_epoch(0, 0, false, None).unwrap();
    let examples = |half| {
        let batch = search
            .batcher(half)
            .unwrap()
            .epoch(0, 0)
            .unwrap()
            .next()
            .unwrap()
            .unwrap();
        Examples::new(&batch, DType::F64).unwrap()
    };
    let (train, valid) = (examples(Half::Train), examples(Half::Valid));
    let alphas = search.alphas().unwrap();
    let state = search.weights.state().unwrap();
    assert!(state.tensors().keys().any(|name| name.starts_with("momentum:")));
    // A large rate, so that the second-order part is a large one.
    let rate = 0.5;
    let start = search.supernet.parameters().snapshot().unwrap();
    let loss_after_step = |alphas: &Alphas| {
        let mixed = search.relaxation.expected(alphas);
        let relaxed = search.relaxed(alphas, &mixed);
        let sgd = [search.config.weights.momentum, search.config.weights.weight_decay];
        let mut problem = SupernetProblem::new(relaxed, [&train, &valid], sgd, state.tensors());
        let along = problem.train_weights_gradient().unwrap();
        problem.unroll(&along, rate).unwrap();
        let step = problem.relaxed.differentiate(&valid, Wanted::Weights).unwrap();
        let loss = step.loss.to_scalar::<f64>().unwrap();
        problem.restore().unwrap();
        loss
    };
    let mixed = search.relaxation.expected(&alphas);
    let gradient_by = |step: f64| {
        let relaxed = search.relaxed(&alphas, &mixed);
        let sgd = [search.config.weights.momentum, search.config.weights.weight_decay];
        let mut problem = SupernetProblem::new(relaxed, [&train, &valid], sgd, state.tensors());
        bilevel::second_order_by(&mut problem, rate, step).unwrap()
    };
    // The paper's step is coarse for so small a network, whose ReLUs switch within it: the comparison is by a small one,
    // and what is in use must be the same but for the step.
    let (second, coarse) = (gradient_by(1e-6), gradient_by(0.01));
    let in_use = search.architecture_gradient(&train, &valid, rate, 0).unwrap();
    assert_eq!(in_use.iter().copied().collect::<Vec<f64>>(), coarse);
    let first = search
        .relaxed(&alphas, &mixed)
        .architecture_gradient(&valid)
        .unwrap();
    for (name, value) in search.supernet.parameters().snapshot().unwrap().iter() {
        if !name.contains("running") {
            let before = start.tensors()[name]
                .flatten_all()
                .unwrap()
                .to_vec1::<f64>()
                .unwrap();
            assert_eq!(
                value.flatten_all().unwrap().to_vec1::<f64>().unwrap(),
                before,
                "{name} moved"
            );
        }
    }
    let (mut far, mut size) = (0.0_f64, 0.0_f64);
    for (i, &second) in second.iter().enumerate() {
        let moved = |by: f64| {
            let mut moved = alphas.clone();
            if let Some(value) = moved.iter_mut().nth(i) {
                *value += by;
            }
            loss_after_step(&moved)
        };
        let h = 1e-6;
        let measured = (moved(h) - moved(-h)) / (2.0 * h);
        let error = (measured - second).abs();
        assert!(
            error < 1e-5 * measured.abs().max(1.0),
            "{i}: {second}, {measured} by differences"
        );
        far += (measured - first.operations[0][[i / 5, i % 5]]).powi(2);
        size += measured.powi(2);
    }
    assert!(
        far.sqrt() > 0.2 * size.sqrt(),
        "the first order is off by {} of {size} at most",
        far.sqrt()
    );
}
