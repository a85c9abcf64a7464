//! Methods side by side.

use indexmap::IndexMap;
use nas_space::search::Metric;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::verdict::verdict;
use super::{Bootstrap, Currency, Curve, Estimate, Grid, Incumbent, Pair, Ranks, holm};

/// The result of one run of a method.
///
/// One of which no trial succeeded has no result, nor has one whose choice nobody can test. Against
/// other runs it counts as worse than any with a result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// The seed of its study.
    pub seed: u64,
    /// Validation accuracy of the architecture it chose, in [0, 1]; none without a result, or where
    /// something else than an accuracy chose it.
    pub valid_accuracy: Option<f64>,
    /// Test accuracy of that architecture, in [0, 1], taken after the run; none without a result.
    pub test_accuracy: Option<f64>,
    /// Trials it made.
    pub trials: u64,
    /// Those of them that failed.
    pub failed: u64,
    /// Epochs that its trials were trained for.
    pub epochs: u64,
    /// Images that were passed forward and backward through a network, by its trials and by a
    /// supernet, the final training left out; none where that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_passes: Option<u64>,
    /// Cost of its trials in seconds; simulated where they were looked up.
    pub trial_seconds: f64,
    /// Seconds that the method itself took, to propose and to learn.
    pub strategy_seconds: f64,
    /// Seconds that the architecture it chose was trained for in the end; 0 where it was looked up.
    pub final_seconds: f64,
    /// What it would have chosen before.
    pub incumbents: Vec<Incumbent>,
    /// Why there is none, of a run without a result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

impl Run {
    /// A figure that cannot be, where there is one: its name, its value, what it may be.
    fn out_of_range(&self, metric: &Metric) -> Option<(&'static str, f64, &'static str)> {
        let scores = [
            ("validation figure", self.valid_accuracy),
            ("test figure", self.test_accuracy),
        ];
        let mut scores: Vec<(&str, f64)> = scores
            .into_iter()
            .filter_map(|(what, score)| Some((what, score?)))
            .collect();
        let mut seconds = vec![
            ("trial_seconds", self.trial_seconds),
            ("strategy_seconds", self.strategy_seconds),
            ("final_seconds", self.final_seconds),
        ];
        for incumbent in &self.incumbents {
            for (what, score) in [
                ("validation figure of an incumbent", incumbent.valid_accuracy),
                ("test figure of an incumbent", incumbent.test_accuracy),
            ] {
                scores.extend(score.map(|score| (what, score)));
            }
            seconds.push(("seconds of an incumbent", incumbent.seconds));
        }
        let score = scores
            .into_iter()
            .map(|(what, score)| (what, metric.value(score)))
            .find(|&(_, value)| !metric.allows(value))
            .map(|(what, value)| (what, value, metric.expected()));
        let seconds = seconds
            .into_iter()
            .find(|&(_, seconds)| !seconds.is_finite() || seconds < 0.0)
            .map(|(what, seconds)| (what, seconds, "a number of at least 0"));
        score.or(seconds)
    }
}

/// A method over all its runs. Means are over the runs that have a result and there are none where
/// no run has one; standard deviations are those of a sample (n − 1), 0 for one run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Standing {
    /// Mean test accuracy, in [0, 1].
    pub test_mean: Option<f64>,
    /// Its standard deviation over runs.
    pub test_std: Option<f64>,
    /// Lower end of its 95 % bootstrap interval.
    pub test_low: Option<f64>,
    /// Upper end of it.
    pub test_high: Option<f64>,
    /// Mean validation accuracy, in [0, 1].
    pub valid_mean: Option<f64>,
    /// Its standard deviation over runs.
    pub valid_std: Option<f64>,
    /// Mean distance of the test accuracy from the best there is, where that is known.
    pub regret_mean: Option<f64>,
    /// The mean test accuracy beyond that of uniform draws, as a share of that of uniform draws
    /// (Yang et al. 2020, arXiv 1912.12522), where that is known; none where the metric is no
    /// accuracy.
    pub relative_improvement: Option<f64>,
    /// Trials of all runs.
    pub trials: u64,
    /// Those of them that failed.
    pub failed: u64,
    /// Runs without a result.
    pub runs_without_result: u64,
    /// Mean seconds of the method itself, per trial.
    pub seconds_per_trial: f64,
    /// Mean validation accuracy of what was chosen so far: over trials, and over image passes and
    /// seconds where they are known.
    pub valid_curves: Vec<Curve>,
    /// The same of the test accuracy, where one is known of every choice.
    pub test_curves: Vec<Curve>,
    /// The runs, by seed.
    pub runs: Vec<Run>,
}

/// What architectures are worth that nothing chose.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Uniform {
    /// Number of uniform draws.
    pub draws: u64,
    /// Their mean test accuracy, in [0, 1].
    pub test_mean: f64,
}

/// The runs of all methods on one task.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskRuns {
    /// The task's name.
    pub name: String,
    /// The highest test accuracy there is, where that is known.
    pub best_test: Option<f64>,
    /// Uniform draws, where their test accuracy is known.
    pub uniform: Option<Uniform>,
    /// What the runs' figures are scores of.
    pub metric: Metric,
    /// What has to be said with every result on this task, such as that validation and test are the
    /// same figure.
    pub note: Option<String>,
    /// Test images, where they are known: test accuracies are compared as counts of them if they
    /// are such counts.
    pub test_images: Option<u64>,
    /// Methods and their runs, by the same seeds in the same order.
    pub runs: Vec<(String, Vec<Run>)>,
}

/// Methods side by side on one task: each by itself, and each pair of them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Task {
    /// The highest test accuracy there is, where that is known.
    pub best_test: Option<f64>,
    /// Uniform draws, where their test accuracy is known.
    pub uniform: Option<Uniform>,
    /// What all figures are scores of, of which higher is better; see [`Comparison::in_values`].
    #[serde(skip_serializing_if = "Metric::is_accuracy")]
    pub metric: Metric,
    /// What has to be said with every result.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// In the order given.
    pub methods: IndexMap<String, Standing>,
    /// Each method with each that comes after it.
    pub pairs: Vec<Pair>,
}

/// Methods side by side on all tasks.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// In the order given.
    pub tasks: IndexMap<String, Task>,
    /// The methods' ranks over all pairs of task and seed, in the order of the methods; none for
    /// one method or one such pair.
    pub ranks: Option<Ranks>,
    /// What all this says, in words.
    pub verdict: Vec<String>,
}

/// Runs that cannot be compared.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum CompareError {
    /// There is nothing to compare.
    #[error("method {method} has no run; expected at least one")]
    NoRuns {
        /// The method.
        method: String,
    },
    /// The runs are no pairs.
    #[error(
        "method {method} was run with the seeds {got:?}, method {other} with {expected:?}; expected the same"
    )]
    Seeds {
        /// A method.
        method: String,
        /// Its seeds.
        got: Vec<u64>,
        /// The first method.
        other: String,
        /// The seeds of that one.
        expected: Vec<u64>,
    },
    /// A figure of a run is none that can be.
    #[error(
        "the run of method {method} with seed {seed} on task {task} has the {what} {got}; expected {expected}"
    )]
    Range {
        /// The task.
        task: String,
        /// The method.
        method: String,
        /// The seed.
        seed: u64,
        /// Which figure.
        what: &'static str,
        /// Its value.
        got: f64,
        /// What it may be.
        expected: &'static str,
    },
    /// A method or a task is there twice.
    #[error("{what} {name} is given twice; expected each once")]
    Twice {
        /// `method` or `task`.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// A task has other methods than the first.
    #[error("task {task} has the methods {got}; expected those of the first task: {expected}")]
    Methods {
        /// The task.
        task: String,
        /// Its methods.
        got: String,
        /// Those of the first.
        expected: String,
    },
}

impl Comparison {
    /// Compares methods by their runs on each task.
    ///
    /// # Errors
    /// [`CompareError`] where a method or a task is named twice, a method has no run or others'
    /// seeds, a task has other methods, or a figure of a run is none of its metric.
    pub fn new(tasks: Vec<TaskRuns>) -> Result<Self, CompareError> {
        let mut compared: IndexMap<String, Task> = IndexMap::new();
        let mut blocks: Vec<Vec<f64>> = Vec::new();
        for TaskRuns {
            name,
            best_test,
            uniform,
            metric,
            note,
            test_images,
            runs,
        } in tasks
        {
            for (method, run) in runs
                .iter()
                .flat_map(|(method, runs)| runs.iter().map(move |run| (method, run)))
            {
                if let Some((what, got, expected)) = run.out_of_range(&metric) {
                    return Err(CompareError::Range {
                        task: name,
                        method: method.clone(),
                        seed: run.seed,
                        what,
                        got,
                        expected,
                    });
                }
            }
            let (mut task, grid) = Task::new(best_test, uniform, test_images, runs)?;
            task.metric = metric;
            task.note = note;
            if !task.metric.is_accuracy() {
                // A share of a figure that may be negative says nothing.
                for standing in task.methods.values_mut() {
                    standing.relative_improvement = None;
                }
            }
            if let Some((_, first)) = compared.first()
                && !first.methods.keys().eq(task.methods.keys())
            {
                let names = |task: &Task| {
                    let names: Vec<&str> = task.methods.keys().map(String::as_str).collect();
                    names.join(", ")
                };
                return Err(CompareError::Methods {
                    task: name,
                    got: names(&task),
                    expected: names(first),
                });
            }
            if compared.contains_key(&name) {
                return Err(CompareError::Twice { what: "task", name });
            }
            blocks.extend(task.blocks(grid));
            compared.insert(name, task);
        }
        let mut pairs: Vec<&mut Pair> = compared.values_mut().flat_map(|task| &mut task.pairs).collect();
        correct(&mut pairs);
        let mut comparison = Self {
            tasks: compared,
            ranks: Ranks::new(&blocks),
            verdict: Vec::new(),
        };
        comparison.verdict = verdict(&comparison);
        Ok(comparison)
    }

    /// The methods, in the order given.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tasks
            .values()
            .take(1)
            .flat_map(|task| task.methods.keys().map(String::as_str))
    }
}

impl Task {
    fn new(
        best_test: Option<f64>,
        uniform: Option<Uniform>,
        test_images: Option<u64>,
        runs: Vec<(String, Vec<Run>)>,
    ) -> Result<(Self, Grid), CompareError> {
        let seeds = |runs: &[Run]| -> Vec<u64> { runs.iter().map(|run| run.seed).collect() };
        let bootstrap = Bootstrap::new(runs.first().map_or(0, |(_, runs)| runs.len()));
        let mut methods: IndexMap<String, Standing> = IndexMap::new();
        for (method, runs) in runs {
            if runs.is_empty() {
                return Err(CompareError::NoRuns { method });
            }
            if methods.contains_key(&method) {
                return Err(CompareError::Twice {
                    what: "method",
                    name: method,
                });
            }
            if let Some((other, first)) = methods.first() {
                let (got, expected) = (seeds(&runs), seeds(&first.runs));
                if got != expected {
                    let other = other.clone();
                    return Err(CompareError::Seeds {
                        method,
                        got,
                        other,
                        expected,
                    });
                }
            }
            methods.insert(method, Standing::of(runs, best_test, uniform, &bootstrap));
        }
        let accuracies = methods.values().flat_map(Standing::tested).flatten();
        let grid = Grid::new(test_images, accuracies);
        let task = Self {
            best_test,
            uniform,
            metric: Metric::default(),
            note: None,
            pairs: pairs(&methods, grid),
            methods,
        };
        Ok((task, grid))
    }

    /// Runs of each method.
    pub fn seeds(&self) -> usize {
        self.methods
            .first()
            .map_or(0, |(_, standing)| standing.runs.len())
    }

    /// What the methods found with each seed, as steps below the best of them.
    fn blocks(&self, grid: Grid) -> Vec<Vec<f64>> {
        let block = |place: usize| {
            let found = |standing: &Standing| standing.runs.get(place).and_then(|run| run.test_accuracy);
            let best = self.methods.values().filter_map(found).max_by(f64::total_cmp);
            let steps = |standing: &Standing| grid.between(found(standing), best) as f64;
            self.methods.values().map(steps).collect()
        };
        (0..self.seeds()).map(block).collect()
    }
}

impl Standing {
    fn of(runs: Vec<Run>, best_test: Option<f64>, uniform: Option<Uniform>, bootstrap: &Bootstrap) -> Self {
        let collect =
            |figure: fn(&Run) -> Option<f64>| -> Vec<f64> { runs.iter().filter_map(figure).collect() };
        let tested = collect(|run| run.test_accuracy);
        let (test_mean, test_std) = mean_and_std(&tested).unzip();
        let interval = if tested.len() == runs.len() {
            Some(bootstrap.mean(&tested))
        } else {
            // Fewer runs have other draws.
            (!tested.is_empty()).then(|| Bootstrap::new(tested.len()).mean(&tested))
        };
        let (valid_mean, valid_std) = mean_and_std(&collect(|run| run.valid_accuracy)).unzip();
        let trials: u64 = runs.iter().map(|run| run.trials).sum();
        let seconds: f64 = runs.iter().map(|run| run.strategy_seconds).sum();
        let end = |end: fn(Estimate) -> f64| interval.map(end);
        Self {
            test_mean,
            test_std,
            test_low: end(|interval| interval.low),
            test_high: end(|interval| interval.high),
            valid_mean,
            valid_std,
            regret_mean: best_test.zip(test_mean).map(|(best, mean)| best - mean),
            relative_improvement: uniform
                .filter(|uniform| uniform.test_mean > 0.0)
                .zip(test_mean)
                .map(|(uniform, mean)| (mean - uniform.test_mean) / uniform.test_mean),
            trials,
            failed: runs.iter().map(|run| run.failed).sum(),
            runs_without_result: runs.iter().filter(|run| run.test_accuracy.is_none()).count() as u64,
            seconds_per_trial: seconds / trials.max(1) as f64,
            valid_curves: curves(&runs, bootstrap, |one| one.valid_accuracy),
            test_curves: curves(&runs, bootstrap, |one| one.test_accuracy),
            runs,
        }
    }

    /// The test accuracy of each run.
    pub(super) fn tested(&self) -> impl Iterator<Item = Option<f64>> {
        self.runs.iter().map(|run| run.test_accuracy)
    }
}

impl Run {
    /// What it spent in all, but for the final training, where that is known.
    pub fn spent(&self, along: Currency) -> Option<f64> {
        match along {
            Currency::Trials => Some(self.trials as f64),
            Currency::Epochs => Some(self.epochs as f64),
            Currency::ImagePasses => self.image_passes.map(|passes| passes as f64),
            Currency::Seconds => Some(self.trial_seconds + self.strategy_seconds),
        }
    }
}

/// Over trials, over image passes where they are known, and over seconds where any were spent on
/// trials.
fn curves(runs: &[Run], bootstrap: &Bootstrap, figure: impl Fn(&Incumbent) -> Option<f64>) -> Vec<Curve> {
    let timed = runs.iter().any(|run| run.trial_seconds > 0.0);
    let mut found = runs.iter().flat_map(|run| &run.incumbents);
    // What a supernet would have found before its first trial has no place along trials.
    let of_trials = found.all(|one| one.trials > 0);
    let along = [
        of_trials.then_some(Currency::Trials),
        Some(Currency::ImagePasses),
        timed.then_some(Currency::Seconds),
    ];
    let curve = |along: Currency| {
        let runs: Vec<(&[Incumbent], f64)> = runs
            .iter()
            .map(|run| Some((&run.incumbents[..], run.spent(along)?)))
            .collect::<Option<_>>()?;
        Curve::new(&runs, along, bootstrap, &figure)
    };
    along.into_iter().flatten().filter_map(curve).collect()
}

fn pairs(methods: &IndexMap<String, Standing>, grid: Grid) -> Vec<Pair> {
    let mut pairs = Vec::new();
    for (i, a) in methods.iter().enumerate() {
        pairs.extend(methods.iter().skip(i + 1).map(|b| Pair::new(a, b, grid)));
    }
    pairs
}

/// Corrects p-values for the number of pairs, and intervals with them.
fn correct(pairs: &mut [&mut Pair]) {
    let p_values: Vec<f64> = pairs.iter().map(|pair| pair.p_value).collect();
    let all = pairs.len();
    for (pair, (p_value, tests)) in pairs.iter_mut().zip(holm::steps(&p_values)) {
        pair.correct(p_value, tests, all);
    }
}

/// None for no values.
fn mean_and_std(values: &[f64]) -> Option<(f64, f64)> {
    let n = values.len() as f64;
    if values.is_empty() {
        return None;
    }
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    Some((mean, (squares / (n - 1.0).max(1.0)).sqrt()))
}

#[cfg(test)]
mod tests;
