//! What a test tells of a network, and what of it is kept with a run.

use std::fs;

use serde_json::{Value, json};

use crate::own_data::{Place, TINY, photos, square};
use crate::report::stands_alone;
use crate::text;

/// Names of files that would be markup, or turn a line around.
const HOSTILE: [&str; 2] = [
    "<img src=x onerror=alert(1)>&\"'.ppm",
    "\u{1b}[31m\u{202e}gpj.ppm",
];

/// A run on squares whose test images have two red ones among the green ones.
fn mislabelled() -> (Place, Value) {
    let place = Place::new();
    photos(&place.path("photos/train"), 20);
    photos(&place.path("photos/test"), 6);
    for (number, name) in (30..).zip(HOSTILE) {
        fs::write(place.path("photos/test/green").join(name), square(0, number)).unwrap();
    }
    let found = place.json(&format!(
        "search random --data @/photos --trials 1 --run @/run {TINY}"
    ));
    (place, found)
}

fn keys_removed(value: &mut Value, keys: &[&str]) {
    match value {
        Value::Object(fields) => {
            fields.retain(|key, _| !keys.contains(&key.as_str()));
            fields.values_mut().for_each(|field| keys_removed(field, keys));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| keys_removed(item, keys)),
        _ => {}
    }
}

#[test]
fn a_test_tells_intervals_confidence_and_mistakes_and_a_page_shows_them_without_trusting_names() {
    let (place, found) = mislabelled();
    let tested = place.json("test @/run --page @/test.html");
    let report = &found["final"]["test"];
    assert_eq!(tested["mistakes"], report["mistakes"], "{found}");
    assert_eq!(tested["calibration"], report["calibration"]);
    assert_eq!(tested["test_intervals"], report["intervals"]);
    for (figure, interval) in [
        ("test_accuracy", "accuracy"),
        ("test_balanced_accuracy", "balanced_accuracy"),
        ("test_macro_f1", "macro_f1"),
    ] {
        let [low, high] = [0, 1].map(|end| tested["test_intervals"][interval][end].as_f64().unwrap());
        let value = tested[figure].as_f64().unwrap();
        assert!(
            0.0 < low && low < value && value < high && high <= 1.0,
            "{tested}"
        );
    }
    let recall = &tested["by_class"][1]["recall_interval"];
    assert!(recall[0].as_f64() < recall[1].as_f64(), "{tested}");
    let bins = tested["calibration"]["bins"].as_array().unwrap();
    let counted: u64 = bins.iter().map(|bin| bin["images"].as_u64().unwrap()).sum();
    assert_eq!((bins.len(), counted), (15, 20), "{tested}");

    // What the network says of the files is what was recorded of them.
    let predicted = place.json("predict @/run @/photos/test/green");
    let mistakes = tested["mistakes"].as_array().unwrap();
    for name in HOSTILE {
        let of_name = |text: &Value| text.as_str().unwrap().ends_with(name);
        let mistake = mistakes.iter().find(|mistake| of_name(&mistake["name"])).unwrap();
        let image = predicted["images"]
            .as_array()
            .unwrap()
            .iter()
            .find(|image| of_name(&image["file"]));
        let top = &image.unwrap()["top"][0];
        let given = mistake["given"].as_u64().unwrap() as usize;
        assert_eq!(top["class"], tested["by_class"][given]["class"]);
        let [said, kept] = [&top["probability"], &mistake["probability"]].map(|p| p.as_f64().unwrap());
        assert!((said - kept).abs() < 1e-5, "{said} {kept}");
    }
    assert!(mistakes.is_sorted_by(|a, b| a["probability"].as_f64() >= b["probability"].as_f64()));

    let said = text(&place.nas("test @/run").stdout);
    for part in [
        "95 % intervals in brackets",
        "macro F1: ",
        "expected calibration error: ",
    ] {
        assert!(said.contains(part), "{said}");
    }
    for words in ["resume @/run", "status @/run"] {
        let said = text(&place.nas(words).stdout);
        let line = said
            .lines()
            .find(|line| line.starts_with("test accuracy"))
            .unwrap();
        assert!(line.contains(" % ["), "{line}");
    }
    place.nas("report @/run --out @/report.html");
    for file in ["test.html", "report.html"] {
        let page = fs::read_to_string(place.path(file)).unwrap();
        stands_alone(&page);
        assert_eq!(page.matches("<img ").count(), mistakes.len(), "{file}");
        assert!(
            page.contains("test/green/&lt;img src=x onerror=alert(1)&gt;&amp;&quot;&#39;.ppm"),
            "{file}"
        );
        assert!(page.contains("green, taken for "), "{file}");
        assert!(
            page.contains("Confidence and accuracy: expected calibration error"),
            "{file}"
        );
        assert!(page.len() < 400_000, "{file}: {}", page.len());
    }
    let said = place.refused(2, "test @/run --page @/photos/page.html");
    assert!(said.contains("lies in the folder of the images"), "{said}");
}

#[test]
fn a_report_shows_mistakes_without_the_data_and_says_what_an_older_record_lacks() {
    let (place, found) = mislabelled();
    assert_eq!(found["final"]["pictures"], Value::Null, "no pictures in JSON");
    let before = text(&place.nas("report @/run --out -").stdout);
    fs::remove_dir_all(place.path("photos")).unwrap();
    assert_eq!(text(&place.nas("report @/run --out -").stdout), before);

    let file = place.path("run/final.json");
    let record: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    let without = |keys: &[&str]| {
        let mut record = record.clone();
        keys_removed(&mut record, keys);
        fs::write(&file, record.to_string()).unwrap();
        text(&place.nas("report @/run --out -").stdout)
    };
    let page = without(&["pictures"]);
    assert!(page.contains("Their pictures are not recorded; `nas test RUN --page FILE`"));
    assert!(page.contains("taken for") && !page.contains("<img "));
    let page = without(&[
        "pictures",
        "mistakes",
        "calibration",
        "intervals",
        "precision_interval",
        "recall_interval",
    ]);
    assert!(page.contains("recorded no intervals, no confidence and no mistakes"));
    assert!(page.contains("Confusion of classes"));

    let mut foreign = record.clone();
    foreign["pictures"] = json!(["https://example.org/a.png"]);
    fs::write(&file, foreign.to_string()).unwrap();
    let said = place.refused(1, "report @/run --out -");
    assert!(
        said.contains("final.json") && said.contains("small PNG"),
        "{said}"
    );
}
