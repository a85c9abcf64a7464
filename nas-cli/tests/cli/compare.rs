//! `nas compare`.

use nas_study::compare::signed_rank;

use super::*;

/// A comparison in this directory.
fn compare(run: &Path, words: &str) -> Value {
    let run = run.display().to_string();
    let mut args = vec!["compare", "--json", "--run", &run];
    args.extend(words.split_whitespace());
    json(&args)
}

/// Without what depends on clocks, on the directory and on the number of threads.
pub(super) fn timeless(mut result: Value) -> Value {
    fn strip(value: &mut Value) {
        match value {
            Value::Object(fields) => {
                fields.retain(|key, _| {
                    !key.contains("seconds") && key != "valid_curves" && key != "test_curves"
                });
                fields.values_mut().for_each(strip);
            }
            Value::Array(values) => values.iter_mut().for_each(strip),
            _ => {}
        }
    }
    for key in ["run", "report", "command", "environment"] {
        result.as_object_mut().unwrap().remove(key).unwrap();
    }
    strip(&mut result);
    result
}

#[test]
fn methods_are_compared_on_the_same_seeds_whatever_the_threads() {
    let dir = tempfile::tempdir().unwrap();
    let run = |threads: u32, jobs: u32| {
        let words = format!(
            "random,evolution,local-search --seeds 40 --trials 100 --threads {threads} --jobs {jobs}"
        );
        compare(&dir.path().join(format!("{threads}-{jobs}")), &words)
    };
    let result = run(2, 2);
    for (threads, jobs) in [(1, 1), (2, 1)] {
        let other = run(threads, jobs);
        assert_eq!(timeless(other), timeless(result.clone()), "{threads} threads");
    }
    let random = &result["methods"]["random"];
    let mean = |figure: &str| {
        let runs = random["runs"].as_array().unwrap();
        assert_eq!(runs.len(), 40);
        runs.iter().map(|run| run[figure].as_f64().unwrap()).sum::<f64>() / 40.0
    };
    assert!((mean("test_accuracy") - random["test_mean"].as_f64().unwrap()).abs() < 1e-12);
    assert!((mean("valid_accuracy") - random["valid_mean"].as_f64().unwrap()).abs() < 1e-12);
    let task = &result["tasks"]["cifar10"];
    let regret = task["best_test"].as_f64().unwrap() - mean("test_accuracy");
    assert!((random["regret_mean"].as_f64().unwrap() - regret).abs() < 1e-12);
    // What 500 seeds give is 93.75 ± 0.35 %: four standard errors of 40.
    assert!((mean("test_accuracy") - 0.9375).abs() < 4.0 * 0.0035 / 40.0_f64.sqrt());
    // Uniform draws are worth less than the best of a hundred.
    assert!(random["relative_improvement"].as_f64().unwrap() > 0.0);
    let pairs = result["pairs"].as_array().unwrap();
    assert_eq!((pairs.len(), &result["pairs"]), (3, &task["pairs"]));
    assert_eq!(
        (&pairs[0]["a"], &pairs[0]["b"]),
        (&"random".into(), &"evolution".into())
    );
    for pair in pairs {
        assert!((0.0..=1.0).contains(&pair["p_value"].as_f64().unwrap()));
        assert!((0.0..=1.0).contains(&pair["effect"].as_f64().unwrap()));
    }
    // The curve over trials ends at the mean of the runs.
    let curve = &random["test_curves"][0];
    let last = curve["estimates"].as_array().unwrap().last().unwrap();
    assert!((last["mean"].as_f64().unwrap() - mean("test_accuracy")).abs() < 1e-12);
    assert_eq!(curve["spent"].as_array().unwrap().last().unwrap(), 100.0);
    let csv = fs::read_to_string(dir.path().join("2-2/runs.csv")).unwrap();
    assert_eq!(csv.lines().count(), 121);
    let on_file: Value =
        serde_json::from_str(&fs::read_to_string(dir.path().join("2-2/comparison.json")).unwrap()).unwrap();
    assert_eq!(on_file, result);
}

#[test]
fn a_run_of_a_comparison_is_the_search_of_that_seed() {
    let dir = tempfile::tempdir().unwrap();
    let words = "evolution --seeds 4 --trials 30";
    let compared = compare(&dir.path().join("compared"), words);
    let run = dir.path().join("run").display().to_string();
    let words = format!("search evolution --seed 3 --benchmark nb201 --trials 30 --json --run {run}");
    let searched = json(&words.split(' ').collect::<Vec<_>>());
    let run = &compared["methods"]["evolution"]["runs"][3];
    assert_eq!(run["seed"], 3);
    assert_eq!(run["valid_accuracy"], searched["best"]["valid_accuracy"]);
    assert_eq!(run["test_accuracy"], searched["test_accuracy"]);
    // Random search is compared with where it is not named.
    assert!(compared["methods"]["random"].is_object());
}

#[test]
fn without_a_table_all_methods_are_compared_on_the_one_that_is_built_in() {
    let dir = tempfile::tempdir().unwrap();
    let result = compare(&dir.path().join("run"), "--seeds 6 --trials 60");
    assert_eq!(result["space"], "nb201");
    let methods = result["methods"].as_object().unwrap();
    let best = result["tasks"].as_object().unwrap().values().next().unwrap()["best_test"]
        .as_f64()
        .unwrap();
    for method in [
        "random",
        "evolution",
        "nsga2",
        "local-search",
        "bananas",
        "pnas",
        "rl",
    ] {
        let standing = &methods[method];
        let mean = standing["test_mean"].as_f64().unwrap();
        assert!(mean > 0.9 && mean <= best, "{method}: {mean}");
        let runs = standing["runs"].as_array().unwrap();
        assert!(runs.iter().all(|run| run["failed"] == 0), "{method}: {runs:?}");
        assert!(result["settings"][method].is_object(), "{method}");
    }
    assert!(!result["verdict"].as_array().unwrap().is_empty());
    let page = fs::read_to_string(result["report"].as_str().unwrap()).unwrap();
    assert!(page.contains("local-search") && page.contains("<svg"));
}

#[test]
fn several_data_sets_are_several_tasks() {
    let dir = tempfile::tempdir().unwrap();
    let words = "evolution --seeds 5 --trials 40 --table-data cifar10,cifar100";
    let result = compare(&dir.path().join("run"), words);
    let tasks = result["tasks"].as_object().unwrap();
    assert_eq!(tasks.keys().collect::<Vec<_>>(), ["cifar10", "cifar100"]);
    let mean = |task: &str| tasks[task]["methods"]["evolution"]["test_mean"].as_f64().unwrap();
    assert!(mean("cifar10") > 0.9 && mean("cifar100") < 0.75);
    assert_eq!(result["ranks"]["blocks"], 10);
    assert!(result.get("methods").is_none(), "of which task?");
}

#[test]
fn a_comparison_goes_on_and_takes_more_seeds() {
    let dir = tempfile::tempdir().unwrap();
    let words = "random,again=random,pnas --trials 20";
    let grown = dir.path().join("grown");
    let few = compare(&grown, &format!("{words} --seeds 3"));
    let journal = fs::read_to_string(grown.join("runs.jsonl")).unwrap();
    // The second copy has other random numbers.
    assert_ne!(few["methods"]["random"]["runs"], few["methods"]["again"]["runs"]);
    let more = compare(&grown, &format!("{words} --seeds 5"));
    assert!(
        fs::read_to_string(grown.join("runs.jsonl"))
            .unwrap()
            .starts_with(&journal)
    );
    let whole = compare(&dir.path().join("whole"), &format!("{words} --seeds 5"));
    assert_eq!(timeless(more), timeless(whole));
    let other = format!(
        "compare random,again=random,pnas --trials 21 --run {}",
        grown.display()
    );
    let message = refused(1, &other.split(' ').collect::<Vec<_>>());
    assert!(
        message.contains("another comparison") && message.contains("21"),
        "{message}"
    );
}

#[test]
fn methods_are_compared_by_training_and_a_killed_comparison_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let words = "random,evolution --data digits --limit 150 --space nb201 --channels 2 --cells 1 --trials 3 --epochs 1 \
                 --final-epochs 1 --seeds 2";
    let whole = compare(&dir.path().join("whole"), words);
    assert_eq!(
        (&whole["seeds"], &whole["budget"]["trials"]),
        (&2.into(), &3.into())
    );
    let runs = whole["methods"]["random"]["runs"].as_array().unwrap();
    assert!(
        runs.iter()
            .all(|run| run["trial_seconds"].as_f64().unwrap() > 0.0)
    );
    assert!(runs[0]["final_seconds"].as_f64().unwrap() > 0.0);
    let judged = whole["judged"]["digits"].as_str().unwrap();
    assert!(
        judged.starts_with("training on 150 training images of digits"),
        "{judged}"
    );
    let run = dir.path().join("killed");
    let mut child = Command::new(env!("CARGO_BIN_EXE_nas"))
        .args(["compare", "--json", "--run", run.to_str().unwrap()])
        .args(words.split_whitespace())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait_for(Duration::from_secs(60), || run.join("runs").is_dir());
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(timeless(compare(&run, words)), timeless(whole));
}

/// Random search against itself, in 200 comparisons of 12 pairs.
#[test]
fn two_copies_of_one_method_differ_significantly_in_no_more_than_five_percent() {
    let dir = tempfile::tempdir().unwrap();
    let result = compare(
        &dir.path().join("run"),
        "random,copy=random --trials 10 --seeds 2400",
    );
    let tested = |method: &str| -> Vec<f64> {
        let runs = result["methods"][method]["runs"].as_array().unwrap();
        runs.iter()
            .map(|run| run["test_accuracy"].as_f64().unwrap())
            .collect()
    };
    let differences: Vec<f64> = tested("random")
        .iter()
        .zip(tested("copy"))
        .map(|(a, b)| a - b)
        .collect();
    let significant = differences
        .chunks(12)
        .filter(|pairs| signed_rank(pairs) < 0.05)
        .count();
    assert!(significant <= 10, "{significant} of 200");
}

/// A table of three binary decisions without sizes, of which two rows are missing.
fn partial_table(dir: &Path) -> String {
    let path = |name: &str| dir.join(name).display().to_string();
    let rows = (0..6).map(|i| format!("{:03b},0.{},0.{}\n", i, 50 + 3 * i, 60 + i));
    fs::write(
        path("t.csv"),
        format!("arch,valid,test\n{}", rows.collect::<String>()),
    )
    .unwrap();
    let map = "name = \"three\"\n[space]\nkind = \"product\"\nname = \"three\"\ndecisions = [\n  \
               { name = \"a\", kind = \"k\", options = [\"x\", \"y\"] },\n  \
               { name = \"b\", kind = \"k\", options = [\"x\", \"y\"] },\n  \
               { name = \"c\", kind = \"k\", options = [\"x\", \"y\"] },\n]\n\
               [architecture]\ncolumn = \"arch\"\nform = \"digits\"\n\
               [[datasets]]\nname = \"d\"\nsearch_epochs = 1\nreport_epochs = 1\ncolumns = [\n  \
               { column = \"valid\", figure = \"valid\", epochs = 1 },\n  \
               { column = \"test\", figure = \"test\", epochs = 1 },\n]\n";
    fs::write(path("map.toml"), map).unwrap();
    let (csv, map, table) = (path("t.csv"), path("map.toml"), path("t.nastab"));
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
    table
}

#[test]
fn methods_that_cannot_run_on_a_table_are_left_out_with_the_reason() {
    let dir = tempfile::tempdir().unwrap();
    let table = partial_table(dir.path());
    let run = dir.path().join("run");
    let result = compare(&run, &format!("--table {table} --seeds 2 --trials 4"));
    let left_out = result["left_out"].as_object().unwrap();
    assert!(
        !left_out["pnas"].as_str().unwrap().is_empty(),
        "a table's part of a space does not grow"
    );
    let methods = result["methods"].as_object().unwrap();
    for method in ["random", "evolution", "local-search"] {
        assert!(methods.contains_key(method), "{method}");
    }
    assert!(left_out.keys().all(|name| !methods.contains_key(name)));
    let page = fs::read_to_string(run.join("report.html")).unwrap();
    assert!(page.contains("pnas is left out, as it cannot run here"));
    let shown = nas(&[
        "compare",
        "--table",
        &table,
        "--seeds",
        "2",
        "--trials",
        "4",
        "--run",
        run.to_str().unwrap(),
    ]);
    assert!(
        text(&shown.stdout).contains("pnas left out: "),
        "{}",
        text(&shown.stdout)
    );
    // Asked for by name, it is refused before there is a directory.
    let named = dir.path().join("named").display().to_string();
    let message = refused(1, &["compare", "random,pnas", "--table", &table, "--run", &named]);
    assert!(message.contains("pnas"), "{message}");
    assert!(!Path::new(&named).exists());
}

#[test]
fn runs_that_fail_altogether_do_not_end_a_comparison() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run").display().to_string();
    let words = "random,evolution --data digits --limit 150 --space nb201 --channels 2 --cells 1 --trials 2 --epochs 1 \
                 --final-epochs 1 --seeds 2 --trial-memory 1KiB";
    let mut args = vec!["compare", "--run", &run];
    args.extend(words.split_whitespace());
    // Nothing has a result, which is a failure; all is written nevertheless.
    let output = nas(&args);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    assert!(
        text(&output.stderr).contains("no run has a result"),
        "{}",
        text(&output.stderr)
    );
    let shown = text(&output.stdout);
    for part in ["failed trials", "4 of 4", "0 of 2", "have no result"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let compared: Value =
        serde_json::from_str(&fs::read_to_string(dir.path().join("run/comparison.json")).unwrap()).unwrap();
    let standing = &compared["methods"]["evolution"];
    assert_eq!(
        (&standing["test_mean"], &standing["failed"]),
        (&Value::Null, &4.into())
    );
    assert_eq!(
        (&standing["runs_without_result"], &compared["pairs"][0]["p_value"]),
        (&2.into(), &1.0.into())
    );
    let csv = fs::read_to_string(dir.path().join("run/runs.csv")).unwrap();
    assert!(
        csv.lines().nth(1).unwrap().starts_with("digits,random,0,2,2,"),
        "{csv}"
    );
    assert!(csv.contains(",,,"), "{csv}");
    let page = fs::read_to_string(dir.path().join("run/report.html")).unwrap();
    assert!(page.contains("without a result: every trial failed") && !page.contains("NaN"));
}

#[test]
fn what_cannot_be_compared_is_refused() {
    for (code, words, named) in [
        (2, "random,darts", "trains a supernet"),
        (2, "random,random", "named twice"),
        (2, "random,magic", "local-search"),
        (2, "random,evolution --without-random", "--without-random"),
        (2, "random=evolution", "the name random"),
        (1, "random --benchmark nb201 --table /no/such.csv", "/no/such.csv"),
        (1, "random,x=/no/such.toml", "/no/such.toml"),
    ] {
        let mut args = vec!["compare"];
        args.extend(words.split(' '));
        let message = refused(code, &args);
        assert!(message.contains(named), "{words}: {message}");
    }
}
