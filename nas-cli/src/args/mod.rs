//! The command line as typed.

mod compare;
mod export;
mod table;

pub(crate) use compare::{CompareArgs, Entrant, What};
pub(crate) use export::{ExportArgs, ExportFormat, Integers};
pub(crate) use table::{BuildArgs, ImportArgs, ImportFormat, InfoArgs, TableCommand};

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use nas_runner::args::{
    ConsentArgs, DataArgs, DeviceArgs, ReadArgs, SearchArgs, SizeArgs, TrainingArgs, WorkerArgs,
};
use nas_runner::parsers::{at_least, between, seed, share};
use nas_space::shape::Shape;

/// Neural architecture search that trains real networks on real data.
#[derive(Debug, Parser)]
#[command(name = "nas", version, propagate_version = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Debug, Clone, Args)]
pub(crate) struct Global {
    /// Print one JSON object on stdout at the end, and nothing else there
    #[arg(long, global = true, help_heading = "Output")]
    pub(crate) json: bool,
    /// Threads to compute with [default: one per core]. Never changes a result
    #[arg(long, global = true, help_heading = "Hardware", value_name = "N",
        value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) threads: Option<u16>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Search a space, then train the best architecture in full and test it
    Search(Box<SearchArgs>),
    /// Go on where a search stopped
    Resume(ResumeArgs),
    /// Train one network in full and report its test accuracy
    Train(Box<TrainArgs>),
    /// Measure a saved network on the test split
    Test(TestArgs),
    /// Say what images are taken for by a trained network
    Predict(PredictArgs),
    /// Take a trained network to other programs: ONNX, PyTorch, Rust
    Export(ExportArgs),
    /// Parameters, multiply-accumulates and a picture of an architecture
    Show(ShowArgs),
    /// Benchmark methods against each other: the same space, evaluator, budget and seeds for all
    Compare(Box<CompareArgs>),
    /// Images of your own and what is odd about them; data sets with names and where to get them
    #[command(subcommand)]
    Data(DataCommand),
    /// Benchmark tables: make one by training, take over a published one, describe one
    #[command(subcommand)]
    Table(TableCommand),
    /// How a search stands, also while it runs
    Status(StatusArgs),
    /// One page of HTML on a run: what it found and how, in pictures and numbers
    Report(ReportArgs),
    /// What there is: spaces, methods, data sets, named architectures
    List,
    /// What this machine can do, and what is missing
    Doctor(DataDirArgs),
    /// Evaluates trials that come in on stdin: what --workers starts
    #[command(hide = true)]
    Worker,
    /// Runs a program and ends what it has started: what --evaluator is started by
    #[command(hide = true)]
    Guard {
        /// The program and its arguments
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        program: Vec<String>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct ResumeArgs {
    /// The run directory
    #[arg(value_name = "DIR")]
    pub(crate) run: PathBuf,
    /// Where the data set's files are now, if they moved
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Where images of your own are now, if they moved; they have to be the same
    #[arg(long, value_name = "PATH")]
    pub(crate) data: Option<String>,
    /// The command that evaluates trials, typed once more where the run has one: it is compared with the one on record
    #[arg(long, value_name = "COMMAND")]
    pub(crate) evaluator: Option<String>,
    #[command(flatten)]
    pub(crate) consent: ConsentArgs,
    #[command(flatten)]
    pub(crate) workers: WorkerArgs,
    /// A larger number of trials than the run was started with
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) trials: Option<u64>,
    /// A larger number of epochs than the run was started with
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) budget_epochs: Option<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct TrainArgs {
    /// A name (DARTS_V2), a NAS-Bench-201 string, a genotype file, or a run directory: its best, with its data set and
    /// size where none are typed
    #[arg(value_name = "ARCH")]
    pub(crate) arch: String,
    #[command(flatten)]
    pub(crate) data: DataArgs,
    #[command(flatten)]
    pub(crate) size: SizeArgs,
    #[command(flatten)]
    pub(crate) training: TrainingArgs,
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
    /// Training epochs
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) epochs: Option<u32>,
    /// Seed of all randomness
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = seed())]
    pub(crate) seed: u64,
    /// Share of the training images kept for validation; 0 trains on all of them
    #[arg(long, value_name = "FRACTION", default_value_t = 0.1, value_parser = share)]
    pub(crate) valid_fraction: f64,
    /// Drop-path probability, which rises linearly with the epochs from 0 towards this
    #[arg(long, value_name = "P", default_value_t = 0.0, value_parser = share)]
    pub(crate) drop_path: f64,
    /// Side of the square that cutout removes
    #[arg(long, value_name = "PIXELS", value_parser = at_least(1))]
    pub(crate) cutout: Option<usize>,
    /// Train with the auxiliary classifier (DARTS skeleton)
    #[arg(long)]
    pub(crate) auxiliary: bool,
    /// Keep checkpoints here; an interrupted training goes on from the last one
    #[arg(long, value_name = "DIR")]
    pub(crate) checkpoints: Option<PathBuf>,
    /// Save the trained network
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

/// The images that a trained network is measured on.
#[derive(Debug, Args)]
pub(crate) struct MeasuredArgs {
    /// The images of your own that it is measured on [default: the run's]
    #[arg(long, value_name = "PATH")]
    pub(crate) data: Option<String>,
    #[command(flatten)]
    pub(crate) read: ReadArgs,
    /// Folder with the data set's official files [default: the run's, else $NAS_DATA_DIR]
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct TestArgs {
    /// A network saved by `nas train --out`, or a run directory: the one it trained in full
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) measured: MeasuredArgs,
    /// Write a page of HTML: classes, confidence, and pictures of the worst mistakes
    #[arg(long, value_name = "FILE")]
    pub(crate) page: Option<PathBuf>,
    /// cpu, cuda, cuda:1 or metal
    #[arg(long, value_name = "DEVICE", default_value = "cpu")]
    pub(crate) device: String,
}

#[derive(Debug, Args)]
pub(crate) struct PredictArgs {
    /// A run directory, or a network saved by `nas train --out` (.safetensors), then image files and folders of them; - is
    /// an image on standard input. Without a network, that of the newest run in runs/
    #[arg(value_name = "NETWORK|IMAGE", required = true)]
    pub(crate) paths: Vec<PathBuf>,
    /// How many classes are named for each image, the most probable ones
    #[arg(long, value_name = "K", default_value = "3", value_parser = at_least(1))]
    pub(crate) top: usize,
    /// Print a table: file, class_1, probability_1, …
    #[arg(long)]
    pub(crate) csv: bool,
    /// Images that are computed at a time
    #[arg(long, value_name = "N", default_value = "64", value_parser = between(1, 4096))]
    pub(crate) batch: usize,
    /// Measure how fast the network is here, with 1, 8 and 64 images at a time
    #[arg(long)]
    pub(crate) bench: bool,
    /// cpu, cuda, cuda:1 or metal
    #[arg(long, value_name = "DEVICE", default_value = "cpu")]
    pub(crate) device: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DataCommand {
    /// Read images of your own and say what was found: classes, splits, unreadable files, duplicates
    Check(CheckArgs),
    /// Data sets with names: whether their files are here, whether they are the official ones, and
    /// where to get them
    List(DataDirArgs),
    /// Images of your own that were read and are kept for the next time: how large they are, when
    /// they were last used; --remove frees the disk
    Cache(CacheArgs),
}

#[derive(Debug, Args)]
pub(crate) struct CacheArgs {
    /// Remove all of them, those unused for some days (30d), or those with a fingerprint. Images that
    /// are needed again are read again
    #[arg(long, value_name = "all|DAYSd|FINGERPRINT")]
    pub(crate) remove: Option<String>,
}

/// What images of one's own look like on disk.
const CHECK_HELP: &str = "\
What PATH can be:
  photos/           a folder of images for each class: photos/cat/1.jpg, photos/dog/7.png, …; or folders train, val and test with
                    these in them. classes.txt, one name a line, gives the classes another order than that of their names
  list.csv          path,label[,split][,group] for each image, with a header or --columns; paths from the folder of the list. A split
                    is train, val or test; images of one group, such as one person's, stay on one side of every split
  images.parquet    one file, or a folder of train-*.parquet, test-*.parquet, as Hugging Face has them (a build with --features parquet)
  arrays.npz        x_train, y_train and perhaps x_val, y_val, x_test, y_test; or x, y: N×H×W, N×H×W×C or N×C×H×W, labels from 0

PNG, JPEG, WebP, BMP, GIF (first picture), TIFF and PNM, told by their content; turned as EXIF says, transparency over white.";

#[derive(Debug, Args)]
#[command(after_help = CHECK_HELP)]
pub(crate) struct CheckArgs {
    /// A folder with a folder of images for each class, a list of files (.csv, .tsv, .txt),
    /// arrays (.npz) or Parquet files
    #[arg(value_name = "PATH")]
    pub(crate) path: String,
    /// Write a page of HTML, of at most 5 MB: what was found, with a contact sheet and the odd ones
    /// of each class
    #[arg(long, value_name = "FILE")]
    pub(crate) page: Option<PathBuf>,
    /// Train three networks a little, to tell how many trials a search has time for here
    #[arg(long)]
    pub(crate) time: bool,
    #[command(flatten)]
    pub(crate) read: ReadArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// A name (DARTS_V2), a NAS-Bench-201 string, a genotype file, or a run directory: its best, in its size where none
    /// is typed
    #[arg(value_name = "ARCH")]
    pub(crate) arch: String,
    #[command(flatten)]
    pub(crate) size: SizeArgs,
    /// Number of classes [default: 10]
    #[arg(long, value_name = "N", value_parser = at_least(1))]
    pub(crate) classes: Option<usize>,
    /// Shape of the images [default: 3x32x32]
    #[arg(long, value_name = "CxHxW")]
    pub(crate) image: Option<Shape>,
    /// Count the auxiliary classifier in (DARTS skeleton)
    #[arg(long)]
    pub(crate) auxiliary: bool,
    /// Measure how long it takes for one image on this machine, and the memory it takes
    #[arg(long)]
    pub(crate) measure: bool,
    /// What to print
    #[arg(long, value_enum, default_value_t = ShowFormat::Text)]
    pub(crate) format: ShowFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ShowFormat {
    /// For people
    Text,
    /// One JSON object
    Json,
    /// Graphviz
    Dot,
    /// A picture
    Svg,
}

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// The run directory
    #[arg(value_name = "RUN")]
    pub(crate) run: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// The run directory; the search may still be running
    #[arg(value_name = "RUN")]
    pub(crate) run: PathBuf,
    /// Where to write the page, - for stdout [default: report.html in the run directory]
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct DataDirArgs {
    /// Folder to look for data sets in [default: $NAS_DATA_DIR]
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
}
