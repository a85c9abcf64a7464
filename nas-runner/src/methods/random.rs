//! Random search.

use anyhow::Result;
use clap::Args;
use nas_evo::{RandomSearch, RandomSearchConfig, Replacement};
use nas_space::search::Strategy;
use nas_space::spaces::Space;

use super::{Defaults, SearchMethod, Setting};

/// It has no options.
#[derive(Debug, Clone, Default, Args)]
pub struct RandomArgs {}

impl SearchMethod for RandomSearchConfig {
    const NAME: &'static str = "random";
    const DESCRIPTION: &'static str = "draws architectures uniformly, none twice";
    const SUITS: &'static str = "every space; the baseline";

    type Args = RandomArgs;

    fn defaults(_: &Defaults<'_>, _: &RandomArgs) -> Result<Self> {
        Ok(Self {
            duplicates: Replacement::Without,
        })
    }

    fn validate(&self, _: &dyn Space) -> Result<()> {
        Ok(())
    }

    fn strategy(&self, setting: &Setting<'_>) -> Result<Box<dyn Strategy>> {
        let search = RandomSearch::new(setting.space.clone(), *self, setting.strategy_seed())?;
        Ok(Box::new(search))
    }
}
