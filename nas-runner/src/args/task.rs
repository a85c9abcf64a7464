//! What is searched, with how much, on what: the options that a search and a comparison share.

use std::path::PathBuf;

use clap::Args;
use clap::builder::PossibleValuesParser;
use nas_eval::data::{Augmentation, AugmentationLevel, DataFacts};
use nas_eval::evaluator::JudgedBy;
use nas_eval::train::{ClassWeights, TrainConfig};
use nas_space::network::NetworkConfig;
use nas_tables::BUILT_IN;

use super::{BoundArgs, HalvingArgs, ReadArgs, WorkerArgs};

use crate::parsers::{at_least, between, count, named, positive};

/// The names of benchmarks.
pub fn benchmarks() -> Vec<&'static str> {
    BUILT_IN.iter().map(|table| table.name).collect()
}

/// What is searched, and how an architecture is judged.
#[derive(Debug, Clone, Default, Args)]
pub struct TaskArgs {
    /// The space, and the table.
    #[command(flatten)]
    pub subject: SubjectArgs,
    /// The images.
    #[command(flatten)]
    pub data: DataArgs,
    /// When it ends.
    #[command(flatten)]
    pub budget: BudgetArgs,
    /// Whether trainings are halved.
    #[command(flatten)]
    pub halving: HalvingArgs,
    /// How large the network is.
    #[command(flatten)]
    pub size: SizeArgs,
    /// How large it may be.
    #[command(flatten)]
    pub limits: LimitArgs,
    /// How networks are trained.
    #[command(flatten)]
    pub training: TrainingArgs,
    /// What on.
    #[command(flatten)]
    pub device: DeviceArgs,
    /// Who evaluates trials.
    #[command(flatten)]
    pub workers: WorkerArgs,
    /// What a trial may take.
    #[command(flatten)]
    pub bounds: BoundArgs,
    /// What is read and written.
    #[command(flatten)]
    pub files: FileArgs,
}

impl TaskArgs {
    /// Whether a benchmark table is asked for.
    pub fn is_tabular(&self) -> bool {
        let SubjectArgs {
            benchmark,
            table,
            table_data,
            ..
        } = &self.subject;
        benchmark.is_some() || table.is_some() || !table_data.is_empty()
    }
}

/// The space, and the table that accuracies are looked up in.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Task")]
pub struct SubjectArgs {
    /// Search space, or a TOML file that describes one; `nas list` has the names [default: darts for darts, else
    /// nb201]
    #[arg(long, value_name = "NAME|FILE")]
    pub space: Option<String>,
    /// Blocks of a cell, in the spaces pnas and nasnet [default: 5]
    #[arg(long, value_name = "N", value_parser = at_least(1))]
    pub blocks: Option<usize>,
    /// Layers of a network, in the spaces chain and enas-macro [default: 6, 12]
    #[arg(long, value_name = "N", value_parser = at_least(1))]
    pub layers: Option<usize>,
    /// Look accuracies up in a built-in benchmark table instead of training. A supernet still trains, on --data. Of a
    /// comparison [default: nb201, unless there is a --table or --data]
    #[arg(long, value_name = "NAME", value_parser = PossibleValuesParser::new(benchmarks()))]
    pub benchmark: Option<String>,
    /// Look accuracies up in this file: one made by `nas table`, or NAS-Bench-201's accuracies as CSV
    #[arg(long, value_name = "FILE")]
    pub table: Option<PathBuf>,
    /// Which of the table's data sets to search on; of a comparison, several as NAME,NAME are several tasks [default: its first]
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub table_data: Vec<String>,
}

/// Where the images come from.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Task")]
pub struct DataArgs {
    /// Data set: a name (see `nas list`), or images of your own: a folder with a folder for each class, a list of files
    /// (.csv, .tsv, .txt), arrays (.npz) or Parquet files [default: digits, which is built in]
    #[arg(long, value_name = "NAME|PATH")]
    pub data: Option<String>,
    /// Folder with the data set's official files [default: $NAS_DATA_DIR]
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Use only so many training images, drawn evenly from the classes
    #[arg(long, value_name = "N", value_parser = at_least(1))]
    pub limit: Option<usize>,
    /// Train on images of your own mirrored, too, left to right: not for letters or signs
    #[arg(long, help_heading = "Training")]
    pub flip: bool,
    /// How images of one's own are read.
    #[command(flatten)]
    pub read: ReadArgs,
}

/// When it ends, and how long networks are trained.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Budget")]
pub struct BudgetArgs {
    /// Most trials; of a method that trains a supernet, each is a search of its own [default: 1 for those, else 20, or 100 in a table,
    /// unless another budget is given]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub trials: Option<u64>,
    /// Most seconds, summed over the trials and the supernets trained for them; simulated where a table has them
    #[arg(long, value_name = "S", value_parser = positive)]
    pub budget_seconds: Option<f64>,
    /// Most training epochs, summed over the trials; of one that goes on, those it adds
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub budget_epochs: Option<u64>,
    /// Training epochs of a trial; with --halving, the most one gets; in a table, one of the numbers it has
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub epochs: Option<u32>,
    /// Training epochs of the best architecture after the search, before it is tested
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub final_epochs: Option<u32>,
}

impl BudgetArgs {
    /// Whether another limit than that of trials is given.
    pub fn limits_otherwise(&self) -> bool {
        self.budget_seconds.is_some() || self.budget_epochs.is_some()
    }
}

/// What is read, and where results are put.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Output")]
pub struct FileArgs {
    /// Directory of the run, or of the comparison, where one that is there goes on [default: runs/METHOD-SPACE-SEED or
    /// runs/compare-SPACE, numbered]
    #[arg(long, value_name = "DIR")]
    pub run: Option<PathBuf>,
    /// TOML file with the same settings, as a run directory holds it; options typed here win
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// How large the network is.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Network")]
pub struct SizeArgs {
    /// Channels of the first cells
    #[arg(long, value_name = "N", value_parser = at_least(1))]
    pub channels: Option<usize>,
    /// Cells in all (DARTS skeleton) or per stage (skeletons of NAS-Bench-101 and 201)
    #[arg(long, value_name = "N", value_parser = at_least(1))]
    pub cells: Option<usize>,
    /// How often the stem halves height and width [default: 0 up to 64×64 pixels, 2 up to 128×128, 3 above]
    #[arg(long, value_name = "N", value_parser = between(0, 5))]
    pub stem_halvings: Option<usize>,
}

impl SizeArgs {
    /// The name of an option of these that was typed, if any was.
    pub fn first_typed(&self) -> Option<&'static str> {
        let all = [
            (self.channels, "--channels"),
            (self.cells, "--cells"),
            (self.stem_halvings, "--stem-halvings"),
        ];
        all.into_iter().find_map(|(typed, name)| typed.map(|_| name))
    }

    /// Puts what was typed over a size.
    pub fn overlay(&self, network: &mut NetworkConfig) {
        network.channels = self.channels.unwrap_or(network.channels);
        network.cells = self.cells.unwrap_or(network.cells);
        network.stem_halvings = self.stem_halvings.unwrap_or(network.stem_halvings);
    }
}

/// How large a network may be.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Network")]
pub struct LimitArgs {
    /// Most parameters of a network; what has more is never trained
    #[arg(long, value_name = "N", value_parser = count())]
    pub max_params: Option<u64>,
    /// Most multiply-accumulates of a network for one image; what has more is never trained
    #[arg(long, value_name = "N", value_parser = count())]
    pub max_macs: Option<u64>,
    /// Most that another figure may be, such as a table's latency; may be given several times
    #[arg(long, value_name = "NAME=VALUE", value_parser = named)]
    pub max: Vec<(String, f64)>,
    /// Least that another figure may be
    #[arg(long, value_name = "NAME=VALUE", value_parser = named)]
    pub min: Vec<(String, f64)>,
}

/// How networks are trained.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Training")]
pub struct TrainingArgs {
    /// Images per step, at least 2: a batch norm cannot train on 1
    #[arg(long, value_name = "N", value_parser = at_least(2))]
    pub batch_size: Option<usize>,
    /// Peak learning rate
    #[arg(long, value_name = "RATE", value_parser = positive)]
    pub learning_rate: Option<f64>,
    /// What networks are compared by: accuracy; balanced, the mean accuracy of the classes; macro-f1, the mean F1 of the classes;
    /// or auto: balanced where the largest class has more than 3 times the images of the smallest, else accuracy [default: auto]
    #[arg(long, value_name = "accuracy|balanced|macro-f1|auto", value_parser = metric)]
    pub metric: Option<MetricChoice>,
    /// Weights of the classes in the training loss: none; or balanced, by which rare classes count as much as frequent ones.
    /// Supernets are trained without [default: balanced where the metric is balanced, else none]
    #[arg(long, value_name = "none|balanced", value_parser = class_weights)]
    pub class_weights: Option<ClassWeights>,
    /// How training images are varied: none, but for --flip; light, with half of the crop; standard, the crop and the mirroring that suit the
    /// data; trivial, with TrivialAugment before these. Supernets have a setting of their own [default: standard]
    #[arg(long, value_name = "none|light|standard|trivial", value_parser = augment)]
    pub augment: Option<AugmentationLevel>,
}

impl TrainingArgs {
    /// Puts what was typed over the settings of a training on these data, whose networks are
    /// compared by `judged_by`.
    pub fn overlay(&self, train: &mut TrainConfig, facts: &DataFacts, judged_by: JudgedBy) {
        train.batch_size = self.batch_size.unwrap_or(train.batch_size);
        train.learning_rate = self.learning_rate.unwrap_or(train.learning_rate);
        if let Some(weights) = self.class_weights {
            train.class_weights = weights;
        } else if self.metric.is_some() {
            train.class_weights = judged_by.class_weights();
        }
        if let Some(level) = self.augment {
            train.augmentation = Augmentation::of_level(level, facts);
        }
    }
}

/// What `--metric` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricChoice {
    /// What suits the data.
    Auto,
    /// This one.
    By(JudgedBy),
}

fn class_weights(text: &str) -> Result<ClassWeights, String> {
    match text {
        "none" => Ok(ClassWeights::None),
        "balanced" => Ok(ClassWeights::Balanced),
        _ => Err("expected none or balanced".to_owned()),
    }
}

fn augment(text: &str) -> Result<AugmentationLevel, String> {
    match text {
        "none" => Ok(AugmentationLevel::None),
        "light" => Ok(AugmentationLevel::Light),
        "standard" => Ok(AugmentationLevel::Standard),
        "trivial" => Ok(AugmentationLevel::Trivial),
        _ => Err("expected none, light, standard or trivial".to_owned()),
    }
}

fn metric(text: &str) -> Result<MetricChoice, String> {
    match text {
        "auto" => Ok(MetricChoice::Auto),
        "accuracy" => Ok(MetricChoice::By(JudgedBy::Accuracy)),
        "balanced" => Ok(MetricChoice::By(JudgedBy::Balanced)),
        "macro-f1" => Ok(MetricChoice::By(JudgedBy::MacroF1)),
        _ => Err("expected accuracy, balanced, macro-f1 or auto".to_owned()),
    }
}

/// What networks are trained on.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Hardware")]
pub struct DeviceArgs {
    /// cpu, cuda, cuda:1 or metal; of a search with workers also several, as in cuda:0,cuda:1 [default: cpu]
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<String>,
    /// On CUDA, let matrix products of f32 run in TF32: much faster from Ampere on, with 10 bits of mantissa in place of 23.
    /// Other results than in f32, which is the default; --tf32=false takes back what a file says
    #[arg(
        long,
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true"
    )]
    pub tf32: Option<bool>,
}
