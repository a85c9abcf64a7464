//! Networks exported to PyTorch, against the trainer's.
//!
//! With the environment variable `NAS_EXPORT_CASES`, each network is written into that folder with
//! images and what it must give, for `torch_cases.py`, which runs them in PyTorch. What that saves
//! there is read back by these tests when they run again.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "functions beside tests")]

mod cases;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use candle_core::{Device, Tensor};
use nas_data::Resize;
use nas_eval::data::{Augmentation, Fill, Images, Policy};
use nas_eval::model::Pass;
use nas_eval::nn::{AdamConfig, Curve, Moment, OptimizerConfig, Schedule, SgdConfig, Tick};
use nas_eval::ops::cross_entropy;
use nas_eval::train::{ClassWeights, JudgedBy, TrainConfig, Trainer, TrainingData};
use nas_eval::{Compute, Model, TrainedNetwork};
use nas_export::{File, Format, PyTorch, Source};
use nas_space::named;
use nas_space::network::{LayerKind, NetworkBuilder};
use nas_space::op::Operations;
use nas_space::seed::Seed;
use nas_space::shape::Shape;
use serde_json::{Value, json};

use cases::{BOUND, batch, images, scores, seasoned};

/// Architectures of each space.
const ARCHITECTURES: u64 = 10;
/// Images of a case.
const IMAGES: usize = 7;
const SMOOTHING: f64 = 0.1;

/// Where cases are written for PyTorch.
fn cases_folder() -> Option<PathBuf> {
    std::env::var_os("NAS_EXPORT_CASES").map(PathBuf::from)
}

/// The text of a file of an export.
fn text(files: &[File], name: &str) -> String {
    let file = files.iter().find(|file| file.name == name).unwrap();
    String::from_utf8(file.content.clone()).unwrap()
}

fn write(name: &str, images: &[Vec<u8>], known: &Value, files: &[File]) {
    if let Some(folder) = cases_folder() {
        let files: Vec<(&str, &[u8])> = files
            .iter()
            .map(|file| (file.name.as_str(), file.content.as_slice()))
            .collect();
        cases::write(&folder.join(format!("{name}-torch")), images, known, &files);
    }
}

/// Has Python read the programs of these exports, where there is a Python.
fn assert_python_reads(exports: &[(String, Vec<File>)]) {
    let folder = tempfile::tempdir().unwrap();
    for (name, files) in exports {
        let folder = folder.path().join(name);
        fs::create_dir(&folder).unwrap();
        for file in files.iter().filter(|file| file.name.ends_with(".py")) {
            fs::write(folder.join(&file.name), &file.content).unwrap();
        }
    }
    let mut python = Command::new("python3");
    python
        .args(["-W", "error", "-m", "compileall", "-q"])
        .arg(folder.path());
    match python.output() {
        Ok(output) => assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stdout)
        ),
        Err(error) => println!("skipped: python3 does not run: {error}"),
    }
}

/// Exports a model, and checks what can be checked without PyTorch.
fn export(name: &str, model: &Model) -> (String, Vec<File>) {
    let files = PyTorch.files(&Source::of_model(model)).unwrap();
    // The weights are those of the model, name by name and bit by bit.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights");
    let weights = files
        .iter()
        .find(|file| file.name == "model.safetensors")
        .unwrap();
    fs::write(&path, &weights.content).unwrap();
    let other = Model::new(Arc::clone(model.network()), Seed::new(99), &Compute::cpu()).unwrap();
    other.parameters().load(&path).unwrap();
    let shape = model.network().image();
    let images = images(shape, IMAGES);
    let batch = batch(shape, &images);
    let expected = scores(model, &batch);
    assert_eq!(scores(&other, &batch), expected, "{name}");

    let is_random = |kind: &LayerKind| matches!(kind, LayerKind::Dropout { rate } if *rate > 0.0);
    let mut known = json!({
        "shape": [shape.channels, shape.height, shape.width],
        "scores": expected,
    });
    if !model
        .network()
        .layers()
        .iter()
        .any(|layer| is_random(&layer.kind))
    {
        let labels: Vec<u32> = (0..IMAGES as u32).map(|label| label % 5).collect();
        known["labels"] = json!(labels);
        known["smoothing"] = json!(SMOOTHING);
        known["losses"] = json!(losses(model, &batch, &labels));
        // The running statistics have changed.
        known["scores_after"] = json!(scores(model, &batch));
    }
    write(name, &images, &known, &files);
    (name.to_owned(), files)
}

/// The loss of a training pass, and that of its auxiliary head.
fn losses(model: &Model, batch: &Tensor, labels: &[u32]) -> Vec<f64> {
    let pass = Pass::Train {
        seed: Seed::new(1),
        drop_path: 0.0,
    };
    let logits = model.forward(batch, &pass).unwrap();
    let labels = Tensor::new(labels, &Device::Cpu).unwrap();
    let loss = |logits: Tensor| {
        let loss = cross_entropy(&logits, &labels, SMOOTHING).unwrap();
        f64::from(loss.to_scalar::<f32>().unwrap())
    };
    std::iter::once(logits.main)
        .chain(logits.auxiliary)
        .map(loss)
        .collect()
}

#[test]
fn networks_of_every_space_become_programs_of_pytorch() {
    let mut exports = Vec::new();
    cases::of_every_space(0..ARCHITECTURES, |name, model| exports.push(export(name, model)));
    assert_python_reads(&exports);
}

#[test]
fn published_cells_become_programs_of_pytorch() {
    let mut exports = Vec::new();
    cases::published(|name, model| exports.push(export(name, model)));
    assert_python_reads(&exports);
}

#[test]
fn every_kind_of_layer_becomes_a_program_of_pytorch() {
    let mut exports = Vec::new();
    cases::every_layer(|name, model| exports.push(export(name, model)));
    assert_python_reads(&exports);
}

/// Recipes that differ in all that there is, with nothing random.
fn recipes() -> Vec<TrainConfig> {
    let schedule = |curve, warm_up, per| Schedule { curve, warm_up, per };
    let adam = |decoupled| {
        OptimizerConfig::Adam(AdamConfig {
            weight_decay: 0.01,
            decoupled,
            ..AdamConfig::default()
        })
    };
    let plain = TrainConfig {
        epochs: 5,
        drop_path: 0.0,
        augmentation: Augmentation::NONE,
        ..TrainConfig::darts()
    };
    // Its decay is large, so that it shows whom it spares.
    let sgd = OptimizerConfig::Sgd(SgdConfig {
        nesterov: true,
        weight_decay: 0.05,
        spare_norm_and_bias: true,
        ..SgdConfig::default()
    });
    vec![
        plain.clone(),
        TrainConfig {
            class_weights: ClassWeights::Balanced,
            learning_rate: 0.01,
            schedule: schedule(Curve::Cosine { floor: 0.001 }, 0.4, Tick::Step),
            label_smoothing: SMOOTHING,
            optimizer: sgd,
            clip_norm: 0.0,
            ..plain.clone()
        },
        TrainConfig {
            learning_rate: 0.001,
            schedule: schedule(
                Curve::Step {
                    epochs: 2,
                    factor: 0.5,
                },
                0.0,
                Tick::Epoch,
            ),
            optimizer: adam(true),
            ..plain.clone()
        },
        TrainConfig {
            learning_rate: 0.001,
            schedule: schedule(Curve::Exponential { factor: 0.9 }, 0.2, Tick::Step),
            optimizer: adam(false),
            ..plain.clone()
        },
        TrainConfig {
            learning_rate: 0.01,
            schedule: schedule(
                Curve::Restarts {
                    floor: 0.0,
                    epochs: 1,
                    factor: 2,
                },
                0.2,
                Tick::Step,
            ),
            clip_norm: 0.1,
            ..plain.clone()
        },
        TrainConfig {
            schedule: schedule(Curve::Constant {}, 0.0, Tick::Epoch),
            ..plain
        },
    ]
}

/// A network that has not been trained, with all that is known of a trained one.
fn trained(train: TrainConfig, images: &Arc<Images>) -> (TrainedNetwork, TrainingData) {
    let data = TrainingData::new(Arc::clone(images), images.indices(), Vec::new()).unwrap();
    let genotype = named::by_name("DARTS_V2").unwrap().genotype.clone();
    let network = nas_space::NetworkConfig {
        auxiliary: true,
        drop_path: true,
        image: images.shape(),
        ..cases::config(8, 8)
    };
    let built = genotype.network(&Operations::standard(), &network).unwrap();
    let trained = TrainedNetwork {
        model: seasoned(built, 3),
        genotype,
        network,
        dataset: "mine \"\"\" \\".to_owned(),
        classes: ["plain", "two words", "quote\"s", "new\nline", "__FACTS__"]
            .map(str::to_owned)
            .to_vec(),
        resize: Resize::Crop,
        fingerprint: None,
        judged_by: JudgedBy::default(),
        made_by: "a test".to_owned(),
        normalization: Arc::clone(data.normalization()),
        train,
    };
    (trained, data)
}

#[test]
fn recipes_become_programs_that_train_in_the_same_way() {
    let shape = Shape::new(3, 8, 8);
    let pixels = images(shape, 12);
    // Classes are uneven.
    let labels: Vec<u32> = (0..12).map(|label| (label * label) % 5).collect();
    let all = Arc::new(Images::new(shape, 5, pixels.concat(), labels.clone()).unwrap());
    let mut exports = Vec::new();
    for (number, config) in recipes().into_iter().enumerate() {
        let (network, data) = trained(config.clone(), &all);
        let files = PyTorch.files(&Source::of(&network)).unwrap();
        let (epochs, steps_per_epoch) = (7, 3);
        let rates: Vec<f64> = (0..epochs * steps_per_epoch)
            .map(|tick| {
                let moment = Moment {
                    epochs: epochs as u32,
                    steps_per_epoch,
                    epoch: (tick / steps_per_epoch) as u32,
                    step: tick % steps_per_epoch,
                };
                config.schedule.rate(config.learning_rate, moment)
            })
            .collect();
        let mut trainer = Trainer::new(network.model, data, config, Seed::new(1)).unwrap();
        let history = trainer.run(|_| ()).unwrap();
        let losses: Vec<f64> = history.iter().map(|epoch| epoch.train_loss).collect();
        let known = json!({
            "shape": [shape.channels, shape.height, shape.width],
            "labels": labels,
            "trained_losses": losses,
            "rates": { "epochs": epochs, "steps_per_epoch": steps_per_epoch, "rates": rates },
        });
        let name = format!("recipe-{number}");
        write(&name, &pixels, &known, &files);
        exports.push((name, files));
    }
    assert_python_reads(&exports);
}

#[test]
fn what_varies_images_is_in_the_program_or_said_to_be_left_out() {
    let shape = Shape::new(3, 8, 8);
    let all = Arc::new(Images::new(shape, 5, images(shape, 5).concat(), (0..5).collect()).unwrap());
    let train = |augmentation| {
        let config = TrainConfig {
            augmentation,
            ..TrainConfig::darts()
        };
        text(
            &PyTorch.files(&Source::of(&trained(config, &all).0)).unwrap(),
            "train.py",
        )
    };
    let plain = train(Augmentation::NONE);
    assert!(plain.contains("Left out: nothing."), "{plain}");
    assert!(
        plain.contains("CUTOUT = 0") && plain.contains("FLIP = False"),
        "{plain}"
    );
    let varied = train(Augmentation {
        policy: Some(Policy::TrivialWide),
        crop_padding: 3,
        crop_fill: Fill::Edge,
        horizontal_flip: true,
        cutout: Some(5),
    });
    assert!(
        varied.contains("Left out: the random operations of TrivialAugment"),
        "{varied}"
    );
    for line in [
        "CROP_PADDING = 3",
        "CROP_FILL = \"replicate\"",
        "FLIP = True",
        "CUTOUT = 5",
    ] {
        assert!(varied.contains(line), "{line}: {varied}");
    }
}

/// What `torch_cases.py` has trained on and saved.
#[test]
fn what_pytorch_has_saved_is_read_back_with_the_scores_that_it_had_there() {
    let Some(folder) = cases_folder().filter(|folder| folder.is_dir()) else {
        println!("skipped: NAS_EXPORT_CASES names no folder");
        return;
    };
    let cases = fs::read_dir(folder).unwrap().map(|case| case.unwrap().path());
    for case in cases.filter(|case| case.join("saved.safetensors").is_file()) {
        assert_same_as_saved(&case);
    }
}

fn assert_same_as_saved(case: &Path) {
    let read = |name: &str| -> Value { serde_json::from_slice(&fs::read(case.join(name)).unwrap()).unwrap() };
    let path = case.join("saved.safetensors");
    let network = TrainedNetwork::load(&path, &Operations::standard(), &Device::Cpu).unwrap();
    let shape = network.network.image;
    let pixels = fs::read(case.join("images.bin")).unwrap();
    let normalized = pixels.iter().enumerate().map(|(place, &pixel)| {
        let channel = place / (shape.height * shape.width) % shape.channels;
        let (mean, std) = (network.normalization.mean(), network.normalization.std());
        ((f64::from(pixel) - mean[channel]) / std[channel]) as f32
    });
    let dims = (
        pixels.len() / shape.numel(),
        shape.channels,
        shape.height,
        shape.width,
    );
    let batch = Tensor::from_vec(normalized.collect(), dims, &Device::Cpu).unwrap();
    let saved: Vec<Vec<f64>> = serde_json::from_value(read("saved.json")).unwrap();
    for (got, expected) in scores(&network.model, &batch)
        .concat()
        .into_iter()
        .zip(saved.concat())
    {
        let apart = (got - expected).abs() / expected.abs().max(1.0);
        assert!(apart <= BOUND, "{}: {got}, expected {expected}", case.display());
    }
}

#[test]
fn a_cell_that_repeats_is_one_class_whose_numbers_are_arguments() {
    let config = nas_space::NetworkConfig {
        cells: 6,
        ..cases::config(16, 16)
    };
    let genotype = &named::by_name("DARTS_V2").unwrap().genotype;
    let network = genotype.network(&Operations::standard(), &config).unwrap();
    let model = Model::new(Arc::new(network), Seed::new(0), &Compute::cpu()).unwrap();
    let files = PyTorch.files(&Source::of_model(&model)).unwrap();
    let program = text(&files, "model.py");
    let classes: BTreeSet<&str> = program
        .lines()
        .filter(|line| line.starts_with("class "))
        .collect();
    assert!(classes.contains("class SepConv3x3(nn.Module):"), "{classes:?}");
    // Six cells, of which two halve the map and two come after one that does.
    let cells = classes
        .iter()
        .filter(|class| class.starts_with("class Cell"))
        .count();
    assert!((2..=4).contains(&cells), "{classes:?}");
    assert!(
        program.lines().all(|line| line.chars().count() <= 120),
        "{program}"
    );
}

#[test]
fn names_that_pytorch_cannot_have_are_refused() {
    for (scope, part) in [("cells", "train"), ("1x1", "conv")] {
        let mut b = NetworkBuilder::new(Shape::new(3, 4, 4)).unwrap();
        let image = b.image();
        let conv = nas_space::network::Conv2d::same(4, [3, 3]);
        let x = b
            .scope(scope, |b| b.push_named(part, LayerKind::Conv2d(conv), &[image]))
            .unwrap();
        let logits = b.linear(x, 5).unwrap();
        let network = Arc::new(b.finish(logits, None));
        let model = Model::new(network, Seed::new(0), &Compute::cpu()).unwrap();
        let refused = PyTorch.files(&Source::of_model(&model)).unwrap_err().to_string();
        assert!(refused.contains(&format!("{scope}.{part}")), "{refused}");
    }
}
