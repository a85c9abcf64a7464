//! Commands about one network, as typed.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use nas_runner::args::{DataArgs, DeviceArgs, ReadArgs, SizeArgs, TrainingArgs};
use nas_runner::parsers::{at_least, between, seed, share};
use nas_space::shape::Shape;

const TRAIN_EXAMPLES: &str = "\
Examples:
  nas train runs/evolution-nb201-0 --epochs 50 --out best.safetensors
      The best architecture of a search, trained for longer and saved
  nas train DARTS_V2 --data fashion-mnist --channels 16 --cells 8 --epochs 20
      A published architecture by its name
  nas train genotype.json --data photos/ --checkpoints checkpoints/
      Your own images; the same command continues it after an interruption
  nas train DARTS_V2 --valid-fraction 0 --json
      All training images, none kept for validation; the result as JSON";

#[derive(Debug, Args)]
#[command(after_long_help = TRAIN_EXAMPLES)]
pub(crate) struct TrainArgs {
    /// Architecture: a name, its text, a file, or a run directory
    ///
    /// `nas list architectures` shows the names. The text is that of NAS-Bench-201, a genotype, or another written form. Of a
    /// run directory, it is the best architecture, with the data set and the size of the run unless you type others.
    #[arg(value_name = "ARCH")]
    pub(crate) arch: String,
    #[command(flatten)]
    pub(crate) data: DataArgs,
    #[command(flatten)]
    pub(crate) training: TrainingArgs,
    #[command(flatten)]
    pub(crate) own: TrainOwnArgs,
    #[command(flatten)]
    pub(crate) size: SizeArgs,
    /// Train with the auxiliary classifier (DARTS skeleton)
    #[arg(long, hide_short_help = true, help_heading = "Network")]
    pub(crate) auxiliary: bool,
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
    /// Save the trained network
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(crate) out: Option<PathBuf>,
    /// Show which layers a training step spends its time on
    ///
    /// Before the training, five passes of one batch are timed, and a table of the layers is printed to standard error. The
    /// training itself is not affected. On the CPU only.
    #[arg(long, help_heading = "Output")]
    pub(crate) profile: bool,
    /// Folder for checkpoints, from which an interrupted training continues
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    pub(crate) checkpoints: Option<PathBuf>,
}

/// How one network is trained.
#[derive(Debug, Args)]
#[command(next_help_heading = "Training")]
pub(crate) struct TrainOwnArgs {
    /// Training epochs
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) epochs: Option<u32>,
    /// Seed of all randomness
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = seed())]
    pub(crate) seed: u64,
    /// Share of training images kept for validation; 0: none
    #[arg(long, value_name = "SHARE", default_value_t = 0.1, value_parser = share)]
    pub(crate) valid_fraction: f64,
    /// Final drop-path probability; it rises linearly from 0
    #[arg(long, hide_short_help = true, value_name = "P", default_value_t = 0.0, value_parser = share)]
    pub(crate) drop_path: f64,
    /// Side of the square that cutout removes
    #[arg(long, hide_short_help = true, value_name = "PIXELS", value_parser = at_least(1))]
    pub(crate) cutout: Option<usize>,
}

/// The images that a trained network is measured on.
#[derive(Debug, Args)]
pub(crate) struct MeasuredArgs {
    /// Your own images that it was trained on [default: those of the run]
    #[arg(long, value_name = "PATH")]
    pub(crate) data: Option<String>,
    /// Folder with the data set's files [default: that of the run, else $NAS_DATA_DIR]
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) read: ReadArgs,
}

const TEST_EXAMPLES: &str = "\
Examples:
  nas test runs/evolution-nb201-0
      The network that a search has trained in full
  nas test best.safetensors --data photos/ --page test.html
      A saved network, with a page that shows its worst mistakes
  nas test runs/evolution-nb201-0 --json
      All figures, also those of each class";

#[derive(Debug, Args)]
#[command(after_long_help = TEST_EXAMPLES)]
pub(crate) struct TestArgs {
    /// Run directory, or network saved by `nas train --out`
    #[arg(value_name = "NETWORK")]
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) measured: MeasuredArgs,
    /// Write a page of HTML: classes, confidence, pictures of the worst mistakes
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(crate) page: Option<PathBuf>,
    /// Where to compute: cpu, cuda, cuda:1 or metal
    #[arg(long, value_name = "DEVICE", default_value = "cpu", help_heading = "Hardware")]
    pub(crate) device: String,
}

const PREDICT_EXAMPLES: &str = "\
Examples:
  nas predict photo.jpg
      One image, with the network of the newest run in runs/
  nas predict runs/evolution-nb201-0 new-photos/ --csv
      All images of a folder, as a table
  nas predict best.safetensors new-photos/ --top 1 --json
      A saved network; the most probable class only, as JSON
  nas predict best.safetensors photo.jpg --bench
      Also measure how fast the network is on this machine";

#[derive(Debug, Args)]
#[command(after_long_help = PREDICT_EXAMPLES)]
pub(crate) struct PredictArgs {
    /// Network, then images: files, folders, or - for standard input
    ///
    /// The network is a run directory, or a file saved by `nas train --out` (.safetensors). Without one, the network of the
    /// newest run in runs/ is used.
    #[arg(value_name = "NETWORK|IMAGE", required = true)]
    pub(crate) paths: Vec<PathBuf>,
    /// Number of classes to name for each image, the most probable first
    #[arg(long, value_name = "N", default_value = "3", value_parser = at_least(1))]
    pub(crate) top: usize,
    /// Print a table: file,class_1,probability_1,…
    #[arg(long, help_heading = "Output")]
    pub(crate) csv: bool,
    /// Number of images computed at a time
    #[arg(long, value_name = "N", default_value = "64", value_parser = between(1, 4096), help_heading = "Hardware")]
    pub(crate) batch: usize,
    /// Also measure the speed of the network with 1, 8 and 64 images at a time
    #[arg(long)]
    pub(crate) bench: bool,
    /// Where to compute: cpu, cuda, cuda:1 or metal
    #[arg(long, value_name = "DEVICE", default_value = "cpu", help_heading = "Hardware")]
    pub(crate) device: String,
}

const SHOW_EXAMPLES: &str = "\
Examples:
  nas show DARTS_V2 --channels 36 --cells 20
      Parameters and multiply-accumulates of a published architecture
  nas show runs/evolution-nb201-0 --format svg
      A drawing of the best cell of a search
  nas show DARTS_V2 --image 3x224x224 --classes 1000 --measure
      Time and memory for one large image on this machine
  nas show '|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|nor_conv_3x3~2|' --json
      An architecture by its text";

#[derive(Debug, Args)]
#[command(after_long_help = SHOW_EXAMPLES)]
pub(crate) struct ShowArgs {
    /// Architecture: a name, its text, a file, or a run directory
    ///
    /// `nas list architectures` shows the names. The text is that of NAS-Bench-201, a genotype, or another written form. Of a
    /// run directory, it is the best architecture, in the size of the run unless you type another.
    #[arg(value_name = "ARCH")]
    pub(crate) arch: String,
    #[command(flatten)]
    pub(crate) size: SizeArgs,
    /// Number of classes [default: 10]
    #[arg(long, value_name = "N", value_parser = at_least(1), help_heading = "Network")]
    pub(crate) classes: Option<usize>,
    /// Shape of the images [default: 3x32x32]
    #[arg(long, value_name = "CxHxW", help_heading = "Network")]
    pub(crate) image: Option<Shape>,
    /// Include the auxiliary classifier (DARTS skeleton)
    #[arg(long, help_heading = "Network")]
    pub(crate) auxiliary: bool,
    /// Measure time and memory for one image on this machine
    #[arg(long)]
    pub(crate) measure: bool,
    /// What to print
    #[arg(long, value_enum, default_value_t = ShowFormat::Text, help_heading = "Output")]
    pub(crate) format: ShowFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ShowFormat {
    /// Text for people
    Text,
    /// One JSON object
    Json,
    /// Graphviz
    Dot,
    /// A drawing
    Svg,
    /// A chart of the memory for one image, as SVG
    Memory,
}
