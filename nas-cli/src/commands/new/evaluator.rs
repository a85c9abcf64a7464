//! The file of an evaluator.

use std::path::Path;

use anyhow::Result;
use nas_runner::shell;
use nas_study::templates::{EVALUATOR_PYTHON, EVALUATOR_RUST, EVALUATOR_SHELL};

use super::{Written, create, extension};
use crate::args::NewEvaluatorArgs;

/// Where the examples lie in the repository.
const FOLDER: &str = "nas-study/examples/";
/// What the examples say of the protocol's page.
const BESIDE: &str = "EVALUATORS.md beside this folder";
/// The same for a file that lies elsewhere.
const IN_REPOSITORY: &str = "nas-study/EVALUATORS.md in the repository of nas";

/// Writes the evaluator in the language that the name of the file says.
pub(super) fn write(args: &NewEvaluatorArgs) -> Result<Written> {
    let path = &args.file;
    let extension = extension(path, &["py", "sh", "rs"])?;
    let file = shell::quoted(path);
    let search = |program: &str| {
        let command = format!("{program} {file}").replace('\'', "'\\''");
        vec![format!(
            "nas search random --space nb201 --evaluator '{command}' --trials 10"
        )]
    };
    let (text, what, next, change) = match extension {
        "py" => (
            placed(EVALUATOR_PYTHON, "evaluator.py", path),
            "an evaluator in Python that trains a small perceptron",
            search("python3"),
            "put your training in the place of the function train",
        ),
        "sh" => (
            placed(EVALUATOR_SHELL, "evaluator.sh", path),
            "an evaluator for a shell that counts convolutions",
            search("sh"),
            "put your training in the place of the function evaluate",
        ),
        _ => (
            rust(),
            "an evaluator in Rust that counts parameters, and a search with it",
            vec![
                "cargo new --bin mine && cd mine".to_owned(),
                format!(
                    "cargo add --git {} nas-evo nas-space nas-study",
                    env!("CARGO_PKG_REPOSITORY")
                ),
                "move the file to src/main.rs, then: cargo run --release".to_owned(),
            ],
            "put your training in the place of the function evaluate",
        ),
    };
    create(path, &text)?;
    Ok(Written {
        file: path.clone(),
        what: what.to_owned(),
        next,
        change,
    })
}

/// The text of an example, which names the file that it is written to.
fn placed(text: &str, example: &str, path: &Path) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let name = path.file_name().and_then(|name| name.to_str());
    let name = name.filter(|name| name.chars().all(plain)).unwrap_or("FILE");
    text.replace(&format!("{FOLDER}{example}"), name)
        .replace(BESIDE, IN_REPOSITORY)
}

/// The Rust example without what only the repository's own lints need.
fn rust() -> String {
    let lines = EVALUATOR_RUST.lines();
    let mut text = String::new();
    let mut before_blank = false;
    for line in lines.filter(|line| !line.starts_with("#![expect(")) {
        // The line that is left out stood between two empty ones.
        if !(line.is_empty() && before_blank) {
            text += line;
            text.push('\n');
        }
        before_blank = line.is_empty();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_names_itself_and_nothing_that_lies_elsewhere() {
        for (text, example) in [
            (EVALUATOR_PYTHON, "evaluator.py"),
            (EVALUATOR_SHELL, "evaluator.sh"),
        ] {
            let placed = placed(text, example, Path::new("some/mine.x"));
            assert!(placed.contains("mine.x' --trials 10"), "{placed}");
            assert!(placed.contains(IN_REPOSITORY), "{placed}");
            assert!(!placed.contains(FOLDER), "{placed}");
        }
        assert!(placed(EVALUATOR_PYTHON, "evaluator.py", Path::new("it's.py")).contains("FILE' --trials 10"));
    }

    #[test]
    fn the_rust_file_has_no_lint_of_the_repository() {
        assert!(EVALUATOR_RUST.contains("#![expect("));
        let text = rust();
        assert!(!text.contains("#![") && !text.contains("\n\n\n"), "{text}");
        assert!(
            text.contains("impl Evaluator for") && text.contains("fn main()"),
            "{text}"
        );
    }
}
