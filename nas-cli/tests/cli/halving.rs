//! Searches that train most architectures a little and the better ones more.

use super::*;

/// Rungs of 1, 2 and 4 epochs.
fn halved(run: &Path, extra: &str) -> Vec<String> {
    let words = "search random --halving asha --epochs 4 --eta 2 --budget-epochs 24 --batch 3 --data digits --limit 300 \
                 --channels 2 --final-epochs 1 --seed 5 --json";
    let words = words.split_whitespace().chain(extra.split_whitespace());
    let mut args: Vec<String> = words.map(str::to_owned).collect();
    args.extend(["--run".to_owned(), run.display().to_string()]);
    args
}

/// The trials on record, without what depends on the clock.
fn trials(run: &Path) -> Vec<String> {
    let records = Records::open(run.join("study.db")).unwrap().trials().unwrap();
    let told = records.iter().map(|record| {
        let result = record.conclusion.as_ref().unwrap().result.as_ref().unwrap();
        let bits = (
            result.valid_accuracy.to_bits(),
            result.valid_loss.unwrap().to_bits(),
        );
        format!("{:?} {bits:?}", record.trial)
    });
    told.collect()
}

const SAME: [&str; 5] = ["method", "trials", "epochs", "best", "test_accuracy"];

#[test]
fn a_halved_search_is_the_same_for_any_workers_and_pays_each_epoch_once() {
    let dir = tempfile::tempdir().unwrap();
    let alone = dir.path().join("alone");
    let result = json(&borrowed(&halved(&alone, "")));
    assert_eq!(result["method"], "random+asha");
    assert_eq!(result["best"]["epochs"], 4);
    let epochs = result["epochs"].as_u64().unwrap();
    assert!((24..24 + 6).contains(&epochs), "{result}");
    let records = Records::open(alone.join("study.db")).unwrap().trials().unwrap();
    let added: u32 = records.iter().map(|record| record.trial.added_epochs()).sum();
    assert_eq!(u64::from(added), epochs);
    assert!(records.iter().any(|record| record.trial.continues.is_some()));
    assert!(!alone.join("checkpoints/trials").exists(), "removed at the end");
    for workers in ["2", "3"] {
        let run = dir.path().join(workers);
        let other = json(&borrowed(&halved(&run, &format!("--workers {workers}"))));
        assert_eq!(trials(&run), trials(&alone), "{workers} workers");
        for key in SAME {
            assert_eq!(other[key], result[key], "{workers} workers: {key}");
        }
    }
    // More of it, after the checkpoints were removed: as if there had been more from the beginning.
    let more = json(&[
        "resume",
        alone.to_str().unwrap(),
        "--budget-epochs",
        "32",
        "--json",
    ]);
    let whole = dir.path().join("whole");
    let larger = json(&borrowed(
        &halved(&whole, "")
            .into_iter()
            .map(|word| if word == "24" { "32".to_owned() } else { word })
            .collect::<Vec<_>>(),
    ));
    assert_eq!(trials(&alone), trials(&whole));
    assert_eq!(more["best"], larger["best"]);
    let refused = refused(2, &["resume", alone.to_str().unwrap(), "--budget-epochs", "9"]);
    assert!(refused.contains("--budget-epochs"), "{refused}");
}

#[test]
fn a_halved_search_killed_among_its_promotions_goes_on_with_its_checkpoints_or_without() {
    let dir = tempfile::tempdir().unwrap();
    let whole = dir.path().join("whole");
    let expected = json(&borrowed(&halved(&whole, "")));
    let promoted = |run: &Path, finished: bool| {
        let records = Records::open(run.join("study.db")).and_then(|records| records.trials());
        let records = records.unwrap_or_default();
        records
            .iter()
            .any(|r| r.trial.continues.is_some() && (r.conclusion.is_some() || !finished))
    };
    for (name, finished, without) in [
        ("asked", false, false),
        ("finished", true, false),
        ("without", true, true),
    ] {
        let run = dir.path().join(name);
        let mut child = Command::new(env!("CARGO_BIN_EXE_nas"))
            .args(halved(&run, "--workers 2"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        wait_for(Duration::from_secs(60), || promoted(&run, finished));
        child.kill().unwrap();
        assert_eq!(
            child.wait().unwrap().code(),
            None,
            "{name}: it had ended by itself"
        );
        assert!(
            promoted(&run, finished) && !run.join("final.json").exists(),
            "{name}"
        );
        let checkpoints = run.join("checkpoints/trials");
        assert!(checkpoints.is_dir(), "{name}");
        if without {
            // The workers of the killed search may still leave a checkpoint.
            wait_for(Duration::from_secs(10), || {
                fs::remove_dir_all(&checkpoints).is_ok()
            });
        }
        let resumed = json(&["resume", run.to_str().unwrap(), "--json"]);
        assert_eq!(trials(&run), trials(&whole), "killed when {name}");
        for key in SAME {
            assert_eq!(resumed[key], expected[key], "killed when {name}: {key}");
        }
    }
}

#[test]
fn brackets_have_their_sizes_and_what_cannot_be_halved_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    let words = "search evolution --halving sync --epochs 4 --eta 2 --trials 7 --data digits --limit 200 --channels 2 \
                 --final-epochs 1 --json --run";
    let mut args: Vec<&str> = words.split_whitespace().collect();
    args.push(run.to_str().unwrap());
    let result = json(&args);
    assert_eq!(
        (&result["method"], &result["trials"]),
        (&"evolution+sha".into(), &7.into())
    );
    // Four trained for 1 epoch, two of them for 2, one of these for 4.
    let records = Records::open(run.join("study.db")).unwrap().trials().unwrap();
    let epochs: Vec<u32> = records
        .iter()
        .map(|record| record.trial.fidelity.epochs)
        .collect();
    assert_eq!(epochs, [1, 1, 1, 1, 2, 2, 4]);
    assert_eq!(result["epochs"], 4 + 2 + 2);
    for (words, named) in [
        (
            "search random --evaluator true --halving asha",
            "cannot continue a training",
        ),
        ("search darts --halving asha", "method darts"),
        ("search random --eta 3", "--eta has no meaning without --halving"),
        ("search random --halving asha --bracket 9", "--bracket"),
        ("search random --halving magic", "asha, sync"),
        (
            "search random --halving asha --epochs 3 --min-epochs 4",
            "at least min_epochs",
        ),
        (
            "search random --halving sync --epochs 9 --eta 3 --bracket 8",
            "at least 9",
        ),
        (
            "search random --halving asha --early-stopping-rate 3",
            "at most 2",
        ),
    ] {
        let message = refused(2, &words.split(' ').collect::<Vec<_>>());
        assert!(message.contains(named), "{words}: {message}");
    }
}
