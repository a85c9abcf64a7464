use super::*;
use flate2::{Compression, write::GzEncoder};
use proptest::prelude::*;
use std::io::Write;
use std::sync::LazyLock;

const HEADER: &str =
    "params_c10_M,ops6,extra,c10_valid12,c10_test200,c100_valid12,c100_test200,in16_valid12,in16_test200";

/// A complete table: cell i has test accuracy i / 200 percent on CIFAR-10.
static LINES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let row = |(index, cell): (usize, [u8; 6])| {
        let ops: String = cell.iter().map(u8::to_string).collect();
        format!(
            "0.25,{ops},-,{},{},3,4,5,6",
            99 - index % 90,
            index as f64 / 200.0
        )
    };
    [HEADER.to_owned()]
        .into_iter()
        .chain(Nb201Table::cells().enumerate().map(row))
        .collect()
});

fn parse(text: &str) -> Result<Nb201Table, TableError> {
    Nb201Table::parse(Path::new("table.csv"), text.as_bytes())
}

/// The table with one line changed.
fn with_line(line: usize, text: &str) -> Result<Nb201Table, TableError> {
    let mut lines = LINES.clone();
    lines[line - 1] = text.to_owned();
    parse(&lines.join("\n"))
}

#[test]
fn lookups_give_the_row_of_the_cell_as_fractions() {
    let mut shuffled = LINES[1..].to_vec();
    shuffled.reverse();
    let table = parse(&format!("{HEADER}\r\n{}\r\n", shuffled.join("\r\n"))).unwrap();
    assert_eq!(table.rows, {
        // Equal but for the line numbers.
        let mut same = parse(&LINES.join("\n")).unwrap();
        assert_ne!(same.fingerprint, table.fingerprint);
        same.rows
            .iter_mut()
            .zip(&table.rows)
            .for_each(|(row, other)| row.line = other.line);
        same.rows
    });
    assert_eq!(table.len(), 15_625);
    let cell = [0, 0, 0, 1, 3, 2];
    assert_eq!(
        table.test_accuracy(cell, Nb201Dataset::Cifar10).unwrap(),
        42.0 / 200.0 / 100.0
    );
    assert_eq!(table.search_accuracy(cell, Nb201Dataset::Cifar10).unwrap(), 0.57);
    assert_eq!(table.search_accuracy(cell, Nb201Dataset::Cifar100).unwrap(), 0.03);
    assert_eq!(table.test_accuracy(cell, Nb201Dataset::ImageNet16).unwrap(), 0.06);
    assert_eq!(table.params_millions(cell).unwrap(), 0.25);
    assert_eq!(
        table.best_test(Nb201Dataset::Cifar10),
        ([4; 6], 15_624.0 / 200.0 / 100.0)
    );
    assert_eq!(table.best_search(Nb201Dataset::Cifar10), ([0; 6], 0.99));
    assert!(matches!(
        table.test_accuracy([0, 5, 0, 0, 0, 0], Nb201Dataset::Cifar10),
        Err(TableError::Operation { edge: 1, code: 5 })
    ));
}

#[test]
fn cells_and_indices_correspond() {
    assert_eq!(Nb201Table::cells().len(), 15_625);
    assert!(
        Nb201Table::cells()
            .enumerate()
            .all(|(index, cell)| cell_index(cell).unwrap() == index)
    );
    assert_eq!(cell_at(1), [0, 0, 0, 0, 0, 1]);
}

#[test]
fn a_wrong_line_is_refused_with_its_number_and_the_reason() {
    for (line, text, reason) in [
        (
            1,
            "index,ops6,c10_test200",
            "column 'c10_valid12' once, got it 0 times",
        ),
        (1, &format!("{HEADER},ops6"), "column 'ops6' once, got it 2 times"),
        (1, "", "column 'ops6' once, got it 0 times"),
        (
            7,
            "0.25,000010,-,1,2,3,4,5",
            "line 7: line: expected 9 values, got 8",
        ),
        (
            7,
            "0.25,000015,-,1,2,3,4,5,6",
            "line 7: ops6: expected six digits from 0 to 4, got '000015'",
        ),
        (7, "0.25,00001,-,1,2,3,4,5,6", "line 7: ops6: expected"),
        (
            7,
            "0.25,000010,-,1,100.5,3,4,5,6",
            "line 7: c10_test200: expected a number from 0 to 100, got '100.5'",
        ),
        (7, "0.25,000010,-,1,2,-3,4,5,6", "line 7: c100_valid12"),
        (7, "0.25,000010,-,1,2,3,4,nan,6", "line 7: in16_valid12"),
        (
            7,
            "0.25,000010,-,1,2,3,4,5,",
            "line 7: in16_test200: expected a number from 0 to 100, got ''",
        ),
        (7, "inf,000010,-,1,2,3,4,5,6", "line 7: params_c10_M"),
        (
            7,
            "0.25,000001,-,1,2,3,4,5,6",
            "line 7: cell 000001 is already on line 3",
        ),
        (
            7,
            "",
            "expected all 15625 cells, got 15624; the first missing cell is 000010",
        ),
    ] {
        let message = with_line(line, text).unwrap_err().to_string();
        assert!(
            message.contains(reason) && message.starts_with("table.csv: "),
            "{reason} in {message}"
        );
    }
    let foreign = Nb201Table::parse(Path::new("photo.png"), &[0x89, b'P', b'N', b'G', 0xff]).unwrap_err();
    assert!(
        foreign.to_string().contains("photo.png: line 1: encoding"),
        "{foreign}"
    );
    assert!(matches!(parse(""), Err(TableError::Column { .. })));
    assert!(matches!(
        parse(&LINES[..9000].join("\n")),
        Err(TableError::Missing { got: 8999, .. })
    ));
}

#[test]
fn a_gzipped_table_is_read_and_a_truncated_one_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("table");
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(LINES.join("\n").as_bytes()).unwrap();
    let whole = encoder.finish().unwrap();
    std::fs::write(&path, &whole).unwrap();
    assert_eq!(
        Nb201Table::open(&path).unwrap(),
        parse(&LINES.join("\n")).unwrap()
    );
    std::fs::write(&path, &whole[..whole.len() - 9]).unwrap();
    assert!(matches!(Nb201Table::open(&path), Err(TableError::File(_))));
    assert!(matches!(
        Nb201Table::open(dir.path().join("none")),
        Err(TableError::File(_))
    ));
}

#[test]
fn data_sets_are_parsed_by_name_and_a_wrong_one_lists_them() {
    for dataset in Nb201Dataset::ALL {
        assert_eq!(dataset.to_string().parse::<Nb201Dataset>().unwrap(), dataset);
    }
    let message = "svhn".parse::<Nb201Dataset>().unwrap_err().to_string();
    assert_eq!(
        message,
        "the table has no data set 'svhn'; it has: cifar10, cifar100, imagenet16-120"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn a_mutated_table_is_an_error_or_in_range_and_never_a_panic(
        line in 1..=15_626_usize,
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut bytes = LINES[line - 1].clone().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let mut content = Vec::new();
        for (index, text) in LINES.iter().enumerate() {
            content.extend_from_slice(if index + 1 == line { &bytes } else { text.as_bytes() });
            content.push(b'\n');
        }
        if let Ok(table) = Nb201Table::parse(Path::new("table.csv"), &content) {
            let all = table.rows.iter().flat_map(|row| row.accuracies.iter().flatten());
            prop_assert!(all.into_iter().all(|accuracy| (0.0..=1.0).contains(accuracy)));
        }
    }
}

#[test]
fn the_published_table_has_the_published_optima() {
    let table = Nb201Table::built_in().unwrap();
    assert_eq!(table.len(), 15_625);
    for (dataset, published) in Nb201Dataset::ALL.into_iter().zip([94.373, 73.513, 47.311]) {
        let (cell, best) = table.best_test(dataset);
        assert!((best * 100.0 - published).abs() < 5e-4, "{dataset}: {best}");
        assert_eq!(table.test_accuracy(cell, dataset).unwrap(), best);
    }
    // The file's first
    // line: |avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|
    // is architecture 0, written 421211 by edges, with 85.8633, 63.364 and 0.129306.
    let cell = [4, 2, 1, 2, 1, 1];
    assert_eq!(
        table.test_accuracy(cell, Nb201Dataset::Cifar10).unwrap(),
        0.858633
    );
    assert_eq!(
        table.search_accuracy(cell, Nb201Dataset::Cifar10).unwrap(),
        0.63364
    );
    assert_eq!(table.params_millions(cell).unwrap(), 0.129306);

    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/nb201/nb201_acc.csv.gz");
    if !path.is_file() {
        println!("not compared with the published file: no {}", path.display());
        return;
    }
    let published = Nb201Table::open(&path).unwrap();
    for cell in Nb201Table::cells() {
        let (built_in, published) = (table.row(cell).unwrap(), published.row(cell).unwrap());
        assert_eq!(built_in.accuracies, published.accuracies, "{cell:?}");
        assert_eq!(built_in.params_millions, published.params_millions, "{cell:?}");
    }
}
