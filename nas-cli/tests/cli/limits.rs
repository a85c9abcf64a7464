//! Accuracy and size: the front of a search, and networks that are not to be larger.

use super::*;

/// A search of a second or two by this method that really trains.
fn tiny(method: &str, run: &Path, extra: &str) -> Vec<String> {
    let mut args = tiny_search(run);
    args[1] = method.to_owned();
    args.extend(extra.split_whitespace().map(str::to_owned));
    args
}

/// The parameters and multiply-accumulates of all trials on record that did not fail, and the kinds of failure of the others.
fn costs(run: &Path) -> (Vec<(u64, u64)>, Vec<String>) {
    let (mut costs, mut failures) = (Vec::new(), Vec::new());
    for record in Records::open(run.join("study.db")).unwrap().trials().unwrap() {
        match record.conclusion.unwrap().result {
            Ok(evaluation) => costs.push((evaluation.params.unwrap(), evaluation.macs.unwrap())),
            Err(failure) => failures.push(format!("{:?}", failure.kind)),
        }
    }
    (costs, failures)
}

#[test]
fn the_front_between_accuracy_and_size_is_drawn_and_listed() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    let args = tiny("nsga2", &run, "--population 3 --objectives accuracy,macs");
    let result = json(&borrowed(&args));
    assert_eq!(
        (&result["method"], &result["trials"]),
        (&"nsga2".into(), &6.into())
    );
    let front = result["pareto"].as_array().unwrap();
    assert!(!front.is_empty());
    let number = |point: &Value, key: &str| point[key].as_f64().unwrap();
    for pair in front.windows(2) {
        // What costs more is more accurate, or it would not be there; equals in both may stand side by side.
        let grows = |key| number(&pair[0], key).total_cmp(&number(&pair[1], key));
        assert_eq!(grows("macs"), grows("valid_accuracy"), "{front:?}");
    }
    let best = &result["best"];
    assert!(
        front
            .iter()
            .any(|point| point["valid_accuracy"] == best["valid_accuracy"])
    );
    let (costs, _) = costs(&run);
    for point in front {
        let (params, macs) = costs[point["trial"].as_u64().unwrap() as usize];
        assert_eq!((&point["params"], &point["macs"]), (&params.into(), &macs.into()));
    }
    assert_eq!(result["pareto_picture"], run.join("pareto.svg").to_str().unwrap());
    let svg = fs::read_to_string(run.join("pareto.svg")).unwrap();
    assert_eq!(
        svg.matches("<circle").count(),
        2 + 6,
        "of the legend and of the trials"
    );
    assert_eq!(json(&["resume", run.to_str().unwrap(), "--json"]), result);
    assert_eq!(fs::read_to_string(run.join("pareto.svg")).unwrap(), svg);
}

#[test]
fn no_method_trains_what_is_over_a_limit_and_the_limits_are_those_of_the_run() {
    let dir = tempfile::tempdir().unwrap();
    // Of the networks of this space and size the median.
    let whole = dir.path().join("whole");
    json(&borrowed(&tiny("random", &whole, "")));
    let (mut all, _) = costs(&whole);
    all.sort_unstable();
    let limit = all[all.len() / 2].0;
    for method in ["random", "evolution", "nsga2", "local-search"] {
        let run = dir.path().join(method);
        let extra = format!("--max-params {limit}");
        let result = json(&borrowed(&tiny(method, &run, &extra)));
        let (costs, failures) = costs(&run);
        assert!(
            costs.iter().all(|&(params, _)| params <= limit),
            "{method}: {costs:?}"
        );
        assert_eq!((costs.len(), failures.len()), (6, 0), "{method}");
        assert!(result["final"]["params"].as_u64().unwrap() <= limit);
    }
    let run = dir.path().join("random");
    let config = fs::read_to_string(run.join("config.toml")).unwrap();
    let typed = format!("max_params = {limit}");
    assert!(config.contains("[limits]") && config.contains(&typed), "{config}");
    let other = config.replace(&typed, &format!("max_params = {}", 2 * limit));
    fs::write(run.join("config.toml"), other).unwrap();
    let message = refused(1, &["resume", run.to_str().unwrap()]);
    assert!(message.contains("not the recorded study"), "{message}");
}

#[test]
fn limits_that_nothing_is_within_are_refused_before_anything_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    for method in ["random", "darts"] {
        let args = [
            "search",
            method,
            "--max-params",
            "10",
            "--run",
            run.to_str().unwrap(),
        ];
        let message = refused(1, &args);
        assert!(
            message.contains("0 of 10000 architectures") && message.contains("at most 10 parameters"),
            "{message}"
        );
        assert!(!run.exists());
    }
}

/// What a supernet gives cannot be chosen by its size: it is refused before it is trained.
#[test]
fn an_architecture_of_a_supernet_that_is_too_large_is_not_trained() {
    let dir = tempfile::tempdir().unwrap();
    let search = |name: &str, extra: &str| {
        let words = "search darts --limit 200 --search-channels 4 --search-cells 3 --search-epochs 1 --channels 4 \
                     --epochs 1 --final-epochs 1 --seed 5 --json";
        let run = dir.path().join(name).display().to_string();
        let words = words.split_whitespace().chain(extra.split_whitespace());
        let words = words.map(str::to_owned);
        words.chain(["--run".to_owned(), run]).collect::<Vec<_>>()
    };
    let params = json(&borrowed(&search("free", "")))["final"]["params"]
        .as_u64()
        .unwrap();
    let within = json(&borrowed(&search("within", &format!("--max-params {params}"))));
    assert_eq!(within["final"]["params"], params);
    let message = refused(
        1,
        &borrowed(&search("beyond", &format!("--max-params {}", params - 1))),
    );
    assert!(
        message.contains("all 1 trials failed") && message.contains(&format!("{params} parameters")),
        "{message}"
    );
    let (costs, failures) = costs(&dir.path().join("beyond"));
    assert_eq!((costs.len(), failures), (0, vec!["OverLimit".to_owned()]));
    assert!(
        dir.path().join("beyond/cell-0.svg").is_file(),
        "what was found is on record"
    );
}

/// 2⁶⁴ − 1 architectures to be audited ended a search that had been trained, and 10⁸ seeds took the memory.
#[test]
fn counts_have_bounds() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    for (command, flags) in [
        ("search enas", &["--audit", "--candidates", "--search-batch"][..]),
        ("search spos", &["--path-candidates", "--path-population"]),
        ("search darts", &["--search-batch"]),
        ("search random", &["--batch-size"]),
        ("compare random", &["--seeds", "--jobs"]),
    ] {
        for flag in flags {
            for value in ["100000001", "18446744073709551615"] {
                let mut args: Vec<&str> = command.split(' ').collect();
                let typed = format!("{flag}={value}");
                args.extend([&typed, "--run", run.to_str().unwrap()]);
                let message = refused(2, &args);
                assert!(message.contains(value), "{command} {typed}: {message}");
                assert!(!run.exists(), "{command} {typed} left a directory behind");
            }
        }
    }
}
