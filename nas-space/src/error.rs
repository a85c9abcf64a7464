//! Errors of architectures, cells, networks and their texts.

use thiserror::Error;

use crate::quantity::Quantity;
use crate::shape::Shape;

/// Every error of this crate that concerns architectures and networks.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum SpaceError {
    /// A name that nothing has.
    #[error("there is no {what} named '{name}'; known: {}", known.join(", "))]
    UnknownName {
        /// What was looked for: an operation, a space, an architecture.
        what: &'static str,
        /// The name given.
        name: String,
        /// The names there are.
        known: Vec<String>,
    },
    /// An architecture with more or fewer choices than the space has decisions.
    #[error("space '{space}' takes {expected} choices, got {got}")]
    ChoiceCount {
        /// The space.
        space: String,
        /// The lengths it accepts.
        expected: String,
        /// The length given.
        got: usize,
    },
    /// A choice that its decision does not offer.
    #[error("decision '{decision}' of space '{space}' has {options} options, got choice {got}")]
    ChoiceRange {
        /// The space.
        space: String,
        /// The decision.
        decision: String,
        /// How many options it offers.
        options: usize,
        /// The index given.
        got: usize,
    },
    /// A genotype that is no point of the space.
    #[error("the architecture is not of space '{space}': {reason}")]
    NotInSpace {
        /// The space.
        space: String,
        /// What does not fit.
        reason: String,
    },
    /// A cell that is not a sound graph.
    #[error("this is not a cell: {reason}")]
    Cell {
        /// What is wrong with it.
        reason: String,
    },
    /// What is no module of NAS-Bench-101.
    #[error("this is not a module of NAS-Bench-101: {reason}")]
    Module {
        /// What is wrong with it.
        reason: String,
    },
    /// A configuration value that is out of range.
    #[error("{name} is {got}; expected {expected}")]
    Config {
        /// The field.
        name: String,
        /// The value given.
        got: String,
        /// What is legal.
        expected: String,
    },
    /// An architecture from which no other of the space differs in exactly one choice.
    #[error("no architecture of space '{space}' differs from {architecture} in exactly one choice")]
    Isolated {
        /// The space.
        space: String,
        /// Its choices.
        architecture: String,
    },
    /// An architecture of which no network can be built.
    #[error(
        "no networks can be built for architectures of space '{space}': they exist only in a benchmark table"
    )]
    NoNetwork {
        /// The space.
        space: String,
    },
    /// A network that costs more than it may.
    #[error("the network has {got} {what}; expected at most {limit}")]
    OverLimit {
        /// What is counted: parameters or multiply-accumulates.
        what: &'static str,
        /// Most that are allowed.
        limit: u64,
        /// How many there are.
        got: u64,
    },
    /// A named figure beyond its limit.
    #[error("{name} is {got}; expected {bound} {limit}")]
    Beyond {
        /// Which figure.
        name: String,
        /// `at most` or `at least`.
        bound: &'static str,
        /// The limit.
        limit: f64,
        /// What it is.
        got: f64,
    },
    /// A figure that is to be limited or compared by, and is not known of every architecture.
    #[error(
        "'{quantity}' cannot be a limit or an objective: {reason}. Known for every architecture: {}",
        if known.is_empty() { "nothing".to_owned() } else { known.join(", ") }
    )]
    NotKnown {
        /// Which figure.
        quantity: Quantity,
        /// Why it is not known.
        reason: String,
        /// Those that are.
        known: Vec<String>,
    },
    /// Limits that hardly any network of the space is within.
    #[error(
        "{within} of {drawn} architectures drawn from space '{space}' are within the limits of {limits}, \
         too few for a search; the closest have {closest}. Loosen the limits, or use fewer channels or \
         cells for smaller networks"
    )]
    TooRare {
        /// The space.
        space: String,
        /// The limits, as they are shown.
        limits: String,
        /// How many were drawn.
        drawn: u64,
        /// How many of them were within.
        within: u64,
        /// Of each figure that is limited the one drawn that is best, not necessarily of one
        /// network.
        closest: String,
    },
    /// A layer that cannot take its input.
    #[error("layer '{layer}' cannot take a feature map of {shape}: {reason}")]
    Shape {
        /// Path of the layer in the network.
        layer: String,
        /// The input's shape.
        shape: Shape,
        /// What does not fit and what would.
        reason: String,
    },
    /// A text that cannot be read as an architecture.
    #[error("cannot read {what}: {reason}")]
    Parse {
        /// What was expected.
        what: &'static str,
        /// What was found where, and what was expected there.
        reason: String,
    },
}

impl SpaceError {
    /// The same error where more figures are known.
    #[must_use]
    pub fn with_known(self, known: Vec<String>) -> Self {
        match self {
            Self::NotKnown { quantity, reason, .. } => Self::NotKnown {
                quantity,
                reason,
                known,
            },
            other => other,
        }
    }

    /// A malformed cell.
    pub fn cell(reason: impl Into<String>) -> Self {
        Self::Cell {
            reason: reason.into(),
        }
    }

    /// A text that cannot be read.
    pub fn parse(what: &'static str, reason: impl Into<String>) -> Self {
        Self::Parse {
            what,
            reason: reason.into(),
        }
    }

    /// A configuration value out of range.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "what is given are numbers and literals"
    )]
    pub fn config(name: impl Into<String>, got: impl ToString, expected: impl Into<String>) -> Self {
        Self::Config {
            name: name.into(),
            got: got.to_string(),
            expected: expected.into(),
        }
    }
}
