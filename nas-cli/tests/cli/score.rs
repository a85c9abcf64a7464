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
        (vec!["score", CELL, "--against", "nb202"], "benchmarks: "),
        (vec!["score", CELL, "--page", "p.html"], "--against"),
        (vec!["score", "--scores", "s.csv"], "--against"),
        (vec!["score", "--against", "nb201"], "ARCH"),
        (
            vec!["score", CELL, "--against", "nb201", "--table-data", "mnist"],
            "cifar100",
        ),
        (
            vec![
                "score",
                "--scores",
                "s.csv",
                "--against",
                "nb201",
                "--channels",
                "4",
            ],
            "cannot be used with",
        ),
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

/// The ranking of a proxy by a figure.
fn ranking<'a>(found: &'a Value, proxy: &str, figure: &str) -> &'a Value {
    let rankings = found["rankings"].as_array().unwrap();
    let mut meant = rankings
        .iter()
        .filter(|one| one["proxy"] == proxy && one["figure"] == figure);
    let one = meant.next().unwrap();
    assert!(meant.next().is_none());
    one
}

const AFTER_12: &str = "validation accuracy after 12 epochs";
const AFTER_200: &str = "test accuracy after 200 epochs";

#[test]
fn scores_of_a_file_are_compared_with_a_benchmark_on_a_page() {
    let dir = tempfile::tempdir().unwrap();
    let (scores, page) = (dir.path().join("scores.csv"), dir.path().join("page.html"));
    let (scores, page) = (scores.to_str().unwrap(), page.to_str().unwrap());
    let sample = ["--space", "nb201", "--sample", "80", "--proxy", "parameters,macs"];
    json(&small(&[&sample[..], &["--out", scores, "--json"]].concat()));
    let words = ["score", "--scores", scores, "--against", "nb201", "--page", page];
    let found = json(&[&words[..], &["--json"]].concat());
    assert_eq!(found["against"], "cifar10 of the benchmark nb201");
    assert_eq!(found["rankings"].as_array().unwrap().len(), 4);
    assert_eq!(found["scores"].as_array().unwrap().len(), 80);
    for figure in [AFTER_12, AFTER_200] {
        let of_parameters = ranking(&found, "parameters", figure);
        assert_eq!(of_parameters["architectures"], 80);
        for name in ["spearman", "kendall", "top_10_percent"] {
            let value = of_parameters[name]["value"].as_f64().unwrap();
            let [low, high] = [0, 1].map(|end| of_parameters[name]["interval"][end].as_f64().unwrap());
            assert!(
                low <= value && value <= high && low < high,
                "{name}: {of_parameters}"
            );
        }
        assert_eq!(of_parameters["seconds"], Value::Null, "the file has none");
    }
    // Larger cells of NAS-Bench-201 are better.
    let spearman = &ranking(&found, "parameters", AFTER_200)["spearman"];
    assert!(spearman["value"].as_f64().unwrap() > 0.5, "{spearman}");
    let written = fs::read_to_string(page).unwrap();
    assert_eq!(written.matches("<svg").count(), 4);
    for said in [
        AFTER_12,
        AFTER_200,
        "no accuracy",
        "Kendall",
        "nas score --scores",
    ] {
        assert!(written.contains(said), "{said}");
    }
    let shown = nas(&[&words[..], &["--proxy", "macs"]].concat());
    let shown = text(&shown.stdout);
    for said in [AFTER_12, "no accuracies", "page: ", "macs"] {
        assert!(shown.contains(said), "{said}: {shown}");
    }
    assert!(!shown.contains("parameters"), "{shown}");
    // A column of seconds, and another data set.
    let lines = fs::read_to_string(scores).unwrap();
    let timed = lines.lines().enumerate().map(|(number, line)| match number {
        0 => format!("{line},seconds\n"),
        _ => format!("{line},0.5\n"),
    });
    fs::write(scores, timed.collect::<String>()).unwrap();
    let words = [
        "score",
        "--scores",
        scores,
        "--proxy",
        "macs",
        "--against",
        "nb201",
        "--table-data",
        "cifar100",
        "--json",
    ];
    let found = json(&words);
    assert_eq!(found["against"], "cifar100 of the benchmark nb201");
    assert_eq!(ranking(&found, "macs", AFTER_12)["seconds"], 0.5);
    let message = refused(
        2,
        &[&words[..3], &["--proxy", "snip", "--against", "nb201"]].concat(),
    );
    assert!(message.contains("parameters, macs"), "{message}");
}

#[test]
fn computed_scores_are_timed_and_differences_are_said() {
    let words = [
        "--space",
        "nb201",
        "--sample",
        "12",
        "--proxy",
        "synflow,parameters",
    ];
    let found = json(&small(&[&words[..], &["--against", "nb201", "--json"]].concat()));
    let of_synflow = ranking(&found, "synflow", AFTER_12);
    assert!(of_synflow["seconds"].as_f64().unwrap() > 0.0);
    assert_eq!(
        (&found["data"], &found["channels"]),
        (&"digits".into(), &4.into())
    );
    let warnings = found["warnings"].to_string();
    assert!(warnings.contains("images of digits"), "{warnings}");
    assert!(warnings.contains("16 channels"), "{warnings}");
}

#[test]
fn trials_of_a_run_are_scored_and_compared_with_their_own_accuracies() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    json(&borrowed(&tiny_search(&run)));
    let run = run.to_str().unwrap();
    let found = json(&["score", "--against", run, "--proxy", "parameters", "--json"]);
    let scores = found["scores"].as_array().unwrap();
    assert!(!scores.is_empty());
    assert_eq!(
        (&found["channels"], &found["data"]),
        (&2.into(), &"digits".into()),
        "the size of the run"
    );
    let rankings = found["rankings"].as_array().unwrap();
    assert_eq!(rankings.len(), 1);
    assert_eq!(rankings[0]["architectures"], scores.len());
    let figure = rankings[0]["figure"].as_str().unwrap();
    assert!(figure.starts_with("validation accuracy after "), "{figure}");
    let warnings = found["warnings"].to_string();
    assert!(
        warnings.contains("no random sample") && warnings.contains("too few"),
        "{warnings}"
    );
    let message = refused(2, &["score", "--against", run, "--table-data", "cifar10"]);
    assert!(message.contains("--table-data"), "{message}");
}
