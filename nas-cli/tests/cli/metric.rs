//! Tables whose figures are no accuracies, and tables in which one figure is both validation and test.

use std::collections::BTreeSet;

use nas_study::Records;

use super::report::page_of;
use super::tables::{imported, printed};
use super::*;

const CSV: &str = "\
a,b,valid,test,macs
0,0,2.5,2.6,1
0,1,-0.7,-0.65,6
1,0,0.3,0.35,3
1,1,12.0,11.0,4
2,0,1.5,1.6,2
2,1,-0.2,-0.25,5
";

/// A mapping of those figures, of which `direction` values are better.
fn mapping(name: &str, direction: &str) -> String {
    format!(
        r#"
name = "bare"
origin = "made up for a test"
[space]
kind = "product"
name = "bare"
decisions = [
  {{ name = "a", kind = "number", options = ["0", "1", "2"] }},
  {{ name = "b", kind = "number", options = ["0", "1"] }},
]
[architecture]
columns = ["a", "b"]
[[datasets]]
name = "d"
search_epochs = 1
report_epochs = 1
metric = {{ name = "{name}", direction = "{direction}", scale = "plain" }}
columns = [
  {{ column = "valid", figure = "valid", epochs = 1 }},
  {{ column = "test", figure = "test", epochs = 1 }},
]
[[columns]]
column = "macs"
figure = "macs"
unit = "millions"
"#
    )
}

/// The words of a page, without its settings and the documents of its pictures' fonts.
fn mentions(text: &str, word: &str) -> Vec<String> {
    text.lines()
        .filter(|line| line.to_lowercase().contains(word))
        .map(str::to_owned)
        .collect()
}

#[test]
fn a_loss_is_minimised_and_shown_as_what_it_is_by_every_method() {
    let dir = tempfile::tempdir().unwrap();
    let table = imported(dir.path(), CSV, &mapping("loss", "lower"));
    let info = json(&["table", "info", &table, "--json"]);
    let dataset = &info["datasets"][0];
    assert_eq!(
        (&dataset["metric"]["name"], &dataset["metric"]["direction"]),
        (&"loss".into(), &"lower".into())
    );
    assert_eq!(
        (&dataset["valid"]["min"], &dataset["valid"]["max"]),
        (&(-0.7).into(), &12.0.into())
    );
    let described = printed(&["table", "info", &table]);
    assert!(
        described.contains("loss (lower is better)") && described.contains("-0.70000 to 12.000"),
        "{described}"
    );
    for method in ["random", "evolution", "local-search", "nsga2", "rl"] {
        let run = dir.path().join(method);
        let path = run.to_str().unwrap();
        let mut args = vec![
            "search", method, "--table", &table, "--trials", "40", "--seed", "2", "--run", path, "--json",
        ];
        if method == "nsga2" {
            args.extend(["--population", "4", "--objectives", "accuracy,macs"]);
        }
        let found = json(&args);
        assert_eq!(found["best"]["valid"], -0.7, "{method}: {found}");
        assert_eq!(found["test"], -0.65, "{method}");
        assert_eq!(found["metric"]["name"], "loss");
        assert!(found["best"].get("valid_accuracy").is_none() && found.get("test_accuracy").is_none());
        assert_eq!(found["final"]["test"], -0.65);
        // The records hold what is maximised.
        let trials = Records::open(run.join("study.db")).unwrap().trials().unwrap();
        let scores: Vec<f64> = trials
            .iter()
            .filter_map(|trial| Some(trial.conclusion.as_ref()?.result.as_ref().ok()?.valid_accuracy))
            .collect();
        assert_eq!(scores.iter().copied().fold(f64::NEG_INFINITY, f64::max), 0.7);
        if method == "nsga2" {
            let front: Vec<f64> = found["pareto"]
                .as_array()
                .unwrap()
                .iter()
                .map(|point| point["valid"].as_f64().unwrap())
                .collect();
            assert_eq!(front, [2.5, 1.5, 0.3, -0.2, -0.7], "the smallest first");
        }
        let again = printed(&["resume", path]);
        assert!(
            again.contains("validation loss      -0.70000, lower is better")
                && again.contains("test loss            -0.65000, lower is better"),
            "{again}"
        );
        let standing = printed(&["status", path]);
        assert!(
            standing.contains("validation loss      -0.70000, lower is better"),
            "{standing}"
        );
        let page = page_of(&run);
        for part in [
            "<dt>Validation loss</dt><dd>-0.70000</dd>",
            "<dt>Test loss</dt><dd>-0.65000</dd>",
            "loss (lower is better)",
            "Best validation loss over trials",
            "validation loss, lower is better",
        ] {
            assert!(page.contains(part), "{method}: {part}");
        }
        for text in [&again, &standing] {
            assert_eq!(mentions(text, "accura"), Vec::<String>::new(), "{method}");
        }
        // Settings may name the objective that strategies maximise.
        let shown = page.rsplit_once("How to repeat it").unwrap().0;
        assert_eq!(mentions(shown, "accura"), Vec::<String>::new(), "{method}");
    }
}

#[test]
fn figures_above_1_of_which_higher_ones_are_better_are_maximised_as_they_are() {
    let dir = tempfile::tempdir().unwrap();
    let table = imported(dir.path(), CSV, &mapping("PSNR", "higher"));
    let run = dir.path().join("run");
    let path = run.to_str().unwrap();
    let found = json(&[
        "search", "random", "--table", &table, "--trials", "6", "--run", path, "--json",
    ]);
    assert_eq!(
        (&found["best"]["valid"], &found["test"]),
        (&12.0.into(), &11.0.into())
    );
    let page = page_of(&run);
    assert!(page.contains("<dt>Validation PSNR</dt><dd>12.000</dd>"));
}

#[test]
fn methods_are_compared_by_a_loss_in_its_own_numbers() {
    let dir = tempfile::tempdir().unwrap();
    let table = imported(dir.path(), CSV, &mapping("loss", "lower"));
    let run = dir.path().join("compared");
    let path = run.to_str().unwrap();
    let words = "compare random,evolution,local-search,rl --seeds 4 --trials 3 --table";
    let mut args: Vec<&str> = words.split(' ').collect();
    args.extend([&table, "--run", path]);
    let text = printed(&args);
    args.push("--json");
    let result = json(&args);
    let task = &result["tasks"]["d"];
    assert_eq!(task["metric"]["name"], "loss");
    assert_eq!(task["best_test"], -0.65);
    let csv = fs::read_to_string(run.join("runs.csv")).unwrap();
    assert!(
        csv.starts_with("task,method,seed,trials,failed,epochs,image_passes,metric,valid,test,"),
        "{csv}"
    );
    let known: BTreeSet<&str> = ["2.6", "-0.65", "0.35", "11", "1.6", "-0.25"].into();
    for line in csv.lines().skip(1) {
        let test = line.split(',').nth(9).unwrap();
        assert!(known.contains(test), "{line}");
    }
    for (method, standing) in result["methods"].as_object().unwrap() {
        let runs = standing["runs"].as_array().unwrap();
        let tests: Vec<f64> = runs.iter().map(|run| run["test"].as_f64().unwrap()).collect();
        let mean = tests.iter().sum::<f64>() / tests.len() as f64;
        assert!(
            (standing["test_mean"].as_f64().unwrap() - mean).abs() < 1e-12,
            "{method}"
        );
        let regret = standing["regret_mean"].as_f64().unwrap();
        assert!((regret - (mean + 0.65)).abs() < 1e-12, "{method}: {regret}");
        assert!(standing["test_low"].as_f64() <= standing["test_high"].as_f64());
    }
    for pair in result["pairs"].as_array().unwrap() {
        let (effect, difference) = (pair["effect"].as_f64().unwrap(), pair["difference"].as_f64());
        // The first is better by a lower loss.
        match difference {
            Some(difference) if effect > 0.5 => assert!(difference < 0.0, "{pair}"),
            Some(difference) if effect < 0.5 => assert!(difference > 0.0, "{pair}"),
            _ => {}
        }
        if let (Some(low), Some(high)) = (pair["low"].as_f64(), pair["high"].as_f64()) {
            assert!(low <= high, "{pair}");
        }
    }
    let page = fs::read_to_string(run.join("report.html")).unwrap();
    for shown in [&text, &page] {
        assert!(
            shown.contains("test loss") && shown.contains("lower is better"),
            "{shown}"
        );
    }
    assert_eq!(mentions(&text, "accura"), Vec::<String>::new());
    let shown = page.rsplit_once("How to repeat it").unwrap().0;
    assert_eq!(mentions(shown, "accura"), Vec::<String>::new());
}

#[test]
fn one_figure_for_validation_and_test_is_said_wherever_it_stands() {
    let dir = tempfile::tempdir().unwrap();
    let mapping =
        mapping("loss", "lower").replace("report_epochs = 1\n", "report_epochs = 1\nvalid_is_test = true\n");
    let table = imported(dir.path(), CSV, &mapping);
    let sentence = "Validation and test are the same figure";
    assert!(printed(&["table", "info", &table]).contains(sentence));
    let run = dir.path().join("run");
    let path = run.to_str().unwrap();
    let found = json(&[
        "search", "random", "--table", &table, "--trials", "6", "--run", path, "--json",
    ]);
    assert_eq!(found["one_figure"], "valid_is_test");
    assert!(printed(&["resume", path]).contains(sentence));
    assert!(printed(&["status", path]).contains(sentence));
    assert!(page_of(&run).contains(sentence));
    let compared = dir.path().join("compared");
    let words = "compare random,evolution --seeds 3 --trials 3 --table";
    let mut args: Vec<&str> = words.split(' ').collect();
    args.extend([&table, "--run", compared.to_str().unwrap()]);
    assert!(printed(&args).contains(sentence));
    let page = fs::read_to_string(compared.join("report.html")).unwrap();
    assert!(page.contains(sentence));
    args.push("--json");
    let verdict = json(&args)["verdict"].clone();
    assert!(verdict.to_string().contains(sentence), "{verdict}");
}
