//! Exported networks in a runtime of others, against the trainer's.
//!
//! With the environment variable `NAS_EXPORT_CASES`, each network is written into that folder with
//! images and the scores they must get, for the runtimes that `onnx_cases.py` tests.
#![expect(clippy::unwrap_used, reason = "functions beside tests")]

mod cases;

use std::path::Path;

use nas_eval::Model;
use nas_export::{Onnx, OnnxRun, Source};

use cases::{BOUND, batch, images, scores};

/// Architectures of each space.
const ARCHITECTURES: u64 = 50;
/// Images at a time.
const BATCHES: [usize; 3] = [1, 3, 7];

/// Exports with folded norms and with kept ones, and compares both.
fn check(name: &str, model: &Model) {
    let source = Source::of_model(model);
    let shape = model.network().image();
    for keep_batch_norm in [false, true] {
        let file = Onnx { keep_batch_norm }.network(&source).unwrap();
        let run = OnnxRun::new(&file).unwrap();
        for batch in BATCHES {
            let images = images(shape, batch);
            let difference = run.compare(&source, &images).unwrap();
            assert!(
                difference.largest <= BOUND,
                "{name}, norms kept {keep_batch_norm}: {difference:?}"
            );
            assert_eq!(
                difference.same_class, batch,
                "{name}, norms kept {keep_batch_norm}"
            );
        }
        if let Some(folder) = std::env::var_os("NAS_EXPORT_CASES") {
            let kept = if keep_batch_norm { "-kept" } else { "" };
            write_case(&Path::new(&folder).join(format!("{name}{kept}")), &file, model);
        }
    }
}

/// A network, images and the scores they must get.
fn write_case(folder: &Path, file: &[u8], model: &Model) {
    let shape = model.network().image();
    let images = images(shape, 7);
    let known = serde_json::json!({
        "shape": [shape.channels, shape.height, shape.width],
        "scores": scores(model, &batch(shape, &images)),
    });
    cases::write(folder, &images, &known, &[("network.onnx", file)]);
}

#[test]
fn networks_of_every_space_give_the_same_scores_in_another_runtime() {
    let half = ARCHITECTURES / 2;
    std::thread::scope(|scope| {
        scope.spawn(|| cases::of_every_space(0..half, check));
        cases::of_every_space(half..ARCHITECTURES, check);
    });
}

#[test]
fn published_cells_give_the_same_scores_in_another_runtime() {
    cases::published(check);
}

#[test]
fn every_kind_of_layer_gives_the_same_scores_in_another_runtime() {
    cases::every_layer(check);
}
