//! Scores that are kept in a file as they are computed, and the seconds that they cost.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result, bail};
use nas_eval::clock::Stopwatch;
use nas_space::arch::Architecture;
use nas_space::search::{Failure, FailureKind, Scorer};

/// The largest file that is read: tens of millions of scores.
const MOST_BYTES: u64 = 1 << 30;
/// The first line of the file.
const HEADER: &str = "choices,score";

/// A scorer that knows what its scores cost.
pub trait Timed: Send + Sync {
    /// As [`Scorer::description`].
    fn description(&self) -> String;

    /// The score of an architecture, and the seconds that it costs.
    ///
    /// # Errors
    /// As [`Scorer::score`].
    fn score(&self, architecture: &Architecture) -> Result<(f64, f64), Failure>;
}

/// A scorer whose seconds are measured.
pub(super) struct Measured<S>(pub(super) S);

impl<S: Scorer> Timed for Measured<S> {
    fn description(&self) -> String {
        self.0.description()
    }

    fn score(&self, architecture: &Architecture) -> Result<(f64, f64), Failure> {
        let stopwatch = Stopwatch::start();
        let score = self.0.score(architecture)?;
        Ok((score, stopwatch.seconds()))
    }
}

/// The scores of one search.
pub(super) struct Record {
    scores: Arc<dyn Timed>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    known: HashMap<Architecture, f64>,
    file: Option<File>,
    /// Seconds that no trial was charged yet.
    seconds: f64,
}

impl Record {
    pub(super) fn new(scores: Arc<dyn Timed>) -> Self {
        Self {
            scores,
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change of it is one step.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes up the scores of a file, and adds to it from now on. A last line that was torn is removed.
    pub(super) fn open(&self, path: &Path) -> Result<()> {
        let shown = path.display();
        let mut file = nas_files::open_or_create_own(path).with_context(|| format!("cannot open {shown}"))?;
        let mut text = String::new();
        (&file)
            .take(MOST_BYTES + 1)
            .read_to_string(&mut text)
            .with_context(|| format!("cannot read {shown}"))?;
        if text.len() as u64 > MOST_BYTES {
            bail!("{shown} has more than {MOST_BYTES} bytes; remove it, and scores are computed again");
        }
        let whole = text.rfind('\n').map_or("", |end| &text[..=end]);
        let mut lines = whole.lines();
        match lines.next() {
            None | Some(HEADER) => {}
            Some(other) => bail!(
                "{shown} begins with '{other}', not with '{HEADER}'; expected the scores of this run: remove the file, and they \
                 are computed again"
            ),
        }
        let mut state = self.state();
        for (number, line) in lines.enumerate() {
            let (architecture, score) = parse(line).with_context(|| {
                format!(
                    "{shown}: line {} is no score; remove the file, and scores are computed again",
                    number + 2
                )
            })?;
            state.known.insert(architecture, score);
        }
        file.set_len(whole.len() as u64)?;
        file.seek(SeekFrom::End(0))?;
        if whole.is_empty() {
            writeln!(file, "{HEADER}").with_context(|| format!("cannot write {shown}"))?;
        }
        state.file = Some(file);
        Ok(())
    }

    /// The seconds since the last time.
    pub(super) fn take_seconds(&self) -> f64 {
        std::mem::take(&mut self.state().seconds)
    }
}

impl Scorer for Record {
    fn description(&self) -> String {
        self.scores.description()
    }

    fn score(&self, architecture: &Architecture) -> Result<f64, Failure> {
        if let Some(&score) = self.state().known.get(architecture) {
            return Ok(score);
        }
        let (score, seconds) = self.scores.score(architecture)?;
        let mut state = self.state();
        state.seconds += seconds;
        state.known.insert(architecture.clone(), score);
        if let Some(file) = &mut state.file {
            let choices: Vec<String> = architecture.choices().iter().map(ToString::to_string).collect();
            writeln!(file, "{},{score:?}", choices.join("-"))
                .map_err(|error| Failure::new(FailureKind::Other, format!("cannot keep a score: {error}")))?;
        }
        Ok(score)
    }
}

fn parse(line: &str) -> Option<(Architecture, f64)> {
    let (choices, score) = line.split_once(',')?;
    let choices: Vec<usize> = choices
        .split('-')
        .map(|choice| choice.parse().ok())
        .collect::<Option<_>>()?;
    Some((Architecture::new(choices), score.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    /// A tenth of the first choice, in half a second each.
    #[derive(Default)]
    struct Tenth(AtomicU32);

    impl Timed for Tenth {
        fn description(&self) -> String {
            "tenth".to_owned()
        }

        fn score(&self, architecture: &Architecture) -> Result<(f64, f64), Failure> {
            self.0.fetch_add(1, Ordering::Relaxed);
            Ok((architecture.choices()[0] as f64 / 10.0, 0.5))
        }
    }

    fn of(first: usize) -> Architecture {
        Architecture::new([first, 12])
    }

    #[test]
    fn scores_are_kept_and_cost_nothing_the_second_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("scores.csv");
        let record = Record::new(Arc::new(Tenth::default()));
        record.open(&path).unwrap();
        assert_eq!(record.score(&of(3)).unwrap(), 0.3);
        assert_eq!(record.score(&of(7)).unwrap(), 0.7);
        assert_eq!(record.score(&of(3)).unwrap(), 0.3);
        assert_eq!((record.take_seconds(), record.take_seconds()), (1.0, 0.0));
        drop(record);
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text, "choices,score\n3-12,0.3\n7-12,0.7\n");
        // Torn.
        std::fs::write(&path, format!("{text}4-12,0.")).unwrap();
        let scores = Arc::new(Tenth::default());
        let record = Record::new(scores.clone());
        record.open(&path).unwrap();
        assert_eq!(record.score(&of(7)).unwrap(), 0.7);
        assert_eq!(
            (scores.0.load(Ordering::Relaxed), record.take_seconds()),
            (0, 0.0)
        );
        assert_eq!(record.score(&of(4)).unwrap(), 0.4);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text + "4-12,0.4\n");
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (elsewhere, path) = (folder.path().join("elsewhere"), folder.path().join("scores.csv"));
        std::fs::write(&elsewhere, "mine").unwrap();
        std::os::unix::fs::symlink(&elsewhere, &path).unwrap();
        let record = Record::new(Arc::new(Tenth::default()));
        let error = record.open(&path).unwrap_err();
        assert!(format!("{error:#}").contains("link"), "{error:#}");
        assert_eq!(std::fs::read_to_string(&elsewhere).unwrap(), "mine");
    }

    #[test]
    fn a_file_of_something_else_is_refused_and_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("scores.csv");
        for (text, reason) in [
            ("arch,naswot\n", "begins with 'arch,naswot'"),
            ("choices,score\n1-x,2\n", "line 2 is no score"),
        ] {
            std::fs::write(&path, text).unwrap();
            let record = Record::new(Arc::new(Tenth::default()));
            let error = record.open(&path).unwrap_err();
            assert!(format!("{error:#}").contains(reason), "{error:#}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
    }
}
