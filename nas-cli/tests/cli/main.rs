//! The program as a user meets it.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "clippy.toml lets tests do so, but not the functions beside them"
)]

mod axe;
mod bananas;
#[cfg(unix)]
mod cluster;
mod compare;
mod compare_supernets;
mod darts;
mod enas;
mod export;
#[cfg(unix)]
mod faults;
mod fidelities;
mod halving;
#[cfg(unix)]
mod hostile;
mod hyperband;
mod imports;
mod killed;
mod limits;
mod memory;
mod metric;
mod nb101;
mod new;
mod own_data;
mod own_training;
mod pnas;
mod predict;
mod profile;
mod readers;
mod report;
mod rl;
mod score;
mod scoring;
mod screening;
mod serve;
mod serve_browser;
#[cfg(unix)]
mod signals;
mod sizes;
mod soft_limits;
mod spos;
mod tables;
mod tested;
mod tools;
mod workers;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use nas_study::{Records, TrialRecord};
use serde_json::Value;

fn nas(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_nas"))
        .args(args)
        .env_remove("NAS_DATA_DIR")
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// The one JSON object on stdout.
fn json(args: &[&str]) -> Value {
    let output = nas(args);
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{args:?}: {stderr}");
    assert_eq!(
        stdout.lines().count(),
        1,
        "{args:?} prints more than one line: {stdout}"
    );
    serde_json::from_str(&stdout).unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The message of a call that fails with exit code `code`, and prints nothing on stdout.
fn refused(code: i32, args: &[&str]) -> String {
    let output = nas(args);
    assert_eq!(
        output.status.code(),
        Some(code),
        "{args:?}: {}",
        text(&output.stderr)
    );
    assert!(
        output.stdout.is_empty(),
        "{args:?} printed {}",
        text(&output.stdout)
    );
    text(&output.stderr)
}

/// The file of this name in the shared data folder; says so where there is none.
fn shared(file: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../shared/data")
        .join(file);
    if path.exists() {
        return Some(path);
    }
    println!("skipped: there is no {}", path.display());
    None
}

/// A search of a second or two that really trains.
fn tiny_search(run: &Path) -> Vec<String> {
    let words = "search random --data digits --limit 200 --channels 2 --trials 6 --epochs 1 --final-epochs 1 --seed 3";
    let mut args: Vec<String> = words.split(' ').map(str::to_owned).collect();
    args.extend(["--json".to_owned(), "--run".to_owned(), run.display().to_string()]);
    args
}

fn borrowed(args: &[String]) -> Vec<&str> {
    args.iter().map(String::as_str).collect()
}

#[test]
fn show_counts_the_published_sizes() {
    let words = "show DARTS_V2 --channels 36 --cells 20 --classes 10 --image 3x32x32 --json";
    let darts = json(&words.split(' ').collect::<Vec<_>>());
    assert_eq!(darts["params"], 3_349_342);
    assert_eq!(darts["macs"].as_f64().unwrap().round() / 1e6, 528.359_040);
    let cell =
        "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|nor_conv_3x3~0|nor_conv_3x3~1|nor_conv_3x3~2|";
    let nb201 = json(&[
        "show",
        cell,
        "--channels",
        "16",
        "--cells",
        "5",
        "--format",
        "json",
    ]);
    assert_eq!(
        (&nb201["params"], &nb201["arch"]),
        (&1_531_546.into(), &cell.into())
    );
}

#[test]
fn show_draws_every_named_architecture() {
    let listing = json(&["list", "--json"]);
    for row in listing["architectures"].as_array().unwrap() {
        let name = row["name"].as_str().unwrap();
        let svg = nas(&["show", name, "--format", "svg"]);
        assert!(
            text(&svg.stdout).starts_with("<svg") || text(&svg.stdout).starts_with("<?xml"),
            "{name}"
        );
        assert!(
            text(&nas(&["show", name, "--format", "dot"]).stdout).starts_with("digraph"),
            "{name}"
        );
    }
}

#[test]
fn a_hierarchy_is_found_shown_by_its_levels_and_drawn_with_its_motifs() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    let mut args: Vec<String> =
        "search random --space hierarchical --trials 2 --epochs 1 --final-epochs 1 --channels 4 \
                                 --limit 200 --seed 2 --json"
            .split_whitespace()
            .map(str::to_owned)
            .collect();
    args.extend(["--run".to_owned(), run.to_str().unwrap().to_owned()]);
    let found = json(&borrowed(&args));
    assert_eq!(
        (&found["space"], &found["trials"], &found["failed"]),
        (&"hierarchical".into(), &2.into(), &0.into())
    );
    let genotype = dir.path().join("genotype.json");
    std::fs::write(&genotype, found["best"]["arch"].as_str().unwrap()).unwrap();
    let genotype = genotype.to_str().unwrap();
    let shown = json(&["show", genotype, "--json"]);
    assert_eq!(shown["arch"], found["best"]["arch"]);
    assert_eq!(shown["genotype"]["kind"], "hierarchical");
    let described = text(&nas(&["show", genotype]).stdout);
    for part in [
        "level 2\n  motif0\n    1 = ",
        "level 3\n  motif0\n    1 = ",
        "5 cells per stage",
        "flattened to ",
    ] {
        assert!(described.contains(part), "{part} in {described}");
    }
    let dot = text(&nas(&["show", genotype, "--format", "dot"]).stdout);
    let svg = text(&nas(&["show", genotype, "--format", "svg"]).stdout);
    let motifs = svg.matches("level 2, motif ").count();
    assert!(motifs > 0, "{svg}");
    assert_eq!(dot.matches("subgraph cluster_").count(), 1 + motifs);
}

#[test]
fn a_wrong_name_is_bad_usage_and_lists_the_right_ones_at_every_command() {
    for (words, name, right) in [
        ("search magic", "METHOD", "random"),
        (
            "search --space magic",
            "--space",
            "darts, nb101, nb201, pnas, nasnet, chain, enas-macro, mobile, hierarchical",
        ),
        ("search --data magic", "--data", "fashion-mnist"),
        ("search --benchmark magic --table t", "--benchmark", "nb201"),
        (
            "search --benchmark nb201 --table t --table-data magic",
            "--table-data",
            "imagenet16-120",
        ),
        ("search --device magic", "--device", "cuda"),
        ("search --relaxation magic", "--relaxation", "pc-darts"),
        ("search --order 3", "--order", "1, 2"),
        ("search --selection magic", "--selection", "perturbation"),
        ("search --stop magic", "--stop", "darts-plus"),
        ("search nsga2 --objectives energy", "--objectives", "macs"),
        ("search evolution --removal best", "--removal", "oldest"),
        ("train DARTS_V9", "ARCH", "DARTS_V2"),
        ("train DARTS_V2 --data magic", "--data", "digits"),
        ("train DARTS_V2 --device cuda:x", "--device", "cuda:N"),
        ("search --tf32", "tf32", "cuda"),
        ("search --device cuda --tf32=maybe", "--tf32", "true, false"),
        ("train DARTS_V2 --device metal --tf32", "--tf32", "cuda:N"),
        ("show DARTS_V9", "ARCH", "PDARTS"),
        ("show DARTS_V2 --format png", "--format", "svg"),
        ("test file --device magic", "--device", "metal"),
    ] {
        let args: Vec<&str> = words.split(' ').collect();
        let message = refused(2, &args);
        assert!(
            message.contains(name) && message.contains(right),
            "{words}: {message}"
        );
    }
}

#[test]
fn what_is_missing_fails_and_is_named() {
    for args in [
        ["test", "no-such-file"],
        ["resume", "no-such-run"],
        ["search", "--config=no-such-file"],
        ["search", "--space=no-such-file.toml"],
        ["search", "--table=no-such-file"],
    ] {
        let message = refused(1, &args);
        assert!(message.contains("no-such-"), "{args:?}: {message}");
    }
}

#[test]
fn bad_usage_exits_with_2() {
    refused(2, &["frobnicate"]);
    refused(2, &["search", "--trials", "many"]);
    refused(2, &["show", "DARTS_V2", "--image", "32"]);
    refused(2, &["list", "--threads", "0"]);
    for command in [
        &["train", "DARTS_V2"][..],
        &["search", "random", "--data", "digits"],
    ] {
        let message = refused(2, &[command, &["--data-dir", "here"]].concat());
        assert!(message.contains("digits is built in"), "{message}");
    }
    let table = ["search", "random", "--benchmark", "nb201", "--table", "t"];
    for (extra, named) in [
        (&["--data", "digits"][..], "--data"),
        (&["--data-dir", "here"], "--data-dir"),
        (&["--channels", "3"], "--channels"),
        (&["--limit", "9"], "--limit"),
        (&["--search-epochs", "9"], "--search-epochs"),
    ] {
        let message = refused(2, &[&table[..], extra].concat());
        assert!(message.contains(named), "{extra:?}: {message}");
    }
    for format in ["svg", "dot"] {
        let message = refused(2, &["show", "DARTS_V2", "--json", "--format", format]);
        assert!(message.contains("--format"), "{message}");
    }
}

#[test]
fn numbers_out_of_range_are_refused_before_anything_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    let run = run.to_str().unwrap();
    for (flag, value) in [
        ("--trials", "0"),
        ("--budget-seconds", "0"),
        ("--budget-seconds", "inf"),
        ("--epochs", "0"),
        ("--final-epochs", "0"),
        ("--channels", "0"),
        ("--cells", "0"),
        ("--batch", "0"),
        ("--batch-size", "1"),
        ("--learning-rate", "-1"),
        ("--workers", "-1"),
        ("--trial-timeout", "0"),
        ("--trial-memory", "many"),
        ("--limit", "0"),
        ("--search-epochs", "0"),
        ("--search-channels", "0"),
        ("--search-cells", "0"),
        ("--search-batch", "1"),
        ("--hessian-every", "-1"),
        ("--max-params", "0"),
        ("--max-macs", "-3"),
        ("--tournament-share", "0"),
        ("--tournament-share", "1.5"),
        ("--seed", "9223372036854775808"),
    ] {
        let typed = format!("{flag}={value}");
        let message = refused(2, &["search", "--run", run, &typed]);
        assert!(message.contains(flag), "{typed}: {message}");
        assert!(!Path::new(run).exists(), "{typed} left a run directory behind");
    }
    for typed in ["--valid-fraction=1", "--drop-path=1", "--epochs=0"] {
        let message = refused(2, &["train", "NB201_RESNET", typed]);
        assert!(message.contains(typed.split('=').next().unwrap()), "{message}");
    }
}

#[test]
fn a_missing_data_set_says_where_it_can_be_had() {
    let message = refused(
        1,
        &[
            "train",
            "NB201_RESNET",
            "--data",
            "fashion-mnist",
            "--data-dir",
            "/nonexistent",
        ],
    );
    assert!(
        message.contains("train-images-idx3-ubyte") && message.contains("github.com/zalandoresearch"),
        "{message}"
    );
}

#[test]
fn a_search_trains_stores_tests_and_never_overwrites() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    let args = tiny_search(&run);
    let result = json(&borrowed(&args));
    assert_eq!((&result["trials"], &result["failed"]), (&6.into(), &0.into()));
    assert_eq!(
        (&result["method"], &result["space"], &result["seed"]),
        (&"random".into(), &"nb201".into(), &3.into())
    );
    for accuracy in [&result["best"]["valid_accuracy"], &result["test_accuracy"]] {
        assert!((0.0..=1.0).contains(&accuracy.as_f64().unwrap()), "{result}");
    }
    for file in [
        "config.toml",
        "study.db",
        "best.json",
        "final.json",
        "network.safetensors",
    ] {
        assert!(run.join(file).is_file(), "{file}");
    }
    let study = Records::open(run.join("study.db"))
        .unwrap()
        .study()
        .unwrap()
        .unwrap();
    assert_eq!(study.config.parameters, r#"{"duplicates":"without"}"#);
    let message = refused(1, &borrowed(&args));
    assert!(message.contains("nas resume"), "{message}");
    let again = json(&["resume", run.to_str().unwrap(), "--json"]);
    assert_eq!(again, result, "resuming what is finished changes nothing");

    let saved = run.join("network.safetensors");
    let tested = json(&["test", saved.to_str().unwrap(), "--json"]);
    assert_eq!(tested["test_accuracy"], result["test_accuracy"]);
    assert_eq!(json(&["test", run.to_str().unwrap(), "--json"]), tested);
    let shown = json(&["show", run.to_str().unwrap(), "--json"]);
    assert_eq!(shown["arch"], result["best"]["arch"]);
    assert_eq!(
        shown["params"], result["final"]["params"],
        "in the size of the run"
    );
    assert_eq!(
        (&shown["image"], &shown["channels"], &shown["cells"]),
        (&"1x8x8".into(), &2.into(), &1.into())
    );
    let larger = json(&["show", run.to_str().unwrap(), "--channels", "4", "--json"]);
    assert_eq!(
        (&larger["image"], &larger["channels"]),
        (&"1x8x8".into(), &4.into())
    );
    let trained = json(&[
        "train",
        run.to_str().unwrap(),
        "--epochs",
        "1",
        "--limit",
        "100",
        "--json",
    ]);
    assert_eq!(
        (&trained["data"], &trained["params"]),
        (&"digits".into(), &result["final"]["params"])
    );
}

/// Waits until `done`, at most this long.
#[expect(clippy::disallowed_methods, reason = "a test that kills needs a clock")]
fn wait_for(limit: Duration, done: impl Fn() -> bool) {
    let start = Instant::now();
    while start.elapsed() < limit && !done() {
        // Leaves the cores to the process that is waited for.
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_resume_that_fails_and_one_cut_off_between_its_two_writes_leave_a_run_that_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    let path = run.to_str().unwrap();
    let first = json(&borrowed(&tiny_search(&run)));
    let config = fs::read_to_string(run.join("config.toml")).unwrap();
    let message = refused(2, &["resume", path, "--trials", "5"]);
    assert!(message.contains("--trials") && message.contains('6'), "{message}");
    assert_eq!(fs::read_to_string(run.join("config.toml")).unwrap(), config);
    assert_eq!(json(&["resume", path, "--json"]), first);
    // What is there once the configuration is written, and the store is not.
    fs::write(
        run.join("config.toml"),
        config.replace("trials = 6", "trials = 8"),
    )
    .unwrap();
    assert_eq!(json(&["resume", path, "--json"])["trials"], 8);
    assert_eq!(
        json(&["resume", path, "--trials", "8", "--json"])["trials"],
        8,
        "and again"
    );
}

#[test]
fn a_network_that_could_not_be_saved_is_not_trained() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("missing/network");
    for out in [missing.as_path(), dir.path()] {
        let args = ["train", "NB201_RESNET", "--out", out.to_str().unwrap()];
        let message = refused(1, &args);
        assert!(message.contains("--out"), "{message}");
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn an_architecture_with_a_long_name_can_be_trained() {
    let dir = tempfile::tempdir().unwrap();
    let space = dir.path().join("space.toml");
    // More decisions than a file's name has bytes.
    let lines = [
        "name = 'long'",
        "skeleton = 'nb201'",
        "operations = ['none', 'skip_connect', 'nor_conv_1x1']",
        "nodes = 16",
    ];
    fs::write(&space, lines.join("\n")).unwrap();
    let run = dir.path().join("run");
    let mut args = tiny_search(&run);
    args.extend(["--space".to_owned(), space.display().to_string()]);
    let trials = args.iter().position(|word| word == "6").unwrap();
    args[trials] = "1".to_owned();
    let result = json(&borrowed(&args));
    assert!(result["final"]["arch"].to_string().len() > 255, "{result}");
}

#[test]
fn the_folder_typed_comes_before_the_one_on_record_and_that_before_the_environments() {
    let dir = tempfile::tempdir().unwrap();
    let message = |folder: &str, args: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_nas"))
            .args(args)
            .env("NAS_DATA_DIR", folder)
            .current_dir(dir.path())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1));
        text(&output.stderr)
    };
    let train = ["train", "NB201_RESNET", "--data", "mnist"];
    assert!(message("", &train).contains("not built in"));
    assert!(message("/of-environment", &train).contains("/of-environment"));
    let typed = message(
        "/of-environment",
        &[&train[..], &["--data-dir", "/typed"]].concat(),
    );
    assert!(
        typed.contains("/typed/") && !typed.contains("/of-environment"),
        "{typed}"
    );
    // A run directory whose data set is not where it was.
    let run = dir.path().join("run");
    json(&borrowed(&tiny_search(&run)));
    let config = fs::read_to_string(run.join("config.toml")).unwrap();
    let moved = config.replace("data = \"digits\"", "data = \"mnist\"\ndata_dir = \"/recorded\"");
    fs::write(run.join("config.toml"), &moved).unwrap();
    for command in [
        &["resume", "run"][..],
        &["train", "run"],
        &["search", "--config", "run/config.toml", "--run", "other"],
    ] {
        let recorded = message("/of-environment", command);
        assert!(recorded.contains("/recorded/"), "{command:?}: {recorded}");
        let typed = message(
            "/of-environment",
            &[command, &["--data-dir", "relative"]].concat(),
        );
        let absolute = dir.path().join("relative/mnist");
        assert!(typed.contains(absolute.to_str().unwrap()), "{command:?}: {typed}");
    }
    assert_eq!(fs::read_to_string(run.join("config.toml")).unwrap(), moved);
    assert!(!dir.path().join("other").exists());
}

#[test]
fn more_trials_can_be_added_to_a_run() {
    let dir = tempfile::tempdir().unwrap();
    let (short, long) = (dir.path().join("short"), dir.path().join("long"));
    let mut args = tiny_search(&long);
    args.extend(["--trials".to_owned(), "8".to_owned()]);
    args.retain(|word| word != "6");
    let first = args.iter().position(|word| word == "--trials").unwrap();
    args.remove(first);
    let whole = json(&borrowed(&args));
    json(&borrowed(&tiny_search(&short)));
    let extended = json(&["resume", short.to_str().unwrap(), "--trials", "8", "--json"]);
    assert_eq!(
        (&extended["trials"], &extended["best"]),
        (&8.into(), &whole["best"])
    );
}

#[test]
fn a_table_is_searched_on_validation_and_reported_on_test() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    let args = ["search", "random", "--benchmark", "nb201", "--trials", "100"];
    let result = json(&[&args[..], &["--run", run.to_str().unwrap(), "--json"]].concat());
    assert_eq!(result["trials"], 100);
    let (valid, test) = (&result["best"]["valid_accuracy"], &result["test_accuracy"]);
    assert!(
        (0.80..0.86).contains(&valid.as_f64().unwrap()),
        "12-epoch validation: {valid}"
    );
    assert!(
        (0.90..0.944).contains(&test.as_f64().unwrap()),
        "200-epoch test: {test}"
    );
    let run = dir.path().join("run16");
    let args = [
        &args[..],
        &["--table-data", "imagenet16", "--run", run.to_str().unwrap()],
    ]
    .concat();
    assert!(nas(&args).status.success(), "the short name goes too");
    assert!(
        fs::read_to_string(run.join("config.toml"))
            .unwrap()
            .contains("imagenet16-120")
    );
}
