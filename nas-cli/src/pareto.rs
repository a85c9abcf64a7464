//! The trials of a run as points of accuracy and cost, and those of them that nothing is better than in every way.

use std::collections::BTreeSet;

use anyhow::Result;
use nas_evo::Objective;
use nas_evo::nsga2::fronts;
use nas_space::cost::Cost;
use nas_space::network::NetworkConfig;
use nas_space::search::{Evaluation, TrialId};
use nas_space::spaces::Space;
use nas_study::TrialRecord;
use serde::Serialize;

/// A trial that was evaluated.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Point {
    pub(crate) trial: TrialId,
    pub(crate) arch: String,
    pub(crate) valid_accuracy: f64,
    pub(crate) params: u64,
    pub(crate) macs: u64,
}

/// All points of a run.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Pareto {
    /// What they are compared by.
    pub(crate) objectives: Vec<Objective>,
    /// In the order of the trials.
    pub(crate) points: Vec<Point>,
    /// The places of those that no other dominates, the smallest first; of one architecture the first such trial.
    pub(crate) front: Vec<usize>,
}

impl Pareto {
    /// The trials on record that did not fail, of those trained for the most epochs: accuracies after different epochs are not
    /// compared. Costs that their evaluations do not know are counted on networks of this size; where there are no networks, a
    /// trial of unknown cost is no point.
    pub(crate) fn new(
        records: &[TrialRecord],
        space: &dyn Space,
        network: Option<&NetworkConfig>,
        objectives: &[Objective],
    ) -> Result<Self> {
        let evaluated: Vec<(&TrialRecord, &Evaluation)> = records
            .iter()
            .filter_map(|record| Some((record, record.conclusion.as_ref()?.result.as_ref().ok()?)))
            .collect();
        let most = evaluated.iter().map(|(record, _)| record.trial.fidelity).max();
        let mut points = Vec::new();
        for (record, evaluation) in evaluated {
            if Some(record.trial.fidelity) != most {
                continue;
            }
            let architecture = &record.trial.architecture;
            let genotype = space.genotype(architecture)?;
            let cost = match (evaluation.params, evaluation.macs) {
                (Some(params), Some(macs)) => Cost { params, macs },
                (params, macs) => {
                    let Some(network) = network else { continue };
                    let counted = space.network(architecture, network)?.cost();
                    Cost {
                        params: params.unwrap_or(counted.params),
                        macs: macs.unwrap_or(counted.macs),
                    }
                }
            };
            points.push(Point {
                trial: record.trial.id,
                arch: genotype.to_string(),
                valid_accuracy: evaluation.valid_accuracy,
                params: cost.params,
                macs: cost.macs,
            });
        }
        Ok(Self::of(points, objectives))
    }

    /// Those points, in the order of their trials.
    pub(crate) fn of(points: Vec<Point>, objectives: &[Objective]) -> Self {
        let values: Vec<Vec<f64>> = points.iter().map(|point| point.values(objectives)).collect();
        let mut front = fronts(&values).into_iter().next().unwrap_or_default();
        let mut seen = BTreeSet::new();
        front.retain(|&place| seen.insert(points[place].arch.as_str()));
        let key = |place: usize| {
            let point = &points[place];
            (point.params, point.macs, point.trial)
        };
        front.sort_by_key(|&place| key(place));
        Self {
            objectives: objectives.to_vec(),
            points,
            front,
        }
    }

    /// The points of the front, the smallest first.
    pub(crate) fn front(&self) -> Vec<&Point> {
        self.front.iter().map(|&place| &self.points[place]).collect()
    }
}

impl Point {
    fn values(&self, objectives: &[Objective]) -> Vec<f64> {
        let cost = Cost {
            params: self.params,
            macs: self.macs,
        };
        let value = |objective: &Objective| objective.value(self.valid_accuracy, cost);
        objectives.iter().map(value).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(trial: TrialId, arch: &str, valid_accuracy: f64, params: u64, macs: u64) -> Point {
        Point {
            trial,
            arch: arch.to_owned(),
            valid_accuracy,
            params,
            macs,
        }
    }

    #[test]
    fn the_front_is_what_nothing_is_better_than_the_smallest_first() {
        let points = vec![
            point(0, "large", 0.9, 90, 1),
            point(1, "worse", 0.5, 50, 2),
            point(2, "small", 0.6, 20, 3),
            point(4, "small", 0.6, 20, 3),
            point(5, "even", 0.9, 90, 1),
        ];
        let trials = |objectives: &[Objective]| -> Vec<TrialId> {
            let pareto = Pareto::of(points.clone(), objectives);
            pareto.front().iter().map(|point| point.trial).collect()
        };
        assert_eq!(trials(&[Objective::Accuracy, Objective::Params]), [2, 0, 5]);
        assert_eq!(trials(&[Objective::Accuracy, Objective::Macs]), [0, 5]);
        assert_eq!(trials(&[Objective::Params]), [2]);
        assert!(Pareto::of(Vec::new(), &Objective::ALL).front().is_empty());
    }
}
