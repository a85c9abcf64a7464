//! `nas table`: benchmark tables.

mod build;
mod extras;
mod import;
mod info;
mod trainings;

pub(crate) use trainings::{TrainingSettings, Trainings};

use anyhow::Result;

use crate::args::TableCommand;
use crate::output::Output;

/// Runs one of its commands.
pub(crate) fn run(command: &TableCommand, output: Output) -> Result<()> {
    match command {
        TableCommand::Build(args) => build::run(args, output),
        TableCommand::Import(args) => import::run(args, output),
        TableCommand::Info(args) => info::run(args, output),
    }
}
