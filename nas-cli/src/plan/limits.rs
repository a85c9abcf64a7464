//! What the limits on networks do to a search.

use std::sync::Arc;

use anyhow::Result;
use nas_space::search::{Evaluator, Gate};
use nas_space::spaces::{LimitedSpace, Space};

use super::RunConfig;

impl RunConfig {
    /// What strategies see of the space: all of it, or what is within the limits.
    ///
    /// # Errors
    /// Where too few networks are within them.
    pub(crate) fn searched(&self, space: &Arc<dyn Space>) -> Result<Arc<dyn Space>> {
        Ok(match self.limits {
            None => Arc::clone(space),
            Some(limits) => Arc::new(LimitedSpace::new(Arc::clone(space), self.network()?, limits)?),
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
