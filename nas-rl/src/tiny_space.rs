//! Small spaces for tests, and outcomes.

use nas_space::arch::{Architecture, Decision};
use nas_space::error::SpaceError;
use nas_space::genotype::Genotype;
use nas_space::op::Operations;
use nas_space::search::{Evaluation, Failure, FailureKind, Fidelity, Outcome, Trial, TrialId};
use nas_space::seed::Seed;
use nas_space::spaces::{ChainConfig, ChainSpace, Space};

/// Decisions without networks.
#[derive(Debug)]
pub(crate) struct TinySpace {
    decisions: Vec<Decision>,
    operations: Operations,
}

impl TinySpace {
    /// Decisions of these kinds with so many options.
    pub(crate) fn new(decisions: &[(&str, usize)]) -> Self {
        let decision = |(i, &(kind, options)): (usize, &(&str, usize))| {
            Decision::new(
                format!("d{i}"),
                kind,
                (0..options).map(|option| option.to_string()),
            )
        };
        Self {
            decisions: decisions.iter().enumerate().map(decision).collect(),
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
        self.refuse(architecture.to_string())
    }

    fn architecture(&self, genotype: &Genotype) -> Result<Architecture, SpaceError> {
        self.refuse(genotype.to_json())
    }
}

impl TinySpace {
    fn refuse<T>(&self, reason: String) -> Result<T, SpaceError> {
        Err(SpaceError::NotInSpace {
            space: self.name().to_owned(),
            reason,
        })
    }
}

/// A chain of layers, each of height 1 or 3, with skip connections: 2 architectures of one layer, 8
/// of two, 64 of three.
pub(crate) fn tiny_chain(layers: usize) -> ChainSpace {
    ChainSpace::new(ChainConfig {
        layers,
        filter_heights: vec![1, 3],
        filter_widths: vec![3],
        filters: vec![8],
        ..ChainConfig::default()
    })
    .unwrap()
}

/// Layers with an operation, and then skip connections: decisions alone.
pub(crate) fn tiny_macro(layers: usize) -> TinySpace {
    let mut kinds = Vec::new();
    for layer in 0..layers {
        kinds.push(("operation", 6));
        kinds.extend(vec![("skip", 2); layer]);
    }
    TinySpace::new(&kinds)
}

/// All architectures with the first so many choices of a space.
pub(crate) fn all(space: &dyn Space, choices: usize) -> Vec<Architecture> {
    let mut all = vec![Vec::new()];
    for decision in &space.decisions()[..choices] {
        let longer = |start: &Vec<usize>, option: usize| [start.as_slice(), &[option]].concat();
        all = all
            .iter()
            .flat_map(|start| (0..decision.options.len()).map(move |option| longer(start, option)))
            .collect();
    }
    all.into_iter().map(Architecture::new).collect()
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
