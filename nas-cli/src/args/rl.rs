//! Options of a search by a controller, as typed.

use clap::{Args, ValueEnum};
use nas_rl::Reward;

use super::number;
use crate::method::Method;

/// How a controller learns.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Controller (methods rl, enas)")]
pub(crate) struct RlArgs {
    /// Whose settings it starts from; of rl: small (for budgets of about a hundred trials), nasnet, zoph-le (as published for
    /// thousands) [default: small]; of enas: enas; of darts: nb201
    #[arg(long, value_enum, value_name = "NAME")]
    pub(crate) preset: Option<PresetName>,
    /// How it learns
    #[arg(long, value_enum, value_name = "NAME")]
    pub(crate) algorithm: Option<AlgorithmName>,
    /// Its learning rate; that of the networks is --learning-rate
    #[arg(long, value_name = "RATE", value_parser = super::positive)]
    pub(crate) controller_rate: Option<f64>,
    /// What a nat of its entropy is worth in reward
    #[arg(long, value_name = "WEIGHT", value_parser = not_negative)]
    pub(crate) entropy: Option<f64>,
    /// What a validation accuracy is worth
    #[arg(long, value_enum, value_name = "NAME")]
    pub(crate) reward: Option<RewardName>,
    /// Outcomes it learns from at a time; of enas, its draws to an update
    #[arg(long, value_name = "N", value_parser = super::at_least(1))]
    pub(crate) update_every: Option<usize>,
}

impl RlArgs {
    /// The first option typed that has no meaning with this method, and the methods that it has one with.
    pub(crate) fn meaningless(&self, method: Method) -> Option<(&'static str, &'static str)> {
        let rl = method == Method::Rl;
        let both = rl || method == Method::Enas;
        let typed = [
            (self.algorithm.is_some(), both, "--algorithm", "rl and enas"),
            (
                self.controller_rate.is_some(),
                both,
                "--controller-rate",
                "rl and enas",
            ),
            (self.entropy.is_some(), both, "--entropy", "rl and enas"),
            (self.reward.is_some(), both, "--reward", "rl and enas"),
            (self.update_every.is_some(), both, "--update-every", "rl and enas"),
        ];
        if let Some(preset) = self.preset.filter(|preset| preset.method() != method) {
            return Some((preset.option(), preset.method().name()));
        }
        let meaningless = typed.into_iter().find(|&(typed, meant, ..)| typed && !meant);
        meaningless.map(|(.., name, methods)| (name, methods))
    }
}

/// Settings with a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PresetName {
    /// For about a hundred trials
    Small,
    /// As in the search for NASNet (2018)
    Nasnet,
    /// As in Zoph & Le (2017)
    ZophLe,
    /// As in the authors' code of ENAS (2018), for method enas
    Enas,
    /// As in the searches of NAS-Bench-201 (2020), for method darts
    Nb201,
}

impl PresetName {
    /// The method that these settings are for.
    fn method(self) -> Method {
        match self {
            Self::Small | Self::Nasnet | Self::ZophLe => Method::Rl,
            Self::Enas => Method::Enas,
            Self::Nb201 => Method::Darts,
        }
    }

    /// As it is typed.
    fn option(self) -> &'static str {
        match self {
            Self::Small => "--preset small",
            Self::Nasnet => "--preset nasnet",
            Self::ZophLe => "--preset zoph-le",
            Self::Enas => "--preset enas",
            Self::Nb201 => "--preset nb201",
        }
    }
}

/// How a controller learns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum AlgorithmName {
    /// One step along the policy gradient
    Reinforce,
    /// Several steps that are held back by a clip
    Ppo,
}

/// What an accuracy is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RewardName {
    /// Itself
    Accuracy,
    /// Its cube
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

/// A number of at least 0.
fn not_negative(text: &str) -> Result<f64, String> {
    number(text, "a number of at least 0", |value| value >= 0.0)
}
