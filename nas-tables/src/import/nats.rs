//! NATS-Bench (and NAS-Bench-201, which it contains) as its programming interface gives it.
//!
//! The benchmark's own files are Python pickles. With its interface `nats_bench` they become JSON
//! lines, one for each architecture, data set, training and repeat: the results of `get_more_info`
//! and `get_cost_info`, and their arguments.
//!
//! ```python
//! import json
//! from nats_bench import create
//! api = create(None, "tss", fast_mode=True, verbose=False)          # "sss" for the sizes
//! for index in range(len(api)):
//!     for dataset in ["cifar10-valid", "cifar10", "cifar100", "ImageNet16-120"]:
//!         for hp in ["12", "200"]:                                  # "12" and "90" for the sizes
//!             for seed in [777, 888, 999]:
//!                 try:
//!                     info = api.get_more_info(index, dataset, hp=hp, is_random=seed)
//!                 except Exception:                                 # not every repeat was made
//!                     continue
//!                 info |= api.get_cost_info(index, dataset, hp=hp)
//!                 print(json.dumps(info | {"arch_str": api.arch(index), "dataset": dataset, "hp": hp, "seed": seed}))
//! ```
//!
//! `arch_str` is a NAS-Bench-201 string (space `nb201`) or five numbers of channels
//! (`8:64:32:24:16`; a space of five decisions that the table brings along). A line without a seed,
//! or with `null`, is a mean. As in the benchmark, validation accuracies on CIFAR-10 are those of
//! `cifar10-valid`, which trains on half the images, and test accuracies those of `cifar10`; both
//! make one data set. The parameters and multiply-accumulates of topologies become the extra
//! figures `published_params` and `published_macs`: the toolkit counts those networks itself. A
//! training's seconds are `train-all-time` and one validation, `valid-per-time`: what the
//! benchmark's simulated clock counts.
//!
//! # References
//! X. Dong, L. Liu, K. Musial, B. Gabrys: NATS-Bench: Benchmarking NAS Algorithms for Architecture
//! Topology and Size, TPAMI 2021, arXiv 2009.00437.

use std::collections::HashMap;
use std::path::Path;

use nas_space::arch::{Architecture, Decision};
use nas_space::genotype::Genotype;
use nas_space::search::{Metric, Scale};
use nas_space::spaces::{ProductConfig, Space, SpaceConfig, nb201};
use serde::Deserialize;

use super::figures::{Figures, Place};
use super::{lines, of_file, short, wrong};
use crate::header::{DatasetHeader, Figure};
use crate::writer::{Draft, RowKeys, legal};
use crate::{Nb201Dataset, Table, TableError};

/// Layers whose channels are chosen in the space of sizes.
const LAYERS: usize = 5;
/// The channels that can be chosen.
const CHANNELS: [&str; 8] = ["8", "16", "24", "32", "40", "48", "56", "64"];
/// The data sets as the benchmark names them, and the table's number of each.
const DATASETS: [(&str, usize); 4] = [
    ("cifar10-valid", 0),
    ("cifar10", 0),
    ("cifar100", 1),
    ("ImageNet16-120", 2),
];

/// A line; other fields of the interface are ignored.
#[derive(Debug, Deserialize)]
struct Record {
    arch_str: String,
    dataset: String,
    hp: Epochs,
    #[serde(default)]
    seed: Option<u64>,
    #[serde(default, rename = "valid-accuracy")]
    valid_accuracy: Option<f64>,
    #[serde(default, rename = "test-accuracy")]
    test_accuracy: Option<f64>,
    #[serde(default, rename = "train-all-time")]
    train_all_time: Option<f64>,
    #[serde(default, rename = "valid-per-time")]
    valid_per_time: Option<f64>,
    /// In millions.
    #[serde(default)]
    params: Option<f64>,
    /// In millions of multiply-accumulates.
    #[serde(default)]
    flops: Option<f64>,
}

/// The interface takes them as text.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Epochs {
    Number(u32),
    Text(String),
}

/// Reads the lines and makes a table of them.
///
/// # Errors
/// [`TableError::Import`] names the line of what does not fit.
pub fn import(path: &Path) -> Result<Table, TableError> {
    let topology = nb201();
    let mut sizes = None;
    let mut rows: HashMap<Architecture, usize> = HashMap::new();
    let mut architectures = Vec::new();
    let mut figures = Figures::default();
    lines::each(path, "a record of NATS-Bench", |line, record: Record| {
        let at_line = |reason: String| wrong(path, format!("line {line}: {reason}"));
        let of_sizes = !record.arch_str.starts_with('|');
        if *sizes.get_or_insert(of_sizes) != of_sizes {
            let reason = "architectures of topologies and of sizes are mixed; expected one of the two";
            return Err(at_line(reason.to_owned()));
        }
        let architecture = if of_sizes {
            channels(&record.arch_str).map_err(at_line)?
        } else {
            let genotype: Result<Genotype, _> = record.arch_str.parse();
            let architecture = genotype.and_then(|genotype| topology.architecture(&genotype));
            architecture.map_err(|error| at_line(error.to_string()))?
        };
        let row = *rows.entry(architecture).or_insert_with_key(|architecture| {
            architectures.push(architecture.clone());
            architectures.len() - 1
        });
        put(&mut figures, row, &record, line as u64).map_err(at_line)
    })?;
    let names = if sizes == Some(true) {
        "NATS-Bench-sss"
    } else {
        "NATS-Bench-tss"
    };
    let space = if sizes == Some(true) {
        let layers =
            (0..LAYERS).map(|layer| Decision::new(format!("layer{layer}.channels"), "channels", CHANNELS));
        SpaceConfig::Product(ProductConfig {
            name: "nats-sss".to_owned(),
            decisions: layers.collect(),
        })
    } else {
        SpaceConfig::Nb201 {}
    };
    // Data sets that the file does not have are left out.
    let present = Nb201Dataset::ALL
        .into_iter()
        .filter(|&dataset| !figures.epochs(dataset as usize, Figure::Valid).is_empty());
    let present: Vec<Nb201Dataset> = present.collect();
    let headers = present.iter().map(|&dataset| {
        let first = |figure| {
            figures
                .epochs(dataset as usize, figure)
                .first()
                .copied()
                .unwrap_or_default()
        };
        let last = |figure| {
            figures
                .epochs(dataset as usize, figure)
                .last()
                .copied()
                .unwrap_or_default()
        };
        DatasetHeader {
            name: dataset.name().to_owned(),
            network: (sizes == Some(false)).then(|| dataset.network()),
            search_epochs: first(Figure::Valid),
            report_epochs: last(Figure::Test),
            train_images: Some(dataset.train_images()),
            valid_is_test: false,
            test_is_valid: false,
            metric: Metric::default(),
        }
    });
    let datasets: Vec<DatasetHeader> = headers.collect();
    // The networks of topologies are counted by this toolkit, so that what the records say of their
    // size is another figure.
    let all = Nb201Dataset::ALL.map(|dataset| DatasetHeader {
        network: (sizes == Some(false)).then(|| dataset.network()),
        ..dataset.header()
    });
    figures
        .publish_sizes(&all)
        .map_err(|reason| wrong(path, reason))?;
    let (extras, mut columns) = of_file(path, figures.into_columns(architectures.len()))?;
    columns.retain_mut(|data| {
        let Some(dataset) = data.column.dataset else {
            return true;
        };
        let place = present.iter().position(|&known| known as usize == dataset);
        data.column.dataset = place;
        place.is_some()
    });
    let draft = Draft {
        name: names.to_owned(),
        origin: "records of NATS-Bench's programming interface (Dong et al. 2021, arXiv 2009.00437)"
            .to_owned(),
        space,
        keys: RowKeys::Architectures(architectures),
        datasets,
        extras,
        columns,
    };
    of_file(path, draft.table())
}

/// Five numbers of channels.
fn channels(text: &str) -> Result<Architecture, String> {
    let choices: Option<Vec<usize>> = text
        .split(':')
        .map(|layer| CHANNELS.iter().position(|known| *known == layer))
        .collect();
    let choices = choices.filter(|choices| choices.len() == LAYERS);
    choices.map(Architecture::new).ok_or_else(|| {
        format!(
            "'{}' is no architecture; expected a NAS-Bench-201 string or five of {} with colons",
            short(text),
            CHANNELS.join(", ")
        )
    })
}

fn put(figures: &mut Figures, row: usize, record: &Record, line: u64) -> Result<(), String> {
    let known = DATASETS.iter().find(|(name, _)| *name == record.dataset);
    let &(name, dataset) = known.ok_or_else(|| {
        let names = DATASETS.map(|(name, _)| name).join(", ");
        format!(
            "there is no data set '{}'; expected one of {names}",
            short(&record.dataset)
        )
    })?;
    let epochs = match &record.hp {
        Epochs::Number(epochs) => *epochs,
        Epochs::Text(text) => text
            .parse()
            .map_err(|_| format!("hp is '{}'; expected a number of epochs", short(text)))?,
    };
    // Half of CIFAR-10's images are for validation in one of its trainings, all are trained on in
    // the other.
    let (has_valid, has_test) = (name != "cifar10", name != "cifar10-valid");
    let seconds = record
        .train_all_time
        .map(|seconds| seconds + record.valid_per_time.unwrap_or(0.0));
    let of_training = [
        (
            Figure::Valid,
            record
                .valid_accuracy
                .filter(|_| has_valid)
                .map(|percent| percent / 100.0),
        ),
        (
            Figure::Test,
            record
                .test_accuracy
                .filter(|_| has_test)
                .map(|percent| percent / 100.0),
        ),
        (Figure::Seconds, seconds.filter(|_| has_valid)),
    ];
    let sizes = [(Figure::Params, record.params), (Figure::Macs, record.flops)];
    let sizes = sizes.map(|(figure, millions)| (figure, millions.map(|millions| (millions * 1e6).round())));
    for (figure, value) in of_training.into_iter().chain(sizes) {
        let Some(value) = value else {
            continue;
        };
        let (key, of_training) = match figure {
            Figure::Valid => ("valid-accuracy", true),
            Figure::Test => ("test-accuracy", true),
            Figure::Seconds => ("train-all-time and valid-per-time", true),
            Figure::Params => ("params", false),
            _ => ("flops", false),
        };
        let legal = legal(figure, Some(Scale::Share));
        if !legal.contains(&value) {
            return Err(format!(
                "{key} is {value} in ones; expected a number from {} to {}",
                legal.start(),
                legal.end()
            ));
        }
        let place = Place {
            dataset: Some(dataset),
            figure,
            epochs: of_training.then_some(epochs),
            seed: record.seed.filter(|_| of_training),
            extra: None,
        };
        figures.put(row, place, value, line).map_err(|earlier| {
            format!(
                "{key} of {} on {name} is {value} in ones, and {} on line {}{}; expected the same on both lines, or only one of them",
                short(&record.arch_str),
                earlier.value,
                earlier.line,
                if of_training {
                    format!(", with hp {epochs} and the same seed")
                } else {
                    String::new()
                }
            )
        })?;
    }
    Ok(())
}
