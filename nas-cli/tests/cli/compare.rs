//! `nas compare`.

use super::{json, refused, shared};

const TABLE: &str = "nb201/nb201_acc.csv.gz";

#[test]
fn methods_are_compared_on_the_same_seeds_whatever_the_threads() {
    let Some(table) = shared(TABLE) else { return };
    let table = table.to_str().unwrap();
    let compare = |threads: &str| {
        let words = "compare random,evolution,local-search --benchmark nb201 --seeds 40 --trials 100 --json --threads";
        let mut args: Vec<&str> = words.split(' ').collect();
        args.extend([threads, "--table", table]);
        let mut result = json(&args);
        for method in ["random", "evolution", "local-search"] {
            let standing = result["methods"][method].as_object_mut().unwrap();
            // Clocks differ.
            assert!(standing.remove("seconds_per_trial").unwrap().as_f64().unwrap() > 0.0);
            for run in standing["runs"].as_array_mut().unwrap() {
                run.as_object_mut().unwrap().remove("strategy_seconds").unwrap();
            }
        }
        result
    };
    let result = compare("2");
    assert_eq!(result, compare("1"));
    let random = &result["methods"]["random"];
    let mean = |figure: &str| {
        let runs = random["runs"].as_array().unwrap();
        assert_eq!(runs.len(), 40);
        runs.iter().map(|run| run[figure].as_f64().unwrap()).sum::<f64>() / 40.0
    };
    assert!((mean("test_accuracy") - random["test_mean"].as_f64().unwrap()).abs() < 1e-12);
    assert!((mean("valid_accuracy") - random["valid_mean"].as_f64().unwrap()).abs() < 1e-12);
    let regret = result["best_test"].as_f64().unwrap() - mean("test_accuracy");
    assert!((random["regret_mean"].as_f64().unwrap() - regret).abs() < 1e-12);
    // What 500 seeds give is 93.75 ± 0.35 %: four standard errors of 40.
    assert!((mean("test_accuracy") - 0.9375).abs() < 4.0 * 0.0035 / 40.0_f64.sqrt());
    let pairs = result["pairs"].as_array().unwrap();
    assert_eq!(pairs.len(), 3);
    assert_eq!(
        (&pairs[0]["a"], &pairs[0]["b"]),
        (&"random".into(), &"evolution".into())
    );
    for pair in pairs {
        assert!((0.0..=1.0).contains(&pair["p_value"].as_f64().unwrap()));
        assert!((0.0..=1.0).contains(&pair["effect"].as_f64().unwrap()));
    }
}

#[test]
fn a_run_of_a_comparison_is_the_search_of_that_seed() {
    let Some(table) = shared(TABLE) else { return };
    let table = table.to_str().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    let of_seed = |words: &str| {
        let mut args: Vec<&str> = words.split(' ').collect();
        args.extend([
            "--benchmark",
            "nb201",
            "--table",
            table,
            "--trials",
            "30",
            "--json",
        ]);
        json(&args)
    };
    let compared = of_seed("compare evolution --seeds 4");
    let searched = of_seed(&format!("search evolution --seed 3 --run {}", run.display()));
    let run = &compared["methods"]["evolution"]["runs"][3];
    assert_eq!(run["seed"], 3);
    assert_eq!(run["valid_accuracy"], searched["best"]["valid_accuracy"]);
    assert_eq!(run["test_accuracy"], searched["test_accuracy"]);
}

#[test]
fn without_a_table_methods_are_compared_on_the_one_that_is_built_in() {
    let result = json(&[
        "compare",
        "random,evolution,pnas",
        "--seeds",
        "6",
        "--trials",
        "60",
        "--json",
    ]);
    assert_eq!(result["space"], "digit-cells");
    let best = result["best_test"].as_f64().unwrap();
    for method in ["random", "evolution", "pnas"] {
        let standing = &result["methods"][method];
        let mean = standing["test_mean"].as_f64().unwrap();
        assert!(mean > 0.8 && mean <= best, "{method}: {mean}");
        let runs = standing["runs"].as_array().unwrap();
        assert!(runs.iter().all(|run| run["failed"] == 0), "{method}: {runs:?}");
    }
}

#[test]
fn what_cannot_be_compared_is_refused() {
    let message = refused(
        2,
        &["compare", "random,darts", "--benchmark", "nb201", "--table", "x"],
    );
    assert!(
        message.contains("supernet") && message.contains("evolution"),
        "{message}"
    );
    let message = refused(
        2,
        &["compare", "random,random", "--benchmark", "nb201", "--table", "x"],
    );
    assert!(message.contains("named twice"), "{message}");
    let message = refused(
        2,
        &["compare", "random,magic", "--benchmark", "nb201", "--table", "x"],
    );
    assert!(
        message.contains("magic") && message.contains("local-search"),
        "{message}"
    );
    let message = refused(2, &["compare", "random", "--benchmark", "nb201"]);
    assert!(message.contains("--table"), "{message}");
    let message = refused(
        1,
        &[
            "compare",
            "random",
            "--benchmark",
            "nb201",
            "--table",
            "/no/such.csv",
        ],
    );
    assert!(message.contains("/no/such.csv"), "{message}");
}
