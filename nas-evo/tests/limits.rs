//! No method of this crate leaves the limits it was given.

#![expect(clippy::unwrap_used, reason = "functions beside tests")]

use std::sync::Arc;

use nas_evo::{
    EvoError, EvolutionConfig, LocalSearch, Nsga2, Nsga2Config, RandomSearch, RandomSearchConfig,
    RegularizedEvolution,
};
use nas_space::arch::Architecture;
use nas_space::device::DeviceSizes;
use nas_space::limits::{LimitedSpace, Limits};
use nas_space::network::NetworkConfig;
use nas_space::search::{Ask, Evaluation, Fidelity, Outcome, Strategy, Trial};
use nas_space::seed::Seed;
use nas_space::sizes::{Counted, Sizes};
use nas_space::spaces::{Space, nb201};

fn network() -> NetworkConfig {
    NetworkConfig {
        channels: 2,
        cells: 1,
        ..NetworkConfig::default()
    }
}

fn params(architecture: &Architecture) -> u64 {
    let network = nb201().network(architecture, &network());
    network.unwrap().cost().params
}

/// What a cell with one convolution of 1×1 on its edge from start to end takes: about a seventh of
/// the 15,625 are within.
fn limit() -> u64 {
    params(&Architecture::new([1, 1, 1, 2, 1, 1]))
}

fn sizes() -> Arc<dyn Sizes> {
    Arc::new(Counted::new(Arc::new(nb201()), network()).unwrap())
}

fn space() -> Arc<dyn Space> {
    let limits = Limits {
        max_params: Some(limit()),
        ..Limits::default()
    };
    Arc::new(LimitedSpace::new(Arc::new(nb201()), sizes(), limits).unwrap())
}

/// What is proposed in up to so many trials, each of which is the better the larger it is.
fn proposals(strategy: &mut dyn Strategy, trials: u64) -> Vec<Architecture> {
    let mut proposals = Vec::new();
    for id in 0..trials {
        let Ask::Evaluate(proposal) = strategy.ask().unwrap() else {
            break;
        };
        let architecture = proposal.architecture;
        let evaluation = Evaluation::new(params(&architecture) as f64 / 1e6, 1);
        let trial = Trial::new(id, architecture.clone(), Fidelity { epochs: 1 }, Seed::new(id));
        let result = Ok(evaluation);
        strategy.tell(&Outcome { trial, result }).unwrap();
        proposals.push(architecture);
    }
    proposals
}

#[test]
fn no_method_leaves_the_limits_though_accuracy_lies_beyond() {
    let seed = Seed::new(1);
    let boxed: [Result<Box<dyn Strategy>, EvoError>; 5] = [
        RandomSearch::new(space(), RandomSearchConfig::default(), seed).map(|s| Box::new(s) as _),
        RegularizedEvolution::new(space(), EvolutionConfig::NATS_BENCH, seed).map(|s| Box::new(s) as _),
        RegularizedEvolution::new(space(), EvolutionConfig::HIERARCHICAL, seed).map(|s| Box::new(s) as _),
        LocalSearch::new(space(), seed).map(|s| Box::new(s) as _),
        Nsga2::new(space(), Nsga2Config::small(), sizes(), seed).map(|s| Box::new(s) as _),
    ];
    for strategy in boxed {
        let mut strategy = strategy.unwrap();
        let proposals = proposals(&mut *strategy, 300);
        assert_eq!(proposals.len(), 300, "{}", strategy.name());
        for architecture in proposals {
            let params = params(&architecture);
            assert!(
                params <= limit(),
                "{}: {architecture} has {params}",
                strategy.name()
            );
        }
    }
}

/// What networks need on a device is limited and weighed by its name, like any other figure.
#[test]
fn memory_is_limited_and_weighed_by_name() {
    let counted = Counted::new(Arc::new(nb201()), network()).unwrap();
    let needs = DeviceSizes::new(sizes(), counted, ["memory", "flash"]);
    let sizes: Arc<dyn Sizes> = Arc::new(needs);
    // A map of two channels has 2,048 bytes, the image 3,072. Some cells need three maps, some two
    // and the image.
    let limit = 5_120.0;
    let limits = Limits {
        max: [("memory".to_owned(), limit)].into(),
        ..Limits::default()
    };
    let space: Arc<dyn Space> =
        Arc::new(LimitedSpace::new(Arc::new(nb201()), Arc::clone(&sizes), limits).unwrap());
    let config = Nsga2Config {
        objectives: vec!["accuracy".parse().unwrap(), "flash".parse().unwrap()],
        ..Nsga2Config::small()
    };
    let mut strategy = Nsga2::new(space, config, Arc::clone(&sizes), Seed::new(3)).unwrap();
    let proposals = proposals(&mut strategy, 200);
    assert_eq!(proposals.len(), 200);
    let memory = |architecture: &Architecture| sizes.of(architecture).unwrap().named["memory"];
    assert!(proposals.iter().all(|architecture| memory(architecture) <= limit));
    // There are cells beyond.
    assert!(memory(&Architecture::new([3; 6])) > limit);
}
