//! The rows of a CSV of scores: architectures, their scores and the seconds that these have cost.

use std::path::Path;

use anyhow::{Context, Result, bail};
use nas_space::genotype::Genotype;

use crate::architecture_csv::ArchitectureCsv;

/// The column with the seconds that the scores of an architecture have cost.
const SECONDS: &str = "seconds";

/// A file that `nas score --out` has written, or another CSV with a column `arch`.
pub struct ScoreTable {
    /// The names of the scores.
    pub columns: Vec<String>,
    /// The rows, in the order of the file; at least one.
    pub rows: Vec<ScoreRow>,
    /// What identifies its content.
    pub fingerprint: String,
}

/// The scores of one architecture.
pub struct ScoreRow {
    /// Its line in the file, from 1.
    pub line: usize,
    /// The architecture.
    pub genotype: Genotype,
    /// Its scores, one for each column; no NaN.
    pub scores: Vec<f64>,
    /// The seconds that all scores of the row have cost, where the file says it.
    pub seconds: Option<f64>,
}

impl ScoreTable {
    /// Reads these columns, or all columns of scores if none is named.
    ///
    /// # Errors
    /// Where the file cannot be read, has no such column, no rows, or a value that is no number.
    pub fn read(path: &Path, columns: &[String]) -> Result<Self> {
        let shown = path.display();
        let csv = ArchitectureCsv::read(path)?;
        let others: Vec<&str> = csv.columns().filter(|name| *name != SECONDS).collect();
        let columns: Vec<String> = match columns {
            [] => others.iter().map(|&name| name.to_owned()).collect(),
            named => named.to_vec(),
        };
        if columns.is_empty() {
            bail!("{shown} has no column of scores");
        }
        let mut of_columns = Vec::with_capacity(columns.len());
        for column in &columns {
            let scores = csv.numbers(column)?.with_context(|| {
                format!(
                    "{shown} has no column {column}; its scores are {}",
                    others.join(", ")
                )
            })?;
            of_columns.push(scores);
        }
        let seconds = csv.numbers(SECONDS)?;
        let rows = csv.genotypes().enumerate().map(|(row, genotype)| ScoreRow {
            line: row + ArchitectureCsv::FIRST_LINE,
            genotype: genotype.clone(),
            scores: of_columns.iter().map(|scores| scores[row]).collect(),
            seconds: seconds.as_ref().map(|seconds| seconds[row]),
        });
        let rows: Vec<ScoreRow> = rows.collect();
        if rows.is_empty() {
            bail!("{shown} has no scores");
        }
        Ok(Self {
            columns,
            rows,
            fingerprint: csv.fingerprint().to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_columns_but_seconds_are_scores_where_none_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("scores.csv");
        let cell = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|nor_conv_1x1~2|";
        std::fs::write(&path, format!("seconds,naswot,arch,snip\n0.5,1.5,{cell},-inf\n")).unwrap();
        let all = ScoreTable::read(&path, &[]).unwrap();
        assert_eq!(all.columns, ["naswot", "snip"]);
        let row = &all.rows[0];
        assert_eq!((row.line, row.seconds), (2, Some(0.5)));
        assert_eq!(row.scores, [1.5, f64::NEG_INFINITY]);
        let one = ScoreTable::read(&path, &["snip".to_owned()]).unwrap();
        assert_eq!(one.rows[0].scores, [f64::NEG_INFINITY]);
        std::fs::write(&path, format!("arch,seconds\n{cell},1\n")).unwrap();
        let error = ScoreTable::read(&path, &[]).err().map(|error| error.to_string());
        assert!(error.is_some_and(|error| error.contains("no column of scores")));
    }
}
