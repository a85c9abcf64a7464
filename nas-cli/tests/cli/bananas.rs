//! BANANAS as a user meets it.

use super::{json, refused};

#[test]
fn a_table_is_searched_by_bananas_and_the_search_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let [run, short] = ["run", "short"].map(|name| dir.path().join(name).display().to_string());
    let search = |trials: &str, run: &str| {
        let words = "search bananas --benchmark nb201 --seed 2 --json --trials";
        json(&[&words.split(' ').collect::<Vec<_>>()[..], &[trials, "--run", run]].concat())
    };
    let whole = search("60", &run);
    assert_eq!(
        (&whole["method"], &whole["trials"]),
        (&"bananas".into(), &60.into())
    );
    // The best of 60 uniform draws has 93.6 % on average.
    assert!(whole["test_accuracy"].as_f64().unwrap() > 0.935, "{whole}");
    search("35", &short);
    let more = json(&["resume", &short, "--trials", "60", "--json"]);
    assert_eq!(more["best"], whole["best"]);
    assert_eq!(more["test_accuracy"], whole["test_accuracy"]);
}

#[test]
fn every_kind_of_space_is_searched_and_a_surrogate_that_does_not_suit_one_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    for space in ["darts", "chain", "hierarchical"] {
        let run = dir.path().join(space).display().to_string();
        let words = format!(
            "search bananas --space {space} --data digits --limit 100 --channels 2 --cells 3 --epochs 1 --final-epochs 1 \
             --trials 6 --initial 3 --round 2 --workers 0 --json --run"
        );
        let words = match space {
            "darts" => words,
            _ => words.replace("--cells 3 ", ""),
        };
        let result = json(&[&words.split_whitespace().collect::<Vec<_>>()[..], &[&run[..]]].concat());
        assert_eq!(
            (&result["trials"], &result["failed"]),
            (&6.into(), &0.into()),
            "{space}"
        );
    }
    let message = refused(
        1,
        &["search", "bananas", "--space", "nb101", "--surrogate", "mlp"],
    );
    assert!(message.contains("grow") && message.contains("nb101"), "{message}");
}
