//! Training that can be stopped and continues exactly where it stopped.
//!
//! A checkpoint is a directory of three files: `weights-G.safetensors` and
//! `optimizer-G.safetensors` of generation G, and `position.json`, which names this generation and
//! the progress of the training. The position is renamed into place last, and the files of other
//! generations are removed after that. Whenever the process dies, the position therefore names a
//! complete pair of files: those of this epoch or of the previous one.

use std::fs;
use std::path::{Path, PathBuf};

use nas_files::fingerprint;
use nas_space::network::Network;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{EpochMetrics, Progress, Trainer, TrainingData};
use crate::error::EvalError;
use crate::exact::Exact;
use crate::nn::OptimizerState;

const FORMAT: &str = "nas-checkpoint";
const VERSION: u32 = 1;
/// The file that makes a directory a checkpoint.
const POSITION: &str = "position.json";

/// Which file it is; read before the rest, so that a file of another version is named as such.
#[derive(Deserialize)]
struct Magic {
    format: String,
    version: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Position {
    format: String,
    version: u32,
    generation: u64,
    epochs_done: u32,
    /// SHA-256 of the network's layers: two networks may have tensors of the same names and shapes.
    network: String,
    /// The training configuration as JSON, to be compared letter by letter.
    config: String,
    seed: u64,
    /// SHA-256 of labels, split and normalisation constants.
    data: String,
    history: Vec<Recorded>,
    /// Where the next epoch was interrupted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    progress: Option<Progress>,
}

/// [`EpochMetrics`] with numbers that come back exactly.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Recorded {
    epoch: u32,
    train_loss: Exact,
    train_accuracy: Exact,
    valid_loss: Option<Exact>,
    valid_accuracy: Option<Exact>,
    valid_balanced_accuracy: Option<Exact>,
    #[serde(default)]
    valid_macro_f1: Option<Exact>,
    learning_rate: Exact,
    seconds: Exact,
}

impl Trainer {
    /// Whether there is a checkpoint in this directory.
    pub fn has_checkpoint(directory: &Path) -> bool {
        directory.join(POSITION).is_file()
    }

    /// Writes a checkpoint to the directory, which is made if it is not there. Until it is
    /// complete, the one before stays: a process killed at any moment leaves one of the two.
    ///
    /// # Errors
    /// [`EvalError::Io`] where it cannot be written.
    pub fn save(&self, directory: &Path) -> Result<(), EvalError> {
        fs::create_dir_all(directory).map_err(|e| EvalError::io(directory, e))?;
        // Whatever a file says, the next generation is another one.
        let previous = read_position(directory).ok().map(|position| position.generation);
        let generation = previous.map_or(0, |generation| generation.wrapping_add(1));
        self.model
            .parameters()
            .save(&weights_file(directory, generation))?;
        self.optimizer
            .state()?
            .save(&optimizer_file(directory, generation))?;
        let position = Position {
            format: FORMAT.to_owned(),
            version: VERSION,
            generation,
            epochs_done: self.epochs_done(),
            network: network_fingerprint(self.model.network()),
            config: self.config_text(),
            seed: self.seed.value(),
            data: data_fingerprint(&self.data),
            history: self.history.iter().map(Recorded::from).collect(),
            progress: self.progress,
        };
        let path = directory.join(POSITION);
        let text =
            serde_json::to_vec_pretty(&position).map_err(|e| EvalError::format(&path, e.to_string()))?;
        nas_files::replace(&path, &text).map_err(|e| EvalError::io(&path, e))?;
        remove_other_generations(directory, generation)
    }

    /// Removes the checkpoint in this directory, and the directory if nothing else is in it. Files
    /// that no checkpoint has stay, and so does a directory that is a link.
    ///
    /// # Errors
    /// [`EvalError::Io`] where a file cannot be removed.
    pub fn remove_checkpoint(directory: &Path) -> Result<(), EvalError> {
        nas_files::check_own_folder(directory).map_err(|e| EvalError::io(directory, e))?;
        if !directory.is_dir() {
            return Ok(());
        }
        remove_files(directory, None)?;
        // What is not empty is not all of this program's making.
        let _ = fs::remove_dir(directory);
        Ok(())
    }

    /// Goes on from the checkpoint in this directory, which a trainer of the same network, data,
    /// configuration and seed has saved.
    ///
    /// # Errors
    /// [`EvalError::Io`] where a file cannot be read; [`EvalError::Format`] where one is torn,
    /// damaged or foreign, or the checkpoint is of another network, configuration, seed or data;
    /// [`EvalError::TensorMismatch`] where its tensors are not those of the network.
    pub fn load(&mut self, directory: &Path) -> Result<(), EvalError> {
        let path = directory.join(POSITION);
        let position = read_position(directory)?;
        for (what, got, expected) in [
            (
                "the network (fingerprint of its layers)",
                position.network.as_str(),
                network_fingerprint(self.model.network()).as_str(),
            ),
            (
                "the training configuration",
                &position.config,
                &self.config_text(),
            ),
            ("the seed", &position.seed.to_string(), &self.seed.to_string()),
            (
                "the fingerprint of the data and its split",
                &position.data,
                &data_fingerprint(&self.data),
            ),
        ] {
            if got != expected {
                let reason = format!(
                    "{what} is {got}, expected {expected}; train from the start or use another directory"
                );
                return Err(EvalError::format(&path, reason));
            }
        }
        let history: Vec<EpochMetrics> = position.history.iter().map(EpochMetrics::from).collect();
        let in_order = history
            .iter()
            .enumerate()
            .all(|(i, metrics)| metrics.epoch as usize == i);
        let done = position.epochs_done;
        if !in_order || history.len() != done as usize || done > self.config.epochs {
            let reason = format!(
                "{} epochs are recorded, {done} said to be done of {}",
                history.len(),
                self.config.epochs
            );
            return Err(EvalError::format(&path, reason));
        }
        if position.progress.is_some() && done == self.config.epochs {
            let reason = format!("all {done} epochs are done, and another one is said to be under way");
            return Err(EvalError::format(&path, reason));
        }
        let parameters = self.model.parameters();
        let state = OptimizerState::load(
            &optimizer_file(directory, position.generation),
            parameters.device(),
        )?;
        let mut optimizer = self.config.optimizer.build()?;
        optimizer.restore(&state, parameters)?;
        parameters.load(&weights_file(directory, position.generation))?;
        (self.optimizer, self.history, self.progress) = (optimizer, history, position.progress);
        Ok(())
    }

    fn config_text(&self) -> String {
        // A configuration is made of numbers, strings and maps alone, which always serialise.
        serde_json::to_string(&self.config).unwrap_or_default()
    }
}

fn weights_file(directory: &Path, generation: u64) -> PathBuf {
    directory.join(format!("weights-{generation}.safetensors"))
}

fn optimizer_file(directory: &Path, generation: u64) -> PathBuf {
    directory.join(format!("optimizer-{generation}.safetensors"))
}

/// The generation of a file of tensors, if `name` is one that a checkpoint gives.
fn generation_of(name: &str) -> Option<u64> {
    let number = name
        .strip_prefix("weights-")
        .or_else(|| name.strip_prefix("optimizer-"))?;
    let number = number.strip_suffix(".safetensors")?;
    let generation: u64 = number.parse().ok()?;
    // Names such as `weights-007` and `weights-+7` parse as well, but are not given.
    (generation.to_string() == number).then_some(generation)
}

/// Removes what earlier checkpoints, or processes that died while they wrote one, have left: files
/// of exactly the names that are given here, and no others.
fn remove_other_generations(directory: &Path, generation: u64) -> Result<(), EvalError> {
    remove_files(directory, Some(generation))
}

/// Removes the files of checkpoints in a directory, but for those of the generation that is to
/// stay.
fn remove_files(directory: &Path, kept: Option<u64>) -> Result<(), EvalError> {
    for entry in fs::read_dir(directory).map_err(|e| EvalError::io(directory, e))? {
        let entry = entry.map_err(|e| EvalError::io(directory, e))?;
        let (path, name) = (entry.path(), entry.file_name());
        // A name that is not text is none of these.
        let name = name.to_str().unwrap_or_default();
        let stale = match nas_files::target_of_temporary(name) {
            Some(target) => target == POSITION || generation_of(target).is_some(),
            None if name == POSITION => kept.is_none(),
            None => generation_of(name).is_some_and(|found| Some(found) != kept),
        };
        if stale && entry.file_type().is_ok_and(|kind| kind.is_file()) {
            fs::remove_file(&path).map_err(|e| EvalError::io(&path, e))?;
        }
    }
    Ok(())
}

fn read_position(directory: &Path) -> Result<Position, EvalError> {
    let path = directory.join(POSITION);
    let text = fs::read(&path).map_err(|e| EvalError::io(&path, e))?;
    let wrong = |e| {
        EvalError::format(
            &path,
            format!("not the position of a training run ({e}); it may be torn"),
        )
    };
    let magic: Magic = serde_json::from_slice(&text).map_err(wrong)?;
    if (magic.format.as_str(), magic.version) != (FORMAT, VERSION) {
        let Magic { format, version } = magic;
        let reason = format!("format '{format}' version {version}, expected '{FORMAT}' version {VERSION}");
        return Err(EvalError::format(&path, reason));
    }
    serde_json::from_slice(&text).map_err(wrong)
}

/// SHA-256 of the layers: their names, kinds, inputs and shapes, and which of them are outputs.
fn network_fingerprint(network: &Network) -> String {
    let mut hash = Sha256::new();
    for layer in network.layers() {
        // The derived text holds every field, and quotes and escapes the name.
        hash.update(format!("{layer:?}\n"));
    }
    hash.update(format!("{:?} {:?}", network.logits(), network.auxiliary()));
    fingerprint::hex(hash)
}

/// SHA-256 of the labels, the split and the normalisation constants, which stand for the pixels
/// they were measured on.
fn data_fingerprint(data: &TrainingData) -> String {
    let mut hash = Sha256::new();
    let images = data.images();
    hash.update(format!("{} {} ", images.shape(), images.classes()));
    let normalization = data.normalization();
    for constant in normalization.mean().iter().chain(normalization.std()) {
        hash.update(constant.to_le_bytes());
    }
    for indices in [images.labels(), data.train(), data.valid()] {
        hash.update((indices.len() as u64).to_le_bytes());
        for index in indices {
            hash.update(index.to_le_bytes());
        }
    }
    fingerprint::hex(hash)
}

impl From<&EpochMetrics> for Recorded {
    fn from(metrics: &EpochMetrics) -> Self {
        Self {
            epoch: metrics.epoch,
            train_loss: Exact(metrics.train_loss),
            train_accuracy: Exact(metrics.train_accuracy),
            valid_loss: metrics.valid_loss.map(Exact),
            valid_accuracy: metrics.valid_accuracy.map(Exact),
            valid_balanced_accuracy: metrics.valid_balanced_accuracy.map(Exact),
            valid_macro_f1: metrics.valid_macro_f1.map(Exact),
            learning_rate: Exact(metrics.learning_rate),
            seconds: Exact(metrics.seconds),
        }
    }
}

impl From<&Recorded> for EpochMetrics {
    fn from(recorded: &Recorded) -> Self {
        Self {
            epoch: recorded.epoch,
            train_loss: recorded.train_loss.0,
            train_accuracy: recorded.train_accuracy.0,
            valid_loss: recorded.valid_loss.map(|x| x.0),
            valid_accuracy: recorded.valid_accuracy.map(|x| x.0),
            valid_balanced_accuracy: recorded.valid_balanced_accuracy.map(|x| x.0),
            valid_macro_f1: recorded.valid_macro_f1.map(|x| x.0),
            learning_rate: recorded.learning_rate.0,
            seconds: recorded.seconds.0,
        }
    }
}
