//! `nas schema`: the configuration file, described for editors.

use anyhow::Result;

use crate::output::Output;

/// Prints the JSON Schema of the file that `--config` reads.
pub(crate) fn run(output: Output) -> Result<()> {
    let schema = nas_runner::schema();
    let text = serde_json::to_string_pretty(&schema)?;
    output.result(&schema, || text)
}
