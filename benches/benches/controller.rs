//! What a controller costs: a proposal, and a proposal with what it then learns, on one core.
#![allow(missing_docs, reason = "criterion's macros make undocumented items")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a bench that cannot run has nothing to say"
)]

use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use nas_benches as _;
use nas_rl::{ControllerSearch, RlConfig};
use nas_space::search::{Ask, Evaluation, Fidelity, Outcome, Strategy, Trial, TrialId};
use nas_space::seed::Seed;
use nas_space::spaces::{ChainConfig, ChainSpace, Space, by_name};

fn spaces() -> Vec<(&'static str, Arc<dyn Space>)> {
    let chain = ChainConfig {
        layers: 15,
        ..ChainConfig::default()
    };
    vec![
        ("nb201", by_name("nb201").unwrap()),
        ("nasnet", by_name("nasnet").unwrap()),
        ("chain15", Arc::new(ChainSpace::new(chain).unwrap())),
    ]
}

fn presets() -> [(&'static str, RlConfig); 3] {
    [
        ("small", RlConfig::small_budget()),
        ("nasnet", RlConfig::nasnet_2018()),
        ("zoph-le", RlConfig::zoph_le_2017()),
    ]
}

/// A proposal, its outcome, and a share of an update.
fn trial(search: &mut ControllerSearch, id: TrialId) {
    let Ask::Evaluate(proposal) = search.ask().unwrap() else {
        panic!("a controller neither waits nor ends");
    };
    let evaluation = Evaluation::new((id % 7) as f64 / 7.0, 1);
    let trial = Trial::new(id, proposal.architecture, Fidelity { epochs: 1 }, Seed::new(0));
    let result = Ok(evaluation);
    search.tell(&Outcome { trial, result }).unwrap();
}

fn controllers(c: &mut Criterion) {
    let one_core = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let mut group = c.benchmark_group("controller");
    group.sample_size(20);
    for (space_name, space) in spaces() {
        let decisions = space.decisions().len();
        for (preset, config) in presets() {
            // Whole batches, so that each measurement has its share of updates.
            let batch = config.batch as u64;
            let parameters = format!("{preset}, {decisions} decisions, {batch} trials");
            let mut search = ControllerSearch::new(Arc::clone(&space), config, Seed::new(1)).unwrap();
            let mut id = 0;
            group.bench_function(BenchmarkId::new(space_name, parameters), |b| {
                b.iter(|| {
                    one_core.install(|| {
                        for _ in 0..batch {
                            trial(&mut search, id);
                            id += 1;
                        }
                    });
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, controllers);
criterion_main!(benches);
