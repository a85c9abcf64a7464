//! Trials that a program of the user's evaluates.

use std::path::PathBuf;

use anyhow::{Result, bail};
use nas_space::network::NetworkConfig;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use toml::Table;

use super::proxy::PREFIX;
use super::resolve::text_at;
use super::{RunConfig, TrainingPlan};
use crate::args::{SearchArgs, TaskArgs};
use crate::data_dir;
use crate::usage::Usage;

/// Evaluation by a program that speaks the evaluator protocol.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CommandPlan {
    /// The program and its arguments, as the shell takes them.
    pub command: String,
    /// The name of the data set, which is sent to the program.
    pub data: String,
    /// Folder with the data set's files, which the program is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_dir: Option<PathBuf>,
    /// The devices that the workers get one after another, separated by commas.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// Epochs of a trial.
    #[schemars(range(min = 1))]
    pub epochs: u32,
    /// Size of the networks, which the program is told; costs are counted at it.
    pub network: NetworkConfig,
}

/// The command that evaluates trials: the one typed, or else the file's. A proxy is no command.
pub(super) fn of<'a>(args: &'a SearchArgs, file: &'a Table) -> Option<&'a str> {
    let recorded = text_at(file, &["estimation", "kind"]).filter(|kind| *kind == "command");
    let recorded = recorded.and_then(|_| text_at(file, &["estimation", "command"]));
    match args.own.evaluator.as_deref() {
        Some(typed) => Some(typed).filter(|typed| !typed.starts_with(PREFIX)),
        None => recorded,
    }
}

impl CommandPlan {
    /// The command with every default: images and sizes as a training by this program has them.
    pub(super) fn new(command: &str, training: TrainingPlan) -> Self {
        Self {
            command: command.to_owned(),
            data: training.data,
            data_dir: None,
            device: None,
            epochs: training.epochs,
            network: training.evaluator.network,
        }
    }

    /// Applies the options typed.
    pub(super) fn overlay(&mut self, args: &TaskArgs) -> Result<()> {
        let meaningless = [
            (args.budget.final_epochs.is_some(), "--final-epochs"),
            (args.training.batch_size.is_some(), "--batch-size"),
            (args.training.learning_rate.is_some(), "--learning-rate"),
            (args.training.metric.is_some(), "--metric"),
            (args.training.class_weights.is_some(), "--class-weights"),
            (args.training.augment.is_some(), "--augment"),
            (args.device.tf32.is_some(), "--tf32"),
            (args.data.limit.is_some(), "--limit"),
        ];
        if let Some((_, name)) = meaningless.into_iter().find(|(given, _)| *given) {
            let why = format!("{name} has no meaning with your own evaluator, which trains in its own way");
            return Err(Usage::new(why).into());
        }
        self.data_dir = data_dir::choose(args.data.data_dir.as_deref(), self.data_dir.as_deref())?;
        self.epochs = args.budget.epochs.unwrap_or(self.epochs);
        args.size.overlay(&mut self.network);
        if let Some(device) = &args.device.device {
            self.device = Some(device.clone());
        }
        Ok(())
    }

    /// The devices, in order.
    pub fn devices(&self) -> Vec<&str> {
        let listed = self.device.as_deref().map(crate::device::listed);
        listed.into_iter().flatten().collect()
    }

    pub(super) fn validate(&self, config: &RunConfig) -> Result<()> {
        if self.command.trim().is_empty() {
            bail!("the evaluator's command is empty; expected a program and its arguments");
        }
        if self.epochs == 0 {
            bail!("the epochs of a trial are 0; expected at least 1");
        }
        if !config.method.proposes() {
            bail!(
                "method {} trains a supernet, for which your own evaluator has no meaning; choose a method \
                 that proposes architectures, such as random or evolution",
                config.method
            );
        }
        Ok(self.network.validate()?)
    }
}
