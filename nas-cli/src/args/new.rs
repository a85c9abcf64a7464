//! `nas new` as typed.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

const EXAMPLES: &str = "\
Examples:
  nas new space mine.toml
      A small space of cells, with every key explained
  nas new space mine.toml --like darts
      The space of DARTS, to change
  nas new evaluator mine.py
      A program that evaluates trials, in Python without any package
  nas new evaluator mine.rs
      The same as a type in Rust, with a search around it";

#[derive(Debug, Subcommand)]
#[command(after_long_help = EXAMPLES)]
pub(crate) enum NewCommand {
    /// Write a TOML file that describes a space, with every key explained
    Space(NewSpaceArgs),
    /// Write a program that evaluates trials
    Evaluator(NewEvaluatorArgs),
}

const SPACE_EXAMPLES: &str = "\
Examples:
  nas new space mine.toml
  nas search random --space mine.toml --limit 200 --trials 2 --epochs 1 --final-epochs 1
  nas new space mine.toml --like nb201";

#[derive(Debug, Args)]
#[command(after_long_help = SPACE_EXAMPLES)]
pub(crate) struct NewSpaceArgs {
    /// File to write; it must end in .toml and must not exist
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Space to start from
    #[arg(long, value_enum, default_value_t = Like::Small, value_name = "NAME")]
    pub(crate) like: Like,
}

/// The spaces that a file can start from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Like {
    /// Cells of two nodes with four operations
    Small,
    /// DARTS
    Darts,
    /// NAS-Bench-201
    Nb201,
    /// One cell that grows node by node, for method pnas
    Growing,
}

const EVALUATOR_EXAMPLES: &str = "\
Examples:
  nas new evaluator mine.py
  nas search random --space nb201 --evaluator 'python3 mine.py' --trials 10
  nas new evaluator mine.rs";

#[derive(Debug, Args)]
#[command(after_long_help = EVALUATOR_EXAMPLES)]
pub(crate) struct NewEvaluatorArgs {
    /// File to write, which must not exist; it ends in .py, .sh or .rs
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}
