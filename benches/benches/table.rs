//! Opening the table of NAS-Bench-201 and looking cells up in it.
#![allow(missing_docs, reason = "criterion's macros make undocumented items")]
#![allow(clippy::unwrap_used, reason = "a bench that cannot run has nothing to say")]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use nas_space::search::{Evaluator, Fidelity, Trial};
use nas_space::seed::Seed;
use nas_tables::{Table, TabularEvaluator, built_in};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn tables(c: &mut Criterion) {
    let mut group = c.benchmark_group("table");
    group.bench_function("open/digits", |b| b.iter(|| built_in("digits").unwrap()));
    lookups(&mut group, "digits", built_in("digits").unwrap());
    let path = std::env::temp_dir().join(format!("bench-{}.nastab", std::process::id()));
    built_in("nb201").unwrap().save(&path).unwrap();
    group.bench_function("open/nb201 built in", |b| b.iter(|| built_in("nb201").unwrap()));
    group.bench_function("open/nb201.nastab", |b| b.iter(|| Table::open(&path).unwrap()));
    lookups(&mut group, "nb201", Table::open(&path).unwrap());
    std::fs::remove_file(path).unwrap();
}

fn lookups(
    group: &mut criterion::BenchmarkGroup<'_, criterion::measurement::WallTime>,
    name: &str,
    table: Table,
) {
    let table = Arc::new(table);
    let mut rng = Seed::new(1).rng();
    let dataset = &table.header().datasets[0];
    let trials: Vec<Trial> = (0..1024)
        .map(|id| Trial {
            id,
            architecture: table.space().sample(&mut rng),
            fidelity: Fidelity {
                epochs: dataset.search_epochs,
            },
            seed: Seed::new(id),
            continues: None,
        })
        .collect();
    let evaluator = TabularEvaluator::new(Arc::clone(&table), &dataset.name).unwrap();
    let mut next = trials.iter().cycle();
    group.bench_function(format!("row/{name}"), |b| {
        b.iter(|| next.next().map(|trial| table.row(black_box(&trial.architecture))));
    });
    group.bench_function(format!("evaluate/{name}"), |b| {
        b.iter(|| next.next().map(|trial| evaluator.evaluate(black_box(trial))));
    });
}

criterion_group!(benches, tables);
criterion_main!(benches);
