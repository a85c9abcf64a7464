//! What evolution and multi-objective evolution are run with: defaults, and what was typed.

use anyhow::{Result, bail};
use nas_evo::{EvolutionConfig, Nsga2Config, Objective, Tournament};

use super::{Estimation, RunConfig};
use crate::args::EvolutionArgs;
use crate::method::Method;
use crate::usage::Usage;

/// The configuration of evolution, for that method: the preset for budgets of about a hundred trials; with those of thousands a
/// small search would be all random.
pub(super) fn evolution(method: Method) -> Option<EvolutionConfig> {
    (method == Method::Evolution).then_some(EvolutionConfig::NATS_BENCH)
}

/// The configuration of NSGA-II, for that method.
pub(super) fn nsga2(method: Method) -> Option<Nsga2Config> {
    (method == Method::Nsga2).then(Nsga2Config::small)
}

/// Refuses options that are typed and have no meaning with this method.
pub(super) fn refuse(args: &EvolutionArgs, method: Method) -> Result<()> {
    match args.meaningless(method) {
        None => Ok(()),
        Some((name, methods)) => {
            let why = format!("has no meaning with method {method}; it is for {methods}");
            Err(Usage::new(format!("{name} {why}")).into())
        }
    }
}

/// Puts what was typed over the configuration.
///
/// # Errors
/// For an objective that cannot be read.
pub(super) fn overlay(config: &mut RunConfig, args: &EvolutionArgs) -> Result<()> {
    if let Some(evolution) = &mut config.evolution {
        evolution.population = args.population.unwrap_or(evolution.population);
        let members = args.tournament.map(Tournament::Members);
        let share = args.tournament_share.map(|share| Tournament::Share { share });
        evolution.tournament = members.or(share).unwrap_or(evolution.tournament);
        evolution.removal = args.removal.map_or(evolution.removal, Into::into);
    }
    if let Some(nsga2) = &mut config.nsga2 {
        nsga2.population = args.population.unwrap_or(nsga2.population);
        if !args.objectives.is_empty() {
            let objectives = args.objectives.iter().map(|text| {
                let read = text.parse::<Objective>();
                let mut objective: Objective =
                    read.map_err(|error| Usage::new(format!("--objectives: '{text}': {error}")))?;
                if let (Objective::Named { name, better }, Estimation::Table(plan)) =
                    (&mut objective, &config.estimation)
                    && name == text
                {
                    // Where nothing is typed, the table says which values are better.
                    *better = plan.evaluator()?.sizes().direction(name).unwrap_or(*better);
                }
                Ok(objective)
            });
            nsga2.objectives = objectives.collect::<Result<_>>()?;
        }
    }
    Ok(())
}

/// Checks that the sections are there exactly where their method is, and in range.
pub(super) fn validate(config: &RunConfig) -> Result<()> {
    let method = config.method;
    for (owner, section, is_given) in [
        (Method::Evolution, "evolution", config.evolution.is_some()),
        (Method::Nsga2, "nsga2", config.nsga2.is_some()),
    ] {
        match (method == owner, is_given) {
            (true, false) => bail!("method {method} has no [{section}] in the configuration"),
            (false, true) => bail!("[{section}] is given; expected none with method {method}"),
            _ => {}
        }
    }
    config.evolution.iter().try_for_each(EvolutionConfig::validate)?;
    Ok(config.nsga2.iter().try_for_each(Nsga2Config::validate)?)
}
