//! NAS-Bench-Macro's JSON: 3⁸ = 6,561 networks of eight layers on CIFAR-10.
//!
//! The file is one object with a key of eight ternary digits for each network, 0 = identity, 1 =
//! inverted bottleneck with 3×3 and expansion 3, 2 = with 5×5 and expansion 6, and as its value
//! `test_acc` (percent, of three trainings), `mean_acc`, `std`, `params` and `flops`.
//!
//! **The benchmark has no validation images.** A search sees the test accuracy of one of the three
//! trainings, the report is the mean of all three: the table says so
//! ([`DatasetHeader::valid_is_test`]), and so does the evaluator's description.
//!
//! # References
//! X. Su, T. Huang, Y. Li, S. You, F. Wang, C. Qian, C. Zhang, C. Xu: Prioritized Architecture
//! Sampling with Monto-Carlo Tree Search, CVPR 2021, arXiv 2103.11922.

use std::collections::HashSet;
use std::fmt;
use std::path::Path;

use nas_files::read_unpacked;
use nas_space::arch::{Architecture, Decision};
use nas_space::search::{Metric, Scale};
use nas_space::spaces::{ProductConfig, SpaceConfig};
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::figures::{Figures, Place};
use super::{json_reason, of_file, short, wrong};
use crate::header::{DatasetHeader, Figure};
use crate::writer::{Draft, RowKeys, legal};
use crate::{Table, TableError};

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
/// [`TableError::Import`] names line, column and network of what does not fit.
pub fn import(path: &Path) -> Result<Table, TableError> {
    let content = read_unpacked(path, MAX_BYTES)?;
    let mut networks = Networks::default();
    // What the networks say is checked as they are read, so that an error has their line and
    // column.
    let mut json = serde_json::Deserializer::from_slice(&content);
    (&mut json)
        .deserialize_map(&mut networks)
        .and_then(|()| json.end())
        .map_err(|error| {
            let reason = json_reason(1, &error);
            wrong(
                path,
                format!("{reason}; expected NAS-Bench-Macro's object of networks"),
            )
        })?;
    let Networks {
        rows: architectures,
        figures,
        ..
    } = networks;
    let layers = (1..=LAYERS).map(|layer| Decision::new(format!("layer{layer}"), "block", BLOCKS));
    let (extras, columns) = of_file(path, figures.into_columns(architectures.len()))?;
    let draft = Draft {
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
            train_images: Some(50_000),
            valid_is_test: true,
            test_is_valid: false,
            metric: Metric::default(),
        }],
        extras,
        columns,
    };
    of_file(path, draft.table())
}

/// The networks that are read.
#[derive(Debug, Default)]
struct Networks {
    /// Those whose key is read, in the order of the file.
    rows: Vec<Architecture>,
    known: HashSet<Architecture>,
    figures: Figures,
}

impl<'de> Visitor<'de> for &mut Networks {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of networks")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            let architecture = network(&key).map_err(A::Error::custom)?;
            if !self.known.insert(architecture.clone()) {
                return Err(A::Error::custom(format!("the network '{key}' is there twice")));
            }
            let row = self.rows.len();
            self.rows.push(architecture);
            let record: Record = map.next_value()?;
            self.put(row, &record)
                .map_err(|reason| A::Error::custom(format!("the network '{key}': {reason}")))?;
        }
        Ok(())
    }
}

impl Networks {
    fn put(&mut self, row: usize, record: &Record) -> Result<(), String> {
        let place = |figure, epochs, seed| Place {
            dataset: Some(0),
            figure,
            epochs,
            seed,
            extra: None,
        };
        let mut of_trainings = Vec::new();
        for (seed, percent) in (0..).zip(&record.test_acc) {
            for figure in [Figure::Valid, Figure::Test] {
                of_trainings.push((place(figure, Some(EPOCHS), Some(seed)), percent / 100.0));
            }
        }
        let of_all = [
            (place(Figure::Test, Some(EPOCHS), None), record.mean_acc / 100.0),
            (place(Figure::Params, None, None), record.params),
            (place(Figure::Macs, None, None), record.flops),
        ];
        for (place, value) in of_trainings.into_iter().chain(of_all) {
            let legal = legal(place.figure, Some(Scale::Share));
            if !legal.contains(&value) {
                return Err(format!(
                    "a figure of kind {:?} is {value}; expected a number from {} to {}",
                    place.figure,
                    legal.start(),
                    legal.end()
                ));
            }
            // The network is new, and so is its figure.
            let _ = self.figures.put(row, place, value, 0);
        }
        Ok(())
    }
}

/// The network of a key.
fn network(key: &str) -> Result<Architecture, String> {
    let digits: Option<Vec<usize>> = key
        .chars()
        .map(|digit| digit.to_digit(BLOCKS.len() as u32).map(|digit| digit as usize))
        .collect();
    let digits = digits.filter(|digits| digits.len() == LAYERS);
    digits.map(Architecture::new).ok_or_else(|| {
        format!(
            "'{}' is no network; expected {LAYERS} digits from 0 to {}",
            short(key),
            BLOCKS.len() - 1
        )
    })
}
