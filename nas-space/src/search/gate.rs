//! Refuses trials before they are evaluated, and sets the sizes on record for the others.

use std::sync::Arc;

use super::{Evaluation, Evaluator, Failure, FailureKind, Metric, Trial};
use crate::limits::Limits;
use crate::sizes::{Figures, Sizes};

/// An evaluator that refuses architectures beyond limits, and leaves the others to the one behind
/// it.
///
/// A refused trial fails with [`FailureKind::OverLimit`] before anything is trained: recorded and
/// told like any other failure, whichever method proposed it. A study charges it as any trial, its
/// epochs too, so that a method which proposes nothing else ends.
///
/// An evaluation that passes has the size that was checked against the limits, and the other
/// figures of [`Sizes`]. If the evaluator counted differently, its numbers are kept as
/// `reported_params` and `reported_macs`.
pub struct Gate<'a> {
    evaluator: &'a dyn Evaluator,
    sizes: Arc<dyn Sizes>,
    limits: Option<Limits>,
}

impl<'a> Gate<'a> {
    /// A gate before `evaluator`, by these sizes. Without limits nothing is refused.
    pub fn new(evaluator: &'a dyn Evaluator, sizes: Arc<dyn Sizes>, limits: Option<Limits>) -> Self {
        Self {
            evaluator,
            sizes,
            limits,
        }
    }
}

impl Gate<'_> {
    fn check(&self, trial: &Trial) -> Result<Figures, Failure> {
        let figures = self
            .sizes
            .of(&trial.architecture)
            .map_err(|error| Failure::new(FailureKind::Invalid, error.to_string()))?;
        let checked = self.limits.as_ref().map(|limits| limits.check(&figures));
        checked
            .unwrap_or(Ok(()))
            .map_err(|error| Failure::new(FailureKind::OverLimit, error.to_string()))?;
        Ok(figures)
    }
}

/// The evaluation with these figures.
fn with_figures(mut evaluation: Evaluation, figures: Figures) -> Evaluation {
    for (name, own, reported) in [
        ("reported_params", figures.params, evaluation.params),
        ("reported_macs", figures.macs, evaluation.macs),
    ] {
        if let (Some(own), Some(reported)) = (own, reported)
            && own != reported
        {
            evaluation.figures.insert(name.to_owned(), reported as f64);
        }
    }
    evaluation.params = figures.params.or(evaluation.params);
    evaluation.macs = figures.macs.or(evaluation.macs);
    evaluation.figures.extend(figures.named);
    evaluation
}

impl Evaluator for Gate<'_> {
    fn description(&self) -> String {
        let description = self.evaluator.description();
        match &self.limits {
            Some(limits) => format!("{description}; {limits}"),
            None => description,
        }
    }

    fn metric(&self) -> Metric {
        self.evaluator.metric()
    }

    fn evaluate(&self, trial: &Trial) -> Result<Evaluation, Failure> {
        let figures = self.check(trial)?;
        Ok(with_figures(self.evaluator.evaluate(trial)?, figures))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Mutex;

    use super::*;
    use crate::arch::Architecture;
    use crate::network::NetworkConfig;
    use crate::search::{Fidelity, TrialId};
    use crate::seed::Seed;
    use crate::sizes::Counted;
    use crate::spaces::{self, Space};

    /// Notes what it evaluates, and counts 17 parameters.
    #[derive(Default)]
    struct Noting(Mutex<Vec<TrialId>>);

    impl Evaluator for Noting {
        fn description(&self) -> String {
            "noting".to_owned()
        }

        fn evaluate(&self, trial: &Trial) -> Result<Evaluation, Failure> {
            self.0.lock().unwrap().push(trial.id);
            Ok(Evaluation {
                params: Some(17),
                figures: BTreeMap::from([("latency".to_owned(), 2.5)]),
                ..Evaluation::new(0.5, 1)
            })
        }
    }

    #[test]
    fn what_is_over_a_limit_is_never_evaluated_and_the_rest_has_the_size_it_was_checked_by() {
        let space: Arc<dyn Space> = Arc::new(spaces::nb201());
        let network = NetworkConfig::default();
        let trial = |id, choices: &[usize]| {
            Trial::new(
                id,
                Architecture::new(choices),
                Fidelity { epochs: 1 },
                Seed::new(0),
            )
        };
        let (small, large) = (trial(0, &[1; 6]), trial(1, &[3; 6]));
        let cost = space.network(&small.architecture, &network).unwrap().cost();
        let limits = Limits {
            max_params: Some(cost.params),
            ..Limits::default()
        };
        let noting = Noting::default();
        let sizes = Arc::new(Counted::new(space, network).unwrap());
        let gate = Gate::new(&noting, sizes.clone(), Some(limits));
        let evaluation = gate.evaluate(&small).unwrap();
        assert_eq!(
            (evaluation.params, evaluation.macs),
            (Some(cost.params), Some(cost.macs))
        );
        let figures: Vec<(&str, f64)> = evaluation.figures.iter().map(|(k, &v)| (&k[..], v)).collect();
        assert_eq!(figures, [("latency", 2.5), ("reported_params", 17.0)]);
        let refused = gate.evaluate(&large).unwrap_err();
        assert_eq!(refused.kind, FailureKind::OverLimit);
        assert!(
            refused.message.contains(&format!("at most {}", cost.params)),
            "{refused}"
        );
        let outside = gate.evaluate(&trial(2, &[9; 6])).unwrap_err();
        assert_eq!(outside.kind, FailureKind::Invalid);
        assert_eq!(*noting.0.lock().unwrap(), [0]);
        let description = gate.description();
        assert_eq!(description, format!("noting; at most {} parameters", cost.params));
        let open = Gate::new(&noting, sizes, None);
        open.evaluate(&large).unwrap();
        assert_eq!(open.description(), "noting");
    }
}
