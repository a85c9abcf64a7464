//! A trained network for other programs.

use std::fs;

use serde_json::Value;

use crate::own_data::{Place, photos};
use crate::text;

/// A place with a network that was trained a little on the built-in digits.
fn trained() -> Place {
    let place = Place::new();
    place.json("train DARTS_V2 --data digits --channels 4 --cells 3 --epochs 2 --out @/digits.safetensors");
    place
}

fn bytes(exported: &Value, name: &str) -> u64 {
    let files = exported["files"].as_array().unwrap();
    let file = files.iter().find(|file| file["name"] == name).unwrap();
    file["bytes"].as_u64().unwrap()
}

#[test]
fn what_is_exported_has_been_run_elsewhere_and_is_written_beside_the_network() {
    let place = trained();
    let exported = place.json("export @/digits.safetensors --quantize int8");
    let check = &exported["check"];
    assert_eq!(check["images"], check["same_class"], "{exported}");
    assert_eq!(check["of"], "training images");
    assert!(check["largest_difference"].as_f64().unwrap() < 1e-4, "{exported}");
    let folder = place.path("export/onnx");
    for file in [
        "network.onnx",
        "preprocess.json",
        "predict.py",
        "network-int8.onnx",
    ] {
        assert_eq!(
            fs::metadata(folder.join(file)).unwrap().len(),
            bytes(&exported, file)
        );
    }
    let int8 = &exported["int8"];
    let accuracy = |name: &str| int8[name].as_f64().unwrap();
    let tested = place.json("test @/digits.safetensors");
    assert_eq!(
        accuracy("test_accuracy"),
        tested["test_accuracy"].as_f64().unwrap()
    );
    assert!(
        (accuracy("test_accuracy_int8") - accuracy("test_accuracy")).abs() <= 0.03,
        "{exported}"
    );
    assert!(bytes(&exported, "network-int8.onnx") < bytes(&exported, "network.onnx"));
    let preprocess: Value =
        serde_json::from_slice(&fs::read(folder.join("preprocess.json")).unwrap()).unwrap();
    assert_eq!(
        (
            &preprocess["height"],
            &preprocess["channels"],
            &preprocess["classes"][9]
        ),
        (&Value::from(8), &Value::from(1), &Value::from("9"))
    );
    // The same once more changes nothing; another network does not replace it.
    place.json("export @/digits.safetensors");
    let before = fs::read(folder.join("network.onnx")).unwrap();
    let refused = place.nas("export @/digits.safetensors --keep-batch-norm");
    assert!(!refused.status.success());
    assert!(
        text(&refused.stderr).contains("--out"),
        "{}",
        text(&refused.stderr)
    );
    assert_eq!(fs::read(folder.join("network.onnx")).unwrap(), before);
    let kept = place.json("export @/digits.safetensors --keep-batch-norm --out @/kept");
    assert!(bytes(&kept, "network.onnx") > bytes(&exported, "network.onnx"));
}

#[test]
fn images_of_ones_own_may_be_gone_and_their_classes_may_be_called_anything() {
    let place = Place::new();
    photos(&place.path("photos"), 12);
    let odd = "a \"b\\c\n<é>";
    fs::rename(place.path("photos/red"), place.path("photos").join(odd)).unwrap();
    place.json(
        "search random --data @/photos --channels 4 --trials 1 --epochs 1 --final-epochs 1 --run @/run",
    );
    fs::rename(place.path("photos"), place.path("moved")).unwrap();
    let exported = place.json("export @/run --out @/blind");
    assert_eq!(exported["check"]["of"], "random images");
    let refused = place.nas("export @/run --quantize int8 --out @/int8");
    assert!(!refused.status.success() && !place.path("int8").exists());
    let exported = place.json("export @/run --quantize int8 --out @/int8 --data @/moved");
    assert_eq!(exported["check"]["of"], "training images");
    let preprocess: Value =
        serde_json::from_slice(&fs::read(place.path("int8/preprocess.json")).unwrap()).unwrap();
    let classes = preprocess["classes"].as_array().unwrap();
    assert!(classes.contains(&Value::from(odd)), "{classes:?}");
}

#[test]
fn what_is_no_network_is_refused_and_nothing_is_written() {
    let place = Place::new();
    fs::write(place.path("torn.safetensors"), b"\x08\0\0\0\0\0\0\0{}").unwrap();
    for what in ["torn.safetensors", "nowhere", "."] {
        let refused = place.nas(&format!("export @/{what} --out @/out"));
        assert_eq!(
            refused.status.code(),
            Some(1),
            "{what}: {}",
            text(&refused.stderr)
        );
        assert!(!place.path("out").exists());
    }
    let typed = place.nas("export @/torn.safetensors --format tensorflow");
    assert_eq!(typed.status.code(), Some(2));
}

#[test]
fn pytorch_and_rust_get_their_own_folders_and_need_no_images() {
    let place = Place::new();
    photos(&place.path("photos"), 12);
    place.json(
        "search random --data @/photos --channels 4 --trials 1 --epochs 1 --final-epochs 1 --run @/run",
    );
    fs::remove_dir_all(place.path("photos")).unwrap();
    let record: Value = serde_json::from_slice(&fs::read(place.path("run/final.json")).unwrap()).unwrap();
    assert!(
        record["latency"]["milliseconds"].as_f64().unwrap() > 0.0,
        "{record}"
    );
    for (format, file) in [("pytorch", "model.py"), ("rust", "src/lib.rs")] {
        let exported = place.json(&format!("export @/run --format {format}"));
        let path = place.path("run/export").join(format).join(file);
        assert_eq!(fs::metadata(path).unwrap().len(), bytes(&exported, file));
        assert!(exported.get("check").is_none(), "{exported}");
        let typed = place.nas(&format!(
            "export @/run --format {format} --keep-batch-norm --out @/other"
        ));
        assert_eq!(typed.status.code(), Some(2));
    }
    // The weights of PyTorch are a network of this program.
    let weights = place.path("run/export/pytorch/model.safetensors");
    assert_eq!(
        fs::read(weights).unwrap(),
        fs::read(place.path("run/network.safetensors")).unwrap()
    );
}

#[test]
fn c_is_compared_before_it_is_written_and_takes_the_memory_that_is_shown() {
    let place = trained();
    let exported = place.json("export @/digits.safetensors --format c");
    let check = &exported["check"];
    assert_eq!(check["of"], "training images");
    assert!(check["images"].as_u64().unwrap() > 32, "{exported}");
    assert_eq!(check["images"], check["same_class"], "{exported}");
    assert!(check["largest_difference"].as_f64().unwrap() < 1e-4, "{exported}");
    let folder = place.path("export/c");
    for file in [
        "network.c",
        "network.h",
        "main.c",
        "Makefile",
        "README.md",
        "preprocess.json",
    ] {
        assert_eq!(
            fs::metadata(folder.join(file)).unwrap().len(),
            bytes(&exported, file)
        );
    }
    let shown = place.json("show DARTS_V2 --image 1x8x8 --classes 10 --channels 4 --cells 3");
    let header = fs::read_to_string(folder.join("network.h")).unwrap();
    let arena = format!("#define NETWORK_ARENA {}\n", shown["memory_f32"]);
    assert!(header.contains(&arena), "{header} {shown}");
    let typed = place.nas("export @/digits.safetensors --format c --keep-batch-norm");
    assert_eq!(typed.status.code(), Some(2));

    let integers = place.json("export @/digits.safetensors --format c --int8 --out @/int8");
    let accuracy = |name: &str| integers["int8"][name].as_f64().unwrap();
    assert_eq!(
        accuracy("test_accuracy"),
        place.json("test @/digits.safetensors")["test_accuracy"]
            .as_f64()
            .unwrap()
    );
    assert!(
        (accuracy("test_accuracy_int8") - accuracy("test_accuracy")).abs() <= 0.02,
        "{integers}"
    );
    let header = fs::read_to_string(place.path("int8/network.h")).unwrap();
    let arena = format!("#define NETWORK_ARENA {}\n", shown["memory"]);
    assert!(header.contains(&arena), "{header} {shown}");
    let typed = place.nas("export @/digits.safetensors --int8");
    assert_eq!(typed.status.code(), Some(2));
}
