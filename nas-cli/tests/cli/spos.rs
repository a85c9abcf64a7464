//! Searches by single paths through a supernet.

use super::darts::{timeless, without_seconds};
use super::report::page_of;
use super::*;

/// A search of a few seconds.
fn search(run: &Path, extra: &str) -> Vec<String> {
    let words = "search spos --space nb201 --limit 200 --search-channels 4 --search-epochs 4 --search-batch 16 \
                 --path-candidates 12 --path-population 5 --seed 5 --json";
    let run = run.display().to_string();
    let words = words.split_whitespace().chain(extra.split_whitespace());
    words
        .map(str::to_owned)
        .chain(["--run".to_owned(), run])
        .collect()
}

const TRAINED: &str = "--channels 4 --epochs 1 --final-epochs 1 --audit 3";

#[test]
fn the_best_candidate_is_trained_and_the_shared_weights_are_audited() {
    let dir = tempfile::tempdir().unwrap();
    for (name, extra) in [("uniform", ""), ("fair", "--path-sampling fair --path-images 40")] {
        let run = dir.path().join(name);
        let result = json(&borrowed(&search(&run, &format!("{TRAINED} {extra}"))));
        assert_eq!(
            (
                &result["method"],
                &result["trials"],
                &result["supernet"]["epochs"]
            ),
            (&"spos".into(), &1.into(), &4.into())
        );
        let record = timeless(&run, "search-0.json");
        assert_eq!(record["arch"], result["best"]["arch"]);
        let history = record["history"].as_array().unwrap();
        assert_eq!(history.len(), 4);
        // 140 images, on one path or on five.
        let passes = if name == "fair" { 700 } else { 140 };
        assert_eq!(history[0]["image_passes"], passes);
        let candidates = record["candidates"].as_array().unwrap();
        assert_eq!(candidates.len(), 12);
        for picture in ["paths", "cell"] {
            let path = result["pictures"][picture].as_str().unwrap();
            let svg = fs::read_to_string(path).unwrap();
            assert!(svg.starts_with("<svg"), "{picture}");
            assert_eq!(picture == "paths", svg.contains("Candidates judged"));
        }
        let sample = result["audit"]["sample"].as_array().unwrap();
        assert_eq!(sample.len(), 3);
        for one in sample {
            for accuracy in [&one["shared"], &one["alone"]] {
                assert!((0.0..=1.0).contains(&accuracy.as_f64().unwrap()), "{one}");
            }
        }
        assert_eq!(json(&["resume", run.to_str().unwrap(), "--json"]), result);
        let page = page_of(&run);
        for part in [
            "The supernet and its paths",
            "Candidates judged by the shared weights",
            "The 12 best candidates of 12",
            "Audit of the shared weights",
            "For 3 uniform draws, ",
        ] {
            assert!(page.contains(part), "{part}");
        }
    }
}

#[test]
fn a_search_killed_at_any_moment_goes_on_as_if_nothing_had_happened() {
    let dir = tempfile::tempdir().unwrap();
    let whole = json(&borrowed(&search(&dir.path().join("whole"), TRAINED)));
    let record = timeless(&dir.path().join("whole"), "search-0.json");
    for moment in ["study.db", "search-0.json", "cell-0.svg", "audit.json"] {
        let run = dir.path().join(format!("killed-{moment}"));
        let mut child = Command::new(env!("CARGO_BIN_EXE_nas"))
            .args(search(&run, TRAINED))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        wait_for(Duration::from_secs(60), || run.join(moment).exists());
        child.kill().unwrap();
        child.wait().unwrap();
        let resumed = json(&["resume", run.to_str().unwrap(), "--json"]);
        for key in ["best", "supernet", "test_accuracy", "audit"] {
            assert_eq!(
                without_seconds(resumed[key].clone()),
                without_seconds(whole[key].clone()),
                "killed at {moment}: {key}"
            );
        }
        assert_eq!(timeless(&run, "search-0.json"), record, "killed at {moment}");
    }
}

#[test]
fn what_is_found_is_looked_up_and_audited_in_a_table() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    let extra = "--benchmark nb201 --data digits --path-search random --audit 20";
    let words: Vec<String> = search(&run, extra);
    // A population is one of an evolution.
    let words = words.join(" ").replace("--path-population 5 ", "");
    let result = json(&words.split(' ').collect::<Vec<_>>());
    assert_eq!(
        (&result["epochs"], &result["final"]["epochs"]),
        (&12.into(), &200.into())
    );
    let audit = &result["audit"];
    let tau = audit["kendall_tau"].as_f64().unwrap();
    assert!((-1.0..=1.0).contains(&tau), "{tau}");
    assert!(audit["top_5_regret"]["value"].as_f64().unwrap() >= 0.0);
    assert!(page_of(&run).contains("The regret is what is lost"));
}

/// Other than with methods that read one architecture off a supernet, nothing beyond a limit is found.
#[test]
fn what_is_found_is_within_limits() {
    let dir = tempfile::tempdir().unwrap();
    let search = |name: &str, limit: &str| {
        let run = dir.path().join(name);
        let words = search(&run, &format!("--channels 4 --epochs 1 --final-epochs 1 {limit}"));
        let params = json(&borrowed(&words))["final"]["params"].as_u64().unwrap();
        (params, timeless(&run, "search-0.json"))
    };
    // The smallest has 4,822 parameters.
    let (params, within) = search("within", "--max-params 8000");
    assert!((4822..=8000).contains(&params), "{params}");
    let (_, free) = search("free", "");
    assert_ne!(within["candidates"], free["candidates"]);
    let losses = |record: &Value| -> Vec<Value> {
        let history = record["history"].as_array().unwrap();
        history.iter().map(|epoch| epoch["train_loss"].clone()).collect()
    };
    assert_eq!(
        losses(&within),
        losses(&free),
        "the training is that of the whole space"
    );
}

#[test]
fn whole_networks_are_searched_with_shared_weights() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    let mut words = search(&run, &format!("--layers 4 --path-sampling fair {TRAINED}"));
    for word in words.iter_mut().filter(|word| *word == "nb201") {
        "enas-macro".clone_into(word);
    }
    let result = json(&borrowed(&words));
    assert_eq!(
        (&result["method"], &result["space"]),
        (&"spos".into(), &"enas-macro".into())
    );
    let arch = result["best"]["arch"].as_str().unwrap();
    assert!(arch.starts_with("enas-macro: "), "{arch}");
}
