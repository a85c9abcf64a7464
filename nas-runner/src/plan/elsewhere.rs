//! What of a search the machines need that only evaluate its trials.

use anyhow::{Context, Result, bail};
use nas_evo::{RandomSearchConfig, Replacement};

use super::{Estimation, RunConfig};
use crate::methods::MethodConfig;

impl RunConfig {
    /// The search as a worker on another machine has it: what does not decide a trial's result is
    /// left out, because it may name files that only this machine has.
    ///
    /// # Errors
    /// Where the method evaluates in this process alone, or trials take no training.
    pub fn for_workers(&self) -> Result<Self> {
        if !self.method.proposes() {
            bail!(
                "method {} trains a supernet in this process; other machines can evaluate the trials of methods that \
                 propose architectures, such as random or evolution",
                self.method
            );
        }
        match &self.estimation {
            Estimation::Table(_) => {
                bail!("trials are looked up in a table, which takes no other machines")
            }
            Estimation::Training(plan) if plan.proxy.is_some() => {
                bail!("trials are scored in an instant, which takes no other machines")
            }
            Estimation::Training(_) | Estimation::Command(_) => {}
        }
        let mut config = Self {
            limits: None,
            costs: None,
            soft_limits: None,
            screening: None,
            ..self.clone()
        };
        // Rungs decide how much of a training is kept. Any other method would do as well.
        if config.halving.is_none() {
            config.method = MethodConfig::Random(RandomSearchConfig {
                duplicates: Replacement::Without,
            });
        }
        config
            .validate()
            .context("this search cannot be given to other machines")?;
        Ok(config)
    }

    /// Replaces the command that evaluates trials, where there is one: a worker runs no command but
    /// its own. Says whether there is one.
    pub fn set_command(&mut self, command: &str) -> bool {
        match &mut self.estimation {
            Estimation::Command(plan) => {
                command.clone_into(&mut plan.command);
                true
            }
            Estimation::Training(_) | Estimation::Table(_) => false,
        }
    }
}
