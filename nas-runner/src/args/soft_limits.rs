//! Options of soft limits, as typed.

use clap::Args;

use crate::parsers::{not_positive, target};

/// Whether costs count beside accuracies. Each option but the first needs --soft-max.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Network")]
pub struct SoftLimitArgs {
    /// Target for params, macs or another figure, which networks may miss; can be repeated
    ///
    /// The search then maximises the reward accuracy × (figure / target)^W of MnasNet, and its result is the architecture
    /// of the highest reward, not of the highest accuracy. For methods that learn from accuracies: evolution, local-search,
    /// bohb, bananas, pnas and rl; and for random search, which they are compared with.
    #[arg(long, hide_short_help = true, value_name = "NAME=VALUE", value_parser = target)]
    pub soft_max: Vec<(String, f64)>,
    /// Exponent W of the reward, at most 0 [default: -0.07]
    ///
    /// At -0.07, a network of twice the cost has to be about 5 % more accurate to be worth the same, whatever the target is. -1,
    /// with --soft-below 0, is MnasNet's hard limit.
    #[arg(long, hide_short_help = true, value_name = "W", value_parser = not_positive, allow_negative_numbers = true)]
    pub soft_weight: Option<f64>,
    /// Exponent W for figures below their target [default: that of --soft-weight]
    ///
    /// With 0, networks below the target are compared by accuracy alone. With the default, the target decides only which
    /// reward equals the accuracy, not which network is better: costs count below it as they do above.
    #[arg(long, hide_short_help = true, value_name = "W", value_parser = not_positive, allow_negative_numbers = true)]
    pub soft_below: Option<f64>,
}

impl SoftLimitArgs {
    /// The first option typed, by its name.
    pub fn first_typed(&self) -> Option<&'static str> {
        let typed = [
            (!self.soft_max.is_empty(), "--soft-max"),
            (self.soft_weight.is_some(), "--soft-weight"),
            (self.soft_below.is_some(), "--soft-below"),
        ];
        typed.into_iter().find(|(typed, _)| *typed).map(|(_, name)| name)
    }
}
