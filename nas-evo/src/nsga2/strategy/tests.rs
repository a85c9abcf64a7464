use nas_space::network::NetworkConfig;
use nas_space::search::TrialId;
use nas_space::sizes::{Counted, Figures};
use nas_space::testing::{TinySpace, outcome};

use super::*;
use crate::nsga2::hypervolume::hypervolume;
use crate::random::{RandomSearch, RandomSearchConfig};

const DECISIONS: usize = 8;

fn config(population: usize, offspring: usize) -> Nsga2Config {
    Nsga2Config {
        population,
        offspring,
        ..Nsga2Config::default()
    }
}

fn search(config: Nsga2Config, seed: u64) -> Nsga2 {
    let space = Arc::new(TinySpace::new(&[4; DECISIONS]));
    Nsga2::new(space, config, Arc::new(Judged), Seed::new(seed)).unwrap()
}

/// The sizes of [`judged`].
#[derive(Debug)]
struct Judged;

impl Sizes for Judged {
    fn of(&self, architecture: &Architecture) -> Result<Figures, SpaceError> {
        Ok(Figures {
            params: Some(judged(architecture).1),
            ..Figures::default()
        })
    }

    fn known(&self) -> Vec<String> {
        vec!["params".to_owned()]
    }
}

/// Every architecture has this number of parameters, and the latency given by its first choice.
#[derive(Debug)]
struct Same(u64);

impl Sizes for Same {
    fn of(&self, architecture: &Architecture) -> Result<Figures, SpaceError> {
        let latency = architecture.choices()[0] as f64 / 8.0;
        Ok(Figures {
            params: Some(self.0),
            macs: None,
            named: [("latency".to_owned(), latency)].into(),
        })
    }

    fn known(&self) -> Vec<String> {
        vec!["params".to_owned(), "latency".to_owned()]
    }
}

fn ask(strategy: &mut dyn Strategy) -> Architecture {
    match strategy.ask().unwrap() {
        Ask::Evaluate(proposal) => proposal.architecture,
        other => panic!("it neither waits nor ends: {other:?}"),
    }
}

fn evaluated(id: TrialId, architecture: Architecture, accuracy: f64) -> Outcome {
    outcome(id, architecture, Some(accuracy))
}

/// Larger options are better and cost more, each step less worth than the one before: the front is
/// convex, and its ends are the smallest and the largest architecture.
fn judged(architecture: &Architecture) -> (f64, u64) {
    const WORTH: [f64; 4] = [0.0, 0.6, 0.9, 1.0];
    let worth: f64 = architecture.choices().iter().map(|&choice| WORTH[choice]).sum();
    let params: usize = architecture.choices().iter().sum();
    (worth / DECISIONS as f64, params as u64)
}

/// Alternates between asking and telling, and returns the points of all trials.
fn run(strategy: &mut dyn Strategy, trials: u64) -> Vec<Vec<f64>> {
    (0..trials)
        .map(|id| {
            let proposal = ask(strategy);
            let (accuracy, params) = judged(&proposal);
            strategy.tell(&evaluated(id, proposal, accuracy)).unwrap();
            vec![-accuracy, params as f64]
        })
        .collect()
}

fn volume(points: &[Vec<f64>]) -> f64 {
    hypervolume(points, [0.0, 3.0 * DECISIONS as f64])
}

fn distance(a: &Architecture, b: &Architecture) -> usize {
    let pairs = a.choices().iter().zip(b.choices());
    pairs.filter(|(a, b)| a != b).count()
}

/// The accuracies of the population in hundredths, in the order of the proposals.
fn living(search: &Nsga2) -> Vec<u32> {
    let accuracy = |member: &Member| (-100.0 * member.values[0]).round() as u32;
    search.parents.iter().map(accuracy).collect()
}

fn tell_points(search: &mut Nsga2, points: &[(f64, u64)]) {
    for &(accuracy, params) in points {
        let id = search.turns.asked();
        let proposal = ask(search);
        search.sizes = Arc::new(Same(params));
        search.tell(&evaluated(id, proposal, accuracy)).unwrap();
    }
}

#[test]
fn selection_keeps_the_first_fronts_and_of_the_last_the_least_crowded() {
    let mut search = search(config(4, 5), 1);
    // A front of five: its ends, two close to the first end, one alone in the middle; behind it the
    // first four told.
    let behind = [(0.05, 20), (0.11, 40), (0.13, 60), (0.35, 90)];
    tell_points(&mut search, &behind);
    assert_eq!(living(&search), [5, 11, 13, 35]);
    tell_points(&mut search, &[(0.10, 10), (0.12, 11), (0.14, 12), (0.50, 50)]);
    assert_eq!(living(&search), [5, 11, 13, 35], "four of five children");
    tell_points(&mut search, &[(0.90, 80)]);
    // The neighbours of 12 are 10 and 14, close together; those of 14 are 12 and 50.
    assert_eq!(living(&search), [10, 14, 50, 90]);
    let ranks: Vec<usize> = search.parents.iter().map(|member| member.rank).collect();
    assert_eq!(ranks, [0; 4]);
}

#[test]
fn a_population_that_is_not_full_keeps_everybody_and_a_selection_after_every_child_drops_one() {
    let mut search = search(config(3, 1), 1);
    tell_points(&mut search, &[(0.1, 10), (0.2, 5), (0.15, 20)]);
    assert_eq!(living(&search), [10, 20, 15]);
    let ranks: Vec<usize> = search.parents.iter().map(|member| member.rank).collect();
    assert_eq!(ranks, [1, 0, 1]);
    tell_points(&mut search, &[(0.3, 6)]);
    // 10 and 15 are both of the second front and at its ends; the one proposed earlier stays.
    assert_eq!(living(&search), [10, 20, 30]);
}

#[test]
fn of_equals_those_proposed_earlier_live_on() {
    let mut search = search(config(2, 4), 1);
    tell_points(&mut search, &[(0.5, 10), (0.5, 10)]);
    let first: Vec<Architecture> = search.parents.iter().map(|m| m.architecture.clone()).collect();
    tell_points(&mut search, &[(0.5, 10); 4]);
    let after: Vec<Architecture> = search.parents.iter().map(|m| m.architecture.clone()).collect();
    assert_eq!(after, first);
}

/// Of 4 members the best is one of two with probability 1/2; the shares' standard deviations are
/// 0.005.
#[test]
fn tournaments_prefer_the_better_front_and_then_the_larger_distance() {
    let mut search = search(config(4, 4), 1);
    // The first front: ends 90/90 and 10/10, between them 40/30; behind it 30/60.
    tell_points(&mut search, &[(0.1, 10), (0.4, 30), (0.9, 90), (0.3, 60)]);
    let mut rng = Seed::new(2).rng();
    let mut won = [0_u32; 4];
    for _ in 0..12_000 {
        let parent = search.parent(&mut rng).unwrap() as *const Member;
        let place = search
            .parents
            .iter()
            .position(|member| std::ptr::eq(member, parent));
        won[place.unwrap()] += 1;
    }
    // Of the six pairs: the ends win two each and one of them, whoever is drawn first, the sixth;
    // the middle one wins one.
    for (wins, expected) in won.into_iter().zip([5000, 2000, 5000, 0]) {
        assert!(wins.abs_diff(expected) < 250, "{won:?}");
    }
    assert_eq!(won[3], 0, "of the second front");
}

#[test]
fn after_the_first_population_every_proposal_is_new_and_one_change_from_someone_who_lives() {
    let mut search = search(config(6, 3), 3);
    let mut proposed = Vec::new();
    for id in 0..150 {
        let parents: Vec<Architecture> = search.parents.iter().map(|m| m.architecture.clone()).collect();
        let child = ask(&mut search);
        assert!(!proposed.contains(&child), "{child} again");
        if id >= 6 {
            assert!(
                parents.iter().any(|parent| distance(parent, &child) == 1),
                "{child}"
            );
        }
        let (accuracy, _) = judged(&child);
        search.tell(&evaluated(id, child.clone(), accuracy)).unwrap();
        proposed.push(child);
    }
}

#[test]
fn a_space_that_is_exhausted_is_proposed_again() {
    let space = Arc::new(TinySpace::new(&[2, 1]));
    let mut search = Nsga2::new(space, config(2, 1), Arc::new(Judged), Seed::new(1)).unwrap();
    let proposals: HashSet<Architecture> = (0..20)
        .map(|id| {
            let proposal = ask(&mut search);
            search.tell(&evaluated(id, proposal.clone(), 0.5)).unwrap();
            proposal
        })
        .collect();
    assert_eq!(proposals.len(), 2);
}

/// Whatever an evaluation says of its size, the one that is weighed is the one that limits are
/// checked by.
#[test]
fn sizes_and_named_figures_are_those_of_the_one_source() {
    let named = |text: &str| text.parse::<Objective>().unwrap();
    let config = Nsga2Config {
        objectives: vec![Objective::Params, named("latency"), Objective::Accuracy],
        ..config(4, 1)
    };
    let space = Arc::new(TinySpace::new(&[4; DECISIONS]));
    let nsga2 = |config| Nsga2::new(space.clone(), config, Arc::new(Same(17)), Seed::new(1));
    let mut search = nsga2(config.clone()).unwrap();
    let proposal = ask(&mut search);
    let latency = proposal.choices()[0] as f64 / 8.0;
    let mut told = outcome(0, proposal, Some(0.25));
    if let Ok(evaluation) = &mut told.result {
        (evaluation.params, evaluation.macs) = (Some(99), Some(99));
    }
    search.tell(&told).unwrap();
    assert_eq!(search.parents[0].values, [17.0, latency, -0.25]);
    let more = Nsga2Config {
        objectives: vec![named("latency:max")],
        ..config.clone()
    };
    let mut search = nsga2(more).unwrap();
    let proposal = ask(&mut search);
    let latency = proposal.choices()[0] as f64 / 8.0;
    search.tell(&outcome(0, proposal, Some(0.25))).unwrap();
    assert_eq!(search.parents[0].values, [-latency]);
    let unknown = Nsga2Config {
        objectives: vec![Objective::Accuracy, named("energy")],
        ..config
    };
    let refused = nsga2(unknown).unwrap_err().to_string();
    assert!(
        refused.contains("'energy'") && refused.contains("params, latency"),
        "{refused}"
    );
}

#[test]
fn asking_never_waits_and_failures_do_not_breed() {
    let mut search = search(config(2, 2), 4);
    let proposals: Vec<Architecture> = (0..6).map(|_| ask(&mut search)).collect();
    for (id, proposal) in (0..).zip(&proposals[..5]) {
        search.tell(&outcome(id, proposal.clone(), None)).unwrap();
    }
    assert!(search.parents.is_empty() && search.children.is_empty());
    search.tell(&evaluated(5, proposals[5].clone(), 0.5)).unwrap();
    assert_eq!(distance(&ask(&mut search), &proposals[5]), 1);
    let refused = search.tell(&outcome(8, proposals[5].clone(), None));
    assert!(matches!(
        refused,
        Err(StrategyError::Unexpected { expected: 6, got: 8 })
    ));
}

/// The hypervolume of the population grows from the first population to the last in every one of 30
/// searches; were either as likely, that would have a probability of 10⁻⁹.
#[test]
fn the_front_of_the_population_advances() {
    for (offspring, seed) in [(1, 0), (10, 100)] {
        for seed in seed..seed + 15 {
            let mut search = search(config(10, offspring), seed);
            let values = |search: &Nsga2| -> Vec<Vec<f64>> {
                search.parents.iter().map(|m| m.values.clone()).collect()
            };
            run(&mut search, 10);
            let before = volume(&values(&search));
            for id in 10..120 {
                let proposal = ask(&mut search);
                let (accuracy, _) = judged(&proposal);
                search.tell(&evaluated(id, proposal, accuracy)).unwrap();
            }
            let after = volume(&values(&search));
            assert!(after > before, "seed {seed}: {before} and then {after}");
        }
    }
}

/// A sign test: were neither better, 26 or more wins of 30 would have a probability of 3 · 10⁻⁵.
#[test]
fn it_dominates_more_than_as_many_random_draws() {
    for offspring in [1, 10] {
        let mut wins = 0;
        for seed in 0..30 {
            let found = volume(&run(&mut search(config(10, offspring), seed), 120));
            let space = Arc::new(TinySpace::new(&[4; DECISIONS]));
            let mut random =
                RandomSearch::new(space, RandomSearchConfig::default(), Seed::new(seed)).unwrap();
            wins += u32::from(found > volume(&run(&mut random, 120)));
        }
        assert!(wins >= 26, "{offspring} offspring: {wins} of 30");
    }
}

#[test]
fn the_same_calls_give_the_same_proposals() {
    let points = |seed| run(&mut search(config(5, 2), seed), 60);
    assert_eq!(points(1), points(1));
    assert_ne!(points(1), points(2));
}

#[test]
fn what_cannot_be_searched_is_refused() {
    let empty = Arc::new(TinySpace::new(&[2, 0]));
    let refused = Nsga2::new(empty, config(2, 1), Arc::new(Judged), Seed::new(0)).unwrap_err();
    assert!(refused.to_string().contains("'d1'"), "{refused}");
    let space = Arc::new(TinySpace::new(&[2]));
    let macs = Nsga2Config {
        objectives: vec![Objective::Macs],
        ..config(2, 1)
    };
    let refused = Nsga2::new(space.clone(), macs.clone(), Arc::new(Judged), Seed::new(0)).unwrap_err();
    assert!(refused.to_string().contains("'macs'"), "{refused}");
    let counted = Counted::new(space.clone(), NetworkConfig::default()).unwrap();
    Nsga2::new(space, macs, Arc::new(counted), Seed::new(0)).unwrap();
}
