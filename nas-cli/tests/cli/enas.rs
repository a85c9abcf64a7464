//! Searches by a controller and a supernet whose weights its proposals share.

use super::darts::{timeless, without_seconds};
use super::report::page_of;
use super::*;

/// A search of a few seconds.
fn search(run: &Path, extra: &str) -> Vec<String> {
    let words = "search enas --space nb201 --limit 200 --search-channels 4 --search-epochs 4 --search-batch 16 \
                 --controller-updates 3 --update-every 2 --candidates 5 --seed 5 --json";
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
    let run = dir.path().join("run");
    let result = json(&borrowed(&search(&run, TRAINED)));
    assert_eq!(
        (
            &result["method"],
            &result["trials"],
            &result["supernet"]["epochs"]
        ),
        (&"enas".into(), &1.into(), &4.into())
    );
    let record = timeless(&run, "search-0.json");
    assert_eq!(record["arch"], result["best"]["arch"]);
    assert_eq!(record["history"].as_array().unwrap().len(), 4);
    let candidates = record["candidates"].as_array().unwrap();
    assert!((1..=5).contains(&candidates.len()), "{record}");
    for picture in ["rewards", "cell"] {
        let path = result["pictures"][picture].as_str().unwrap();
        assert!(fs::read_to_string(path).unwrap().starts_with("<svg"), "{picture}");
    }
    assert!(result["pictures"].get("strengths").is_none(), "{result}");
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
        "draws with shared weights",
        "Audit of the shared weights",
        "For 3 uniform draws, ",
    ] {
        assert!(page.contains(part), "{part}");
    }
}

#[test]
fn a_search_killed_at_any_moment_goes_on_as_if_nothing_had_happened() {
    let dir = tempfile::tempdir().unwrap();
    let whole = json(&borrowed(&search(&dir.path().join("whole"), TRAINED)));
    let record = timeless(&dir.path().join("whole"), "search-0.json");
    let moments = ["study.db", "search-0.json", "audit.json"];
    for moment in moments {
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
    let extra = "--benchmark nb201 --data digits --audit 20";
    let result = json(&borrowed(&search(&run, extra)));
    assert_eq!(
        (&result["epochs"], &result["final"]["epochs"]),
        (&12.into(), &200.into())
    );
    let audit = &result["audit"];
    let tau = audit["kendall_tau"].as_f64().unwrap();
    assert!((-1.0..=1.0).contains(&tau), "{tau}");
    assert_eq!(audit["ranking"]["kendall"]["value"], tau);
    for figure in [
        &audit["ranking"]["kendall"],
        &audit["ranking"]["spearman"],
        &audit["top_5_regret"],
    ] {
        let [low, value, high] = [&figure["interval"][0], &figure["value"], &figure["interval"][1]]
            .map(|number| number.as_f64().unwrap());
        assert!(low <= value && value <= high && low < high, "{figure}");
    }
    let best = |sample: &[&Value]| {
        sample
            .iter()
            .map(|one| one["alone"].as_f64().unwrap())
            .fold(0.0, f64::max)
    };
    let mut sample: Vec<&Value> = audit["sample"].as_array().unwrap().iter().collect();
    let all = best(&sample);
    sample.sort_by(|a, b| {
        b["shared"]
            .as_f64()
            .unwrap()
            .total_cmp(&a["shared"].as_f64().unwrap())
    });
    if sample[4]["shared"] != sample[5]["shared"] {
        let regret = audit["top_5_regret"]["value"].as_f64().unwrap();
        assert!((regret - (all - best(&sample[..5]))).abs() < 1e-12, "{audit}");
    }
}

#[test]
fn the_authors_settings_are_resolved_and_what_is_typed_stands_over_them() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    let extra = "--preset enas --entropy 0.2 --channels 4 --epochs 1 --final-epochs 1";
    let result = json(&borrowed(&search(&run, extra)));
    assert_eq!(result["method"], "enas");
    let text = fs::read_to_string(run.join("config.toml")).unwrap();
    let config: toml::Table = text.parse().unwrap();
    let enas = &config["method"]["search"];
    assert_eq!(enas["dropout"].as_float(), Some(0.1));
    assert_eq!(enas["schedule"]["curve"]["kind"].as_str(), Some("restarts"));
    assert_eq!(enas["weights"]["weight_decay"].as_float(), Some(2e-4));
    let rl = &enas["rl"];
    assert_eq!(rl["controller"]["form"].as_str(), Some("attention"));
    assert_eq!(rl["controller"]["hidden"].as_integer(), Some(64));
    assert_eq!(rl["entropy_bonus"].as_str(), Some("reward"));
    assert_eq!(rl["baseline_start"].as_str(), Some("zero"));
    assert_eq!(rl["learning_rate"].as_float(), Some(0.0035));
    assert_eq!(
        (rl["entropy_weight"].as_float(), rl["batch"].as_integer()),
        (Some(0.2), Some(2))
    );
    assert_eq!(enas["controller_updates"].as_integer(), Some(3));
    assert_eq!(json(&["resume", run.to_str().unwrap(), "--json"]), result);
}

#[test]
fn whole_networks_are_searched_with_shared_weights() {
    let dir = tempfile::tempdir().unwrap();
    for preset in ["", "--preset enas"] {
        let run = dir.path().join(format!("run{}", preset.len()));
        let mut words = search(&run, &format!("--layers 4 {preset} {TRAINED}"));
        for word in words.iter_mut().filter(|word| *word == "nb201") {
            "enas-macro".clone_into(word);
        }
        let result = json(&borrowed(&words));
        assert_eq!(
            (&result["method"], &result["space"]),
            (&"enas".into(), &"enas-macro".into())
        );
        let arch = result["best"]["arch"].as_str().unwrap();
        assert!(arch.starts_with("enas-macro: "), "{arch}");
        assert_eq!(arch.matches('|').count(), 3, "{arch}");
        assert_eq!(json(&["resume", run.to_str().unwrap(), "--json"]), result);
        let shown = json(&["show", arch, "--channels", "4", "--json"]);
        assert_eq!(shown["arch"], arch);
        assert!(page_of(&run).contains("draws with shared weights"));
    }
}

#[test]
fn options_of_other_methods_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    let run_name = run.to_str().unwrap();
    for (words, named) in [
        ("enas --relaxation gdas", "it is for darts"),
        ("enas --preset nasnet", "it is for rl"),
        ("rl --audit 3", "it is for enas and spos"),
        ("rl --preset enas", "it is for enas"),
        ("random --entropy 0.1", "rl and enas"),
        ("enas --space chain", "no supernet"),
        ("darts --space enas-macro", "no supernet"),
        ("enas --space nb201 --layers 3", "chain and enas-macro"),
        ("enas --halving asha", "method enas"),
    ] {
        let mut args = vec!["search", "--run", run_name];
        args.extend(words.split(' '));
        let message = refused(2, &args);
        assert!(message.contains(named), "{words}: {message}");
        assert!(!run.exists(), "{words}: left a run directory behind");
    }
}
