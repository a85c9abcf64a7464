//! Searches whose trials are scored by a proxy, so that only the best architecture is trained.

use super::*;

fn scored(run: &Path, trials: &str) -> Vec<String> {
    let words = "search evolution --population 6 --evaluator proxy:naswot --data digits --limit 200 --channels 2 --cells 1 \
                 --final-epochs 1 --seed 5 --json --trials";
    let words = words.split_whitespace().chain(trials.split_whitespace());
    let mut args: Vec<String> = words.map(str::to_owned).collect();
    args.extend(["--run".to_owned(), run.display().to_string()]);
    args
}

/// Choices and scores of all trials; none for a failed one.
fn trials(run: &Path) -> Vec<(String, Option<f64>)> {
    let records = Records::open(run.join("study.db")).unwrap().trials().unwrap();
    let told = records.into_iter().map(|record| {
        let result = record.conclusion.unwrap().result;
        let score = result.ok().map(|evaluation| evaluation.valid_accuracy);
        (record.trial.architecture.to_string(), score)
    });
    told.collect()
}

#[test]
fn trials_are_scored_and_only_the_best_is_trained() {
    let dir = tempfile::tempdir().unwrap();
    let whole = dir.path().join("whole");
    let result = json(&borrowed(&scored(&whole, "40")));
    let told = trials(&whole);
    assert_eq!((told.len(), &result["trials"]), (40, &40.into()));
    let best = told.iter().filter_map(|(_, score)| *score).fold(0.0, f64::max);
    assert_eq!(result["metric"]["name"], "score by naswot");
    assert_eq!(result["best"]["valid"].as_f64(), Some(best));
    assert_eq!(
        (
            &result["best"]["valid_accuracy"],
            &result["best"]["epochs"],
            &result["epochs"]
        ),
        (&Value::Null, &0.into(), &0.into()),
        "a score is no accuracy, and nothing was trained"
    );
    // What `nas score` computes for another batch has the same size.
    let arch = result["best"]["arch"].as_str().unwrap();
    assert!(best > 1.0, "{arch}: {best}");
    let test = result["test_accuracy"].as_f64().unwrap();
    assert!((0.0..=1.0).contains(&test), "{test}");
    assert_eq!(result["final"]["epochs"], 1);

    // Workers and a resumed run give the same.
    let workers = dir.path().join("workers");
    json(&borrowed(&scored(&workers, "40 --workers 2")));
    assert_eq!(trials(&workers), told);
    let run = dir.path().join("short");
    json(&borrowed(&scored(&run, "15")));
    assert_eq!(trials(&run), told[..15]);
    let path = run.to_str().unwrap();
    let longer = json(&["resume", path, "--trials", "40", "--json"]);
    assert_eq!(trials(&run), told);
    for key in ["best", "metric", "test_accuracy", "trials"] {
        assert_eq!(longer[key], result[key], "{key}");
    }
    let status = json(&["status", path, "--json"]);
    assert_eq!(
        (&status["metric"], &status["test_accuracy"], &status["epochs"]),
        (&result["metric"], &result["test_accuracy"], &0.into())
    );
    let shown = text(&nas(&["status", path]).stdout);
    for said in ["score by naswot", "not an accuracy", "test accuracy"] {
        assert!(shown.contains(said), "{said}: {shown}");
    }
    json(&["report", path, "--json"]);
    let page = fs::read_to_string(run.join("report.html")).unwrap();
    for said in [
        "Score by naswot",
        "is scored by naswot on 64 training images, without training; the score is not an accuracy",
        "score by naswot (higher is better); not an accuracy",
        "Test accuracy",
    ] {
        assert!(page.contains(said), "{said}");
    }
    for wrong in ["validation score", "alidation accuracy", "test score"] {
        assert!(!page.contains(wrong), "{wrong}");
    }
    // Accuracies are needed to compare scores with.
    let message = refused(1, &["score", "--against", path, "--json"]);
    assert!(message.contains("no accuracies"), "{message}");
}

#[test]
fn a_configuration_repeats_a_scored_search() {
    let dir = tempfile::tempdir().unwrap();
    let (first, again) = (dir.path().join("first"), dir.path().join("again"));
    let result = json(&borrowed(&scored(&first, "10")));
    let config = first.join("config.toml");
    let words = [
        "search",
        "--config",
        config.to_str().unwrap(),
        "--run",
        again.to_str().unwrap(),
        "--json",
    ];
    assert_eq!(json(&words)["best"], result["best"]);
    assert_eq!(trials(&again), trials(&first));
}

#[test]
fn what_needs_trained_trials_is_refused() {
    for (words, said) in [
        ("evolution --evaluator proxy:naswut", "naswot"),
        ("evolution --evaluator proxy:naswot --halving asha", "halving"),
        ("bohb --evaluator proxy:naswot", "halving"),
        ("rl --evaluator proxy:naswot", "no unit"),
        ("pnas --evaluator proxy:synflow", "no unit"),
        ("darts --evaluator proxy:synflow", "supernet"),
        ("random --evaluator proxy:synflow --budget-epochs 5", "epochs"),
        ("random --evaluator proxy:synflow --epochs 5", "--final-epochs"),
        ("random --evaluator proxy:synflow --minutes 5", "a proxy"),
        (
            "random --evaluator proxy:synflow --benchmark nb201",
            "cannot be used with",
        ),
    ] {
        let words: Vec<&str> = std::iter::once("search").chain(words.split(' ')).collect();
        let message = refused(2, &words);
        assert!(message.contains(said), "{words:?}: {message}");
    }
}
