//! Published benchmarks become tables.
#![expect(
    clippy::unwrap_used,
    reason = "clippy.toml lets tests do so, but not the functions beside them"
)]

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use nas_space::arch::Architecture;
use nas_space::search::{Evaluator, Fidelity, Trial};
use nas_space::seed::Seed;
use nas_tables::import::{macro_bench, nats, nb101, nb201};
use nas_tables::{Table, TableError, TabularEvaluator};

/// The table that `import` makes of this text.
fn imported(text: &str, import: fn(&std::path::Path) -> Result<Table, TableError>) -> Result<Table, String> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("published.json");
    fs::write(&path, text).unwrap();
    import(&path).map_err(|error| error.to_string())
}

fn trial(architecture: &Architecture, epochs: u32) -> Trial {
    Trial::new(0, architecture.clone(), Fidelity { epochs }, Seed::new(3))
}

const CONV: &str =
    "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|nor_conv_3x3~0|nor_conv_3x3~1|nor_conv_3x3~2|";
const SKIP: &str = "|skip_connect~0|+|none~0|skip_connect~1|+|none~0|none~1|skip_connect~2|";

/// A line as the interface gives it, with figures that are not looked at.
fn nats_line(arch: &str, dataset: &str, hp: &str, seed: u64, valid: f64, test: f64) -> String {
    format!(
        "{{\"arch_str\": \"{arch}\", \"dataset\": \"{dataset}\", \"hp\": \"{hp}\", \"seed\": {seed}, \"train-loss\": 0.1, \
         \"train-all-time\": 100.5, \"valid-per-time\": 2.5, \"valid-accuracy\": {valid}, \"test-accuracy\": {test}, \
         \"params\": 0.25, \"flops\": 40.5, \"latency\": 0.01}}\n"
    )
}

#[test]
fn records_of_nats_bench_become_a_table_of_its_protocol() {
    let mut text = String::new();
    for (arch, better) in [(CONV, 10.0), (SKIP, 0.0)] {
        for seed in [777, 888] {
            text += &nats_line(arch, "cifar10-valid", "12", seed, 70.0 + better, 12.0);
            text += &nats_line(arch, "cifar10-valid", "200", seed, 80.0 + better, 12.0);
            text += &nats_line(arch, "cifar10", "200", seed, 99.0, 81.0 + better);
        }
    }
    let table = Arc::new(imported(&text, nats::import).unwrap());
    assert_eq!(
        (table.space().name(), table.len(), table.is_complete()),
        ("nb201", 2, false)
    );
    let evaluator = TabularEvaluator::new(Arc::clone(&table), "cifar10").unwrap();
    let conv = Architecture::new([3; 6]);
    let evaluation = evaluator.evaluate(&trial(&conv, 12)).unwrap();
    assert_eq!((evaluation.valid_accuracy, evaluation.cost_seconds), (0.8, 103.0));
    let network = evaluator.dataset().network.unwrap();
    let counted = table.space().network(&conv, &network).unwrap().cost();
    assert_eq!(
        (evaluation.params, evaluation.macs),
        (Some(1_531_546), Some(counted.macs)),
        "of the networks"
    );
    let published = [("published_macs", 40_500_000.0), ("published_params", 250_000.0)];
    let figures = published.map(|(name, value)| (name.to_owned(), value));
    assert_eq!(evaluation.figures, figures.into(), "of the file");
    assert_eq!(evaluator.test_report(&conv).unwrap().test_accuracy, 0.91);
    assert_eq!(
        (
            evaluator.dataset().search_epochs,
            evaluator.dataset().report_epochs
        ),
        (12, 200)
    );
    assert!(TabularEvaluator::new(table, "cifar100").is_err());

    let line = nats_line(CONV, "cifar10", "200", 777, 1.0, 2.0);
    let twice = format!(
        "{line}{}",
        line.replace("\"test-accuracy\": 2", "\"test-accuracy\": 3")
    );
    let sizes = format!(
        "{line}{}",
        line.replace("\"params\": 0.25", "\"params\": 0.5")
            .replace("777", "888")
    );
    let high = nats_line(CONV, "cifar10", "200", 777, 1.0, 102.0);
    for (text, named) in [
        (twice.as_str(), "line 2: test-accuracy of |nor_conv_3x3~0|"),
        (&sizes, "line 2: params of"),
        (&sizes, "500000 in ones, and 250000 on line 1"),
        (
            &high,
            "line 1: test-accuracy is 1.02 in ones; expected a number from 0 to 1",
        ),
        (&format!("{line}{{\"arch_str\": 3}}\n"), "line 2, column 14"),
        (
            &nats_line(CONV, "svhn", "12", 7, 1.0, 2.0),
            "cifar10-valid, cifar10",
        ),
        (&nats_line("|magic~0|", "cifar10", "12", 7, 1.0, 2.0), "line 1"),
        (
            &nats_line("8:9:8:8:8", "cifar10", "12", 7, 1.0, 2.0),
            "'8:9:8:8:8'",
        ),
        ("{}\n", "arch_str"),
        ("", "0 rows"),
    ] {
        let error = imported(text, nats::import).unwrap_err();
        assert!(error.contains(named), "{named}: {error}");
    }
}

#[test]
fn the_sizes_of_nats_bench_bring_their_space_along() {
    let mut text = String::new();
    for arch in ["8:16:24:32:64", "64:8:8:8:8"] {
        text += &nats_line(arch, "cifar10-valid", "12", 777, 50.0, 1.0);
        text += &nats_line(arch, "cifar10", "90", 777, 50.0, 90.0);
    }
    let table = imported(&text, nats::import).unwrap();
    assert_eq!(
        (table.space().name(), table.space().size()),
        ("nats-sss", 32_768_u32.into())
    );
    assert_eq!(table.row(&Architecture::new([0, 1, 2, 3, 7])), Some(0));
}

#[test]
fn a_file_cannot_ask_for_far_more_than_it_holds() {
    // A seed of its own for each architecture: two thousand columns, all but empty.
    let channels = ["8", "16", "24", "32", "40", "48", "56", "64"];
    let line = |number: usize| {
        let layers = [512, 64, 8, 1].map(|unit| channels[number / unit % 8]);
        nats_line(
            &format!("8:{}", layers.join(":")),
            "cifar10-valid",
            "12",
            number as u64,
            50.0,
            1.0,
        )
    };
    let text: String = (0..2000).map(line).collect();
    let error = imported(&text, nats::import).unwrap_err();
    assert!(error.contains("columns of 2000 rows"), "{error}");
}

#[test]
fn empty_lines_are_passed_over_unless_there_is_no_end_of_them() {
    let empty = format!(
        "{}{}",
        "\n".repeat(1000),
        nats_line(CONV, "cifar10-valid", "12", 7, 50.0, 1.0)
    );
    for (text, named) in [
        (empty.as_str(), "lacks"),
        (&format!("\n{empty}"), "more than 1000 empty lines"),
    ] {
        let error = imported(text, nats::import).unwrap_err();
        assert!(error.contains(named), "{named}: {error}");
    }
}

/// A module as the interface gives it: accuracies of three trainings, the first one's given.
fn nb101_line(matrix: &str, operations: &str, accuracy: f64) -> String {
    let training = |plus: f64| {
        format!(
            "{{\"halfway_training_time\": 1.0, \"final_training_time\": {}, \"final_train_accuracy\": 1.0, \
             \"final_validation_accuracy\": {}, \"final_test_accuracy\": {}}}",
            1000.0 + plus,
            accuracy + plus,
            accuracy + plus - 0.0625
        )
    };
    let trainings = [0.0, 0.03125, 0.0625].map(training).join(", ");
    format!(
        "[{{\"module_adjacency\": {matrix}, \"module_operations\": {operations}, \"trainable_parameters\": 2694282}}, \
         {{\"4\": [{}], \"108\": [{trainings}]}}]\n",
        training(-0.25)
    )
}

#[test]
fn records_of_nas_bench_101_become_a_table_in_which_isomorphic_modules_share_a_row() {
    let two = nb101_line(
        "[[0,1,1,0],[0,0,0,1],[0,0,0,1],[0,0,0,0]]",
        r#"["input", "conv3x3-bn-relu", "maxpool3x3", "output"]"#,
        0.5,
    );
    let one = nb101_line(
        "[[0,1,0],[0,0,1],[0,0,0]]",
        r#"["input", "conv1x1-bn-relu", "output"]"#,
        0.75,
    );
    let table = Arc::new(imported(&format!("{two}{one}"), nb101::import).unwrap());
    let space = table.known_space();
    assert_eq!(
        (space.name(), space.decisions().len(), table.len()),
        ("nb101", 26, 2)
    );
    // Edges 0-1, 0-2, 1-6, 2-6 of seven vertices; max pooling first, then the convolution, and a
    // loose vertex.
    let mut choices = [0; 26];
    for edge in [0, 1, 10, 14] {
        choices[edge] = 1;
    }
    choices[21..24].copy_from_slice(&[2, 0, 1]);
    let isomorphic = Architecture::new(choices);
    space.validate(&isomorphic).unwrap();
    let evaluator = TabularEvaluator::new(Arc::clone(&table), "cifar10").unwrap();
    let evaluation = evaluator.evaluate(&trial(&isomorphic, 108)).unwrap();
    assert!([0.5, 0.53125, 0.5625].contains(&evaluation.valid_accuracy));
    assert!(evaluation.cost_seconds >= 1000.0);
    assert_eq!(evaluator.test_report(&isomorphic).unwrap().test_accuracy, 0.46875);
    assert_eq!(table.epochs(0), [4, 108]);
    let mut rng = Seed::new(1).rng();
    for _ in 0..20 {
        space.validate(&space.sample(&mut rng)).unwrap();
    }
    // It stands for the edge from the input to the output, which the table does not have.
    assert!(space.validate(&Architecture::new([0; 26])).is_err());
    let network = evaluator.dataset().network.unwrap();
    let built = table.space().network(&isomorphic, &network).unwrap();
    assert_eq!(evaluation.params, Some(built.cost().params));

    for (text, named) in [
        (two.replace("maxpool3x3", "maxpool5x5"), "maxpool5x5"),
        (
            two.replace("\"input\"", "\"conv3x3-bn-relu\""),
            "line 1: this is not a module of NAS-Bench-101: its first operation is 'conv3x3-bn-relu'; expected 'input'",
        ),
        (
            two.replace("\"output\"", "\"input\""),
            "its last operation is 'input'; expected 'output'",
        ),
        (
            format!("{one}{}", one.replace("[0,0,1]", "[0,0,0]")),
            "line 2: this is not a module of NAS-Bench-101: no path leads",
        ),
        (
            two.replace("[0,0,0,0]]", "[0,1,0,0]]"),
            "below or on its diagonal",
        ),
        (two.replace("\"input\", ", ""), "3 operations"),
        (two.replace("final_test_accuracy", "test"), "line 1"),
        (format!("{two}{two}"), "twice"),
        (
            two.replace("[0,0,0,1],[0,0,0,1]", "[0,0,0,0],[0,0,0,0]"),
            "not a module",
        ),
    ] {
        let error = imported(&text, nb101::import).unwrap_err();
        assert!(error.contains(named), "{named}: {error}");
    }
}

#[test]
fn nas_bench_macro_is_a_table_that_says_what_its_validation_is() {
    let record = |mean: f64| {
        format!(
            "{{\"test_acc\": [{}, {mean}, {}], \"mean_acc\": {mean}, \"std\": 0.1, \"params\": 1000000, \"flops\": 50000000}}",
            mean - 0.5,
            mean + 0.5
        )
    };
    let text = format!(
        "{{\"00000000\": {}, \"12010212\": {}}}",
        record(80.0),
        record(93.0)
    );
    let table = Arc::new(imported(&text, macro_bench::import).unwrap());
    assert_eq!(
        (table.space().name(), table.space().size()),
        ("nb-macro", 6561_u32.into())
    );
    let evaluator = TabularEvaluator::new(table, "cifar10").unwrap();
    assert!(evaluator.description().contains("validation on test images"));
    let architecture = Architecture::new([1, 2, 0, 1, 0, 2, 1, 2]);
    assert_eq!(evaluator.test_report(&architecture).unwrap().test_accuracy, 0.93);
    let seen = evaluator
        .evaluate(&trial(&architecture, 50))
        .unwrap()
        .valid_accuracy;
    assert!([0.925, 0.93, 0.935].contains(&seen));
    for (text, named) in [
        (text.replace("12010212", "12010213"), "12010213"),
        (
            text.replace("12010212", "00000000"),
            "line 1, column 121: the network '00000000' is there twice",
        ),
        (
            text.replace("\"params\": 1000000", "\"params\": -1"),
            "the network '00000000': a figure of kind Params is -1",
        ),
        (text.replace("12010212", "1201021"), "8 digits"),
        (text.replace("mean_acc", "mean"), "mean"),
        (text.replace("93", "930"), "expected a number from 0 to 1"),
    ] {
        let error = imported(&text, macro_bench::import).unwrap_err();
        assert!(error.contains(named), "{named}: {error}");
    }
}

#[test]
fn the_published_file_of_nas_bench_201_is_imported_as_it_is_read() {
    let path: PathBuf =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/nb201/nb201_acc.csv.gz");
    if !path.is_file() {
        return;
    }
    let read = Arc::new(Table::open(&path).unwrap());
    let imported = Arc::new(nb201::import(&path).unwrap());
    assert!(imported.size() < 2 << 20, "{}", imported.size());
    for dataset in ["cifar10", "cifar100", "imagenet16-120"] {
        let one = TabularEvaluator::new(Arc::clone(&read), dataset).unwrap();
        let other = TabularEvaluator::new(Arc::clone(&imported), dataset).unwrap();
        for row in 0..15_625 {
            let architecture = read.architecture(row).unwrap();
            let trial = trial(&architecture, 12);
            assert_eq!(one.evaluate(&trial), other.evaluate(&trial));
            assert_eq!(
                one.test_report(&architecture).unwrap(),
                other.test_report(&architecture).unwrap()
            );
        }
    }
}
