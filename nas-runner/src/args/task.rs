//! What is searched, with how much, on what: the options that a search and a comparison share.

use std::path::PathBuf;

use clap::Args;
use clap::builder::PossibleValuesParser;
use nas_eval::data::{Augmentation, AugmentationLevel, DataFacts};
use nas_eval::evaluator::JudgedBy;
use nas_eval::train::{ClassWeights, TrainConfig};
use nas_space::genotype::Genotype;
use nas_space::network::NetworkConfig;
use nas_tables::BUILT_IN;

use super::workers::bytes;
use super::{BoundArgs, HalvingArgs, ReadArgs, ScreeningArgs, SoftLimitArgs, WorkerArgs};

use crate::parsers::{at_least, between, count, milliseconds, named, positive};
use crate::usage::Usage;

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
    /// How networks are trained.
    #[command(flatten)]
    pub training: TrainingArgs,
    /// When it ends.
    #[command(flatten)]
    pub budget: BudgetArgs,
    /// Whether trainings are halved.
    #[command(flatten)]
    pub halving: HalvingArgs,
    /// Whether candidates are scored before one is trained.
    #[command(flatten)]
    pub screening: ScreeningArgs,
    /// How large the network is.
    #[command(flatten)]
    pub size: SizeArgs,
    /// How large it may be.
    #[command(flatten)]
    pub limits: LimitArgs,
    /// How large it had better be.
    #[command(flatten)]
    pub soft_limits: SoftLimitArgs,
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
    /// Search space: a name from `nas list spaces`, or a TOML file
    ///
    /// `nas new space FILE` writes a TOML file to start from. The default is darts for the method darts,
    /// else nb201.
    #[arg(long, value_name = "NAME|FILE")]
    pub space: Option<String>,
    /// Blocks in a cell of the spaces pnas and nasnet [default: 5]
    #[arg(long, hide_short_help = true, value_name = "N", value_parser = at_least(1))]
    pub blocks: Option<usize>,
    /// Layers of a network in the spaces chain and enas-macro [default: 6 and 12]
    #[arg(long, hide_short_help = true, value_name = "N", value_parser = at_least(1))]
    pub layers: Option<usize>,
    /// Look accuracies up in a built-in benchmark: nb201 or digits
    ///
    /// Nothing is trained, except supernets, on --data. The default of a comparison without --table and --data is nb201.
    #[arg(long, value_name = "NAME", hide_possible_values = true, value_parser = PossibleValuesParser::new(benchmarks()))]
    pub benchmark: Option<String>,
    /// Look accuracies up in this file
    ///
    /// It is a table that `nas table` has written, or NAS-Bench-201's accuracies as CSV.
    #[arg(long, value_name = "FILE")]
    pub table: Option<PathBuf>,
    /// Data set of the table to search on [default: its first]
    ///
    /// In a comparison, several of them, as NAME,NAME, are several tasks.
    #[arg(long, hide_short_help = true, value_name = "NAME", value_delimiter = ',')]
    pub table_data: Vec<String>,
}

/// Where the images come from.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Data")]
pub struct DataArgs {
    /// Data set from `nas list data`, or path to your images [default: digits]
    ///
    /// Your own images are a folder that has a folder of images for each class, a list of files (.csv, .tsv, .txt), arrays
    /// (.npz) or Parquet files. `nas data check PATH` says what is found there.
    #[arg(long, value_name = "NAME|PATH")]
    pub data: Option<String>,
    /// Folder with the files of data sets [default: $NAS_DATA_DIR]
    ///
    /// `nas data list` says which files a data set needs and where to download them.
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Use only N training images, drawn evenly from the classes
    #[arg(long, value_name = "N", value_parser = at_least(1))]
    pub limit: Option<usize>,
    /// How the user's images are read.
    #[command(flatten)]
    pub read: ReadArgs,
    /// Also train on your own images mirrored left to right; not for letters or signs
    #[arg(long, hide_short_help = true, help_heading = "Training")]
    pub flip: bool,
}

/// When it ends, and how long networks are trained.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Budget")]
pub struct BudgetArgs {
    /// Most trials [default: 20; 100 in a table; 1 if a supernet is trained]
    ///
    /// If the method trains a supernet, each trial is a whole search. If you give another budget, there is no default.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub trials: Option<u64>,
    /// Most seconds of training, summed over trials and supernets
    ///
    /// In a table that has times, these are the times of the table.
    #[arg(long, hide_short_help = true, value_name = "S", value_parser = positive)]
    pub budget_seconds: Option<f64>,
    /// Most training epochs, summed over trials
    ///
    /// A trial that continues another one counts with the epochs that it adds.
    #[arg(long, hide_short_help = true, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub budget_epochs: Option<u64>,
    /// Training epochs of a trial
    ///
    /// With --halving, the most that a trial gets. In a table, one of the numbers of epochs that it has.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub epochs: Option<u32>,
    /// Training epochs of the best architecture after the search
    ///
    /// It is tested then.
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
    /// Directory for the results [default: a new one in runs/]
    ///
    /// The default is runs/METHOD-SPACE-SEED or runs/compare-SPACE, with a number if that exists. A comparison continues if
    /// its directory exists; a search is continued by `nas resume`.
    #[arg(long, value_name = "DIR")]
    pub run: Option<PathBuf>,
    /// TOML file with settings, such as the config.toml of a run
    ///
    /// Options that you type take precedence.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// How large the network is.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Network")]
pub struct SizeArgs {
    /// Channels in the first cells
    #[arg(long, value_name = "N", value_parser = at_least(1))]
    pub channels: Option<usize>,
    /// Number of cells
    ///
    /// In the DARTS skeleton, all cells; in the skeletons of NAS-Bench-101 and 201, the cells of each stage.
    #[arg(long, value_name = "N", value_parser = at_least(1))]
    pub cells: Option<usize>,
    /// Times that the stem halves height and width
    ///
    /// The default is 0 for images of up to 64×64 pixels, 2 up to 128×128, and 3 above.
    #[arg(long, hide_short_help = true, value_name = "N", value_parser = between(0, 5))]
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

    /// Refuses a size for an architecture that has its own.
    ///
    /// # Errors
    /// [`Usage`] with the option.
    pub fn check(&self, genotype: &Genotype) -> Result<(), Usage> {
        match (self.first_typed(), genotype) {
            (Some(name), Genotype::Blocks(_)) => Err(Usage::new(format!(
                "{name} has no meaning for a network of blocks, each of which says its own channels and stride"
            ))),
            _ => Ok(()),
        }
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
    /// Most parameters of a network; larger ones are not trained
    #[arg(long, value_name = "N", value_parser = count())]
    pub max_params: Option<u64>,
    /// Most multiply-accumulates of a network per image
    ///
    /// Networks with more of them are not trained.
    #[arg(long, value_name = "N", value_parser = count())]
    pub max_macs: Option<u64>,
    /// Highest latency on this machine, such as 20ms
    ///
    /// It is for one image on one thread: the sum over the operations of a network, each of which is measured once and kept in
    /// the run directory. NSGA-II has the objective latency for it.
    #[arg(long, value_name = "TIME", value_parser = milliseconds)]
    pub max_latency: Option<f64>,
    /// Most memory for the feature maps of one image, such as 256KiB
    ///
    /// Of networks of 8-bit integers, in the order of computation that needs least. In a configuration file, this is the limit
    /// 'memory' in [limits.max], in bytes.
    #[arg(long, hide_short_help = true, value_name = "SIZE", value_parser = bytes)]
    pub max_memory: Option<u64>,
    /// Most flash for the weights, such as 1MiB
    ///
    /// Of networks of 8-bit integers with folded batch norms. In a configuration file, this is the limit 'flash' in [limits.max],
    /// in bytes.
    #[arg(long, hide_short_help = true, value_name = "SIZE", value_parser = bytes)]
    pub max_flash: Option<u64>,
    /// Highest value of another figure, such as a table's latency; can be repeated
    #[arg(long, hide_short_help = true, value_name = "NAME=VALUE", value_parser = named)]
    pub max: Vec<(String, f64)>,
    /// Lowest value of another figure; can be repeated
    #[arg(long, hide_short_help = true, value_name = "NAME=VALUE", value_parser = named)]
    pub min: Vec<(String, f64)>,
    /// CSV with costs of architectures, for limits and objectives; can be repeated
    ///
    /// A column arch names the architecture, or in the space nb201 a column index by its official number. Each other column is
    /// a figure of its name, such as the latency on a device.
    #[arg(long, hide_short_help = true, value_name = "FILE")]
    pub cost: Vec<PathBuf>,
    /// Measure latencies, take those that FILE has, and add new ones to it
    ///
    /// Several searches on one machine then measure each operation once. The latency of each trial is on record.
    #[arg(long, hide_short_help = true, value_name = "FILE")]
    pub latency_table: Option<PathBuf>,
}

/// How networks are trained.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Training")]
pub struct TrainingArgs {
    /// Images per training step, at least 2
    ///
    /// Batch normalization cannot be trained on one image.
    #[arg(long, hide_short_help = true, value_name = "N", value_parser = at_least(2))]
    pub batch_size: Option<usize>,
    /// Peak learning rate
    #[arg(long, hide_short_help = true, value_name = "RATE", value_parser = positive)]
    pub learning_rate: Option<f64>,
    /// What to compare networks by: accuracy, balanced, macro-f1 or auto [default: auto]
    ///
    /// balanced is the mean accuracy of the classes, macro-f1 the mean F1 of the classes. auto is balanced if the largest
    /// class has more than 3 times as many images as the smallest, else accuracy.
    #[arg(long, hide_short_help = true, value_name = "NAME", value_parser = metric)]
    pub metric: Option<MetricChoice>,
    /// Weights of the classes in the training loss: none or balanced
    ///
    /// With balanced, rare classes count as much as frequent ones. Supernets are trained without weights. The default is
    /// balanced if the metric is balanced, else none.
    #[arg(long, hide_short_help = true, value_name = "NAME", value_parser = class_weights)]
    pub class_weights: Option<ClassWeights>,
    /// Augmentation of training images: none, light, standard or trivial [default: standard]
    ///
    /// none changes images only if there is --flip; standard crops and mirrors them as suits the data; light crops half as
    /// much; trivial applies TrivialAugment first, then the standard changes. Supernets have a setting of their own.
    #[arg(long, hide_short_help = true, value_name = "NAME", value_parser = augment)]
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
    /// Where to train: cpu, cuda, cuda:1 or metal [default: cpu]
    ///
    /// A search with workers can use several devices, such as cuda:0,cuda:1.
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<String>,
    /// Compute matrix products in TF32 on CUDA
    ///
    /// This is much faster from Ampere on, with a mantissa of 10 bits instead of 23, and gives other results than f32, the
    /// default. --tf32=false overrides a file that sets it.
    #[arg(
        long,
        hide_short_help = true,
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true"
    )]
    pub tf32: Option<bool>,
}
