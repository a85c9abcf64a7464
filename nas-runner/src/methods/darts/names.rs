//! Settings of DARTS that have names: what is typed.

use clap::ValueEnum;
use nas_darts::stop::StopRule;
use nas_darts::{CostFigure, DartsConfig, Order, RelaxationConfig, Selection};
use toml::Table;

/// How operations are weighed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum RelaxationName {
    /// By a softmax over all of them
    Darts,
    /// By a softmax on a part of the channels, and edges too
    PcDarts,
    /// One operation for each edge, drawn anew at each step
    Gdas,
    /// By weights drawn from a Dirichlet distribution at each step
    Drnas,
}

/// The order of the architecture's gradient.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum OrderName {
    /// The weights are taken as they are
    #[value(name = "1")]
    First,
    /// The weights are taken a step ahead
    #[value(name = "2")]
    Second,
}

impl From<OrderName> for Order {
    fn from(name: OrderName) -> Self {
        match name {
            OrderName::First => Self::First,
            OrderName::Second => Self::Second,
        }
    }
}

/// How an architecture is read off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum SelectionName {
    /// The strongest operations
    Magnitude,
    /// The operations without which the supernet loses most accuracy
    Perturbation,
}

/// What is expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum CostName {
    /// Trainable parameters
    Params,
    /// Multiply-accumulates for one image
    Macs,
}

impl From<CostName> for CostFigure {
    fn from(name: CostName) -> Self {
        match name {
            CostName::Params => Self::Params,
            CostName::Macs => Self::Macs,
        }
    }
}

/// When a search ends early.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum StopName {
    /// Never
    None,
    /// When the dominant eigenvalue grows
    Robust,
    /// When a cell has too many skip connections
    DartsPlus,
}

impl RelaxationName {
    pub(super) fn of(config: &RelaxationConfig) -> Self {
        match config {
            RelaxationConfig::PcDarts { .. } => Self::PcDarts,
            RelaxationConfig::Gdas { .. } => Self::Gdas,
            RelaxationConfig::Drnas { .. } => Self::Drnas,
            _ => Self::Darts,
        }
    }

    pub(super) fn config(self) -> RelaxationConfig {
        match self {
            Self::Darts => DartsConfig::default(),
            Self::PcDarts => DartsConfig::pc_darts(),
            Self::Gdas => DartsConfig::gdas(),
            Self::Drnas => DartsConfig::drnas(),
        }
        .relaxation
    }
}

impl SelectionName {
    pub(super) fn of(config: &Selection) -> Self {
        match config {
            Selection::Perturbation { .. } => Self::Perturbation,
            _ => Self::Magnitude,
        }
    }

    /// Between two rounds the weights are trained for a tenth of the epochs: 5 of 50 in the paper.
    pub(super) fn config(self, epochs: u32) -> Selection {
        match self {
            Self::Magnitude => Selection::Magnitude {},
            Self::Perturbation => Selection::Perturbation {
                tuning_epochs: (epochs / 10).max(1),
            },
        }
    }
}

impl StopName {
    pub(super) fn of(config: &StopRule) -> Self {
        match config {
            StopRule::Robust(_) => Self::Robust,
            StopRule::DartsPlus(_) => Self::DartsPlus,
            _ => Self::None,
        }
    }

    pub(super) fn config(self) -> StopRule {
        match self {
            Self::None => StopRule::None {},
            Self::Robust => StopRule::Robust(Default::default()),
            Self::DartsPlus => StopRule::DartsPlus(Default::default()),
        }
    }
}

impl RelaxationName {
    /// That of a file's settings.
    pub(super) fn in_file(file: &Table) -> Option<Self> {
        let kind = file.get("relaxation")?.get("kind")?.as_str()?;
        Self::from_str(kind, false).ok()
    }
}
