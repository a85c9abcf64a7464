//! The strategy.

use std::collections::VecDeque;
use std::fmt;

use nas_space::arch::Architecture;
use nas_space::search::{Ask, Fidelity, Outcome, Proposal, Strategy, StrategyError, Trial, TrialId};

use super::bracket::{Bracket, Need};
use super::rung::Rung;
use super::{HalvingConfig, Schedule};
use crate::error::EvoError;

/// Successive halving or ASHA around another strategy; see the [module](super) for how.
pub struct Halving {
    inner: Box<dyn Strategy>,
    name: String,
    config: HalvingConfig,
    /// Epochs of each rung.
    rungs: Vec<u32>,
    standing: Standing,
    /// What the inner strategy proposed, in that order.
    configurations: Vec<Configuration>,
    /// Asked for and not told, oldest first.
    outstanding: VecDeque<Job>,
    asked: TrialId,
    told: TrialId,
    /// How many outcomes the inner strategy was told.
    inner_told: TrialId,
    /// The inner strategy has finished.
    exhausted: bool,
}

#[derive(Debug)]
struct Configuration {
    architecture: Architecture,
    /// The last trial that trained it.
    trial: TrialId,
}

/// A configuration on its way to a rung.
#[derive(Debug, Clone, Copy)]
struct Job {
    configuration: usize,
    rung: usize,
}

#[derive(Debug)]
enum Standing {
    /// All rungs, from the bottom.
    Asynchronous(Vec<Rung>),
    Synchronous {
        configurations: usize,
        bracket: Bracket,
    },
}

impl Halving {
    /// Halving of what `inner` proposes, which must be fresh: not yet asked anything.
    ///
    /// # Errors
    /// [`EvoError::Config`] for a number out of its range.
    pub fn new(inner: Box<dyn Strategy>, config: HalvingConfig) -> Result<Self, EvoError> {
        let rungs = config.rung_epochs()?;
        let (standing, suffix) = match config.schedule {
            Schedule::Asynchronous {} => {
                let empty = rungs.iter().map(|_| Rung::default()).collect();
                (Standing::Asynchronous(empty), "asha")
            }
            Schedule::Synchronous { configurations } => {
                let bracket = Bracket::default();
                let standing = Standing::Synchronous {
                    configurations,
                    bracket,
                };
                (standing, "sha")
            }
        };
        Ok(Self {
            name: format!("{}+{suffix}", inner.name()),
            inner,
            config,
            rungs,
            standing,
            configurations: Vec::new(),
            outstanding: VecDeque::new(),
            asked: 0,
            told: 0,
            inner_told: 0,
            exhausted: false,
        })
    }

    /// Trains a configuration on, up to this rung.
    fn promote(&mut self, configuration: usize, rung: usize) -> Ask {
        let Configuration { architecture, trial } = &mut self.configurations[configuration];
        let fidelity = Fidelity {
            epochs: self.rungs[rung],
        };
        let proposal = Proposal::continuing(*trial, architecture.clone(), fidelity);
        *trial = self.asked;
        self.asked += 1;
        self.outstanding.push_back(Job { configuration, rung });
        Ask::Evaluate(proposal)
    }

    /// A new configuration in the bottom rung, if the inner strategy has one.
    fn draw(&mut self) -> Result<Ask, StrategyError> {
        if self.exhausted {
            return Ok(Ask::Finished);
        }
        let proposal = match self.inner.ask()? {
            Ask::Evaluate(proposal) => proposal,
            Ask::Wait => return Ok(Ask::Wait),
            Ask::Finished => {
                self.exhausted = true;
                return Ok(Ask::Finished);
            }
        };
        if proposal.fidelity.is_some() || proposal.continues.is_some() {
            let method = self.inner.name().to_owned();
            return Err(StrategyError::Other(Box::new(EvoError::OwnFidelity { method })));
        }
        self.outstanding.push_back(Job {
            configuration: self.configurations.len(),
            rung: 0,
        });
        self.configurations.push(Configuration {
            architecture: proposal.architecture.clone(),
            trial: self.asked,
        });
        self.asked += 1;
        Ok(Ask::Evaluate(Proposal {
            fidelity: Some(Fidelity {
                epochs: self.rungs[0],
            }),
            ..proposal
        }))
    }

    fn ask_asynchronous(&mut self) -> Result<Ask, StrategyError> {
        if let Standing::Asynchronous(rungs) = &mut self.standing {
            let below_the_top = rungs.len() - 1;
            for rung in (0..below_the_top).rev() {
                if let Some(configuration) = rungs[rung].promote(self.config.eta) {
                    return Ok(self.promote(configuration, rung + 1));
                }
            }
        }
        Ok(match self.draw()? {
            // What is outstanding may be promoted.
            Ask::Finished if !self.outstanding.is_empty() => Ask::Wait,
            answer => answer,
        })
    }

    fn ask_synchronous(&mut self) -> Result<Ask, StrategyError> {
        while let Standing::Synchronous {
            configurations,
            bracket,
        } = &mut self.standing
        {
            let size = if self.exhausted { 0 } else { *configurations };
            match bracket.next(size, self.rungs.len(), self.config.eta) {
                Need::Promotion { configuration, rung } => return Ok(self.promote(configuration, rung)),
                Need::Outcomes => return Ok(Ask::Wait),
                Need::Nothing if self.exhausted => return Ok(Ask::Finished),
                Need::Nothing => *bracket = Bracket::default(),
                Need::Configuration => match self.draw()? {
                    // The bracket continues with the configurations that it has.
                    Ask::Finished => {}
                    Ask::Wait => return Ok(Ask::Wait),
                    drawn @ Ask::Evaluate(_) => {
                        if let Standing::Synchronous { bracket, .. } = &mut self.standing {
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
            Standing::Synchronous { .. } => self.ask_synchronous(),
        }
    }

    fn tell(&mut self, outcome: &Outcome) -> Result<(), StrategyError> {
        let (expected, got) = (self.told, outcome.trial.id);
        let job = match self.outstanding.front() {
            Some(job) if got == expected => *job,
            _ => return Err(StrategyError::Unexpected { expected, got }),
        };
        self.outstanding.pop_front();
        self.told += 1;
        let accuracy = outcome.valid_accuracy();
        match &mut self.standing {
            Standing::Asynchronous(rungs) => rungs[job.rung].add(job.configuration, accuracy),
            Standing::Synchronous { bracket, .. } => bracket.add(job.configuration, accuracy),
        }
        if job.rung > 0 {
            return Ok(());
        }
        // Configurations start in the order in which they were proposed and are told in that order,
        // so this is the number that the inner strategy knows this one by.
        let id = self.inner_told;
        self.inner_told += 1;
        self.inner.tell(&Outcome {
            trial: Trial {
                id,
                ..outcome.trial.clone()
            },
            result: outcome.result.clone(),
        })
    }

    /// That of the strategy that proposes.
    fn report(&self) -> Option<serde_json::Value> {
        self.inner.report()
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
