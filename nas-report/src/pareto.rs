//! The trials of a run as points of accuracy and cost, and their Pareto front.

use std::collections::{BTreeSet, HashMap, HashSet};

use nas_evo::Objective;
use nas_evo::nsga2::first_front;
use nas_space::arch::Architecture;
use nas_space::search::{Evaluation, Metric, TrialId};
use nas_space::sizes::{Figures, Sizes};
use nas_space::spaces::{Space, SpaceError};
use nas_study::TrialRecord;
use serde::Serialize;

/// Trials of which the front is found at a time.
const AT_A_TIME: usize = 4_000;

/// A trial that was evaluated.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Point {
    /// Its number.
    pub trial: TrialId,
    /// Its architecture, readable.
    pub arch: String,
    /// What strategies maximise.
    #[serde(skip)]
    pub score: f64,
    /// The same, where it is an accuracy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid_accuracy: Option<f64>,
    /// The validation figure, where it is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid: Option<f64>,
    /// Parameters, multiply-accumulates and other figures, if they are known.
    #[serde(flatten)]
    pub figures: Figures,
}

/// All points of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Pareto {
    /// What they are compared by.
    pub(crate) objectives: Vec<Objective>,
    /// What their scores are of.
    pub(crate) metric: Metric,
    /// In the order of the trials.
    pub(crate) points: Vec<Point>,
    /// The places of those that no other dominates, the smallest first; of one architecture the first such trial.
    pub(crate) front: Vec<usize>,
}

impl Pareto {
    /// The trials on record that did not fail, of those trained for the most epochs: accuracies after different epochs are not
    /// compared. Figures that their evaluations do not know are those of `sizes`. Without objectives they are the accuracy and the
    /// first cost that is known. A trial that lacks an objective is no point; where no trial knows any cost, there are no points.
    ///
    /// # Errors
    /// Where a trial's architecture is not of this space.
    pub fn new(
        records: &[TrialRecord],
        space: &dyn Space,
        sizes: Option<&dyn Sizes>,
        objectives: &[Objective],
        metric: &Metric,
    ) -> Result<Self, SpaceError> {
        let evaluated: Vec<(&TrialRecord, &Evaluation)> = records
            .iter()
            .filter_map(|record| Some((record, record.conclusion.as_ref()?.result.as_ref().ok()?)))
            .collect();
        let most = evaluated.iter().map(|(record, _)| record.trial.fidelity).max();
        // A search may come back to an architecture many times.
        let mut written: HashMap<&Architecture, String> = HashMap::new();
        let mut points = Vec::new();
        for (record, evaluation) in evaluated {
            if Some(record.trial.fidelity) != most {
                continue;
            }
            let architecture = &record.trial.architecture;
            let arch = match written.get(architecture) {
                Some(arch) => arch.clone(),
                None => {
                    let arch = space.genotype(architecture)?.to_string();
                    written.insert(architecture, arch.clone());
                    arch
                }
            };
            let figures = figures(evaluation, architecture, sizes);
            points.push(Point {
                trial: record.trial.id,
                arch,
                score: evaluation.valid_accuracy,
                valid_accuracy: metric.is_accuracy().then_some(evaluation.valid_accuracy),
                valid: (!metric.is_accuracy()).then(|| metric.value(evaluation.valid_accuracy)),
                figures,
            });
        }
        let knows = |objective: &Objective| points.iter().any(|point| point.value(objective).is_some());
        let objectives = match objectives {
            [_, ..] => objectives.to_vec(),
            [] => {
                let costs = [Objective::Params, Objective::Macs];
                let cost = costs.into_iter().find(knows).unwrap_or(Objective::Params);
                vec![Objective::Accuracy, cost]
            }
        };
        points.retain(|point| {
            objectives
                .iter()
                .all(|objective| point.value(objective).is_some())
        });
        Ok(Self::of(points, &objectives, metric.clone()))
    }

    /// How many points there are, and those of the front alone: for so many trials that no picture shows them all. It needs
    /// memory for a few thousand points at a time.
    ///
    /// # Errors
    /// As [`Pareto::new`].
    pub fn front_of_many(
        records: &[TrialRecord],
        space: &dyn Space,
        sizes: Option<&dyn Sizes>,
        objectives: &[Objective],
        metric: &Metric,
    ) -> Result<(usize, Self), SpaceError> {
        let evaluated =
            |record: &TrialRecord| record.conclusion.as_ref().is_some_and(|end| end.result.is_ok());
        let longest = |records: &[TrialRecord]| {
            let evaluated = records.iter().filter(|record| evaluated(record));
            evaluated.map(|record| record.trial.fidelity).max()
        };
        let most = longest(records);
        let knows_params = || {
            records.iter().any(|record| {
                let evaluation = record
                    .conclusion
                    .as_ref()
                    .and_then(|end| end.result.as_ref().ok());
                let known =
                    evaluation.map(|evaluation| figures(evaluation, &record.trial.architecture, sizes));
                known.is_some_and(|known| known.params.is_some())
            })
        };
        let objectives = match objectives {
            [_, ..] => objectives.to_vec(),
            [] if knows_params() => vec![Objective::Accuracy, Objective::Params],
            [] => vec![Objective::Accuracy, Objective::Macs],
        };
        let (mut count, mut front) = (0, Vec::new());
        for part in records.chunks(AT_A_TIME) {
            if longest(part) != most {
                continue;
            }
            // What is dominated within a part is dominated in all.
            let pareto = Self::new(part, space, sizes, &objectives, metric)?;
            count += pareto.points.len();
            front.extend(pareto.front().into_iter().cloned());
        }
        front.sort_by_key(|point| point.trial);
        let mut whole = Self::of(front, &objectives, metric.clone());
        whole.points = whole.front().into_iter().cloned().collect();
        whole.front = (0..whole.points.len()).collect();
        Ok((count, whole))
    }

    /// Those points, in the order of their trials. They know all objectives: a figure that is not known is worse than any other.
    pub fn of(points: Vec<Point>, objectives: &[Objective], metric: Metric) -> Self {
        // What is the same once more need not be compared again.
        let mut different = HashSet::new();
        let places: Vec<usize> = (0..points.len())
            .filter(|&place| different.insert((&points[place].arch, points[place].score.to_bits())))
            .collect();
        let values: Vec<Vec<f64>> = places
            .iter()
            .map(|&place| points[place].values(objectives))
            .collect();
        let mut front: Vec<usize> = first_front(&values).into_iter().map(|at| places[at]).collect();
        let mut seen = BTreeSet::new();
        front.retain(|&place| seen.insert(points[place].arch.as_str()));
        let key = |place: usize| {
            let point = &points[place];
            (point.figures.params, point.figures.macs, point.trial)
        };
        // Where a figure with a name is the first cost, the best of it come first.
        let named = objectives.iter().find(|objective| objective.quantity().is_some());
        let named = named.filter(|objective| matches!(objective, Objective::Named { .. }));
        let first = |place: usize| named.and_then(|objective| points[place].value(objective));
        front.sort_by(|&a, &b| {
            let by_name = first(a).unwrap_or(0.0).total_cmp(&first(b).unwrap_or(0.0));
            by_name.then_with(|| key(a).cmp(&key(b)))
        });
        Self {
            objectives: objectives.to_vec(),
            metric,
            points,
            front,
        }
    }

    /// At most about this number of points: those of the front, and every n-th of the others.
    pub fn thinned(&self, most: usize) -> Self {
        let front: HashSet<usize> = self.front.iter().copied().collect();
        let every = self.points.len().div_ceil(most.max(1)).max(1);
        let (mut points, mut places) = (Vec::new(), HashMap::new());
        for (place, point) in self.points.iter().enumerate() {
            if front.contains(&place) || place.is_multiple_of(every) {
                places.insert(place, points.len());
                points.push(point.clone());
            }
        }
        Self {
            objectives: self.objectives.clone(),
            metric: self.metric.clone(),
            points,
            front: self
                .front
                .iter()
                .filter_map(|place| places.get(place).copied())
                .collect(),
        }
    }

    /// All points, in the order of their trials.
    pub fn points(&self) -> &[Point] {
        &self.points
    }

    /// The points of the front, the smallest first.
    pub fn front(&self) -> Vec<&Point> {
        self.front.iter().map(|&place| &self.points[place]).collect()
    }
}

/// What is known of a trial's architecture: its evaluation's figures, or those of `sizes` where it has not all of them.
pub fn figures(evaluation: &Evaluation, architecture: &Architecture, sizes: Option<&dyn Sizes>) -> Figures {
    let of_record = Figures {
        params: evaluation.params,
        macs: evaluation.macs,
        named: evaluation.figures.clone(),
    };
    if of_record.params.is_some() && of_record.macs.is_some() {
        return of_record;
    }
    let other = sizes
        .and_then(|sizes| sizes.of(architecture).ok())
        .unwrap_or_default();
    Figures {
        params: of_record.params.or(other.params),
        macs: of_record.macs.or(other.macs),
        named: of_record.named,
    }
}

impl Point {
    /// The figure to minimise, where it is known.
    fn value(&self, objective: &Objective) -> Option<f64> {
        objective.value(self.score, &self.figures)
    }

    fn values(&self, objectives: &[Objective]) -> Vec<f64> {
        // What is not known is no better than anything.
        let value = |objective: &Objective| self.value(objective).unwrap_or(f64::INFINITY);
        objectives.iter().map(value).collect()
    }
}

#[cfg(test)]
mod tests {
    use nas_space::cost::Cost;

    use super::*;

    fn point(trial: TrialId, arch: &str, valid_accuracy: f64, params: u64, macs: u64) -> Point {
        Point {
            trial,
            arch: arch.to_owned(),
            score: valid_accuracy,
            valid_accuracy: Some(valid_accuracy),
            valid: None,
            figures: Cost { params, macs }.into(),
        }
    }

    #[test]
    fn a_thinned_picture_has_all_of_the_front_and_some_of_the_rest() {
        let points = (0..1000).map(|i| point(i, &format!("{i}"), f64::from(i as u32 % 7) / 10.0, 5 + i, 1));
        let all = Pareto::of(
            points.collect(),
            &[Objective::Accuracy, Objective::Params],
            Metric::default(),
        );
        let thinned = all.thinned(100);
        assert_eq!(thinned.front(), all.front());
        assert!((100..=100 + all.front.len()).contains(&thinned.points.len()));
        assert_eq!(all.thinned(1000), all);
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
            let pareto = Pareto::of(points.clone(), objectives, Metric::default());
            pareto.front().iter().map(|point| point.trial).collect()
        };
        assert_eq!(trials(&[Objective::Accuracy, Objective::Params]), [2, 0, 5]);
        assert_eq!(trials(&[Objective::Accuracy, Objective::Macs]), [0, 5]);
        assert_eq!(trials(&[Objective::Params]), [2]);
        assert!(
            Pareto::of(Vec::new(), &Objective::ALL, Metric::default())
                .front()
                .is_empty()
        );
    }
}
