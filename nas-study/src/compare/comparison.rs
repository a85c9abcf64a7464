//! Methods side by side.

use indexmap::IndexMap;
use serde::Serialize;
use thiserror::Error;

use super::{holm, signed_rank, superiority};

/// What one run of a method came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
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
    /// Seconds that the method itself took, to propose and to learn.
    pub strategy_seconds: f64,
}

/// A method over all its runs. Standard deviations are those of a sample (n − 1), 0 for one run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Standing {
    /// Mean test accuracy, in [0, 1].
    pub test_mean: f64,
    /// Its standard deviation over runs.
    pub test_std: f64,
    /// Mean validation accuracy, in [0, 1].
    pub valid_mean: f64,
    /// Its standard deviation over runs.
    pub valid_std: f64,
    /// Mean distance of the test accuracy from the best there is, where that is known.
    pub regret_mean: Option<f64>,
    /// Mean seconds of the method itself, per trial.
    pub seconds_per_trial: f64,
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
    /// Two-sided p-value of Wilcoxon's signed-rank test, corrected by Holm's method for all pairs.
    pub p_value: f64,
    /// Probability that a run of `a` is better than one of `b`: Vargha and Delaney's A.
    pub effect: f64,
}

/// Methods side by side: each by itself, and each pair of them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// In the order given.
    pub methods: IndexMap<String, Standing>,
    /// Each method with each that comes after it.
    pub pairs: Vec<Pair>,
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
    /// A method is there twice.
    #[error("method {method} is given twice; expected each once")]
    Twice {
        /// The method.
        method: String,
    },
}

impl Comparison {
    /// Compares methods by their runs, which are by the same seeds in the same order. `best_test` is the highest test
    /// accuracy there is, where that is known.
    ///
    /// # Errors
    /// [`CompareError`] where a method is named twice, has no run or others' seeds.
    pub fn new(runs: Vec<(String, Vec<Run>)>, best_test: Option<f64>) -> Result<Self, CompareError> {
        let seeds = |runs: &[Run]| -> Vec<u64> { runs.iter().map(|run| run.seed).collect() };
        let mut methods: IndexMap<String, Standing> = IndexMap::new();
        for (method, runs) in runs {
            if runs.is_empty() {
                return Err(CompareError::NoRuns { method });
            }
            if methods.contains_key(&method) {
                return Err(CompareError::Twice { method });
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
            methods.insert(method, Standing::of(runs, best_test));
        }
        let pairs = pairs(&methods);
        Ok(Self { methods, pairs })
    }
}

impl Standing {
    fn of(runs: Vec<Run>, best_test: Option<f64>) -> Self {
        let collect = |figure: fn(&Run) -> f64| -> Vec<f64> { runs.iter().map(figure).collect() };
        let (test_mean, test_std) = mean_and_std(&collect(|run| run.test_accuracy));
        let (valid_mean, valid_std) = mean_and_std(&collect(|run| run.valid_accuracy));
        let trials: u64 = runs.iter().map(|run| run.trials).sum();
        let seconds: f64 = runs.iter().map(|run| run.strategy_seconds).sum();
        Self {
            test_mean,
            test_std,
            valid_mean,
            valid_std,
            regret_mean: best_test.map(|best| best - test_mean),
            seconds_per_trial: seconds / trials.max(1) as f64,
            runs,
        }
    }

    fn tested(&self) -> Vec<f64> {
        self.runs.iter().map(|run| run.test_accuracy).collect()
    }
}

fn pairs(methods: &IndexMap<String, Standing>) -> Vec<Pair> {
    let mut pairs = Vec::new();
    for (i, (a, of_a)) in methods.iter().enumerate() {
        for (b, of_b) in methods.iter().skip(i + 1) {
            let (tested_a, tested_b) = (of_a.tested(), of_b.tested());
            let differences: Vec<f64> = tested_a.iter().zip(&tested_b).map(|(a, b)| a - b).collect();
            pairs.push(Pair {
                a: a.clone(),
                b: b.clone(),
                difference: of_a.test_mean - of_b.test_mean,
                p_value: signed_rank(&differences),
                // Neither is empty.
                effect: superiority(&tested_a, &tested_b).unwrap_or(0.5),
            });
        }
    }
    let p_values: Vec<f64> = pairs.iter().map(|pair| pair.p_value).collect();
    for (pair, corrected) in pairs.iter_mut().zip(holm(&p_values)) {
        pair.p_value = corrected;
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
mod tests {
    use super::*;

    fn runs(tested: &[f64]) -> Vec<Run> {
        let run = |(seed, &test_accuracy): (u64, &f64)| Run {
            seed,
            valid_accuracy: test_accuracy - 0.1,
            test_accuracy,
            trials: 10,
            failed: 0,
            strategy_seconds: 0.5,
        };
        (0..).zip(tested).map(run).collect()
    }

    fn named(name: &str, tested: &[f64]) -> (String, Vec<Run>) {
        (name.to_owned(), runs(tested))
    }

    #[test]
    fn figures_are_means_over_runs_and_pairs_are_corrected_together() {
        let a = [0.5, 0.625, 0.75, 0.875, 0.9375];
        let b = a.map(|test| test - 0.125);
        let methods = vec![named("a", &a), named("b", &b), named("c", &a)];
        let comparison = Comparison::new(methods, Some(1.0)).unwrap();
        let of_b = &comparison.methods["b"];
        assert!((of_b.test_mean - 0.6125).abs() < 1e-12);
        assert!((of_b.regret_mean.unwrap() - 0.3875).abs() < 1e-12);
        // Squares of the deviations: 0.056406…, 0.012656…, 0.000156…, 0.018906…, 0.040625… = 0.128125.
        assert!(
            (of_b.test_std - (0.128_125_f64 / 4.0).sqrt()).abs() < 1e-12,
            "{}",
            of_b.test_std
        );
        assert_eq!(of_b.seconds_per_trial, 0.05);
        let names: Vec<(&str, &str)> = comparison
            .pairs
            .iter()
            .map(|p| (p.a.as_str(), p.b.as_str()))
            .collect();
        assert_eq!(names, [("a", "b"), ("a", "c"), ("b", "c")]);
        // Five differences of one sign: 2 of 32 choices of signs are as uneven, of three pairs times 3 and 2.
        let p_values: Vec<f64> = comparison.pairs.iter().map(|p| p.p_value).collect();
        assert_eq!(p_values, [3.0 / 16.0, 1.0, 3.0 / 16.0]);
        assert_eq!(comparison.pairs[1].effect, 0.5);
    }

    #[test]
    fn what_is_no_comparison_is_refused() {
        let refused = |methods| Comparison::new(methods, None).unwrap_err().to_string();
        let message = refused(vec![named("a", &[0.1, 0.2]), named("b", &[0.1])]);
        assert!(message.contains("[0]") && message.contains("[0, 1]"), "{message}");
        assert!(refused(vec![named("a", &[])]).contains("no run"));
        assert!(refused(vec![named("a", &[0.1]), named("a", &[0.1])]).contains("twice"));
    }
}
