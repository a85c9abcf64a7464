//! What a user may name an architecture by.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use nas_space::genotype::Genotype;
use nas_study::RunDir;

use crate::plan::RunConfig;
use crate::usage::Typed;

/// An architecture that was named, and what the place where it was found says of it.
pub(crate) struct Found {
    /// The architecture.
    pub(crate) genotype: Genotype,
    /// The search that found it: of a run directory.
    pub(crate) search: Option<RunConfig>,
}

/// The architecture that `text` names: a run directory (its best), a file with a genotype in any written form, a
/// name, or a written form itself.
pub(crate) fn resolve(text: &str) -> Result<Found> {
    let path = Path::new(text);
    if path.is_dir() {
        return best_of_run(path);
    }
    let genotype = if path.is_file() {
        let content = fs::read_to_string(path).with_context(|| format!("cannot read {text}"))?;
        content
            .trim()
            .parse()
            .with_context(|| format!("{text} holds no architecture"))?
    } else {
        text.parse()
            .with_context(|| format!("'{text}' is no file, run directory, name or written architecture"))
            .typed("ARCH")?
    };
    Ok(Found {
        genotype,
        search: None,
    })
}

fn best_of_run(path: &Path) -> Result<Found> {
    let run = RunDir::open(path)?;
    let genotype = run
        .read_best()?
        .genotype
        .parse()
        .with_context(|| format!("the best architecture of {} cannot be read", path.display()))?;
    Ok(Found {
        genotype,
        search: Some(run.read_config()?),
    })
}
