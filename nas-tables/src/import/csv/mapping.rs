//! What the columns of a comma-separated text mean.

use nas_space::network::NetworkConfig;
use nas_space::search::{Direction, Metric};
use nas_space::spaces::SpaceConfig;
use serde::Deserialize;

use super::Filter;
use crate::header::Figure;

/// The description of mappings, in Markdown.
pub const MAPPING_HELP: &str = include_str!("mapping.md");

/// What the columns of a comma-separated text mean.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mapping {
    /// The benchmark's name.
    pub name: String,
    /// Where the figures come from, for people.
    #[serde(default)]
    pub origin: String,
    /// The delimiter between fields: one ASCII character.
    #[serde(default = "comma")]
    pub delimiter: char,
    /// Which lines are read.
    #[serde(default, rename = "where")]
    pub filter: Filter,
    /// Texts that mean no figure, besides empty fields and `nan`.
    #[serde(default)]
    pub missing: Vec<String>,
    /// Whose architectures the lines are of.
    pub space: SpaceConfig,
    /// Where a line says which architecture it is of.
    pub architecture: ArchitectureColumns,
    /// The data sets and their columns.
    pub datasets: Vec<DatasetColumns>,
    /// Columns that do not depend on the data set: sizes and extra figures.
    #[serde(default)]
    pub columns: Vec<FigureColumn>,
}

const fn comma() -> char {
    ','
}

/// Where a line says which architecture it is of: one column, or one for each decision.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArchitectureColumns {
    /// The one column.
    #[serde(default)]
    pub column: Option<String>,
    /// Its content; [`Form::Numbers`] by default.
    #[serde(default)]
    pub form: Option<Form>,
    /// A column for each decision, in the order of the decisions.
    #[serde(default)]
    pub columns: Option<Vec<String>>,
    /// Their content, one value for all or one for each; detected by default.
    #[serde(default)]
    pub reads: Option<Reads>,
    /// The separator between the parts of the one column; detected by default.
    #[serde(default)]
    pub separator: Option<String>,
    /// Where zeros are added if there are too few numbers or digits; by default, a text that is too
    /// short is an error.
    #[serde(default)]
    pub pad: Option<Pad>,
    /// The options that the numbers mean, from 0; the options of each decision by default.
    #[serde(default)]
    pub options: Option<Vec<String>>,
    /// The decision of each number or option; the order of the decisions by default.
    #[serde(default)]
    pub decisions: Option<Vec<String>>,
}

/// How an architecture is written in one column.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// The numbers of the options, from 0, with a separator between them, in brackets or not:
    /// `(3, 0, 1)`.
    #[default]
    Numbers,
    /// The numbers of the options, a digit each: `301`.
    Digits,
    /// The options, with a separator between them, in brackets or not: `16;2`.
    Options,
    /// A text that this toolkit reads as a genotype, such as a NAS-Bench-201 string.
    Genotype,
    /// NAS-Bench-201's number of the architecture:
    /// [`nb201_by_index`](nas_space::spaces::nb201_by_index).
    #[serde(rename = "nb201_index")]
    Nb201Index,
}

/// Where zeros are put.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pad {
    /// Before what is there.
    Left,
    /// After it.
    Right,
}

/// What the columns of decisions hold.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Reads {
    /// All of them this.
    All(Read),
    /// Each its own.
    Each(Vec<Read>),
}

/// What a column of a decision holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Read {
    /// Options, as they are written in the space.
    Options,
    /// Numbers of options, from 0.
    Numbers,
}

/// A data set and its columns.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatasetColumns {
    /// Its name.
    pub name: String,
    /// Which lines are of it.
    #[serde(default, rename = "where")]
    pub filter: Filter,
    /// Epochs of the training whose validation figure a search sees.
    pub search_epochs: u32,
    /// Epochs of the training whose test figure is reported.
    pub report_epochs: u32,
    /// The size of the networks, where they are networks of this toolkit.
    #[serde(default)]
    pub network: Option<NetworkConfig>,
    /// Images of an epoch of the training whose validation figure a search sees, validation images left
    /// out.
    #[serde(default)]
    pub train_images: Option<u64>,
    /// What its validation and test figures are.
    #[serde(default)]
    pub metric: Metric,
    /// See [`DatasetHeader::valid_is_test`](crate::DatasetHeader::valid_is_test).
    #[serde(default)]
    pub valid_is_test: bool,
    /// See [`DatasetHeader::test_is_valid`](crate::DatasetHeader::test_is_valid).
    #[serde(default)]
    pub test_is_valid: bool,
    /// Its columns.
    pub columns: Vec<FigureColumn>,
}

/// A column of figures.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FigureColumn {
    /// Its name in the first line.
    pub column: String,
    /// What it holds.
    pub figure: Figure,
    /// Epochs trained.
    #[serde(default)]
    pub epochs: Option<u32>,
    /// Which repeat; none for a mean over repeats.
    #[serde(default)]
    pub seed: Option<u64>,
    /// What stands between the figures, where the column holds those of several repeats, which are
    /// numbered from 0.
    #[serde(default)]
    pub repeats: Option<String>,
    /// What a number counts.
    #[serde(default)]
    pub unit: Unit,
    /// The name of an extra figure; by default, that of the column.
    #[serde(default)]
    pub name: Option<String>,
    /// The unit of an extra figure, for people.
    #[serde(default)]
    pub symbol: Option<String>,
    /// Which values of an extra figure are better; lower ones by default.
    #[serde(default)]
    pub direction: Option<Direction>,
}

impl FigureColumn {
    /// A column that holds this figure.
    pub(in crate::import) fn new(column: impl Into<String>, figure: Figure) -> Self {
        Self {
            column: column.into(),
            figure,
            epochs: None,
            seed: None,
            repeats: None,
            unit: Unit::One,
            name: None,
            symbol: None,
            direction: None,
        }
    }
}

/// What a number counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Ones: accuracies from 0 to 1, seconds, parameters.
    #[default]
    One,
    /// Hundredths.
    Percent,
    /// Millions, which are rounded to ones.
    Millions,
}
