//! What training leaves behind.

use std::cell::RefCell;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use nas_data::Resize;
use nas_eval::data::{Augmentation, Dataset};
use nas_eval::evaluator::JudgedBy;
use nas_eval::model::Model;
use nas_eval::nn::tensor_file;
use nas_eval::train::{TrainConfig, Trainer, TrainingData};
use nas_eval::trained::TrainedNetwork;
use nas_eval::{Compute, Device};
use nas_export::{Format as _, Onnx, Source};
use nas_space::genotype::Genotype;
use nas_space::network::NetworkConfig;
use nas_space::op::Operations;
use nas_space::seed::Seed;
use nas_space::shape::Shape;

use super::MIB;
use super::images::put;
use crate::envelope::Envelope;
use crate::target::{Due, Target, Use};

const WORDS: &[&str] = &[
    "F32",
    "F64",
    "F16",
    "BOOL",
    "dtype",
    "shape",
    "data_offsets",
    "__metadata__",
    "genotype",
    "network",
    "dataset",
    "mean",
    "std",
    "train",
    "double_precision",
    "image",
    "classes",
    "channels",
    "cells",
    "1x65536x65536",
    "kind",
    "nb201",
    "chain",
    "layers",
    "filters",
    "filter_height",
    "filter_width",
    "epochs",
    "batch_size",
    "optimizer",
    "history",
    "epochs_done",
    "generation",
    "null",
    "true",
    "[1,1]",
    "[0]",
    "[]",
];
/// Memory for tensors: the file, each tensor once, and once more where it is put into a network.
const TENSORS: Due = Due {
    base: 4 * MIB,
    per_byte: 64,
};

/// Memory for a network, which may have some operations whatever is stored.
const NETWORK: Due = Due {
    base: 16 * MIB,
    per_byte: 64,
};

/// A network that is small enough to be trained while one waits.
fn architecture() -> Result<Genotype> {
    let text = r#"{"kind": "chain", "layers": [{"filter_height": 1, "filter_width": 1, "stride_height": 4, "stride_width": 4,
        "filters": 2, "inputs": []}]}"#;
    Ok(text.parse()?)
}

fn size() -> NetworkConfig {
    NetworkConfig {
        image: Shape::new(1, 8, 8),
        ..NetworkConfig::default()
    }
}

/// A trainer of one epoch of a few digits.
fn trainer() -> Result<Trainer> {
    let network = architecture()?.network(&Operations::standard(), &size())?;
    let model = Model::new(Arc::new(network), Seed::new(1), &Compute::cpu())?;
    let digits = Dataset::load("digits", None)?.with_training_images(30, Seed::new(1))?;
    let data = TrainingData::hold_out(&digits, 0.5, Seed::new(1))?;
    let config = TrainConfig {
        epochs: 2,
        batch_size: 8,
        augmentation: Augmentation::default(),
        ..TrainConfig::default()
    };
    Ok(Trainer::new(model, data, config, Seed::new(1))?)
}

/// The common format of files of tensors.
pub(super) fn tensors() -> Result<Target> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("tensors");
    let snapshot = trainer()?.model().parameters().snapshot()?;
    tensor_file::save(&path, "fuzz", 1, &"content", snapshot.tensors())?;
    let load = |path: &Path| tensor_file::load::<serde_json::Value>(path, "fuzz", 1..=1, &Device::Cpu);
    Ok(Target {
        envelope: Envelope::Tensors,
        made: vec![fs::read(&path)?],
        read: TENSORS,
        using: TENSORS,
        ..Target::new("tensors", WORDS, move |input, scratch| {
            let path = scratch.join("tensors");
            put(&path, input)?;
            let (content, tensors) = load(&path).map_err(|error| error.to_string())?;
            Ok(Box::new(move || {
                let failed = |error: &dyn std::fmt::Display| format!("written and read again: {error}");
                tensor_file::save(&path, "fuzz", 1, &content, &tensors).map_err(|error| failed(&error))?;
                let (again, also) = load(&path).map_err(|error| failed(&error))?;
                let same = again == content
                    && tensors.len() == also.len()
                    && tensors
                        .iter()
                        .zip(&also)
                        .all(|((name, one), (other_name, other))| {
                            name == other_name && one.dims() == other.dims() && one.dtype() == other.dtype()
                        });
                same.then_some(())
                    .ok_or_else(|| "it comes back changed".to_owned())
            }) as Use<'_>)
        })
    })
}

/// A trained network.
pub(super) fn trained() -> Result<Target> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("network");
    let trainer = trainer()?;
    let mut made = Vec::new();
    for genotype in [
        architecture()?,
        "|nor_conv_1x1~0|+|skip_connect~0|avg_pool_3x3~1|".parse()?,
        "Genotype(normal=[('skip_connect', 0), ('sep_conv_3x3', 1)], normal_concat=[2], \
         reduce=[('max_pool_3x3', 0), ('skip_connect', 1)], reduce_concat=[2])"
            .parse()?,
    ] {
        let network = NetworkConfig {
            channels: 2,
            cells: 1,
            ..size()
        };
        let built = genotype.network(&Operations::standard(), &network)?;
        let network = TrainedNetwork {
            genotype,
            network,
            dataset: "digits".to_owned(),
            classes: (0..10).map(|class| class.to_string()).collect(),
            resize: Resize::Pad,
            fingerprint: None,
            judged_by: JudgedBy::Accuracy,
            made_by: "nas".to_owned(),
            normalization: Arc::clone(trainer.data().normalization()),
            train: trainer.config().clone(),
            model: Model::new(Arc::new(built), Seed::new(1), &Compute::cpu())?,
        };
        network.save(&path)?;
        made.push(fs::read(&path)?);
        // The same weights, and a claim about images that no memory holds.
        let huge = NetworkConfig {
            image: Shape::new(1, 65_536, 65_536),
            ..network.network
        };
        TrainedNetwork {
            network: huge,
            ..network
        }
        .save(&path)?;
        made.push(fs::read(&path)?);
    }
    let digits = Dataset::load("digits", None)?;
    let load = |path: &Path| TrainedNetwork::load(path, &Operations::standard(), &Device::Cpu);
    Ok(Target {
        envelope: Envelope::Tensors,
        made,
        read: NETWORK,
        using: NETWORK,
        ..Target::new("trained", WORDS, move |input, scratch| {
            let path = scratch.join("network");
            put(&path, input)?;
            let network = load(&path).map_err(|error| error.to_string())?;
            let digits = digits.clone();
            Ok(Box::new(move || {
                // Whatever it was trained on and however, it is tested or says why not.
                let _ = network.test(&digits);
                // And it is exported or says why not.
                let _ = Onnx::default().files(&Source::of(&network));
                let failed = |error: &dyn std::fmt::Display| format!("written and read again: {error}");
                network.save(&path).map_err(|error| failed(&error))?;
                let again = load(&path).map_err(|error| failed(&error))?;
                let same = again.genotype == network.genotype
                    && again.network == network.network
                    && again.train == network.train
                    && again.normalization == network.normalization;
                same.then_some(())
                    .ok_or_else(|| "it comes back changed".to_owned())
            }) as Use<'_>)
        })
    })
}

/// Where a training was.
pub(super) fn position() -> Result<Target> {
    let folder = tempfile::tempdir()?;
    let mut trainer = trainer()?;
    trainer.epoch()?;
    trainer.save(folder.path())?;
    let path = folder.path().join("position.json");
    let made = fs::read(&path).context("the position just saved")?;
    let trainer = RefCell::new(trainer);
    Ok(Target {
        made: vec![made],
        read: TENSORS,
        using: TENSORS,
        ..Target::new("position", WORDS, move |input, _| {
            // The tensors that it names lie beside it.
            put(&folder.path().join("position.json"), input)?;
            let mut trainer = trainer.borrow_mut();
            trainer.load(folder.path()).map_err(|error| error.to_string())?;
            let done = trainer.epochs_done();
            drop(trainer);
            Ok(Box::new(move || {
                let same = done as usize <= 2;
                same.then_some(())
                    .ok_or_else(|| format!("{done} of 2 epochs are done"))
            }) as Use<'_>)
        })
    })
}
