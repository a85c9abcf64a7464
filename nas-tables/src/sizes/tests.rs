use nas_space::search::{Direction, Metric};
use nas_space::spaces::{ProductConfig, SpaceConfig};

use super::*;
use crate::header::{Column, DatasetHeader, Encoding, Extra};
use crate::writer::{ColumnData, Draft, RowKeys};
use crate::{TabularEvaluator, built_in};

/// The accuracies of NAS-Bench-201.
fn nb201(dataset: &str) -> TabularEvaluator {
    TabularEvaluator::new(Arc::new(built_in("nb201").unwrap()), dataset).unwrap()
}

fn named(name: &str) -> Quantity {
    Quantity::named(name)
}

/// Sizes and test accuracies in percent of all cells, the smallest first.
fn points(evaluator: &TabularEvaluator, quantity: &Quantity) -> Vec<(f64, f64)> {
    let table = evaluator.table();
    let mut points: Vec<(f64, f64)> = (0..table.header().row_count)
        .map(|row| {
            let architecture = table.architecture(row).unwrap();
            let figures = evaluator.sizes().of(&architecture).unwrap();
            let test = evaluator.test_report(&architecture).unwrap().test_accuracy;
            (figures.get(quantity).unwrap(), 100.0 * test)
        })
        .collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0).then(b.1.total_cmp(&a.1)));
    points
}

/// The best accuracy within each limit in millions, in thousandths of a percent.
fn within(points: &[(f64, f64)], limits: &[f64]) -> Vec<u32> {
    let best = |limit: f64| {
        let within = points.iter().filter(|point| point.0 <= 1e6 * limit);
        within.map(|point| point.1).fold(0.0, f64::max)
    };
    limits
        .iter()
        .map(|&limit| (1000.0 * best(limit)).round() as u32)
        .collect()
}

/// Of the points in this order those that are better than all smaller ones.
fn front(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut front: Vec<(f64, f64)> = Vec::new();
    for &point in points {
        if front.last().is_none_or(|last| point.1 > last.1) {
            front.push(point);
        }
    }
    front
}

const LIMITS: [f64; 6] = [0.1, 0.2, 0.35, 0.5, 0.8, 1.0];

/// The numbers are those of the file, worked out without this crate.
#[test]
fn published_parameters_of_nas_bench_201_stand_beside_the_counted_ones() {
    let evaluator = nb201("cifar10");
    let sizes = evaluator.sizes();
    assert!(sizes.is_counted());
    assert_eq!(sizes.known(), ["params", "macs", "published_params"]);
    let published = points(&evaluator, &named("published_params"));
    assert_eq!(
        within(&published, &LIMITS),
        [86_797, 91_315, 93_397, 93_750, 94_307, 94_343]
    );
    let front_published = front(&published);
    assert_eq!(front_published.len(), 14);
    let last = front_published.last().unwrap();
    assert_eq!((last.0, (1000.0 * last.1).round()), (1_073_470.0, 94_373.0));
    // 27 of 60 random cells above a limit of published parameters are a matter of cells like this
    // one.
    let figures = sizes.of(&Architecture::new([0, 2, 2, 0, 3, 2])).unwrap();
    assert_eq!(figures.params, Some(129_306));
    assert_eq!(figures.get(&named("published_params")), Some(400_346.0));
    // The file knows the parameters of its CIFAR-10 networks alone.
    let sizes = Arc::clone(nb201("cifar100").sizes());
    assert_eq!(sizes.known(), ["params", "macs"]);
}

/// An edge counts where it can be reached from the cell's input and leads to its output.
#[test]
fn counted_parameters_of_nas_bench_201_are_those_of_the_edges_that_matter() {
    let evaluator = nb201("cifar10");
    const EDGES: [(usize, usize); 6] = [(0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3)];
    let table = evaluator.table();
    for row in (0..table.header().row_count).step_by(7) {
        let architecture = table.architecture(row).unwrap();
        let choices = architecture.choices();
        let (mut from, mut to) = ([true, false, false, false], [false, false, false, true]);
        for node in 1..4 {
            from[node] = EDGES
                .iter()
                .zip(choices)
                .any(|(&(a, b), &choice)| b == node && choice != 0 && from[a]);
        }
        for node in (0..3).rev() {
            to[node] = EDGES
                .iter()
                .zip(choices)
                .any(|(&(a, b), &choice)| a == node && choice != 0 && to[b]);
        }
        let live = EDGES.iter().zip(choices).filter(|((a, b), _)| from[*a] && to[*b]);
        let edges: u64 = live.map(|(_, &choice)| [0, 0, 28_000, 243_040, 0][choice]).sum();
        let figures = evaluator.sizes().of(&architecture).unwrap();
        assert_eq!(figures.params, Some(73_306 + edges), "{architecture}");
    }
    let counted = points(&evaluator, &Quantity::Params);
    assert_eq!(
        within(&counted, &LIMITS),
        [87_075, 91_315, 93_500, 93_750, 94_307, 94_343]
    );
    let front = front(&counted);
    let last = front.last().unwrap();
    assert_eq!(
        (front.len(), last.0, (1000.0 * last.1).round()),
        (14, 1_073_466.0, 94_373.0)
    );
}

/// A table of three cells of `space`; `params` and `macs` are its columns.
fn table(space: SpaceConfig, network: bool, params: [Option<f64>; 3], macs: [Option<f64>; 3]) -> Arc<Table> {
    let column = |figure, epochs, encoding, values: [Option<f64>; 3]| ColumnData {
        column: Column {
            figure,
            dataset: Some(0),
            epochs,
            seed: None,
            extra: None,
            encoding,
        },
        values: values.to_vec(),
    };
    let extra = |number, values: [Option<f64>; 3]| {
        let mut data = column(Figure::Extra, None, Encoding::F64, values);
        data.column.extra = Some(number);
        data
    };
    let accuracies = [Some(0.5), Some(0.6), Some(0.7)];
    let draft = Draft {
        name: "three".to_owned(),
        origin: "a test".to_owned(),
        space,
        keys: RowKeys::Architectures((0..3).map(|choice| Architecture::new([choice])).collect()),
        datasets: vec![DatasetHeader {
            name: "cifar10".to_owned(),
            network: network.then(|| crate::Nb201Dataset::Cifar10.network()),
            search_epochs: 1,
            report_epochs: 1,
            train_images: None,
            valid_is_test: false,
            metric: Metric::default(),
            test_is_valid: false,
        }],
        extras: [("latency", Direction::Lower), ("score", Direction::Higher)]
            .map(|(name, direction)| Extra {
                name: name.to_owned(),
                unit: None,
                direction,
            })
            .to_vec(),
        columns: vec![
            extra(0, [Some(-1.5), Some(0.0), Some(2.5)]),
            extra(1, [Some(1.0), None, None]),
            column(Figure::Valid, Some(1), Encoding::F64, accuracies),
            column(Figure::Test, Some(1), Encoding::F64, accuracies),
            column(Figure::Params, None, Encoding::U32, params),
            column(Figure::Macs, None, Encoding::U64, macs),
        ],
    };
    Arc::new(draft.table().unwrap())
}

fn product() -> SpaceConfig {
    let decisions = vec![nas_space::arch::Decision::new("layer1", "block", ["a", "b", "c"])];
    SpaceConfig::Product(ProductConfig {
        name: "three".to_owned(),
        decisions,
    })
}

#[test]
fn where_there_are_no_networks_the_columns_are_the_sizes_and_have_to_be_whole() {
    let macs = [Some(5.0), None, Some(7.0)];
    let table = table(product(), false, [Some(1.0), Some(2.0), Some(3.0)], macs);
    let evaluator = TabularEvaluator::new(table, "cifar10").unwrap();
    let sizes = evaluator.sizes();
    assert!(!sizes.is_counted());
    assert_eq!(sizes.known(), ["params", "latency"]);
    assert_eq!(sizes.names().collect::<Vec<_>>(), ["latency", "score"]);
    assert_eq!(sizes.direction("score"), Some(Direction::Higher));
    let figures = sizes.of(&Architecture::new([1])).unwrap();
    assert_eq!((figures.params, figures.macs), (Some(2), None));
    assert_eq!(figures.named, [("latency".to_owned(), 0.0)].into());
    let partly = sizes.check(&Quantity::Macs).unwrap_err().to_string();
    assert!(
        partly.contains("2 of its 3 rows") && partly.contains("'macs'"),
        "{partly}"
    );
    let few = sizes.check(&named("score")).unwrap_err().to_string();
    assert!(few.contains("1 of its 3 rows"), "{few}");
    let none = sizes.check(&named("energy")).unwrap_err().to_string();
    assert!(
        none.contains("no such column") && none.ends_with("params, latency"),
        "{none}"
    );
}

#[test]
fn a_table_that_has_counted_the_same_networks_publishes_nothing_else() {
    let table = Arc::new(built_in("digits").unwrap());
    let evaluator = TabularEvaluator::new(table, "digits").unwrap();
    assert!(evaluator.sizes().is_counted());
    assert_eq!(evaluator.sizes().known(), ["params", "macs"]);
}
