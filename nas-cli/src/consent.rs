//! A file names a program: it is run only where the user wants it to.
//!
//! A run directory, or a configuration, may be somebody else's. Whoever resumes it runs what it says. Spaces, budgets and
//! data folders do no harm; a command of the shell may do anything.

use anyhow::Result;
use nas_eval::proxy::ProxyKind;
use nas_runner::Usage;
use nas_runner::plan::{Estimation, RunConfig, evaluating_proxy};

/// Checks that the evaluator's command of a configuration was typed, or is allowed by name.
///
/// # Errors
/// Bad usage, with the command, where it is neither.
pub(crate) fn check(config: &RunConfig, typed: Option<&str>, allowed: bool) -> Result<()> {
    let Estimation::Command(plan) = &config.estimation else {
        return match typed {
            Some(_) if scores_by(config, evaluating_proxy(typed)?) => Ok(()),
            Some(_) => Err(Usage::new("--evaluator: this run evaluates its trials without a command").into()),
            None => Ok(()),
        };
    };
    match typed {
        Some(typed) if typed == plan.command => Ok(()),
        Some(_) => Err(Usage::new(format!(
            "--evaluator differs from the command on record, which is:\n    {}\nexpected the same: another evaluator makes \
             another search",
            plan.command
        ))
        .into()),
        None if allowed => Ok(()),
        None => Err(Usage::new(format!(
            "the configuration names a command that evaluates trials:\n    {}\nIt was not typed here, so it was not run. If you \
             trust it, add --allow-evaluator",
            plan.command
        ))
        .into()),
    }
}

/// Whether the trials of a configuration are scored by this proxy, which is no command.
fn scores_by(config: &RunConfig, proxy: Option<ProxyKind>) -> bool {
    proxy.is_some() && proxy == config.proxy().map(|plan| plan.proxy)
}
