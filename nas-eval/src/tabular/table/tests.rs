use nas_space::arch::Decision;
use nas_space::spaces::{ProductConfig, SpaceConfig};
use proptest::prelude::*;

use super::*;
use crate::tabular::header::DatasetHeader;
use crate::tabular::preamble::assemble;
use crate::tabular::writer::{ColumnData, Draft, RowKeys};

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
            valid_is_test: false,
        }],
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
    newer[8] = 2;
    let error = open(newer).unwrap_err().to_string();
    assert!(error.contains("format 2; this program reads format 1"), "{error}");
    for foreign in [&b"\x89PNG\r\n\x1a\n and so on"[..], b"width,depth\n1,2\n", b"x"] {
        let error = open(foreign.to_vec()).unwrap_err().to_string();
        assert!(error.contains("t.nastab: it is no benchmark table"), "{error}");
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
    let error = open(assemble(&whole[PREAMBLE..at], &whole[at..]))
        .unwrap_err()
        .to_string();
    assert!(error.contains("not in order"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn any_bytes_are_refused_or_a_table_and_never_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(open(bytes.clone()).is_err());
        // Behind a preamble that fits.
        let cut = bytes.len() / 2;
        prop_assert!(open(assemble(&bytes[..cut], &bytes[cut..])).is_err());
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
        if let Ok(table) = open(assemble(&header, &figures)) {
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
