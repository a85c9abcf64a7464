//! Searches that maximise a reward of accuracy and cost, and supernets that learn from costs.

use super::*;

/// A search in the built-in table.
fn rewarded(method: &str, run: &Path, extra: &str) -> Vec<String> {
    let trials = if extra.contains("--trials") {
        ""
    } else {
        "--trials 40"
    };
    let words = format!("search {method} --benchmark nb201 {trials} --seed 3 --json {extra} --run");
    let mut args: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
    args.push(run.display().to_string());
    args
}

/// Of each trial: choices, accuracy, multiply-accumulates and reward.
fn trials(run: &Path) -> Vec<(String, f64, u64, f64)> {
    let records = Records::open(run.join("study.db")).unwrap().trials().unwrap();
    let of = |record: &TrialRecord| {
        let evaluation = record.conclusion.as_ref().unwrap().result.as_ref().unwrap();
        (
            record.trial.architecture.to_string(),
            evaluation.valid_accuracy,
            evaluation.macs.unwrap(),
            evaluation.figures["reward"],
        )
    };
    records.iter().map(of).collect()
}

#[test]
fn the_best_is_that_of_the_highest_reward_everywhere_and_the_accuracy_stays() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    let result = json(&borrowed(&rewarded("evolution", &run, "--soft-max macs=20e6")));
    assert_eq!(result["method"], "evolution+reward");
    let trials = trials(&run);
    for (_, accuracy, macs, reward) in &trials {
        assert_eq!(*reward, accuracy * (*macs as f64 / 20e6).powf(-0.07));
    }
    let highest = |of: fn(&(String, f64, u64, f64)) -> f64| {
        let best = trials
            .iter()
            .enumerate()
            .reduce(|best, one| match of(one.1) > of(best.1) {
                true => one,
                false => best,
            });
        best.unwrap().0
    };
    let best = highest(|trial| trial.3);
    assert_ne!(
        best,
        highest(|trial| trial.1),
        "the accuracy would choose another one"
    );
    assert_eq!(result["best"]["trial"], best);
    assert_eq!(result["best"]["valid_accuracy"], trials[best].1);
    assert_eq!(result["best"]["figures"]["reward"], trials[best].3);
    let of_file: Value = serde_json::from_str(&fs::read_to_string(run.join("best.json")).unwrap()).unwrap();
    assert_eq!(
        (&of_file["trial"], &of_file["ranked_by"]),
        (&best.into(), &trials[best].3.into())
    );
    let status = json(&["status", run.to_str().unwrap(), "--json"]);
    assert_eq!(status["best"]["trial"], best);
    assert_eq!(status["best"]["reward"], trials[best].3);
    let page = dir.path().join("page.html");
    json(&[
        "report",
        run.to_str().unwrap(),
        "--out",
        page.to_str().unwrap(),
        "--json",
    ]);
    let page = fs::read_to_string(page).unwrap();
    assert!(page.contains("The best architecture by reward."));
    assert!(page.contains("accuracy × (macs / 20000000)^-0.07"));
    let again = dir.path().join("again");
    let config = run.join("config.toml");
    let said = nas(&[
        "search",
        "--config",
        config.to_str().unwrap(),
        "--run",
        again.to_str().unwrap(),
    ]);
    let said = text(&said.stdout);
    assert!(
        said.contains(
            "rewards              accuracy × (macs / 20000000)^-0.07; the best is that of the highest reward"
        ),
        "{said}"
    );
    assert_eq!(self::trials(&again), trials);
}

/// With every method that learns from accuracies: the rewards of the first half are told again from the records, and the
/// second half is what it would have been.
#[test]
fn a_search_by_rewards_is_resumed_as_if_it_had_never_stopped() {
    let dir = tempfile::tempdir().unwrap();
    for method in ["evolution", "local-search", "bananas", "rl", "bohb"] {
        let run = dir.path().join(method);
        let extra = "--soft-max macs=20e6 --soft-max params=200000 --soft-weight -0.5 --soft-below 0";
        let whole = json(&borrowed(&rewarded(method, &run, extra)));
        let half = dir.path().join(format!("{method}-half"));
        json(&borrowed(&rewarded(
            method,
            &half,
            &format!("{extra} --trials 20"),
        )));
        let resumed = json(&["resume", half.to_str().unwrap(), "--trials", "40", "--json"]);
        assert_eq!(trials(&half), trials(&run), "{method}");
        assert_eq!(resumed["best"], whole["best"], "{method}");
    }
}

#[test]
fn soft_limits_that_have_no_meaning_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    for (method, extra, why) in [
        ("nsga2", "--soft-max macs=20e6", "--objectives"),
        ("evolution", "--soft-max energy=3", "no such column"),
        ("evolution", "--soft-weight -1", "without --soft-max"),
        ("evolution", "--soft-max macs=0", "a number above 0"),
        (
            "evolution",
            "--soft-max macs=1e6 --soft-weight 0.5",
            "a number of at most 0",
        ),
        ("evolution", "--soft-max macs=1e6 --soft-weight 0", "no effect"),
    ] {
        let message = refused(2, &borrowed(&rewarded(method, &run, extra)));
        assert!(message.contains(why), "{method} {extra}: {message}");
        assert!(!run.exists());
    }
    for method in ["darts", "enas", "spos"] {
        let message = refused(2, &["search", method, "--soft-max", "macs=1e6"]);
        assert!(message.contains("no meaning with method"), "{method}: {message}");
    }
}

#[test]
fn methods_are_compared_by_what_they_find_for_a_reward() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("comparison");
    let words = "compare random,evolution --seeds 4 --trials 60 --soft-max macs=20e6 --json --run";
    let words = words.split(' ').chain([run.to_str().unwrap()]);
    let result = json(&words.collect::<Vec<_>>());
    let page = fs::read_to_string(run.join("report.html")).unwrap();
    assert!(
        page.contains("rewards: accuracy × (macs / 20000000)^-0.07"),
        "what the best was chosen by"
    );
    assert_eq!(
        result["methods"]["evolution"]["runs"]
            .as_array()
            .map_or(4, Vec::len),
        4
    );
}

#[test]
fn a_supernet_learns_from_the_expected_cost() {
    let dir = tempfile::tempdir().unwrap();
    let found = |weight: &str| {
        let run = dir.path().join(format!("run{weight}"));
        let words = "search darts --space nb201 --data digits --limit 200 --search-epochs 3 --search-channels 4 --search-cells 1 \
                     --channels 4 --cells 1 --epochs 1 --final-epochs 1 --expected-cost params --json --cost-weight";
        let words = words
            .split_whitespace()
            .chain([weight, "--run", run.to_str().unwrap()]);
        let result = json(&words.collect::<Vec<_>>());
        let config = fs::read_to_string(run.join("config.toml")).unwrap();
        assert!(
            config.contains("[method.expected_cost]\nfigure = \"params\"\n"),
            "{config}"
        );
        let page = dir.path().join("page.html");
        json(&[
            "report",
            run.to_str().unwrap(),
            "--out",
            page.to_str().unwrap(),
            "--json",
        ]);
        assert!(fs::read_to_string(page).unwrap().contains("expected cost"));
        result["best"]["params"].as_u64().unwrap()
    };
    assert!(found("100") < found("0"));
    let message = refused(2, &["search", "darts", "--cost-weight", "3"]);
    assert!(message.contains("without --expected-cost"), "{message}");
}
