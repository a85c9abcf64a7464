//! A small space and outcomes, for the tests of other crates. Only with the feature `testing`.

use crate::arch::{Architecture, Decision};
use crate::error::SpaceError;
use crate::genotype::{Chain, ChainLayer, Genotype};
use crate::op::Operations;
use crate::search::{Evaluation, Failure, FailureKind, Fidelity, Outcome, Trial, TrialId};
use crate::seed::Seed;
use crate::spaces::Space;

/// A decision of a [`TinySpace`]: its kind and its number of options.
#[derive(Debug, Clone, Copy)]
pub struct TinyDecision<'a> {
    kind: &'a str,
    options: usize,
}

impl From<usize> for TinyDecision<'_> {
    /// A decision with this number of options, of a kind that all such decisions share.
    fn from(options: usize) -> Self {
        Self { kind: "d", options }
    }
}

impl<'a> From<(&'a str, usize)> for TinyDecision<'a> {
    fn from((kind, options): (&'a str, usize)) -> Self {
        Self { kind, options }
    }
}

/// A space of any decisions, whose networks are chains: each choice is a layer's number of filters.
#[derive(Debug)]
pub struct TinySpace {
    decisions: Vec<Decision>,
    operations: Operations,
    widths: usize,
}

impl TinySpace {
    /// A space of these decisions, numbers of options or pairs of a kind and a number, in which all
    /// networks differ.
    pub fn new<'a, D: Copy + Into<TinyDecision<'a>>>(decisions: &[D]) -> Self {
        let decision = |(i, &decision): (usize, &D)| {
            let TinyDecision { kind, options } = decision.into();
            Decision::new(
                format!("d{i}"),
                kind,
                (0..options).map(|option| option.to_string()),
            )
        };
        Self {
            decisions: decisions.iter().enumerate().map(decision).collect(),
            operations: Operations::standard(),
            widths: usize::MAX,
        }
    }

    /// The same with layers of `widths` different widths: two options whose numbers differ by
    /// `widths` make the same network.
    pub fn with_widths(self, widths: usize) -> Self {
        Self { widths, ..self }
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
            filters: choice % self.widths + 1,
            inputs: i.checked_sub(1).into_iter().collect(),
        };
        Ok(Genotype::Chain(Chain::new(
            architecture.choices().iter().enumerate().map(layer).collect(),
        )?))
    }

    fn architecture(&self, genotype: &Genotype) -> Result<Architecture, SpaceError> {
        Err(SpaceError::parse("a tiny architecture", genotype.to_json()))
    }
}

/// An outcome of trial `id` with this accuracy, or a failure.
pub fn outcome(id: TrialId, architecture: Architecture, accuracy: Option<f64>) -> Outcome {
    Outcome {
        trial: Trial::new(id, architecture, Fidelity { epochs: 1 }, Seed::new(0)),
        result: accuracy
            .map(|accuracy| Evaluation::new(accuracy, 1))
            .ok_or_else(|| Failure::new(FailureKind::Other, "none")),
    }
}
