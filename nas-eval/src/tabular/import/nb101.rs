//! NAS-Bench-101 as its programming interface gives it.
//!
//! The benchmark's own file is a TensorFlow record. With its interface `nasbench` it becomes JSON lines, one for each
//! module: what `get_metrics_from_hash` gives, which is a pair of what does not depend on the training and of what does.
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
//! The table brings its space along: whether each of the 21 edges of seven vertices is there, and the operations of the five
//! inner ones. A search sees the validation accuracy of one of the three trainings of the most epochs (108), which costs that
//! training's seconds; the report is the mean test accuracy of all three. What prunes to the same graph, up to the order of
//! vertices, shares a row; what has more than nine edges, or no path from input to output, has none.
//!
//! # References
//! C. Ying, A. Klein, E. Real, E. Christiansen, K. Murphy, F. Hutter: NAS-Bench-101: Towards Reproducible Neural Architecture
//! Search, ICML 2019, arXiv 1902.09635.

use std::collections::BTreeMap;
use std::path::Path;

use nas_space::arch::Architecture;
use nas_space::search::Metric;
use nas_space::spaces::SpaceConfig;
use serde::Deserialize;

use super::figures::{Figures, Place};
use super::{lines, wrong};
use crate::tabular::header::{DatasetHeader, Figure};
use crate::tabular::nb101::{OPERATIONS, VERTICES, choices, space};
use crate::tabular::writer::{Draft, RowKeys};
use crate::tabular::{Table, TableError};

/// What does not depend on the training.
#[derive(Debug, Deserialize)]
struct Fixed {
    module_adjacency: Vec<Vec<u8>>,
    module_operations: Vec<String>,
    #[serde(default)]
    trainable_parameters: Option<u64>,
}

/// One training; what else the interface gives is not looked at.
#[derive(Debug, Deserialize)]
struct Training {
    final_validation_accuracy: f64,
    final_test_accuracy: f64,
    final_training_time: f64,
}

/// Reads the lines and makes a table of them.
///
/// # Errors
/// [`TableError::Import`] names the line of what does not fit; [`TableError::Draft`] where the figures make no table.
pub fn import(path: &Path) -> Result<Table, TableError> {
    let mut architectures = Vec::new();
    let mut figures = Figures::default();
    type Record = (Fixed, BTreeMap<u32, Vec<Training>>);
    lines::each(
        path,
        "a pair of objects of NAS-Bench-101",
        |line, (fixed, computed): Record| {
            let row = architectures.len();
            let architecture =
                module(&fixed).map_err(|reason| wrong(path, format!("line {line}: {reason}")))?;
            architectures.push(architecture);
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
        space: SpaceConfig::Product(space()),
        keys: RowKeys::Nb101(architectures),
        datasets: vec![DatasetHeader {
            name: "cifar10".to_owned(),
            network: None,
            search_epochs: epochs,
            report_epochs: epochs,
            valid_is_test: false,
            test_is_valid: false,
            metric: Metric::default(),
        }],
        extras,
        columns,
    }
    .table()
}

/// The choices of a module.
fn module(fixed: &Fixed) -> Result<Architecture, String> {
    let matrix = &fixed.module_adjacency;
    let size = matrix.len();
    let square = matrix.iter().all(|row| row.len() == size);
    if !(2..=VERTICES).contains(&size) || !square || fixed.module_operations.len() != size {
        return Err(format!(
            "the matrix has {size} rows and there are {} operations; expected a square matrix of 2 to {VERTICES} vertices with an \
             operation each",
            fixed.module_operations.len()
        ));
    }
    let upper = (0..size).all(|from| (0..=from).all(|to| matrix[from][to] == 0));
    if !upper || matrix.iter().flatten().any(|&edge| edge > 1) {
        return Err("the matrix has something but zeros below its diagonal, or numbers above 1".to_owned());
    }
    let inner = &fixed.module_operations[1..size - 1];
    let operations = inner.iter().map(|name| {
        let known = OPERATIONS.iter().position(|known| known == name);
        known.ok_or_else(|| {
            format!(
                "there is no operation '{name}'; expected {}",
                OPERATIONS.join(", ")
            )
        })
    });
    let operations: Vec<usize> = operations.collect::<Result<_, _>>()?;
    Ok(Architecture::new(choices(
        |from, to| matrix[from][to] == 1,
        &operations,
    )))
}
