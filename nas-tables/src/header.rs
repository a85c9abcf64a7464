//! The header of a table: everything except the numbers.

use std::collections::BTreeSet;

use nas_space::network::NetworkConfig;
use nas_space::search::{Direction, Metric, Scale};
use nas_space::spaces::SpaceConfig;
use serde::{Deserialize, Serialize};

/// Most columns of a table.
const MAX_COLUMNS: usize = 4096;
/// Most data sets of a table.
const MAX_DATASETS: usize = 64;
/// Most extra figures of a table.
const MAX_EXTRAS: usize = 1024;
/// Longest name or unit of an extra figure, in characters.
const MAX_TEXT: usize = 64;
/// Names of the figures that every table can have, which no extra figure takes.
const RESERVED: [&str; 5] = ["valid", "test", "seconds", "params", "macs"];

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
    /// What the columns of kind [`Figure::Extra`] hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extras: Vec<Extra>,
    /// The columns, in the order of their numbers in the file.
    pub columns: Vec<Column>,
}

/// A figure that the benchmark knows of its architectures beside those that every table can have,
/// such as a latency, an energy or a zero-cost proxy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Extra {
    /// Its name, such as `latency_pixel3`: 1 to 64 characters without control characters, `,` and
    /// `=`.
    pub name: String,
    /// What a number counts, such as `ms`, for people; 1 to 64 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// Whether a search that weighs it prefers higher or lower numbers.
    #[serde(default = "lower")]
    pub direction: Direction,
}

/// Most extra figures are costs.
const fn lower() -> Direction {
    Direction::Lower
}

/// How an architecture leads to its row. Architectures are numbered in lexicographic order, the
/// last decision's options changing fastest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Rows {
    /// Row i is architecture number i.
    Every,
    /// For each architecture there is the number of its row, which several may share: 4 bytes each,
    /// of which all set mean that it has none.
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
    /// Images of an epoch of the former training, validation images left out, where they are known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub train_images: Option<u64>,
    /// What its validation and test figures are.
    #[serde(default, skip_serializing_if = "Metric::is_accuracy")]
    pub metric: Metric,
    /// Whether the benchmark has no validation images, so that what a search sees are figures on
    /// its test images: those of the columns `valid`, which are then of single trainings, or where
    /// there are none, those of the columns `test`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub valid_is_test: bool,
    /// Whether the benchmark has no figures on test images, so that what is reported are the
    /// figures on validation images that the search saw: those of the columns `valid`. There are no
    /// columns `test`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub test_is_valid: bool,
}

impl DatasetHeader {
    /// Whether the same images, or the same figures, serve the search and the report, so that the
    /// report is no test of what was chosen.
    pub const fn is_one_figure(&self) -> bool {
        self.valid_is_test || self.test_is_valid
    }
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
    /// Number of the extra figure in the header; none for other figures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extra: Option<usize>,
    /// How the numbers are written.
    pub encoding: Encoding,
}

/// What a number is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Figure {
    /// The data set's metric on the validation images: an accuracy from 0 to 1, if nothing else is
    /// said.
    Valid,
    /// The data set's metric on the test images. Not for a strategy's eyes.
    Test,
    /// Seconds from the start of the training.
    Seconds,
    /// Trainable parameters.
    Params,
    /// Multiply-accumulates for one image.
    Macs,
    /// One of the header's extra figures.
    Extra,
}

/// How a number is written, little-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    /// 8 bytes, IEEE 754; NaN means missing.
    F64,
    /// 4 bytes, IEEE 754; NaN means missing.
    F32,
    /// 8 bytes, a whole number; all bits set: missing.
    U64,
    /// 4 bytes, a whole number; all bits set: missing.
    U32,
    /// 2 bytes: the number of correctly classified images out of this total; all bits set: missing.
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
    /// The least version of the format that knows what this header uses.
    pub(super) fn version(&self) -> u32 {
        let of_two = |(index, dataset): (usize, &DatasetHeader)| {
            let has_valid = self.columns_of(Figure::Valid, index).next().is_some();
            !dataset.metric.is_accuracy() || dataset.test_is_valid || (dataset.valid_is_test && !has_valid)
        };
        let uses_two = !self.extras.is_empty() || self.datasets.iter().enumerate().any(of_two);
        if uses_two { 2 } else { 1 }
    }

    /// The columns of a figure on a data set.
    fn columns_of(&self, figure: Figure, dataset: usize) -> impl Iterator<Item = &Column> {
        let of = move |column: &&Column| column.figure == figure && column.dataset == Some(dataset);
        self.columns.iter().filter(of)
    }

    /// Checks that serde cannot make.
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
            self.validate_figures(index, dataset)?;
        }
        self.validate_extras()?;
        if self.columns.len() > MAX_COLUMNS {
            let got = self.columns.len();
            return Err(format!("it has {got} columns; expected at most {MAX_COLUMNS}"));
        }
        for (index, column) in self.columns.iter().enumerate() {
            column
                .validate(&self.datasets, self.extras.len())
                .map_err(|reason| format!("column {index}: {reason}"))?;
            let same = |other: &&Column| {
                (other.figure, other.dataset, other.epochs, other.seed, other.extra)
                    == (
                        column.figure,
                        column.dataset,
                        column.epochs,
                        column.seed,
                        column.extra,
                    )
            };
            if self.columns[..index].iter().any(|other| same(&other)) {
                return Err(format!("column {index} is there twice"));
            }
        }
        Ok(())
    }

    /// Checks that a data set has what a search sees and what is reported.
    fn validate_figures(&self, index: usize, dataset: &DatasetHeader) -> Result<(), String> {
        let name = &dataset.name;
        let has = |figure| self.columns_of(figure, index).next().is_some();
        if dataset.valid_is_test && dataset.test_is_valid {
            return Err(format!(
                "data set '{name}' says both valid_is_test and test_is_valid; expected at most one of the two"
            ));
        }
        if dataset.test_is_valid && has(Figure::Test) {
            return Err(format!(
                "data set '{name}' says test_is_valid and has test figures; expected only one of the two"
            ));
        }
        let seen = if dataset.valid_is_test && !has(Figure::Valid) {
            Figure::Test
        } else {
            Figure::Valid
        };
        let reported = if dataset.test_is_valid {
            Figure::Valid
        } else {
            Figure::Test
        };
        let metric = match dataset.metric.name() {
            "accuracy" => "accuracies",
            name => name,
        };
        for (figure, epochs, what, whose) in [
            (seen, dataset.search_epochs, "validation", "that a search sees"),
            (reported, dataset.report_epochs, "test", "that are reported"),
        ] {
            let mut columns = self.columns_of(figure, index);
            if !columns.any(|column| column.epochs == Some(epochs)) {
                return Err(format!(
                    "data set '{name}' lacks the {what} {metric} {whose}, after {epochs} epochs"
                ));
            }
        }
        Ok(())
    }

    fn validate_extras(&self) -> Result<(), String> {
        if self.extras.len() > MAX_EXTRAS {
            let got = self.extras.len();
            return Err(format!(
                "it has {got} extra figures; expected at most {MAX_EXTRAS}"
            ));
        }
        let mut names = BTreeSet::new();
        for (index, extra) in self.extras.iter().enumerate() {
            let name = &extra.name;
            if !is_text(name) || name.contains([',', '=']) {
                return Err(format!(
                    "extra figure {index} is named {name:?}; expected 1 to {MAX_TEXT} characters without ',', '=' and control \
                     characters"
                ));
            }
            if RESERVED.contains(&name.as_str()) || !names.insert(name) {
                return Err(format!(
                    "extra figure {index} is named '{name}', as another figure is; expected a name of its own"
                ));
            }
            if let Some(unit) = extra.unit.as_ref().filter(|unit| !is_text(unit)) {
                return Err(format!(
                    "the unit of the extra figure '{name}' is {unit:?}; expected 1 to {MAX_TEXT} characters"
                ));
            }
            if !self.columns.iter().any(|column| column.extra == Some(index)) {
                return Err(format!("the extra figure '{name}' has no column"));
            }
        }
        Ok(())
    }
}

/// Whether this can be shown in a line of its own.
fn is_text(text: &str) -> bool {
    (1..=MAX_TEXT).contains(&text.chars().count())
        && text.trim() == text
        && !text.chars().any(char::is_control)
}

impl Column {
    fn validate(&self, datasets: &[DatasetHeader], extras: usize) -> Result<(), String> {
        if self.dataset.is_some_and(|dataset| dataset >= datasets.len()) {
            return Err(format!(
                "it is of data set {}; there are {}",
                self.dataset.unwrap_or_default(),
                datasets.len()
            ));
        }
        if (self.figure == Figure::Extra) != self.extra.is_some() || self.extra >= Some(extras) {
            return Err(format!(
                "a column of kind {:?} names the extra figure {:?}; there are {extras}",
                self.figure, self.extra
            ));
        }
        let of_training = matches!(self.figure, Figure::Valid | Figure::Test | Figure::Seconds);
        if of_training && (self.dataset.is_none() || self.epochs.is_none_or(|epochs| epochs == 0)) {
            return Err("expected a data set and a number of epochs from 1".to_owned());
        }
        if !of_training && (self.epochs.is_some() || self.seed.is_some()) {
            return Err("what does not depend on the training has neither epochs nor a seed".to_owned());
        }
        let is_size = matches!(self.figure, Figure::Params | Figure::Macs);
        let is_share = |dataset: usize| datasets[dataset].metric.scale() == Scale::Share;
        let fits = match self.encoding {
            Encoding::F64 | Encoding::F32 => !is_size,
            Encoding::U64 | Encoding::U32 => is_size,
            Encoding::Hits(images) => {
                matches!(self.figure, Figure::Valid | Figure::Test)
                    && self.dataset.is_some_and(is_share)
                    && images > 0
                    && images < u16::MAX
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
