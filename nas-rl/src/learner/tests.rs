//! What a batch teaches, against the objective it is an estimate of.

use nas_space::seed::Seed;
use nas_space::spaces::Space;

use super::*;
use crate::controller::{ControllerConfig, Drawn, Form};
use crate::tiny_space::{TinySpace, all, tiny_chain, tiny_macro};

fn learner(space: &dyn Space, config: &RlConfig) -> Learner {
    let controller = ControllerConfig {
        hidden: 4,
        init_bound: 1.0,
        ..ControllerConfig::default()
    };
    Learner::new(Controller::new(space, controller, Seed::new(1)).unwrap(), config).unwrap()
}

fn config(algorithm: Algorithm, entropy_weight: f64) -> RlConfig {
    RlConfig {
        algorithm,
        entropy_weight,
        learning_rate: 0.01,
        ..RlConfig::default()
    }
}

/// Some reward that depends on every choice.
fn reward(architecture: &Architecture) -> f64 {
    let choices = architecture.choices().iter().enumerate();
    choices
        .map(|(i, &choice)| ((i + 2 * choice) as f64).sin())
        .sum::<f64>()
        / 3.0
}

/// Log-probabilities and entropies.
fn scores(learner: &Learner, architectures: &[Architecture]) -> Vec<(f64, f64)> {
    let scores = learner
        .controller
        .scores(&architectures.iter().collect::<Vec<_>>())
        .unwrap();
    let [p, h] = [scores.log_prob, scores.entropy].map(|tensor| tensor.to_vec1::<f64>().unwrap());
    p.into_iter().zip(h).collect()
}

/// Over all architectures of a space, each with its probability: the mean of REINFORCE's gradient,
/// whatever the baseline, is that of the expected reward plus the weighted entropy.
#[test]
fn the_expected_update_is_the_gradient_of_expected_reward_and_entropy() {
    const STEP: f64 = 1e-5;
    let (chain, tiny) = (tiny_chain(2), TinySpace::new(&[("a", 3), ("b", 2)]));
    for (space, beta) in [(&chain as &dyn Space, 0.0), (&chain, 0.3), (&tiny, 0.3)] {
        let learner = learner(space, &config(Algorithm::Reinforce {}, beta));
        let all = all(space, space.decisions().len());
        let objective = || {
            let scored = scores(&learner, &all);
            let of = |((p, _), a): (&(f64, f64), &Architecture)| p.exp() * (reward(a) - beta * p);
            scored.iter().zip(&all).map(of).sum::<f64>()
        };
        let parameters = learner.controller.parameters();
        let mut expected: std::collections::BTreeMap<String, Vec<f64>> = Default::default();
        for (architecture, (log_prob, entropy)) in all.iter().zip(scores(&learner, &all)) {
            let lesson = Lesson {
                architecture: architecture.clone(),
                log_prob,
                advantage: reward(architecture) + beta * entropy - 0.7,
            };
            for (name, gradient) in learner.gradients(&[lesson]).unwrap().iter() {
                let gradient = gradient.flatten_all().unwrap().to_vec1::<f64>().unwrap();
                let sum = expected
                    .entry(name.to_owned())
                    .or_insert_with(|| vec![0.0; gradient.len()]);
                for (sum, gradient) in sum.iter_mut().zip(gradient) {
                    *sum -= log_prob.exp() * gradient;
                }
            }
        }
        let mut largest: f64 = 0.0;
        for (name, parameter) in parameters.iter() {
            let original = parameter.var.copy().unwrap();
            let values = original.flatten_all().unwrap().to_vec1::<f64>().unwrap();
            for i in 0..values.len() {
                let at = |step: f64| {
                    let mut moved = values.clone();
                    moved[i] += step;
                    let moved = Tensor::from_vec(moved, original.shape(), &Device::Cpu).unwrap();
                    parameter.var.set(&moved).unwrap();
                    objective()
                };
                let difference = (at(STEP) - at(-STEP)) / (2.0 * STEP);
                let got = expected.get(name).map_or(0.0, |gradient| gradient[i]);
                assert!(
                    (got - difference).abs() < 1e-8,
                    "{name} {i}: {got}, expected {difference}"
                );
                largest = largest.max(difference.abs());
            }
            parameter.var.set(&original).unwrap();
        }
        assert!(largest > 0.01, "{largest}: hardly a test");
    }
}

/// A batch drawn from the controller.
fn batch(learner: &Learner) -> Vec<Lesson> {
    let mut rng = Seed::new(2).rng();
    let lesson = |_| {
        let drawn = learner.controller.sample(&mut rng).unwrap();
        Lesson {
            advantage: reward(&drawn.architecture) - 0.2,
            architecture: drawn.architecture,
            log_prob: drawn.log_prob,
        }
    };
    (0..6).map(lesson).collect()
}

fn weights(learner: &Learner) -> Vec<f64> {
    let flat =
        |(_, p): (&str, &nas_eval::nn::Parameter)| p.var.flatten_all().unwrap().to_vec1::<f64>().unwrap();
    learner.controller.parameters().iter().flat_map(flat).collect()
}

/// With all rewards equal nothing but the penalty teaches: every skip connection reaches the
/// target's probability.
#[test]
fn the_penalty_holds_skip_connections_to_their_target() {
    let space = tiny_chain(3);
    let config = RlConfig {
        skip_weight: 0.8,
        ..config(Algorithm::Reinforce {}, 0.0)
    };
    let mut learner = learner(&space, &config);
    let all = all(&space, space.decisions().len());
    let divergence = |learner: &Learner| {
        let scores = learner
            .controller
            .scores(&all.iter().collect::<Vec<_>>())
            .unwrap();
        let values = scores.skip_divergence.to_vec1::<f64>().unwrap();
        values.into_iter().fold(0.0, f64::max)
    };
    let before = divergence(&learner);
    let mut rng = Seed::new(3).rng();
    for _ in 0..300 {
        let draws: Vec<Drawn> = (0..4)
            .map(|_| learner.controller.sample(&mut rng).unwrap())
            .collect();
        learner
            .reward(&draws.iter().collect::<Vec<_>>(), &[0.5; 4])
            .unwrap();
    }
    let after = divergence(&learner);
    assert!(after < 1e-3 && after < before / 100.0, "{before} to {after}");
    // The probability of each skip connection over all architectures.
    let scored = scores(&learner, &all);
    for (place, decision) in space
        .decisions()
        .iter()
        .enumerate()
        .filter(|(_, d)| d.kind == "skip")
    {
        let read = all.iter().zip(&scored).filter(|(a, _)| a.choices()[place] == 1);
        let probability: f64 = read.map(|(_, (log_prob, _))| log_prob.exp()).sum();
        assert!(
            (probability - 0.4).abs() < 0.02,
            "{}: {probability}",
            decision.name
        );
    }
}

#[test]
fn ppo_of_one_epoch_without_a_clip_is_reinforce() {
    let space = tiny_chain(3);
    let learned = |algorithm| {
        let mut learner = learner(&space, &config(algorithm, 0.01));
        let before = weights(&learner);
        let batch = batch(&learner);
        learner.learn(&batch).unwrap();
        (before, weights(&learner))
    };
    let (before, reinforce) = learned(Algorithm::Reinforce {});
    let (_, once) = learned(Algorithm::Ppo { clip: 1e9, epochs: 1 });
    let (_, thrice) = learned(Algorithm::Ppo { clip: 1e9, epochs: 3 });
    let distance = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    assert!(
        distance(&reinforce, &once) < 1e-9,
        "{}",
        distance(&reinforce, &once)
    );
    assert!(distance(&before, &reinforce) > 1e-3);
    assert!(distance(&reinforce, &thrice) > 1e-3);
}

#[test]
fn what_has_moved_beyond_the_clip_in_its_favour_moves_no_further() {
    let learner = learner(
        &tiny_chain(2),
        &config(Algorithm::Ppo { clip: 0.2, epochs: 1 }, 0.0),
    );
    let weight = |advantage: f64, ratio: f64| {
        let lesson = Lesson {
            architecture: Architecture::new([0, 0, 0]),
            log_prob: -1.0,
            advantage,
        };
        learner.weight(&lesson, -1.0 + ratio.ln())
    };
    let close =
        |got: f64, expected: f64| assert!((got - expected).abs() < 1e-12, "{got}, expected {expected}");
    close(weight(2.0, 1.0), 2.0);
    close(weight(2.0, 1.19), 2.38);
    close(weight(2.0, 1.21), 0.0);
    close(weight(2.0, 0.5), 1.0);
    close(weight(-2.0, 1.5), -3.0);
    close(weight(-2.0, 0.81), -1.62);
    close(weight(-2.0, 0.79), 0.0);
}

#[test]
fn weights_that_are_no_numbers_are_an_error() {
    let mut learner = learner(&tiny_chain(2), &config(Algorithm::Reinforce {}, 0.0));
    let mut batch = batch(&learner);
    batch[0].advantage = f64::NAN;
    learner.learn(&batch).unwrap();
    let error = learner.learn(&batch).unwrap_err();
    assert!(
        error.to_string().contains("not finite after 1 updates"),
        "{error}"
    );
}

/// The authors' penalty is on σ(q), and a connection is drawn with σ(2q): held to 0.4, it is drawn
/// with σ(2·ln(0.4/0.6)) = 0.16 / 0.52 = 0.308.
#[test]
fn a_connection_that_the_authors_penalty_holds_to_its_target_is_drawn_less_often() {
    let space = tiny_macro(3);
    let config = RlConfig {
        skip_weight: 0.8,
        entropy_bonus: EntropyBonus::Reward,
        ..config(Algorithm::Reinforce {}, 0.0)
    };
    let controller = ControllerConfig {
        hidden: 4,
        form: Form::Attention,
        tanh_constant: 1.5,
        ..ControllerConfig::default()
    };
    let controller = Controller::new(&space, controller, Seed::new(1)).unwrap();
    let mut learner = Learner::new(controller, &config).unwrap();
    let mut rng = Seed::new(3).rng();
    let mut draws = |learner: &Learner, count: usize| -> Vec<Drawn> {
        (0..count)
            .map(|_| learner.controller.sample(&mut rng).unwrap())
            .collect()
    };
    for _ in 0..300 {
        let drawn = draws(&learner, 4);
        learner
            .reward(&drawn.iter().collect::<Vec<_>>(), &[0.5; 4])
            .unwrap();
    }
    let drawn = draws(&learner, 3000);
    let architectures: Vec<&Architecture> = drawn.iter().map(|drawn| &drawn.architecture).collect();
    let divergence = learner.controller.scores(&architectures).unwrap().skip_divergence;
    let worst = divergence
        .to_vec1::<f64>()
        .unwrap()
        .into_iter()
        .fold(0.0, f64::max);
    assert!(worst < 1e-3, "{worst}");
    let skips: Vec<usize> = (0..6).filter(|&i| space.decisions()[i].kind == "skip").collect();
    let read: usize = architectures
        .iter()
        .flat_map(|a| skips.iter().map(|&i| a.choices()[i]))
        .sum();
    let rate = read as f64 / (3000 * skips.len()) as f64;
    // The standard deviation of the rate is 0.005.
    assert!((rate - 0.16 / 0.52).abs() < 0.025, "{rate}");
}

/// With equal rewards and a baseline that is exact, the bonus moves nothing unless its gradient is
/// followed.
#[test]
fn a_bonus_in_the_reward_alone_has_no_gradient() {
    let space = TinySpace::new(&[("a", 3), ("b", 2)]);
    let gradient = |entropy_bonus| {
        let config = RlConfig {
            entropy_bonus,
            ..config(Algorithm::Reinforce {}, 0.3)
        };
        let learner = learner(&space, &config);
        let mut batch = batch(&learner);
        for lesson in &mut batch {
            lesson.advantage = 0.0;
        }
        learner.gradients(&batch).unwrap().norm().unwrap()
    };
    assert_eq!(gradient(EntropyBonus::Reward), 0.0);
    assert!(gradient(EntropyBonus::Gradient) > 1e-3);
}

/// Each reward is compared with the average that has taken it in: of 1, 1 from 0 at a decay of 0.9,
/// those are 0.1 and 0.19.
#[test]
fn a_baseline_from_zero_takes_each_reward_in_before_it_is_compared() {
    let space = TinySpace::new(&[("a", 3), ("b", 2)]);
    let config = RlConfig {
        baseline_start: BaselineStart::Zero,
        baseline_decay: 0.9,
        ..config(Algorithm::Reinforce {}, 0.0)
    };
    let mut learned = learner(&space, &config);
    let mut rng = Seed::new(2).rng();
    let draws: Vec<Drawn> = (0..2)
        .map(|_| learned.controller.sample(&mut rng).unwrap())
        .collect();
    let baseline = learned
        .reward(&draws.iter().collect::<Vec<_>>(), &[1.0, 1.0])
        .unwrap();
    assert!((baseline - 0.19).abs() < 1e-12, "{baseline}");
    let mut expected = learner(&space, &config);
    let advantages = [0.9, 0.81];
    let lesson = |(drawn, advantage): (&Drawn, f64)| Lesson {
        architecture: drawn.architecture.clone(),
        log_prob: drawn.log_prob,
        advantage,
    };
    let batch: Vec<Lesson> = draws.iter().zip(advantages).map(lesson).collect();
    expected.learn(&batch).unwrap();
    let close = weights(&learned)
        .into_iter()
        .zip(weights(&expected))
        .all(|(a, b)| (a - b).abs() < 1e-12);
    assert!(close);
}
