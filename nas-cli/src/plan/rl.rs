//! What a controller learns with: presets, and what was typed.

use nas_rl::{Algorithm, RlConfig};

use crate::args::{AlgorithmName, PresetName, RlArgs};

/// The settings of a preset; those for about a hundred trials where none is named, as with other methods.
pub(super) fn defaults(preset: Option<PresetName>) -> RlConfig {
    match preset.unwrap_or(PresetName::Small) {
        PresetName::Small => RlConfig::small_budget(),
        PresetName::Nasnet => RlConfig::nasnet_2018(),
        PresetName::ZophLe => RlConfig::zoph_le_2017(),
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
