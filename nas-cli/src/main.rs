//! `nas`: neural architecture search that trains real networks on real data.

mod architecture;
mod args;
mod commands;
mod consent;
mod data_dir;
mod device;
mod environment;
mod method;
mod number;
mod oneshot;
mod output;
mod page;
mod pareto;
mod plan;
mod plot;
mod preflight;
mod progress;
mod progressive;
mod report;
mod session;
mod shell;
mod shown;
mod signals;
mod size;
mod traced;
mod usage;
mod worker;

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;

use crate::args::{Cli, Command};
use crate::output::{Output, note};
use crate::usage::Usage;

/// glibc maps and page-faults every large tensor anew; this allocator keeps what was freed.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if let Some(signal) = signals::received() => {
            note(&format!("{error:#}{}", signals::how_to_go_on()));
            ExitCode::from(signals::exit_code(signal))
        }
        Err(error) => {
            note(&format!("error: {error:#}"));
            // As clap exits where it is the one that refuses.
            if Usage::caused(&error) {
                ExitCode::from(2)
            } else {
                ExitCode::FAILURE
            }
        }
    }
}

fn run(cli: &Cli) -> Result<()> {
    if let Some(threads) = cli.global.threads {
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads.into())
            .build_global()
            .context("the threads cannot be started")?;
    }
    let output = if cli.global.json {
        Output::Json
    } else {
        Output::Text
    };
    match &cli.command {
        Command::Search(args) => commands::search::run(args, output),
        Command::Resume(args) => commands::resume::run(args, output),
        Command::Train(args) => commands::train::run(args, output),
        Command::Test(args) => commands::test::run(args, output),
        Command::Show(args) => commands::show::run(args, output),
        Command::Compare(args) => commands::compare::run(args, output),
        Command::Table(args) => commands::table::run(args, output),
        Command::Status(args) => commands::status::run(args, output),
        Command::Report(args) => commands::report::run(args, output),
        Command::List => commands::list::run(output),
        Command::Doctor(args) => commands::doctor::run(args, output),
        Command::Worker => commands::worker::run(),
        Command::Guard { program } => commands::guard::run(program),
    }
}
