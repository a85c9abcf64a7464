//! Local search.

use anyhow::Result;
use clap::Args;
use nas_evo::LocalSearch;
use nas_space::search::Strategy;
use nas_space::spaces::Space;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Defaults, SearchMethod, Setting};

/// It has no settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LocalSearchConfig {}

/// It has no options.
#[derive(Debug, Clone, Default, Args)]
pub struct LocalSearchArgs {}

impl SearchMethod for LocalSearchConfig {
    const NAME: &'static str = "local-search";
    const DESCRIPTION: &'static str = "tries all neighbours of the best so far";
    const SUITS: &'static str = "tables, with many trials";

    type Args = LocalSearchArgs;

    fn defaults(_: &Defaults<'_>, _: &LocalSearchArgs) -> Result<Self> {
        Ok(Self {})
    }

    fn validate(&self, _: &dyn Space) -> Result<()> {
        Ok(())
    }

    fn strategy(&self, setting: &Setting<'_>) -> Result<Box<dyn Strategy>> {
        let search = LocalSearch::new(setting.space.clone(), setting.strategy_seed())?;
        Ok(Box::new(search))
    }
}
