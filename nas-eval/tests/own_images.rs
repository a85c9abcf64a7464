//! Images of one's own that are those of a data set with a name: training has the same bits.
//!
//! The second test needs Fashion-MNIST in `../shared/data` beside the repository.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use image::{ExtendedColorType, ImageFormat};
use nas_data::ReadOptions;
use nas_eval::Compute;
use nas_eval::data::{Dataset, HeldOut, Images};
use nas_eval::evaluator::JudgedBy;
use nas_eval::final_training::{FinalTraining, Validation};
use nas_eval::train::TrainConfig;
use nas_space::cell::{Cell, Node};
use nas_space::genotype::{Genotype, Nb201Genotype};
use nas_space::network::NetworkConfig;
use nas_space::op::Operations;
use nas_space::search::Stop;
use nas_space::seed::Seed;

/// All numbers of a network that was trained for an epoch, as bits by name, and what it scored in
/// validation and in the test.
type Trained = (Vec<(String, Vec<u32>)>, Option<f64>, f64, Option<f64>);

/// Trains a tiny network for an epoch, on four fifths of the training images of each class.
fn trained(dataset: &Dataset, config: &TrainConfig) -> Trained {
    let cell = Cell::new(
        1,
        vec![Node::add([("nor_conv_3x3", 0), ("skip_connect", 0)])],
        vec![1],
    );
    let report = FinalTraining {
        genotype: &Genotype::Nb201(Nb201Genotype { cell: cell.unwrap() }),
        operations: &Operations::standard(),
        dataset,
        network: NetworkConfig {
            image: dataset.train.shape(),
            classes: dataset.train.classes(),
            channels: 4,
            cells: 1,
            ..NetworkConfig::default()
        },
        train: config.clone().with_epochs(1),
        judged_by: JudgedBy::Accuracy,
        validation: Validation::HoldOut {
            fraction: 0.2,
            study: Seed::new(5),
        },
        seed: Seed::new(1),
        compute: &Compute::cpu(),
        checkpoint: None,
        stop: Stop::new(),
    }
    .run(|_| {})
    .unwrap();
    let weights = report.network.model.parameters().snapshot().unwrap();
    let weights = weights.iter().map(|(name, tensor)| {
        let numbers: Vec<f32> = tensor.flatten_all().unwrap().to_vec1().unwrap();
        (name.to_owned(), numbers.into_iter().map(f32::to_bits).collect())
    });
    let test = report.test;
    (
        weights.collect(),
        report.valid_accuracy,
        test.test_accuracy,
        test.test_loss,
    )
}

/// Writes images as grey PNG files, in their order, and a line on each to the list.
fn write(images: &Images, split: &str, folder: &Path, list: &mut String) {
    let shape = images.shape();
    for (number, label) in images.labels().iter().enumerate() {
        let name = format!("{split}-{number:05}.png");
        image::save_buffer_with_format(
            folder.join(&name),
            images.image(number).unwrap(),
            shape.width as u32,
            shape.height as u32,
            ExtendedColorType::L8,
            ImageFormat::Png,
        )
        .unwrap();
        list.push_str(&format!("{name},{label},{split}\n"));
    }
}

/// The images of a data set as PNG files and a list of them, read as images of one's own.
fn from_files(dataset: &Dataset) -> (Dataset, nas_data::Findings) {
    let (folder, cache) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut list = "path,label,split\n".to_owned();
    write(&dataset.train, "train", folder.path(), &mut list);
    write(&dataset.test, "test", folder.path(), &mut list);
    fs::write(folder.path().join("list.csv"), list).unwrap();
    let options = ReadOptions {
        cache: Some(cache.path().to_owned()),
        ..ReadOptions::default()
    };
    let data = nas_data::read(&folder.path().join("list.csv"), &options, &|_| {}).unwrap();
    (Dataset::own(&data).unwrap(), data.findings)
}

/// The first of these images that are like none before, in test and training; and how many are.
fn without_copies(dataset: &Dataset, train: usize, test: usize) -> (Dataset, usize) {
    let mut seen = BTreeSet::new();
    let mut kept = |images: &Images, first: usize| {
        let mut indices = images.indices();
        indices.truncate(first);
        indices.retain(|&index| seen.insert(images.image(index as usize).unwrap().to_vec()));
        Arc::new(images.subset(&indices).unwrap())
    };
    let (tested, trained) = (kept(&dataset.test, test), kept(&dataset.train, train));
    let all = train.min(dataset.train.len()) + test.min(dataset.test.len());
    let copies = all - tested.len() - trained.len();
    let kept = Dataset {
        train: trained,
        test: tested,
        ..dataset.clone()
    };
    (kept, copies)
}

/// Both sources have the same images, held-out images, weights and scores, also where a limit
/// thins them out.
fn assert_trained_alike(named: &Dataset, config: &TrainConfig) {
    let (own, findings) = from_files(named);
    assert_eq!(
        (findings.duplicates.images, findings.leaks.images),
        (0, 0),
        "{:?}",
        findings.warnings
    );
    assert_eq!(own.held_out, HeldOut::Drawn);
    assert_eq!((&own.train, &own.test), (&named.train, &named.test));
    let of_named = trained(named, config);
    assert!(!of_named.0.is_empty() && of_named.1.is_some());
    assert_eq!(trained(&own, config), of_named);
    let limited = |dataset: &Dataset| {
        let dataset = dataset.clone().with_training_images(200, Seed::new(3)).unwrap();
        trained(&dataset, config)
    };
    assert_eq!(limited(&own), limited(named));
}

#[test]
fn training_on_digits_from_files_has_the_same_bits() {
    let digits = Dataset::load("digits", None).unwrap();
    let (named, copies) = without_copies(&digits, usize::MAX, usize::MAX);
    println!("digits: {copies} copies left out");
    assert_trained_alike(&named, &TrainConfig::quick("digits").unwrap());
}

/// No two of the 70,000 images are the same, so nothing is left out.
#[test]
fn training_on_fashion_mnist_from_files_has_the_same_bits() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let Ok(fashion) = Dataset::load("fashion-mnist", Some(&folder)) else {
        println!("skipped: there is no Fashion-MNIST in {}", folder.display());
        return;
    };
    let (named, copies) = without_copies(&fashion, 2000, 500);
    println!("Fashion-MNIST, 2,000 and 500 images: {copies} copies left out");
    assert_trained_alike(&named, &TrainConfig::quick("fashion-mnist").unwrap());
}

/// What would make the trainings differ, and digits and Fashion-MNIST do not have: one image of the test split in training, two copies within it.
#[test]
fn copies_of_test_images_are_not_trained_on_and_copies_within_training_stay_together() {
    let (named, _) = without_copies(&Dataset::load("digits", None).unwrap(), 300, 100);
    let train = &named.train;
    let mut pixels = train.pixels().to_vec();
    let mut labels = train.labels().to_vec();
    pixels.extend_from_slice(named.test.image(0).unwrap());
    labels.push(named.test.labels()[0]);
    pixels.extend_from_slice(train.image(7).unwrap());
    labels.push(train.labels()[7]);
    let more = Images::new(train.shape(), train.classes(), pixels, labels).unwrap();
    let copied = Dataset {
        train: Arc::new(more),
        ..named.clone()
    };
    let (own, findings) = from_files(&copied);
    assert_eq!((findings.leaks.dropped, findings.duplicates.images), (1, 2));
    assert_eq!(own.train.len(), train.len() + 1);
    let HeldOut::DrawnInGroups(groups) = &own.held_out else {
        panic!("{:?}", own.held_out);
    };
    assert_eq!(groups[7], groups[train.len()]);
}
