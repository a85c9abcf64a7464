//! Methods side by side.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::verdict::verdict;
use super::{Bootstrap, Currency, Curve, Incumbent, Ranks, holm, pairs_needed, signed_rank, superiority};

/// What one run of a method came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// The seed of its study.
    pub seed: u64,
    /// Validation accuracy of the architecture it chose, in [0, 1].
    pub valid_accuracy: f64,
    /// Test accuracy of that architecture, in [0, 1], taken after the run.
    pub test_accuracy: f64,
    /// Trials it made.
    pub trials: u64,
    /// Those of them that failed.
    pub failed: u64,
    /// Epochs that its trials were trained for.
    pub epochs: u64,
    /// Cost of its trials in seconds; simulated where they were looked up.
    pub trial_seconds: f64,
    /// Seconds that the method itself took, to propose and to learn.
    pub strategy_seconds: f64,
    /// Seconds that the architecture it chose was trained for in the end; 0 where it was looked up.
    pub final_seconds: f64,
    /// What it would have chosen before.
    pub incumbents: Vec<Incumbent>,
}

/// A method over all its runs. Standard deviations are those of a sample (n − 1), 0 for one run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Standing {
    /// Mean test accuracy, in [0, 1].
    pub test_mean: f64,
    /// Its standard deviation over runs.
    pub test_std: f64,
    /// Lower end of its 95 % bootstrap interval.
    pub test_low: f64,
    /// Upper end of it.
    pub test_high: f64,
    /// Mean validation accuracy, in [0, 1].
    pub valid_mean: f64,
    /// Its standard deviation over runs.
    pub valid_std: f64,
    /// Mean distance of the test accuracy from the best there is, where that is known.
    pub regret_mean: Option<f64>,
    /// The mean test accuracy beyond that of uniform draws, as a share of that of uniform draws (Yang et al. 2020, arXiv
    /// 1912.12522), where that is known.
    pub relative_improvement: Option<f64>,
    /// Mean seconds of the method itself, per trial.
    pub seconds_per_trial: f64,
    /// Mean validation accuracy of what was chosen so far: over trials, and over seconds where they are known.
    pub valid_curves: Vec<Curve>,
    /// The same of the test accuracy, where one is known of every choice.
    pub test_curves: Vec<Curve>,
    /// The runs, by seed.
    pub runs: Vec<Run>,
}

/// Two methods against each other, by their test accuracies.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Pair {
    /// One.
    pub a: String,
    /// The other.
    pub b: String,
    /// Mean test accuracy of `a` less that of `b`.
    pub difference: f64,
    /// Lower end of its 95 % bootstrap interval.
    pub low: f64,
    /// Upper end of it.
    pub high: f64,
    /// Two-sided p-value of Wilcoxon's signed-rank test, corrected by Holm's method for all pairs of all tasks.
    pub p_value: f64,
    /// Probability that a run of `a` is better than one of `b`: Vargha and Delaney's A.
    pub effect: f64,
    /// Seeds with which a difference like this would be found, see [`pairs_needed`].
    pub seeds_needed: Option<u64>,
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
    /// The methods' ranks over all pairs of task and seed, in the order of the methods; none for one method or one such pair.
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
    /// [`CompareError`] where a method or a task is named twice, a method has no run or others' seeds, or a task has other
    /// methods.
    pub fn new(tasks: Vec<TaskRuns>) -> Result<Self, CompareError> {
        let tests = tasks
            .iter()
            .map(|task| task.runs.len() * task.runs.len().saturating_sub(1) / 2)
            .sum();
        let mut compared: IndexMap<String, Task> = IndexMap::new();
        for TaskRuns {
            name,
            best_test,
            uniform,
            runs,
        } in tasks
        {
            let task = Task::new(best_test, uniform, runs, tests)?;
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
            compared.insert(name, task);
        }
        let p_values: Vec<f64> = compared
            .values()
            .flat_map(|task| task.pairs.iter().map(|pair| pair.p_value))
            .collect();
        let pairs = compared.values_mut().flat_map(|task| &mut task.pairs);
        for (pair, corrected) in pairs.zip(holm(&p_values)) {
            pair.p_value = corrected;
        }
        let blocks: Vec<Vec<f64>> = compared.values().flat_map(Task::blocks).collect();
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
        runs: Vec<(String, Vec<Run>)>,
        tests: usize,
    ) -> Result<Self, CompareError> {
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
        Ok(Self {
            best_test,
            uniform,
            pairs: pairs(&methods, &bootstrap, tests),
            methods,
        })
    }

    /// Runs of each method.
    pub fn seeds(&self) -> usize {
        self.methods
            .first()
            .map_or(0, |(_, standing)| standing.runs.len())
    }

    /// The test accuracies of the methods with each seed.
    fn blocks(&self) -> Vec<Vec<f64>> {
        let accuracy = |standing: &Standing, place: usize| standing.runs[place].test_accuracy;
        (0..self.seeds())
            .map(|place| self.methods.values().map(|s| accuracy(s, place)).collect())
            .collect()
    }
}

impl Standing {
    fn of(runs: Vec<Run>, best_test: Option<f64>, uniform: Option<Uniform>, bootstrap: &Bootstrap) -> Self {
        let collect = |figure: fn(&Run) -> f64| -> Vec<f64> { runs.iter().map(figure).collect() };
        let tested = collect(|run| run.test_accuracy);
        let (test_mean, test_std) = mean_and_std(&tested);
        let interval = bootstrap.mean(&tested);
        let (valid_mean, valid_std) = mean_and_std(&collect(|run| run.valid_accuracy));
        let trials: u64 = runs.iter().map(|run| run.trials).sum();
        let seconds: f64 = runs.iter().map(|run| run.strategy_seconds).sum();
        Self {
            test_mean,
            test_std,
            test_low: interval.low,
            test_high: interval.high,
            valid_mean,
            valid_std,
            regret_mean: best_test.map(|best| best - test_mean),
            relative_improvement: uniform
                .filter(|uniform| uniform.test_mean > 0.0)
                .map(|uniform| (test_mean - uniform.test_mean) / uniform.test_mean),
            seconds_per_trial: seconds / trials.max(1) as f64,
            valid_curves: curves(&runs, bootstrap, |one| Some(one.valid_accuracy)),
            test_curves: curves(&runs, bootstrap, |one| one.test_accuracy),
            runs,
        }
    }

    fn tested(&self) -> Vec<f64> {
        self.runs.iter().map(|run| run.test_accuracy).collect()
    }
}

impl Run {
    /// What it spent in all, but for the final training.
    pub fn spent(&self, along: Currency) -> f64 {
        match along {
            Currency::Trials => self.trials as f64,
            Currency::Epochs => self.epochs as f64,
            Currency::Seconds => self.trial_seconds + self.strategy_seconds,
        }
    }
}

impl Pair {
    /// The pair with `a` first, where it is one of these two.
    pub(super) fn seen_from(&self, a: &str, b: &str) -> Option<Self> {
        if self.a == a && self.b == b {
            return Some(self.clone());
        }
        (self.a == b && self.b == a).then(|| Self {
            a: a.to_owned(),
            b: b.to_owned(),
            difference: -self.difference,
            low: -self.high,
            high: -self.low,
            effect: 1.0 - self.effect,
            ..*self
        })
    }
}

/// Over trials, and over seconds where any were spent on trials.
fn curves(runs: &[Run], bootstrap: &Bootstrap, figure: impl Fn(&Incumbent) -> Option<f64>) -> Vec<Curve> {
    let timed = runs.iter().any(|run| run.trial_seconds > 0.0);
    let along = [Some(Currency::Trials), timed.then_some(Currency::Seconds)];
    let curve = |along: Currency| {
        let runs: Vec<(&[Incumbent], f64)> = runs
            .iter()
            .map(|run| (&run.incumbents[..], run.spent(along)))
            .collect();
        Curve::new(&runs, along, bootstrap, &figure)
    };
    along.into_iter().flatten().filter_map(curve).collect()
}

fn pairs(methods: &IndexMap<String, Standing>, bootstrap: &Bootstrap, tests: usize) -> Vec<Pair> {
    let mut pairs = Vec::new();
    for (i, (a, of_a)) in methods.iter().enumerate() {
        for (b, of_b) in methods.iter().skip(i + 1) {
            let (tested_a, tested_b) = (of_a.tested(), of_b.tested());
            let differences: Vec<f64> = tested_a.iter().zip(&tested_b).map(|(a, b)| a - b).collect();
            let interval = bootstrap.mean(&differences);
            pairs.push(Pair {
                a: a.clone(),
                b: b.clone(),
                difference: of_a.test_mean - of_b.test_mean,
                low: interval.low,
                high: interval.high,
                // Corrected once all are known.
                p_value: signed_rank(&differences),
                // Neither is empty.
                effect: superiority(&tested_a, &tested_b).unwrap_or(0.5),
                seeds_needed: pairs_needed(&differences, tests),
            });
        }
    }
    pairs
}

fn mean_and_std(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (mean, (squares / (n - 1.0).max(1.0)).sqrt())
}

#[cfg(test)]
mod tests;
