//! What a trained network says of images.

use std::fs;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::own_data::{Place, photos, square};
use crate::text;

/// A place with photos and a search on them that is done.
fn trained() -> Place {
    let place = Place::new();
    photos(&place.path("photos"), 12);
    place.json(
        "search random --data @/photos --channels 4 --trials 1 --epochs 1 --final-epochs 4 --run @/run",
    );
    place
}

fn class(image: &Value, rank: usize) -> &str {
    image["top"][rank]["class"].as_str().unwrap()
}

/// The same images, read one by one, are taken for the same classes as in the test.
#[test]
fn test_images_are_taken_for_what_the_test_has_counted() {
    let place = trained();
    let split: Value = serde_json::from_slice(&fs::read(place.path("run/split.json")).unwrap()).unwrap();
    let test: Vec<&str> = split["test"]
        .as_array()
        .unwrap()
        .iter()
        .map(|name| name.as_str().unwrap())
        .collect();
    let files = test
        .iter()
        .map(|name| format!("@/photos/{name}"))
        .collect::<Vec<_>>()
        .join(" ");
    let predicted = place.json(&format!("predict @/run {files}"));
    let images = predicted["images"].as_array().unwrap();
    assert_eq!(images.len(), test.len());
    let right = images
        .iter()
        .zip(&test)
        .filter(|(image, name)| name.starts_with(class(image, 0)))
        .count();
    let measured = place.json("test @/run");
    let expected = measured["test_accuracy"].as_f64().unwrap() * test.len() as f64;
    assert!(
        (right as f64 - expected).abs() < 1e-9,
        "{right} of {}, {expected}",
        test.len()
    );
    for image in images {
        let all = image["top"].as_array().unwrap();
        let sum: f64 = all
            .iter()
            .map(|class| class["probability"].as_f64().unwrap())
            .sum();
        assert!((sum - 1.0).abs() < 1e-9 && all.len() == 3, "{image}");
        assert!(all.is_sorted_by(|a, b| a["probability"].as_f64() >= b["probability"].as_f64()));
    }
    // However many are computed at a time, and from a file that stands alone.
    let alone = place.path("alone.safetensors");
    fs::copy(place.path("run/network.safetensors"), &alone).unwrap();
    let one_by_one = place.json(&format!("predict @/alone.safetensors --batch 1 {files}"));
    for (one, many) in one_by_one["images"].as_array().unwrap().iter().zip(images) {
        assert_eq!(class(one, 0), class(many, 0));
    }
}

#[test]
fn folders_are_opened_and_what_is_no_image_stops_nothing() {
    let place = trained();
    fs::write(place.path("photos/notes.txt"), "about the photos").unwrap();
    let whole = square(0, 3);
    fs::write(place.path("photos/torn.ppm"), &whole[..100]).unwrap();
    let output = place.nas("predict @/run @/photos --json");
    assert_eq!(output.status.code(), Some(1));
    let predicted: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(predicted["images"].as_array().unwrap().len(), 36);
    assert!(predicted["left_out"][0].as_str().unwrap().ends_with("notes.txt"));
    assert!(
        predicted["failed"][0]["file"]
            .as_str()
            .unwrap()
            .ends_with("torn.ppm")
    );
    let said = text(&output.stderr);
    assert!(
        said.contains("torn.ppm: ") && said.contains("1 of 37 images cannot be read"),
        "{said}"
    );
    // A file that was typed has to be an image.
    let output = place.nas("predict @/run @/photos/notes.txt @/photos/none.ppm");
    let said = text(&output.stderr);
    assert_eq!(text(&output.stdout), "");
    assert!(
        said.contains("it is not an image") && said.contains("none.ppm: "),
        "{said}"
    );
}

#[test]
fn tables_speeds_and_standard_input() {
    let place = trained();
    let table = text(&place.nas("predict @/run @/photos/red/1.ppm --csv --top 2").stdout);
    let mut lines = table.lines();
    assert_eq!(
        lines.next(),
        Some("file,class_1,probability_1,class_2,probability_2")
    );
    assert_eq!(lines.next().unwrap().split(',').count(), 5);
    assert_eq!(lines.next(), None);
    let measured = place.json("predict @/run @/photos/red/1.ppm --bench");
    let batches: Vec<u64> = measured["bench"]
        .as_array()
        .unwrap()
        .iter()
        .map(|speed| speed["batch"].as_u64().unwrap())
        .collect();
    assert_eq!(batches, [1, 8, 64]);
    assert!(measured["bench"][0]["images_per_second"].as_f64().unwrap() > 1.0);

    let piped = Command::new(env!("CARGO_BIN_EXE_nas"))
        .args(["predict", place.path("run").to_str().unwrap(), "-", "--json"])
        .stdin(Stdio::from(
            fs::File::open(place.path("photos/red/1.ppm")).unwrap(),
        ))
        .output()
        .unwrap();
    let piped: Value = serde_json::from_slice(&piped.stdout).unwrap();
    assert_eq!(piped["images"][0]["top"], measured["images"][0]["top"]);

    // In a folder with runs, the newest one is meant.
    fs::create_dir(place.path("runs")).unwrap();
    fs::rename(place.path("run"), place.path("runs/a")).unwrap();
    let newest = Command::new(env!("CARGO_BIN_EXE_nas"))
        .args(["predict", "photos/red/1.ppm", "--json"])
        .current_dir(place.path(""))
        .output()
        .unwrap();
    let newest: Value = serde_json::from_slice(&newest.stdout).unwrap();
    assert_eq!(newest["images"][0]["top"], measured["images"][0]["top"]);
}

#[test]
fn what_cannot_be_predicted_is_refused_with_what_to_do() {
    let place = Place::new();
    fs::write(place.path("a.safetensors"), "no network").unwrap();
    fs::write(place.path("1.ppm"), square(0, 1)).unwrap();
    for (words, code, expected) in [
        ("predict @/a.safetensors", 2, "there is no image to classify"),
        (
            "predict @/a.safetensors @/1.ppm",
            1,
            "not a complete safetensors file",
        ),
        ("predict @/1.ppm", 2, "there is no network in runs/"),
        (
            "predict @/a.safetensors @/1.ppm --csv --json",
            2,
            "cannot be used together",
        ),
    ] {
        let output = place.nas(words);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{words}: {said}");
        assert!(said.contains(expected), "{words}: {said}");
    }
}
