//! Spaces of cells.

use super::grammar::{CellGrammar, Output};
use super::{Growth, Space, SpaceError};
use crate::arch::{Architecture, Decision};
use crate::cell::Cell;
use crate::genotype::{DartsGenotype, Genotype, Nb201Genotype};
use crate::op::Operations;

/// What stands around the cells of a space.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Skeleton {
    /// That of DARTS: cells of two inputs.
    ///
    /// See [`crate::network::darts`].
    Darts,
    /// That of NAS-Bench-201: cells of one input and one output state.
    ///
    /// See [`crate::network::nb201`].
    Nb201,
}

/// A space of cells in a skeleton: one cell, or a normal and a reduction cell of the same kind.
///
/// A space of one cell also grows, node by node, unless its output names fixed states.
#[derive(Debug, Clone)]
pub struct CellSpace {
    name: String,
    skeleton: Skeleton,
    grammar: CellGrammar,
    has_reduction: bool,
    decisions: Vec<Decision>,
    operations: Operations,
}

impl CellSpace {
    pub(super) fn new(
        name: impl Into<String>,
        skeleton: Skeleton,
        grammar: CellGrammar,
        has_reduction: bool,
        operations: Operations,
    ) -> Self {
        let decisions = if has_reduction {
            let mut both = grammar.decisions("normal");
            both.extend(grammar.decisions("reduction"));
            both
        } else {
            grammar.decisions("cell")
        };
        Self {
            name: name.into(),
            skeleton,
            grammar,
            has_reduction,
            decisions,
            operations,
        }
    }

    /// What stands around the cells.
    pub fn skeleton(&self) -> Skeleton {
        self.skeleton
    }

    /// Names of the operations that can be chosen, in the order of the options of kind `operation`.
    pub fn choosable(&self) -> &[String] {
        &self.grammar.operations
    }

    /// Number of cells that an architecture decides on: 2 where it has a reduction cell of its own.
    pub fn cell_count(&self) -> usize {
        1 + usize::from(self.has_reduction)
    }

    /// Number of inputs of a cell: states 0, 1, ….
    pub fn cell_inputs(&self) -> usize {
        self.grammar.inputs
    }

    /// Number of inner nodes of a cell.
    pub fn cell_nodes(&self) -> usize {
        self.grammar.nodes
    }

    /// Number of decisions on the first `nodes` nodes of a cell, which follow each other.
    pub fn decisions_of(&self, nodes: usize) -> usize {
        self.grammar.choices_at(nodes)
    }

    /// What each decision on the inputs of node number `node` is among: for each option the states
    /// that are read, in increasing order. These decisions are the first ones on the node; there
    /// are none where every node reads all states.
    pub fn input_options(&self, node: usize) -> Vec<Vec<Vec<usize>>> {
        self.grammar.input_options(node)
    }

    pub(super) fn grammar(&self) -> &CellGrammar {
        &self.grammar
    }

    pub(super) fn has_reduction(&self) -> bool {
        self.has_reduction
    }

    fn not_in_space(&self, reason: impl Into<String>) -> SpaceError {
        SpaceError::NotInSpace {
            space: self.name.clone(),
            reason: reason.into(),
        }
    }

    fn choices(&self, name: &str, cell: &Cell) -> Result<Vec<usize>, SpaceError> {
        self.grammar
            .choices(cell, &self.operations)
            .map_err(|reason| self.not_in_space(format!("in the {name}, {reason}")))
    }
}

impl Space for CellSpace {
    fn name(&self) -> &str {
        &self.name
    }

    fn decisions(&self) -> &[Decision] {
        &self.decisions
    }

    fn operations(&self) -> &Operations {
        &self.operations
    }

    fn genotype(&self, architecture: &Architecture) -> Result<Genotype, SpaceError> {
        self.validate(architecture)?;
        let cell = |choices| self.grammar.cell(choices, &self.operations);
        let choices = architecture.choices();
        Ok(match self.skeleton {
            Skeleton::Nb201 => Genotype::Nb201(Nb201Genotype { cell: cell(choices)? }),
            Skeleton::Darts if self.has_reduction => {
                let (normal, reduction) = choices.split_at(self.grammar.choices_at(self.grammar.nodes));
                Genotype::Darts(DartsGenotype {
                    normal: cell(normal)?,
                    reduction: Some(cell(reduction)?),
                })
            }
            Skeleton::Darts => Genotype::Darts(DartsGenotype {
                normal: cell(choices)?,
                reduction: None,
            }),
        })
    }

    fn architecture(&self, genotype: &Genotype) -> Result<Architecture, SpaceError> {
        let choices = match (self.skeleton, genotype) {
            (Skeleton::Nb201, Genotype::Nb201(genotype)) => self.choices("cell", &genotype.cell)?,
            (Skeleton::Darts, Genotype::Darts(cells)) if self.has_reduction => {
                let reduction = cells.reduction.as_ref().unwrap_or(&cells.normal);
                let mut choices = self.choices("normal cell", &cells.normal)?;
                let nodes = self.grammar.nodes;
                if cells.normal.len() != nodes {
                    let got = cells.normal.len();
                    return Err(
                        self.not_in_space(format!("the normal cell has {got} nodes, expected {nodes}"))
                    );
                }
                choices.extend(self.choices("reduction cell", reduction)?);
                choices
            }
            (Skeleton::Darts, Genotype::Darts(cells)) => {
                if cells.reduction.as_ref().is_some_and(|cell| *cell != cells.normal) {
                    return Err(self.not_in_space("its reduction cell is another than its normal one"));
                }
                self.choices("cell", &cells.normal)?
            }
            (Skeleton::Nb201, _) => {
                return Err(self.not_in_space("expected a cell in the NAS-Bench-201 skeleton"));
            }
            (Skeleton::Darts, _) => return Err(self.not_in_space("expected cells in the DARTS skeleton")),
        };
        let architecture = Architecture::new(choices);
        self.validate(&architecture)?;
        Ok(architecture)
    }

    fn cells(&self) -> Option<&CellSpace> {
        Some(self)
    }

    fn growth(&self) -> Option<&dyn Growth> {
        let fixed = matches!(self.grammar.output, Output::States(_));
        (!self.has_reduction && !fixed).then_some(self)
    }
}

impl Growth for CellSpace {
    fn levels(&self) -> usize {
        self.grammar.nodes
    }

    fn choices_at(&self, level: usize) -> usize {
        self.grammar.choices_at(level)
    }

    fn is_ordered(&self, architecture: &Architecture) -> Result<bool, SpaceError> {
        self.validate(architecture)?;
        Ok(self.grammar.is_ordered(architecture.choices()))
    }
}
