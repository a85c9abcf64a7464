//! Searches by a supernet.

use serde_json::Map;

use super::report::page_of;
use super::*;

/// A search of a few seconds that really trains a supernet.
fn tiny(run: &Path, extra: &str) -> Vec<String> {
    let words = "search --limit 200 --search-channels 4 --search-cells 3 --search-epochs 2 --channels 4 --epochs 1 \
                 --final-epochs 1 --seed 5 --json";
    let mut args: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
    args.extend(extra.split_whitespace().map(str::to_owned));
    args.extend(["--run".to_owned(), run.display().to_string()]);
    args
}

/// What a file of the run says, without how long anything took.
pub(super) fn timeless(run: &Path, file: &str) -> Value {
    let text = fs::read_to_string(run.join(file)).unwrap();
    without_seconds(serde_json::from_str(&text).unwrap())
}

pub(super) fn without_seconds(value: Value) -> Value {
    match value {
        Value::Array(values) => values.into_iter().map(without_seconds).collect(),
        Value::Object(fields) => {
            let fields = fields.into_iter().filter(|(key, _)| !key.ends_with("seconds"));
            let fields: Map<String, Value> =
                fields.map(|(key, value)| (key, without_seconds(value))).collect();
            fields.into()
        }
        other => other,
    }
}

#[test]
fn nothing_said_is_differentiable_search_whose_cell_is_drawn_trained_and_tested() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    let path = run.to_str().unwrap();
    let result = json(&borrowed(&tiny(&run, "")));
    assert_eq!(
        (&result["method"], &result["space"], &result["seed"]),
        (&"darts".into(), &"darts".into(), &5.into())
    );
    assert_eq!((&result["trials"], &result["failed"]), (&1.into(), &0.into()));
    for accuracy in [&result["best"]["valid_accuracy"], &result["test_accuracy"]] {
        assert!((0.0..=1.0).contains(&accuracy.as_f64().unwrap()), "{result}");
    }
    let (seconds, search) = (&result["seconds"], &result["search_seconds"]);
    assert!(
        search.as_f64().unwrap() > 0.0 && seconds.as_f64() > search.as_f64(),
        "{result}"
    );
    assert_eq!(result["supernet"]["epochs"], 2);
    let skips = result["best"]["arch"]
        .as_str()
        .unwrap()
        .matches("skip_connect")
        .count();
    assert_eq!(result["supernet"]["skip_connections"], skips);
    for file in [
        "config.toml",
        "study.db",
        "best.json",
        "final.json",
        "network.safetensors",
    ] {
        assert!(run.join(file).is_file(), "{file}");
    }
    assert!(run.join("checkpoints/search-0").is_dir());
    for (key, file) in [("strengths", "alpha-0.svg"), ("cell", "cell-0.svg")] {
        assert_eq!(result["pictures"][key], run.join(file).to_str().unwrap());
        assert!(
            fs::read_to_string(run.join(file)).unwrap().starts_with("<svg"),
            "{file}"
        );
    }
    let record = timeless(&run, "search-0.json");
    assert_eq!(record["arch"], result["best"]["arch"]);
    let page = page_of(&run);
    for part in [
        "Strength of each operation on each edge",
        "Accuracy of the supernet",
        "supernets",
    ] {
        assert!(page.contains(part), "{part}");
    }
    assert_eq!(record["history"].as_array().unwrap().len(), 2);
    assert_eq!(record["history"][1]["genotype"], record["arch"]);
    // Two cells of 14 edges, 8 operations on each.
    let lines = fs::read_to_string(run.join("alpha-0.svg")).unwrap();
    assert_eq!(lines.matches("<polyline").count(), 2 * 14 * 8);

    let again = json(&["resume", path, "--json"]);
    assert_eq!(again, result, "resuming what is finished changes nothing");
    assert_eq!(timeless(&run, "search-0.json"), record);
    let shown = json(&["show", path, "--json"]);
    assert_eq!(
        (&shown["arch"], &shown["params"]),
        (&result["best"]["arch"], &result["final"]["params"])
    );
    let tested = json(&["test", path, "--json"]);
    assert_eq!(tested["test_accuracy"], result["test_accuracy"]);
}

#[test]
fn the_cell_that_was_found_is_trained_in_a_larger_network() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    let result = json(&borrowed(&tiny(&run, "")));
    let words = "--channels 8 --cells 4 --auxiliary --drop-path 0.1 --cutout 2 --epochs 1 --limit 100 --json";
    let mut args = vec!["train", run.to_str().unwrap()];
    args.extend(words.split(' '));
    let trained = json(&args);
    assert_eq!(trained["arch"], result["best"]["arch"]);
    assert_eq!(trained["found"]["method"], "darts");
    assert_eq!(
        (&trained["channels"], &trained["cells"], &trained["data"]),
        (&8.into(), &4.into(), &"digits".into())
    );
    assert!(
        trained["params"].as_u64() > result["final"]["params"].as_u64(),
        "{trained}"
    );
    args.retain(|&word| word != "--json");
    let output = text(&nas(&args).stdout);
    assert!(
        output.contains("found by darts") && output.contains("8 channels, 4 cells"),
        "{output}"
    );
}

/// Epochs of a search that another process is at.
fn epochs_done(run: &Path) -> usize {
    let text = fs::read_to_string(run.join("search-0.json")).unwrap_or_default();
    let record: Value = serde_json::from_str(&text).unwrap_or_default();
    record["history"].as_array().map_or(0, Vec::len)
}

#[test]
fn a_supernet_killed_at_any_moment_is_trained_on_as_if_nothing_had_happened() {
    const EPOCHS: usize = 6;
    let dir = tempfile::tempdir().unwrap();
    let search = |name: &str| {
        let words = "search --limit 200 --search-channels 4 --search-cells 3 --search-epochs 6 --hessian-every 3 \
                     --search-batch 16 --channels 4 --epochs 1 --final-epochs 2 --seed 3 --json";
        let run = dir.path().join(name).display().to_string();
        let words = words.split_whitespace().map(str::to_owned);
        words.chain(["--run".to_owned(), run]).collect::<Vec<_>>()
    };
    let whole = json(&borrowed(&search("whole")));
    let record = timeless(&dir.path().join("whole"), "search-0.json");
    assert!(record["history"][2]["eigenvalue"].is_number(), "{record}");
    type Reached = fn(&Path) -> bool;
    let moments: [(&str, Reached); 3] = [
        ("begun", |run| run.join("study.db").exists()),
        ("early", |run| epochs_done(run) >= 1),
        ("late", |run| epochs_done(run) >= 4),
    ];
    for (name, reached) in moments {
        let run = dir.path().join(name);
        let mut child = Command::new(env!("CARGO_BIN_EXE_nas"))
            .args(search(name))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        wait_for(Duration::from_secs(60), || reached(&run));
        child.kill().unwrap();
        let status = child.wait().unwrap();
        assert_eq!(
            status.code(),
            None,
            "{name}: killed by a signal, not ended by itself"
        );
        assert!(
            reached(&run) && epochs_done(&run) < EPOCHS,
            "{name}: killed too late"
        );
        let resumed = json(&["resume", run.to_str().unwrap(), "--json"]);
        for key in ["best", "supernet", "test_accuracy", "trials"] {
            assert_eq!(
                without_seconds(resumed[key].clone()),
                without_seconds(whole[key].clone()),
                "killed when {name}: {key}"
            );
        }
        assert_eq!(timeless(&run, "search-0.json"), record, "killed when {name}");
    }
}

#[test]
fn each_trial_is_a_search_of_its_own_seed_and_more_can_be_added() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    let space = "--space nb201 --trials 2 --batch 2 --relaxation gdas";
    let result = json(&borrowed(&tiny(&run, space).into_iter().collect::<Vec<_>>()));
    assert_eq!(result["trials"], 2);
    let [first, second] = ["search-0.json", "search-1.json"].map(|file| timeless(&run, file));
    assert_ne!(first["seed"], second["seed"]);
    assert_ne!(first["history"][0], second["history"][0]);
    let more = json(&["resume", run.to_str().unwrap(), "--trials", "3", "--json"]);
    assert_eq!(more["trials"], 3);
    assert_eq!(timeless(&run, "search-0.json"), first);
    let best = more["best"]["trial"].as_u64().unwrap();
    let record = timeless(&run, &format!("search-{best}.json"));
    assert_eq!(record["arch"], more["best"]["arch"]);
    for index in 0..3 {
        assert!(run.join(format!("cell-{index}.svg")).is_file(), "{index}");
    }
}

#[test]
fn a_budget_of_seconds_counts_those_of_supernets() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    // Less than a search takes: none follows the first.
    let result = json(&borrowed(&tiny(&run, "--space nb201 --budget-seconds 0.001")));
    assert_eq!(result["trials"], 1);
    assert_eq!(json(&["resume", run.to_str().unwrap(), "--json"]), result);
}

#[test]
fn what_cannot_be_searched_is_refused_before_anything_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    let run_name = run.to_str().unwrap();
    for (words, named) in [
        ("--space pnas", "pnas"),
        ("--space nasnet", "nasnet"),
        ("--space chain", "no supernet"),
        (
            "--relaxation pc-darts --search-channels 6",
            "multiple of the 4 parts",
        ),
        ("--relaxation gdas --selection perturbation", "magnitude"),
        ("--stop robust --hessian-every 0", "hessian_every"),
        (
            "--stop robust --selection perturbation",
            "magnitude with a stop rule",
        ),
        ("random --relaxation gdas", "--relaxation"),
        ("random --order 2", "--order"),
        ("--candidates 5", "--candidates"),
        ("--audit 5", "--audit"),
        ("random --selection magnitude", "--selection"),
        ("random --stop robust", "--stop"),
        ("random --search-epochs 2", "--search-epochs"),
        ("random --search-channels 8", "--search-channels"),
        ("random --search-cells 3", "--search-cells"),
        ("random --search-batch 32", "--search-batch"),
        ("random --hessian-every 1", "--hessian-every"),
        ("--benchmark digits --epochs 3", "--epochs"),
        ("--benchmark nb201 --table t --space darts", "nb201"),
    ] {
        let mut args = vec!["search", "--run", run_name];
        args.extend(words.split(' '));
        let message = refused(2, &args);
        assert!(message.contains(named), "{words}: {message}");
        assert!(!run.exists(), "{words}: left a run directory behind");
    }
    // Too few images to halve and batch: known once they are read.
    let message = refused(1, &["search", "--limit", "10", "--run", run_name]);
    assert!(message.contains("cannot be split") && !run.exists(), "{message}");
}

/// A supernet that has hardly been trained: what is read off it is no finding, and that is said wherever it is shown.
#[test]
fn a_selection_that_rests_on_ties_or_chance_is_warned_of_everywhere() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    let space = dir.path().join("with_none.toml");
    let cells = "name = 'with_none'\nskeleton = 'darts'\noperations = ['none', 'skip_connect', 'sep_conv_3x3']\nnodes = 2\n\
                inputs = 2\nreduction = 'separate'\noutput = 'all'";
    fs::write(&space, cells).unwrap();
    let words = format!(
        "search darts --space {} --selection perturbation --limit 120 --search-epochs 1 --search-channels 4 --search-cells 3 \
         --final-epochs 1 --epochs 1 --channels 4 --cells 3 --run {}",
        space.display(),
        run.display()
    );
    let output = nas(&words.split_whitespace().collect::<Vec<_>>());
    assert!(output.status.success(), "{}", text(&output.stderr));
    let (shown, noted) = (text(&output.stdout), text(&output.stderr));
    assert!(shown.lines().any(|line| line.starts_with("warning ")), "{shown}");
    assert!(noted.contains("warning: search 0: "), "{noted}");
    let record = timeless(&run, "search-0.json");
    let warnings = record["warnings"].as_array().unwrap();
    assert!(!warnings.is_empty());
    let result = json(&["resume", run.to_str().unwrap(), "--json"]);
    assert_eq!(result["supernet"]["warnings"], record["warnings"]);
    assert!(page_of(&run).contains("Warning, search 0: "));
}

#[test]
fn a_cell_that_a_supernet_gave_is_looked_up_in_a_table() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    let words =
        "search --benchmark nb201 --data digits --limit 200 --search-channels 4 --search-epochs 2 --json";
    let mut args: Vec<&str> = words.split(' ').collect();
    args.extend(["--run", run.to_str().unwrap()]);
    let result = json(&args);
    assert_eq!(
        (&result["method"], &result["space"], &result["trials"]),
        (&"darts".into(), &"nb201".into(), &1.into())
    );
    assert_eq!(
        (&result["epochs"], &result["final"]["epochs"]),
        (&12.into(), &200.into())
    );
    assert_eq!(result["supernet"]["epochs"], 2);
    assert_eq!(json(&["resume", run.to_str().unwrap(), "--json"]), result);
    // To train what was found there are the images that its supernet was trained on.
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
        (&trained["arch"], &trained["data"]),
        (&result["best"]["arch"], &"digits".into())
    );
}
