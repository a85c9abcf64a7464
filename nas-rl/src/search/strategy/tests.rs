//! Searches of small spaces with rewards that are known.

use nas_space::arch::Architecture;
use nas_space::spaces::{ChainConfig, ChainSpace, darts, nb201};
use rand::RngExt;

use super::*;
use crate::config::{Algorithm, Reward};
use crate::controller::ControllerConfig;
use crate::tiny_space::{TinySpace, outcome, tiny_chain};

fn search(space: impl Space + 'static, config: RlConfig, seed: u64) -> ControllerSearch {
    ControllerSearch::new(Arc::new(space), config, Seed::new(seed)).unwrap()
}

/// A controller small enough for many searches.
fn small(config: RlConfig) -> RlConfig {
    RlConfig {
        controller: ControllerConfig {
            hidden: 16,
            ..config.controller
        },
        ..config
    }
}

fn ask(search: &mut ControllerSearch) -> Architecture {
    match search.ask().unwrap() {
        Ask::Evaluate(proposal) => proposal.architecture,
        other => panic!("a controller neither waits nor ends: {other:?}"),
    }
}

/// Alternates between asking and telling, and returns the proposals.
fn run(
    search: &mut ControllerSearch,
    trials: u64,
    mut accuracy: impl FnMut(&Architecture) -> Option<f64>,
) -> Vec<Architecture> {
    let mut proposals = Vec::new();
    let first = search.turns.told();
    for id in first..first + trials {
        let proposal = ask(search);
        let told = outcome(id, proposal.clone(), accuracy(&proposal));
        search.tell(&told).unwrap();
        proposals.push(proposal);
    }
    proposals
}

const TARGET: [usize; 6] = [3, 0, 3, 2, 1, 1];

/// Decisions of one kind share their weights.
const TARGET_KINDS: [(&str, usize); 6] = [("a", 4), ("b", 4), ("a", 4), ("c", 4), ("d", 4), ("d", 4)];

/// The share of choices that are those of the target.
fn closeness(architecture: &Architecture) -> f64 {
    let choices = architecture.choices().iter().zip(TARGET);
    choices.filter(|(got, target)| **got == *target).count() as f64 / 6.0
}

/// 4⁶ = 4,096 architectures, of which one is perfect: 300 uniform draws find it with probability
/// 0.07, so in 7 of 10 searches with one below 10⁻⁵.
#[test]
fn both_algorithms_find_the_optimum_where_random_draws_do_not() {
    let ppo = small(RlConfig::small_budget());
    let reinforce = RlConfig {
        algorithm: Algorithm::Reinforce {},
        batch: 1,
        ..ppo.clone()
    };
    for config in [reinforce, ppo] {
        let mut found = 0;
        for seed in 0..10 {
            let mut search = search(TinySpace::new(&TARGET_KINDS), config.clone(), seed);
            let proposals = run(&mut search, 300, |a| Some(closeness(a)));
            found += usize::from(proposals.iter().any(|proposal| closeness(proposal) == 1.0));
        }
        println!("{:?}: found in {found} of 10 searches", config.algorithm);
        assert!(
            found >= 7,
            "{:?}: found in {found} of 10 searches",
            config.algorithm
        );
    }
}

/// Ten arms of accuracy 0.5 ± 0.1 and one of 0.6 ± 0.1: after 300 pulls the controller pulls the
/// best one more often than not.
#[test]
fn the_best_arm_of_a_bandit_wins() {
    let mut won = 0;
    for seed in 0..20 {
        let mut search = search(
            TinySpace::new(&[("arm", 10)]),
            small(RlConfig::small_budget()),
            seed,
        );
        let mut noise = Seed::new(seed).derive("noise", 0).rng();
        run(&mut search, 300, |a| {
            let mean = if a.choices() == [7] { 0.7 } else { 0.5 };
            Some(mean + noise.random_range(-0.1..0.1))
        });
        let log_prob = search.controller().log_prob(&Architecture::new([7])).unwrap();
        won += usize::from(log_prob.exp() > 0.5);
    }
    println!("won in {won} of 20 searches");
    assert!(won >= 18, "won in {won} of 20 searches");
}

#[test]
fn updates_tell_what_was_learned_from() {
    let config = RlConfig {
        batch: 2,
        reward: Reward::Cubed,
        failure_reward: -0.5,
        baseline_decay: 0.5,
        entropy_weight: 0.0,
        ..small(RlConfig::default())
    };
    let mut search = search(TinySpace::new(&[("a", 3); 2]), config, 1);
    let mut accuracies = [Some(0.5), None, Some(0.25), Some(1.0), None].into_iter();
    run(&mut search, 5, |_| accuracies.next().flatten());
    let reported: Vec<Update> = serde_json::from_value(search.report().unwrap()).unwrap();
    assert_eq!(reported, search.updates());
    let [first, second] = search.updates() else {
        panic!("two batches of two: {:?}", search.updates())
    };
    assert_eq!(
        (first.trials, first.failed, first.accuracy, first.best),
        (2, 1, Some(0.5), Some(0.5))
    );
    assert!((first.reward - (0.125 - 0.5) / 2.0).abs() < 1e-12);
    assert!(
        (first.baseline - first.reward).abs() < 1e-12,
        "of the first batch, its mean"
    );
    assert_eq!((second.trials, second.failed, second.best), (4, 0, Some(1.0)));
    assert!((second.baseline - (0.5 * 0.125 - 0.5) / 1.5).abs() < 1e-12);
    assert!((second.entropy - 2.0 * 3f64.ln()).abs() < 0.1);
}

#[test]
fn failed_trials_are_avoided() {
    let config = RlConfig {
        failure_reward: -1.0,
        ..small(RlConfig::small_budget())
    };
    let mut search = search(TinySpace::new(&[("a", 2); 3]), config, 2);
    run(&mut search, 200, |a| (a.choices()[1] == 0).then_some(0.5));
    let proposals = run(&mut search, 50, |_| Some(0.5));
    let failing = proposals.iter().filter(|a| a.choices()[1] == 1).count();
    assert!(failing <= 10, "{failing} of 50 still fail");
    let mut all_failed = self::search(TinySpace::new(&[("a", 2); 3]), small(RlConfig::default()), 3);
    run(&mut all_failed, 45, |_| None);
    assert_eq!(all_failed.updates().len(), 2);
    assert_eq!(all_failed.updates()[1].best, None);
}

#[test]
fn outcomes_are_learned_from_as_they_come_however_many_are_outstanding() {
    let config = RlConfig {
        batch: 4,
        ..small(RlConfig::default())
    };
    let mut search = search(nb201(), config, 4);
    let proposals: Vec<Architecture> = (0..7).map(|_| ask(&mut search)).collect();
    for (told, id) in [2, 0, 3, 1, 6, 5, 4].into_iter().enumerate() {
        let outcome = outcome(id, proposals[id as usize].clone(), Some(0.5));
        search.tell(&outcome).unwrap();
        assert!(matches!(
            search.tell(&outcome),
            Err(StrategyError::Unexpected { .. })
        ));
        assert_eq!(search.updates().len(), usize::from(told >= 3));
        // It is learned with the draw that it is of.
        if let Some(last) = search.batch.last() {
            assert_eq!(last.drawn.architecture, proposals[id as usize]);
        }
    }
    assert_eq!(search.batch.len(), 3);
    let unasked = outcome(7, proposals[0].clone(), Some(0.5));
    assert!(search.tell(&unasked).is_err());
}

/// The same for any number of threads.
#[test]
fn the_same_calls_give_the_same_proposals() {
    let proposals = |seed, threads| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| {
            let config = RlConfig {
                batch: 5,
                learning_rate: 0.05,
                ..RlConfig::default()
            };
            let mut search = search(nb201(), config, seed);
            let proposals = run(&mut search, 40, |a| Some(a.choices()[0] as f64 / 4.0));
            (proposals, search.updates().to_vec())
        })
    };
    assert_eq!(proposals(1, 1), proposals(1, 2));
    assert_ne!(proposals(1, 1).0, proposals(2, 1).0);
}

#[test]
fn architectures_grow_as_the_depth_says() {
    let depth = Depth::Growing {
        start: 1,
        add: 2,
        every: 3,
    };
    let config = |depth| RlConfig {
        depth,
        batch: 4,
        ..small(RlConfig::default())
    };
    let mut search = search(tiny_chain(4), config(depth), 5);
    let proposals = run(&mut search, 9, |_| Some(0.5));
    let choices: Vec<usize> = proposals.iter().map(|a| a.choices().len()).collect();
    // One layer has 1 choice, three have 1 + 2 + 3, four have 10.
    assert_eq!(choices, [1, 1, 1, 6, 6, 6, 10, 10, 10]);
    let refused = ControllerSearch::new(Arc::new(darts()), config(depth), Seed::new(0)).unwrap_err();
    assert!(
        refused
            .to_string()
            .contains("depth is growing; expected full: space darts"),
        "{refused}"
    );
    let mut published = self::search(
        ChainSpace::new(ChainConfig {
            layers: 8,
            ..ChainConfig::default()
        })
        .unwrap(),
        config(RlConfig::ZOPH_LE_DEPTH),
        6,
    );
    assert_eq!(published.choices_at(1599), 6 * 3 + 15);
    assert_eq!(published.choices_at(1600), 8 * 3 + 28);
    ask(&mut published);
}

/// A change of these architectures changes every search that was ever recorded.
#[test]
fn value_stability() {
    let config = RlConfig {
        learning_rate: 0.05,
        ..small(RlConfig::small_budget())
    };
    let mut search = search(TinySpace::new(&[("a", 4); 4]), config, 42);
    let proposals = run(&mut search, 6, |a| Some(a.choices()[0] as f64 / 3.0));
    let proposals: Vec<String> = proposals.iter().map(Architecture::to_string).collect();
    assert_eq!(
        proposals,
        ["2.2.3.1", "1.0.1.0", "3.2.0.2", "1.3.2.3", "0.2.3.1", "2.2.1.2"]
    );
}

#[test]
fn a_configuration_out_of_range_is_refused() {
    let config = RlConfig {
        batch: 0,
        ..RlConfig::default()
    };
    let refused = ControllerSearch::new(Arc::new(nb201()), config, Seed::new(0)).unwrap_err();
    assert!(refused.to_string().contains("batch is 0"), "{refused}");
    let empty = ControllerSearch::new(
        Arc::new(TinySpace::new(&[("a", 0)])),
        RlConfig::default(),
        Seed::new(0),
    );
    assert!(
        empty
            .unwrap_err()
            .to_string()
            .contains("decision 'd0' has no options")
    );
}
