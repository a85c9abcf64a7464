//! `nas`: neural architecture search that trains real networks on real data.

mod architecture;
mod args;
mod browser;
mod commands;
mod consent;
mod elsewhere;
mod output;
mod progress;
mod signals;

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::FromArgMatches as _;
use nas_runner::Usage;

use crate::args::{Cli, Command};
use crate::output::{Output, note};
use crate::progress::Verbosity;

/// glibc maps and page-faults every large tensor anew; this allocator keeps what was freed.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().collect();
    let matches = args::command(&words).get_matches_from(words);
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    match run(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if let Some(signal) = signals::received() => {
            note(&format!("{}{}", told(&error), signals::how_to_go_on()));
            ExitCode::from(signals::exit_code(signal))
        }
        Err(error) => {
            note(&format!("error: {}", told(&error)));
            // As clap exits where it is the one that refuses.
            if Usage::caused(&error) {
                ExitCode::from(2)
            } else {
                ExitCode::FAILURE
            }
        }
    }
}

/// An error and its causes. Some errors say their cause themselves: it is said once.
fn told(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if text.ends_with(&cause) {
            continue;
        }
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(&cause);
    }
    text
}

fn run(cli: &Cli) -> Result<()> {
    if let Some(threads) = cli.global.threads {
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads.into())
            .build_global()
            .context("the threads cannot be started")?;
    }
    match (cli.global.quiet, cli.global.verbose) {
        (true, _) => Verbosity::Quiet.set(),
        (_, true) => Verbosity::Verbose.set(),
        _ => {}
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
        Command::Predict(args) => commands::predict::run(args, output),
        Command::Export(args) => commands::export::run(args, output),
        Command::Show(args) => commands::show::run(args, output),
        Command::Score(args) => commands::score::run(args, output),
        Command::Compare(args) => commands::compare::run(args, output),
        Command::Data(command) => commands::data::run(command, output),
        Command::Table(args) => commands::table::run(args, output),
        Command::Status(args) => commands::status::run(args, output),
        Command::Report(args) => commands::report::run(args, output),
        Command::Serve(args) => commands::serve::run(args, output),
        Command::New(command) => commands::new::run(command, output),
        Command::List(args) => commands::list::run(args, output),
        Command::Schema => commands::schema::run(output),
        Command::Doctor(args) => commands::doctor::run(args, output),
        Command::Completions(args) => commands::completions::run(args, output),
        Command::Man(args) => commands::man::run(args, output),
        Command::Worker(args) => commands::worker::run(args, output),
        Command::Launch(command) => commands::launch::run(command, output),
        Command::Evaluate => commands::evaluate::run(),
        Command::Guard { program } => commands::guard::run(program),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_said_once() {
        let cause = || std::io::Error::from(std::io::ErrorKind::NotFound);
        let said = cause().to_string();
        let error = anyhow::Error::new(cause()).context(format!("cannot read 'x': {said}"));
        assert_eq!(told(&error), format!("cannot read 'x': {said}"));
        let error = anyhow::Error::new(cause()).context("cannot read 'x'");
        assert_eq!(told(&error), format!("cannot read 'x': {said}"));
    }
}
