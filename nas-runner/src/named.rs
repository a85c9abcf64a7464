//! Strategies under names that say what was put around them: `evolution+synflow`, `evolution+reward`.

use nas_space::search::{Ask, Outcome, Strategy, StrategyError};
use serde_json::Value;

/// The strategy under another name.
pub(crate) fn named(strategy: Box<dyn Strategy>, name: String) -> Box<dyn Strategy> {
    Box::new(Named { strategy, name })
}

struct Named {
    strategy: Box<dyn Strategy>,
    name: String,
}

impl Strategy for Named {
    fn name(&self) -> &str {
        &self.name
    }

    fn ask(&mut self) -> Result<Ask, StrategyError> {
        self.strategy.ask()
    }

    fn tell(&mut self, outcome: &Outcome) -> Result<(), StrategyError> {
        self.strategy.tell(outcome)
    }

    fn any_order(&self) -> bool {
        self.strategy.any_order()
    }

    fn report(&self) -> Option<Value> {
        self.strategy.report()
    }
}
