//! What each entrant of a comparison is run with.

use std::cell::OnceCell;

use anyhow::{Context, Result};
use nas_runner::Usage;
use nas_runner::methods::Method;
use nas_runner::plan::{self, RunConfig, Work};

use crate::args::{CompareArgs, Entrant, What};
use crate::progress::{Bars, only_notes};

/// Resolves the entrants of a comparison.
pub(super) struct Resolver<'a> {
    pub(super) args: &'a CompareArgs,
    /// The images that supernets are trained on, once there is a supernet.
    work: OnceCell<Work>,
}

impl<'a> Resolver<'a> {
    pub(super) fn new(args: &'a CompareArgs) -> Self {
        Self {
            args,
            work: OnceCell::new(),
        }
    }

    /// The images that supernets are trained on, if any entrant so far has one.
    pub(super) fn work(&self) -> Option<&Work> {
        self.work.get()
    }

    /// What a method is run with, as `nas search` would resolve it: on this data set of a table, and with the budget of the comparison.
    /// The supernet of a method that trains one gets as many image passes.
    pub(super) fn config(&self, entrant: &Entrant, table_data: Option<&str>) -> Result<RunConfig> {
        let args = self.args;
        let mut search = args.search(&entrant.what, table_data, false)?;
        if let What::Method(method) = entrant.what
            && method.has_rungs()
            && args.trains()
        {
            // The longest trials are as long as those of the others.
            let others = plan::resolve(
                &args.search(&What::Method(Method::Random), table_data, false)?,
                &Bars::default(),
            )?;
            search.task.budget.epochs = others.training().map(|plan| plan.epochs);
        }
        let named = || match &entrant.what {
            What::Method(method) => format!("method {method}"),
            What::Variant(_, (name, _)) => format!("method {name}"),
            What::Screened(method, proxy) => format!("method {method}, screened by {proxy}"),
            What::Scored(method, proxy) => format!("method {method}, scored by {proxy}"),
            What::File(path) => format!("{}, {}", entrant.name, path.display()),
        };
        let mut config = plan::resolve(&search, &Bars::default()).with_context(named)?;
        // Whatever a file says: the same budget for all.
        let budget = args.budget();
        if config.method.proposes() {
            config.budget = budget;
            return config.with_figures();
        }
        if !args.trains() {
            if args.task.data.data.is_none() {
                let why = format!(
                    "METHOD: {} trains a supernet, for which a table has no images; add --data NAME",
                    entrant.name
                );
                return Err(Usage::new(why).into());
            }
            search = args.search(&entrant.what, table_data, true)?;
            config = plan::resolve(&search, &Bars::default()).with_context(named)?;
        }
        if self.work.get().is_none() {
            // Nobody else is there.
            let _ = self.work.set(Work::of(&config, &only_notes)?);
        }
        if let Some(work) = self.work.get() {
            work.fit(&mut config, &budget).with_context(named)?;
        }
        config.with_figures()
    }

    /// Refuses options about images where a table is looked up in and nobody trains a supernet.
    pub(super) fn refuse_unused_images(&self, entrants: &[Entrant]) -> Result<()> {
        if let (None, Some(first)) = (self.work.get(), entrants.first()) {
            plan::resolve(&self.args.search(&first.what, None, true)?, &Bars::default())?;
        }
        Ok(())
    }
}
