//! Hyperband and BOHB as a user meets them.

use std::path::{Path, PathBuf};

use nas_study::{Records, TrialRecord};
use serde_json::Value;

use super::{borrowed, json, nas, refused, text};

fn found(words: &str, run: &Path) -> Value {
    let mut words: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
    words.extend(["--json".to_owned(), "--run".to_owned(), run.display().to_string()]);
    json(&borrowed(&words))
}

fn records(run: &Path) -> Vec<TrialRecord> {
    Records::open(run.join("study.db")).unwrap().trials().unwrap()
}

/// The number of trials for each number of epochs.
fn counts(records: &[TrialRecord], rungs: &[u32]) -> Vec<usize> {
    let at = |epochs| {
        records
            .iter()
            .filter(|one| one.trial.fidelity.epochs == epochs)
            .count()
    };
    rungs.iter().map(|&epochs| at(epochs)).collect()
}

/// NAS-Bench-201 with the validation accuracies of CIFAR-10 after 12 and 200 epochs, if the published file is here.
fn nb201_with_two_fidelities(dir: &Path) -> Option<PathBuf> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    let file = manifest.join("../../shared/data/nb201/nb201_acc.csv.gz");
    if !file.exists() {
        println!("skipped: {} is missing", file.display());
        return None;
    }
    let mapping = manifest.join("../nas-tables/tests/mappings/nb201_fidelities.toml");
    let table = dir.join("nb201.nastab");
    let [file, mapping, out] = [&file, &mapping, &table].map(|path| path.to_str().unwrap());
    json(&["table", "import", file, "--mapping", mapping, "-o", out, "--json"]);
    Some(table)
}

#[test]
fn hyperband_runs_around_every_method_on_the_rungs_of_a_table() {
    let dir = tempfile::tempdir().unwrap();
    // Brackets of 4, 3 and 3: trials at 1, 2 and 4 epochs, and 1 + 3 + 4 · 4 epochs in a round.
    for method in ["random", "evolution", "bananas", "bohb"] {
        let run = dir.path().join(method);
        let halving = if method == "bohb" {
            ""
        } else {
            "--halving hyperband"
        };
        let words = format!("search {method} --benchmark digits {halving} --trials 28 --seed 2");
        let result = found(&words, &run);
        let name = match method {
            "bohb" => method.to_owned(),
            _ => format!("{method}+hyperband"),
        };
        assert_eq!(
            (&result["method"], &result["best"]["epochs"]),
            (&name.into(), &4.into())
        );
        let trials = records(&run);
        let epochs: Vec<u32> = trials[..14].iter().map(|one| one.trial.fidelity.epochs).collect();
        assert_eq!(epochs, [1, 1, 1, 1, 2, 2, 4, 2, 2, 2, 4, 4, 4, 4], "{method}");
        assert_eq!(counts(&trials, &[1, 2, 4]), [8, 10, 10], "{method}");
        let added: u32 = trials.iter().map(|one| one.trial.added_epochs()).sum();
        assert_eq!(result["epochs"], added);
        // Stopped in the middle of a bracket and resumed, it is the same search.
        let short = dir.path().join(format!("{method}-short"));
        found(&words.replace("--trials 28", "--trials 9"), &short);
        let resumed = json(&["resume", short.to_str().unwrap(), "--trials", "28", "--json"]);
        assert_eq!(resumed["best"], result["best"], "{method}");
        let same = |of: &[TrialRecord]| of.iter().map(|one| one.trial.clone()).collect::<Vec<_>>();
        assert_eq!(same(&records(&short)), same(&trials), "{method}");
    }
    let shown = text(&nas(&["report", dir.path().join("bohb").to_str().unwrap()]).stdout);
    assert!(!shown.is_empty());
}

#[test]
fn a_table_of_12_and_200_epochs_has_two_rungs() {
    let dir = tempfile::tempdir().unwrap();
    let Some(table) = nb201_with_two_fidelities(dir.path()) else {
        return;
    };
    let table = table.display();
    for (method, halving) in [
        ("random", "--halving hyperband"),
        ("evolution", "--halving hyperband"),
        ("bananas", "--halving hyperband"),
        ("random", "--halving asha"),
        ("bohb", ""),
    ] {
        let run = dir.path().join(format!("{method}{}", halving.replace(' ', "")));
        let words = format!("search {method} --table {table} {halving} --budget-epochs 4000 --seed 1");
        let result = found(&words, &run);
        assert_eq!(result["best"]["epochs"], 200, "{method}");
        let trials = records(&run);
        let counted = counts(&trials, &[12, 200]);
        assert_eq!(counted.iter().sum::<usize>(), trials.len());
        if halving != "--halving asha" {
            // η is 17, about 200 / 12. The first bracket trains 17 for 12 epochs and promotes one; the second trains two for 200.
            assert_eq!(counts(&trials[..17], &[12, 200]), [17, 0], "{method}");
            assert_eq!(counts(&trials[17..20], &[12, 200]), [0, 3], "{method}");
        }
        // Any training of 200 epochs finds one of the better half.
        assert!(
            result["test_accuracy"].as_f64().unwrap() > 0.91,
            "{method}: {result}"
        );
    }
    let words = format!("search random --table {table} --halving hyperband --rungs 12,100 --seed 1");
    let message = refused(2, &words.split(' ').collect::<Vec<_>>());
    assert!(message.contains("--epochs 200 --rungs 12,200"), "{message}");
}

#[test]
fn a_table_of_one_number_of_epochs_leaves_bohb_its_model_and_hyperband_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    let result = found("search bohb --benchmark nb201 --trials 60 --seed 2", &run);
    assert_eq!(
        (&result["method"], &result["best"]["epochs"]),
        (&"bohb".into(), &12.into())
    );
    assert_eq!(counts(&records(&run), &[12]), [60]);
    let again = dir.path().join("again").display().to_string();
    let said = nas(&[
        "search",
        "bohb",
        "--benchmark",
        "nb201",
        "--trials",
        "5",
        "--run",
        &again,
    ]);
    assert!(
        text(&said.stderr).contains("only one rung"),
        "{}",
        text(&said.stderr)
    );
    let message = refused(
        2,
        &[
            "search",
            "random",
            "--benchmark",
            "nb201",
            "--halving",
            "hyperband",
        ],
    );
    assert!(message.contains("only after 12 epochs"), "{message}");
}

#[test]
fn bohb_takes_part_in_comparisons_beside_what_file_and_options_halve() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("hyperband.toml");
    std::fs::write(
        &file,
        "method = 'random'\n[halving.schedule]\nkind = 'hyperband'\n",
    )
    .unwrap();
    let run = dir.path().join("run");
    let words = format!(
        "compare random,bohb,hyperband={} --benchmark digits --budget-epochs 80 --seeds 3",
        file.display()
    );
    let result = found(&words, &run);
    assert_eq!(
        result["rungs"],
        serde_json::json!({"bohb": [1, 2, 4], "hyperband": [1, 2, 4]})
    );
    assert_eq!(
        result["settings"]["bohb"]["halving"]["schedule"]["kind"],
        "hyperband"
    );
    // Trained, its longest trials are those of the others.
    let trained = dir.path().join("trained");
    let words = "compare random,bohb --data digits --limit 100 --channels 2 --epochs 4 --eta 2 --final-epochs 1 \
                 --budget-epochs 12 --seeds 1";
    let message = refused(2, &words.split_whitespace().collect::<Vec<_>>());
    assert!(message.contains("--eta has no meaning"), "{message}");
    let result = found(&words.replace("--eta 2 ", ""), &trained);
    assert_eq!(result["rungs"], serde_json::json!({"bohb": [1, 4]}));
    assert_eq!(result["search_epochs"], 4);
}
