//! The steps of weights and architecture, their gradients, and the curvature.

use nas_eval::data::{Batcher, LastBatch};
use nas_eval::supernet::{Examples, Wanted};
use nas_eval::{Compute, DType};

use super::*;
use crate::bilevel::{self, Bilevel};
use crate::config::FirstStep;
use crate::expected_cost::{CostFigure, CostTerm};
use crate::problem::{Relaxed, SupernetProblem};
use crate::relaxation::Mixed;
use crate::search::curvature::LANCZOS_STEPS;

/// Trains an epoch, with the architecture or without.
fn train_epoch(search: &mut Search, epoch: u32, learns: bool) {
    let OneShotSearch { training, method, .. } = &mut search.oneshot;
    method.train(training, epoch, learns).unwrap();
}

/// The batches of both halves: for the weights, for the architecture.
fn halves(search: &Search) -> [Batcher; 2] {
    let (training, augmentation) = (
        &search.oneshot.training,
        search.oneshot.method.config.augmentation,
    );
    [
        training.train_batches().unwrap(),
        training
            .valid_batches(augmentation, LastBatch::KeepJoiningSingle)
            .unwrap(),
    ]
}

fn first(batches: &Batcher, dtype: DType) -> Examples {
    let batch = batches.epoch(0, 0).unwrap().next().unwrap().unwrap();
    Examples::new(&batch, dtype).unwrap()
}

fn relaxed<'a>(search: &'a Search, alphas: &'a Alphas, mixed: &'a Mixed) -> Relaxed<'a> {
    search.oneshot.method.relaxed(search.supernet(), alphas, mixed)
}

fn sgd(search: &Search) -> [f64; 2] {
    let weights = search.oneshot.method.config.weights;
    [weights.momentum, weights.weight_decay]
}

fn eigenvalue_of(search: &Search, alphas: &Alphas, steps: usize) -> f64 {
    let OneShotSearch { training, method, .. } = &search.oneshot;
    method.dominant_eigenvalue(training, alphas, 0, steps).unwrap()
}

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
        (
            RelaxationConfig::Drnas { kl_weight: 0.0 },
            FirstStep::Method,
            false,
        ),
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
        train_epoch(&mut whole, 0, true);
        let mut by_hand = search(&nb201(), &config, 5);
        let halves = halves(&by_hand);
        assert!(halves.iter().all(|half| half.batches() == 1));
        let [train, valid] = halves.map(|half| first(&half, DType::F32));
        if weights_first {
            train_epoch(&mut by_hand, 0, false);
        }
        let gradient = by_hand
            .oneshot
            .method
            .architecture_gradient(
                &by_hand.oneshot.training,
                [&train, &valid],
                config.learning_rate,
                (0, 0),
            )
            .unwrap();
        by_hand
            .oneshot
            .method
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

/// Of every relaxation and at both orders, the expected cost adds its own gradient, and nothing
/// else changes.
#[test]
fn the_expected_cost_adds_its_gradient() {
    let gdas = RelaxationConfig::Gdas {
        first_temperature: 10.0,
        last_temperature: 0.1,
    };
    let term = CostTerm {
        figure: CostFigure::Params,
        weight: 3.0,
    };
    for (relaxation, order) in [
        (RelaxationConfig::Darts {}, Order::First),
        (RelaxationConfig::Darts {}, Order::Second),
        (RelaxationConfig::PcDarts { parts: 2 }, Order::First),
        (RelaxationConfig::PcDarts { parts: 2 }, Order::Second),
        (gdas, Order::First),
        (gdas, Order::Second),
        (RelaxationConfig::Drnas { kl_weight: 1.0 }, Order::First),
        (RelaxationConfig::Drnas { kl_weight: 1.0 }, Order::Second),
    ] {
        let gradient_of = |expected_cost| {
            let config = DartsConfig {
                relaxation,
                order,
                expected_cost,
                ..config(&digits(80))
            };
            let search = search(&nb201(), &config, 5);
            let [train, valid] = halves(&search).map(|half| first(&half, DType::F32));
            let OneShotSearch { training, method, .. } = &search.oneshot;
            let gradient = method
                .architecture_gradient(training, [&train, &valid], config.learning_rate, (0, 0))
                .unwrap();
            let alphas = search.alphas().unwrap();
            let mixed = method.mix(&alphas, 0, "architecture", 0);
            let of_cost = method.expected_cost.as_ref().map(|cost| {
                let slope = cost.slope(term.weight);
                method.relaxation.pull_back(&alphas, &mixed, &slope)
            });
            (gradient, of_cost)
        };
        let (plain, nothing) = gradient_of(None);
        let (with_cost, of_cost) = gradient_of(Some(term));
        let of_cost = of_cost.unwrap();
        assert!(nothing.is_none());
        let norm: f64 = of_cost.iter().map(|value| value * value).sum();
        assert!(norm > 1e-6, "{relaxation:?}");
        for ((with_cost, plain), of_cost) in with_cost.iter().zip(plain.iter()).zip(of_cost.iter()) {
            assert!(
                (with_cost - plain - of_cost).abs() < 1e-9,
                "{relaxation:?} {order:?}: {with_cost} {plain} {of_cost}"
            );
        }
    }
}

/// At either order, the divergence of DrNAS adds its own gradient.
#[test]
fn the_regulariser_adds_its_gradient() {
    for order in [Order::First, Order::Second] {
        let gradient_of = |kl_weight| {
            let config = DartsConfig {
                relaxation: RelaxationConfig::Drnas { kl_weight },
                order,
                alpha_deviation: 0.5,
                ..config(&digits(80))
            };
            let search = search(&nb201(), &config, 5);
            let examples = halves(&search).map(|half| first(&half, DType::F32));
            let [train, valid] = examples.each_ref();
            let OneShotSearch { training, method, .. } = &search.oneshot;
            let gradient = method
                .architecture_gradient(training, [train, valid], config.learning_rate, (0, 0))
                .unwrap();
            (gradient, method.relaxation.regulariser(&search.alphas().unwrap()))
        };
        let (plain, none) = gradient_of(0.0);
        let (with, regulariser) = gradient_of(2.0);
        assert!(none.is_none());
        let regulariser = regulariser.unwrap();
        assert!(regulariser.iter().any(|value| value.abs() > 0.1));
        for ((with, plain), own) in with.iter().zip(plain.iter()).zip(regulariser.iter()) {
            assert!(
                (with - plain - own).abs() < 1e-9,
                "{order:?}: {with} {plain} {own}"
            );
        }
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
    let mixed = search.oneshot.method.mix(&alphas, 0, "architecture", 0);
    let [_, examples] = halves(&search).map(|half| first(&half, DType::F32));
    let step = relaxed(&search, &alphas, &mixed)
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

/// 12 steps of Lanczos' method against as many as there are parameters, at the start and after some
/// epochs.
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
        let few = eigenvalue_of(&search, &alphas, LANCZOS_STEPS);
        let all = eigenvalue_of(&search, &alphas, 224);
        println!("after {epoch} epochs: {few} by 12 steps, {all} by 224");
        assert!((few / all - 1.0).abs() < 1e-3, "{few} {all}");
        train_epoch(&mut search, epoch, true);
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
        eigenvalue_of(&search, &alphas, LANCZOS_STEPS)
    };
    let (without, with) = (eigenvalue(0.0), eigenvalue(1e-3));
    assert!((with - without - 1e-3).abs() < 1e-12, "{without} {with}");
}

/// The second-order gradient against the derivative, in double precision, of the validation loss
/// after the step, as a function of the architecture parameters: momentum and weight decay are part
/// of the step.
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
    let mut search = Search::new(
        &nb201(),
        &dataset,
        config,
        Seed::new(4),
        &Compute::cpu().with_dtype(DType::F64),
    )
    .unwrap();
    // A step or more of training, so that there is momentum.
    train_epoch(&mut search, 0, false);
    let [train, valid] = halves(&search).map(|half| first(&half, DType::F64));
    let alphas = search.alphas().unwrap();
    let state = search.oneshot.training.optimizer_state().unwrap();
    assert!(state.tensors().keys().any(|name| name.starts_with("momentum:")));
    // A large rate, so that the second-order part is a large one.
    let rate = 0.5;
    let start = search.supernet().parameters().snapshot().unwrap();
    let loss_after_step = |alphas: &Alphas| {
        let mixed = search.oneshot.method.relaxation.expected(alphas);
        let relaxed = relaxed(&search, alphas, &mixed);
        let sgd = sgd(&search);
        let mut problem = SupernetProblem::new(relaxed, [&train, &valid], sgd, state.tensors());
        let along = problem.train_weights_gradient().unwrap();
        problem.unroll(&along, rate).unwrap();
        let step = problem.relaxed.differentiate(&valid, Wanted::Weights).unwrap();
        let loss = step.loss.to_scalar::<f64>().unwrap();
        problem.restore().unwrap();
        loss
    };
    let mixed = search.oneshot.method.relaxation.expected(&alphas);
    let gradient_by = |step: f64| {
        let relaxed = relaxed(&search, &alphas, &mixed);
        let sgd = sgd(&search);
        let mut problem = SupernetProblem::new(relaxed, [&train, &valid], sgd, state.tensors());
        bilevel::second_order_by(&mut problem, rate, step).unwrap()
    };
    // The paper's step is coarse for so small a network, whose ReLUs switch within it: the
    // comparison is by a small one, and what is in use must be the same but for the step.
    let (second, coarse) = (gradient_by(1e-6), gradient_by(0.01));
    let in_use = search
        .oneshot
        .method
        .architecture_gradient(&search.oneshot.training, [&train, &valid], rate, (0, 0))
        .unwrap();
    assert_eq!(in_use.iter().copied().collect::<Vec<f64>>(), coarse);
    let first_order = relaxed(&search, &alphas, &mixed)
        .architecture_gradient(&valid)
        .unwrap();
    for (name, value) in search.supernet().parameters().snapshot().unwrap().iter() {
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
        far += (measured - first_order.operations[0][[i / 5, i % 5]]).powi(2);
        size += measured.powi(2);
    }
    assert!(
        far.sqrt() > 0.2 * size.sqrt(),
        "the first order is off by {} of {size} at most",
        far.sqrt()
    );
}
