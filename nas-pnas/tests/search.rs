//! Whole searches, evaluated by a made-up landscape.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::HashSet;
use std::sync::Arc;

use nas_pnas::report::LevelReport;
use nas_pnas::surrogate::{
    Encoding, ForestConfig, GaussianProcessConfig, NetworkConfig, Refit, SurrogateConfig,
};
use nas_pnas::{Exploration, FirstLevel, Parents, ProgressiveConfig, ProgressiveSearch};
use nas_space::arch::Architecture;
use nas_space::canonical::canonical_id;
use nas_space::search::{Ask, Evaluation, Failure, FailureKind, Fidelity, Outcome, Strategy, Trial};
use nas_space::seed::Seed;
use nas_space::spaces::{PnasConfig, Space, nb201, pnas};

/// What the operations of a PNAS block are worth.
const WORTH: [f64; 8] = [0.9, 0.7, 0.6, 0.4, 0.2, 0.3, 0.5, 0.1];

/// Good operations make good cells, and more of them better ones; no two orders of a block differ.
fn landscape(architecture: &Architecture) -> f64 {
    let blocks = architecture.choices().chunks_exact(4);
    let count = blocks.len() as f64;
    let worth: f64 = blocks
        .map(|block| WORTH[block[2]] + WORTH[block[3]] + 0.1 * (block[0] as f64 - block[1] as f64).abs())
        .sum();
    0.5 + 0.2 * worth / count + 0.02 * count
}

fn told(id: u64, architecture: Architecture, accuracy: Option<f64>) -> Outcome {
    let evaluation = |valid_accuracy| Evaluation::new(valid_accuracy, 1);
    Outcome {
        trial: Trial {
            id,
            architecture,
            fidelity: Fidelity { epochs: 1 },
            continues: None,
            seed: Seed::new(id),
        },
        result: accuracy
            .map(evaluation)
            .ok_or_else(|| Failure::new(FailureKind::Other, "none")),
    }
}

/// Asks for as much as there is, then tells it, and again; gives what was proposed.
fn run(
    search: &mut ProgressiveSearch,
    accuracy: impl Fn(u64, &Architecture) -> Option<f64>,
) -> Vec<Architecture> {
    let mut proposals = Vec::new();
    let mut waiting = 0;
    loop {
        match search.ask().unwrap() {
            Ask::Evaluate(proposal) => proposals.push(proposal.architecture),
            Ask::Wait => {
                assert!(waiting < proposals.len(), "there is nothing to wait for");
                while waiting < proposals.len() {
                    let id = waiting as u64;
                    let architecture = proposals[waiting].clone();
                    let accuracy = accuracy(id, &architecture);
                    search.tell(&told(id, architecture, accuracy)).unwrap();
                    waiting += 1;
                }
            }
            Ask::Finished => return proposals,
        }
    }
}

fn space(blocks: usize) -> Arc<dyn Space> {
    Arc::new(pnas(&PnasConfig { blocks }).unwrap())
}

fn quick(config: NetworkConfig) -> NetworkConfig {
    NetworkConfig {
        embedding: 8,
        hidden: 16,
        epochs: 20,
        ..config
    }
}

fn config(beam: &[usize], surrogate: SurrogateConfig) -> ProgressiveConfig {
    ProgressiveConfig {
        beam: beam.to_vec(),
        surrogate,
        ..ProgressiveConfig::default()
    }
}

fn search(blocks: usize, config: &ProgressiveConfig, seed: u64) -> ProgressiveSearch {
    ProgressiveSearch::new(space(blocks), config.clone(), Seed::new(seed)).unwrap()
}

/// The same with few cells of one block, so that there are few children.
fn narrow(beam: &[usize], surrogate: SurrogateConfig) -> ProgressiveConfig {
    ProgressiveConfig {
        first_level: FirstLevel::AtMost(20),
        ..config(beam, surrogate)
    }
}

fn mlp() -> SurrogateConfig {
    SurrogateConfig::Mlp(quick(NetworkConfig::default()))
}

fn all_surrogates() -> [SurrogateConfig; 5] {
    [
        mlp(),
        SurrogateConfig::Lstm(quick(NetworkConfig::default())),
        SurrogateConfig::Mlp(quick(NetworkConfig {
            refit: Refit::Retrain,
            ..NetworkConfig::default()
        })),
        SurrogateConfig::Forest(ForestConfig {
            trees: 4,
            ..ForestConfig::default()
        }),
        SurrogateConfig::GaussianProcess(GaussianProcessConfig {
            encoding: Encoding::Adjacency,
        }),
    ]
}

/// 136 + 4·256 = 1,160 models, no two of them the same network, as in the paper.
#[test]
fn the_papers_search_trains_1160_different_models() {
    let small = NetworkConfig {
        embedding: 4,
        hidden: 8,
        epochs: 2,
        ..NetworkConfig::default()
    };
    let config = config(&[256], SurrogateConfig::Mlp(small));
    let mut search = search(5, &config, 1);
    let proposals = run(&mut search, |_, architecture| Some(landscape(architecture)));
    assert_eq!(proposals.len(), 1_160);
    let space = space(5);
    let ids: HashSet<_> = proposals
        .iter()
        .map(|a| canonical_id(&space.genotype(a).unwrap(), space.operations()))
        .collect();
    assert_eq!(ids.len(), 1_160);
    let levels = search.levels();
    let trained: Vec<usize> = levels.iter().map(|level| level.models.len()).collect();
    assert_eq!(trained, [136, 256, 256, 256, 256]);
    let written: Vec<u64> = levels.iter().map(|level| level.written).collect();
    assert_eq!(written, [136, 40_800, 256 * 528, 256 * 820, 256 * 1_176]);
    assert_eq!(levels[1].distinct, 31_620);
    let expanded: Vec<usize> = levels.iter().map(|level| level.parents).collect();
    assert_eq!(expanded, [0, 136, 256, 256, 256]);
    assert_eq!(search.ask().unwrap(), Ask::Finished, "and stays so");
}

fn best(levels: &[LevelReport]) -> f64 {
    levels
        .iter()
        .filter_map(|level| level.best_accuracy)
        .fold(0.0, f64::max)
}

/// With each surrogate, the best cell found is better than the best of as many drawn uniformly: by
/// a sign test over 12 seeds, of which at least 10 on one side have probability 0.019 by chance.
#[test]
fn every_surrogate_finds_better_cells_than_uniform_draws() {
    for surrogate in all_surrogates() {
        let config = ProgressiveConfig {
            first_level: FirstLevel::AtMost(40),
            parents: Parents::Best(10),
            ..config(&[12], surrogate)
        };
        let mut better = 0;
        for seed in 0..12 {
            let mut search = search(3, &config, seed);
            let trials = run(&mut search, |_, architecture| Some(landscape(architecture))).len();
            assert_eq!(trials, 40 + 2 * 12);
            let space = space(3);
            let mut rng = Seed::new(seed).derive("uniform", 0).rng();
            let drawn = (0..trials)
                .map(|_| landscape(&space.sample(&mut rng)))
                .fold(0.0, f64::max);
            better += usize::from(best(&search.levels()) > drawn);
        }
        assert!(better >= 10, "{surrogate:?}: {better} of 12");
    }
}

#[test]
fn a_level_waits_for_all_of_the_one_before_and_failures_do_not_stall_it() {
    let config = config(&[6], mlp());
    let mut search = search(2, &config, 1);
    let mut asked = Vec::new();
    while let Ask::Evaluate(proposal) = search.ask().unwrap() {
        asked.push(proposal.architecture);
    }
    assert_eq!(asked.len(), 136);
    for (id, architecture) in asked.iter().enumerate() {
        assert_eq!(search.ask().unwrap(), Ask::Wait);
        let accuracy = (id % 3 == 0).then(|| landscape(architecture));
        search
            .tell(&told(id as u64, architecture.clone(), accuracy))
            .unwrap();
    }
    let Ask::Evaluate(proposal) = search.ask().unwrap() else {
        panic!("level 1 is complete");
    };
    assert_eq!(proposal.architecture.choices().len(), 8);
    let levels = search.levels();
    assert_eq!(levels[0].failed, 90);
    assert_eq!(levels[1].parents, 46, "those that failed are not expanded");
    assert_eq!(levels[0].held_out.as_ref().unwrap().models, 46);
    assert_eq!(
        (levels[1].models.len(), &levels[1].extrapolated),
        (1, &None),
        "not told yet"
    );
}

#[test]
fn where_all_trials_of_a_level_fail_the_search_is_finished() {
    let config = config(&[6], mlp());
    let proposals = run(&mut search(3, &config, 1), |_, a| {
        (a.choices().len() == 4).then(|| landscape(a))
    });
    assert_eq!(proposals.len(), 136 + 6);
    assert_eq!(run(&mut search(3, &config, 1), |_, _| None).len(), 136);
}

/// A landscape without differences: what is chosen is the beginning of the expansion, not an
/// accident of threads or hashes.
#[test]
fn ties_are_broken_by_the_order_of_the_expansion() {
    let surrogate = SurrogateConfig::GaussianProcess(GaussianProcessConfig::default());
    let config = config(&[5], surrogate);
    let proposals = run(&mut search(2, &config, 1), |_, _| Some(0.5));
    let second: Vec<String> = proposals[136..].iter().map(Architecture::to_string).collect();
    let expected = [
        "0.0.0.0.0.0.0.0",
        "0.0.0.0.0.0.0.1",
        "0.0.0.0.0.0.0.2",
        "0.0.0.0.0.0.0.3",
        "0.0.0.0.0.0.0.4",
    ];
    assert_eq!(second, expected);
}

/// The whole course of a search: proposals, predictions, spreads and qualities.
fn course(config: &ProgressiveConfig) -> (Vec<Architecture>, Vec<LevelReport>) {
    let mut search = search(3, config, 7);
    let proposals = run(&mut search, |id, a| (id % 7 != 3).then(|| landscape(a)));
    (proposals, search.levels())
}

#[test]
fn a_search_has_the_same_bits_when_replayed_and_for_any_number_of_threads() {
    let top = all_surrogates().map(|surrogate| narrow(&[10], surrogate));
    let thompson = ProgressiveConfig {
        exploration: Exploration::Thompson,
        ..narrow(&[10], mlp())
    };
    for config in top.iter().chain([&thompson]) {
        let expected = course(config);
        for threads in [1, 3] {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            assert_eq!(
                pool.install(|| course(config)),
                expected,
                "{threads} threads, {config:?}"
            );
        }
    }
}

/// One at a time, as a study without batches asks, is the same search as a level at a time.
#[test]
fn how_many_are_outstanding_does_not_matter() {
    let config = narrow(&[10], mlp());
    let (expected, _) = course(&config);
    let mut search = search(3, &config, 7);
    let mut proposals = Vec::new();
    while let Ask::Evaluate(proposal) = search.ask().unwrap() {
        let id = proposals.len() as u64;
        let accuracy = (id % 7 != 3).then(|| landscape(&proposal.architecture));
        proposals.push(proposal.architecture.clone());
        search.tell(&told(id, proposal.architecture, accuracy)).unwrap();
    }
    assert_eq!(proposals, expected);
}

#[test]
fn a_first_level_that_is_too_large_is_drawn_from_and_few_parents_are_expanded() {
    let config = ProgressiveConfig {
        first_level: FirstLevel::AtMost(20),
        parents: Parents::Best(4),
        ..config(&[6], mlp())
    };
    let first = |seed| {
        let mut search = search(2, &config, seed);
        let proposals = run(&mut search, |_, a| Some(landscape(a)));
        assert_eq!(proposals.len(), 26);
        assert_eq!(search.levels()[1].parents, 4);
        let mut best: Vec<f64> = proposals[..20].iter().map(landscape).collect();
        best.sort_by(f64::total_cmp);
        for child in &proposals[20..] {
            let parent = Architecture::new(&child.choices()[..4]);
            assert!(landscape(&parent) >= best[16], "a child of the four best");
        }
        proposals[..20].to_vec()
    };
    assert_eq!(first(1), first(1));
    assert_ne!(first(1), first(2));
}

#[test]
fn exploration_changes_what_is_chosen() {
    let second = |exploration| {
        let config = ProgressiveConfig {
            exploration,
            ..narrow(&[20], mlp())
        };
        run(&mut search(2, &config, 1), |_, a| Some(landscape(a)))[20..].to_vec()
    };
    let top = second(Exploration::Top);
    assert_eq!(second(Exploration::Ucb(0.0)), top);
    assert_ne!(second(Exploration::Ucb(5.0)), top);
    assert_ne!(second(Exploration::Thompson), top);
}

#[test]
fn outcomes_come_in_any_order_each_once_and_none_before_it_was_asked_for() {
    let config = config(&[6], mlp());
    let mut search = search(2, &config, 1);
    assert!(
        search.tell(&told(0, Architecture::new([0; 4]), None)).is_err(),
        "not asked"
    );
    let (Ask::Evaluate(first), Ask::Evaluate(second)) = (search.ask().unwrap(), search.ask().unwrap()) else {
        panic!("level 1 is larger");
    };
    let second = told(1, second.architecture, Some(0.5));
    search.tell(&second).unwrap();
    assert!(search.tell(&second).is_err(), "twice");
    let first = told(0, first.architecture, Some(0.5));
    search.tell(&first).unwrap();
    assert!(search.tell(&first).is_err(), "twice");
}

/// The choices of later levels are also those of the table's cells.
#[test]
fn nas_bench_201_grows_by_nodes() {
    let config = config(&[10, 20], SurrogateConfig::Lstm(quick(NetworkConfig::default())));
    let space: Arc<dyn Space> = Arc::new(nb201());
    let mut search = ProgressiveSearch::new(Arc::clone(&space), config, Seed::new(1)).unwrap();
    let proposals = run(&mut search, |_, a| {
        Some(a.choices().iter().sum::<usize>() as f64 / 24.0)
    });
    let lengths: Vec<usize> = proposals.iter().map(|a| a.choices().len()).collect();
    assert_eq!(lengths, [[1].repeat(5), [3].repeat(10), [6].repeat(20)].concat());
    for proposal in &proposals {
        let full = space.architecture(&space.genotype(proposal).unwrap()).unwrap();
        assert_eq!(full.choices().len(), 6, "every cell is one of the 15,625");
    }
}
