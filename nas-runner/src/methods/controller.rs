//! What methods with a controller share.

use clap::{Args, ValueEnum};
use nas_rl::{Algorithm, Reward, RlConfig};

use crate::parsers::{at_least, not_negative, positive};

/// How a controller learns.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct ControllerArgs {
    /// How the controller learns
    #[arg(long, value_enum, value_name = "NAME")]
    algorithm: Option<AlgorithmName>,
    /// Learning rate of the controller; --learning-rate is that of the networks
    #[arg(long, value_name = "RATE", value_parser = positive)]
    controller_rate: Option<f64>,
    /// Weight of the controller's entropy in its reward, per nat
    #[arg(long, value_name = "WEIGHT", value_parser = not_negative)]
    entropy: Option<f64>,
    /// Reward for a validation accuracy
    #[arg(long, value_enum, value_name = "NAME")]
    reward: Option<RewardName>,
    /// Outcomes per update of the controller
    ///
    /// With enas, the architectures that are drawn for an update.
    #[arg(long, value_name = "N", value_parser = at_least(1))]
    update_every: Option<usize>,
}

impl ControllerArgs {
    /// Puts what was typed over the settings.
    pub(super) fn overlay(&self, rl: &mut RlConfig) {
        rl.algorithm = match (self.algorithm, rl.algorithm) {
            (Some(AlgorithmName::Reinforce), _) => Algorithm::Reinforce {},
            // The clip and the epochs of the preset that has them.
            (Some(AlgorithmName::Ppo), Algorithm::Reinforce {}) => RlConfig::nasnet_2018().algorithm,
            (_, kept) => kept,
        };
        rl.learning_rate = self.controller_rate.unwrap_or(rl.learning_rate);
        rl.entropy_weight = self.entropy.unwrap_or(rl.entropy_weight);
        rl.reward = self.reward.map_or(rl.reward, Into::into);
        rl.batch = self.update_every.unwrap_or(rl.batch);
    }
}

/// What a reward is, in words, where the controller learns from this: `validation accuracy cubed`.
pub(super) fn measure(reward: Reward, learned: &str) -> String {
    match reward {
        Reward::Accuracy => format!("validation {learned}"),
        Reward::Cubed => format!("validation {learned} cubed"),
    }
}

/// How a controller learns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum AlgorithmName {
    /// One step along the policy gradient
    Reinforce,
    /// Several steps, limited by a clip
    Ppo,
}

/// What an accuracy is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum RewardName {
    /// The accuracy
    Accuracy,
    /// The cube of the accuracy
    Cubed,
}

impl From<RewardName> for Reward {
    fn from(name: RewardName) -> Self {
        match name {
            RewardName::Accuracy => Self::Accuracy,
            RewardName::Cubed => Self::Cubed,
        }
    }
}
