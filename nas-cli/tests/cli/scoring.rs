//! Searches whose trials are scored by a proxy, so that only the best architecture is trained.

use std::fmt::Write as _;

use nas_space::arch::Architecture;
use nas_space::spaces::{self, Space as _};
use serde_json::json;

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

/// A score for every cell of NAS-Bench-201: its number of 3×3 convolutions. Each took 2 s.
fn convolutions(architecture: &Architecture) -> usize {
    let genotype = spaces::nb201().genotype(architecture).unwrap();
    genotype.to_string().matches("nor_conv_3x3").count()
}

fn file_of_convolutions(folder: &Path) -> String {
    let mut text = "index,convolutions,seconds\n".to_owned();
    for index in 0..15_625 {
        let cell = spaces::nb201_by_index(index).unwrap();
        writeln!(text, "{index},{},2", convolutions(&cell)).unwrap();
    }
    let path = folder.join("scores.csv");
    fs::write(&path, text).unwrap();
    path.display().to_string()
}

#[test]
fn a_method_that_sees_scores_alone_is_compared_by_test_accuracies_of_a_table() {
    let dir = tempfile::tempdir().unwrap();
    let (scores, run) = (file_of_convolutions(dir.path()), dir.path().join("compared"));
    let run = run.to_str().unwrap();
    let methods = "random,random@convolutions,evolution@proxy:convolutions";
    let words = [
        "compare", methods, "--scores", &scores, "--seeds", "4", "--run", run,
    ];
    let budget = ["--trials", "41"];
    let told = text(&nas(&[&words[..], &budget].concat()).stdout);
    assert!(
        told.contains("random@convolutions: trials are scored by convolutions, so it sees no accuracy")
            && told.contains("not measured"),
        "{told}"
    );
    let page = fs::read_to_string(dir.path().join("compared/report.html")).unwrap();
    assert!(page.contains("random@convolutions: trials are scored by convolutions"));
    let found: Value =
        serde_json::from_str(&fs::read_to_string(dir.path().join("compared/comparison.json")).unwrap())
            .unwrap();
    assert_eq!(found["scored"]["random@convolutions"], "convolutions");
    for name in ["random@convolutions", "evolution@convolutions"] {
        let method = &found["methods"][name];
        assert_eq!(method["valid_mean"], Value::Null);
        assert_eq!(method["valid_curves"], json!([]), "a score is no accuracy");
        assert!(!method["test_curves"].as_array().unwrap().is_empty());
        for one in method["runs"].as_array().unwrap() {
            assert_eq!(
                (
                    &one["valid_accuracy"],
                    &one["trials"],
                    &one["trial_seconds"],
                    &one["epochs"]
                ),
                (&Value::Null, &41.into(), &82.0.into(), &0.into()),
                "the seconds of scores are spent, and nothing is trained"
            );
            let chosen: Vec<usize> = one["incumbents"]
                .as_array()
                .unwrap()
                .iter()
                .map(|incumbent| {
                    assert_eq!(incumbent["valid_accuracy"], Value::Null);
                    assert!(incumbent["test_accuracy"].is_f64());
                    convolutions(&serde_json::from_value(incumbent["architecture"].clone()).unwrap())
                })
                .collect();
            assert!(
                chosen.is_sorted_by(|a, b| a < b),
                "chosen by the score: {chosen:?}"
            );
            assert!(*chosen.last().unwrap() >= 3, "{chosen:?}");
        }
    }
    for one in found["methods"]["random"]["runs"].as_array().unwrap() {
        assert!(one["valid_accuracy"].is_f64() && one["epochs"].as_u64().unwrap() > 0);
    }
    // Other scores are another comparison.
    fs::write(
        &scores,
        fs::read_to_string(&scores).unwrap().replace("\n7,", "\n7,1"),
    )
    .unwrap();
    let message = refused(1, &[&words[..], &budget].concat());
    assert!(
        message.contains("its tasks[0].methods[1].scores is \"column convolutions"),
        "{message}"
    );
    for (words, said) in [
        ("random@naswot", "--scores"),
        ("rl@convolutions", "no unit"),
        ("bohb@convolutions", "halving"),
        ("random@depth", "no column depth"),
        ("random@convolutions --soft-max macs=1e6", "soft limits"),
        ("random@convolutions --data digits", "naswot"),
        (
            "random@naswot --without-random --data digits --limit 100",
            "all methods are scored",
        ),
    ] {
        let words: Vec<&str> = std::iter::once("compare").chain(words.split(' ')).collect();
        let file = ["--scores", &scores];
        let words = match said {
            "--scores" | "naswot" | "all methods are scored" => words,
            _ => [&words[..], &file].concat(),
        };
        let output = nas(&words);
        let message = text(&output.stderr);
        assert!(
            !output.status.success() && message.contains(said),
            "{words:?}: {message}"
        );
    }
}

#[test]
fn a_method_that_sees_scores_alone_is_compared_by_training() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("compared");
    let words = "compare random@naswot --data digits --limit 120 --channels 2 --cells 1 --trials 3 --epochs 1 --final-epochs 1 --seeds 2 \
                 --json --run";
    let found = json(
        &[
            &words.split_whitespace().collect::<Vec<_>>()[..],
            &[run.to_str().unwrap()],
        ]
        .concat(),
    );
    for (name, trained) in [("random", 3), ("random@naswot", 0)] {
        for one in found["methods"][name]["runs"].as_array().unwrap() {
            assert_eq!((&one["trials"], &one["epochs"]), (&3.into(), &trained.into()));
            assert_eq!(one["valid_accuracy"].is_f64(), trained > 0);
            assert!(one["test_accuracy"].is_f64() && one["final_seconds"].as_f64().unwrap() > 0.0);
        }
    }
}
