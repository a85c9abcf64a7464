//! `nas new`: files from which the user starts a space or an evaluator.

mod evaluator;
mod space;

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use nas_runner::Usage;
use serde::Serialize;

use crate::args::NewCommand;
use crate::output::Output;

/// The JSON of `nas new`.
#[derive(Debug, Serialize)]
struct Written {
    file: PathBuf,
    /// What it is, for people.
    what: String,
    /// What to do next: commands, in order.
    next: Vec<String>,
    /// What to change in the file.
    change: &'static str,
}

/// Writes the file.
pub(crate) fn run(command: &NewCommand, output: Output) -> Result<()> {
    let written = match command {
        NewCommand::Space(args) => space::write(args)?,
        NewCommand::Evaluator(args) => evaluator::write(args)?,
    };
    output.result(&written, || text(&written))
}

/// Writes a file that does not exist.
fn create(path: &Path, text: &str) -> Result<()> {
    let created = OpenOptions::new().write(true).create_new(true).open(path);
    let mut file = match created {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            let why = format!(
                "FILE: {} exists and is not replaced; choose another name",
                path.display()
            );
            return Err(Usage::new(why).into());
        }
        other => other.with_context(|| format!("cannot write {}", path.display()))?,
    };
    file.write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .with_context(|| format!("cannot write {}", path.display()))
}

/// The extension of a file, which is one of these.
fn extension<'a>(path: &'a Path, known: &[&str]) -> Result<&'a str> {
    let extension = path.extension().and_then(|extension| extension.to_str());
    extension.filter(|found| known.contains(found)).ok_or_else(|| {
        let expected = known.iter().map(|known| format!(".{known}")).collect::<Vec<_>>();
        let why = format!(
            "FILE: {} does not end in {}",
            path.display(),
            expected.join(" or ")
        );
        Usage::new(why).into()
    })
}

fn text(written: &Written) -> String {
    let mut lines = vec![format!("wrote  {}: {}", written.file.display(), written.what)];
    for (place, command) in written.next.iter().enumerate() {
        let name = if place == 0 { "next" } else { "" };
        lines.push(format!("{name:<6} {command}"));
    }
    lines.push(format!("then   {}", written.change));
    lines.join("\n")
}
