//! What a user may name an architecture by.

use std::path::Path;

use anyhow::{Context, Result};
use nas_runner::Typed;
use nas_runner::plan::RunConfig;
use nas_space::codec::{self, Reading};
use nas_space::genotype::Genotype;
use nas_study::RunDir;

use crate::output::note;

/// Most bytes of a file that an architecture is looked for in: logs of searches have one somewhere.
const MOST_TEXT: u64 = 16 << 20;

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
    let Reading { genotype, note: said } = if path.is_file() {
        let content =
            nas_files::read_bytes(path, MOST_TEXT).with_context(|| format!("cannot read {text}"))?;
        codec::read(&decoded(&content)).with_context(|| format!("{text} holds no architecture"))?
    } else {
        codec::read(text)
            .with_context(|| {
                let text = codec::shortened(text);
                format!("'{text}' is neither a file, a run directory, a name nor the text of an architecture")
            })
            .typed("ARCH")?
    };
    if let Some(said) = said {
        let text = codec::shortened(text);
        note(&format!("note: {text}: {said}"));
    }
    Ok(Found {
        genotype,
        search: None,
    })
}

/// The text of a file in UTF-8, or in UTF-16 with its mark, as some shells of Windows write. What is neither is replaced.
fn decoded(content: &[u8]) -> String {
    let units = |of: fn([u8; 2]) -> u16| -> Vec<u16> {
        let pairs = content[2..].chunks_exact(2);
        pairs.map(|pair| of([pair[0], pair[1]])).collect()
    };
    match content {
        [0xff, 0xfe, ..] => String::from_utf16_lossy(&units(u16::from_le_bytes)),
        [0xfe, 0xff, ..] => String::from_utf16_lossy(&units(u16::from_be_bytes)),
        _ => String::from_utf8_lossy(content).into_owned(),
    }
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
