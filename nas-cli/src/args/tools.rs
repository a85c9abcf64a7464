//! Commands about the program itself, as typed.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use clap_complete::Shell;

#[derive(Debug, Args)]
#[command(after_long_help = "Examples:\n  nas list\n  nas list methods\n  nas list spaces --json")]
pub(crate) struct ListArgs {
    /// What to list [default: everything]
    #[arg(value_enum, value_name = "TOPIC")]
    pub(crate) topic: Option<Topic>,
}

/// What there is to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Topic {
    /// Search spaces
    Spaces,
    /// Search methods
    Methods,
    /// Data sets
    Data,
    /// Benchmark tables
    Benchmarks,
    /// Architectures with names
    Architectures,
}

#[derive(Debug, Args)]
#[command(
    after_long_help = "Examples:\n  nas doctor\n  nas doctor --data-dir /data --json\n  nas doctor --store postgres://db/searches"
)]
pub(crate) struct DoctorArgs {
    /// Folder to look for data sets in [default: $NAS_DATA_DIR]
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// PostgreSQL database to look at, for searches on many machines
    #[arg(long, value_name = "URL")]
    pub(crate) store: Option<String>,
}

const COMPLETIONS_HELP: &str = "\
Examples:
  nas completions bash > ~/.local/share/bash-completion/completions/nas
  nas completions zsh > ~/.zfunc/_nas
      with fpath=(~/.zfunc $fpath) before compinit in ~/.zshrc
  nas completions fish > ~/.config/fish/completions/nas.fish
  nas completions powershell >> $PROFILE
  nas completions elvish >> ~/.config/elvish/rc.elv";

#[derive(Debug, Args)]
#[command(after_long_help = COMPLETIONS_HELP)]
pub(crate) struct CompletionsArgs {
    /// Shell
    #[arg(value_enum, value_name = "SHELL")]
    pub(crate) shell: Shell,
}

/// The help of `nas schema`.
pub(super) const SCHEMA_HELP: &str = "\
Examples:
  nas schema > nas.schema.json
      Then `#:schema nas.schema.json` is the first line of a configuration file";

const MAN_HELP: &str = "\
Examples:
  nas man ~/.local/share/man/man1
      Then `man nas` and `man nas-search` show them
  nas man pages";

#[derive(Debug, Args)]
#[command(after_long_help = MAN_HELP)]
pub(crate) struct ManArgs {
    /// Folder for the pages, which is made if it does not exist
    ///
    /// Pages of the same names are replaced.
    #[arg(value_name = "DIR")]
    pub(crate) dir: PathBuf,
}
