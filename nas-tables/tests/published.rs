//! Published files become tables by a mapping alone. They are not part of this repository: where
//! they are not there, a test says so and passes.
#![expect(
    clippy::unwrap_used,
    reason = "clippy.toml lets tests do so, but not the functions beside them"
)]
#![expect(clippy::print_stderr, reason = "a test says that it has nothing to test")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use nas_space::arch::Architecture;
use nas_space::spaces::nb201_by_index;
use nas_tables::import::{Mapping, csv};
use nas_tables::{Table, TabularEvaluator, built_in, size_mismatches};

/// A file of published figures, if it is there.
fn published(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../shared/data")
        .join(name);
    if !path.is_file() {
        eprintln!("{name} is not there: nothing to test");
        return None;
    }
    Some(path)
}

fn mapping(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/mappings")
        .join(name);
    std::fs::read_to_string(path).unwrap()
}

fn imported(file: &Path, mapping: &str) -> Result<Arc<Table>, String> {
    let mapping: Mapping = toml::from_str(mapping).map_err(|error| error.to_string())?;
    let table = csv::import(file, mapping).map_err(|error| error.to_string())?;
    Ok(Arc::new(table))
}

fn on(table: &Arc<Table>, dataset: &str) -> TabularEvaluator {
    TabularEvaluator::new(Arc::clone(table), dataset).unwrap()
}

/// Spearman's rank correlation; equal numbers share the mean of their ranks.
fn rank_correlation(pairs: &[(f64, f64)]) -> f64 {
    let ranks = |numbers: Vec<f64>| -> Vec<f64> {
        let below = |number: f64| numbers.iter().filter(|&&other| other < number).count();
        let equal = |number: f64| numbers.iter().filter(|&&other| other == number).count();
        let rank = |&number: &f64| below(number) as f64 + (equal(number) as f64 - 1.0) / 2.0;
        numbers.iter().map(rank).collect()
    };
    let one = ranks(pairs.iter().map(|pair| pair.0).collect());
    let other = ranks(pairs.iter().map(|pair| pair.1).collect());
    let mean = (pairs.len() as f64 - 1.0) / 2.0;
    let products =
        |a: &[f64], b: &[f64]| -> f64 { a.iter().zip(b).map(|(a, b)| (a - mean) * (b - mean)).sum() };
    products(&one, &other) / (products(&one, &one) * products(&other, &other)).sqrt()
}

#[test]
fn tuples_of_naslib_are_the_cells_that_the_benchmark_trained() {
    let Some(file) = published("other_benchmarks/nb201_zc13_725.csv.gz") else {
        return;
    };
    let text = mapping("nb201_naslib.toml");
    let table = imported(&file, &text).unwrap();
    let official = Arc::new(built_in("nb201").unwrap());
    for (dataset, rows) in [("cifar10", 725), ("cifar100", 725), ("imagenet16-120", 724)] {
        let evaluator = on(&table, dataset);
        assert_eq!(evaluator.valid_accuracies().len(), rows);
        let known = on(&official, dataset);
        let pairs: Vec<(f64, f64)> = (0..table.len() as u32)
            .filter_map(|row| {
                let cell = table.architecture(row)?;
                let here = evaluator.test_report(&cell).ok()?.test_accuracy;
                Some((here, known.test_report(&cell).ok()?.test_accuracy))
            })
            .collect();
        // The edges in the benchmark's own order give 0.71 to 0.76.
        let correlation = rank_correlation(&pairs);
        assert!(correlation > 0.97, "{dataset}: {correlation}");
        assert!(evaluator.extras().any(|extra| extra.name == "nwot"));
    }
    assert_eq!(size_mismatches(&table), []);

    // With the numbers in the order of the benchmark the sizes show that something is wrong, and
    // what.
    let plain: String = text
        .lines()
        .filter(|line| !line.starts_with("options"))
        .map(|line| format!("{line}\n"))
        .collect();
    let wrong = imported(&file, &plain).unwrap();
    let mismatches = size_mismatches(&wrong);
    assert_eq!(mismatches.len(), 3);
    for mismatch in mismatches {
        assert!(mismatch.differing * 2 > mismatch.compared, "{mismatch:?}");
        assert!(mismatch.fits_naslib, "{mismatch:?}");
    }
}

#[test]
fn the_official_table_is_the_same_by_numbers_and_by_operations() {
    let Some(file) = published("nb201/nb201_acc.csv.gz") else {
        return;
    };
    let by_index = imported(&file, &mapping("nb201_by_index.toml")).unwrap();
    assert!(by_index.is_complete());
    assert_eq!(size_mismatches(&by_index), []);
    let by_operations = Arc::new(Table::open(&file).unwrap());
    let (one, other) = (on(&by_index, "cifar10"), on(&by_operations, "cifar10"));
    assert_eq!(one.valid_accuracies(), other.valid_accuracies());
    assert_eq!(one.test_accuracies(), other.test_accuracies());
    assert_eq!(
        one.extra_figures("published_params"),
        other.extra_figures("published_params")
    );
}

#[test]
fn every_official_number_is_that_of_the_published_list() {
    let Some(file) = published("nb201/nb201_arch_strings.txt.gz") else {
        return;
    };
    let mut text = String::new();
    std::io::Read::read_to_string(
        &mut flate2::read::MultiGzDecoder::new(std::fs::File::open(file).unwrap()),
        &mut text,
    )
    .unwrap();
    let space = nas_space::spaces::by_name("nb201").unwrap();
    assert_eq!(text.lines().count(), 15_625);
    for (index, line) in text.lines().enumerate() {
        let cell = nb201_by_index(index).unwrap();
        assert_eq!(space.genotype(&cell).unwrap().to_string(), line, "{index}");
    }
}

#[test]
fn proxies_and_latencies_come_along_by_official_numbers() {
    let (Some(proxies), Some(latencies)) = (
        published("nb201/nb201_proxies.csv.gz"),
        published("nb201/nb201_latency_help_ms.csv.gz"),
    ) else {
        return;
    };
    let table = imported(&proxies, &mapping("nb201_proxies.toml")).unwrap();
    let first = nb201_by_index(0).unwrap();
    assert_eq!(on(&table, "cifar10").extra("synflow", &first), Some(2.01819e26));
    assert_eq!(on(&table, "cifar10").metric().name(), "naswot");
    // This one has no figure of the kind.
    assert!(
        on(&table, "imagenet16-120")
            .extras()
            .all(|extra| extra.name != "nregions")
    );

    let table = imported(&latencies, &mapping("nb201_latency.toml")).unwrap();
    let evaluator = on(&table, "pixel3");
    assert_eq!(evaluator.extras().count(), 26);
    assert_eq!(evaluator.extra("raspi4", &first), Some(10.482));
    let report = evaluator.test_report(&first).unwrap();
    assert_eq!(evaluator.metric().value(report.test_accuracy), 3.60585);
    // The best is the one of least latency.
    let best = evaluator.metric().value(evaluator.best_test().unwrap());
    let values = evaluator.test_accuracies();
    assert!(
        values
            .iter()
            .all(|&score| evaluator.metric().value(score) >= best)
    );
}

#[test]
fn trans_nas_bench_has_a_metric_for_each_task() {
    for (file, name, rows, best) in [
        (
            "other_benchmarks/tnb101_micro_711x7tasks.csv.gz",
            "tnb101_micro.toml",
            711,
            0.547_969_7,
        ),
        (
            "other_benchmarks/tnb101_macro_662x7tasks.csv.gz",
            "tnb101_macro.toml",
            662,
            0.569_118_2,
        ),
    ] {
        let Some(file) = published(file) else {
            return;
        };
        let table = imported(&file, &mapping(name)).unwrap();
        let scene = on(&table, "class_scene");
        assert_eq!(scene.valid_accuracies().len(), rows);
        assert!(
            (scene.best_test().unwrap() - best).abs() < 1e-6,
            "{:?}",
            scene.best_test()
        );
        let layout = on(&table, "room_layout");
        assert_eq!(layout.metric().name(), "negative loss");
        assert!(layout.best_test().unwrap() < 0.0);
        assert_eq!(table.header().datasets.len(), 7);
        assert!(
            table
                .header()
                .datasets
                .iter()
                .all(|dataset| dataset.is_one_figure())
        );
    }
}

#[test]
fn numbers_of_graph_networks_get_their_leading_zeros_back() {
    for (name, rows, best) in [("cora", 26_206, 0.8313), ("proteins", 2_021, 0.0)] {
        let Some(file) = published(&format!("other_benchmarks/nas_bench_graph/{name}.csv.gz")) else {
            return;
        };
        let table = imported(&file, &mapping("nas_bench_graph.toml")).unwrap();
        assert_eq!(table.len(), rows);
        let evaluator = on(&table, "graph");
        assert!((evaluator.best_test().unwrap() - best).abs() < 1e-3 || name != "cora");
        let latency = evaluator.extras().next().unwrap();
        assert_eq!(
            (latency.name.as_str(), latency.unit.as_deref()),
            ("latency", Some("s"))
        );
        if name == "cora" {
            assert_eq!(
                evaluator.extra("latency", &Architecture::new([0; 5])),
                Some(0.005_922_238)
            );
        }
    }
}

#[test]
fn cells_of_the_darts_space_are_read_as_others_write_them() {
    for (file, name, rows, best) in [
        (
            "darts_space/antoyang_214_random_darts_cells_cifar10.csv.gz",
            "darts_random.toml",
            214,
            0.9756,
        ),
        (
            "darts_space/nb301_darts_zc13_725.csv.gz",
            "nb301_naslib.toml",
            725,
            0.9449,
        ),
    ] {
        let Some(file) = published(file) else {
            return;
        };
        let table = imported(&file, &mapping(name)).unwrap();
        assert_eq!(table.len(), rows);
        let evaluator = on(&table, "cifar10");
        assert!(evaluator.dataset().is_one_figure());
        assert_eq!(evaluator.valid_accuracies(), evaluator.test_accuracies());
        assert!(
            (evaluator.best_test().unwrap() - best).abs() < 5e-5,
            "{:?}",
            evaluator.best_test()
        );
    }
}
