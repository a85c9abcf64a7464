//! Where the configurations of the brackets come from.

use nas_space::search::{Ask, Outcome, Strategy, StrategyError, Trial, TrialId};

use crate::error::EvoError;

/// Proposes configurations and learns from what becomes of them.
pub(crate) trait Proposer: Send {
    /// A configuration for a bracket with this bottom rung; its fidelity is left open.
    fn ask(&mut self, bottom: usize) -> Result<Ask, StrategyError>;

    /// Hears of each evaluation of a configuration, which is the one of this `number` among those
    /// that it proposed for brackets with the same bottom rung.
    fn tell(&mut self, place: Place, number: TrialId, outcome: &Outcome) -> Result<(), StrategyError>;

    /// See [`Strategy::any_order`].
    fn any_order(&self) -> bool;

    /// Whether nothing more will come for brackets with this bottom rung.
    fn exhausted(&self, bottom: usize) -> bool;

    /// See [`Strategy::report`].
    fn report(&self) -> Option<serde_json::Value>;
}

/// Where an evaluation took place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// The bottom rung of its bracket.
    pub(crate) bottom: usize,
    /// The rung that it was trained for, from 0.
    pub(crate) rung: usize,
}

/// Inner strategies, one for each bottom rung.
pub(super) struct Strategies(Vec<Inner>);

struct Inner {
    strategy: Box<dyn Strategy>,
    finished: bool,
}

impl Strategies {
    pub(super) fn new(all: Vec<Box<dyn Strategy>>) -> Self {
        let inner = |strategy| Inner {
            strategy,
            finished: false,
        };
        Self(all.into_iter().map(inner).collect())
    }
}

impl Proposer for Strategies {
    fn ask(&mut self, bottom: usize) -> Result<Ask, StrategyError> {
        let inner = &mut self.0[bottom];
        if inner.finished {
            return Ok(Ask::Finished);
        }
        let answer = inner.strategy.ask()?;
        match &answer {
            Ask::Evaluate(proposal) if proposal.fidelity.is_some() || proposal.continues.is_some() => {
                let method = inner.strategy.name().to_owned();
                Err(StrategyError::Other(Box::new(EvoError::OwnFidelity { method })))
            }
            Ask::Finished => {
                inner.finished = true;
                Ok(answer)
            }
            Ask::Evaluate(_) | Ask::Wait => Ok(answer),
        }
    }

    fn tell(&mut self, place: Place, number: TrialId, outcome: &Outcome) -> Result<(), StrategyError> {
        if place.rung > place.bottom {
            return Ok(());
        }
        self.0[place.bottom].strategy.tell(&Outcome {
            trial: Trial {
                // The inner strategy knows it by this number.
                id: number,
                ..outcome.trial.clone()
            },
            result: outcome.result.clone(),
        })
    }

    fn any_order(&self) -> bool {
        self.0.iter().all(|inner| inner.strategy.any_order())
    }

    fn exhausted(&self, bottom: usize) -> bool {
        self.0[bottom].finished
    }

    /// That of the strategy with the most proposals, whose bracket is the largest.
    fn report(&self) -> Option<serde_json::Value> {
        self.0.first()?.strategy.report()
    }
}
