//! Commands as a person copies them into a shell.

use std::path::Path;

use crate::plan::{Estimation, RunConfig};

/// A path as a shell takes it.
pub fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "/._-+=:@,".contains(letter);
    if !text.is_empty() && text.chars().all(plain) && !text.starts_with('-') {
        return text;
    }
    let quoted = format!("'{}'", text.replace('\'', "'\\''"));
    match text.starts_with('-') {
        true => format!("./{quoted}"),
        false => quoted,
    }
}

/// The command that resumes a run; `config` is the run's configuration where it could be read.
pub fn resume(run: &Path, config: Option<&RunConfig>) -> String {
    let consent = match config.map(|config| &config.estimation) {
        Some(Estimation::Command(_)) => " --allow-evaluator",
        _ => "",
    };
    format!("nas resume {}{consent}", quoted(run))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_shell_would_take_apart_is_quoted() {
        let quoted = |text: &str| quoted(Path::new(text));
        assert_eq!(
            quoted("runs/rl-nb201-0/config.toml"),
            "runs/rl-nb201-0/config.toml"
        );
        assert_eq!(quoted("my runs/it's"), "'my runs/it'\\''s'");
        assert_eq!(quoted("-x y"), "./'-x y'");
        assert_eq!(quoted("-x"), "./'-x'");
        assert_eq!(resume(Path::new("a b"), None), "nas resume 'a b'");
    }
}
