use std::fs;
use std::sync::Arc;

use nas_space::arch::Architecture;
use proptest::prelude::*;

use super::*;
use crate::{Table, TableError, TabularEvaluator};

/// Depths 2, 3, 4 and kernels 3, 5, 7, of accuracies; what `architecture` is, is for the caller to
/// say.
fn mapping(architecture: &str) -> String {
    with_options("[\"2\", \"3\", \"4\"]", architecture)
}

fn with_options(depths: &str, architecture: &str) -> String {
    format!(
        r#"
name = "sizes"
[space]
kind = "product"
name = "sizes"
decisions = [
  {{ name = "depth", kind = "depth", options = {depths} }},
  {{ name = "kernel", kind = "kernel", options = ["3", "5", "7"] }},
]
[architecture]
{architecture}
[[datasets]]
name = "d"
search_epochs = 1
report_epochs = 1
columns = [
  {{ column = "valid", figure = "valid", epochs = 1 }},
  {{ column = "test", figure = "test", epochs = 1 }},
]
"#
    )
}

const COLUMNS: &str = "columns = [\"depth\", \"kernel\"]";

fn import_bytes(mapping: &str, text: &[u8]) -> Result<Table, String> {
    let mapping: Mapping = toml::from_str(mapping).map_err(|error| error.to_string())?;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file.csv");
    fs::write(&path, text).unwrap();
    let table: Result<Table, TableError> = import(&path, mapping);
    table.map_err(|error| {
        let error = error.to_string();
        let place = path.display().to_string();
        error.replace(&place, "file.csv")
    })
}

fn imported(mapping: &str, text: &str) -> Result<Table, String> {
    import_bytes(mapping, text.as_bytes())
}

fn on_d(table: &Arc<Table>) -> TabularEvaluator {
    TabularEvaluator::new(Arc::clone(table), "d").unwrap()
}

/// The architectures of a table, in order.
fn architectures(table: &Table) -> Vec<String> {
    (0..table.len() as u32)
        .map(|row| table.architecture(row).unwrap().to_string())
        .collect()
}

/// The lines of this text with figures appended.
fn lines(first: &str, lines: &[&str]) -> String {
    let mut text = format!("{first},valid,test\n");
    for (number, line) in lines.iter().enumerate() {
        text += &format!("{line},0.{0}5,0.{0}5\n", number + 1);
    }
    text
}

fn refused(mapping: &str, text: &str, named: &[&str]) {
    let error = imported(mapping, text).unwrap_err();
    for named in named {
        assert!(error.contains(named), "{named}: {error}");
    }
}

#[test]
fn a_column_holds_numbers_where_one_line_shows_it() {
    // 2 is an option of depth, and 0 is none: all three are numbers.
    let table = imported(
        &mapping(COLUMNS),
        "depth,kernel,valid,test\n0,0,0.5,0.5\n1,1,0.6,0.6\n2,2,0.9,0.9\n",
    )
    .unwrap();
    assert_eq!(architectures(&table), ["0.0", "1.1", "2.2"]);
    let evaluator = TabularEvaluator::new(Arc::new(table), "d").unwrap();
    let best = evaluator.test_report(&Architecture::new([2, 2])).unwrap();
    assert_eq!(best.test_accuracy, 0.9);
}

#[test]
fn a_column_holds_options_where_one_line_shows_it() {
    let table = imported(&mapping(COLUMNS), &lines("depth,kernel", &["2,3", "2,5", "4,7"])).unwrap();
    assert_eq!(architectures(&table), ["0.0", "0.1", "2.2"]);
    // Each column for itself.
    let table = imported(&mapping(COLUMNS), &lines("depth,kernel", &["0,3", "2,7"])).unwrap();
    assert_eq!(architectures(&table), ["0.0", "2.2"]);
    // Where both readings agree there is no question.
    let same = with_options("[\"0\", \"1\", \"2\"]", COLUMNS);
    let table = imported(&same, &lines("depth,kernel", &["2,3", "0,7"])).unwrap();
    assert_eq!(architectures(&table), ["0.2", "2.0"]);
}

#[test]
fn a_column_that_can_be_read_in_two_ways_is_refused_with_what_to_write() {
    for (depths, text) in [
        ("[\"2\", \"3\", \"4\"]", "2"),
        ("[\"-1\", \"0\", \"1\"]", "0"),
        ("[\"true\", \"false\"]", "1"),
        ("[\"True\", \"False\"]", "0"),
        ("[\"01\", \"02\", \"03\"]", "1"),
        ("[\"1.0\", \"0.5\"]", "1"),
        ("[\"8\", \"16\", \"01\"]", "1"),
        ("[\"1\", \"2\", \"3\"]", "1"),
    ] {
        let ambiguous = with_options(depths, COLUMNS);
        let text = lines("depth,kernel", &[&format!("{text},3"), &format!("{text},7")]);
        refused(
            &ambiguous,
            &text,
            &[
                "file.csv: line 2, column 'depth'",
                "reads = \"options\" or reads = \"numbers\"",
            ],
        );
    }
    let text = lines("depth,kernel", &["2,3", "2,7"]);
    let reads = |word: &str| mapping(&format!("{COLUMNS}\nreads = {word}"));
    let table = imported(&reads("\"options\""), &text).unwrap();
    assert_eq!(architectures(&table), ["0.0", "0.2"]);
    let table = imported(&reads("[\"numbers\", \"options\"]"), &text).unwrap();
    assert_eq!(architectures(&table), ["2.0", "2.2"]);
    refused(
        &reads("\"numbers\""),
        &text,
        &["line 2, column 'kernel': 3 is no number", "expected 0 to 2"],
    );
    refused(&reads("[\"numbers\"]"), &text, &["each of the 2 columns"]);
}

#[test]
fn a_column_that_is_neither_options_nor_numbers_is_refused_with_its_first_line() {
    for (text, named) in [
        (
            "9",
            "line 3, column 'depth': '9' is no option of 'depth'; expected one of 2, 3, 4",
        ),
        ("-1", "'-1' is no option"),
        ("4.0", "(as it is written there: '4')"),
        ("", "'' is no option"),
    ] {
        refused(
            &mapping(COLUMNS),
            &lines("depth,kernel", &["2,3", &format!("{text},7")]),
            &[named],
        );
    }
    // Some lines hold options, others numbers.
    refused(
        &mapping(COLUMNS),
        &lines("depth,kernel", &["4,3", "0,7"]),
        &[
            "line 2, column 'depth': '4' is an option",
            "on line 3 '0' is a number",
        ],
    );
}

#[test]
fn the_form_numbers_takes_whole_numbers_with_a_separator_and_nothing_else() {
    let numbers = mapping("column = \"arch\"\nform = \"numbers\"");
    for text in [
        "\"(2, 1)\"",
        "\"[2,1]\"",
        "\"2,1\"",
        "2;1",
        "2 1",
        "2:1",
        "2/1",
        "2_1",
        "02|1",
    ] {
        let table = imported(&numbers, &lines("arch", &[text])).unwrap();
        assert_eq!(architectures(&table), ["2.1"], "{text}");
    }
    for (text, named) in [
        ("\"(-1, 2)\"", "'-1' in '(-1, 2)' is no number of an option"),
        ("1.0", "'1.0' in '1.0' is no number of an option"),
        ("\"1,2.0\"", "'2.0'"),
        ("\"(1,2\"", "'(1'"),
        ("\"1,,2\"", "''"),
        ("\"1,2;0\"", "'2;0'"),
        ("1-2", "'1-2'"),
        ("\"1,+2\"", "'+2'"),
        ("\"1,1e0\"", "'1e0'"),
        (
            "\"1,2,0\"",
            "has 3 parts; expected one for each of the 2 decisions",
        ),
        ("21", "form = \"digits\""),
        (
            "\"1,3\"",
            "3 is no number of an option of 'kernel'; expected 0 to 2",
        ),
        ("\"1,99999999999999999999\"", "'99999999999999999999'"),
    ] {
        refused(
            &numbers,
            &lines("arch", &["\"0,0\"", text]),
            &["file.csv: line 3, column 'arch'", named],
        );
    }
    let points = mapping("column = \"arch\"\nform = \"numbers\"\nseparator = \".\"");
    let table = imported(&points, &lines("arch", &["1.0"])).unwrap();
    assert_eq!(architectures(&table), ["1.0"]);
    refused(&points, &lines("arch", &["-1.0"]), &["'-1'"]);
}

#[test]
fn digits_are_padded_where_the_mapping_says_so_and_only_there() {
    let text = lines("arch", &["0", "1", "21"]);
    let digits = |more: &str| mapping(&format!("column = \"arch\"\nform = \"digits\"\n{more}"));
    refused(
        &digits(""),
        &text,
        &["line 2, column 'arch': '0' has 1 parts", "pad = \"left\""],
    );
    let table = imported(&digits("pad = \"left\""), &text).unwrap();
    assert_eq!(architectures(&table), ["0.0", "0.1", "2.1"]);
    let table = imported(&digits("pad = \"right\""), &text).unwrap();
    assert_eq!(architectures(&table), ["0.0", "1.0", "2.1"]);
    refused(
        &digits(""),
        &lines("arch", &["2-1"]),
        &["expected 2 digits and nothing else"],
    );
    refused(
        &digits(""),
        &lines("arch", &["٢١"]),
        &["2 digits and nothing else"],
    );
}

#[test]
fn options_can_stand_in_one_column() {
    let options = mapping("column = \"arch\"\nform = \"options\"");
    let table = imported(&options, &lines("arch", &["\"(4, 3)\"", "\"['2', '7']\"", "3;5"])).unwrap();
    assert_eq!(architectures(&table), ["0.2", "1.1", "2.0"]);
    refused(
        &options,
        &lines("arch", &["4;4"]),
        &["'4;4': '4' is no option of 'kernel'"],
    );
}

/// The space of NAS-Bench-201, with the size of its networks.
fn nb201(architecture: &str) -> String {
    format!(
        r#"
name = "cells"
[space]
kind = "nb201"
[architecture]
{architecture}
[[datasets]]
name = "d"
search_epochs = 1
report_epochs = 1
test_is_valid = true
columns = [{{ column = "valid", figure = "valid", epochs = 1, unit = "percent" }}]
"#
    )
}

#[test]
fn operations_and_edges_can_be_numbered_in_another_order() {
    let mapping = nb201(
        r#"column = "arch"
options = ["skip_connect", "none", "nor_conv_3x3", "nor_conv_1x1", "avg_pool_3x3"]
decisions = ["cell.edge_0_1", "cell.edge_0_2", "cell.edge_0_3", "cell.edge_1_2", "cell.edge_1_3", "cell.edge_2_3"]"#,
    );
    // Edges 0-1 skip, 0-2 convolution, 0-3 none, 1-2 1x1, 1-3 pooling, 2-3 skip.
    let table = imported(&mapping, "arch,valid\n\"(0,2,1,3,4,0)\",90\n").unwrap();
    assert_eq!(architectures(&table), ["1.3.2.0.4.1"]);
    for (from, to, named) in [
        ("\"none\", ", "\"none\", \"none\", ", "named twice"),
        ("\"none\", ", "\"zero\", ", "'zero'"),
        ("\"cell.edge_0_1\", ", "", "expected all 6"),
        ("\"cell.edge_0_1\"", "\"cell.edge_0_2\"", "named twice"),
    ] {
        refused(&mapping.replace(from, to), "arch,valid\n", &[named]);
    }
}

#[test]
fn the_official_number_of_a_cell_says_which_it_is() {
    let mapping = nb201("column = \"index\"\nform = \"nb201_index\"");
    let table = imported(&mapping, "index,valid\n0,90\n9,80\n").unwrap();
    assert_eq!(architectures(&table), ["4.0.0.1.0.3", "4.2.1.2.1.1"]);
    refused(
        &mapping,
        "index,valid\n15625,90\n",
        &["line 2, column 'index'", "0 to 15624"],
    );
    let other = self::mapping("column = \"arch\"\nform = \"nb201_index\"");
    refused(&other, "arch,valid,test\n", &["the mapping's space is sizes"]);
}

#[test]
fn keys_that_mean_nothing_with_a_form_are_refused() {
    for (keys, named) in [
        ("column = \"arch\"\nreads = \"options\"", "reads"),
        (
            "column = \"arch\"\nform = \"digits\"\nseparator = \".\"",
            "separator",
        ),
        ("column = \"arch\"\nform = \"options\"\npad = \"left\"", "pad"),
        (
            "column = \"arch\"\nform = \"genotype\"\noptions = [\"2\"]",
            "options",
        ),
        (
            "columns = [\"depth\", \"kernel\"]\ndecisions = [\"depth\", \"kernel\"]",
            "decisions",
        ),
        ("columns = [\"depth\", \"kernel\"]\nform = \"digits\"", "form"),
        (
            "columns = [\"depth\", \"kernel\"]\ncolumn = \"arch\"",
            "either column or columns",
        ),
        ("column = \"arch\"\nseparator = \"\"", "separator is empty"),
        ("column = \"arch\"\npadding = 3", "padding"),
    ] {
        refused(&mapping(keys), "arch,depth,kernel,valid,test\n", &[named]);
    }
}

#[test]
fn figures_that_two_lines_give_have_to_agree_whatever_their_order() {
    let digits = mapping("column = \"arch\"\nform = \"digits\"");
    let text = "arch,valid,test\n00,0.5,0.4\n11,0.6,0.5\n00,0.5,0.4\n";
    assert_eq!(imported(&digits, text).unwrap().len(), 2);
    for (text, line) in [
        (
            "arch,valid,test\n00,0.50,0.49\n01,0.60,0.61\n00,0.70,0.49\n",
            "line 4",
        ),
        (
            "arch,valid,test\n00,0.70,0.49\n00,0.50,0.49\n01,0.60,0.61\n",
            "line 3",
        ),
    ] {
        refused(&digits, text, &[line, "column 'valid'", "on line 2", "0.0"]);
    }
    // The sizes of an architecture as much as its accuracies.
    let sizes = format!("{digits}[[columns]]\ncolumn = \"params\"\nfigure = \"params\"\n");
    refused(
        &sizes,
        "arch,valid,test,params\n00,0.5,0.4,100\n00,,,101\n",
        &["line 3, column 'params': 101", "has 100 on line 2"],
    );
}

#[test]
fn bad_figures_are_refused_with_line_and_column() {
    let digits = mapping("column = \"arch\"\nform = \"digits\"");
    for (line, named) in [
        (
            "00,95.2,0.5",
            "column 'valid': '95.2' is 95.2; expected a number from 0 to 1; write unit = \"percent\"",
        ),
        ("00,0.5,-0.1", "column 'test': '-0.1'"),
        (
            "00,0.5,inf",
            "column 'test': expected a number or nothing, got 'inf'",
        ),
        ("00,0.5,high", "got 'high'"),
        ("00,0.5", "it has 2 fields; expected 3"),
        ("33,0.5,0.5", "column 'arch'"),
    ] {
        refused(
            &digits,
            &format!("arch,valid,test\n11,0.5,0.5\n\n{line}\n"),
            &["file.csv: line 4", named],
        );
    }
    let error = import_bytes(&digits, b"arch,valid,test\n00,0.5,0.\xff\n").unwrap_err();
    assert!(error.contains("line 2, column 'test'"), "{error}");
    let long = format!("arch,valid,test\n00,{},0.5\n", "x".repeat(10_000));
    assert!(imported(&digits, &long).unwrap_err().len() < 400);
}

#[test]
fn lines_are_chosen_for_the_table_and_for_each_data_set() {
    let base = nb201("column = \"arch\"\nform = \"digits\"");
    let one = base.replacen(
        "[space]",
        "where = { task = [\"a\", \"b\"], seed = 7 }\n[space]",
        1,
    );
    let text = "task,seed,arch,valid\na,7,000000,50\nb,7,000001,60\nb,8,000002,60\nc,7,000003,70\n";
    assert_eq!(
        architectures(&imported(&one, text).unwrap()),
        ["0.0.0.0.0.0", "0.0.0.0.0.1"]
    );
    refused(
        &one.replace("[\"a\", \"b\"]", "\"z\""),
        text,
        &["no line holds what the mapping's where asks for"],
    );
    refused(&one.replace("task = ", "job = "), text, &["column 'job'"]);

    let (head, dataset) = base.split_at(base.find("[[datasets]]").unwrap());
    let of = |name: &str| dataset.replace("\"d\"", &format!("\"{name}\"\nwhere = {{ task = \"{name}\" }}"));
    let two = format!("{head}{}{}", of("a"), of("b"));
    let text = "task,arch,valid\na,000000,50\nb,000000,60\nb,000001,70\nc,not read,80\n";
    let table = Arc::new(imported(&two, text).unwrap());
    assert_eq!(architectures(&table), ["0.0.0.0.0.0", "0.0.0.0.0.1"]);
    let accuracies = |name: &str| {
        TabularEvaluator::new(Arc::clone(&table), name)
            .unwrap()
            .valid_accuracies()
    };
    assert_eq!((accuracies("a"), accuracies("b")), (vec![0.5], vec![0.6, 0.7]));
}

#[test]
fn a_metric_of_its_own_and_extra_figures_come_along() {
    let mapping = nb201("column = \"arch\"\nform = \"digits\"")
        .replace(
            "test_is_valid = true",
            "test_is_valid = true\nmetric = { name = \"loss\", direction = \"lower\", scale = \"plain\" }",
        )
        .replace(
            "\"valid\", epochs = 1, unit = \"percent\" }",
            "\"valid\", epochs = 1 }, { column = \"ms\", figure = \"extra\", name = \"latency\", symbol = \"ms\" }, \
             { column = \"naswot\", figure = \"extra\", direction = \"higher\" }, { column = \"empty\", figure = \"extra\" }",
        );
    let text = "arch,valid,ms,naswot,empty\n000000,-2.5,3.5,-100,\n000001,1.25,,2e47,\n";
    let table = Arc::new(imported(&mapping, text).unwrap());
    let evaluator = TabularEvaluator::new(Arc::clone(&table), "d").unwrap();
    assert_eq!(evaluator.metric().name(), "loss");
    assert_eq!(evaluator.valid_accuracies(), [2.5, -1.25]);
    assert_eq!(evaluator.test_accuracies(), [2.5, -1.25]);
    assert!(evaluator.dataset().is_one_figure());
    let names: Vec<&str> = evaluator.extras().map(|extra| extra.name.as_str()).collect();
    assert_eq!(
        names,
        ["latency", "naswot"],
        "a column without figures is left out"
    );
    assert_eq!(evaluator.extra_figures("latency"), Some(vec![Some(3.5), None]));
    assert_eq!(
        evaluator.extra_figures("naswot"),
        Some(vec![Some(-100.0), Some(2e47)])
    );
    let missing = mapping.replacen("[space]", "missing = [\"failed\", \"-inf\"]\n[space]", 1);
    let gaps = text.replace(",,", ",-inf,").replace("1.25", "failed");
    let table = Arc::new(imported(&missing, &gaps).unwrap());
    assert_eq!(on_d(&table).extra_figures("latency"), Some(vec![Some(3.5), None]));
    assert_eq!(on_d(&table).valid_accuracies(), [2.5]);
    refused(&mapping, &gaps, &["missing = [\"failed\"]"]);
    refused(
        &mapping.replace("name = \"latency\"", "name = \"params\""),
        text,
        &["a name of its own"],
    );
    refused(
        &mapping.replace(
            "\"valid\", epochs = 1 }",
            "\"valid\", epochs = 1, symbol = \"nats\" }",
        ),
        text,
        &["figure = \"extra\""],
    );
}

#[test]
fn one_column_is_both_validation_and_test_only_where_the_mapping_says_so() {
    let both =
        mapping("column = \"arch\"\nform = \"digits\"").replace("column = \"test\"", "column = \"valid\"");
    refused(
        &both,
        "arch,valid\n00,0.5\n",
        &["test_is_valid = true", "valid_is_test = true"],
    );
    let twice =
        mapping("column = \"arch\"\nform = \"digits\"").replace("figure = \"test\"", "figure = \"valid\"");
    refused(&twice, "arch,valid,test\n00,0.5,0.5\n", &["'valid' and 'test'"]);
    let said = both.replace("  { column = \"valid\", figure = \"test\", epochs = 1 },\n", "");
    refused(&said, "arch,valid\n00,0.5\n", &["lacks the test accuracies"]);
    let said = said.replace("name = \"d\"", "name = \"d\"\ntest_is_valid = true");
    assert!(imported(&said, "arch,valid\n00,0.5\n").is_ok());
}

#[test]
fn published_sizes_of_networks_of_this_toolkit_are_extra_figures() {
    let mapping = format!(
        "{}network = {{ image = \"3x32x32\", classes = 10, channels = 16, cells = 5 }}\n[[columns]]\ncolumn = \"params\"\nfigure = \
         \"params\"\nunit = \"millions\"\n",
        nb201("column = \"arch\"\nform = \"digits\"")
    );
    let table = imported(&mapping, "arch,valid,params\n000000,10,0.073306\n333333,90,1.5\n");
    let table = match table {
        Ok(table) => table,
        Err(error) => panic!("{error}"),
    };
    let mismatches = crate::size_mismatches(&table);
    assert_eq!(mismatches.len(), 1);
    assert_eq!((mismatches[0].compared, mismatches[0].differing), (2, 1));
    assert_eq!(mismatches[0].architecture, Architecture::new([3; 6]));
    assert_eq!(
        (mismatches[0].published, mismatches[0].fits_naslib),
        (1_500_000.0, false)
    );
    let evaluator = TabularEvaluator::new(Arc::new(table), "d").unwrap();
    assert_eq!(
        evaluator.extra("published_params", &Architecture::new([0; 6])),
        Some(73_306.0)
    );
}

#[test]
fn marks_and_delimiters_of_other_programs_are_read() {
    let mapping =
        mapping("column = \"arch\"\nform = \"digits\"").replace("[space]", "delimiter = \";\"\n[space]");
    let table = import_bytes(&mapping, b"\xef\xbb\xbfarch;valid;test\r\n00;0.5;0.5\r\n").unwrap();
    assert_eq!(table.len(), 1);
    refused(&mapping.replace("\";\"", "\"é\""), "", &["delimiter"]);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn the_order_of_lines_never_decides(
        rows in prop::collection::vec((0..3_usize, 0..3_usize, 0..4_u8), 1..8),
        places in prop::collection::vec(any::<prop::sample::Index>(), 8),
    ) {
        let line = |&(depth, kernel, accuracy): &(usize, usize, u8)| format!("{depth},{kernel},0.{accuracy},0.5\n");
        let text = |rows: &[(usize, usize, u8)]| {
            format!("depth,kernel,valid,test\n{}", rows.iter().map(line).collect::<String>())
        };
        let mut shuffled = rows.clone();
        for (from, place) in places.iter().take(rows.len()).enumerate() {
            shuffled.swap(from, place.index(rows.len()));
        }
        let one = imported(&mapping(COLUMNS), &text(&rows));
        let other = imported(&mapping(COLUMNS), &text(&shuffled));
        prop_assert_eq!(one.is_ok(), other.is_ok());
        if let (Ok(one), Ok(other)) = (one, other) {
            prop_assert_eq!(one.identity(), other.identity());
        }
    }
}
