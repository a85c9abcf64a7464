//! The command line of `nas data`.

use std::path::PathBuf;

use clap::{Arg, Args, Subcommand};
use nas_runner::args::ReadArgs;

const DATA_EXAMPLES: &str = "\
Examples:
  nas data check photos/
      Read a folder of images and say what was found
  nas data list
      Data sets with names: which are here, where to download the others
  nas data cache --remove 30d
      Free the disk from images that were not used for 30 days";

#[derive(Debug, Subcommand)]
#[command(after_long_help = DATA_EXAMPLES)]
pub(crate) enum DataCommand {
    /// Read your own images and say what was found
    ///
    /// It names classes, splits, unreadable files, duplicates and odd images, and says how long a search takes here.
    Check(CheckArgs),
    /// List data sets with names, and where to download them
    ///
    /// For each it says whether the files are here and whether they are the official ones, by their checksums.
    List(DataDirArgs),
    /// List or remove cached images
    ///
    /// Images of your own that were read are kept for the next time.
    Cache(CacheArgs),
}

#[derive(Debug, Args)]
#[command(
    after_long_help = "Examples:\n  nas data cache\n  nas data cache --remove 30d\n  nas data cache --remove all"
)]
pub(crate) struct CacheArgs {
    /// Remove all, those unused for some days (30d), or one by its fingerprint
    ///
    /// Removed images are read again when they are needed.
    #[arg(long, value_name = "all|DAYSd|FINGERPRINT")]
    pub(crate) remove: Option<String>,
}

/// What the user's images look like on disk.
const CHECK_HELP: &str = "\
What PATH can be:
  photos/         a folder that has a folder of images for each class: photos/cat/1.jpg,
                  photos/dog/7.png, …; or folders train, val and test of such folders.
                  classes.txt, with one name a line, sets the order of the classes, which is
                  otherwise that of their names
  list.csv        path,label[,split][,group] for each image, with a header or --columns. Paths
                  begin in the folder of the list. A split is train, val or test. Images of
                  one group, such as one person's, stay on one side of every split
  images.parquet  one file, or a folder of train-*.parquet, test-*.parquet, as Hugging Face has
                  them (in a build with --features parquet)
  arrays.npz      x_train, y_train and optionally x_val, y_val, x_test, y_test; or x, y. Images
                  are N×H×W, N×H×W×C or N×C×H×W; labels begin with 0

Formats are PNG, JPEG, WebP, BMP, GIF (first picture), TIFF and PNM; the content of a file
decides, not its name. Images are turned as EXIF says; transparent pixels become white.

Examples:
  nas data check photos/
  nas data check photos/ --page check.html --time
      With a page of pictures, and the speed of this machine
  nas data check list.csv --columns path,label,split --image-size 32
  nas data check arrays.npz --layout nhwc";

#[derive(Debug, Args)]
#[command(after_long_help = CHECK_HELP, mut_args = |arg: Arg| arg.hide_short_help(false))]
pub(crate) struct CheckArgs {
    /// Folder of images, list of files (.csv, .tsv, .txt), arrays (.npz) or Parquet files
    #[arg(value_name = "PATH")]
    pub(crate) path: String,
    /// Write a page of HTML with pictures of each class and of odd images
    ///
    /// The page has at most 5 MB.
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(crate) page: Option<PathBuf>,
    /// Measure how many trials a search has time for here
    ///
    /// Three networks are trained for some seconds.
    #[arg(long)]
    pub(crate) time: bool,
    #[command(flatten)]
    pub(crate) read: ReadArgs,
}

#[derive(Debug, Args)]
pub(crate) struct DataDirArgs {
    /// Folder to look for data sets in [default: $NAS_DATA_DIR]
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
}
