//! A trained network that a command is about, and the images it was trained on.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use nas_eval::{Dataset, Device, EvalError, TrainedNetwork};
use nas_runner::data::{self, Looked, OwnPlan, Source};
use nas_runner::plan::RunConfig;
use nas_runner::{NETWORK_FILE, Typed, data_dir};
use nas_space::op::Operations;
use nas_study::RunDir;

use crate::args::MeasuredArgs;
use crate::progress::only_notes;

/// A network with what is on record of its images.
pub(super) struct Opened {
    /// Its file.
    pub(super) file: PathBuf,
    pub(super) network: TrainedNetwork,
    /// Where the files of a data set with a name were.
    data_dir: Option<PathBuf>,
    /// The path of images of one's own, and how they were read.
    own: Option<(String, OwnPlan)>,
}

/// The file of the network that a run has trained in full.
pub(super) fn network_of(run: &Path) -> Result<PathBuf> {
    let file = run.join(NETWORK_FILE);
    if !file.is_file() {
        let run = run.display();
        bail!(
            "{run} has no network that was trained in full; if its search trains networks, `nas resume {run}` finishes it with one"
        );
    }
    Ok(file)
}

impl Opened {
    /// The network in a file or of a run directory.
    pub(super) fn at(path: &Path, device: &Device) -> Result<Self> {
        let mut file = path.to_owned();
        let (mut recorded, mut own) = (None, None);
        if path.is_dir() {
            let run = RunDir::open(path)?;
            let config: RunConfig = run.read_config()?;
            if let Some(images) = config.images() {
                recorded = images.data_dir.map(Path::to_owned);
                own = images.own.map(|own| (images.data.to_owned(), own.clone()));
            }
            file = network_of(path)?;
        }
        Ok(Self {
            network: TrainedNetwork::load(&file, &Operations::standard(), device)?,
            file,
            data_dir: recorded,
            own,
        })
    }

    /// Where images of one's own were.
    pub(super) fn images(&self) -> Option<&Path> {
        self.own.as_ref().map(|(path, _)| Path::new(path))
    }

    /// The images that are meant: those that are typed, else those on record. Others than the network
    /// was trained on are refused.
    pub(super) fn dataset(&self, typed: &MeasuredArgs) -> Result<Dataset> {
        let dataset = self.read(typed)?;
        if dataset.name == self.network.dataset {
            return Ok(dataset);
        }
        let (expected, got) = (self.network.dataset.clone(), dataset.name);
        Err(EvalError::Dataset { expected, got }.into())
    }

    fn read(&self, typed: &MeasuredArgs) -> Result<Dataset> {
        let data_dir = data_dir::choose(typed.data_dir.as_deref(), self.data_dir.as_deref())?;
        match (&typed.data, &self.own) {
            (Some(path), recorded) => {
                let recorded = recorded.as_ref().map(|(_, own)| own);
                let looked = Looked::at(path, recorded, (&typed.read, false), &only_notes).typed("--data")?;
                load(&looked.data, data_dir.as_deref(), looked.own.as_ref())
            }
            (None, Some((path, own))) => load(path, None, Some(own)),
            (None, None) if data::is_named(&self.network.dataset) => {
                load(&self.network.dataset, data_dir.as_deref(), None)
            }
            (None, None) => bail!(
                "{} was trained on images of the user ({}); say where they are with --data PATH",
                self.file.display(),
                self.network.dataset
            ),
        }
    }
}

fn load(data: &str, data_dir: Option<&Path>, own: Option<&OwnPlan>) -> Result<Dataset> {
    data::load(Source { data, data_dir, own }, &only_notes)
}
