//! A space for tests: decisions with so many options each, where every third option makes the same network.

use nas_space::arch::{Architecture, Decision};
use nas_space::error::SpaceError;
use nas_space::genotype::{Chain, ChainLayer, Genotype};
use nas_space::op::Operations;
use nas_space::search::{Evaluation, Failure, FailureKind, Fidelity, Outcome, Trial, TrialId};
use nas_space::seed::Seed;
use nas_space::spaces::Space;

#[derive(Debug)]
pub(crate) struct TinySpace {
    decisions: Vec<Decision>,
    operations: Operations,
}

impl TinySpace {
    pub(crate) fn new(options: &[usize]) -> Self {
        let decisions = options
            .iter()
            .enumerate()
            .map(|(i, &n)| Decision::new(format!("d{i}"), "d", (0..n).map(|option| option.to_string())))
            .collect();
        Self {
            decisions,
            operations: Operations::standard(),
        }
    }
}

impl Space for TinySpace {
    fn name(&self) -> &str {
        "tiny"
    }

    fn decisions(&self) -> &[Decision] {
        &self.decisions
    }

    fn operations(&self) -> &Operations {
        &self.operations
    }

    fn genotype(&self, architecture: &Architecture) -> Result<Genotype, SpaceError> {
        self.validate(architecture)?;
        let layer = |(i, &choice): (usize, &usize)| ChainLayer {
            filter_height: 1,
            filter_width: 1,
            stride_height: 1,
            stride_width: 1,
            filters: choice % 3 + 1,
            inputs: i.checked_sub(1).into_iter().collect(),
        };
        Ok(Genotype::Chain(Chain::new(
            architecture.choices().iter().enumerate().map(layer).collect(),
        )?))
    }

    fn architecture(&self, genotype: &Genotype) -> Result<Architecture, SpaceError> {
        Err(SpaceError::NotInSpace {
            space: "tiny".to_owned(),
            reason: genotype.to_json(),
        })
    }
}

/// An outcome of trial `id` with this accuracy, or a failure.
pub(crate) fn outcome(id: TrialId, architecture: Architecture, accuracy: Option<f64>) -> Outcome {
    let evaluation = |valid_accuracy| Evaluation::new(valid_accuracy, 1);
    Outcome {
        trial: Trial::new(id, architecture, Fidelity { epochs: 1 }, Seed::new(0)),
        result: accuracy
            .map(evaluation)
            .ok_or_else(|| Failure::new(FailureKind::Other, "none")),
    }
}
