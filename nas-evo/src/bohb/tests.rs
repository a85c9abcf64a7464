//! BOHB on functions whose good architectures are known.

use std::sync::Arc;

use nas_space::arch::Architecture;
use nas_space::limits::{LimitedSpace, Limits};
use nas_space::network::NetworkConfig;
use nas_space::search::{Ask, Fidelity, Outcome, Strategy, Trial};
use nas_space::seed::Seed;
use nas_space::sizes::Counted;
use nas_space::spaces::{Space, nb201};
use nas_space::testing::{TinySpace, outcome};

use super::*;
use crate::halving::{HalvingConfig, Schedule};
use crate::{EvoError, Halving, RandomSearch, RandomSearchConfig};

fn rungs(schedule: Schedule) -> HalvingConfig {
    HalvingConfig {
        max_epochs: 9,
        eta: 3,
        schedule,
        ..HalvingConfig::default()
    }
}

/// Runs so many trials one by one, and gives what was asked for.
fn run(
    strategy: &mut dyn Strategy,
    trials: u64,
    accuracy: impl Fn(&Architecture, u32) -> Option<f64>,
) -> Vec<(Architecture, u32)> {
    let mut asked = Vec::new();
    for id in 0..trials {
        let Ask::Evaluate(proposal) = strategy.ask().unwrap() else {
            panic!("everything was told")
        };
        let Fidelity { epochs } = proposal.fidelity.unwrap();
        let result = outcome(
            id,
            proposal.architecture.clone(),
            accuracy(&proposal.architecture, epochs),
        )
        .result;
        let fidelity = Fidelity { epochs };
        let trial = Trial::new(id, proposal.architecture.clone(), fidelity, Seed::new(0));
        strategy.tell(&Outcome { trial, result }).unwrap();
        asked.push((proposal.architecture, epochs));
    }
    asked
}

/// The share of choices that are the last option; briefly trained, all have less.
fn share_of_last(one: &Architecture, epochs: u32) -> Option<f64> {
    let hits = one.choices().iter().filter(|&&choice| choice == 3).count();
    Some(hits as f64 / one.choices().len() as f64 * (1.0 - 0.5 / f64::from(epochs)))
}

#[test]
fn bohb_finds_better_architectures_than_hyperband_with_the_same_rungs() {
    let space: Arc<dyn Space> = Arc::new(TinySpace::new(&[4; 8]));
    let best = |asked: &[(Architecture, u32)]| {
        let values = asked
            .iter()
            .filter_map(|(one, epochs)| share_of_last(one, *epochs));
        values.fold(0.0, f64::max)
    };
    let hyperband = rungs(Schedule::Hyperband {});
    let (mut better, mut worse) = (0, 0);
    for seed in 0..20 {
        let mut bohb = Bohb::new(
            space.clone(),
            BohbConfig::default(),
            hyperband.clone(),
            Seed::new(seed),
        )
        .unwrap();
        let by_model = best(&run(&mut bohb, 200, share_of_last));
        let random = |bracket| -> Box<dyn Strategy> {
            let seed = Seed::new(seed).derive("bracket", bracket);
            Box::new(RandomSearch::new(space.clone(), RandomSearchConfig::default(), seed).unwrap())
        };
        let mut plain = Halving::of_each((0..3).map(random).collect(), hyperband.clone()).unwrap();
        let at_random = best(&run(&mut plain, 200, share_of_last));
        better += usize::from(by_model > at_random);
        worse += usize::from(by_model < at_random);
    }
    assert!(better >= 18 && worse == 0, "better {better}, worse {worse}");
}

#[test]
fn each_schedule_has_its_name_and_the_model_proposes_in_all_of_them() {
    let space: Arc<dyn Space> = Arc::new(TinySpace::new(&[4; 4]));
    for (schedule, name) in [
        (Schedule::Hyperband {}, "bohb"),
        (Schedule::Asynchronous {}, "bohb+asha"),
        (Schedule::Synchronous { configurations: 9 }, "bohb+sha"),
    ] {
        let mut bohb = Bohb::new(
            space.clone(),
            BohbConfig::default(),
            rungs(schedule),
            Seed::new(1),
        )
        .unwrap();
        assert_eq!(bohb.name(), name);
        let asked = run(&mut bohb, 120, share_of_last);
        let bottom = |part: &[(Architecture, u32)]| {
            let values = part
                .iter()
                .filter(|one| one.1 == 1)
                .filter_map(|(one, _)| share_of_last(one, 9));
            let values: Vec<f64> = values.collect();
            values.iter().sum::<f64>() / values.len() as f64
        };
        let (early, late) = (bottom(&asked[..30]), bottom(&asked[60..]));
        assert!(late > early + 0.1, "{name}: {early} {late}");
    }
}

/// Without uniform draws, what is new is proposed until draws find nothing new.
#[test]
fn no_architecture_is_drawn_twice_by_the_model_for_one_rung() {
    let space: Arc<dyn Space> = Arc::new(TinySpace::new(&[4; 5]));
    let config = BohbConfig {
        random_fraction: 0.0,
        ..BohbConfig::default()
    };
    let one_rung = HalvingConfig {
        max_epochs: 1,
        ..rungs(Schedule::Hyperband {})
    };
    let mut bohb = Bohb::new(space, config, one_rung, Seed::new(3)).unwrap();
    let asked = run(&mut bohb, 150, share_of_last);
    // The first eight are uniform draws.
    let mut later: Vec<String> = asked[8..].iter().map(|one| one.0.to_string()).collect();
    later.sort_unstable();
    later.dedup();
    assert_eq!(later.len(), 142);
}

#[test]
fn failures_are_learned_from_and_never_promoted() {
    let space: Arc<dyn Space> = Arc::new(TinySpace::new(&[4; 8]));
    let accuracy = |one: &Architecture, epochs| {
        (one.choices()[0] != 0)
            .then(|| share_of_last(one, epochs))
            .flatten()
    };
    let config = HalvingConfig {
        max_epochs: 1,
        ..rungs(Schedule::Hyperband {})
    };
    let mut bohb = Bohb::new(space, BohbConfig::default(), config, Seed::new(5)).unwrap();
    let asked = run(&mut bohb, 400, accuracy);
    let drawn: Vec<&Architecture> = asked[100..]
        .iter()
        .filter(|one| one.1 == 1)
        .map(|one| &one.0)
        .collect();
    let failing = drawn.iter().filter(|one| one.choices()[0] == 0).count();
    // A quarter of the uniform draws fail, which are a third of the draws.
    assert!(failing * 100 < drawn.len() * 15, "{failing} of {}", drawn.len());
    let mut none = Bohb::new(
        Arc::new(TinySpace::new(&[4; 4])),
        BohbConfig::default(),
        rungs(Schedule::Hyperband {}),
        Seed::new(5),
    )
    .unwrap();
    let asked = run(&mut none, 100, |_, _| None);
    // 9 at 1 epoch, 5 at 3, 3 at 9, and so on: nothing is promoted.
    assert_eq!(
        asked[..17].iter().map(|one| one.1).sum::<u32>(),
        9 + 5 * 3 + 3 * 9
    );
}

#[test]
fn in_a_space_with_limits_everything_proposed_is_within_them() {
    let space: Arc<dyn Space> = Arc::new(nb201());
    let limits = Limits {
        max_params: Some(200_000),
        ..Limits::default()
    };
    let sizes = Counted::new(space.clone(), NetworkConfig::default()).unwrap();
    let limited: Arc<dyn Space> = Arc::new(LimitedSpace::new(space, Arc::new(sizes), limits).unwrap());
    let config = rungs(Schedule::Hyperband {});
    let mut bohb = Bohb::new(limited.clone(), BohbConfig::default(), config, Seed::new(1)).unwrap();
    let asked = run(&mut bohb, 60, |one, _| {
        Some(one.choices().iter().sum::<usize>() as f64 / 30.0)
    });
    for (one, _) in asked {
        limited.validate(&one).unwrap();
    }
}

#[test]
fn what_cannot_be_searched_is_refused() {
    let tiny = |options: &[usize]| -> Arc<dyn Space> { Arc::new(TinySpace::new(options)) };
    let none = Bohb::new(
        tiny(&[3, 0]),
        BohbConfig::default(),
        rungs(Schedule::Hyperband {}),
        Seed::new(1),
    );
    assert!(matches!(none, Err(EvoError::EmptyDecision { .. })));
    let config = BohbConfig {
        num_samples: 0,
        ..BohbConfig::default()
    };
    assert!(Bohb::new(tiny(&[3]), config, rungs(Schedule::Hyperband {}), Seed::new(1)).is_err());
    // A space of one architecture has nothing to choose.
    let mut one = Bohb::new(
        tiny(&[1, 1]),
        BohbConfig::default(),
        rungs(Schedule::Hyperband {}),
        Seed::new(1),
    )
    .unwrap();
    assert_eq!(run(&mut one, 30, |_, _| Some(0.5)).len(), 30);
}
