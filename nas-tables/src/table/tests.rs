use nas_space::arch::Decision;
use nas_space::search::{Direction, Evaluator, Metric, Scale};
use nas_space::spaces::{ProductConfig, SpaceConfig};
use proptest::prelude::*;

use super::*;
use crate::TabularEvaluator;
use crate::header::DatasetHeader;
use crate::preamble::assemble;
use crate::writer::{ColumnData, Draft, RowKeys};

/// Two decisions, of two and three options.
fn space() -> SpaceConfig {
    SpaceConfig::Product(ProductConfig {
        name: "sizes".to_owned(),
        decisions: vec![
            Decision::new("width", "width", ["8", "16"]),
            Decision::new("depth", "depth", ["1", "2", "3"]),
        ],
    })
}

fn column(figure: Figure, encoding: Encoding, values: Vec<Option<f64>>) -> ColumnData {
    let of_training = !matches!(figure, Figure::Params | Figure::Macs);
    ColumnData {
        column: Column {
            figure,
            dataset: of_training.then_some(0),
            epochs: of_training.then_some(3),
            seed: None,
            extra: None,
            encoding,
        },
        values,
    }
}

/// A table of these architectures: number i has validation accuracy i of 100 images.
fn draft(keys: RowKeys, rows: usize) -> Draft {
    let share = |row: usize| row as f64 / 100.0;
    Draft {
        name: "small".to_owned(),
        origin: "a test".to_owned(),
        space: space(),
        keys,
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
        columns: vec![
            column(
                Figure::Valid,
                Encoding::Hits(100),
                (0..rows).map(|row| Some(share(row))).collect(),
            ),
            column(
                Figure::Test,
                Encoding::F64,
                (0..rows).map(|row| Some(share(row) + 0.005)).collect(),
            ),
            column(
                Figure::Seconds,
                Encoding::F32,
                (0..rows).map(|row| (row != 1).then_some(row as f64)).collect(),
            ),
            column(
                Figure::Params,
                Encoding::U32,
                (0..rows).map(|row| Some(1000.0 + row as f64)).collect(),
            ),
            column(
                Figure::Macs,
                Encoding::U64,
                (0..rows).map(|row| (row != 1).then_some(5e9)).collect(),
            ),
        ],
    }
}

fn architectures(choices: &[[usize; 2]]) -> RowKeys {
    RowKeys::Architectures(
        choices
            .iter()
            .map(|&choices| Architecture::new(choices))
            .collect(),
    )
}

fn listed() -> Table {
    draft(architectures(&[[1, 2], [0, 1], [1, 0]]), 3)
        .table()
        .unwrap()
}

#[test]
fn a_table_of_some_architectures_finds_these_and_no_others() {
    let table = listed();
    assert_eq!(
        (table.header().rows, table.len(), table.is_complete()),
        (Rows::Listed, 3, false)
    );
    // In lexicographic order, whatever the order they were given in.
    for (row, choices, valid) in [(0, [0, 1], 0.01), (1, [1, 0], 0.02), (2, [1, 2], 0.0)] {
        let architecture = Architecture::new(choices);
        assert_eq!(table.row(&architecture), Some(row));
        assert_eq!(table.architecture(row), Some(architecture));
        assert_eq!(table.figure(0, row), Some(valid));
    }
    for unknown in [&[0, 0][..], &[1, 1], &[1, 3], &[2, 0], &[1], &[1, 2, 0]] {
        assert_eq!(table.row(&Architecture::new(unknown)), None, "{unknown:?}");
    }
    assert_eq!(table.architecture(3), None);
    assert_eq!(table.figure(0, 3), None);
    assert_eq!(table.figure(9, 0), None);
    // What is missing, in every encoding that can say so.
    assert_eq!((table.figure(2, 0), table.count(4, 0)), (None, None));
    assert_eq!(
        (table.figure(2, 2), table.count(4, 2)),
        (Some(0.0), Some(5_000_000_000))
    );
    assert_eq!(table.count(3, 1), Some(1002));
}

#[test]
fn a_table_of_all_architectures_needs_no_list_and_one_with_shared_rows_a_number_for_each() {
    let all: Vec<[usize; 2]> = (0..2).flat_map(|a| (0..3).map(move |b| [a, b])).collect();
    let table = draft(architectures(&all), 6).table().unwrap();
    assert_eq!((table.header().rows, table.is_complete()), (Rows::Every, true));
    assert_eq!(table.row(&Architecture::new([1, 1])), Some(4));
    assert_eq!(table.architecture(4), Some(Architecture::new([1, 1])));
    let row_of = vec![0, 1, 0, NO_ROW, 1, 1];
    let table = draft(RowKeys::Shared { row_of, rows: 2 }, 2).table().unwrap();
    assert!(!table.is_complete());
    assert_eq!(table.row(&Architecture::new([0, 2])), Some(0));
    assert_eq!(table.row(&Architecture::new([1, 0])), None);
    assert_eq!(table.row(&Architecture::new([1, 2])), Some(1));
    assert_eq!(table.architecture(1), Some(Architecture::new([0, 1])));
}

#[test]
fn a_draft_of_no_rows_or_of_more_than_can_be_numbered_is_refused() {
    for rows in [0, NO_ROW as usize, usize::MAX] {
        let row_of = vec![0; 6];
        let error = draft(RowKeys::Shared { row_of, rows }, 0).table().unwrap_err();
        let expected = format!("there are {rows} rows; expected 1 to 4294967294");
        assert!(error.to_string().contains(&expected), "{error}");
    }
}

#[test]
fn a_saved_table_is_read_back_from_its_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t.nastab");
    let table = listed();
    table.save(&path).unwrap();
    let read = Table::open(&path).unwrap();
    assert_eq!(read.bytes(), table.bytes());
    assert_eq!(
        (read.identity(), read.header()),
        (table.identity(), table.header())
    );
    assert!(matches!(
        Table::open(dir.path().join("none")),
        Err(TableError::File(_))
    ));
}

#[test]
fn figures_that_make_no_table_are_refused() {
    type Spoil = fn(&mut Draft);
    let cases: [(Spoil, &str); 8] = [
        (
            |d| d.keys = architectures(&[[0, 1], [1, 0], [0, 1]]),
            "0.1 is there twice, as number 1 and 3",
        ),
        (
            |d| d.keys = architectures(&[[0, 1], [1, 0], [0, 3]]),
            "0.3 is not of the space",
        ),
        (
            |d| d.columns[0].values[1] = Some(1.5),
            "expected a number from 0 to 1",
        ),
        (|d| d.columns[0].values[1] = Some(0.123), "no share of 100 images"),
        (|d| d.columns[2].values[1] = Some(-1.0), "-1"),
        (|d| d.columns[0].values.truncate(2), "has 2 figures; expected 3"),
        (|d| d.keys = architectures(&[]), "0 rows"),
        (|d| d.datasets[0].report_epochs = 9, "lacks the test accuracies"),
    ];
    for (spoil, named) in cases {
        let mut draft = draft(architectures(&[[0, 1], [1, 0], [1, 2]]), 3);
        spoil(&mut draft);
        let error = draft.table().unwrap_err().to_string();
        assert!(error.contains(named), "{named}: {error}");
    }
}

fn open(bytes: Vec<u8>) -> Result<Table, TableError> {
    Table::from_bytes(bytes, "t.nastab")
}

#[test]
fn a_table_cut_anywhere_is_refused_as_truncated() {
    let whole = listed().bytes().to_vec();
    for end in 0..whole.len() {
        let error = open(whole[..end].to_vec()).unwrap_err();
        assert!(
            matches!(error, TableError::Truncated { .. }),
            "cut at {end}: {error}"
        );
    }
    let mut longer = whole;
    longer.push(0);
    assert!(matches!(open(longer), Err(TableError::Damaged { .. })));
}

#[test]
fn a_table_with_any_byte_changed_is_refused() {
    let whole = listed().bytes().to_vec();
    for at in 0..whole.len() {
        for flip in [1, 0x80, 0xff] {
            let mut changed = whole.clone();
            changed[at] ^= flip;
            assert!(open(changed).is_err(), "byte {at} with {flip:x}");
        }
    }
}

#[test]
fn a_foreign_and_a_newer_file_are_refused_with_the_reason() {
    let whole = listed().bytes().to_vec();
    let mut newer = whole.clone();
    newer[8] = 3;
    let error = open(newer).unwrap_err().to_string();
    assert!(
        error.contains("format 3; this program reads formats 1 to 2"),
        "{error}"
    );
    for foreign in [&b"\x89PNG\r\n\x1a\n and so on"[..], b"width,depth\n1,2\n", b"x"] {
        let error = open(foreign.to_vec()).unwrap_err().to_string();
        assert!(error.contains("t.nastab: it is not a benchmark table"), "{error}");
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("photo.png");
    std::fs::write(&path, b"\x89PNG\r\n\x1a\n").unwrap();
    assert!(Table::open(&path).unwrap_err().to_string().contains("photo.png"));
    std::fs::write(&path, b"").unwrap();
    assert!(matches!(Table::open(&path), Err(TableError::Truncated { .. })));
}

/// A file that is whole, with another header.
fn with_header(change: impl FnOnce(&mut serde_json::Value)) -> Result<Table, TableError> {
    let whole = listed().bytes().to_vec();
    let length = header_length(&whole);
    let mut header: serde_json::Value = serde_json::from_slice(&whole[PREAMBLE..PREAMBLE + length]).unwrap();
    change(&mut header);
    open(assemble(
        2,
        &serde_json::to_vec(&header).unwrap(),
        &whole[PREAMBLE + length..],
    ))
}

#[test]
fn a_header_that_lies_is_refused() {
    type Change = fn(&mut serde_json::Value);
    assert!(with_header(|_| {}).is_ok());
    let cases: [(Change, &str); 12] = [
        (|h| h["row_count"] = 4.into(), "it describes a file of"),
        (|h| h["row_count"] = 0.into(), "it has no rows"),
        (|h| h["row_count"] = u32::MAX.into(), "it describes a file of"),
        (|h| h["rows"] = "every".into(), "3 rows for the 6 architectures"),
        (|h| h["rows"] = "listed_nb101".into(), "not that of NAS-Bench-101"),
        (|h| h["rows"] = "guessed".into(), "guessed"),
        (
            |h| h["space"]["decisions"][1]["options"] = serde_json::json!(["1"]),
            "a choice that its decision does not offer",
        ),
        (
            |h| h["space"] = serde_json::json!({"kind": "pnas", "blocks": 9}),
            "it describes",
        ),
        (
            |h| h["columns"][0]["encoding"] = serde_json::json!({"hits": 0}),
            "column 0",
        ),
        (|h| h["columns"][2]["dataset"] = 7.into(), "data set 7"),
        (|h| h["datasets"] = serde_json::json!([]), "0 data sets"),
        (|h| h["surprise"] = 1.into(), "surprise"),
    ];
    for (change, named) in cases {
        let error = with_header(change).unwrap_err().to_string();
        assert!(error.contains(named), "{named}: {error}");
    }
    // Rows out of order.
    let mut whole = listed().bytes().to_vec();
    let at = PREAMBLE + header_length(&whole);
    whole.swap(at, at + 2);
    let error = open(assemble(1, &whole[PREAMBLE..at], &whole[at..]))
        .unwrap_err()
        .to_string();
    assert!(error.contains("not in order"), "{error}");
}

/// The draft with a latency of every row, and an energy of the data set's networks.
fn with_extras() -> Draft {
    let mut draft = draft(architectures(&[[1, 2], [0, 0], [1, 0]]), 3);
    for (number, name, dataset) in [(0, "latency", None), (1, "energy", Some(0))] {
        draft.extras.push(Extra {
            name: name.to_owned(),
            unit: Some("ms".to_owned()),
            direction: Direction::Lower,
        });
        let values = vec![Some(-1.5), None, Some(number as f64)];
        let mut data = column(Figure::Extra, Encoding::F32, values);
        (data.column.dataset, data.column.epochs) = (dataset, None);
        data.column.extra = Some(number);
        draft.columns.push(data);
    }
    draft
}

#[test]
fn extra_figures_are_found_by_name_and_make_a_table_of_version_2() {
    let table = Arc::new(with_extras().table().unwrap());
    assert_eq!((table.bytes()[8], listed().bytes()[8]), (2, 1));
    let evaluator = TabularEvaluator::new(Arc::clone(&table), "data").unwrap();
    let names: Vec<&str> = evaluator.extras().map(|extra| extra.name.as_str()).collect();
    assert_eq!(names, ["latency", "energy"]);
    assert_eq!(evaluator.extra("latency", &Architecture::new([1, 2])), Some(-1.5));
    assert_eq!(evaluator.extra("energy", &Architecture::new([1, 0])), Some(1.0));
    assert_eq!(evaluator.extra("energy", &Architecture::new([0, 0])), None);
    assert_eq!(evaluator.extra("power", &Architecture::new([1, 0])), None);
    assert_eq!(
        evaluator.extra_figures("latency"),
        Some(vec![None, Some(0.0), Some(-1.5)])
    );
    // A file of version 1 has none.
    let whole = table.bytes();
    let at = PREAMBLE + header_length(whole);
    let error = open(assemble(1, &whole[PREAMBLE..at], &whole[at..])).unwrap_err();
    assert!(error.to_string().contains("what format 2 added"), "{error}");
}

#[test]
fn extra_figures_that_cannot_be_told_apart_or_shown_are_refused() {
    type Change = fn(&mut Draft);
    let cases: [(Change, &str); 7] = [
        (|d| d.extras[1].name = "latency".to_owned(), "a name of its own"),
        (|d| d.extras[1].name = "params".to_owned(), "a name of its own"),
        (|d| d.extras[1].name = "a=b".to_owned(), "without ','"),
        (|d| d.extras[1].unit = Some("\n".to_owned()), "the unit"),
        (|d| d.columns.truncate(6), "'energy' has no column"),
        (|d| d.columns[5].column.extra = Some(9), "'latency' has no column"),
        (|d| d.columns[0].column.extra = Some(0), "column 0"),
    ];
    for (change, named) in cases {
        let mut draft = with_extras();
        change(&mut draft);
        let error = draft.table().unwrap_err().to_string();
        assert!(error.contains(named), "{named}: {error}");
    }
}

#[test]
fn a_metric_of_which_less_is_better_has_any_values_and_the_lowest_is_best() {
    let loss = Metric::new("loss", Direction::Lower, Scale::Plain).unwrap();
    let mut draft = draft(architectures(&[[1, 2], [0, 0], [1, 0]]), 3);
    draft.datasets[0].metric = loss;
    for (number, values) in [[2.5, -0.5, 1.0], [2.0, -1.0, 7.0]].into_iter().enumerate() {
        draft.columns[number].column.encoding = Encoding::F64;
        draft.columns[number].values = values.map(Some).to_vec();
    }
    let table = Arc::new(draft.clone().table().unwrap());
    assert_eq!(table.bytes()[8], 2);
    let evaluator = TabularEvaluator::new(table, "data").unwrap();
    assert_eq!(evaluator.best_test(), Some(1.0));
    assert_eq!(evaluator.valid_accuracies(), [0.5, -1.0, -2.5]);
    assert!(evaluator.description().contains("validation loss after 3"));
    draft.datasets[0].metric = Metric::default();
    let error = draft.clone().table().unwrap_err().to_string();
    assert!(error.contains("-0.5; expected a number from 0 to 1"), "{error}");
    draft.datasets[0].metric = Metric::new("loss", Direction::Lower, Scale::Plain).unwrap();
    draft.columns[0].column.encoding = Encoding::Hits(100);
    assert!(draft.table().unwrap_err().to_string().contains("column 0"));
}

#[test]
fn one_figure_stands_for_validation_and_test_where_the_table_says_so() {
    for (kept, valid_is_test) in [(Figure::Valid, false), (Figure::Test, true)] {
        let mut draft = draft(architectures(&[[1, 2], [0, 0], [1, 0]]), 3);
        draft.columns.retain(|data| {
            !matches!(data.column.figure, Figure::Valid | Figure::Test) || data.column.figure == kept
        });
        let lacks = draft.clone().table().unwrap_err().to_string();
        assert!(lacks.contains("lacks"), "{lacks}");
        draft.datasets[0].valid_is_test = valid_is_test;
        draft.datasets[0].test_is_valid = !valid_is_test;
        let table = Arc::new(draft.clone().table().unwrap());
        assert_eq!((table.bytes()[8], table.epochs(0)), (2, vec![3]));
        assert!(table.header().datasets[0].is_one_figure());
        let evaluator = TabularEvaluator::new(table, "data").unwrap();
        assert_eq!(evaluator.valid_accuracies(), evaluator.test_accuracies());
        assert_eq!(evaluator.valid_accuracies().len(), 3);
        draft.datasets[0].valid_is_test = true;
        draft.datasets[0].test_is_valid = true;
        assert!(draft.table().unwrap_err().to_string().contains("at most one"));
    }
    let mut both = draft(architectures(&[[1, 2], [0, 0], [1, 0]]), 3);
    both.datasets[0].test_is_valid = true;
    assert!(both.table().unwrap_err().to_string().contains("has test figures"));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn any_bytes_are_refused_or_a_table_and_never_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(open(bytes.clone()).is_err());
        // Behind a preamble that fits.
        let cut = bytes.len() / 2;
        prop_assert!(open(assemble(2, &bytes[..cut], &bytes[cut..])).is_err());
    }

    #[test]
    fn a_whole_file_with_any_edit_of_header_or_figures_is_refused_or_answers_without_a_panic(
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        in_figures in any::<bool>(),
    ) {
        let whole = listed().bytes().to_vec();
        let at = PREAMBLE + header_length(&whole);
        let (mut header, mut figures) = (whole[PREAMBLE..at].to_vec(), whole[at..].to_vec());
        for (place, byte) in edits {
            let edited = if in_figures { &mut figures } else { &mut header };
            let place = place.index(edited.len());
            edited[place] = byte;
        }
        if let Ok(table) = open(assemble(2, &header, &figures)) {
            for choices in [[0, 0], [0, 1], [1, 2], [9, 9]] {
                let Some(row) = table.row(&Architecture::new(choices)) else { continue };
                prop_assert!((row as usize) < table.len());
                for column in 0..5 {
                    let _ = (table.figure(column, row), table.count(column, row));
                }
            }
        }
    }
}
