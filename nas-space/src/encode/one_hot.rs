//! One-hot vectors of choices.

use ndarray::Array1;

use crate::arch::Architecture;
use crate::error::SpaceError;
use crate::spaces::Space;

/// One block per decision of the space, in its order, with a 1 at the chosen option and 0
/// elsewhere. Blocks of decisions that a partially grown architecture has not reached are 0.
///
/// # Shapes
/// (total number of options of all decisions).
///
/// # Errors
/// As [`Space::validate`].
pub fn one_hot(space: &dyn Space, architecture: &Architecture) -> Result<Array1<f32>, SpaceError> {
    space.validate(architecture)?;
    let len: usize = space
        .decisions()
        .iter()
        .map(|decision| decision.options.len())
        .sum();
    let mut features = Array1::zeros(len);
    let mut start = 0;
    for (decision, &choice) in space.decisions().iter().zip(architecture.choices()) {
        features[start + choice] = 1.0;
        start += decision.options.len();
    }
    Ok(features)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::Decision;
    use crate::genotype::Genotype;
    use crate::op::Operations;
    use crate::spaces::Growth;

    #[derive(Debug)]
    struct Small {
        decisions: Vec<Decision>,
        operations: Operations,
    }

    impl Space for Small {
        fn name(&self) -> &str {
            "small"
        }

        fn decisions(&self) -> &[Decision] {
            &self.decisions
        }

        fn operations(&self) -> &Operations {
            &self.operations
        }

        fn genotype(&self, _: &Architecture) -> Result<Genotype, SpaceError> {
            Err(SpaceError::cell("not needed"))
        }

        fn architecture(&self, _: &Genotype) -> Result<Architecture, SpaceError> {
            Err(SpaceError::cell("not needed"))
        }

        fn growth(&self) -> Option<&dyn Growth> {
            Some(self)
        }
    }

    impl Growth for Small {
        fn levels(&self) -> usize {
            2
        }

        fn choices_at(&self, level: usize) -> usize {
            level
        }
    }

    fn small() -> Small {
        let decisions = vec![
            Decision::new("a", "a", ["x", "y", "z"]),
            Decision::new("b", "b", ["x", "y"]),
        ];
        Small {
            decisions,
            operations: Operations::standard(),
        }
    }

    #[test]
    fn each_decision_has_its_block() {
        let features = one_hot(&small(), &Architecture::new([2, 0])).unwrap();
        assert_eq!(features.to_vec(), [0.0, 0.0, 1.0, 1.0, 0.0]);
    }

    #[test]
    fn decisions_to_come_are_zero() {
        let features = one_hot(&small(), &Architecture::new([1])).unwrap();
        assert_eq!(features.to_vec(), [0.0, 1.0, 0.0, 0.0, 0.0]);
    }

    #[test]
    fn what_is_not_of_the_space_is_refused() {
        for choices in [vec![], vec![3, 0], vec![0, 0, 0]] {
            assert!(one_hot(&small(), &Architecture::new(choices)).is_err());
        }
    }
}
