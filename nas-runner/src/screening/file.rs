//! Scores from a CSV that `nas score --out` has written.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use nas_space::arch::Architecture;
use nas_space::search::{Failure, FailureKind};
use nas_space::spaces::Space;

use super::{ScoreTable, Timed};

/// The scores of one column.
pub(super) struct ScoreFile {
    path: PathBuf,
    column: String,
    /// Scores and seconds.
    scores: HashMap<Architecture, (f64, f64)>,
    fingerprint: String,
}

impl ScoreFile {
    pub(super) fn read(path: &Path, column: &str, space: &dyn Space) -> Result<Self> {
        let shown = path.display();
        let table = ScoreTable::read(path, &[column.to_owned()])?;
        let mut scores = HashMap::new();
        for row in &table.rows {
            let architecture = space.architecture(&row.genotype).with_context(|| {
                format!("{shown}, line {} is not of the space that is searched", row.line)
            })?;
            scores.insert(architecture, (row.scores[0], row.seconds.unwrap_or(0.0)));
        }
        Ok(Self {
            path: path.to_owned(),
            column: column.to_owned(),
            scores,
            fingerprint: table.fingerprint,
        })
    }
}

impl Timed for ScoreFile {
    fn description(&self) -> String {
        format!("column {} of a file of scores, {}", self.column, self.fingerprint)
    }

    fn score(&self, architecture: &Architecture) -> Result<(f64, f64), Failure> {
        self.scores.get(architecture).copied().ok_or_else(|| {
            let message = format!("{} has no score of {architecture}", self.path.display());
            Failure::new(FailureKind::Other, message)
        })
    }
}

#[cfg(test)]
mod tests {
    use nas_space::spaces::nb201;

    use super::*;

    const CELL: &str = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|nor_conv_1x1~2|";

    fn read(text: &str, column: &str) -> Result<ScoreFile> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("scores.csv");
        std::fs::write(&path, text).unwrap();
        ScoreFile::read(&path, column, &nb201())
    }

    #[test]
    fn scores_of_the_named_column_are_read_with_their_seconds() {
        let space = nb201();
        let architecture = space.architecture(&CELL.parse().unwrap()).unwrap();
        let file = read(
            &format!("arch,naswot,synflow,seconds\n{CELL},1.5,-inf,0.25\n"),
            "synflow",
        )
        .unwrap();
        assert_eq!(file.score(&architecture).unwrap(), (f64::NEG_INFINITY, 0.25));
        let file = read(&format!("arch,naswot\n{CELL},1.5\n"), "naswot").unwrap();
        assert_eq!(file.score(&architecture).unwrap(), (1.5, 0.0));
        let other = architecture.with_choice(0, 0);
        assert!(
            file.score(&other)
                .unwrap_err()
                .message
                .contains("has no score of")
        );
    }

    #[test]
    fn a_damaged_file_is_refused_with_its_line() {
        for (text, reason) in [
            ("a,b\n".to_owned(), "has no column arch"),
            (
                format!("arch,synflow\n{CELL},1\n"),
                "has no column naswot; its scores are synflow",
            ),
            ("arch,naswot\n".to_owned(), "has no scores"),
            (
                format!("arch,naswot\n{CELL},high\n"),
                "line 2: 'high' is no number",
            ),
            (format!("arch,naswot\n{CELL},NaN\n"), "line 2: 'NaN' is no number"),
            ("arch,naswot\n|what~0|,1\n".to_owned(), "line 2"),
        ] {
            let error = read(&text, "naswot").err().map(|error| format!("{error:#}"));
            assert!(
                error.as_ref().is_some_and(|error| error.contains(reason)),
                "{error:?}"
            );
        }
    }
}
