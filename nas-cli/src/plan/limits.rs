//! What the limits on networks do to a search.

use std::sync::Arc;

use anyhow::Result;
use nas_space::search::{Evaluator, Gate};
use nas_space::spaces::{LimitedSpace, Space};

use super::{Estimation, RunConfig};

impl RunConfig {
    /// What strategies see of the space: all of it, or what a table knows and is within the limits.
    ///
    /// # Errors
    /// Where too few networks are within them.
    pub(crate) fn searched(&self, space: &Arc<dyn Space>) -> Result<Arc<dyn Space>> {
        let known = match &self.estimation {
            Estimation::Training(_) | Estimation::Command(_) => Arc::clone(space),
            Estimation::Table(plan) => plan.known()?,
        };
        Ok(match self.limits {
            None => known,
            Some(limits) => Arc::new(LimitedSpace::new(known, self.network()?, limits)?),
        })
    }

    /// What refuses networks beyond the limits before they are judged, where there are limits.
    pub(crate) fn gate<'a>(
        &self,
        evaluator: &'a dyn Evaluator,
        space: &Arc<dyn Space>,
    ) -> Result<Option<Gate<'a>>> {
        let Some(limits) = self.limits else {
            return Ok(None);
        };
        Ok(Some(Gate::new(
            evaluator,
            Arc::clone(space),
            self.network()?,
            limits,
        )))
    }
}
