//! `nas data`: images of one's own, and data sets with names.

mod cache;
mod check;
mod list;
mod page;
mod pictures;

use anyhow::Result;

use crate::args::DataCommand;
use crate::output::Output;

/// Does what was typed.
pub(crate) fn run(command: &DataCommand, output: Output) -> Result<()> {
    match command {
        DataCommand::Check(args) => check::run(args, output),
        DataCommand::List(args) => list::run(args, output),
        DataCommand::Cache(args) => cache::run(args, output),
    }
}
