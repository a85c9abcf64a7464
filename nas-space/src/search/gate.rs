//! What is refused before it is evaluated.

use std::sync::Arc;

use super::{Attempt, Evaluation, Evaluator, Failure, FailureKind, Trial};
use crate::limits::Limits;
use crate::network::NetworkConfig;
use crate::spaces::Space;

/// An evaluator that refuses networks beyond limits, and leaves the others to the one behind it.
///
/// A refused trial fails with [`FailureKind::OverLimit`] before anything is trained: recorded and told like any other failure,
/// whichever method proposed it. A study charges it as any trial, its epochs too, so that a method which proposes nothing else
/// comes to an end.
pub struct Gate<'a> {
    evaluator: &'a dyn Evaluator,
    space: Arc<dyn Space>,
    network: NetworkConfig,
    limits: Limits,
}

impl<'a> Gate<'a> {
    /// A gate before `evaluator`, for architectures of `space` whose networks have the size `network`.
    pub fn new(
        evaluator: &'a dyn Evaluator,
        space: Arc<dyn Space>,
        network: NetworkConfig,
        limits: Limits,
    ) -> Self {
        Self {
            evaluator,
            space,
            network,
            limits,
        }
    }
}

impl Gate<'_> {
    fn check(&self, trial: &Trial) -> Result<(), Failure> {
        let network = self.space.network(&trial.architecture, &self.network);
        let cost = network
            .map_err(|error| Failure::new(FailureKind::Invalid, error.to_string()))?
            .cost();
        self.limits
            .check(cost)
            .map_err(|error| Failure::new(FailureKind::OverLimit, error.to_string()))
    }
}

impl Evaluator for Gate<'_> {
    fn description(&self) -> String {
        format!("{}; {}", self.evaluator.description(), self.limits)
    }

    fn evaluate(&self, trial: &Trial) -> Result<Evaluation, Failure> {
        self.check(trial)?;
        self.evaluator.evaluate(trial)
    }

    fn evaluate_noting(&self, trial: &Trial, note: &mut dyn FnMut(Attempt)) -> Result<Evaluation, Failure> {
        self.check(trial)?;
        self.evaluator.evaluate_noting(trial, note)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::arch::Architecture;
    use crate::search::{Fidelity, TrialId};
    use crate::seed::Seed;
    use crate::spaces;

    /// Notes what it evaluates.
    #[derive(Default)]
    struct Noting(Mutex<Vec<TrialId>>);

    impl Evaluator for Noting {
        fn description(&self) -> String {
            "noting".to_owned()
        }

        fn evaluate(&self, trial: &Trial) -> Result<Evaluation, Failure> {
            self.0.lock().unwrap().push(trial.id);
            Err(Failure::new(FailureKind::Other, "evaluated"))
        }
    }

    #[test]
    fn what_is_over_a_limit_is_never_evaluated_and_the_rest_is() {
        let space: Arc<dyn Space> = Arc::new(spaces::nb201());
        let network = NetworkConfig::default();
        let trial = |id, choices: &[usize]| Trial {
            id,
            architecture: Architecture::new(choices),
            fidelity: Fidelity { epochs: 1 },
            seed: Seed::new(0),
            continues: None,
        };
        let (small, large) = (trial(0, &[1; 6]), trial(1, &[3; 6]));
        let max_params = space
            .network(&small.architecture, &network)
            .unwrap()
            .cost()
            .params;
        let limits = Limits {
            max_params: Some(max_params),
            max_macs: None,
        };
        let noting = Noting::default();
        let gate = Gate::new(&noting, space, network, limits);
        assert_eq!(gate.evaluate(&small).unwrap_err().kind, FailureKind::Other);
        let refused = gate.evaluate(&large).unwrap_err();
        assert_eq!(refused.kind, FailureKind::OverLimit);
        assert!(
            refused.message.contains(&format!("at most {max_params}")),
            "{refused}"
        );
        let outside = gate.evaluate(&trial(2, &[9; 6])).unwrap_err();
        assert_eq!(outside.kind, FailureKind::Invalid);
        assert_eq!(*noting.0.lock().unwrap(), [0]);
        let description = gate.description();
        assert_eq!(description, format!("noting; at most {max_params} parameters"));
    }
}
