//! When a search ends before its last epoch.
//!
//! - **robust**: the dominant eigenvalue of ∇²_α L_val is averaged over the last measurements;
//!   where the average has grown by more than a ratio within some measurements, the search has
//!   found a sharp minimum, and the architecture is that of the middle of the earlier window.
//! - **darts-plus**: the normal cell has two or more skip connections, and the architecture is that
//!   of the epoch before; or the order of the operations on every edge has not changed for some
//!   epochs.
//!
//! Both use only the epochs in which the architecture is learned, the history and the start of the
//! search, so a resumed search ends at the same epoch.
//!
//! # Deviations
//! **robust** counts the ratio for positive averages alone: it says nothing where one is negative.
//! As in the authors' code, nothing is checked after the last epoch.
//!
//! **darts-plus** does not act before the strengths have moved: the root mean square of their
//! differences from those at the start, over the operations of all edges that the condition looks
//! at, must be above their spread at the start, the root mean square of their differences from
//! their edge's mean. Strengths that are drawn and not learned have two skip connections or more
//! with a probability of 0.32 in the DARTS space (eight edges, seven operations) and 0.34 in
//! NAS-Bench-201 (six, five), and an order that does not change with a probability of 1.
//!
//! # References
//! Arber Zela, Thomas Elsken, Tonmoy Saikia, Yassine Marrakchi, Thomas Brox, Frank Hutter,
//! "Understanding and Robustifying Differentiable Architecture Search", ICLR 2020,
//! arXiv:1909.09656, section 4.3 and the authors' code; Hanwen Liang et al., "DARTS+: Improved
//! Differentiable Architecture Search with Early Stopping", 2019, arXiv:1909.06035, section 3.3.

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use crate::error::DartsError;
pub use crate::report::Stopped;
use crate::report::{CellReport, EpochReport};

/// When a search ends early.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum StopRule {
    /// Never.
    None {},
    /// When the loss landscape becomes sharp (RobustDARTS).
    Robust(RobustRule),
    /// When skip connections take over or nothing changes any more (DARTS+).
    DartsPlus(DartsPlusRule),
}

/// The input of a rule besides the history.
#[derive(Debug, Clone, Copy)]
pub struct Course<'a> {
    /// Epochs of a search that is not ended early.
    pub epochs: u32,
    /// The number of epochs at the start that are ignored.
    pub frozen_epochs: u32,
    /// The strengths before the first epoch: a table a cell, edges × operations.
    pub start: &'a [Array2<f64>],
}

/// Settings of [`StopRule::Robust`].
///
/// | Name | Default | Purpose | Range |
/// |---|---|---|---|
/// | `window` | 5 | measurements that are averaged | ≥ 1 |
/// | `distance` | 4 | measurements between the averages compared | ≥ 1 |
/// | `ratio` | 1.3 | growth that ends the search | > 0 |
/// | `first_epoch` | 10 | first epoch whose architecture may be taken | |
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct RobustRule {
    /// Measurements that are averaged.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub window: usize,
    /// Measurements between the two averages that are compared.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub distance: usize,
    /// Growth of the average that ends the search.
    #[cfg_attr(feature = "schema", schemars(extend("exclusiveMinimum" = 0)))]
    pub ratio: f64,
    /// First epoch whose architecture may be taken, counted from 0.
    pub first_epoch: u32,
}

/// Settings of [`StopRule::DartsPlus`].
///
/// | Name | Default | Purpose | Range |
/// |---|---|---|---|
/// | `skip_connections` | 2 | as many in the first cell end the search | ≥ 1 |
/// | `unchanged_epochs` | 10 | as many without a change in any edge's order end it | ≥ 1 |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct DartsPlusRule {
    /// Skip connections in the first cell that end the search.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub skip_connections: usize,
    /// Epochs without a change in any edge's order of operations that end the search.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub unchanged_epochs: usize,
}

impl Default for StopRule {
    fn default() -> Self {
        Self::None {}
    }
}

impl Default for RobustRule {
    fn default() -> Self {
        Self {
            window: 5,
            distance: 4,
            ratio: 1.3,
            first_epoch: 10,
        }
    }
}

impl Default for DartsPlusRule {
    fn default() -> Self {
        Self {
            skip_connections: 2,
            unchanged_epochs: 10,
        }
    }
}

impl StopRule {
    /// Checks the ranges in the tables above.
    ///
    /// # Errors
    /// [`DartsError::Eval`] names the field.
    pub fn validate(&self) -> Result<(), DartsError> {
        let counts = match self {
            Self::None {} => return Ok(()),
            Self::Robust(rule) => {
                if !(rule.ratio > 0.0 && rule.ratio.is_finite()) {
                    return Err(DartsError::config("stop.ratio", rule.ratio, "a number above 0"));
                }
                [("stop.window", rule.window), ("stop.distance", rule.distance)]
            }
            Self::DartsPlus(rule) => [
                ("stop.skip_connections", rule.skip_connections),
                ("stop.unchanged_epochs", rule.unchanged_epochs),
            ],
        };
        match counts.into_iter().find(|(_, count)| *count == 0) {
            Some((name, count)) => Err(DartsError::config(name, count, "at least 1")),
            None => Ok(()),
        }
    }

    /// Whether the search ends after the last epoch of `history`.
    pub fn check(&self, history: &[EpochReport], course: &Course<'_>) -> Option<Stopped> {
        let learned = history.get(course.frozen_epochs as usize..)?;
        match self {
            Self::None {} => None,
            Self::Robust(_) if history.len() >= course.epochs as usize => None,
            Self::Robust(rule) => rule.check(learned),
            Self::DartsPlus(rule) => rule.check(learned, course.start),
        }
    }
}

impl RobustRule {
    fn check(&self, history: &[EpochReport]) -> Option<Stopped> {
        let last = history.last()?;
        // Only a new measurement can change what was decided before.
        last.eigenvalue?;
        let measured: Vec<(u32, f64)> = history
            .iter()
            .filter_map(|report| Some((report.epoch, report.eigenvalue?)))
            .collect();
        let windows: Vec<(u32, f64)> = measured
            .windows(self.window)
            .map(|window| {
                let sum: f64 = window.iter().map(|(_, value)| value).sum();
                (window[self.window / 2].0, sum / self.window as f64)
            })
            .collect();
        let (_, now) = *windows.last()?;
        let (then_epoch, then) = *windows.get(windows.len().checked_sub(self.distance + 1)?)?;
        let sharp = then > 0.0 && now > self.ratio * then;
        (sharp && then_epoch >= self.first_epoch).then(|| Stopped {
            epoch: last.epoch,
            architecture_of: then_epoch,
            reason: format!(
                "the dominant eigenvalue, averaged over {} measurements, grew from {then:.4} to {now:.4}, more than \
                 {} times",
                self.window, self.ratio
            ),
        })
    }
}

impl DartsPlusRule {
    fn check(&self, history: &[EpochReport], start: &[Array2<f64>]) -> Option<Stopped> {
        let (last, before) = history.split_last()?;
        let (first, skips) = (last.cells.get(..1)?, last.cells.first()?.skip_connections);
        if skips >= self.skip_connections && have_moved(first, start) {
            return Some(Stopped {
                epoch: last.epoch,
                architecture_of: before.last().map_or(last.epoch, |report| report.epoch),
                reason: format!("the {} cell has {skips} skip connections", last.cells[0].name),
            });
        }
        let order = ranking(last);
        let unchanged = before
            .iter()
            .rev()
            .take_while(|report| ranking(report) == order)
            .count();
        (unchanged >= self.unchanged_epochs && have_moved(&last.cells, start)).then(|| Stopped {
            epoch: last.epoch,
            architecture_of: last.epoch,
            reason: format!("the order of the operations has been the same for {unchanged} epochs"),
        })
    }
}

/// Whether the strengths of these cells are further from where they started than they were from
/// each other there.
fn have_moved(cells: &[CellReport], start: &[Array2<f64>]) -> bool {
    let (mut moved, mut spread) = (0.0, 0.0);
    for (cell, start) in cells.iter().zip(start) {
        for (now, start) in cell.strengths.iter().zip(start.rows()) {
            let mean = start.sum() / start.len() as f64;
            for (now, start) in now.iter().zip(start) {
                moved += (now - start).powi(2);
                spread += (start - mean).powi(2);
            }
        }
    }
    moved > spread
}

/// For each edge of each cell, the operations from the strongest to the weakest.
fn ranking(report: &EpochReport) -> Vec<Vec<usize>> {
    let rows = report.cells.iter().flat_map(|cell| &cell.strengths);
    rows.map(|row| {
        let mut order: Vec<usize> = (0..row.len()).collect();
        order.sort_by(|&a, &b| row[b].total_cmp(&row[a]));
        order
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::CellReport;

    fn report(epoch: u32, strengths: &[f64], skips: usize, eigenvalue: Option<f64>) -> EpochReport {
        EpochReport {
            epoch,
            train_loss: 1.0,
            train_accuracy: 0.5,
            valid_loss: 1.0,
            valid_accuracy: 0.5,
            learning_rate: 0.1,
            genotype: String::new(),
            cells: vec![CellReport {
                name: "normal".to_owned(),
                edges: vec![(0, 1)],
                operations: vec![String::new(); strengths.len()],
                strengths: vec![strengths.to_vec()],
                chosen: vec![],
                skip_connections: skips,
                mean_entropy: 0.0,
                mean_gap: 0.0,
            }],
            eigenvalue,
            expected_cost: None,
            seconds: 0.0,
        }
    }

    /// Equal strengths of one edge at the start: what is learned at all has moved.
    fn even() -> [Array2<f64>; 1] {
        [Array2::from_elem((1, 2), 0.45)]
    }

    fn check(rule: StopRule, history: &[EpochReport], frozen_epochs: u32) -> Option<Stopped> {
        let course = Course {
            epochs: 1_000,
            frozen_epochs,
            start: &even(),
        };
        rule.check(history, &course)
    }

    /// The first epoch at which the rule ends the search.
    fn first_stop(rule: StopRule, history: &[EpochReport], frozen: u32) -> Option<Stopped> {
        (1..=history.len()).find_map(|length| check(rule, &history[..length], frozen))
    }

    #[test]
    fn a_growing_eigenvalue_ends_the_search_with_the_architecture_of_the_flat_part() {
        let values = |at: &dyn Fn(u32) -> f64| -> Vec<EpochReport> {
            (0..40)
                .map(|epoch| report(epoch, &[0.5], 0, Some(at(epoch))))
                .collect()
        };
        let rule = StopRule::Robust(RobustRule::default());
        // Flat up to epoch 19, three times as large from 20 on: the first window with two of those
        // averages 1.8.
        let history = values(&|epoch| if epoch < 20 { 1.0 } else { 3.0 });
        let stopped = first_stop(rule, &history, 0).unwrap();
        assert_eq!((stopped.epoch, stopped.architecture_of), (20, 14));
        assert!(stopped.reason.contains("1.0000 to 1.4000"), "{}", stopped.reason);
        assert_eq!(first_stop(rule, &values(&|_| 1.0), 0), None);
        // Grows too slowly for the ratio within the distance.
        assert_eq!(
            first_stop(rule, &values(&|epoch| 1.05_f64.powi(epoch as i32)), 0),
            None
        );
        let stopped = first_stop(rule, &values(&|epoch| 1.1_f64.powi(epoch as i32)), 0).unwrap();
        assert_eq!(stopped.architecture_of, 10, "the first epoch that may be taken");
        assert_eq!(first_stop(rule, &values(&|epoch| -f64::from(epoch)), 0), None);
    }

    #[test]
    fn only_measured_epochs_count_and_frozen_ones_do_not() {
        let history: Vec<EpochReport> = (0..60)
            .map(|epoch| {
                report(
                    epoch,
                    &[0.5],
                    0,
                    epoch
                        .is_multiple_of(2)
                        .then_some(if epoch < 30 { 1.0 } else { 9.0 }),
                )
            })
            .collect();
        let rule = StopRule::Robust(RobustRule::default());
        let stopped = first_stop(rule, &history, 0).unwrap();
        // Windows are centred two measurements back, and are compared over four.
        assert_eq!((stopped.epoch, stopped.architecture_of), (30, 18));
        assert_eq!(
            check(rule, &history[..32], 0),
            None,
            "nothing was measured in epoch 31"
        );
        let last = |epochs| {
            let course = Course {
                epochs,
                frozen_epochs: 0,
                start: &even(),
            };
            rule.check(&history[..31], &course)
        };
        assert_eq!(last(32), Some(stopped));
        assert_eq!(last(31), None, "nothing is left to be saved");
        assert_eq!(first_stop(rule, &history, 30), None);
    }

    #[test]
    fn two_skip_connections_end_the_search_with_the_epoch_before() {
        let rule = StopRule::DartsPlus(DartsPlusRule::default());
        let skips = [0, 1, 1, 2, 3];
        let history: Vec<EpochReport> = skips
            .iter()
            .enumerate()
            .map(|(epoch, &skips)| report(epoch as u32, &[0.5, 0.1 * epoch as f64], skips, None))
            .collect();
        let stopped = first_stop(rule, &history, 0).unwrap();
        assert_eq!((stopped.epoch, stopped.architecture_of), (3, 2));
        // From the first learned epoch on: there is none before.
        let stopped = first_stop(rule, &history, 3).unwrap();
        assert_eq!((stopped.epoch, stopped.architecture_of), (3, 3));
        assert_eq!(first_stop(rule, &history[..3], 0), None);
    }

    #[test]
    fn an_order_that_does_not_change_ends_the_search() {
        let rule = StopRule::DartsPlus(DartsPlusRule {
            unchanged_epochs: 3,
            ..DartsPlusRule::default()
        });
        let order = |epoch: u32| {
            if epoch < 4 {
                [0.1, 0.9 - 0.1 * f64::from(epoch)]
            } else {
                [0.9, 0.2]
            }
        };
        let history: Vec<EpochReport> = (0..10)
            .map(|epoch| report(epoch, &order(epoch), 0, None))
            .collect();
        let stopped = first_stop(rule, &history, 0).unwrap();
        // Epochs 0 to 3 have one order: at epoch 3 it has stood for three.
        assert_eq!((stopped.epoch, stopped.architecture_of), (3, 3));
        let stopped = first_stop(rule, &history, 2).unwrap();
        assert_eq!(stopped.epoch, 7, "from epoch 4 on it is another");
    }

    /// A history of one cell of NAS-Bench-201 with these strengths after each epoch.
    fn of_cell(tables: &[Array2<f64>]) -> Vec<EpochReport> {
        let cell = &nas_space::spaces::nb201().relaxed().unwrap()[0];
        let reports = tables.iter().enumerate().map(|(epoch, table)| {
            let chosen =
                crate::discretize::discretize(std::slice::from_ref(cell), std::slice::from_ref(table));
            EpochReport {
                cells: vec![crate::diagnostics::cell_report(cell, table, &chosen[0])],
                ..report(epoch as u32, &[], 0, None)
            }
        });
        reports.collect()
    }

    #[test]
    fn strengths_that_have_not_been_learned_never_end_a_search_and_those_that_collapse_do() {
        use crate::alphas::Alphas;
        use crate::relaxation::{Relaxation, Softmax};
        use nas_space::seed::Seed;

        let cells = nas_space::spaces::nb201().relaxed().unwrap();
        let rule = StopRule::DartsPlus(DartsPlusRule::default());
        let seeds = 400;
        let mut of_two = 0;
        for seed in 0..seeds {
            let alphas = Alphas::random(&cells, false, 1e-3, Seed::new(seed)).unwrap();
            let start = Softmax.strengths(&alphas);
            let end_of = |tables: &[Array2<f64>]| {
                let history = of_cell(tables);
                let course = Course {
                    epochs: 1_000,
                    frozen_epochs: 0,
                    start: &start,
                };
                let stopped = (1..=history.len()).find_map(|n| rule.check(&history[..n], &course));
                (history, stopped)
            };
            // As they were drawn, and shaken by a tenth of their spread.
            let shaken = |epoch: u64| {
                let noise =
                    Alphas::random(&cells, false, 1e-4, Seed::new(seed).derive("noise", epoch)).unwrap();
                Softmax.strengths(&alphas.plus(1.0, &noise)).remove(0)
            };
            let still: Vec<Array2<f64>> = (0..13).map(|_| start[0].clone()).collect();
            let shaken: Vec<Array2<f64>> = (0..13).map(shaken).collect();
            let (history, stopped) = end_of(&still);
            of_two += u32::from(history[0].cells[0].skip_connections >= 2);
            assert_eq!(stopped, None);
            assert_eq!(end_of(&shaken).1, None);
            // The strength of skip connections (column 1) grows on all edges.
            let collapsing = |epoch: i32| {
                let mut alphas = alphas.clone();
                alphas.operations[0]
                    .column_mut(1)
                    .mapv_inplace(|alpha| alpha + 1e-3 * f64::from(epoch));
                Softmax.strengths(&alphas).remove(0)
            };
            let collapsing: Vec<Array2<f64>> = (0..13).map(collapsing).collect();
            let (_, stopped) = end_of(&collapsing);
            let stopped = stopped.unwrap();
            assert!(stopped.reason.contains("skip connections"), "{stopped:?}");
        }
        // Of six edges, each a skip connection with a probability of 1/5: 1 − 0.8⁶ − 6 · 0.2 ·
        // 0.8⁵ = 0.345.
        let share = f64::from(of_two) / seeds as f64;
        assert!((share - 0.345).abs() < 0.08, "{share}");
    }

    #[test]
    fn rules_read_back_as_themselves_and_wrong_ones_are_refused() {
        for rule in [
            StopRule::None {},
            StopRule::Robust(RobustRule::default()),
            StopRule::DartsPlus(DartsPlusRule::default()),
        ] {
            rule.validate().unwrap();
            let text = serde_json::to_string(&rule).unwrap();
            assert_eq!(serde_json::from_str::<StopRule>(&text).unwrap(), rule);
        }
        let short: StopRule = serde_json::from_str(r#"{"kind":"darts-plus"}"#).unwrap();
        assert_eq!(short, StopRule::DartsPlus(DartsPlusRule::default()));
        assert!(serde_json::from_str::<StopRule>(r#"{"kind":"sometimes"}"#).is_err());
        for (rule, field) in [
            (
                StopRule::Robust(RobustRule {
                    window: 0,
                    ..RobustRule::default()
                }),
                "stop.window",
            ),
            (
                StopRule::Robust(RobustRule {
                    ratio: f64::NAN,
                    ..RobustRule::default()
                }),
                "stop.ratio",
            ),
            (
                StopRule::DartsPlus(DartsPlusRule {
                    unchanged_epochs: 0,
                    ..DartsPlusRule::default()
                }),
                "stop.unchanged_epochs",
            ),
        ] {
            assert!(rule.validate().unwrap_err().to_string().starts_with(field));
        }
    }
}
