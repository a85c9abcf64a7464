//! `nas data list`: the data sets with names, whether their files are here, and where to get them.

use std::path::PathBuf;

use anyhow::Result;
use nas_eval::data::{DATASETS, DatasetInfo, FileState, Location};
use nas_report::number::{counted, grouped};
use nas_runner::data_dir;
use serde::Serialize;

use crate::args::DataDirArgs;
use crate::output::Output;

/// The JSON of `nas data list`.
#[derive(Debug, Serialize)]
struct Listing {
    /// The folder that is looked into.
    data_dir: Option<PathBuf>,
    sets: Vec<Row>,
}

/// A data set.
#[derive(Debug, Serialize)]
struct Row {
    name: &'static str,
    description: &'static str,
    /// Channels, height and width of its images.
    shape: String,
    classes: usize,
    train_images: usize,
    test_images: usize,
    /// It is part of this program.
    built_in: bool,
    /// It can be used: all its files are here, or it is built in.
    found: bool,
    /// The folder that has all files.
    folder: Option<PathBuf>,
    /// The folders that were looked into.
    looked: Vec<PathBuf>,
    /// Why it was not found, or its files could not be read.
    reason: Option<String>,
    /// The files that were found, with their checksums.
    files: Vec<FileState>,
    /// Whether all of them are the official ones, where there are any.
    official: Option<bool>,
    /// The page to get it from.
    url: &'static str,
    downloads: Vec<Download>,
}

/// What to download.
#[derive(Debug, Serialize)]
struct Download {
    file: &'static str,
    /// SHA-256 of the file as it is downloaded.
    sha256: &'static str,
    /// Addresses that have it, the first one to be tried first.
    urls: Vec<String>,
}

/// Looks for all data sets, reads the files that are here, and says what was found.
pub(super) fn run(args: &DataDirArgs, output: Output) -> Result<()> {
    let data_dir = data_dir::choose(args.data_dir.as_deref(), None)?;
    let listing = Listing {
        sets: DATASETS
            .iter()
            .map(|info| row(info, data_dir.as_deref()))
            .collect(),
        data_dir,
    };
    output.result(&listing, || text(&listing))
}

fn row(info: &DatasetInfo, data_dir: Option<&std::path::Path>) -> Row {
    let located = info.locate(data_dir);
    let folder = match &located {
        Ok(Location::Files { folder, .. }) => Some(folder.clone()),
        _ => None,
    };
    let states = located.and_then(|location| info.states(&location));
    let (files, reason) = match states {
        Ok(files) => (files, None),
        Err(error) => (Vec::new(), Some(error.to_string())),
    };
    let downloads = info.downloads.iter().map(|download| Download {
        file: download.file,
        sha256: download.sha256,
        urls: download
            .folders
            .iter()
            .map(|folder| format!("{folder}{}", download.file))
            .collect(),
    });
    Row {
        name: info.name,
        description: info.description,
        shape: info.shape.to_string(),
        classes: info.classes,
        train_images: info.train_images,
        test_images: info.test_images,
        built_in: info.layouts.is_empty(),
        found: reason.is_none(),
        folder,
        looked: data_dir.map(|folder| info.places(folder)).unwrap_or_default(),
        reason,
        official: (!files.is_empty()).then(|| files.iter().all(|file| file.official)),
        files,
        url: info.url,
        downloads: downloads.collect(),
    }
}

fn text(listing: &Listing) -> String {
    let mut lines = Vec::new();
    for row in &listing.sets {
        lines.push(format!(
            "{:<14} {}: {} images to train on and {} to test on, {}, {}",
            row.name,
            row.description,
            grouped(row.train_images as u64),
            grouped(row.test_images as u64),
            row.shape,
            counted(row.classes, "class").replace("classs", "classes"),
        ));
        let mut line = |text: String| lines.push(format!("{:<14} {text}", ""));
        line(state(row));
        let others = row.files.iter().filter(|file| !file.official);
        for file in others {
            line(format!(
                "  not official: {} (sha256 {})",
                file.path.display(),
                file.sha256
            ));
        }
        if row.official == Some(true) {
            continue;
        }
        for download in &row.downloads {
            line(format!("{}  sha256 {}", download.file, download.sha256));
            for url in &download.urls {
                line(format!("  {url}"));
            }
        }
    }
    lines.push(String::new());
    lines.push(
        "Files of MNIST and Fashion-MNIST may stay packed. Unpack those of CIFAR, put each data set into a folder of its name, and \
         say where these folders are with --data-dir DIR or NAS_DATA_DIR. Images of your own: nas data check PATH"
            .to_owned(),
    );
    lines.join("\n")
}

/// Whether the data set is here, in words.
fn state(row: &Row) -> String {
    let looked = || {
        let folders: Vec<String> = row
            .looked
            .iter()
            .map(|folder| folder.display().to_string())
            .collect();
        folders.join(", ")
    };
    match (&row.folder, &row.reason) {
        _ if row.built_in => "built in".to_owned(),
        (Some(folder), Some(reason)) => format!("found in {}, but {reason}", folder.display()),
        (Some(folder), None) if row.official == Some(true) => {
            format!(
                "found in {}: the official files, by their checksums",
                folder.display()
            )
        }
        (Some(folder), None) => {
            format!(
                "found in {}, but the files are not the official ones",
                folder.display()
            )
        }
        (None, _) if row.looked.is_empty() => {
            "not found: no folder was named (--data-dir DIR or NAS_DATA_DIR). To download:".to_owned()
        }
        (None, _) => format!("not found: looked in {}. To download:", looked()),
    }
}
