//! Progress bars on stderr. They are silent where stderr is no terminal.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use nas_data::{Progress, Stage};
use nas_eval::table_build::BuildProgress;
use nas_eval::train::EpochMetrics;
use nas_report::Shown as _;
use nas_report::number::percent;
use nas_runner::{RunEvent, Watcher};
use nas_space::search::{Budget, Metric, TrialId};
use nas_study::{Event, TrialRecord};

use crate::output::{note, printable};

/// Time between two drawings of a bar to which nothing happens.
const TICK: Duration = Duration::from_millis(500);

const BY_TRIALS: &str = "{prefix} {wide_bar} {pos}/{len} trials, {per_sec}, {eta} left, {msg}";
const BY_SECONDS: &str = "{prefix} {wide_bar} {pos}/{len} s, {eta} left, {msg}";
const BY_EPOCHS: &str = "{prefix} {wide_bar} {pos}/{len} epochs, {eta} left, {msg}";
const BY_TRAININGS: &str = "{prefix} {wide_bar} {pos}/{len} trainings, {per_sec}, {eta} left, {msg}";
const BY_SCORES: &str = "{prefix} {wide_bar} {pos}/{len} architectures, {per_sec}, {eta} left";
const BY_RUNS: &str = "{prefix} {wide_bar} {pos}/{len} runs, {eta} left {msg}";
const BY_IMAGES: &str = "{prefix} {wide_bar} {pos}/{len}, {msg}";
const BY_FILES: &str = "{prefix} {wide_bar} {pos}/{len}, {per_sec}, {eta} left";
const UNLIMITED: &str = "{prefix} {spinner} {elapsed}, {msg}";
const EPOCHS: &str = "{prefix} {wide_bar} {pos}/{len} epochs, {eta} left, {msg}";

/// What bars are drawn on, one under the other.
#[derive(Debug, Clone, Default)]
pub(crate) struct Screen(MultiProgress);

/// The trials of a search: which one is under way, the last and the best so far, the rate and the time left.
struct TrialBar {
    bar: ProgressBar,
    standing: Standing,
    replayed: bool,
}

/// Where a search stands.
#[derive(Debug, Default)]
struct Standing {
    current: Option<TrialId>,
    /// `None` for a failure.
    last: Option<Option<f64>>,
    best: Option<f64>,
    /// What they are scores of.
    metric: Metric,
}

impl Standing {
    fn message(&self) -> String {
        let current = self.current.map(|id| format!("trial {id}"));
        let last = self.last.map(|last| match last {
            Some(score) => format!("last {}", self.metric.shown(score)),
            None => "last failed".to_owned(),
        });
        let best = self.best.map(|best| format!("best {}", self.metric.shown(best)));
        let parts: Vec<String> = [current, last, best].into_iter().flatten().collect();
        parts.join(", ")
    }
}

impl TrialBar {
    /// A bar as long as the budget, where that can be told.
    pub(crate) fn new(screen: &Screen, budget: &Budget, metric: Metric) -> Self {
        let (length, template) = match (budget.trials, budget.epochs, budget.seconds) {
            (Some(trials), _, _) => (Some(trials), BY_TRIALS),
            (None, Some(epochs), _) => (Some(epochs), BY_EPOCHS),
            (None, None, Some(seconds)) => (Some(seconds.ceil() as u64), BY_SECONDS),
            (None, None, None) => (None, UNLIMITED),
        };
        Self {
            bar: started(screen, length, template, "search".to_owned()),
            standing: Standing {
                metric,
                ..Standing::default()
            },
            replayed: false,
        }
    }

    /// Shows what happened.
    pub(crate) fn show(&mut self, event: &Event) {
        match event {
            Event::Resumed { finished, .. } => {
                self.bar
                    .println(format!("continuing: {finished} trials are on record"));
            }
            Event::Asked { record } => {
                if std::mem::take(&mut self.replayed) {
                    // What was only read is no measure of the time left.
                    self.bar.reset_eta();
                }
                self.standing.current = Some(record.trial.id);
                self.bar.set_message(self.standing.message());
            }
            Event::Finished { record, progress } => {
                if let Some(Err(failure)) = record.conclusion.as_ref().map(|conclusion| &conclusion.result) {
                    // The rest, such as a backtrace, is in the records.
                    let first = failure.message.lines().next().unwrap_or_default();
                    self.bar
                        .println(printable(&format!("trial {} failed: {first}", record.trial.id)));
                }
                self.advance(record, progress);
            }
            Event::Replayed { record, progress } => {
                self.replayed = true;
                self.advance(record, progress);
            }
            _ => {}
        }
    }

    fn advance(&mut self, record: &TrialRecord, progress: &nas_study::Progress) {
        let spent = &progress.spent;
        self.bar
            .set_position(match (progress.budget.trials, progress.budget.epochs) {
                (Some(_), _) => spent.trials,
                (None, Some(_)) => spent.epochs,
                (None, None) => spent.seconds as u64,
            });
        let result = record.conclusion.as_ref().map(|conclusion| &conclusion.result);
        self.standing.last = result.map(|result| result.as_ref().ok().map(|e| e.valid_accuracy));
        self.standing.best = progress.best.as_ref().map(|best| best.valid_accuracy);
        self.bar.set_message(self.standing.message());
    }

    /// Leaves the bar as it is.
    pub(crate) fn finish(&self) {
        self.bar.abandon();
    }
}

/// The runs of a comparison.
pub(crate) struct RunsBar {
    bar: ProgressBar,
}

impl RunsBar {
    /// A bar of so many runs, of which the missing ones are to be made.
    pub(crate) fn new(runs: u64, missing: u64) -> Self {
        let bar = started(&Screen::default(), Some(runs), BY_RUNS, "compare".to_owned());
        bar.set_message("");
        bar.set_position(runs - missing);
        bar.reset_eta();
        Self { bar }
    }

    /// Shows that another one is done.
    pub(crate) fn advance(&self) {
        self.bar.inc(1);
    }

    /// Leaves the bar as it is.
    pub(crate) fn finish(&self) {
        self.bar.abandon();
    }
}

/// The epochs of one training.
pub(crate) struct EpochBar {
    bar: ProgressBar,
}

impl EpochBar {
    /// A bar of so many epochs.
    pub(crate) fn new(screen: &Screen, epochs: u32) -> Self {
        Self {
            bar: started(screen, Some(epochs.into()), EPOCHS, "train ".to_owned()),
        }
    }

    /// Shows an epoch that is done.
    pub(crate) fn show(&mut self, metrics: &EpochMetrics) {
        let valid = metrics
            .valid_accuracy
            .map_or(String::new(), |accuracy| format!(" valid {}", percent(accuracy)));
        let (loss, accuracy) = (metrics.train_loss, percent(metrics.train_accuracy));
        self.bar
            .set_message(format!("loss {loss:.3} train {accuracy}{valid}"));
        self.bar.set_position(u64::from(metrics.epoch) + 1);
    }

    /// Leaves the bar as it is.
    pub(crate) fn finish(&self) {
        self.bar.abandon();
    }
}

/// The images of one's own that are read.
struct ReadingBar {
    bar: ProgressBar,
}

impl ReadingBar {
    fn new(screen: &Screen) -> Self {
        Self {
            bar: started(screen, None, BY_IMAGES, "images".to_owned()),
        }
    }

    /// Shows how far reading is.
    fn show(&self, progress: Progress) {
        self.bar.set_message(match progress.stage {
            Stage::Listing => "looking for files",
            Stage::Waiting => "waiting for another process that reads them",
            Stage::Measuring => "measuring images",
            Stage::Reading => "reading",
            Stage::Writing => "writing",
        });
        if progress.total > 0 {
            self.bar.set_length(progress.total as u64);
        }
        self.bar.set_position(progress.done as u64);
    }

    /// Takes the bar away.
    fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// The epochs of a supernet.
struct SupernetBar {
    bar: ProgressBar,
}

impl SupernetBar {
    /// A bar as long as `epochs`, for search number `search`.
    fn new(screen: &Screen, search: u64, epochs: u32) -> Self {
        Self {
            bar: started(screen, Some(epochs.into()), EPOCHS, format!("supernet {search}")),
        }
    }

    /// Shows that epochs are done: on record, or the last of them just now.
    fn show(&self, done: usize, resumed: bool, figures: &str) {
        if resumed {
            self.bar.println(format!("continuing: {done} epochs are done"));
        }
        if done > 0 {
            self.bar.set_message(figures.to_owned());
            self.bar.set_position(done as u64);
        }
        if resumed {
            self.bar.reset_eta();
        }
    }
}

/// The bars of a run: its trials, its supernets, its training in full.
#[derive(Default)]
pub(crate) struct Bars {
    screen: Screen,
    shown: Mutex<Shown>,
}

/// The bars that something may still happen to.
#[derive(Default)]
struct Shown {
    reading: Option<ReadingBar>,
    trials: Option<TrialBar>,
    supernet: Option<SupernetBar>,
    training: Option<EpochBar>,
}

impl Bars {
    /// Takes away the bar of reading.
    pub(crate) fn finish(&self) {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        shown.reading.take().iter().for_each(ReadingBar::finish);
    }
}

impl Watcher for Bars {
    fn watch(&self, event: RunEvent<'_>) {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let Shown {
            reading,
            trials,
            supernet,
            training,
        } = &mut *shown;
        match event {
            RunEvent::Reading(progress) => reading
                .get_or_insert_with(|| ReadingBar::new(&self.screen))
                .show(progress),
            RunEvent::SearchBegins { budget, metric } => {
                reading.take().iter().for_each(ReadingBar::finish);
                *trials = Some(TrialBar::new(&self.screen, budget, metric.clone()));
            }
            RunEvent::Study(event) => trials.iter_mut().for_each(|bar| bar.show(event)),
            RunEvent::SearchEnds => trials.take().iter().for_each(TrialBar::finish),
            RunEvent::SupernetBegins { search, epochs } => {
                *supernet = Some(SupernetBar::new(&self.screen, search, epochs));
            }
            RunEvent::SupernetEpochs {
                done,
                resumed,
                figures,
            } => supernet.iter().for_each(|bar| bar.show(done, resumed, figures)),
            RunEvent::SupernetStep(what) => {
                supernet
                    .iter()
                    .for_each(|bar| bar.bar.set_message(what.to_owned()));
            }
            RunEvent::SupernetEnds => supernet.take().iter().for_each(|bar| bar.bar.abandon()),
            RunEvent::TrainingBegins { epochs } => *training = Some(EpochBar::new(&self.screen, epochs)),
            RunEvent::TrainingEpoch(metrics) => training.iter_mut().for_each(|bar| bar.show(metrics)),
            RunEvent::TrainingEnds => training.take().iter().for_each(EpochBar::finish),
            RunEvent::Note(text) => note(text),
            _ => {}
        }
    }
}

/// Says what a person should know of a run, and nothing else.
pub(crate) fn only_notes(event: RunEvent<'_>) {
    if let RunEvent::Note(text) = event {
        note(text);
    }
}

/// The trainings of a table in the making.
pub(crate) struct BuildBar {
    bar: ProgressBar,
}

impl BuildBar {
    /// A bar of `needed` trainings, of which so many are done.
    pub(crate) fn new(needed: usize, done: usize) -> Self {
        let bar = started(
            &Screen::default(),
            Some(needed as u64),
            BY_TRAININGS,
            "table".to_owned(),
        );
        bar.set_position(done as u64);
        bar.reset_eta();
        Self { bar }
    }

    /// Shows that a training is done.
    pub(crate) fn show(&mut self, progress: &BuildProgress) {
        self.bar.set_message(match progress.last {
            Some(accuracy) => format!("last {}", percent(accuracy)),
            None => "last failed".to_owned(),
        });
        self.bar.set_position(progress.done as u64);
    }

    /// Leaves the bar as it is.
    pub(crate) fn finish(&self) {
        self.bar.abandon();
    }
}

/// The architectures that are scored.
pub(crate) struct ScoreBar {
    bar: ProgressBar,
}

impl ScoreBar {
    /// A bar that ends when all `architectures` are scored.
    pub(crate) fn new(architectures: usize) -> Self {
        let length = Some(architectures as u64);
        Self {
            bar: started(&Screen::default(), length, BY_SCORES, "scores".to_owned()),
        }
    }

    /// Shows how many are done.
    pub(crate) fn show(&self, done: usize) {
        self.bar.set_position(done as u64);
    }

    /// Takes the bar away.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// A bar for files of images.
pub(crate) fn image_bar(screen: &Screen, files: usize) -> ProgressBar {
    started(screen, Some(files as u64), BY_FILES, "images".to_owned())
}

/// A bar that is on the screen from now on, and whose times go on while nothing happens.
fn started(screen: &Screen, length: Option<u64>, template: &str, prefix: String) -> ProgressBar {
    let bar = length.map_or_else(ProgressBar::no_length, ProgressBar::new);
    let bar = screen.0.add(bar);
    // The templates are this file's own; the default style shows if one were wrong.
    bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.set_prefix(prefix);
    bar.set_message("starting");
    bar.tick();
    if !bar.is_hidden() {
        bar.enable_steady_tick(TICK);
    }
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_can_be_read() {
        for template in [
            BY_TRIALS,
            BY_RUNS,
            BY_SECONDS,
            BY_IMAGES,
            BY_FILES,
            BY_EPOCHS,
            BY_TRAININGS,
            UNLIMITED,
            EPOCHS,
        ] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }

    #[test]
    fn the_message_tells_the_trial_under_way_the_last_and_the_best() {
        let mut standing = Standing::default();
        assert_eq!(standing.message(), "");
        standing.current = Some(4);
        assert_eq!(standing.message(), "trial 4");
        (standing.last, standing.best) = (Some(Some(0.5)), Some(0.75));
        assert_eq!(standing.message(), "trial 4, last 50.00 %, best 75.00 %");
        standing.last = Some(None);
        assert_eq!(standing.message(), "trial 4, last failed, best 75.00 %");
    }
}
