//! Errors of the user's own images.

use std::io;
use std::path::PathBuf;

use nas_files::FileError;
use thiserror::Error;

use crate::npz::NpzError;
use crate::words::{counted, listed};

/// Why images could not be read or split.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DataError {
    /// There is nothing at the path.
    #[error("{}: there is no such file or folder; give a folder of class folders, a list of images, or a .npz file", path.display())]
    Missing {
        /// The path.
        path: PathBuf,
    },

    /// The file is of a kind that is not read.
    #[error(
        "{}: it is {found}; expected a folder of class folders, a list of images (.csv, .tsv, .txt), arrays (.npz), or Parquet files",
        path.display()
    )]
    Kind {
        /// The file.
        path: PathBuf,
        /// What it is.
        found: String,
    },

    /// The file is of a kind that is read by programs with a certain feature alone.
    #[error(
        "{}: this program cannot read {format}, because it was built without the feature '{feature}'; \
         build it with --features {feature}, or give a folder of class folders, a list of images, or \
         arrays (.npz)",
        path.display()
    )]
    WithoutFeature {
        /// The file or folder.
        path: PathBuf,
        /// What it has.
        format: &'static str,
        /// The feature of this crate, and of the program.
        feature: &'static str,
    },

    /// The system refused.
    #[error("{}: cannot be {action}: {reason}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was to be done with it.
        action: &'static str,
        /// What the system said; part of the message and thus no `source`.
        reason: io::Error,
    },

    /// A file cannot be read at all.
    #[error(transparent)]
    File(#[from] FileError),

    /// The arrays cannot be read.
    #[error(transparent)]
    Npz(#[from] NpzError),

    /// An option has a value that it cannot have.
    #[error("{option} is {got}; expected {expected}")]
    Option {
        /// The option.
        option: &'static str,
        /// Its value.
        got: String,
        /// What it can be.
        expected: String,
    },

    /// The folder, or what of it was chosen, is not laid out as a data set.
    #[error("{}: found {found}; {remedy}", path.display())]
    Layout {
        /// The folder.
        path: PathBuf,
        /// What is there, with counts.
        found: String,
        /// What was expected, and what to do.
        remedy: String,
    },

    /// A class has images to validate or test on, and none to train on.
    #[error(
        "{}: class '{class}' has {images} image{} in {split} and none in train; add some to train, or remove the class from {split}",
        path.display(), if *.images == 1 { "" } else { "s" }
    )]
    NotInTraining {
        /// The source.
        path: PathBuf,
        /// The class.
        class: String,
        /// The split that has it: `valid` or `test`.
        split: &'static str,
        /// Its images there.
        images: usize,
    },

    /// The file of the classes' names and the folders disagree.
    #[error("{}: {problem}", path.display())]
    ClassesFile {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what would be right.
        problem: String,
    },

    /// The header of a list, or the columns that were named, do not say where paths and labels are.
    #[error(
        "{}: {problem}; name its columns from the left with --columns, such as --columns path,label (path, \
         label, split, group, or _ for an unused column)",
        path.display()
    )]
    Columns {
        /// The list.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },

    /// A line of a list is invalid.
    #[error("{}: line {line}: {problem}", path.display())]
    Line {
        /// The list.
        path: PathBuf,
        /// Number of the line, from 1.
        line: u64,
        /// What is wrong, and what would be right.
        problem: String,
    },

    /// More images than allowed cannot be read.
    #[error(
        "{}: {bad} of {all} images cannot be read, which is more than the {percent} % that may be left out (--max-bad): {first}; \
         repair or remove them, choose other files (--glob), or allow more",
        path.display(), percent = 100.0 * .max_bad
    )]
    TooManyBad {
        /// The source.
        path: PathBuf,
        /// Images that cannot be read.
        bad: usize,
        /// All images.
        all: usize,
        /// The share that is allowed.
        max_bad: f64,
        /// The first ten, with reasons.
        first: String,
    },

    /// A class has too few groups of images for both sides of a split.
    #[error(
        "class {class} has {} in {}; a split needs {needed} groups of each class, and images of one group \
         stay together; add images of this class, or leave the class out",
        counted(*.images, "image"), counted(*.groups, "group")
    )]
    TooFew {
        /// The class, in quotes where it has a name, else its number.
        class: String,
        /// Its images.
        images: usize,
        /// Groups with images of it.
        groups: usize,
        /// Groups that would do.
        needed: usize,
    },

    /// Some classes have too few images, or too few that may be on different sides, for all splits.
    #[error(
        "too few images of {} to divide into {}: {classes}. Each class needs {needed} that are neither \
         copies of each other nor of the same group. Add images, leave the classes out (of a folder with \
         --glob, such as --glob '!CLASS/**'), or give the splits yourself (folders train, val and test, or \
         a column 'split' of a list)",
        counted(*.number, "class"), listed(splits)
    )]
    FewOfClasses {
        /// Number of these classes.
        number: usize,
        /// The first ten, with their numbers of images.
        classes: String,
        /// The splits that images are divided into: `training`, and those of `validation` and
        /// `test` that are drawn.
        splits: Vec<&'static str>,
        /// Groups that each class needs: one for each of these splits.
        needed: usize,
    },

    /// Groups share classes such that no division leaves each class on both sides.
    #[error(
        "class {class} cannot be on both sides of a split unless another class leaves one, because its \
         groups also contain images of other classes; make the groups smaller, or give the splits yourself"
    )]
    Entangled {
        /// The class, in quotes where it has a name, else its number.
        class: String,
    },

    /// There are too few images or classes to learn anything.
    #[error("{what}; {remedy}")]
    TooSmall {
        /// What there is.
        what: String,
        /// What would do.
        remedy: String,
    },

    /// The folder of the cache is in the source.
    #[error(
        "{}: the cache is inside the folder of images {}, where nothing may be written; choose another folder: set XDG_CACHE_HOME, or `cache` of the read options in a configuration file",
        cache.display(), source_folder.display()
    )]
    CacheInSource {
        /// The cache.
        cache: PathBuf,
        /// The folder of images.
        source_folder: PathBuf,
    },

    /// There is no home directory to keep a cache in.
    #[error(
        "there is no folder for the cache: neither XDG_CACHE_HOME nor HOME is set; set one of them, or `cache` of the read options in a configuration file"
    )]
    NoCache,
}
