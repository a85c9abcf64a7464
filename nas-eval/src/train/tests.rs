//! Training of tiny networks on made-up images.

use std::path::Path;
use std::sync::Arc;

use nas_space::cell::{Cell, Node};
use nas_space::genotype::{Genotype, Nb201Genotype};
use nas_space::network::{Network, NetworkConfig};
use nas_space::op::Operations;
use nas_space::seed::Seed;
use nas_space::shape::Shape;
use rand::RngExt;

use super::*;
use crate::compute::Compute;
use crate::data::{Augmentation, Images};
use crate::error::EvalError;
use crate::model::Model;
use crate::nn::{AdamConfig, OptimizerConfig, Schedule, SgdConfig, Tick};

const SHAPE: Shape = Shape::new(1, 8, 8);

/// Stripes, checks or a ramp, with noise: easy, but not linearly separable by brightness.
fn images(count: usize) -> Arc<Images> {
    let mut rng = Seed::new(5).rng();
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    for i in 0..count {
        let class = i % 3;
        for y in 0..8 {
            for x in 0..8 {
                let clean = match class {
                    0 => 200 * (y % 2),
                    1 => 200 * ((x + y) % 2),
                    _ => 25 * x,
                };
                pixels.push((clean + rng.random_range(0..50)) as u8);
            }
        }
        labels.push(class as u32);
    }
    Arc::new(Images::new(SHAPE, 3, pixels, labels).unwrap())
}

fn data(train: usize, valid: usize) -> TrainingData {
    let split = train as u32;
    TrainingData::new(
        images(train + valid),
        (0..split).collect(),
        (split..split + valid as u32).collect(),
    )
    .unwrap()
}

fn network(drop_path: bool) -> Arc<Network> {
    network_with("skip_connect", drop_path)
}

fn network_with(operation: &str, drop_path: bool) -> Arc<Network> {
    let edges = [("nor_conv_3x3", 0)];
    let cell = Cell::new(
        1,
        vec![Node::add(edges), Node::add([(operation, 0), ("nor_conv_1x1", 1)])],
        vec![2],
    );
    let genotype = Genotype::Nb201(Nb201Genotype { cell: cell.unwrap() });
    let config = NetworkConfig {
        image: SHAPE,
        classes: 3,
        channels: 4,
        cells: 1,
        auxiliary: false,
        drop_path,
        ..NetworkConfig::default()
    };
    Arc::new(genotype.network(&Operations::standard(), &config).unwrap())
}

fn model(drop_path: bool) -> Model {
    Model::new(network(drop_path), Seed::new(3), &Compute::cpu()).unwrap()
}

/// Everything that draws random numbers is on.
fn config() -> TrainConfig {
    TrainConfig {
        epochs: 3,
        batch_size: 8,
        evaluation_batch_size: 7,
        learning_rate: 0.05,
        schedule: Schedule {
            warm_up: 0.2,
            per: Tick::Step,
            ..Schedule::default()
        },
        label_smoothing: 0.1,
        augmentation: Augmentation {
            crop_padding: 1,
            horizontal_flip: true,
            cutout: Some(2),
            ..Augmentation::NONE
        },
        ..TrainConfig::darts()
    }
}

fn trainer(config: &TrainConfig, seed: u64) -> Trainer {
    Trainer::new(model(true), data(30, 11), config.clone(), Seed::new(seed)).unwrap()
}

/// The bits of the metrics of each epoch, and of each tensor by its name.
type Bits = (Vec<[u64; 5]>, Vec<(String, Vec<u32>)>);

/// Everything but the seconds, and the bits of all weights and running statistics.
fn bits(trainer: &Trainer) -> Bits {
    let metrics = |m: &EpochMetrics| {
        let valid = [
            m.valid_loss.unwrap_or(f64::NAN),
            m.valid_accuracy.unwrap_or(f64::NAN),
        ];
        [
            m.train_loss,
            m.train_accuracy,
            valid[0],
            valid[1],
            m.learning_rate,
        ]
        .map(f64::to_bits)
    };
    let snapshot = trainer.model().parameters().snapshot().unwrap();
    let tensor = |(name, tensor): (&str, &candle_core::Tensor)| {
        let values = tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        (name.to_owned(), values.into_iter().map(f32::to_bits).collect())
    };
    (
        trainer.history().iter().map(metrics).collect(),
        snapshot.iter().map(tensor).collect(),
    )
}

#[test]
fn training_learns_what_can_be_learned() {
    let config = TrainConfig {
        epochs: 8,
        drop_path: 0.0,
        clip_norm: 0.0,
        label_smoothing: 0.0,
        ..config()
    };
    let config = TrainConfig {
        augmentation: Augmentation::NONE,
        ..config
    };
    let mut trainer = Trainer::new(model(false), data(90, 30), config, Seed::new(1)).unwrap();
    let mut seen = Vec::new();
    trainer.run(|metrics| seen.push(metrics.epoch)).unwrap();
    assert_eq!(seen, (0..8).collect::<Vec<_>>());
    let (first, last) = (&trainer.history()[0], &trainer.history()[7]);
    assert!(last.train_loss < 0.3 * first.train_loss, "{first:?} {last:?}");
    assert!(last.valid_accuracy.unwrap() > 0.95, "{last:?}");
    assert!(last.valid_loss.unwrap() < 0.3, "{last:?}");
}

#[test]
fn one_and_two_threads_give_the_same_bits() {
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| {
            let mut trainer = trainer(&config(), 1);
            trainer.run(|_| {}).unwrap();
            bits(&trainer)
        })
    };
    let one = run(1);
    assert_eq!(one, run(2));
    let mut other = trainer(&config(), 2);
    other.run(|_| {}).unwrap();
    assert_ne!(one, bits(&other), "the seed has no effect");
}

fn optimizers() -> [OptimizerConfig; 2] {
    let sgd = SgdConfig {
        nesterov: true,
        spare_norm_and_bias: true,
        ..SgdConfig::default()
    };
    let adam = AdamConfig {
        decoupled: true,
        weight_decay: 0.01,
        ..AdamConfig::default()
    };
    [OptimizerConfig::Sgd(sgd), OptimizerConfig::Adam(adam)]
}

#[test]
fn a_training_stopped_after_any_epoch_and_resumed_gives_the_same_bits() {
    for optimizer in optimizers() {
        let config = TrainConfig {
            optimizer,
            ..config()
        };
        let mut straight = trainer(&config, 1);
        straight.run(|_| {}).unwrap();
        for stop in 0..3 {
            let directory = tempfile::tempdir().unwrap();
            let mut stopped = trainer(&config, 1);
            stopped.save(directory.path()).unwrap();
            for _ in 0..stop {
                stopped.epoch().unwrap();
                stopped.save(directory.path()).unwrap();
            }
            assert_eq!(
                files(directory.path()).len(),
                3,
                "only the last checkpoint is kept"
            );
            let mut resumed = trainer(&config, 1);
            resumed.load(directory.path()).unwrap();
            assert_eq!(resumed.epochs_done(), stop);
            assert_eq!(resumed.history(), stopped.history());
            resumed.run(|_| {}).unwrap();
            assert_eq!(
                bits(&resumed),
                bits(&straight),
                "{optimizer:?} stopped after {stop}"
            );
        }
    }
}

fn files(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// What is on the disk if the process dies after any of the writes that save the second checkpoint.
#[test]
fn a_save_that_is_cut_off_leaves_the_checkpoint_before() {
    let (before, after) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut saved = trainer(&config(), 1);
    saved.epoch().unwrap();
    saved.save(before.path()).unwrap();
    saved.save(after.path()).unwrap();
    saved.epoch().unwrap();
    saved.save(after.path()).unwrap();
    let copy = |from: &Path, names: &[&str], to: &Path| {
        for name in names {
            std::fs::copy(from.join(name), to.join(name)).unwrap();
        }
    };
    let new = [
        "weights-1.safetensors",
        "optimizer-1.safetensors",
        "position.json",
    ];
    assert_eq!(
        files(after.path()),
        [
            "optimizer-1.safetensors",
            "position.json",
            "weights-1.safetensors"
        ]
    );
    for (written, epochs) in [(0, 1), (1, 1), (2, 1), (3, 2)] {
        let torn = tempfile::tempdir().unwrap();
        copy(
            before.path(),
            &[
                "weights-0.safetensors",
                "optimizer-0.safetensors",
                "position.json",
            ],
            torn.path(),
        );
        copy(after.path(), &new[..written], torn.path());
        std::fs::write(torn.path().join(".weights-1.safetensors.77.tmp"), b"half a file").unwrap();
        let mut resumed = trainer(&config(), 1);
        resumed.load(torn.path()).unwrap();
        assert_eq!(
            resumed.epochs_done(),
            epochs,
            "after {written} of the three writes"
        );
        resumed.run(|_| {}).unwrap();
        resumed.save(torn.path()).unwrap();
        assert_eq!(
            files(torn.path()).len(),
            3,
            "leftovers are removed: {:?}",
            files(torn.path())
        );
    }
}

#[test]
fn a_save_goes_on_from_any_generation_that_a_file_names() {
    let directory = tempfile::tempdir().unwrap();
    let mut saved = trainer(&config(), 1);
    saved.epoch().unwrap();
    saved.save(directory.path()).unwrap();
    let path = directory.path().join("position.json");
    let last = format!("\"generation\": {}", u64::MAX);
    let text = std::fs::read_to_string(&path)
        .unwrap()
        .replace("\"generation\": 0", &last);
    assert!(text.contains(&last));
    std::fs::write(&path, text).unwrap();
    saved.save(directory.path()).unwrap();
    trainer(&config(), 1).load(directory.path()).unwrap();
}

#[test]
fn a_save_removes_no_file_but_those_of_checkpoints() {
    let directory = tempfile::tempdir().unwrap();
    let theirs = [
        ".position.json.tmp",
        ".weights-1.txt.77.tmp",
        ".weights-notes",
        "optimizer-.safetensors",
        "optimizer-best.safetensors",
        "weights-+1.safetensors",
        "weights-01.safetensors",
        "weights-1.safetensors.bak",
        "weights-notes.txt",
    ];
    let ours = [
        ".position.json.77.tmp",
        ".optimizer-12.safetensors.1.tmp",
        "optimizer-8.safetensors",
        "weights-7.safetensors",
    ];
    for name in theirs.iter().chain(&ours) {
        std::fs::write(directory.path().join(name), b"x").unwrap();
    }
    std::fs::create_dir(directory.path().join("weights-9.safetensors")).unwrap();
    trainer(&config(), 1).save(directory.path()).unwrap();
    let mut expected = theirs.map(str::to_owned).to_vec();
    expected.extend(
        [
            "optimizer-0.safetensors",
            "position.json",
            "weights-0.safetensors",
            "weights-9.safetensors",
        ]
        .map(str::to_owned),
    );
    expected.sort();
    assert_eq!(files(directory.path()), expected);
}

#[test]
fn a_torn_or_foreign_checkpoint_is_refused_and_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let mut saved = trainer(&config(), 1);
    saved.epoch().unwrap();
    saved.save(directory.path()).unwrap();
    let refused = |mut trainer: Trainer, part: &str| {
        let before = bits(&trainer);
        let error = trainer.load(directory.path()).unwrap_err().to_string();
        assert!(error.contains(part), "'{error}' lacks '{part}'");
        assert_eq!(bits(&trainer), before);
    };
    refused(
        trainer(
            &TrainConfig {
                learning_rate: 0.06,
                ..config()
            },
            1,
        ),
        "the training configuration",
    );
    refused(trainer(&config(), 2), "the seed");
    let other_data = Trainer::new(model(true), data(29, 12), config(), Seed::new(1)).unwrap();
    refused(other_data, "the data");
    // Its tensors have the same names and shapes.
    let pooling = network_with("avg_pool_3x3", true);
    let other_network = Model::new(pooling, Seed::new(3), &Compute::cpu()).unwrap();
    let tensors = |model: &Model| -> Vec<String> {
        let snapshot = model.parameters().snapshot().unwrap();
        snapshot
            .iter()
            .map(|(name, tensor)| format!("{name} {:?}", tensor.dims()))
            .collect()
    };
    assert_eq!(tensors(&other_network), tensors(saved.model()));
    let other_network = Trainer::new(other_network, data(30, 11), config(), Seed::new(1)).unwrap();
    refused(other_network, "the network");
    for name in files(directory.path()) {
        let path = directory.path().join(&name);
        let whole = std::fs::read(&path).unwrap();
        for length in [0, 1, whole.len() / 2, whole.len() - 1] {
            std::fs::write(&path, &whole[..length]).unwrap();
            // The last byte of the position is its closing brace; of the others, part of a weight.
            refused(trainer(&config(), 1), &name);
        }
        std::fs::remove_file(&path).unwrap();
        refused(trainer(&config(), 1), &name);
        std::fs::write(&path, whole).unwrap();
    }
    std::fs::write(
        directory.path().join("position.json"),
        r#"{"format":"nas-checkpoint","version":9}"#,
    )
    .unwrap();
    refused(trainer(&config(), 1), "version 9");
}

#[test]
fn a_loss_that_is_not_a_number_stops_the_training_at_once() {
    let config = TrainConfig {
        learning_rate: 1e30,
        clip_norm: 0.0,
        schedule: Schedule::default(),
        ..config()
    };
    let mut trainer = trainer(&config, 1);
    let error = trainer.run(|_| {}).unwrap_err();
    assert!(
        matches!(
            error,
            EvalError::NonFinite {
                epoch: 0,
                step: 1..=3,
                ..
            }
        ),
        "{error}"
    );
    assert!(trainer.history().is_empty());
}

#[test]
fn evaluation_counts_every_image_once_whatever_the_batch_size() {
    let (model, data) = (model(false), data(30, 11));
    let indices: Vec<u32> = (0..41).collect();
    let scores = |size| evaluate(&model, data.images(), data.normalization(), &indices, size, 0).unwrap();
    let single = scores(1);
    assert_eq!(single.images, 41);
    for size in [2, 7, 40, 41, 64] {
        let other = scores(size);
        assert_eq!((other.images, other.accuracy), (41, single.accuracy));
        assert!(
            (other.loss - single.loss).abs() < 1e-5,
            "{other:?}, expected {single:?}"
        );
    }
    let twice = bits_of(&model);
    scores(7);
    assert_eq!(bits_of(&model), twice, "evaluation changes nothing");
}

fn bits_of(model: &Model) -> String {
    let snapshot = model.parameters().snapshot().unwrap();
    snapshot
        .iter()
        .map(|(name, tensor)| format!("{name}{tensor}"))
        .collect()
}

#[test]
fn without_validation_images_there_are_no_validation_figures() {
    let mut trainer = Trainer::new(model(false), data(30, 0), config().with_epochs(1), Seed::new(1)).unwrap();
    let metrics = trainer.epoch().unwrap();
    assert_eq!((metrics.valid_loss, metrics.valid_accuracy), (None, None));
    assert!(trainer.is_finished());
}
