//! Rust: for programs that embed a network, without dependencies.

mod layers;
#[cfg(test)]
mod ops;

use crate::error::ExportError;
use crate::file::{File, Format};
use crate::preprocessing::Preprocessing;
use crate::source::Source;

const MANIFEST: &str = "[package]
name = \"__NAME__\"
version = \"0.1.0\"
edition = \"2021\"
rust-version = \"1.73\"
publish = false
";
const NETWORK: &str = include_str!("network.rs");
const OPS: &str = include_str!("ops.rs");
const CLASSIFY: &str = include_str!("classify.rs");
const README: &str = include_str!("crate.md");

/// Words that name neither crates nor variables.
const KEYWORDS: &str = "abstract as async await become box break const continue crate do dyn else enum \
    extern false final fn for gen if impl in let loop macro match mod move mut override priv pub ref \
    return self static struct super test trait true try type typeof unsafe unsized use virtual where \
    while yield";

/// A crate of the standard library alone, without unsafe code: `logits` and `probabilities` of an
/// image's bytes, C×H×W, as [`Preprocessing`] says.
///
/// It computes on one thread. Batch norms have become part of the convolutions before them.
#[derive(Debug, Clone)]
pub struct RustCrate {
    /// The name of the crate: letters, digits, - and _, a letter first.
    pub name: String,
}

impl Default for RustCrate {
    fn default() -> Self {
        Self {
            name: "network".to_owned(),
        }
    }
}

impl Format for RustCrate {
    fn name(&self) -> &'static str {
        "rust"
    }

    fn files(&self, source: &Source<'_>) -> Result<Vec<File>, ExportError> {
        source.check()?;
        let letters = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if !self.name.starts_with(|c: char| c.is_ascii_alphabetic())
            || !self.name.chars().all(letters)
            || is_keyword(&self.name)
        {
            return Err(ExportError::Mismatch {
                what: "the name of the crate",
                got: format!("'{}'", self.name),
                expected: "letters, digits, - and _, a letter first, and no word of Rust".to_owned(),
            });
        }
        let written = layers::lines(&source.model.folded()?)?;
        let weights: Vec<u8> = written
            .weights
            .iter()
            .flat_map(|weight| weight.to_le_bytes())
            .collect();
        let image = source.model.network().image();
        let single = |values: &[f64]| values.iter().map(|&value| value as f32).collect::<Vec<_>>();
        let values = [
            ("NAME", self.name.clone()),
            ("CRATE", self.name.replace('-', "_")),
            ("CLASS_COUNT", source.classes.len().to_string()),
            (
                "SHAPE",
                format!("{:?}", [image.channels, image.height, image.width]),
            ),
            ("CHANNELS", image.channels.to_string()),
            ("MEAN", format!("{:?}", single(source.normalization.mean()))),
            ("STD", format!("{:?}", single(source.normalization.std()))),
            ("LAYERS", written.lines.join("\n")),
            ("LOGITS", written.logits),
            // What comes from outside is put in last, so that nothing is replaced in it.
            ("FACTS", facts(source)),
        ];
        let filled = |template: &str| {
            let fill =
                |text: String, (name, value): &(&str, String)| text.replace(&format!("__{name}__"), value);
            values.iter().fold(template.to_owned(), fill)
        };
        Ok(vec![
            File::new("src/lib.rs", filled(NETWORK)),
            File::new("src/ops.rs", OPS),
            File::new("weights.bin", weights),
            File::new("examples/classify.rs", filled(CLASSIFY)),
            File::new("Cargo.toml", filled(MANIFEST)),
            File::new("README.md", filled(README)),
            File::new("preprocess.json", Preprocessing::of(source).json()),
        ])
    }
}

/// The constants whose text comes from outside: Rust's debug format escapes it as Rust reads it.
fn facts(source: &Source<'_>) -> String {
    let (classes, facts) = (&source.classes, &source.facts);
    format!(
        "/// Names of the classes, in the order of the scores.\n\
         pub const CLASSES: [&str; {}] = {classes:?};\n\
         /// What is known of the network.\n\
         pub const ABOUT: [(&str, &str); {}] = {facts:?};",
        classes.len(),
        facts.len(),
    )
}

fn is_keyword(name: &str) -> bool {
    KEYWORDS.split_whitespace().any(|word| word == name)
}
