use nas_space::search::{Continued, Fidelity};
use nas_space::spaces::{CustomConfig, SpaceConfig};

use super::*;
use crate::header::{Column, Encoding, Figure};
use crate::writer::{ColumnData, Draft, RowKeys};
use crate::{Nb201Dataset, Nb201Table, SEARCH_EPOCHS};

/// The table of a complete CSV of NAS-Bench-201 in which every cell has this validation accuracy,
/// in percent.
fn nb201(accuracy: u32) -> TabularEvaluator {
    let mut text =
        "ops6,c10_valid12,c10_test200,c100_valid12,c100_test200,in16_valid12,in16_test200,params_c10_M\n"
            .to_owned();
    for cell in Nb201Table::cells() {
        let ops: String = cell.iter().map(u8::to_string).collect();
        text += &format!("{ops},{accuracy},2,3,4,5,6,0.25\n");
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("table.csv");
    std::fs::write(&path, text).unwrap();
    TabularEvaluator::new(Arc::new(Table::open(&path).unwrap()), "cifar10").unwrap()
}

fn trial(choices: &[usize], epochs: u32, seed: u64) -> Trial {
    Trial::new(
        0,
        Architecture::new(choices),
        Fidelity { epochs },
        Seed::new(seed),
    )
}

#[test]
fn the_description_identifies_the_table() {
    let description = nb201(50).description();
    assert_eq!(description, nb201(50).description());
    assert_ne!(description, nb201(51).description());
    // What studies of earlier versions have on record.
    let fingerprint = nb201(50).table().identity().to_owned();
    assert_eq!(
        description,
        format!("NAS-Bench-201 table {fingerprint}, cifar10, validation after 12 epochs")
    );
    assert_eq!(fingerprint.len(), 16);
}

#[test]
fn test_figures_are_whole_parts_of_the_test_images_where_they_are_counts() {
    assert_eq!(nb201(50).test_images(), None, "percentages of means");
    let digits = Arc::new(crate::built_in("digits").unwrap());
    let dataset = digits.header().datasets[0].name.clone();
    let evaluator = TabularEvaluator::new(digits, &dataset).unwrap();
    let images = evaluator.test_images().unwrap();
    assert_eq!(images % 359, 0);
    for accuracy in evaluator.test_accuracies() {
        let count = accuracy * images as f64;
        assert!((count - count.round()).abs() < 1e-9, "{accuracy}");
    }
}

#[test]
fn one_number_of_epochs_answers_for_all_and_a_grown_cell_is_the_one_it_stands_for() {
    let evaluator = nb201(50);
    let evaluation = evaluator.evaluate(&trial(&[0; 6], 99, 1)).unwrap();
    assert_eq!(
        (evaluation.epochs, evaluation.valid_accuracy),
        (SEARCH_EPOCHS, 0.5)
    );
    // What the file says of the size is another figure than the size of the network.
    assert_eq!((evaluation.params, evaluation.cost_seconds), (Some(73_306), 0.0));
    assert_eq!(evaluation.figures.get("published_params"), Some(&250_000.0));
    assert_eq!(
        evaluator.evaluate(&trial(&[3], 12, 1)).unwrap().valid_accuracy,
        0.5
    );
    assert_eq!(evaluator.best_test(), Some(0.02));
    let failure = evaluator.evaluate(&trial(&[9; 6], 12, 1)).unwrap_err();
    assert_eq!(failure.kind, FailureKind::Invalid);
    assert_eq!(evaluator.dataset().network, Some(Nb201Dataset::Cifar10.network()));
}

/// A table of three repeats after 1 and 3 epochs of a space of three cells. The first one failed
/// with seed 1, the last one with every seed.
fn repeated() -> Arc<Table> {
    let column = |figure, epochs, seed, values: [Option<f64>; 3]| ColumnData {
        column: Column {
            figure,
            dataset: Some(0),
            epochs: Some(epochs),
            seed: Some(seed),
            extra: None,
            encoding: Encoding::F64,
        },
        values: values.to_vec(),
    };
    let mut columns = Vec::new();
    for seed in 0..3 {
        let plus = seed as f64 / 100.0;
        let lost = |value: f64| (seed != 1).then_some(value + plus);
        columns.push(column(
            Figure::Valid,
            1,
            seed,
            [lost(0.2), Some(0.3 + plus), None],
        ));
        columns.push(column(
            Figure::Valid,
            3,
            seed,
            [lost(0.5), Some(0.6 + plus), None],
        ));
        columns.push(column(Figure::Test, 3, seed, [lost(0.4), Some(0.7 + plus), None]));
        columns.push(column(
            Figure::Seconds,
            1,
            seed,
            [lost(1.0), Some(2.0 + plus), None],
        ));
        columns.push(column(
            Figure::Seconds,
            3,
            seed,
            [lost(3.0), Some(6.0 + plus), None],
        ));
    }
    let space = CustomConfig::from_toml(
        "name = 'three'\nskeleton = 'nb201'\noperations = ['none', 'skip_connect', 'nor_conv_3x3']\nnodes = 1",
    );
    let draft = Draft {
        name: "three".to_owned(),
        origin: String::new(),
        space: SpaceConfig::Custom(space.unwrap()),
        keys: RowKeys::Architectures([[0], [1], [2]].map(Architecture::new).to_vec()),
        datasets: vec![DatasetHeader {
            name: "data".to_owned(),
            network: None,
            search_epochs: 3,
            report_epochs: 3,
            train_images: None,
            valid_is_test: false,
            test_is_valid: false,
            metric: Metric::default(),
        }],
        extras: Vec::new(),
        columns,
    };
    Arc::new(draft.table().unwrap())
}

#[test]
fn a_trial_sees_the_repeat_that_its_seed_draws_and_costs_what_that_one_cost() {
    let evaluator = TabularEvaluator::new(repeated(), "data").unwrap();
    let mut seen = std::collections::BTreeMap::new();
    for seed in 0..300 {
        let evaluation = evaluator.evaluate(&trial(&[1], 3, seed)).unwrap();
        assert_eq!(evaluator.evaluate(&trial(&[1], 3, seed)).unwrap(), evaluation);
        let percent = (evaluation.valid_accuracy * 100.0).round() as u32;
        assert!((evaluation.cost_seconds - 6.0 - f64::from(percent - 60) / 100.0).abs() < 1e-9);
        *seen.entry(percent).or_insert(0) += 1;
        // The one that failed is never drawn.
        let other = evaluator.evaluate(&trial(&[0], 3, seed)).unwrap();
        assert!((other.valid_accuracy - 0.51).abs() > 0.005);
    }
    assert_eq!(seen.keys().copied().collect::<Vec<_>>(), [60, 61, 62]);
    assert!(seen.values().all(|&count| count > 60), "{seen:?}");
    let report = evaluator.test_report(&Architecture::new([1])).unwrap();
    assert!((report.test_accuracy - 0.71).abs() < 1e-12, "the mean of three");
    let report = evaluator.test_report(&Architecture::new([0])).unwrap();
    assert!((report.test_accuracy - 0.41).abs() < 1e-12, "the mean of two");
    assert!((evaluator.best_test().unwrap() - 0.71).abs() < 1e-12);
    assert_eq!((evaluator.repeats(), evaluator.has_seconds()), (3, true));
}

#[test]
fn a_trial_that_continues_another_costs_what_it_adds() {
    let evaluator = TabularEvaluator::new(repeated(), "data").unwrap();
    let first = evaluator.evaluate(&trial(&[1], 1, 5)).unwrap();
    let whole = evaluator.evaluate(&trial(&[1], 3, 5)).unwrap();
    let continued = evaluator
        .evaluate(&Trial {
            continues: Some(Continued { trial: 0, epochs: 1 }),
            ..trial(&[1], 3, 5)
        })
        .unwrap();
    assert_eq!(continued.valid_accuracy, whole.valid_accuracy);
    assert!((first.cost_seconds + continued.cost_seconds - whole.cost_seconds).abs() < 1e-9);
}

#[test]
fn trials_of_other_epochs_are_described_as_such_and_rungs_show_one_repeat() {
    let evaluator = TabularEvaluator::new(repeated(), "data").unwrap();
    let of = |epochs: &[u32]| evaluator.clone().with_epochs(epochs);
    assert!(evaluator.description().ends_with("validation after 3 epochs"));
    let one = of(&[1]).unwrap();
    assert!(one.description().ends_with("validation after 1 epoch"));
    assert!(one.valid_accuracies().iter().all(|&accuracy| accuracy < 0.35));
    let both = of(&[3, 1]).unwrap();
    assert_eq!(both.epochs(), [1, 3]);
    assert!(both.description().ends_with("validation after 1, 3 epochs"));
    assert!(both.has_trial_seconds());
    for seed in 0..50 {
        let first = both.evaluate(&trial(&[1], 1, seed)).unwrap();
        let promoted = both
            .evaluate(&Trial {
                continues: Some(Continued { trial: 0, epochs: 1 }),
                ..trial(&[1], 3, seed)
            })
            .unwrap();
        assert!((promoted.valid_accuracy - first.valid_accuracy - 0.3).abs() < 1e-9);
        assert!((promoted.cost_seconds - 4.0).abs() < 1e-9, "what it adds");
    }
    let error = of(&[1, 2]).unwrap_err().to_string();
    assert!(
        error.contains("after 2 epochs on data; it has them after 1, 3 epochs"),
        "{error}"
    );
    assert!(matches!(of(&[]), Err(TableError::NoEpochs)));
}

#[test]
fn what_the_table_does_not_have_is_a_failure_with_the_reason() {
    let evaluator = TabularEvaluator::new(repeated(), "data").unwrap();
    let failure = evaluator.evaluate(&trial(&[1], 2, 0)).unwrap_err();
    assert_eq!(failure.kind, FailureKind::Invalid);
    assert!(failure.message.contains("it has them after 1, 3"), "{failure}");
    assert!(evaluator.check_epochs(3).is_ok() && evaluator.check_epochs(2).is_err());
    let failure = evaluator.evaluate(&trial(&[2], 3, 0)).unwrap_err();
    assert_eq!(failure.kind, FailureKind::Other);
    assert!(failure.message.contains("its training failed"), "{failure}");
    assert!(evaluator.test_report(&Architecture::new([2])).is_err());
    let error = TabularEvaluator::new(repeated(), "date").unwrap_err().to_string();
    assert_eq!(error, "the table has no data set 'date'; it has: data");
}

#[test]
fn strategies_are_shown_no_more_than_the_table_knows() {
    let all = repeated();
    assert!(all.is_complete());
    assert_eq!(all.known_space().name(), "three");
    // Three of 15,625 cells: two that differ in one choice, and one that differs from both in more.
    let cells = [[0, 0, 0, 1, 0, 0], [0, 0, 0, 2, 0, 0], [3, 3, 3, 3, 3, 3]].map(Architecture::new);
    let column = |figure| ColumnData {
        column: Column {
            figure,
            dataset: Some(0),
            epochs: Some(1),
            seed: None,
            extra: None,
            encoding: Encoding::F32,
        },
        values: vec![Some(0.5); 3],
    };
    let draft = Draft {
        name: "part".to_owned(),
        origin: String::new(),
        space: SpaceConfig::Nb201 {},
        keys: RowKeys::Architectures(cells.to_vec()),
        datasets: vec![DatasetHeader {
            name: "data".to_owned(),
            network: None,
            search_epochs: 1,
            report_epochs: 1,
            train_images: None,
            valid_is_test: false,
            test_is_valid: false,
            metric: Metric::default(),
        }],
        extras: Vec::new(),
        columns: vec![column(Figure::Valid), column(Figure::Test)],
    };
    let space = Arc::new(draft.table().unwrap()).known_space();
    let mut rng = Seed::new(1).rng();
    let mut drawn = std::collections::BTreeSet::new();
    for _ in 0..100 {
        let architecture = space.sample(&mut rng);
        space.validate(&architecture).unwrap();
        drawn.insert(architecture);
    }
    assert_eq!(drawn.into_iter().collect::<Vec<_>>(), cells);
    assert_eq!(space.mutate(&cells[0], &mut rng).unwrap(), cells[1]);
    assert_eq!(space.neighbours(&cells[1]).unwrap(), [cells[0].clone()]);
    assert!(space.mutate(&cells[2], &mut rng).is_err(), "it has no neighbour");
    assert!(space.validate(&Architecture::new([0; 6])).is_err());
    assert!(space.growth().is_none());
    let part = space.part().unwrap();
    assert_eq!(part.members().unwrap(), cells);
    for (beginning, expected) in [
        (&[][..], true),
        (&[0, 0, 0], true),
        (&[0, 0, 0, 1], true),
        (&[0, 0, 0, 2, 0, 0], true),
        (&[0, 0, 0, 3], false),
        (&[0, 0, 0, 1, 1], false),
        (&[1], false),
        (&[3, 3, 3, 3, 3], true),
        (&[4], false),
        (&[7], false),
        (&[3; 7], false),
    ] {
        assert_eq!(part.can_begin(beginning, 6), expected, "{beginning:?}");
    }
}
