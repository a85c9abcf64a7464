//! Searches in tables that know trainings of several numbers of epochs.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use nas_study::{Records, TrialRecord};
use serde_json::Value;

use super::{borrowed, json, nas, refused, text};

fn words(text: &str, run: &Path) -> Vec<String> {
    let mut words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
    words.extend(["--run".to_owned(), run.display().to_string()]);
    words
}

fn found(text: &str, run: &Path) -> Value {
    json(&borrowed(&words(&format!("{text} --json"), run)))
}

fn printed(args: &[&str]) -> String {
    let output = nas(args);
    assert!(output.status.success(), "{args:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

fn records(run: &Path) -> Vec<TrialRecord> {
    Records::open(run.join("study.db")).unwrap().trials().unwrap()
}

fn cost(record: &TrialRecord) -> f64 {
    record.conclusion.as_ref().unwrap().cost_seconds
}

/// Epochs after which trials were judged.
fn rungs(records: &[TrialRecord]) -> Vec<u32> {
    let of = records.iter().map(|record| record.trial.fidelity.epochs);
    of.collect::<BTreeSet<_>>().into_iter().collect()
}

/// A table of a few modules of NAS-Bench-101 after these epochs, each training of which takes so many seconds an epoch.
fn modules(dir: &Path, name: &str, epochs: &[u32]) -> PathBuf {
    let mut text = String::new();
    for (number, operations) in (0..27).map(|number| {
        let ops = ["conv3x3-bn-relu", "conv1x1-bn-relu", "maxpool3x3"];
        (number, [number / 9, number / 3 % 3, number % 3].map(|op| ops[op]))
    }) {
        let computed: Vec<String> = epochs
            .iter()
            .map(|&after| {
                let accuracy = 0.5 + f64::from(after) / 1000.0 + number as f64 / 100.0;
                format!(
                    "\"{after}\": [{{\"final_training_time\": {}, \"final_validation_accuracy\": {accuracy}, \
                     \"final_test_accuracy\": {accuracy}}}]",
                    10 * after
                )
            })
            .collect();
        let [first, second, third] = operations;
        writeln!(
            text,
            "[{{\"module_adjacency\": [[0,1,0,0,0],[0,0,1,0,0],[0,0,0,1,0],[0,0,0,0,1],[0,0,0,0,0]], \
             \"module_operations\": [\"input\", \"{first}\", \"{second}\", \"{third}\", \"output\"]}}, {{{}}}]",
            computed.join(", ")
        )
        .unwrap();
    }
    let (lines, table) = (
        dir.join(format!("{name}.jsonl")),
        dir.join(format!("{name}.nastab")),
    );
    fs::write(&lines, text).unwrap();
    json(&[
        "table",
        "import",
        lines.to_str().unwrap(),
        "--format",
        "nb101-json",
        "-o",
        table.to_str().unwrap(),
        "--json",
    ]);
    table
}

#[test]
fn a_search_of_other_epochs_than_the_tables_says_so_everywhere() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    let text = "search random --benchmark digits --epochs 1 --trials 5 --seed 3";
    let result = found(text, &run);
    assert_eq!(result["best"]["epochs"], 1);
    let of_run = run.to_str().unwrap();
    let status = json(&["status", of_run, "--json"]);
    assert_eq!(status["best"]["epochs"], 1);
    assert!(printed(&["status", of_run]).contains(", after 1 epoch)"));
    let again = printed(&borrowed(&words(text, &dir.path().join("again"))));
    assert!(again.contains(", after 1 epoch)"), "{again}");
    let study = Records::open(run.join("study.db"))
        .unwrap()
        .study()
        .unwrap()
        .unwrap();
    assert!(
        study.config.evaluator.ends_with("validation after 1 epoch"),
        "{}",
        study.config.evaluator
    );
    json(&["report", of_run, "--json"]);
    let page = fs::read_to_string(run.join("report.html")).unwrap();
    assert!(page.contains("validation accuracy after 1 epoch"));
    // Tests are of the full trainings.
    assert!(!page.contains("validation accuracy after 4 epochs"));
    let compared = dir.path().join("compared");
    let text = printed(&borrowed(&words(
        "compare random --benchmark digits --epochs 1 --seeds 2 --trials 5",
        &compared,
    )));
    assert!(text.contains("validation after 1 epoch\n"), "{text}");
    assert!(text.contains("valid (1 epoch)"), "{text}");
    let page = fs::read_to_string(compared.join("report.html")).unwrap();
    assert!(
        page.contains("validation accuracy after 1 epoch")
            && !page.contains("validation accuracy after 4 epochs")
    );
    let info = printed(&["table", "info", "digits"]);
    assert!(
        info.contains("after 1, 2, 4 epochs; a search sees 4, with --epochs another one"),
        "{info}"
    );
}

#[test]
fn halving_in_a_table_has_its_epochs_as_rungs_and_pays_for_what_a_promotion_adds() {
    let dir = tempfile::tempdir().unwrap();
    for (kind, name) in [("asha", "random+asha"), ("sync", "random+sha")] {
        let run = dir.path().join(kind);
        let text = format!("search random --benchmark digits --halving {kind} --budget-epochs 60 --seed 2");
        let result = found(&text, &run);
        assert_eq!(
            (&result["method"], &result["best"]["epochs"]),
            (&name.into(), &4.into())
        );
        let trials = records(&run);
        assert_eq!(rungs(&trials), [1, 2, 4]);
        let added: u32 = trials.iter().map(|record| record.trial.added_epochs()).sum();
        assert_eq!(result["epochs"], added);
        assert!((60..64).contains(&added), "{added}");
        assert_eq!(result["seconds"], trials.iter().map(cost).sum::<f64>());
        // A training to four epochs costs, rung by rung, what it costs at once.
        let whole = dir.path().join(format!("{kind}-whole"));
        found("search random --benchmark digits --trials 1 --seed 2", &whole);
        let whole = &records(&whole)[0];
        let of_first: Vec<&TrialRecord> = trials
            .iter()
            .filter(|record| record.trial.architecture == whole.trial.architecture)
            .collect();
        if of_first.len() == 3 {
            let sum: f64 = of_first.iter().map(|record| cost(record)).sum();
            assert!((sum - cost(whole)).abs() < 1e-9);
        }
        let before = fs::read(run.join("config.toml")).unwrap();
        let more = json(&["resume", run.to_str().unwrap(), "--budget-epochs", "90", "--json"]);
        assert!(more["epochs"].as_u64().unwrap() >= 90);
        assert!(String::from_utf8(before).unwrap().contains("eta = 2"));
        let page = printed(&["report", run.to_str().unwrap()]);
        assert!(!page.is_empty());
    }
    // Where nothing limits it, as much training as trials without halving get; seconds limit too.
    let run = dir.path().join("plain");
    let plain = found("search random --benchmark digits --halving asha", &run);
    assert!((400..404).contains(&plain["epochs"].as_u64().unwrap()), "{plain}");
    let run = dir.path().join("seconds");
    found(
        "search random --benchmark digits --halving asha --eta 4 --budget-seconds 3",
        &run,
    );
    let trials = records(&run);
    let costs: Vec<f64> = trials.iter().map(cost).collect();
    let spent: f64 = costs.iter().sum();
    assert!(spent >= 3.0 && spent - costs[costs.len() - 1] < 3.0, "{costs:?}");
    assert_eq!(rungs(&trials), [1, 4]);
}

#[test]
fn halving_runs_on_the_epochs_of_nas_bench_101_and_costs_their_seconds() {
    let dir = tempfile::tempdir().unwrap();
    let table = modules(dir.path(), "four", &[4, 12, 36, 108]);
    let run = dir.path().join("run");
    let text = format!(
        "search random --table {} --halving sync --budget-epochs 300",
        table.display()
    );
    let result = found(&text, &run);
    assert_eq!(result["best"]["epochs"], 108);
    let trials = records(&run);
    assert_eq!(rungs(&trials), [4, 12, 36, 108]);
    for record in &trials {
        let seconds = 10.0 * f64::from(record.trial.added_epochs());
        assert!((cost(record) - seconds).abs() < 1e-6, "{record:?}");
    }
    // A bracket has 27 modules. The one that reaches the last rung is the best of them.
    assert!((result["best"]["valid_accuracy"].as_f64().unwrap() - 0.868).abs() < 1e-6);
    let one = modules(dir.path(), "one", &[108]);
    let odd = modules(dir.path(), "odd", &[12, 200]);
    for (table, typed, named) in [
        (&one, "--halving asha", "only after 108 epochs"),
        (
            &odd,
            "--halving asha --min-epochs 12",
            "after 12, 200 epochs: type --epochs 200 --rungs 12,200",
        ),
        (&one, "--halving hyperband", "only after 108 epochs"),
        (
            &table,
            "--halving asha --eta 2",
            "--epochs 108 --min-epochs 4 --eta 3, whose rungs are 4, 12, 36, 108",
        ),
        (
            &table,
            "--halving sync --min-epochs 5",
            "has validation accuracies after 4, 12, 36, 108 epochs",
        ),
        (
            &table,
            "--halving asha --epochs 40",
            "after 40 epochs on cifar10; it has them after 4, 12, 36, 108",
        ),
    ] {
        let run = dir.path().join("refused");
        let text = format!("search random --table {} {typed}", table.display());
        let message = refused(2, &borrowed(&words(&text, &run)));
        assert!(message.contains(named), "{typed}: {message}");
        assert!(!run.exists(), "{typed}");
    }
}

#[test]
fn a_comparison_halves_the_methods_that_say_so() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("asha.toml");
    fs::write(&file, "method = 'random'\n[halving]\n").unwrap();
    let run = dir.path().join("run");
    let text = format!(
        "compare random,asha={} --benchmark digits --budget-epochs 60 --seeds 3",
        file.display()
    );
    let result = found(&text, &run);
    assert_eq!(result["rungs"], serde_json::json!({"asha": [1, 2, 4]}));
    assert_eq!(result["search_epochs"], 4);
    assert_eq!(result["methods"].as_object().unwrap().len(), 2);
    let text = printed(&borrowed(&words(&text, &run)));
    assert!(text.contains("asha is halved: rungs of 1, 2, 4 epochs"), "{text}");
    let csv = fs::read_to_string(run.join("runs.csv")).unwrap();
    let epochs = csv
        .lines()
        .next()
        .unwrap()
        .split(',')
        .position(|name| name == "epochs");
    for line in csv.lines().skip(1) {
        let spent: u64 = line.split(',').nth(epochs.unwrap()).unwrap().parse().unwrap();
        assert!((60..64).contains(&spent), "{line}");
    }
    let all = dir.path().join("all");
    let result = found(
        "compare random,evolution --benchmark digits --halving asha --budget-epochs 40 --seeds 2",
        &all,
    );
    assert_eq!(result["rungs"].as_object().unwrap().len(), 2);
    let message = refused(
        2,
        &borrowed(&words(
            "compare random --benchmark digits --halving asha --eta 3 --seeds 2",
            &dir.path().join("refused"),
        )),
    );
    assert!(message.contains("whose rungs are 1, 2, 4"), "{message}");
    assert!(!dir.path().join("refused").exists());
}
