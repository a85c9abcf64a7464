//! Trials in worker processes, and evaluators of the user's own.

use super::*;

/// The trials with everything that decides anything.
pub(super) fn trials(run: &Path) -> Vec<String> {
    let records = Records::open(run.join("study.db")).unwrap().trials().unwrap();
    let told = records.iter().map(|record| {
        let result = record.outcome().unwrap().result;
        let bits = result.map(|evaluation| {
            (
                evaluation.valid_accuracy.to_bits(),
                evaluation.valid_loss.map(f64::to_bits),
                evaluation.params,
                evaluation.device,
            )
        });
        format!("{:?} {bits:?}", record.trial)
    });
    told.collect()
}

fn search(run: &Path, words: &str) -> Vec<String> {
    let mut args: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
    args.extend(["--json", "--run", run.to_str().unwrap()].map(str::to_owned));
    args
}

#[test]
fn a_search_is_bit_for_bit_the_same_for_0_1_2_and_8_workers() {
    let dir = tempfile::tempdir().unwrap();
    for (method, trains) in [
        (
            "random --data digits --limit 200 --channels 2 --epochs 1 --final-epochs 1 --trials 16",
            true,
        ),
        (
            "evolution --population 6 --tournament 3 --benchmark digits --trials 40",
            false,
        ),
        ("rl --benchmark digits --trials 40", false),
    ] {
        let mut first: Option<(Value, Vec<String>)> = None;
        for workers in ["0", "1", "2", "8"] {
            let name = method.split(' ').next().unwrap();
            let run = dir.path().join(format!("{name}-{workers}"));
            let words = format!("search {method} --batch 8 --seed 5 --workers {workers}");
            let result = json(&borrowed(&search(&run, &words)));
            let found = (
                Value::from(vec![result["best"].clone(), result["test_accuracy"].clone()]),
                trials(&run),
            );
            assert!(!trains || !run.join("checkpoints/trials").exists(), "{workers}");
            let first = first.get_or_insert_with(|| found.clone());
            assert_eq!(&found, first, "{method} with {workers} workers");
        }
    }
}

#[test]
fn a_trial_that_takes_too_long_or_too_much_is_an_outcome_and_all_of_them_an_error_with_the_reason() {
    let dir = tempfile::tempdir().unwrap();
    let large =
        "search random --data digits --channels 64 --cells 4 --trials 2 --epochs 50 --batch 2 --workers 2";
    for (name, bound, named) in [
        ("late", "--trial-timeout 0.4", "longer than the 0.4 s"),
        ("large", "--trial-memory 60MiB", "MiB of memory"),
    ] {
        let run = dir.path().join(name);
        let message = refused(1, &borrowed(&search(&run, &format!("{large} {bound}"))));
        assert!(
            message.contains("all 2 trials failed") && message.contains(named),
            "{message}"
        );
        let status = json(&["status", run.to_str().unwrap(), "--json"]);
        assert_eq!((&status["failed"], &status["finished"]), (&2.into(), &2.into()));
        assert_eq!(status["state"], "finished");
    }
    let here = "search random --trial-timeout 9 --workers 0";
    let refused = refused(2, &borrowed(&search(&dir.path().join("here"), here)));
    assert!(refused.contains("--workers 0"), "{refused}");
}

/// The example's path, where there is Python to run it; says so where there is none.
fn example() -> Option<String> {
    if Command::new("python3").arg("--version").output().is_err() {
        println!("skipped: there is no python3");
        return None;
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../nas-study/examples/evaluator.py");
    Some(path.canonicalize().unwrap().display().to_string())
}

#[test]
fn the_example_evaluator_is_searched_with_recorded_and_resumed() {
    let Some(example) = example() else { return };
    let dir = tempfile::tempdir().unwrap();
    let with = |name: &str, words: &str| {
        let mut args = search(&dir.path().join(name), words);
        args.extend(["--evaluator".to_owned(), format!("python3 {example}")]);
        args
    };
    let words = "search evolution --population 8 --tournament 3 --epochs 2 --batch 2 --seed 1";
    let whole = json(&borrowed(&with(
        "whole",
        &format!("{words} --trials 24 --workers 2"),
    )));
    assert!(whole["best"]["valid_accuracy"].as_f64().unwrap() > 0.8, "{whole}");
    assert_eq!(whole.get("test_accuracy"), None, "nobody has tested anything");
    let part = json(&borrowed(&with(
        "part",
        &format!("{words} --trials 10 --workers 1"),
    )));
    assert_eq!(part["trials"], 10);
    let run = dir.path().join("part");
    let resumed = json(&[
        "resume",
        run.to_str().unwrap(),
        "--trials",
        "24",
        "--allow-evaluator",
        "--json",
    ]);
    assert_eq!(resumed["best"], whole["best"]);
    assert_eq!(trials(&run), trials(&dir.path().join("whole")));
    // Reports and comparisons know of it.
    assert!(nas(&["report", run.to_str().unwrap()]).status.success());
    let page = fs::read_to_string(run.join("report.html")).unwrap();
    assert!(page.contains("your own evaluator") && page.contains("only validation figures"));
    let status = json(&["status", run.to_str().unwrap(), "--json"]);
    assert_eq!(
        (&status["state"], &status["finished"]),
        (&"finished".into(), &24.into())
    );
    // The same words with another program are another study.
    let config = fs::read_to_string(run.join("config.toml")).unwrap();
    let other = dir.path().join("other.py");
    let text = fs::read_to_string(&example).unwrap();
    fs::write(&other, text.replace("perceptron on half-circles", "another one")).unwrap();
    fs::write(
        run.join("config.toml"),
        config.replace(&example, other.to_str().unwrap()),
    )
    .unwrap();
    let refused = refused(
        1,
        &[
            "resume",
            run.to_str().unwrap(),
            "--trials",
            "30",
            "--allow-evaluator",
        ],
    );
    assert!(refused.contains("another one"), "{refused}");
}

#[test]
fn an_evaluator_that_cannot_be_is_refused_with_the_reason_and_what_has_no_meaning_with_one_too() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    let with = |code, words: &str, command: &str| {
        let mut args = search(&run, words);
        args.extend(["--evaluator".to_owned(), command.to_owned()]);
        refused(code, &borrowed(&args))
    };
    for (words, named) in [
        ("search darts", "darts"),
        ("search random --batch-size 7", "--batch-size"),
        ("search random --final-epochs 7", "--final-epochs"),
        ("search random --workers 0", "--workers 0"),
        ("search random --benchmark digits", "--benchmark"),
        ("search random --halving asha", "halving"),
    ] {
        let message = with(2, words, "true");
        assert!(message.contains(named), "{words}: {message}");
        assert!(!run.exists(), "{words} left something behind");
    }
    let message = with(1, "search random --space nb201 --seed 3", "echo what is this");
    assert!(message.contains("what is this"), "{message}");
}

#[test]
fn workers_and_threads_change_nothing_and_the_config_file_repeats_a_run() {
    let dir = tempfile::tempdir().unwrap();
    let result = |name: &str, extra: &[&str]| {
        let run = dir.path().join(name);
        let mut args = tiny_search(&run);
        args.extend(extra.iter().map(|&word| word.to_owned()));
        let result = json(&borrowed(&args));
        let last = &result["final"]["test"];
        (result["best"].clone(), last.clone())
    };
    let alone = result("alone", &["--batch", "3"]);
    assert_eq!(result("workers", &["--batch", "3", "--workers", "3"]), alone);
    assert_eq!(result("threads", &["--batch", "3", "--threads", "1"]), alone);
    let config = dir.path().join("alone/config.toml");
    let run = dir.path().join("repeated");
    let repeated = json(&[
        "search",
        "--config",
        config.to_str().unwrap(),
        "--run",
        run.to_str().unwrap(),
        "--json",
    ]);
    assert_eq!(
        (repeated["best"].clone(), repeated["final"]["test"].clone()),
        alone
    );
}

#[test]
fn more_workers_than_a_batch_has_trials_are_noted() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    let mut args = tiny_search(&run);
    args.extend(["--workers".to_owned(), "2".to_owned()]);
    let output = nas(&borrowed(&args));
    assert!(output.status.success());
    assert!(
        text(&output.stderr).contains("--batch"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn several_devices_are_for_workers_and_of_one_kind() {
    for (words, named) in [
        (
            "train NB201_RESNET --device cuda:0,cuda:1",
            "no device 'cuda:0,cuda:1'",
        ),
        ("search random --device cpu,cuda", "different kinds"),
        ("search random --device cuda:0,tpu", "no device 'tpu'"),
    ] {
        let message = refused(2, &words.split(' ').collect::<Vec<_>>());
        assert!(message.contains(named), "{words}: {message}");
    }
}
