//! `nas table`, and searches in tables.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use nas_study::Records;

use super::{json, nas, refused, shared, text, wait_for};

/// A benchmark of six networks.
const CSV: &str = "\
width,depth,val4,val12,test12,seconds4,seconds12,params
8,1,50,60,58.5,1,3,0.1
8,2,55,65,64,2,6,0.2
8,3,56,66,66,3,9,0.3
16,1,60,70,69,2,6,0.2
16,2,65,75,74,4,12,0.4
16,3,64,74,75,6,18,0.6
";

const MAPPING: &str = r#"
name = "sizes"
origin = "made up for a test"
[space]
kind = "product"
name = "sizes"
decisions = [
  { name = "width", kind = "width", options = ["8", "16"] },
  { name = "depth", kind = "depth", options = ["1", "2", "3"] },
]
[architecture]
columns = ["width", "depth"]
[[datasets]]
name = "somewhere"
search_epochs = 12
report_epochs = 12
columns = [
  { column = "val4", figure = "valid", epochs = 4, unit = "percent" },
  { column = "val12", figure = "valid", epochs = 12, unit = "percent" },
  { column = "test12", figure = "test", epochs = 12, unit = "percent" },
  { column = "seconds4", figure = "seconds", epochs = 4 },
  { column = "seconds12", figure = "seconds", epochs = 12 },
]
[[columns]]
column = "params"
figure = "params"
unit = "millions"
"#;

#[test]
fn a_csv_of_ones_own_becomes_a_table_that_brings_its_space_along() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    fs::write(path("b.csv"), CSV).unwrap();
    fs::write(path("map.toml"), MAPPING).unwrap();
    let import = ["table", "import", &path("b.csv"), "--format", "csv", "--json"];
    let of_import = json(
        &[
            &import[..],
            &["--mapping", &path("map.toml"), "-o", &path("t.nastab")],
        ]
        .concat(),
    );
    let info = json(&["table", "info", &path("t.nastab"), "--json"]);
    assert_eq!(info, of_import);
    assert_eq!(
        (&info["space"], &info["rows"], &info["complete"]),
        (&"sizes".into(), &6.into(), &true.into())
    );
    assert_eq!(info["datasets"][0]["epochs"], serde_json::json!([4, 12]));
    assert_eq!(info["datasets"][0]["test"]["max"], 0.75);

    // On the simulated clock: no further trial is asked for once 20 seconds are spent.
    let run = path("run");
    let words = "search random --budget-seconds 20 --seed 1 --json";
    let mut args: Vec<&str> = words.split(' ').collect();
    let table = path("t.nastab");
    args.extend(["--table", &table, "--run", &run]);
    let result = json(&args);
    let trials = Records::open(dir.path().join("run/study.db"))
        .unwrap()
        .trials()
        .unwrap();
    let costs: Vec<f64> = trials
        .iter()
        .map(|trial| trial.conclusion.as_ref().unwrap().cost_seconds)
        .collect();
    let spent: f64 = costs.iter().sum();
    assert!(
        spent >= 20.0 && spent - costs[costs.len() - 1] < 20.0,
        "{costs:?}"
    );
    assert_eq!(result["seconds"], spent);
    assert_eq!(result["space"], "sizes");
    assert!(result["best"]["arch"].as_str().unwrap().contains("\"width\""));
    // A run in a table is resumed like any other, and a cheaper training costs what it costs.
    json(&["resume", &run, "--json"]);
    let compared = json(&[
        "compare",
        "random",
        "--table",
        &table,
        "--epochs",
        "4",
        "--seeds",
        "2",
        "--trials",
        "5",
        "--json",
        "--run",
        &path("compared"),
    ]);
    assert_eq!(compared["search_epochs"], 4);

    let message = refused(1, &["search", "pnas", "--table", &table]);
    assert!(message.contains("sizes"), "{message}");
    fs::write(path("b.csv"), CSV.replace("16,3", "16,9")).unwrap();
    let message = refused(
        1,
        &[
            &import[..5],
            &["--mapping", &path("map.toml"), "-o", &path("u.nastab")],
        ]
        .concat(),
    );
    assert!(message.contains("line 7, column 'depth': '9'"), "{message}");
    let message = refused(
        2,
        &[
            "table",
            "import",
            &path("b.csv"),
            "--format",
            "csv",
            "-o",
            &path("u.nastab"),
        ],
    );
    assert!(message.contains("--mapping"), "{message}");
    let message = refused(1, &["table", "info", &path("map.toml")]);
    assert!(message.contains("map.toml"), "{message}");
}

#[test]
fn nas_bench_201_imported_answers_as_its_csv_does() {
    let Some(csv) = shared("nb201/nb201_acc.csv.gz") else {
        return;
    };
    let csv = csv.to_str().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let table = dir.path().join("nb201.nastab");
    let table = table.to_str().unwrap();
    let info = json(&["table", "import", csv, "--format", "nb201", "-o", table, "--json"]);
    assert_eq!(info["rows"], 15_625);
    let best: Vec<f64> = info["datasets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|dataset| dataset["test"]["max"].as_f64().unwrap())
        .collect();
    for (best, published) in best.iter().zip([0.94373, 0.73513, 0.47311]) {
        assert!((best - published).abs() < 5e-6, "{best}");
    }
    let compare = |benchmark: &[&str]| {
        let words = "compare random,evolution --seeds 10 --trials 50 --table-data cifar100 --json";
        let run = dir.path().join(format!("compared-{}", benchmark.concat().len()));
        let run = ["--run", run.to_str().unwrap()];
        let result = json(&[&words.split(' ').collect::<Vec<_>>()[..], benchmark, &run].concat());
        let text = result["evaluators"]["cifar100"].clone();
        assert!(
            text.as_str().unwrap().starts_with("NAS-Bench-201 table "),
            "{text}"
        );
        let mut same = super::compare::timeless(result);
        for identity in ["evaluators", "judged"] {
            same.as_object_mut().unwrap().remove(identity).unwrap();
        }
        same
    };
    let of_csv = compare(&["--benchmark", "nb201", "--table", csv]);
    assert_eq!(compare(&["--benchmark", "nb201"]), of_csv);
    assert_eq!(compare(&["--benchmark", "nb201", "--table", table]), of_csv);
    assert_eq!(compare(&["--table", table]), of_csv);
}

const SPACE: &str =
    "name = \"four\"\nskeleton = \"nb201\"\noperations = [\"none\", \"nor_conv_1x1\"]\nnodes = 2\n";

#[test]
fn a_table_in_the_making_survives_kill_9_and_ends_as_one_that_was_not_killed() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    fs::write(path("four.toml"), SPACE).unwrap();
    let words = "table build --epochs 1,2 --seeds 2 --channels 2 --cells 1 --limit 200 --json --space";
    let (space, killed, straight) = (path("four.toml"), path("killed.nastab"), path("straight.nastab"));
    let build = |out: &str, workers: &'static str| {
        let mut args: Vec<String> = words.split(' ').map(str::to_owned).collect();
        args.extend([
            space.clone(),
            "-o".to_owned(),
            out.to_owned(),
            "--workers".to_owned(),
            workers.to_owned(),
        ]);
        args
    };
    let mut child = Command::new(env!("CARGO_BIN_EXE_nas"))
        .args(build(&killed, "1"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let journal = format!("{killed}.journal");
    let lines = || fs::read_to_string(&journal).map_or(0, |text| text.lines().count());
    wait_for(Duration::from_secs(60), || lines() >= 3);
    child.kill().unwrap();
    child.wait().unwrap();
    let before = fs::read_to_string(&journal).unwrap();
    // As a crash in the middle of a line leaves it.
    fs::write(&journal, format!("{before}{{\"architecture\":[0")).unwrap();
    let as_text = |args: Vec<String>| json(&args.iter().map(String::as_str).collect::<Vec<_>>());
    let first = as_text(build(&killed, "2"));
    let after = fs::read_to_string(&journal).unwrap();
    let kept: Vec<&str> = before.lines().collect();
    assert_eq!(after.lines().take(kept.len()).collect::<Vec<_>>(), kept);
    // Eight architectures: three that pass nothing on, three of one convolution, two in a row, and both ways.
    assert_eq!(first["rows"], 4);
    assert_eq!(after.lines().count(), 1 + 4 * 2);
    let second = as_text(build(&straight, "1"));
    assert_eq!(first["datasets"], second["datasets"]);
    // In the process itself.
    let here = as_text(build(&path("here.nastab"), "0"));
    assert_eq!(first["datasets"], here["datasets"]);
    assert_eq!(first["datasets"][0]["repeats"], 2);
    assert_eq!(
        (&first["complete"], &first["datasets"][0]["seconds"]),
        (&true.into(), &true.into())
    );

    // The same journal with other settings is refused.
    let mut other = build(&killed, "1");
    other[3] = "1,3".to_owned();
    let message = refused(1, &other.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(message.contains("other settings"), "{message}");
    let message = refused(
        2,
        &["table", "build", "--space", "darts", "-o", &path("d.nastab")],
    );
    assert!(message.contains("20,000"), "{message}");
    let message = refused(
        2,
        &[
            "table",
            "build",
            "--space",
            &space,
            "--epochs",
            "3,1",
            "-o",
            &path("d.nastab"),
        ],
    );
    assert!(message.contains("increase"), "{message}");
}

#[test]
fn the_built_in_table_is_described_and_searched() {
    let info = json(&["table", "info", "digits", "--json"]);
    assert_eq!(
        (&info["architectures"], &info["complete"]),
        (&"4096".into(), &true.into())
    );
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    let words = "search evolution --benchmark digits --trials 50 --json --run";
    let mut args: Vec<&str> = words.split(' ').collect();
    args.push(run.to_str().unwrap());
    let result = json(&args);
    assert!(result["test_accuracy"].as_f64().unwrap() > 0.8);
    assert!(result["seconds"].as_f64().unwrap() > 1.0, "simulated");
    assert!(result["pareto"][0]["params"].as_u64().unwrap() > 0);
}

/// A space of two decisions that is no network, and a table of it which says neither sizes nor seconds.
const BARE: &str = r#"
name = "bare"
origin = "made up for a test"
[space]
kind = "product"
name = "bare"
decisions = [
  { name = "a", kind = "number", options = ["0", "1", "2"] },
  { name = "b", kind = "number", options = ["0", "1"] },
]
[architecture]
columns = ["a", "b"]
[[datasets]]
name = "d"
search_epochs = 1
report_epochs = 1
columns = [
  { column = "valid", figure = "valid", epochs = 1, unit = "percent" },
  { column = "test", figure = "test", epochs = 1, unit = "percent" },
]
"#;
const BARE_CSV: &str = "a,b,valid,test\n0,0,10,11\n0,1,20,21\n1,0,30,31\n1,1,40,41\n2,0,50,51\n2,1,60,61\n";

/// Imports a CSV into the folder and gives the table's path.
pub(super) fn imported(dir: &Path, csv: &str, mapping: &str) -> String {
    let path = |name: &str| dir.join(name).to_str().unwrap().to_owned();
    fs::write(path("bare.csv"), csv).unwrap();
    fs::write(path("bare.toml"), mapping).unwrap();
    let table = path("bare.nastab");
    json(&[
        "table",
        "import",
        &path("bare.csv"),
        "--format",
        "csv",
        "--mapping",
        &path("bare.toml"),
        "-o",
        &table,
        "--json",
    ]);
    table
}

pub(super) fn printed(args: &[&str]) -> String {
    let output = nas(args);
    assert!(output.status.success(), "{args:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

#[test]
fn of_a_table_without_sizes_and_seconds_every_command_says_that_they_are_not_known() {
    let dir = tempfile::tempdir().unwrap();
    let table = imported(dir.path(), BARE_CSV, BARE);
    let info = json(&["table", "info", &table, "--json"]);
    let dataset = &info["datasets"][0];
    assert_eq!(dataset["objectives"], serde_json::json!(["accuracy"]));
    assert_eq!(dataset["sizes"]["params"]["rows"], 0);
    assert!(dataset["sizes"]["macs"]["min"].is_null());
    let described = printed(&["table", "info", &table]);
    assert!(
        described.contains("params   not known") && described.contains("macs     not known"),
        "{described}"
    );
    for method in ["random", "evolution", "local-search", "rl"] {
        let run = dir.path().join(method);
        let path = run.to_str().unwrap();
        let found = json(&[
            "search", method, "--table", &table, "--trials", "4", "--run", path, "--json",
        ]);
        assert!(found["best"]["params"].is_null() && found["best"]["macs"].is_null());
        assert!(found["pareto"].is_null(), "nothing to weigh the accuracy against");
        let again = printed(&["resume", path]);
        assert!(
            again.contains("parameters and multiply-accumulates not known")
                && again.contains("seconds not in the table"),
            "{again}"
        );
        assert!(printed(&["status", path]).contains("seconds not in the table"));
        let page = super::report::page_of(&run);
        for part in [
            "<dt>Parameters</dt><dd>not known</dd>",
            "multiply-accumulates not known",
            "Parameters and multiply-accumulates of these architectures are unknown",
            "not known: the table does not have them",
        ] {
            assert!(page.contains(part), "{method}: {part}");
        }
        for wrong in ["NaN", ">0.00 M<", ">0.0<"] {
            assert!(!page.contains(wrong), "{method}: {wrong}");
        }
        let shown = printed(&["show", path]);
        assert!(
            shown.contains("params  not known") && shown.contains("  a = ") && shown.contains("  b = "),
            "{shown}"
        );
        assert!(json(&["show", path, "--json"])["params"].is_null());
    }
    let compared = dir.path().join("compared");
    let words = "compare random,evolution,local-search,rl --seeds 2 --trials 4 --table";
    let mut args: Vec<&str> = words.split(' ').collect();
    args.extend([&table, "--run", compared.to_str().unwrap()]);
    printed(&args);
    for file in ["report.html", "runs.csv", "comparison.json"] {
        let content = fs::read_to_string(compared.join(file)).unwrap();
        assert!(!content.contains("NaN"), "{file}");
    }
}

#[test]
fn a_table_that_knows_one_size_shows_it_and_says_that_the_other_is_not_known() {
    let dir = tempfile::tempdir().unwrap();
    let csv = "a,b,valid,test,macs\n0,0,10,11,5\n0,1,20,21,6\n1,0,30,31,7\n1,1,40,41,8\n2,0,50,51,9\n2,1,60,61,10\n";
    let mapping = format!("{BARE}[[columns]]\ncolumn = \"macs\"\nfigure = \"macs\"\nunit = \"millions\"\n");
    let table = imported(dir.path(), csv, &mapping);
    let info = json(&["table", "info", &table, "--json"]);
    let dataset = &info["datasets"][0];
    assert_eq!(dataset["objectives"], serde_json::json!(["accuracy", "macs"]));
    assert_eq!(dataset["sizes"]["macs"]["max"], 10_000_000);
    let run = dir.path().join("run");
    let path = run.to_str().unwrap();
    let found = json(&[
        "search", "random", "--table", &table, "--trials", "6", "--run", path, "--json",
    ]);
    assert_eq!(found["best"]["macs"], 10_000_000);
    assert!(found["best"]["params"].is_null());
    assert_eq!(found["pareto"].as_array().unwrap().len(), 6);
    assert!(found["pareto"][0]["params"].is_null());
    let page = super::report::page_of(&run);
    assert!(page.contains("Validation accuracy and multiply-accumulates"));
    assert!(page.contains(&format!("It needs the table {table}")));
    assert!(page.contains("<dt>Parameters</dt><dd>not known</dd>") && page.contains("10.00 M"));
    let shown = printed(&["show", path]);
    assert!(
        shown.contains("params  not known") && shown.contains("MACs    10,000,000"),
        "{shown}"
    );
}

#[test]
fn a_method_that_cannot_search_a_table_is_refused_before_there_is_a_run_directory() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    let path = run.to_str().unwrap();
    // Four of NAS-Bench-201's 15,625 cells.
    let csv = "cell,valid,test\n|nor_conv_3x3~0|+|none~0|none~1|+|none~0|none~1|nor_conv_3x3~2|,50,50\n";
    let mapping = BARE
        .replace("kind = \"product\"\nname = \"bare\"", "kind = \"nb201\"")
        .replace(
            "columns = [\"a\", \"b\"]",
            "column = \"cell\"\nform = \"genotype\"",
        );
    let begin = mapping.find("decisions").unwrap();
    let end = mapping.find("[architecture]").unwrap();
    let mapping = format!("{}{}", &mapping[..begin], &mapping[end..]);
    let table = imported(dir.path(), csv, &mapping);
    let message = refused(
        1,
        &[
            "search", "pnas", "--table", &table, "--trials", "4", "--run", path,
        ],
    );
    assert!(message.contains("knows 1 of the 15625"), "{message}");
    assert!(!run.exists());
}

/// Eight decisions of two options, of whose 256 architectures eight have a row.
const FEW: &str = "arch,valid,test,params
00000000,0.50,0.50,10
00011111,0.54,0.54,20
00100101,0.61,0.60,30
01000010,0.57,0.55,40
01011001,0.52,0.53,50
10010110,0.66,0.64,60
11000011,0.63,0.65,70
11111111,0.59,0.58,80
";

fn mapping_of_few() -> String {
    let decisions: Vec<String> = "abcdefgh"
        .chars()
        .map(|name| format!(r#"{{ name = "{name}", kind = "k", options = ["x", "y"] }}"#))
        .collect();
    format!(
        r#"name = "few"
[space]
kind = "product"
name = "few"
decisions = [{}]
[architecture]
column = "arch"
form = "digits"
[[datasets]]
name = "d"
search_epochs = 1
report_epochs = 1
columns = [
  {{ column = "valid", figure = "valid", epochs = 1 }},
  {{ column = "test", figure = "test", epochs = 1 }},
]
[[columns]]
column = "params"
figure = "params"
"#,
        decisions.join(", ")
    )
}

#[test]
fn every_method_proposes_only_what_a_table_has_and_the_limits_allow() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    fs::write(path("few.csv"), FEW).unwrap();
    fs::write(path("map.toml"), mapping_of_few()).unwrap();
    let (csv, map, table) = (path("few.csv"), path("map.toml"), path("few.nastab"));
    json(&[
        "table",
        "import",
        &csv,
        "--format",
        "csv",
        "--mapping",
        &map,
        "-o",
        &table,
        "--json",
    ]);
    for (limit, rows) in [(None, 8), (Some("45"), 4)] {
        for method in ["random", "evolution", "local-search", "rl"] {
            if (limit, method) == (Some("45"), "random") {
                continue;
            }
            let run = path(&format!("{method}-{rows}"));
            let mut args = vec![
                "search", method, "--table", &table, "--trials", "20", "--json", "--run", &run,
            ];
            args.extend(limit.iter().flat_map(|limit| ["--max-params", limit]));
            json(&args);
            let records = Records::open(dir.path().join(&run).join("study.db")).unwrap();
            let mut seen = std::collections::BTreeSet::new();
            for record in records.trials().unwrap() {
                let trained = record.conclusion.unwrap().result;
                assert!(trained.is_ok(), "{method}: {trained:?}");
                assert!(limit.is_none() || trained.unwrap().params <= Some(45), "{method}");
                seen.insert(record.trial.architecture);
            }
            assert!((2..=rows).contains(&seen.len()), "{method}: {seen:?}");
        }
    }
}
