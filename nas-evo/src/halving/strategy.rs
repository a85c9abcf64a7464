//! The strategy.

use std::collections::BTreeMap;
use std::fmt;

use nas_space::arch::Architecture;
use nas_space::search::{Ask, Fidelity, Outcome, Proposal, Strategy, StrategyError, TrialId};

use super::bracket::{Bracket, Need};
use super::proposer::{Place, Proposer, Strategies};
use super::rung::Rung;
use super::{BracketPlan, HalvingConfig};
use crate::error::EvoError;

/// ASHA, successive halving or Hyperband around another strategy; see the [module](super) for how.
pub struct Halving {
    proposer: Box<dyn Proposer>,
    name: String,
    config: HalvingConfig,
    /// Epochs of each rung.
    rungs: Vec<u32>,
    /// How many configurations were drawn for each bottom rung.
    drawn: Vec<TrialId>,
    standing: Standing,
    /// What was proposed, in that order.
    configurations: Vec<Configuration>,
    /// Asked for and not told.
    outstanding: BTreeMap<TrialId, Job>,
    asked: TrialId,
}

#[derive(Debug)]
struct Configuration {
    architecture: Architecture,
    /// Its number among those that were drawn for the same bottom rung.
    number: TrialId,
    /// The last trial that trained it.
    trial: TrialId,
}

/// A configuration on its way to a rung.
#[derive(Debug, Clone, Copy)]
struct Job {
    configuration: usize,
    place: Place,
}

#[derive(Debug)]
enum Standing {
    /// All rungs, from the bottom.
    Asynchronous(Vec<Rung>),
    /// One bracket after the other.
    Brackets {
        /// Those of a round.
        round: Vec<BracketPlan>,
        /// Which one of them it is.
        current: usize,
        bracket: Bracket,
    },
}

impl Halving {
    /// Halving of what `inner` proposes, which must be fresh: not yet asked anything. For Hyperband
    /// with several rungs, see [`Halving::of_each`].
    ///
    /// # Errors
    /// As [`Halving::of_each`].
    pub fn new(inner: Box<dyn Strategy>, config: HalvingConfig) -> Result<Self, EvoError> {
        Self::of_each(vec![inner], config)
    }

    /// Halving with as many inner strategies as [`HalvingConfig::strategies`] says, each fresh: one
    /// for each bottom rung, from the lowest one. Their seeds have to differ, or they propose the
    /// same.
    ///
    /// # Errors
    /// [`EvoError::Config`] for a number out of its range; [`EvoError::Strategies`] for another
    /// number of strategies.
    pub fn of_each(inner: Vec<Box<dyn Strategy>>, config: HalvingConfig) -> Result<Self, EvoError> {
        let expected = config.strategies()?;
        let Some(first) = inner.first().filter(|_| inner.len() == expected) else {
            let got = inner.len();
            return Err(EvoError::Strategies { expected, got });
        };
        let name = format!("{}+{}", first.name(), config.schedule.suffix());
        Self::around(Box::new(Strategies::new(inner)), name, config)
    }

    /// Halving of what this proposes.
    pub(crate) fn around(
        proposer: Box<dyn Proposer>,
        name: String,
        config: HalvingConfig,
    ) -> Result<Self, EvoError> {
        let rungs = config.rung_epochs()?;
        let round = config.brackets()?;
        let standing = match round.is_empty() {
            true => Standing::Asynchronous(rungs.iter().map(|_| Rung::default()).collect()),
            false => Standing::Brackets {
                round,
                current: 0,
                bracket: Bracket::default(),
            },
        };
        Ok(Self {
            proposer,
            name,
            config,
            standing,
            configurations: Vec::new(),
            drawn: vec![0; rungs.len()],
            rungs,
            outstanding: BTreeMap::new(),
            asked: 0,
        })
    }

    /// Trains a configuration on, up to the rung of this place.
    fn promote(&mut self, configuration: usize, place: Place) -> Ask {
        let Configuration {
            architecture, trial, ..
        } = &mut self.configurations[configuration];
        let fidelity = Fidelity {
            epochs: self.rungs[place.rung],
        };
        let proposal = Proposal::continuing(*trial, architecture.clone(), fidelity);
        *trial = self.asked;
        self.outstanding.insert(self.asked, Job { configuration, place });
        self.asked += 1;
        Ask::Evaluate(proposal)
    }

    /// A new configuration in this bottom rung, if there is one.
    fn draw(&mut self, bottom: usize) -> Result<Ask, StrategyError> {
        let proposal = match self.proposer.ask(bottom)? {
            Ask::Evaluate(proposal) => proposal,
            other => return Ok(other),
        };
        let job = Job {
            configuration: self.configurations.len(),
            place: Place { bottom, rung: bottom },
        };
        self.outstanding.insert(self.asked, job);
        self.configurations.push(Configuration {
            architecture: proposal.architecture.clone(),
            number: self.drawn[bottom],
            trial: self.asked,
        });
        self.drawn[bottom] += 1;
        self.asked += 1;
        Ok(Ask::Evaluate(Proposal {
            fidelity: Some(Fidelity {
                epochs: self.rungs[bottom],
            }),
            ..proposal
        }))
    }

    fn ask_asynchronous(&mut self) -> Result<Ask, StrategyError> {
        if let Standing::Asynchronous(rungs) = &mut self.standing {
            let below_the_top = rungs.len() - 1;
            for rung in (0..below_the_top).rev() {
                if let Some(configuration) = rungs[rung].promote(self.config.eta) {
                    let rung = rung + 1;
                    return Ok(self.promote(configuration, Place { bottom: 0, rung }));
                }
            }
        }
        Ok(match self.draw(0)? {
            // What is outstanding may be promoted.
            Ask::Finished if !self.outstanding.is_empty() => Ask::Wait,
            answer => answer,
        })
    }

    fn ask_in_brackets(&mut self) -> Result<Ask, StrategyError> {
        while let Standing::Brackets {
            round,
            current,
            bracket,
        } = &mut self.standing
        {
            let BracketPlan {
                bottom,
                configurations,
            } = round[*current];
            let size = match self.proposer.exhausted(bottom) {
                true => 0,
                false => configurations,
            };
            match bracket.next(size, self.rungs.len() - bottom, self.config.eta) {
                Need::Promotion { configuration, rung } => {
                    let rung = bottom + rung;
                    return Ok(self.promote(configuration, Place { bottom, rung }));
                }
                Need::Outcomes => return Ok(Ask::Wait),
                Need::Nothing if round.iter().all(|one| self.proposer.exhausted(one.bottom)) => {
                    return Ok(Ask::Finished);
                }
                Need::Nothing => {
                    *current = (*current + 1) % round.len();
                    *bracket = Bracket::default();
                }
                Need::Configuration => match self.draw(bottom)? {
                    // The bracket continues with the configurations that it has.
                    Ask::Finished => {}
                    Ask::Wait => return Ok(Ask::Wait),
                    drawn @ Ask::Evaluate(_) => {
                        if let Standing::Brackets { bracket, .. } = &mut self.standing {
                            bracket.draw();
                        }
                        return Ok(drawn);
                    }
                },
            }
        }
        Ok(Ask::Finished)
    }
}

impl Strategy for Halving {
    fn name(&self) -> &str {
        &self.name
    }

    fn ask(&mut self) -> Result<Ask, StrategyError> {
        match &self.standing {
            Standing::Asynchronous(_) => self.ask_asynchronous(),
            Standing::Brackets { .. } => self.ask_in_brackets(),
        }
    }

    fn tell(&mut self, outcome: &Outcome) -> Result<(), StrategyError> {
        let got = outcome.trial.id;
        let lowest = self.outstanding.first_key_value().map(|(&trial, _)| trial);
        let Some(job) = self.outstanding.remove(&got) else {
            let expected = lowest.unwrap_or(self.asked);
            return Err(StrategyError::Unexpected { expected, got });
        };
        let accuracy = outcome.valid_accuracy();
        match &mut self.standing {
            Standing::Asynchronous(rungs) => rungs[job.place.rung].add(job.configuration, accuracy),
            Standing::Brackets { bracket, .. } => bracket.add(job.configuration, accuracy),
        }
        let number = self.configurations[job.configuration].number;
        self.proposer.tell(job.place, number, outcome)
    }

    fn any_order(&self) -> bool {
        self.proposer.any_order()
    }

    /// That of the strategy that proposes; of several, that of the lowest bottom rung.
    fn report(&self) -> Option<serde_json::Value> {
        self.proposer.report()
    }
}

impl fmt::Debug for Halving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Halving")
            .field("name", &self.name)
            .field("config", &self.config)
            .field("standing", &self.standing)
            .field("configurations", &self.configurations)
            .field("outstanding", &self.outstanding)
            .finish_non_exhaustive()
    }
}
