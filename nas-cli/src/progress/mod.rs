//! Progress on stderr: bars on a terminal, and plain lines where there is none.

mod lines;
mod remaining;

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use nas_data::{Progress, Stage};
use nas_eval::table_build::BuildProgress;
use nas_eval::train::EpochMetrics;
use nas_report::Shown as _;
use nas_report::number::{grouped, percent};
use nas_runner::{RunEvent, Watcher};
use nas_space::search::{Budget, Metric, TrialId};
use nas_study::{Event, TrialRecord};

use self::lines::Lines;
pub(crate) use self::lines::Verbosity;
use self::remaining::{Pace, UNKNOWN, duration};
use crate::output::{note, printable};

/// Time between two drawings of a bar to which nothing happens.
const TICK: Duration = Duration::from_millis(500);

const BY_TRIALS: &str = "{prefix} {wide_bar} {pos}/{len} trials, {of_trial}, {all_left} left, {msg}";
const BY_SECONDS: &str = "{prefix} {wide_bar} {pos}/{len} s, {all_left} left, {msg}";
const BY_EPOCHS: &str = "{prefix} {wide_bar} {pos}/{len} epochs, {all_left} left, {msg}";
const BY_TRAININGS: &str = "{prefix} {wide_bar} {pos}/{len} trainings, {per_sec}, {left} left, {msg}";
const BY_SCORES: &str = "{prefix} {wide_bar} {pos}/{len} architectures, {per_sec}, {left} left";
const BY_RUNS: &str = "{prefix} {wide_bar} {pos}/{len} runs, {left} left {msg}";
const BY_IMAGES: &str = "{prefix} {wide_bar} {pos}/{len}, {msg}";
const BY_FILES: &str = "{prefix} {wide_bar} {pos}/{len}, {per_sec}, {left} left";
/// Also of a search that is one trial: no bar says 0/1.
const UNLIMITED: &str = "{prefix} {spinner} {elapsed}, {msg}";
const EPOCHS: &str = "{prefix} {wide_bar} {pos}/{len} epochs, {left} left, {msg}";

/// What bars are drawn on, one under the other.
#[derive(Debug, Clone)]
pub(crate) struct Screen(MultiProgress);

impl Default for Screen {
    fn default() -> Self {
        Self(match Verbosity::now() {
            Verbosity::Quiet => MultiProgress::with_draw_target(ProgressDrawTarget::hidden()),
            Verbosity::Normal | Verbosity::Verbose => MultiProgress::new(),
        })
    }
}

/// The trials of a search: which one is under way, the last and the best so far, the seconds of a trial, and the time left of the whole
/// search, the final training included.
struct TrialBar {
    bar: ProgressBar,
    standing: Standing,
    pace: Pace,
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
        // Until one has ended: later, the bar has no room for it.
        let current = self.current.filter(|_| self.last.is_none());
        let current = current.map(|id| format!("trial {id}"));
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
    fn new(screen: &Screen, budget: &Budget, metric: Metric, final_per_trial: Option<f64>) -> Self {
        let (length, template) = match (budget.trials, budget.epochs, budget.seconds) {
            (Some(1), _, _) => (None, UNLIMITED),
            (Some(trials), _, _) => (Some(trials), BY_TRIALS),
            (None, Some(epochs), _) => (Some(epochs), BY_EPOCHS),
            (None, None, Some(seconds)) => (Some(seconds.ceil() as u64), BY_SECONDS),
            (None, None, None) => (None, UNLIMITED),
        };
        let pace = Pace::new(final_per_trial);
        let bar = started(screen, length, template, "search".to_owned());
        bar.set_style(styled(template, &pace));
        Self {
            bar,
            pace,
            standing: Standing {
                metric,
                ..Standing::default()
            },
        }
    }

    /// Shows what happened.
    fn show(&mut self, event: &Event, lines: &Lines) {
        match event {
            Event::Resumed { finished, .. } => {
                self.bar
                    .println(format!("continuing: {finished} trials are on record"));
            }
            Event::Asked { record } => {
                // What was only read is no measure of the time left.
                self.pace.begins();
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
                lines.tell(|| self.line(progress));
            }
            Event::Replayed { record, progress } => self.advance(record, progress),
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
        self.pace.ended(record, progress);
    }

    /// Where the search is, in a line.
    fn line(&self, progress: &nas_study::Progress) -> String {
        let (spent, budget) = (&progress.spent, &progress.budget);
        let done = match (budget.trials, budget.epochs, budget.seconds) {
            (Some(trials), _, _) => format!("{} of {trials} trials", spent.trials),
            (None, Some(epochs), _) => format!("{} of {epochs} epochs", spent.epochs),
            (None, None, Some(seconds)) => format!("{:.0} of {seconds:.0} s", spent.seconds),
            (None, None, None) => format!("{} trials", spent.trials),
        };
        let remaining = &self.pace.remaining;
        format!(
            "search: {done}, {}, {} left, {}",
            remaining.of_trial(),
            remaining.left(),
            self.standing.message()
        )
    }

    /// Leaves the bar as it is.
    fn finish(&self) {
        self.bar.abandon();
    }
}

/// The runs of a comparison.
pub(crate) struct RunsBar {
    bar: ProgressBar,
    lines: Lines,
}

impl RunsBar {
    /// A bar of so many runs, of which the missing ones are to be made.
    pub(crate) fn new(runs: u64, missing: u64) -> Self {
        let bar = started(&Screen::default(), Some(runs), BY_RUNS, "compare".to_owned());
        bar.set_message("");
        bar.set_position(runs - missing);
        bar.reset_eta();
        let lines = Lines::default();
        Self { bar, lines }
    }

    /// Shows that another one is done.
    pub(crate) fn advance(&self) {
        self.bar.inc(1);
        self.lines.tell(|| {
            let runs = self.bar.length().unwrap_or_default();
            let left = duration(self.bar.eta().as_secs_f64());
            format!("compare: {} of {runs} runs, {left} left", self.bar.position())
        });
    }

    /// Leaves the bar as it is.
    pub(crate) fn finish(&self) {
        self.bar.abandon();
    }
}

/// The epochs of one training.
pub(crate) struct EpochBar {
    bar: ProgressBar,
    /// Images of an epoch.
    images: usize,
    lines: Lines,
}

impl EpochBar {
    /// A bar that is full after `epochs` epochs. An epoch has `images` images.
    pub(crate) fn new(screen: &Screen, epochs: u32, images: usize) -> Self {
        Self {
            bar: started(screen, Some(epochs.into()), EPOCHS, "train ".to_owned()),
            images,
            lines: Lines::default(),
        }
    }

    /// Shows an epoch that is done.
    pub(crate) fn show(&mut self, metrics: &EpochMetrics) {
        let valid = metrics
            .valid_accuracy
            .map_or(String::new(), |accuracy| format!(" valid {}", percent(accuracy)));
        let (loss, accuracy) = (metrics.train_loss, percent(metrics.train_accuracy));
        let speed = match metrics.seconds > 0.0 {
            true => format!(
                ", {} images/s",
                grouped((self.images as f64 / metrics.seconds).round() as u64)
            ),
            false => String::new(),
        };
        let figures = format!("loss {loss:.3} train {accuracy}{valid}{speed}");
        let done = u64::from(metrics.epoch) + 1;
        self.lines.tell(|| {
            let epochs = self.bar.length().unwrap_or_default();
            let left = metrics.seconds * epochs.saturating_sub(done) as f64;
            format!(
                "train: {done} of {epochs} epochs, {} left, {figures}",
                duration(left)
            )
        });
        self.bar.set_message(figures);
        self.bar.set_position(done);
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
    fn show(&self, done: usize, resumed: bool, figures: &str, lines: &Lines) {
        if resumed {
            self.bar.println(format!("continuing: {done} epochs are done"));
        }
        if done > 0 {
            self.bar.set_message(figures.to_owned());
            self.bar.set_position(done as u64);
        }
        if resumed {
            self.bar.reset_eta();
        } else if done > 0 {
            lines.tell(|| {
                let epochs = self.bar.length().unwrap_or_default();
                let left = duration(self.bar.eta().as_secs_f64());
                format!(
                    "{}: {done} of {epochs} epochs, {left} left, {figures}",
                    self.bar.prefix()
                )
            });
        }
    }
}

/// The bars of a run: its trials, its supernets, its training in full.
#[derive(Default)]
pub(crate) struct Bars {
    screen: Screen,
    shown: Mutex<Shown>,
    lines: Lines,
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
            RunEvent::SearchBegins {
                budget,
                metric,
                final_per_trial,
            } => {
                reading.take().iter().for_each(ReadingBar::finish);
                *trials = Some(TrialBar::new(
                    &self.screen,
                    budget,
                    metric.clone(),
                    final_per_trial,
                ));
            }
            RunEvent::Study(event) => trials.iter_mut().for_each(|bar| bar.show(event, &self.lines)),
            RunEvent::SearchEnds => trials.take().iter().for_each(TrialBar::finish),
            RunEvent::SupernetBegins { search, epochs } => {
                *supernet = Some(SupernetBar::new(&self.screen, search, epochs));
            }
            RunEvent::SupernetEpochs {
                done,
                resumed,
                figures,
            } => supernet
                .iter()
                .for_each(|bar| bar.show(done, resumed, figures, &self.lines)),
            RunEvent::SupernetStep(what) => {
                supernet
                    .iter()
                    .for_each(|bar| bar.bar.set_message(what.to_owned()));
            }
            RunEvent::SupernetEnds => supernet.take().iter().for_each(|bar| bar.bar.abandon()),
            RunEvent::TrainingBegins { epochs, images } => {
                *training = Some(EpochBar::new(&self.screen, epochs, images));
            }
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
    lines: Lines,
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
        let lines = Lines::default();
        Self { bar, lines }
    }

    /// Shows that a training is done.
    pub(crate) fn show(&mut self, progress: &BuildProgress) {
        self.bar.set_message(match progress.last {
            Some(accuracy) => format!("last {}", percent(accuracy)),
            None => "last failed".to_owned(),
        });
        self.bar.set_position(progress.done as u64);
        self.lines.tell(|| {
            let trainings = self.bar.length().unwrap_or_default();
            let left = duration(self.bar.eta().as_secs_f64());
            format!("table: {} of {trainings} trainings, {left} left", progress.done)
        });
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
    bar.set_style(styled(template, &Pace::new(None)));
    bar.set_prefix(prefix);
    bar.set_message("starting");
    bar.tick();
    if !bar.is_hidden() {
        bar.enable_steady_tick(TICK);
    }
    bar
}

/// A style of this file.
fn styled(template: &str, pace: &Pace) -> ProgressStyle {
    // The templates are this file's own; the default style shows if one were wrong.
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    let (all_left, of_trial) = (pace.remaining.clone(), pace.remaining.clone());
    style
        .with_key("left", |state: &ProgressState, to: &mut dyn fmt::Write| {
            // Nobody reads what cannot be written.
            let _ = to.write_str(&match state.per_sec() > 0.0 {
                true => duration(state.eta().as_secs_f64()),
                false => UNKNOWN.to_owned(),
            });
        })
        .with_key("all_left", move |_: &ProgressState, to: &mut dyn fmt::Write| {
            let _ = to.write_str(&all_left.left());
        })
        .with_key("of_trial", move |_: &ProgressState, to: &mut dyn fmt::Write| {
            let _ = to.write_str(&of_trial.of_trial());
        })
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
    fn the_message_tells_the_first_trial_then_the_last_and_the_best() {
        let mut standing = Standing::default();
        assert_eq!(standing.message(), "");
        standing.current = Some(4);
        assert_eq!(standing.message(), "trial 4");
        (standing.last, standing.best) = (Some(Some(0.5)), Some(0.75));
        assert_eq!(standing.message(), "last 50.00 %, best 75.00 %");
        standing.last = Some(None);
        assert_eq!(standing.message(), "last failed, best 75.00 %");
    }
}
