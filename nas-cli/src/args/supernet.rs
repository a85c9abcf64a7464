//! Options of a differentiable search, as typed.

use clap::{Args, ValueEnum};
use nas_darts::Order;

use super::at_least;

/// How a supernet is trained and read off. Each option is for method darts alone.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Supernet (method darts)")]
pub(crate) struct SupernetArgs {
    /// How operations are weighed [default: darts]
    #[arg(long, value_enum, value_name = "NAME")]
    pub(crate) relaxation: Option<RelaxationName>,
    /// Order of the architecture's gradient: 1 takes the weights as they are, 2 looks a step ahead [default: 1]
    #[arg(long, value_enum, value_name = "N")]
    pub(crate) order: Option<OrderName>,
    /// How the architecture is read off [default: magnitude]
    #[arg(long, value_enum, value_name = "NAME")]
    pub(crate) selection: Option<SelectionName>,
    /// What ends a search that collapses [default: none]
    #[arg(long, value_enum, value_name = "NAME")]
    pub(crate) stop: Option<StopName>,
    /// Epochs of the supernet
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) search_epochs: Option<u32>,
    /// Channels of the supernet's first cells
    #[arg(long, value_name = "N", value_parser = at_least(1))]
    pub(crate) search_channels: Option<usize>,
    /// Cells of the supernet: in all, or per stage
    #[arg(long, value_name = "N", value_parser = at_least(1))]
    pub(crate) search_cells: Option<usize>,
    /// Images per step of the supernet, at least 2
    #[arg(long, value_name = "N", value_parser = at_least(2))]
    pub(crate) search_batch: Option<usize>,
    /// Epochs between two measurements of the dominant eigenvalue, 0 for none [default: 0, or 1 with --stop robust]
    #[arg(long, value_name = "N")]
    pub(crate) hessian_every: Option<u32>,
}

impl SupernetArgs {
    /// The first option typed, by its name.
    pub(crate) fn first_typed(&self) -> Option<&'static str> {
        let typed = [
            (self.relaxation.is_some(), "--relaxation"),
            (self.order.is_some(), "--order"),
            (self.selection.is_some(), "--selection"),
            (self.stop.is_some(), "--stop"),
            (self.search_epochs.is_some(), "--search-epochs"),
            (self.search_channels.is_some(), "--search-channels"),
            (self.search_cells.is_some(), "--search-cells"),
            (self.search_batch.is_some(), "--search-batch"),
            (self.hessian_every.is_some(), "--hessian-every"),
        ];
        typed.into_iter().find(|(given, _)| *given).map(|(_, name)| name)
    }
}

/// How operations are weighed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RelaxationName {
    /// By a softmax over all of them
    Darts,
    /// By a softmax, on a part of the channels, and edges too
    PcDarts,
    /// One operation an edge at a time, drawn anew each step
    Gdas,
}

/// The order of the architecture's gradient.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OrderName {
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
pub(crate) enum SelectionName {
    /// By the strengths of the operations
    Magnitude,
    /// By what the supernet loses without each operation
    Perturbation,
}

/// When a search ends early.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum StopName {
    /// Never
    None,
    /// Where the dominant eigenvalue grows
    Robust,
    /// Where a cell has too many skip connections
    DartsPlus,
}
