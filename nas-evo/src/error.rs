//! What a strategy of this crate refuses.

use nas_space::error::SpaceError;
use nas_space::spaces::Space;
use thiserror::Error;

/// Why a strategy of this crate cannot be built.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum EvoError {
    /// A decision of the space has nothing to choose from, so the space has no architecture at all.
    #[error("decision '{decision}' of space '{space}' has no options; every decision needs at least one")]
    EmptyDecision {
        /// The space.
        space: String,
        /// The decision.
        decision: String,
    },
    /// A number of the configuration is out of its range.
    #[error("{name} is {value}; expected {expected}")]
    Config {
        /// What the configuration calls it.
        name: &'static str,
        /// What was given.
        value: usize,
        /// What may be given.
        expected: String,
    },
    /// A number of the configuration that need not be whole is out of its range.
    #[error("{name} is {value}; expected {expected}")]
    Range {
        /// What the configuration calls it.
        name: &'static str,
        /// What was given.
        value: f64,
        /// What may be given.
        expected: &'static str,
    },
    /// Hyperband has one inner strategy for each bottom rung.
    #[error(
        "{got} inner strategies were given; expected {expected}, one for each bottom rung of the brackets"
    )]
    Strategies {
        /// How many there have to be.
        expected: usize,
        /// How many were given.
        got: usize,
    },
    /// A part of a whole is none.
    #[error("{name} is {value}; expected a number above 0 and up to 1")]
    Share {
        /// What the configuration calls it.
        name: &'static str,
        /// What was given.
        value: f64,
    },
    /// There is nothing to compare architectures by, or the same twice.
    #[error(
        "the objectives are {}; expected accuracy, params, macs or figures by their names, each at most once",
        if got.is_empty() { "none".to_owned() } else { got.join(", ") }
    )]
    Objectives {
        /// Those given.
        got: Vec<String>,
    },
    /// The size of the networks, or an architecture.
    #[error(transparent)]
    Space(#[from] SpaceError),
    /// A strategy whose trainings are to be halved says itself how long they are.
    #[error(
        "method '{method}' decides itself how long its proposals are trained; halving needs one that does not"
    )]
    OwnFidelity {
        /// The strategy's name.
        method: String,
    },
}

impl EvoError {
    /// Refuses a space without architectures.
    pub(crate) fn check_space(space: &dyn Space) -> Result<(), Self> {
        match space
            .decisions()
            .iter()
            .find(|decision| decision.options.is_empty())
        {
            None => Ok(()),
            Some(decision) => Err(Self::EmptyDecision {
                space: space.name().to_owned(),
                decision: decision.name.clone(),
            }),
        }
    }
}
