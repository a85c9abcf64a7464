//! BANANAS.

use anyhow::Result;
use clap::Args;
use nas_pnas::bananas::{Bananas, BananasConfig};
use nas_space::search::{Scaled, Strategy};
use nas_space::spaces::Space;
use toml::Table;

use super::surrogate::{SurrogateArgs, SurrogateName, encoding_of};
use super::{Defaults, Known, SearchMethod, Setting};
use crate::parsers::at_least;

/// What is drawn, predicted and trained.
#[derive(Debug, Clone, Default, Args)]
pub struct BananasArgs {
    #[command(flatten)]
    predicted: SurrogateArgs,
    /// Number of random architectures at the start [default: 10]
    #[arg(long, value_name = "N", value_parser = at_least(1))]
    initial: Option<usize>,
    /// Architectures to train before the surrogate learns again [default: 10]
    #[arg(long, value_name = "N", value_parser = at_least(1))]
    round: Option<usize>,
    /// Most mutants to rank in a round [default: 200]
    #[arg(long, value_name = "N", value_parser = at_least(1))]
    candidates: Option<usize>,
    /// Number of the best so far that are mutated [default: 5]
    #[arg(long, value_name = "N", value_parser = at_least(1))]
    incumbents: Option<usize>,
    /// Most choices in which a mutant differs from its parent [default: 1]
    #[arg(long, value_name = "N", value_parser = at_least(1))]
    edits: Option<usize>,
}

impl SearchMethod for BananasConfig {
    const NAME: &'static str = "bananas";
    const DESCRIPTION: &'static str = "changes the best so far, led by predictions";
    const SUITS: &'static str = "every space, with few trials";

    type Args = BananasArgs;

    fn defaults(of: &Defaults<'_>, args: &BananasArgs) -> Result<Self> {
        let space = of.space.build()?;
        let mut config = Self::of(&space);
        if let Some(name) = args.predicted.named(of.file)
            && name != SurrogateName::of(&config.surrogate)
        {
            config.surrogate = name.config(encoding_of(space.as_ref()));
        }
        Ok(config)
    }

    fn reconcile(file: &mut Table, args: &BananasArgs) {
        args.predicted.reconcile(file);
    }

    fn overlay(&mut self, args: &BananasArgs, _: &Known<'_>) -> Result<()> {
        self.initial = args.initial.unwrap_or(self.initial);
        self.round = args.round.unwrap_or(self.round);
        self.candidates = args.candidates.unwrap_or(self.candidates);
        self.incumbents = args.incumbents.unwrap_or(self.incumbents);
        self.edits = args.edits.unwrap_or(self.edits);
        self.acquisition = args.predicted.exploration(self.acquisition);
        Ok(())
    }

    fn validate(&self, _: &dyn Space) -> Result<()> {
        Ok(Self::validate(self)?)
    }

    fn strategy(&self, setting: &Setting<'_>) -> Result<Box<dyn Strategy>> {
        let search = Bananas::new(setting.space.clone(), *self, setting.strategy_seed())?;
        Ok(Box::new(Scaled::new(search, setting.range)))
    }
}
