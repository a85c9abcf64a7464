//! What stands at the beginning of a table: everything but the numbers.

use nas_space::network::NetworkConfig;
use nas_space::spaces::SpaceConfig;
use serde::{Deserialize, Serialize};

/// Most columns of a table.
const MAX_COLUMNS: usize = 4096;
/// Most data sets of a table.
const MAX_DATASETS: usize = 64;

/// The description of a table. In the file it is JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// The benchmark's name, such as `nb201`.
    pub name: String,
    /// Where the numbers come from, for people.
    pub origin: String,
    /// The space whose architectures the rows are of.
    pub space: SpaceConfig,
    /// How an architecture leads to its row.
    pub rows: Rows,
    /// Number of rows.
    pub row_count: u32,
    /// What the architectures were trained on; at least one.
    pub datasets: Vec<DatasetHeader>,
    /// The columns, in the order of their numbers in the file.
    pub columns: Vec<Column>,
}

/// How an architecture leads to its row. Architectures are numbered in lexicographic order, the last decision's options
/// changing fastest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Rows {
    /// Row i is architecture number i.
    Every,
    /// For each architecture there is the number of its row, which several may share: 4 bytes each, of which all set mean
    /// that it has none.
    Shared,
    /// For each row there are its choices, one byte each, in lexicographic order.
    Listed,
    /// As [`Listed`](Self::Listed), by the canonical form of a module of NAS-Bench-101.
    ListedNb101,
}

/// What the architectures were trained on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatasetHeader {
    /// Its name, such as `cifar10`.
    pub name: String,
    /// The size of the networks, where they are networks of this toolkit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<NetworkConfig>,
    /// Epochs of the training whose validation accuracy a search sees, where it asks for no other.
    pub search_epochs: u32,
    /// Epochs of the training whose test accuracy is reported.
    pub report_epochs: u32,
    /// Whether the benchmark has no validation images, so that the column `valid` holds accuracies of single trainings on
    /// its test images.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub valid_is_test: bool,
}

/// What a column holds, one number for each row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// What the numbers are.
    pub figure: Figure,
    /// Number of the data set in the header; none for what does not depend on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dataset: Option<usize>,
    /// Epochs trained; none for what does not depend on them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epochs: Option<u32>,
    /// Which repeat; none for a mean over repeats.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// How the numbers are written.
    pub encoding: Encoding,
}

/// What a number is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Figure {
    /// Accuracy on the validation images, 0 to 1.
    Valid,
    /// Accuracy on the test images, 0 to 1. Not for a strategy's eyes.
    Test,
    /// Seconds from the start of the training.
    Seconds,
    /// Trainable parameters.
    Params,
    /// Multiply-accumulates for one image.
    Macs,
}

/// How a number is written, little-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    /// 8 bytes, IEEE 754; what is not a number is missing.
    F64,
    /// 4 bytes, IEEE 754; what is not a number is missing.
    F32,
    /// 8 bytes, a whole number; all bits set: missing.
    U64,
    /// 4 bytes, a whole number; all bits set: missing.
    U32,
    /// 2 bytes, how many of so many images are classified correctly; all bits set: missing.
    Hits(u16),
}

impl Encoding {
    /// Bytes of a number.
    pub const fn width(self) -> usize {
        match self {
            Self::F64 | Self::U64 => 8,
            Self::F32 | Self::U32 => 4,
            Self::Hits(_) => 2,
        }
    }
}

impl Header {
    /// Checks what serde does not.
    ///
    /// # Errors
    /// What is wrong, and what was expected.
    pub(super) fn validate(&self) -> Result<(), String> {
        if self.name.is_empty() {
            return Err("it has no name".to_owned());
        }
        // Nothing can be drawn from a table without rows.
        if self.row_count == 0 {
            return Err("it has no rows".to_owned());
        }
        if self.datasets.is_empty() || self.datasets.len() > MAX_DATASETS {
            let got = self.datasets.len();
            return Err(format!("it has {got} data sets; expected 1 to {MAX_DATASETS}"));
        }
        for (index, dataset) in self.datasets.iter().enumerate() {
            let name = &dataset.name;
            if name.is_empty() || self.datasets[..index].iter().any(|other| other.name == *name) {
                return Err(format!(
                    "data set {index} is named '{name}'; expected a name of its own"
                ));
            }
            if let Some(network) = &dataset.network {
                network
                    .validate()
                    .map_err(|error| format!("the networks of data set '{name}': {error}"))?;
            }
            for (figure, epochs) in [
                (Figure::Valid, dataset.search_epochs),
                (Figure::Test, dataset.report_epochs),
            ] {
                let there = |column: &Column| {
                    column.figure == figure && column.dataset == Some(index) && column.epochs == Some(epochs)
                };
                if !self.columns.iter().any(there) {
                    let what = match figure {
                        Figure::Valid => "validation accuracies that a search sees",
                        _ => "test accuracies that are reported",
                    };
                    return Err(format!(
                        "data set '{name}' lacks the {what}, after {epochs} epochs"
                    ));
                }
            }
        }
        if self.columns.len() > MAX_COLUMNS {
            let got = self.columns.len();
            return Err(format!("it has {got} columns; expected at most {MAX_COLUMNS}"));
        }
        for (index, column) in self.columns.iter().enumerate() {
            column
                .validate(self.datasets.len())
                .map_err(|reason| format!("column {index}: {reason}"))?;
            let same = |other: &&Column| {
                (other.figure, other.dataset, other.epochs, other.seed)
                    == (column.figure, column.dataset, column.epochs, column.seed)
            };
            if self.columns[..index].iter().any(|other| same(&other)) {
                return Err(format!("column {index} is there twice"));
            }
        }
        Ok(())
    }
}

impl Column {
    fn validate(&self, datasets: usize) -> Result<(), String> {
        if self.dataset.is_some_and(|dataset| dataset >= datasets) {
            return Err(format!(
                "it is of data set {}; there are {datasets}",
                self.dataset.unwrap_or_default()
            ));
        }
        let of_training = matches!(self.figure, Figure::Valid | Figure::Test | Figure::Seconds);
        if of_training && (self.dataset.is_none() || self.epochs.is_none_or(|epochs| epochs == 0)) {
            return Err("expected a data set and a number of epochs from 1".to_owned());
        }
        if !of_training && (self.epochs.is_some() || self.seed.is_some()) {
            return Err("the size of a network has neither epochs nor a seed".to_owned());
        }
        let fits = match self.encoding {
            Encoding::F64 | Encoding::F32 => of_training,
            Encoding::U64 | Encoding::U32 => !of_training,
            Encoding::Hits(images) => {
                matches!(self.figure, Figure::Valid | Figure::Test) && images > 0 && images < u16::MAX
            }
        };
        if !fits {
            return Err(format!(
                "figures of kind {:?} are not written as {:?}",
                self.figure, self.encoding
            ));
        }
        Ok(())
    }
}
