//! The configuration of a progressive search.

use anyhow::Result;
use clap::ValueEnum;
use nas_pnas::surrogate::{ForestConfig, GaussianProcessConfig, LevelData, NetworkConfig, SurrogateConfig};
use nas_pnas::{Exploration, FirstLevel, ProgressiveConfig};
use nas_space::spaces::{Space, SpaceConfig};
use toml::{Table, Value};

use crate::args::{ExplorationName, LevelDataName, ProgressiveArgs, SurrogateName};
use crate::method::Method;
use crate::usage::Usage;

/// How a space is searched where nothing is said: as in the paper, or what so many trials have room for.
pub(super) fn defaults(
    space: &SpaceConfig,
    trials: Option<u64>,
    surrogate: Option<SurrogateName>,
    first_level: Option<FirstLevel>,
) -> Result<ProgressiveConfig> {
    let space = space.build()?;
    let mut config = match trials {
        Some(trials) => ProgressiveConfig::within(trials, &space, first_level)?,
        None => ProgressiveConfig::default(),
    };
    if let Some(name) = surrogate
        && name != name_of(&config.surrogate)
    {
        config.surrogate = match name {
            SurrogateName::Mlp => SurrogateConfig::Mlp(NetworkConfig::default()),
            SurrogateName::Lstm => SurrogateConfig::Lstm(NetworkConfig::default()),
            SurrogateName::Forest => SurrogateConfig::Forest(ForestConfig::default()),
            SurrogateName::GaussianProcess => {
                SurrogateConfig::GaussianProcess(GaussianProcessConfig::default())
            }
        };
    }
    Ok(config)
}

fn name_of(config: &SurrogateConfig) -> SurrogateName {
    match config {
        SurrogateConfig::Lstm(_) => SurrogateName::Lstm,
        SurrogateConfig::Forest(_) => SurrogateName::Forest,
        SurrogateConfig::GaussianProcess(_) => SurrogateName::GaussianProcess,
        _ => SurrogateName::Mlp,
    }
}

/// Refuses its options with another method.
pub(super) fn refuse_options(args: &ProgressiveArgs, method: Method) -> Result<()> {
    match args.first_typed() {
        Some(name) if method != Method::Pnas => {
            let why = format!("has no meaning with method {method}; it is for pnas");
            Err(Usage::new(format!("{name} {why}")).into())
        }
        _ => Ok(()),
    }
}

/// The surrogate that is typed or else that of the file, out of which is taken what is of another than the one typed.
pub(super) fn reconcile(file: &mut Table, args: &ProgressiveArgs, method: Method) -> Option<SurrogateName> {
    if method != Method::Pnas {
        return None;
    }
    let section = file.get_mut("pnas").and_then(Value::as_table_mut);
    let kind = section
        .as_ref()
        .and_then(|pnas| pnas.get("surrogate")?.get("kind")?.as_str());
    let recorded = kind.and_then(|kind| SurrogateName::from_str(&kind.replace('_', "-"), false).ok());
    if let (Some(typed), Some(section)) = (args.surrogate, section)
        && recorded.is_some_and(|recorded| recorded != typed)
    {
        section.remove("surrogate");
    }
    args.surrogate.or(recorded)
}

/// Puts what was typed over the configuration.
///
/// # Errors
/// `--surrogate-data` for a surrogate that is made anew at each level.
pub(super) fn overlay(config: &mut ProgressiveConfig, args: &ProgressiveArgs) -> Result<()> {
    if let Some(name) = args.surrogate_data {
        let data = match name {
            LevelDataName::All => LevelData::All,
            LevelDataName::New => LevelData::New,
        };
        match &mut config.surrogate {
            SurrogateConfig::Mlp(network) | SurrogateConfig::Lstm(network) => network.data = data,
            _ => {
                let why = "--surrogate-data is for networks, which can be trained on: expected --surrogate mlp or lstm";
                return Err(Usage::new(why).into());
            }
        }
    }
    if let Some(beam) = &args.beam {
        config.beam.clone_from(beam);
    }
    config.first_level = args.first_level.unwrap_or(config.first_level);
    config.exploration = match (args.exploration, config.exploration) {
        (None, recorded) => recorded,
        (Some(ExplorationName::Top), _) => Exploration::Top,
        (Some(ExplorationName::Thompson), _) => Exploration::Thompson,
        (Some(ExplorationName::Ucb), recorded @ Exploration::Ucb(_)) => recorded,
        (Some(ExplorationName::Ucb), _) => Exploration::Ucb(1.0),
    };
    Ok(())
}

/// Checks the configuration, and that the space grows.
pub(super) fn validate(config: &ProgressiveConfig, space: &dyn Space) -> Result<()> {
    config.validate()?;
    nas_pnas::check_space(space)?;
    Ok(())
}
