//! The source of images: a named data set, or the user's own folder, list or arrays.

use std::path::Path;

use anyhow::{Result, bail};
use nas_data::ReadOptions;
use nas_eval::data::{DATASETS, DataFacts, Dataset};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::args::ReadArgs;
use crate::data_dir;
use crate::usage::Usage;
use crate::watch::{RunEvent, Watcher};

/// The user's own images: which ones, and how they are read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OwnPlan {
    /// Fingerprint of the images at the start of the search: 64 hexadecimal digits over pixels, labels and
    /// splits. A run only continues with the same images.
    pub fingerprint: String,
    /// Whether the images may be mirrored, left to right, when they are trained on.
    #[serde(default)]
    pub flip: bool,
    /// How the images are read.
    #[serde(default)]
    pub read: ReadOptions,
}

/// A data set, and how it is read.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// Its name, or the path of the user's own images.
    pub data: &'a str,
    /// The folder with the files of one that has a name.
    pub data_dir: Option<&'a Path>,
    /// How the user's own images are read.
    pub own: Option<&'a OwnPlan>,
}

/// A data set with its facts, from which settings are chosen.
#[derive(Debug, Clone)]
pub struct Looked {
    /// Its name, or the path of the user's own images.
    pub data: String,
    /// How the user's own images are read.
    pub own: Option<OwnPlan>,
    /// It in figures.
    pub facts: DataFacts,
}

/// Whether a data set has this name.
pub fn is_named(data: &str) -> bool {
    DATASETS.iter().any(|info| info.name == data)
}

/// The data set that a text names: its name, or a path from the root.
///
/// # Errors
/// Where no data set has this name, and nothing is at this place.
pub fn normalized(text: &str) -> Result<String> {
    if is_named(text) {
        return Ok(text.to_owned());
    }
    let path = Path::new(text);
    if !path.exists() {
        let names = DATASETS.map(|info| info.name).join(", ");
        bail!(
            "there is no data set '{text}' and no file or folder of that name; expected one of {names}, or \
             images of your own: a folder with a folder of images for each class, a list of files (.csv, \
             .tsv, .txt), arrays (.npz), or Parquet files"
        );
    }
    match data_dir::absolute(path)?.to_str() {
        Some(path) => Ok(path.to_owned()),
        None => bail!("{}: the path of a data set has to be UTF-8", path.display()),
    }
}

impl Looked {
    /// The data set of this name or path, read as `recorded` says, but for what is typed.
    ///
    /// # Errors
    /// For a name or place where there is none; for options that one with a name does not have; where the images cannot be
    /// read, or are not those that are on record.
    pub fn at(
        text: &str,
        recorded: Option<&OwnPlan>,
        (typed, flip): (&ReadArgs, bool),
        watcher: &dyn Watcher,
    ) -> Result<Self> {
        let data = normalized(text)?;
        if is_named(&data) {
            if let Some(option) = typed.first_typed().or(flip.then_some("--flip")) {
                let why = format!(
                    "{option} has no meaning with {data}; it is for images of your own (--data PATH)"
                );
                return Err(Usage::new(why).into());
            }
            return Ok(Self {
                facts: DataFacts::named(&data)?,
                own: None,
                data,
            });
        }
        let mut read = recorded.map(|own| own.read.clone()).unwrap_or_default();
        typed.overlay(&mut read);
        let images = nas_data::read(Path::new(&data), &read, &|progress| {
            watcher.watch(RunEvent::Reading(progress));
        })?;
        for warning in &images.findings.warnings {
            watcher.watch(RunEvent::Note(&format!("note: {data}: {warning}")));
        }
        if let Some(recorded) = recorded.filter(|recorded| recorded.read == read) {
            check_fingerprint(&data, recorded, &images.fingerprint)?;
        }
        let flip = flip || recorded.is_some_and(|recorded| recorded.flip);
        Ok(Self {
            facts: DataFacts {
                may_be_mirrored: flip,
                ..DataFacts::from(&Dataset::own(&images)?)
            },
            own: Some(OwnPlan {
                fingerprint: images.fingerprint,
                flip,
                read,
            }),
            data,
        })
    }
}

/// Reads a data set, and notes which of its files are not the official ones, where that is known.
///
/// # Errors
/// If there is no such data set, its files are missing or damaged, or the user's own images are not
/// those on record.
pub fn load(source: Source<'_>, watcher: &dyn Watcher) -> Result<Dataset> {
    let Source { data, data_dir, own } = source;
    let Some(own) = own else {
        return data_dir::load(data, data_dir, watcher);
    };
    let images = nas_data::read(Path::new(data), &own.read, &|progress| {
        watcher.watch(RunEvent::Reading(progress));
    })?;
    check_fingerprint(data, own, &images.fingerprint)?;
    Ok(Dataset::own(&images)?)
}

/// Which images are in which split, by name: `split.json` of a run directory.
#[derive(Debug, Serialize)]
pub(crate) struct SplitRecord {
    fingerprint: String,
    /// Those that nothing is trained on before the test.
    test: Vec<String>,
    /// Those that the source gives to validate on; else a share of the training images is drawn.
    #[serde(skip_serializing_if = "Option::is_none")]
    valid: Option<Vec<String>>,
    /// All others.
    train: Vec<String>,
}

impl SplitRecord {
    /// That of the user's own images.
    ///
    /// # Errors
    /// Where they cannot be read.
    pub(crate) fn of(source: Source<'_>) -> Result<Option<Self>> {
        let Some(own) = source.own else {
            return Ok(None);
        };
        let images = nas_data::read(Path::new(source.data), &own.read, &|_| {})?;
        Ok(Some(Self {
            fingerprint: images.fingerprint,
            test: images.test.names,
            valid: images.valid.map(|valid| valid.names),
            train: images.train.names,
        }))
    }
}

fn check_fingerprint(data: &str, recorded: &OwnPlan, found: &str) -> Result<()> {
    if recorded.fingerprint != found {
        bail!(
            "the images of {data} are not those of the configuration (fingerprint {:.12}, now \
             {found:.12}): files, labels or splits have changed. Expected the same images; start a new \
             search to use these",
            recorded.fingerprint
        );
    }
    Ok(())
}
