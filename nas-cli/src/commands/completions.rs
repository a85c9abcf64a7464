//! `nas completions`: the script by which a shell completes commands and options.

use anyhow::Result;
use clap_complete::generate;
use serde::Serialize;

use crate::args::{CompletionsArgs, visible};
use crate::output::{Output, write_stdout};

/// The JSON of `nas completions`.
#[derive(Debug, Serialize)]
struct Script {
    shell: String,
    script: String,
}

/// Prints the script.
pub(crate) fn run(args: &CompletionsArgs, output: Output) -> Result<()> {
    let mut script = Vec::new();
    generate(args.shell, &mut visible(), "nas", &mut script);
    let script = String::from_utf8(script)?;
    match output {
        Output::Text => write_stdout(&script),
        Output::Json => {
            let shell = args.shell.to_string();
            output.result(&Script { shell, script }, String::new)
        }
    }
}
