//! Progressive search as a user meets it.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::json;
use super::report::page_of;

/// The levels on record, as (trained, different children).
fn levels(run: &Path) -> Vec<(usize, u64)> {
    let record: Value = serde_json::from_str(&fs::read_to_string(run.join("pnas.json")).unwrap()).unwrap();
    let levels = record["levels"].as_array().unwrap().iter();
    levels
        .map(|level| {
            (
                level["models"].as_array().unwrap().len(),
                level["distinct"].as_u64().unwrap(),
            )
        })
        .collect()
}

fn check_pictures(run: &Path) {
    for name in ["predicted.svg", "levels.svg"] {
        let picture = fs::read_to_string(run.join(name)).unwrap();
        assert!(
            picture.starts_with("<svg ") && picture.contains("<circle "),
            "{name}"
        );
    }
}

#[test]
fn a_progressive_search_trains_level_by_level_and_is_resumed_by_replay() {
    let dir = tempfile::tempdir().unwrap();
    let (run, short) = (dir.path().join("run"), dir.path().join("short"));
    let words = "search pnas --space nb201 --data digits --limit 200 --channels 2 --epochs 1 --final-epochs 1 --seed 3 \
                 --surrogate gaussian-process --exploration ucb --json";
    // Said here, they do not depend on the trials.
    let config = dir.path().join("config.toml");
    fs::write(
        &config,
        "[method]\nname = 'pnas'\nfirst_level = 'all'\nbeam = [3, 4]\n",
    )
    .unwrap();
    let search = |trials: &str, run: &Path| {
        let mut args: Vec<&str> = words.split(' ').collect();
        args.extend(["--trials", trials, "--run", run.to_str().unwrap()]);
        args.extend(["--config", config.to_str().unwrap()]);
        json(&args)
    };
    let whole = search("20", &run);
    // The levels are used up before the trials are.
    assert_eq!((&whole["method"], &whole["trials"]), (&"pnas".into(), &12.into()));
    let trained: Vec<usize> = levels(&run).iter().map(|level| level.0).collect();
    assert_eq!(trained, [5, 3, 4]);
    check_pictures(&run);
    let page = page_of(&run);
    for part in [
        "Levels of the search",
        "Predicted and measured accuracy",
        "held out",
    ] {
        assert!(page.contains(part), "{part}");
    }
    // Cut off in level 2 and gone on with, it is the same search.
    search("6", &short);
    let resumed = json(&["resume", short.to_str().unwrap(), "--trials", "20", "--json"]);
    assert_eq!(
        (&resumed["best"], &resumed["trials"]),
        (&whole["best"], &whole["trials"])
    );
    for name in ["pnas.json", "predicted.svg", "levels.svg"] {
        let [a, b] = [&run, &short].map(|run| fs::read_to_string(run.join(name)).unwrap());
        assert_eq!(a, b, "{name}");
    }
}

#[test]
fn a_table_is_searched_level_by_level() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    let words = [
        "search",
        "pnas",
        "--benchmark",
        "nb201",
        "--trials",
        "60",
        "--json",
    ];
    let paths = ["--run", run.to_str().unwrap()];
    let result = json(&[&words[..], &paths].concat());
    assert_eq!(result["trials"], 60);
    assert!(result["test_accuracy"].as_f64().unwrap() > 0.9, "{result}");
    let levels = levels(&run);
    assert_eq!(levels.iter().map(|level| level.0).sum::<usize>(), 60);
    assert_eq!(levels[0], (5, 5));
    check_pictures(&run);
}
