//! What a controller learns with: presets, and what was typed.

use anyhow::{Result, bail};
use nas_rl::{Algorithm, RlConfig};

use super::RunConfig;
use crate::args::{AlgorithmName, PresetName, RlArgs};
use crate::method::Method;
use crate::usage::Usage;

/// The settings of a preset, for that method; those for about a hundred trials where none is named, as with other methods.
pub(super) fn defaults(method: Method, args: &RlArgs) -> Option<RlConfig> {
    let preset = match args.preset.unwrap_or(PresetName::Small) {
        // The last two are of other methods, where there is no controller of its own.
        PresetName::Small | PresetName::Enas | PresetName::Nb201 => RlConfig::small_budget(),
        PresetName::Nasnet => RlConfig::nasnet_2018(),
        PresetName::ZophLe => RlConfig::zoph_le_2017(),
    };
    (method == Method::Rl).then_some(preset)
}

/// Refuses options that are typed and have no meaning with this method.
pub(super) fn refuse(args: &RlArgs, method: Method) -> Result<()> {
    match args.meaningless(method) {
        None => Ok(()),
        Some((name, methods)) => {
            let why = format!("has no meaning with method {method}; it is for {methods}");
            Err(Usage::new(format!("{name} {why}")).into())
        }
    }
}

/// Puts what was typed over the configuration. What is typed again as it was keeps its settings.
pub(super) fn overlay(rl: &mut RlConfig, args: &RlArgs) {
    rl.algorithm = match (args.algorithm, rl.algorithm) {
        (Some(AlgorithmName::Reinforce), _) => Algorithm::Reinforce {},
        // The clip and the epochs of the preset that has them.
        (Some(AlgorithmName::Ppo), Algorithm::Reinforce {}) => RlConfig::nasnet_2018().algorithm,
        (_, kept) => kept,
    };
    rl.learning_rate = args.controller_rate.unwrap_or(rl.learning_rate);
    rl.entropy_weight = args.entropy.unwrap_or(rl.entropy_weight);
    rl.reward = args.reward.map_or(rl.reward, Into::into);
    rl.batch = args.update_every.unwrap_or(rl.batch);
}

/// Checks that the section is there exactly where its method is, and in range.
pub(super) fn validate(config: &RunConfig) -> Result<()> {
    match (config.method, &config.rl) {
        (Method::Rl, None) => bail!("method rl has no [rl] in the configuration"),
        (Method::Rl, Some(rl)) => Ok(rl.validate()?),
        (method, Some(_)) => bail!("[rl] is given; expected none with method {method}"),
        (_, None) => Ok(()),
    }
}
