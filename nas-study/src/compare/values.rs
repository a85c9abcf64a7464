//! Comparisons in the numbers that people read.

use nas_space::search::{Direction, Metric};

use super::comparison::{Run, Standing, Task};
use super::{Comparison, Curve, Incumbent, Pair};

impl Comparison {
    /// The same comparison with values instead of scores, including differences, intervals and
    /// curves, for files and programs. Regrets are distances and stay as they are, and so do
    /// p-values, effects and ranks.
    #[must_use]
    pub fn in_values(&self) -> Self {
        let mut comparison = self.clone();
        for task in comparison.tasks.values_mut() {
            // Where higher is better, score and value are one.
            if task.metric.direction() == Direction::Lower {
                task.turn();
            }
        }
        comparison
    }
}

impl Task {
    fn turn(&mut self) {
        let metric = &self.metric;
        self.best_test = self.best_test.map(|score| metric.value(score));
        if let Some(uniform) = &mut self.uniform {
            uniform.test_mean = metric.value(uniform.test_mean);
        }
        for standing in self.methods.values_mut() {
            turn_standing(standing, metric);
        }
        for pair in &mut self.pairs {
            turn_pair(pair, metric);
        }
    }
}

fn turn_standing(standing: &mut Standing, metric: &Metric) {
    let value = |score: f64| metric.value(score);
    standing.test_mean = standing.test_mean.map(value);
    standing.valid_mean = standing.valid_mean.map(value);
    let (low, high) = (standing.test_low, standing.test_high);
    standing.test_low = high.map(value);
    standing.test_high = low.map(value);
    for curve in standing.valid_curves.iter_mut().chain(&mut standing.test_curves) {
        turn_curve(curve, metric);
    }
    for run in &mut standing.runs {
        turn_run(run, metric);
    }
}

fn turn_curve(curve: &mut Curve, metric: &Metric) {
    for estimate in &mut curve.estimates {
        let (low, high) = (estimate.low, estimate.high);
        estimate.mean = metric.value(estimate.mean);
        estimate.low = metric.value(high);
        estimate.high = metric.value(low);
    }
}

fn turn_run(run: &mut Run, metric: &Metric) {
    run.valid_accuracy = run.valid_accuracy.map(|score| metric.value(score));
    run.test_accuracy = run.test_accuracy.map(|score| metric.value(score));
    for Incumbent {
        valid_accuracy,
        test_accuracy,
        ..
    } in &mut run.incumbents
    {
        *valid_accuracy = valid_accuracy.map(|score| metric.value(score));
        *test_accuracy = test_accuracy.map(|score| metric.value(score));
    }
}

fn turn_pair(pair: &mut Pair, metric: &Metric) {
    let value = |score: f64| metric.value(score);
    let (low, high) = (pair.low, pair.high);
    pair.difference = pair.difference.map(value);
    pair.low = high.map(value);
    pair.high = low.map(value);
}
