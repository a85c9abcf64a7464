//! NAS-Bench-Macro's JSON: 3⁸ = 6,561 networks of eight layers on CIFAR-10.
//!
//! The file is one object with a key of eight ternary digits for each network, 0 = identity, 1 = inverted bottleneck with
//! 3×3 and expansion 3, 2 = with 5×5 and expansion 6, and as its value `test_acc` (percent, of three trainings), `mean_acc`, `std`, `params` and `flops`.
//!
//! **The benchmark has no validation images.** A search sees the test accuracy of one of the three trainings, the report is the mean of all
//! three: the table says so ([`DatasetHeader::valid_is_test`]), and so does the evaluator's description.
//!
//! # References
//! X. Su, T. Huang, Y. Li, S. You, F. Wang, C. Qian, C. Zhang, C. Xu: Prioritized Architecture Sampling with Monto-Carlo Tree Search, CVPR 2021,
//! arXiv 2103.11922.

use std::collections::BTreeMap;
use std::path::Path;

use nas_space::arch::{Architecture, Decision};
use nas_space::search::Metric;
use nas_space::spaces::{ProductConfig, SpaceConfig};
use serde::Deserialize;

use super::figures::{Figures, Place};
use super::wrong;
use crate::data::read_bounded;
use crate::tabular::header::{DatasetHeader, Figure};
use crate::tabular::writer::{Draft, RowKeys};
use crate::tabular::{Table, TableError};

/// The published file has 1.5 MB.
const MAX_BYTES: u64 = 64 << 20;
/// Layers whose block is chosen.
const LAYERS: usize = 8;
/// The blocks, by their digits.
const BLOCKS: [&str; 3] = ["identity", "mb3_k3", "mb6_k5"];
/// Epochs of the trainings: the paper's, which the file does not name.
const EPOCHS: u32 = 50;

/// A network.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    /// In percent, of each training.
    test_acc: Vec<f64>,
    /// Their mean, in percent.
    mean_acc: f64,
    #[serde(rename = "std")]
    _std: f64,
    params: f64,
    flops: f64,
}

/// Reads the file and makes a table of it.
///
/// # Errors
/// [`TableError::Import`] names the network of what does not fit; [`TableError::Draft`] where the figures make no table.
pub fn import(path: &Path) -> Result<Table, TableError> {
    let content = read_bounded(path, MAX_BYTES)?;
    let records: BTreeMap<String, Record> = serde_json::from_slice(&content).map_err(|error| {
        wrong(
            path,
            format!("{error}; expected NAS-Bench-Macro's object of networks"),
        )
    })?;
    let mut architectures = Vec::new();
    let mut figures = Figures::default();
    for (row, (key, record)) in records.iter().enumerate() {
        let digits: Option<Vec<usize>> = key
            .chars()
            .map(|digit| digit.to_digit(BLOCKS.len() as u32).map(|digit| digit as usize))
            .collect();
        let digits = digits.filter(|digits| digits.len() == LAYERS).ok_or_else(|| {
            wrong(
                path,
                format!(
                    "'{key}' is no network; expected {LAYERS} digits from 0 to {}",
                    BLOCKS.len() - 1
                ),
            )
        })?;
        architectures.push(Architecture::new(digits));
        let place = |figure, epochs, seed| Place {
            dataset: Some(0),
            figure,
            epochs,
            seed,
        };
        for (seed, percent) in (0..).zip(&record.test_acc) {
            for figure in [Figure::Valid, Figure::Test] {
                figures.set(row, place(figure, Some(EPOCHS), Some(seed)), percent / 100.0);
            }
        }
        figures.set(
            row,
            place(Figure::Test, Some(EPOCHS), None),
            record.mean_acc / 100.0,
        );
        figures.set(row, place(Figure::Params, None, None), record.params);
        figures.set(row, place(Figure::Macs, None, None), record.flops);
    }
    let layers = (1..=LAYERS).map(|layer| Decision::new(format!("layer{layer}"), "block", BLOCKS));
    let count = architectures.len();
    Draft {
        name: "NAS-Bench-Macro".to_owned(),
        origin: "JSON of NAS-Bench-Macro (Su et al. 2021, arXiv 2103.11922), which has no validation images"
            .to_owned(),
        space: SpaceConfig::Product(ProductConfig {
            name: "nb-macro".to_owned(),
            decisions: layers.collect(),
        }),
        keys: RowKeys::Architectures(architectures),
        datasets: vec![DatasetHeader {
            name: "cifar10".to_owned(),
            network: None,
            search_epochs: EPOCHS,
            report_epochs: EPOCHS,
            valid_is_test: true,
            test_is_valid: false,
            metric: Metric::default(),
        }],
        extras: Vec::new(),
        columns: figures.into_columns(count)?,
    }
    .table()
}
