//! The file of scores, which is written as they are found.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// A CSV: `arch`, then a column for each proxy.
pub(super) struct ScoreFile {
    path: PathBuf,
    file: File,
    /// What is in it from before: architectures with their scores as text.
    recorded: Vec<(String, Vec<f64>)>,
}

impl ScoreFile {
    /// The file of these proxies, new or to be continued. A last line that was torn is removed.
    pub(super) fn open(path: &Path, names: &[&str]) -> Result<Self> {
        let header = format!("arch,{}", names.join(","));
        let shown = path.display();
        let before = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error).with_context(|| format!("cannot read {shown}")),
        };
        let whole = before.rfind('\n').map_or("", |end| &before[..=end]);
        let mut lines = whole.lines();
        let recorded = match lines.next() {
            None => Vec::new(),
            Some(first) if first == header => lines
                .enumerate()
                .map(|(number, line)| {
                    read(line, names.len())
                        .with_context(|| format!("{shown}: line {} is no row of scores", number + 2))
                })
                .collect::<Result<_>>()?,
            Some(_) => bail!(
                "--out: {shown} exists and does not begin with '{header}'; expected a new file, or that of the same command"
            ),
        };
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path)
            .with_context(|| format!("--out: {shown} cannot be written"))?;
        file.set_len(whole.len() as u64)?;
        std::io::Seek::seek(&mut file, std::io::SeekFrom::End(0))?;
        if whole.is_empty() {
            writeln!(file, "{header}").with_context(|| format!("{shown} cannot be written"))?;
        }
        Ok(Self {
            path: path.to_owned(),
            file,
            recorded,
        })
    }

    /// The scores in this row, if there is one. It has to be of this architecture.
    pub(super) fn recorded(&self, row: usize, arch: &str) -> Result<Option<Vec<f64>>> {
        match self.recorded.get(row) {
            Some((of, scores)) if of == arch => Ok(Some(scores.clone())),
            Some((of, _)) => bail!(
                "--out: row {} of {} is {of}, not {arch}: it is of other architectures; expected a new file",
                row + 1,
                self.path.display()
            ),
            None => Ok(None),
        }
    }

    /// Adds a row, or checks the one that is there.
    pub(super) fn put(&mut self, arch: &str, scores: &[f64], recorded: Option<&[f64]>) -> Result<()> {
        let path = self.path.display();
        if let Some(recorded) = recorded {
            if recorded != scores {
                bail!(
                    "--out: {path} gives {arch} the scores {recorded:?}, now {scores:?}: it is of other settings or another \
                     machine; expected a new file"
                );
            }
            return Ok(());
        }
        let scores: String = scores.iter().map(|score| format!(",{score:?}")).collect();
        writeln!(self.file, "{}{scores}", quoted(arch))
            .and_then(|()| self.file.flush())
            .with_context(|| format!("{path} cannot be written"))
    }

    /// Refuses a file with more rows than there are architectures.
    pub(super) fn check_end(&self, rows: usize) -> Result<()> {
        if self.recorded.len() > rows {
            bail!(
                "--out: {} has {} rows, more than the {rows} that were asked for; it is left as it is",
                self.path.display(),
                self.recorded.len()
            );
        }
        Ok(())
    }
}

/// A field of a CSV, in quotes where it needs them.
fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

/// A row that has been written.
fn read(line: &str, scores: usize) -> Option<(String, Vec<f64>)> {
    let mut fields = line.rsplitn(scores + 1, ',').collect::<Vec<_>>();
    fields.reverse();
    let (arch, numbers) = fields.split_first()?;
    let arch = match arch.strip_prefix('"') {
        Some(rest) => rest.strip_suffix('"')?.replace("\"\"", "\""),
        None => (*arch).to_owned(),
    };
    let numbers: Option<Vec<f64>> = numbers.iter().map(|number| number.parse().ok()).collect();
    numbers
        .filter(|numbers| numbers.len() == scores)
        .map(|numbers| (arch, numbers))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_with_the_same_bits_and_a_torn_one_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("scores.csv");
        let mut file = ScoreFile::open(&path, &["a", "b"]).unwrap();
        let rows = [
            ("|x~0|", [0.1 + 0.2, f64::NEG_INFINITY]),
            ("Genotype(normal=[('a', 1)], \"b\")", [-1e300, 5e-324]),
        ];
        for (arch, scores) in &rows {
            file.put(arch, scores, None).unwrap();
        }
        drop(file);
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, format!("{text}|y~0|,1.0")).unwrap();
        let mut file = ScoreFile::open(&path, &["a", "b"]).unwrap();
        for (row, (arch, scores)) in rows.iter().enumerate() {
            assert_eq!(file.recorded(row, arch).unwrap().unwrap(), scores);
        }
        assert_eq!(file.recorded(2, "|y~0|").unwrap(), None);
        assert!(file.recorded(0, "|y~0|").is_err());
        assert!(file.put("|x~0|", &[1.0, 2.0], Some(&[1.0, 3.0])).is_err());
        file.check_end(2).unwrap();
        assert!(file.check_end(1).is_err());
        drop(file);
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
        assert!(ScoreFile::open(&path, &["a"]).is_err());
    }
}
