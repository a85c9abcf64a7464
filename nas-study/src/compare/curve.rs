//! What a method had found after so much work.

use nas_space::arch::Architecture;
use nas_space::search::TrialId;
use serde::{Deserialize, Serialize};

use super::{Bootstrap, Estimate};
use crate::store::{Best, TrialRecord};

/// Most places of a curve.
const PLACES: usize = 120;

/// The architecture that a run would have chosen from some trial on, by validation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Incumbent {
    /// Trials finished until then, this one included; 0 of what a supernet would have found on the
    /// way.
    pub trials: u64,
    /// Epochs that these have added; a failed one is charged in full.
    pub epochs: u64,
    /// Images that were passed forward and backward through a network until then, by trials or by a
    /// supernet; none where that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_passes: Option<u64>,
    /// Seconds: the cost of these trials, and the time that the method itself took.
    pub seconds: f64,
    /// Its choices.
    pub architecture: Architecture,
    /// Its validation accuracy, in [0, 1]; none where something else than an accuracy chose it.
    pub valid_accuracy: Option<f64>,
    /// Its test accuracy, in [0, 1], taken after the run, where one can be had of every
    /// architecture.
    pub test_accuracy: Option<f64>,
}

/// What a curve runs along.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Currency {
    /// Finished trials.
    Trials,
    /// Trained epochs.
    Epochs,
    /// Images passed forward and backward through a network, by trials or by a supernet.
    ImagePasses,
    /// Seconds of trials and of the method.
    Seconds,
}

/// The mean of a figure over runs, as a function of the budget spent. A step curve: a mean holds
/// until the next place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    /// What it runs along.
    pub along: Currency,
    /// How much was spent, growing.
    pub spent: Vec<f64>,
    /// The mean at each of those places, and its 95 % bootstrap interval.
    pub estimates: Vec<Estimate>,
}

/// The architectures that these trials of a run would have chosen one after the other, in the order
/// in which they were told. The choice is that of a [`Summary`](crate::Summary): the highest validation accuracy
/// among the trials of the highest fidelity that was reached, or the highest value of the figure
/// `ranked_by`.
pub fn incumbents(trials: &[TrialRecord], ranked_by: Option<&str>) -> Vec<Incumbent> {
    let mut found: Vec<Incumbent> = Vec::new();
    let (mut finished, mut epochs, mut seconds) = (0, 0, 0.0);
    // Fidelity and rank of the last one found, and its number.
    let mut highest = ((0, f64::NEG_INFINITY), TrialId::MAX);
    let mut trials: Vec<&TrialRecord> = trials.iter().collect();
    trials.sort_by_key(|record| record.place());
    for record in trials {
        let Some(conclusion) = &record.conclusion else {
            continue;
        };
        finished += 1;
        if record.reused_from.is_none() {
            epochs += u64::from(record.trial.added_epochs());
        }
        seconds += conclusion.cost_seconds + record.ask_seconds + record.tell_seconds.unwrap_or(0.0);
        let Ok(evaluation) = &conclusion.result else {
            continue;
        };
        let rank = (record.trial.fidelity.epochs, Best::rank(evaluation, ranked_by));
        let (of_best, best) = highest;
        // Of equals, that of the lowest number is chosen.
        if found.is_empty() || rank > of_best || rank == of_best && record.trial.id < best {
            highest = (rank, record.trial.id);
            found.push(Incumbent {
                trials: finished,
                epochs,
                image_passes: None,
                seconds,
                architecture: record.trial.architecture.clone(),
                valid_accuracy: Some(evaluation.valid_accuracy),
                test_accuracy: None,
            });
        }
    }
    found
}

impl Incumbent {
    /// What had been spent, where that is known.
    pub fn spent(&self, along: Currency) -> Option<f64> {
        match along {
            Currency::Trials => Some(self.trials as f64),
            Currency::Epochs => Some(self.epochs as f64),
            Currency::ImagePasses => self.image_passes.map(|passes| passes as f64),
            Currency::Seconds => Some(self.seconds),
        }
    }
}

impl Curve {
    /// The mean of `figure` over the runs, each given by its incumbents and by what it spent in
    /// all, from where all of them have an incumbent to where the last one ends; at places evenly
    /// spread over the logarithm, at most one for each whole number of trials, epochs or passes. None
    /// where a run has no incumbent, or one without the figure or without what it spent.
    ///
    /// A run that ended stays as it was: it has nothing more to spend.
    pub fn new(
        runs: &[(&[Incumbent], f64)],
        along: Currency,
        bootstrap: &Bootstrap,
        figure: impl Fn(&Incumbent) -> Option<f64>,
    ) -> Option<Self> {
        let steps: Vec<Vec<(f64, f64)>> = runs
            .iter()
            .map(|(incumbents, _)| {
                let step = |one: &Incumbent| Some((one.spent(along)?, figure(one)?));
                incumbents.iter().map(step).collect::<Option<Vec<_>>>()
            })
            .collect::<Option<_>>()?;
        let firsts = steps.iter().map(|steps| Some(steps.first()?.0));
        let first = firsts
            .collect::<Option<Vec<_>>>()?
            .into_iter()
            .fold(0.0, f64::max);
        let last = runs.iter().map(|(_, spent)| *spent).fold(first, f64::max);
        if runs.is_empty() || !last.is_finite() {
            return None;
        }
        let spent = places(first, last, along);
        let estimates = spent
            .iter()
            .map(|&place| {
                let values: Vec<f64> = steps
                    .iter()
                    .map(|steps| steps[steps.partition_point(|step| step.0 <= place).max(1) - 1].1)
                    .collect();
                bootstrap.mean(&values)
            })
            .collect();
        Some(Self {
            along,
            spent,
            estimates,
        })
    }
}

/// From the first to the last, evenly over the logarithm.
fn places(first: f64, last: f64, along: Currency) -> Vec<f64> {
    let whole = along != Currency::Seconds;
    let start = first.max(f64::MIN_POSITIVE);
    let ratio = last / start;
    let mut places: Vec<f64> = (0..PLACES)
        .map(|i| start * ratio.powf(i as f64 / (PLACES - 1) as f64))
        .map(|place| if whole { place.round() } else { place })
        .collect();
    // What rounding lost.
    if let Some(end) = places.last_mut() {
        *end = last;
    }
    places.dedup();
    places
}

#[cfg(test)]
mod tests {

    use nas_space::search::{Continued, Evaluation, Failure, FailureKind, Fidelity, Trial};
    use nas_space::seed::Seed;

    use super::*;
    use crate::store::Conclusion;

    fn record(id: u64, epochs: u32, continues: Option<Continued>, valid: Option<f64>) -> TrialRecord {
        let evaluation = |valid_accuracy| Evaluation {
            cost_seconds: 2.0,
            ..Evaluation::new(valid_accuracy, epochs)
        };
        TrialRecord {
            trial: Trial {
                id,
                architecture: Architecture::new([id as usize]),
                fidelity: Fidelity { epochs },
                seed: Seed::new(0),
                continues,
            },
            genotype: None,
            reused_from: None,
            asked_unix_seconds: 0.0,
            ask_seconds: 0.25,
            completion: None,
            tell_seconds: Some(0.25),
            conclusion: Some(Conclusion {
                result: valid
                    .map(evaluation)
                    .ok_or_else(|| Failure::new(FailureKind::Other, "no")),
                cost_seconds: 2.0,
                finished_unix_seconds: 0.0,
            }),
        }
    }

    #[test]
    fn the_incumbent_is_the_best_of_the_highest_fidelity_so_far() {
        let trials = [
            record(0, 1, None, None),
            record(1, 1, None, Some(0.5)),
            record(2, 1, None, Some(0.4)),
            record(3, 1, None, Some(0.6)),
            // Less, but looked at more closely.
            record(4, 3, Some(Continued { trial: 3, epochs: 1 }), Some(0.55)),
            record(5, 1, None, Some(0.9)),
        ];
        let found = incumbents(&trials, None);
        let seen: Vec<(u64, u64, f64, Option<f64>)> = found
            .iter()
            .map(|one| (one.trials, one.epochs, one.seconds, one.valid_accuracy))
            .collect();
        assert_eq!(
            seen,
            [
                (2, 2, 5.0, Some(0.5)),
                (4, 4, 10.0, Some(0.6)),
                (5, 6, 12.5, Some(0.55))
            ]
        );
        assert_eq!(found[2].architecture, Architecture::new([4]));
        assert!(incumbents(&trials[..1], None).is_empty());
    }

    #[test]
    fn the_incumbent_by_a_figure_is_that_of_its_highest_value() {
        let trials = [(0.5, 0.5), (0.9, 0.4), (0.6, 0.7)].into_iter().enumerate();
        let trials = trials.map(|(id, (accuracy, reward))| {
            let mut record = record(id as u64, 1, None, Some(accuracy));
            let evaluation = record.conclusion.as_mut().unwrap().result.as_mut().unwrap();
            evaluation.figures.insert("reward".to_owned(), reward);
            record
        });
        let found = incumbents(&trials.collect::<Vec<_>>(), Some("reward"));
        let seen: Vec<(u64, Option<f64>)> =
            found.iter().map(|one| (one.trials, one.valid_accuracy)).collect();
        assert_eq!(seen, [(1, Some(0.5)), (3, Some(0.6))]);
    }

    fn incumbent(trials: u64, valid_accuracy: f64) -> Incumbent {
        Incumbent {
            trials,
            epochs: trials,
            image_passes: None,
            seconds: trials as f64,
            architecture: Architecture::new([]),
            valid_accuracy: Some(valid_accuracy),
            test_accuracy: None,
        }
    }

    #[test]
    fn a_curve_is_the_mean_of_steps_from_where_all_have_one() {
        let a = [incumbent(1, 0.25), incumbent(4, 0.75)];
        let b = [incumbent(2, 0.5)];
        let runs = [(&a[..], 6.0), (&b[..], 6.0)];
        let valid = |one: &Incumbent| one.valid_accuracy;
        let curve = Curve::new(&runs, Currency::Trials, &Bootstrap::new(2), valid).unwrap();
        assert_eq!(curve.spent, [2.0, 3.0, 4.0, 5.0, 6.0]);
        let means: Vec<f64> = curve.estimates.iter().map(|e| e.mean).collect();
        assert_eq!(means, [0.375, 0.375, 0.625, 0.625, 0.625]);
        // Two runs: all draws of them lie between the two.
        assert_eq!((curve.estimates[0].low, curve.estimates[0].high), (0.25, 0.5));
        let none = Curve::new(&runs, Currency::Trials, &Bootstrap::new(2), |one| {
            one.test_accuracy
        });
        assert_eq!(none, None, "a figure that is not known");
        let without = [(&a[..], 6.0), (&b[..0], 6.0)];
        assert_eq!(
            Curve::new(&without, Currency::Trials, &Bootstrap::new(2), valid),
            None
        );
    }

    #[test]
    fn a_curve_over_image_passes_needs_them_of_all_incumbents() {
        let known = Incumbent {
            image_passes: Some(500),
            ..incumbent(1, 0.25)
        };
        let along = |incumbents: &[Incumbent]| {
            let valid = |one: &Incumbent| one.valid_accuracy;
            Curve::new(
                &[(incumbents, 900.0)],
                Currency::ImagePasses,
                &Bootstrap::new(1),
                valid,
            )
        };
        let curve = along(std::slice::from_ref(&known)).unwrap();
        assert_eq!((curve.spent[0], *curve.spent.last().unwrap()), (500.0, 900.0));
        assert_eq!(along(&[known, incumbent(2, 0.5)]), None);
    }

    #[test]
    fn long_curves_have_a_bounded_number_of_places() {
        let a = [incumbent(1, 0.25)];
        let runs = [(&a[..], 100_000.0)];
        let curve = Curve::new(&runs, Currency::Trials, &Bootstrap::new(1), |one| {
            one.valid_accuracy
        });
        let spent = curve.unwrap().spent;
        assert!(spent.len() <= PLACES && spent.is_sorted());
        assert_eq!((spent[0], *spent.last().unwrap()), (1.0, 100_000.0));
    }
}
