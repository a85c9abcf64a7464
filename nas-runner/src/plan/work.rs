//! How much training searches are: images passed forward and backward through a network.
//!
//! So a supernet can be compared with trials that train networks alone: it gets as many image passes as they have, less those of the trial
//! that judges what it finds. Passes that are only forward are not counted, for either.

use anyhow::{Context, Result, bail};
use nas_eval::data::Dataset;
use nas_eval::train::TrainingData;
use nas_space::search::Budget;
use nas_space::seed::Seed;

use super::{Estimation, RunConfig};
use crate::methods::MethodConfig;
use crate::usage::Usage;
use crate::watch::Watcher;

/// The images that searches train on, as far as their number goes.
#[derive(Debug, Clone)]
pub struct Work {
    dataset: Dataset,
}

impl Work {
    /// Reads the images of this configuration.
    ///
    /// # Errors
    /// Where it has none, or they cannot be read.
    pub fn of(config: &RunConfig, watcher: &dyn Watcher) -> Result<Self> {
        let images = config.images().context("nothing here is trained on images")?;
        let mut dataset = crate::data::load(images.source(), watcher)?;
        if let Some(limit) = images.limit {
            dataset = dataset.with_training_images(limit, Seed::new(0))?;
        }
        Ok(Self { dataset })
    }

    /// Training images besides this share.
    fn left(&self, valid_fraction: f64) -> Result<u64> {
        let data = TrainingData::hold_out(&self.dataset, valid_fraction, Seed::new(0))?;
        Ok(data.train().len() as u64)
    }

    /// Images of an epoch of a trial. A table that does not say how many its networks were trained on is counted as if they had been
    /// trained on all of these.
    ///
    /// # Errors
    /// Where there are too few images, or the table cannot be read.
    pub fn of_epoch(&self, config: &RunConfig) -> Result<u64> {
        match &config.estimation {
            Estimation::Training(plan) => self.left(plan.evaluator.valid_fraction),
            Estimation::Table(plan) => {
                let known = plan.evaluator()?.dataset().train_images;
                Ok(known.unwrap_or(self.dataset.train.len() as u64))
            }
            Estimation::Command(_) => {
                bail!("how many images an evaluator of your own trains on is not known")
            }
        }
    }

    /// Whether the table of this configuration does not say how many images its networks were trained on.
    ///
    /// # Errors
    /// Where the table cannot be read.
    pub fn is_assumed(config: &RunConfig) -> Result<bool> {
        match &config.estimation {
            Estimation::Table(plan) => Ok(plan.evaluator()?.dataset().train_images.is_none()),
            Estimation::Training(_) | Estimation::Command(_) => Ok(false),
        }
    }

    /// Image passes of a search by the supernet of this configuration in this number of epochs.
    ///
    /// # Errors
    /// Where its method trains none, or there are too few images.
    pub fn of_supernet(&self, config: &RunConfig, epochs: u32) -> Result<u64> {
        self.passes(config, &config.method, epochs)
    }

    fn passes(&self, config: &RunConfig, method: &MethodConfig, epochs: u32) -> Result<u64> {
        let plan = method.supernet_plan();
        let plan = plan.with_context(|| format!("method {method} trains no supernet"))?;
        let images = self.left(plan.valid_fraction)?;
        let passes = method.image_passes(config.space.build()?.as_ref(), epochs, images)?;
        passes.with_context(|| format!("the image passes of method {method} are not known"))
    }

    /// Image passes of as many trials as this budget has room for.
    ///
    /// # Errors
    /// [`Usage`] where it limits neither trials nor epochs.
    pub fn of_budget(&self, config: &RunConfig, budget: &Budget) -> Result<u64> {
        let of_epoch = self.of_epoch(config)?;
        let epochs = u64::from(config.estimation.search_epochs()?);
        let of_trials = budget.trials.map(|trials| trials.saturating_mul(epochs));
        let epochs = of_trials.into_iter().chain(budget.epochs).min();
        epochs
            .map(|epochs| epochs.saturating_mul(of_epoch))
            .ok_or_else(|| {
                let why = "--budget-seconds alone is no budget for a supernet, which gets as much training as the trials of other \
                           methods; add --trials N or --budget-epochs N";
                Usage::new(why).into()
            })
    }

    /// Gives the supernet of this configuration as many epochs as make the image passes of the budget's trials, less those of the one trial
    /// that judges what it finds: that is its budget then.
    ///
    /// # Errors
    /// [`Usage`] where the budget limits neither trials nor epochs, or there is too little of it for one epoch.
    pub fn fit(&self, config: &mut RunConfig, budget: &Budget) -> Result<()> {
        let passes = self.of_budget(config, budget)?;
        let of_epoch = self.of_epoch(config)?;
        let of_trial = of_epoch.saturating_mul(u64::from(config.estimation.search_epochs()?));
        let of = |epochs: u32| -> Result<(MethodConfig, u64)> {
            let method = config.method.with_supernet_epochs(epochs)?;
            let passes = self.passes(config, &method, epochs)?;
            Ok((method, passes))
        };
        let for_supernet = passes.saturating_sub(of_trial);
        let (mut fitting, least) = of(1)?;
        if least > for_supernet {
            let needed = (least + of_trial).div_ceil(of_epoch.max(1));
            let why = format!(
                "the budget of {passes} image passes is too small for {}: an epoch of its supernet takes {least}, and the trial that judges \
                 what it finds {of_trial}; expected --budget-epochs {needed} or more",
                config.method
            );
            return Err(Usage::new(why).into());
        }
        let (mut fits, mut above) = (1_u32, 2_u32);
        loop {
            let (method, passes) = of(above)?;
            if passes > for_supernet {
                break;
            }
            (fits, fitting) = (above, method);
            let Some(doubled) = above.checked_mul(2) else {
                break;
            };
            above = doubled;
        }
        while above - fits > 1 {
            let middle = fits + (above - fits) / 2;
            let (method, passes) = of(middle)?;
            if passes <= for_supernet {
                (fits, fitting) = (middle, method);
            } else {
                above = middle;
            }
        }
        config.method = fitting;
        config.budget = Budget::trials(1);
        Ok(())
    }
}
