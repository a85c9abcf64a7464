//! How networks are trained and compared on images of one's own.

use std::fs;

use crate::own_data::{Place, TINY, photos, square};
use crate::text;

/// Three classes, the first of which has ten times the images of the others.
fn uneven() -> Place {
    let place = Place::new();
    photos(&place.path("photos"), 6);
    for number in 6..60 {
        fs::write(place.path(&format!("photos/red/{number}.ppm")), square(0, number)).unwrap();
    }
    place
}

#[test]
fn a_search_by_macro_f1_says_so_everywhere_and_is_resumed_by_it() {
    let place = uneven();
    let found = place.json(&format!(
        "search random --data @/photos --trials 1 --metric macro-f1 --run @/run {TINY}"
    ));
    assert_eq!(found["metric"]["name"], "macro F1", "{found}");
    let (last, test) = (&found["final"], &found["test"]);
    let report = &last["test_report"];
    assert_eq!(
        (&last["test"], &report["macro_f1"]),
        (test, test),
        "one figure by its three names: {found}"
    );
    assert_eq!(report["test_accuracy"], last["plain_accuracy"], "{found}");
    let by_class = report["by_class"].as_array().unwrap();
    let f1: f64 = by_class
        .iter()
        .map(|class| class["f1"].as_f64().unwrap())
        .sum::<f64>()
        / by_class.len() as f64;
    assert!((test.as_f64().unwrap() - f1).abs() < 1e-12, "{found}");
    assert_eq!(found["best"]["valid_accuracy"], serde_json::Value::Null);

    let resumed = place.json("resume @/run --trials 2");
    assert_eq!(resumed["metric"]["name"], "macro F1", "{resumed}");
    assert_eq!(resumed["trials"], 2);
    for (words, expected) in [
        ("status @/run", "validation macro F1"),
        ("status @/run", "plain accuracy"),
        ("resume @/run", "test macro F1"),
        ("resume @/run", "plain accuracy"),
    ] {
        let said = text(&place.nas(words).stdout);
        assert!(said.contains(expected), "{words}: {said}");
    }
    place.nas("report @/run --out @/page.html");
    let page = fs::read_to_string(place.path("page.html")).unwrap();
    for expected in [
        "Test macro F1",
        "Plain test accuracy",
        "Balanced test accuracy",
        ">F1</th>",
    ] {
        assert!(page.contains(expected), "{expected}");
    }
    let compared = place.json(&format!(
        "compare random --data @/photos --trials 1 --seeds 2 --metric macro-f1 --run @/both {TINY}"
    ));
    assert!(compared.to_string().contains("macro F1"), "{compared}");
}

#[test]
fn a_metric_is_found_by_the_data_or_typed() {
    let place = uneven();
    let words = format!("search random --data @/photos --trials 1 {TINY} --run @/run");
    for (typed, name) in [("auto", "balanced accuracy"), ("macro-f1", "macro F1")] {
        let found = place.json(&format!("{words}-{typed} --metric {typed}"));
        assert_eq!(found["metric"]["name"], name, "{found}");
    }
    // What a file says gives way to what suits the data.
    let found = place.json(&format!(
        "search --config @/run-macro-f1/config.toml --metric auto --run @/again {TINY}"
    ));
    assert_eq!(found["metric"]["name"], "balanced accuracy", "{found}");
    let said = place.refused(2, "search random --data digits --metric f1");
    assert!(
        said.contains("expected accuracy, balanced, macro-f1 or auto"),
        "{said}"
    );
}

#[test]
fn a_training_tells_the_figures_of_each_class() {
    let place = uneven();
    let words =
        "train NB201_RESNET --data @/photos --epochs 2 --channels 2 --cells 1 --out @/net.safetensors";
    let trained = place.json(&format!("{words} --metric macro-f1"));
    assert_eq!(trained["metric"]["name"], "macro F1", "{trained}");
    let tested = place.json("test @/net.safetensors --data @/photos");
    for key in [
        "test_accuracy",
        "test_balanced_accuracy",
        "test_macro_f1",
        "by_class",
    ] {
        assert!(!trained[key].is_null(), "{key}: {trained}");
        assert_eq!(trained[key], tested[key], "{key}");
    }
    assert_eq!(trained["by_class"][2]["class"], "red");
    assert!(
        trained["by_class"][2]["support"].as_u64().unwrap() > 8,
        "{trained}"
    );
    assert!(trained["valid_macro_f1"].is_f64() && trained["curve"][0]["valid_macro_f1"].is_f64());
    let said = text(&place.nas(words).stdout);
    assert!(said.contains("balanced accuracy "), "{said}");
}

#[test]
fn class_weights_and_augmentation_are_kept_with_the_run_and_change_the_training() {
    let place = uneven();
    let words = format!("search random --data @/photos --trials 1 {TINY}");
    let plain = place.json(&format!("{words} --run @/plain"));
    let config = fs::read_to_string(place.path("plain/config.toml")).unwrap();
    assert!(
        config.contains("class_weights = \"balanced\"") && !config.contains("policy"),
        "{config}"
    );
    let same = place.json(&format!(
        "{words} --class-weights balanced --augment standard --run @/same"
    ));
    assert_eq!(same["best"]["valid"], plain["best"]["valid"]);
    assert_eq!(same["final"]["test_report"], plain["final"]["test_report"]);
    for (typed, expected) in [
        ("--class-weights none", "class_weights = \"none\""),
        ("--metric accuracy", "class_weights = \"none\""),
        ("--augment trivial", "policy = \"trivial_wide\""),
        ("--augment none", "crop_padding = 0"),
        ("--augment light --flip", "horizontal_flip = true"),
    ] {
        let run = format!("@/{}", typed.replace(' ', "").replace("--", ""));
        let found = place.json(&format!("{words} {typed} --run {run}"));
        assert_ne!(
            found["final"]["test_report"]["test_loss"], plain["final"]["test_report"]["test_loss"],
            "{typed}"
        );
        let file = run.replace('@', place.path("").to_str().unwrap()) + "/config.toml";
        let config = fs::read_to_string(file).unwrap();
        assert!(config.contains(expected), "{typed}: {config}");
        let resumed = place.json(&format!("resume {run} --trials 2"));
        assert_eq!(resumed["trials"], 2, "{typed}");
    }
    for (words, expected) in [
        (
            "search random --augment much",
            "expected none, light, standard or trivial",
        ),
        ("search random --class-weights rare", "expected none or balanced"),
        (
            "search random --benchmark digits --augment light",
            "--augment has no meaning",
        ),
        (
            "search random --benchmark digits --class-weights balanced",
            "--class-weights has no meaning",
        ),
    ] {
        let said = place.refused(2, words);
        assert!(said.contains(expected), "{words}: {said}");
    }
}
