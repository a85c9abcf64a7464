//! `nas score` on the built-in digits.

use super::*;

const CELL: &str =
    "|nor_conv_3x3~0|+|nor_conv_1x1~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_1x1~2|";
const ZEROS: &str = "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|";

/// The words of a call, with the size and the batch that keep it short.
fn small<'a>(words: &[&'a str]) -> Vec<&'a str> {
    let size = ["--channels", "4", "--cells", "1", "--batch-size", "16"];
    [&["score"], words, &size].concat()
}

#[test]
fn all_proxies_score_the_architectures_in_their_order() {
    let words = small(&[CELL, "NB201_RESNET", "--proxy", "all", "--json"]);
    let found = json(&words);
    assert_eq!(found["data"], "digits");
    assert_eq!((&found["channels"], &found["cells"]), (&4.into(), &1.into()));
    let scores = found["scores"].as_array().unwrap();
    assert_eq!(scores.len(), 2);
    assert_eq!(scores[0]["arch"], CELL);
    for name in [
        "grad_norm",
        "snip",
        "grasp",
        "fisher",
        "jacov",
        "naswot",
        "synflow",
        "zen",
        "epe_nas",
        "l2_norm",
        "plain",
        "parameters",
        "macs",
    ] {
        for one in scores {
            assert!(one[name].is_f64(), "{name}: {one}");
        }
    }
    let shown = json(&[
        "show",
        CELL,
        "--channels",
        "4",
        "--cells",
        "1",
        "--image",
        "1x8x8",
        "--json",
    ]);
    assert_eq!(scores[0]["parameters"].as_f64(), shown["params"].as_f64());
    assert_eq!(scores[0]["macs"].as_f64(), shown["macs"].as_f64());
    // The number of threads changes nothing.
    let alone = json(&[&words[..], &["--threads", "1"]].concat());
    assert_eq!(alone["scores"], found["scores"]);
}

#[test]
fn scores_depend_on_the_seed_and_are_averaged() {
    let score = |more: &[&str]| {
        let found = json(&small(
            &[&[CELL, "--proxy", "nwot,snip", "--json"], more].concat(),
        ));
        // The key is the name that was typed.
        ["nwot", "snip"].map(|name| found["scores"][0][name].as_f64().unwrap())
    };
    let (first, second) = (score(&[]), score(&["--seed", "1"]));
    assert_ne!(first, second);
    assert_eq!(first, score(&["--seed", "0", "--proxy-seeds", "1"]));
    assert_ne!(first, score(&["--proxy-seeds", "2"]));
}

#[test]
fn a_network_that_looks_at_nothing_has_the_lowest_score() {
    let found = json(&small(&[ZEROS, CELL, "--proxy", "naswot,synflow", "--json"]));
    // JSON has no −∞.
    assert_eq!(found["scores"][0]["naswot"], Value::Null);
    assert_eq!(found["scores"][0]["synflow"], 0.0);
    assert!(found["scores"][1]["naswot"].as_f64().unwrap() > 0.0);
    let output = nas(&small(&[ZEROS, "--proxy", "naswot"]));
    let shown = text(&output.stdout);
    assert!(
        shown.contains("-inf") && shown.contains("no accuracies"),
        "{shown}"
    );
}

#[test]
fn a_sample_is_written_as_it_goes_and_continued() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("scores.csv");
    let out = out.to_str().unwrap();
    let words = small(&[
        "--space",
        "nb201",
        "--sample",
        "6",
        "--seed",
        "3",
        "--proxy",
        "synflow,naswot",
        "--out",
        out,
        "--json",
    ]);
    let found = json(&words);
    let whole = fs::read_to_string(out).unwrap();
    let lines: Vec<&str> = whole.lines().collect();
    assert_eq!((lines.len(), lines[0]), (7, "arch,synflow,naswot"));
    for (line, one) in lines[1..].iter().zip(found["scores"].as_array().unwrap()) {
        let fields: Vec<&str> = line.split(',').collect();
        assert_eq!(fields[0], one["arch"]);
        assert_eq!(fields[1].parse::<f64>().ok(), one["synflow"].as_f64());
    }
    // Cut off within a row.
    let at = whole.find(lines[4]).unwrap() + 20;
    fs::write(out, &whole[..at]).unwrap();
    assert_eq!(json(&words)["scores"], found["scores"]);
    assert_eq!(fs::read_to_string(out).unwrap(), whole);
    // A larger sample begins with the smaller one.
    let more: Vec<&str> = words
        .iter()
        .map(|&word| if word == "6" { "8" } else { word })
        .collect();
    json(&more);
    let longer = fs::read_to_string(out).unwrap();
    assert!(longer.starts_with(&whole) && longer.lines().count() == 9);
    // Other architectures, other settings, other proxies: nothing is written.
    for (change, to, said) in [
        ("3", "4", "other architectures"),
        ("16", "17", "other settings"),
        ("synflow,naswot", "naswot", "does not begin"),
        ("6", "7", "8 rows"),
    ] {
        let other: Vec<&str> = words
            .iter()
            .map(|&word| if word == change { to } else { word })
            .collect();
        let message = refused(1, &other);
        assert!(message.contains(said), "{change}: {message}");
        assert_eq!(fs::read_to_string(out).unwrap(), longer, "{change}");
    }
}

#[test]
fn every_architecture_of_a_small_space_is_scored_once() {
    let message = refused(2, &small(&["--space", "darts", "--every"]));
    assert!(message.contains("--sample"), "{message}");
    let words = ["--space", "nb201", "--every", "--proxy", "parameters", "--json"];
    let found = json(&small(&words));
    let scores = found["scores"].as_array().unwrap();
    let archs: std::collections::BTreeSet<&str> =
        scores.iter().map(|one| one["arch"].as_str().unwrap()).collect();
    assert_eq!((scores.len(), archs.len()), (15_625, 15_625));
}

#[test]
fn what_is_typed_wrong_is_said() {
    for (words, said) in [
        (vec!["score", CELL, "--proxy", "naswut"], "naswot"),
        (vec!["score"], "ARCH"),
        (
            vec!["score", CELL, "--space", "nb201", "--sample", "3"],
            "cannot be used with",
        ),
        (vec!["score", "--sample", "3"], "--space"),
        (
            vec!["score", "--space", "nb201", "--sample", "20000"],
            "15625 architectures",
        ),
        (vec!["score", "DARTS_V2", "--space", "nb201"], "not of --space"),
        (vec!["score", CELL, "--batch-size", "1"], "--batch-size"),
        (vec!["score", CELL, "--proxy-seeds", "0"], "--proxy-seeds"),
        (vec!["score", CELL, "--data", "no-such-data"], "digits"),
    ] {
        let message = refused(2, &words);
        assert!(message.contains(said), "{words:?}: {message}");
    }
}

#[test]
fn the_best_of_a_run_is_scored_in_the_size_of_the_run() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    json(&borrowed(&tiny_search(&run)));
    let found = json(&["score", run.to_str().unwrap(), "--proxy", "synflow", "--json"]);
    assert_eq!(
        (&found["channels"], &found["data"]),
        (&2.into(), &"digits".into())
    );
    assert!(found["scores"][0]["synflow"].as_f64().unwrap() > 0.0);
}
