//! The space of NAS-Bench-101: shown, searched and trained.

use nas_study::Records;

use super::{borrowed, json, nas, refused, text};

#[test]
fn a_published_module_is_shown_with_its_name_and_its_size() {
    let shown = json(&["show", "NB101_INCEPTION", "--json"]);
    assert_eq!((&shown["channels"], &shown["cells"]), (&128.into(), &3.into()));
    // The figure of the benchmark.
    assert_eq!(shown["params"], 2_694_282);
    let described = text(&nas(&["show", "NB101_INCEPTION"]).stdout);
    for part in [
        "hash    28cfc7874f6d200472e1a9dcd8650aa0",
        "3 cells per stack",
        "  4 = conv3x3-bn-relu(3)",
        "  output = [1, 2, 4, 5]",
    ] {
        assert!(described.contains(part), "{part} in {described}");
    }
    let picture = text(&nas(&["show", "NB101_INCEPTION", "--format", "svg"]).stdout);
    assert!(picture.matches("conv3x3-bn-relu").count() >= 3, "{picture}");
    let python =
        "ModelSpec(matrix=[[0, 1, 1], [0, 0, 1], [0, 0, 0]], ops=['input', 'conv1x1-bn-relu', 'output'])";
    let shown = json(&["show", python, "--json"]);
    let again = json(&["show", shown["arch"].as_str().unwrap(), "--json"]);
    assert_eq!(again, shown);
    let message = refused(2, &["show", &python.replace("'input'", "'maxpool3x3'")]);
    assert!(message.contains("expected 'input'"), "{message}");
    let message = refused(1, &["show", "NB101_INCEPTION", "--channels", "3"]);
    assert!(message.contains("at least 4"), "{message}");
    let listed = text(&nas(&["list"]).stdout);
    assert!(
        listed.contains("nb101           509,607,936         26"),
        "{listed}"
    );
    assert!(listed.contains("NB101_BEST"), "{listed}");
}

#[test]
fn every_method_that_proposes_one_by_one_searches_the_space_by_training() {
    let dir = tempfile::tempdir().unwrap();
    for method in ["random", "evolution", "local-search", "rl", "nsga2"] {
        let run = dir.path().join(method);
        let words = format!(
            "search {method} --space nb101 --data digits --limit 200 --channels 4 --cells 1 --epochs 1 --final-epochs 1 \
             --trials 3 --batch 1 --seed 1 --json --run {}",
            run.display()
        );
        let words: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
        let found = json(&borrowed(&words));
        assert_eq!(
            (&found["space"], &found["trials"], &found["failed"]),
            (&"nb101".into(), &3.into(), &0.into()),
            "{method}"
        );
        let best = found["best"]["arch"].as_str().unwrap();
        let sized = [
            "show",
            best,
            "--channels",
            "4",
            "--cells",
            "1",
            "--image",
            "1x8x8",
            "--json",
        ];
        let shown = json(&sized);
        let trials = Records::open(run.join("study.db")).unwrap().trials().unwrap();
        let trial = found["best"]["trial"].as_u64().unwrap() as usize;
        let conclusion = trials[trial].conclusion.as_ref().unwrap();
        let params = conclusion.result.as_ref().unwrap().params;
        assert_eq!(shown["params"].as_u64(), params, "{method}");
    }
    let trained = json(&[
        "train",
        "NB101_RESNET",
        "--data",
        "digits",
        "--limit",
        "200",
        "--channels",
        "4",
        "--cells",
        "1",
        "--epochs",
        "1",
        "--json",
    ]);
    assert_eq!(trained["channels"], 4);
    let message = refused(2, &["search", "darts", "--space", "nb101"]);
    assert!(message.contains("nb101"), "{message}");
}
