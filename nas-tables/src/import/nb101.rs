//! NAS-Bench-101 as its programming interface gives it.
//!
//! The benchmark's own file is a TensorFlow record. With its interface `nasbench` it becomes JSON
//! lines, one for each module: the result of `get_metrics_from_hash`, a pair: values that do not
//! depend on the training, and values that do.
//!
//! ```python
//! import json
//! from nasbench import api
//! nasbench = api.NASBench("nasbench_full.tfrecord")
//! for module in nasbench.hash_iterator():
//!     fixed, computed = nasbench.get_metrics_from_hash(module)
//!     fixed["module_adjacency"] = fixed["module_adjacency"].tolist()
//!     print(json.dumps([fixed, computed]))
//! ```
//!
//! The table is of the space [`nb101`](nas_space::spaces::nb101): whether each of the 21 edges of
//! seven vertices is there, and the operations of the five inner ones. Graphs that are not a
//! [module](nas_space::nb101::Module) are refused. A search sees the validation accuracy of one of
//! the three trainings of the most epochs (108), which costs that training's seconds; the report is
//! the mean test accuracy of all three. Modules that prune to the same graph, up to the order of
//! vertices, share a row.
//!
//! # References
//! C. Ying, A. Klein, E. Real, E. Christiansen, K. Murphy, F. Hutter: NAS-Bench-101: Towards
//! Reproducible Neural Architecture Search, ICML 2019, arXiv 1902.09635.

use std::collections::BTreeMap;
use std::path::Path;

use nas_space::arch::Architecture;
use nas_space::nb101::Module;
use nas_space::network::NetworkConfig;
use nas_space::search::Metric;
use nas_space::spaces::SpaceConfig;
use serde::Deserialize;

use super::figures::{Figures, Place};
use super::{lines, wrong};
use crate::header::{DatasetHeader, Figure};
use crate::writer::{Draft, RowKeys};
use crate::{Table, TableError};

/// Channels of the benchmark's first modules.
const CHANNELS: usize = 128;
/// Modules of each of its three stacks.
const MODULES: usize = 3;

/// What does not depend on the training.
#[derive(Debug, Deserialize)]
struct Fixed {
    module_adjacency: Vec<Vec<u8>>,
    module_operations: Vec<String>,
    #[serde(default)]
    trainable_parameters: Option<u64>,
}

/// One training; other fields of the interface are ignored.
#[derive(Debug, Deserialize)]
struct Training {
    final_validation_accuracy: f64,
    final_test_accuracy: f64,
    final_training_time: f64,
}

/// Reads the lines and makes a table of them.
///
/// # Errors
/// [`TableError::Import`] names the line of what does not fit; [`TableError::Draft`] where the
/// figures make no table.
pub fn import(path: &Path) -> Result<Table, TableError> {
    let mut architectures = Vec::new();
    let mut figures = Figures::default();
    type Record = (Fixed, BTreeMap<u32, Vec<Training>>);
    lines::each(
        path,
        "a pair of objects of NAS-Bench-101",
        |line, (fixed, computed): Record| {
            let row = architectures.len();
            let module = Module::new(&fixed.module_adjacency, &fixed.module_operations)
                .map_err(|error| wrong(path, format!("line {line}: {error}")))?;
            architectures.push(Architecture::new(module.choices()));
            let place = |figure, epochs, seed| Place {
                dataset: Some(0),
                figure,
                epochs,
                seed,
                extra: None,
            };
            // Each line is of another row, so that no figure is there twice.
            let mut put = |place, value| {
                figures
                    .put(row, place, value, line as u64)
                    .map_err(|_| wrong(path, format!("line {line}: a figure is there twice")))
            };
            if let Some(params) = fixed.trainable_parameters {
                put(place(Figure::Params, None, None), params as f64)?;
            }
            for (epochs, trainings) in computed {
                for (seed, training) in (0..).zip(trainings) {
                    for (figure, value) in [
                        (Figure::Valid, training.final_validation_accuracy),
                        (Figure::Test, training.final_test_accuracy),
                        (Figure::Seconds, training.final_training_time),
                    ] {
                        put(place(figure, Some(epochs), Some(seed)), value)?;
                    }
                }
            }
            Ok(())
        },
    )?;
    let epochs = figures
        .epochs(0, Figure::Valid)
        .last()
        .copied()
        .unwrap_or_default();
    let (extras, columns) = figures.into_columns(architectures.len())?;
    Draft {
        name: "NAS-Bench-101".to_owned(),
        origin: "records of NAS-Bench-101's programming interface (Ying et al. 2019, arXiv 1902.09635)"
            .to_owned(),
        space: SpaceConfig::Nb101 {},
        keys: RowKeys::Nb101(architectures),
        datasets: vec![DatasetHeader {
            name: "cifar10".to_owned(),
            network: Some(NetworkConfig {
                channels: CHANNELS,
                cells: MODULES,
                ..NetworkConfig::default()
            }),
            search_epochs: epochs,
            report_epochs: epochs,
            // Section 3 of the paper: the other 10,000 are for validation.
            train_images: Some(40_000),
            valid_is_test: false,
            test_is_valid: false,
            metric: Metric::default(),
        }],
        extras,
        columns,
    }
    .table()
}
