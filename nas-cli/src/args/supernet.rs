//! Options of a search by a supernet, as typed.

use clap::{Args, ValueEnum};
use nas_darts::Order;

use super::{at_least, between};
use crate::method::Method;
use crate::plan::MOST_AUDITED;

/// How a supernet is trained, and an architecture read off it.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Supernet (methods darts, enas)")]
pub(crate) struct SupernetArgs {
    /// Of darts: how operations are weighed [default: darts]
    #[arg(long, value_enum, value_name = "NAME")]
    pub(crate) relaxation: Option<RelaxationName>,
    /// Of darts: order of the architecture's gradient; 1 takes the weights as they are, 2 looks a step ahead [default: 1]
    #[arg(long, value_enum, value_name = "N")]
    pub(crate) order: Option<OrderName>,
    /// Of darts: how the architecture is read off [default: magnitude]
    #[arg(long, value_enum, value_name = "NAME")]
    pub(crate) selection: Option<SelectionName>,
    /// Of darts: what ends a search that collapses; not with --selection perturbation [default: none]
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
    /// Of darts: epochs between two measurements of the dominant eigenvalue, 0 for none [default: 0, or 1 with --stop robust]
    #[arg(long, value_name = "N")]
    pub(crate) hessian_every: Option<u32>,
    /// Of enas: updates of the controller after each epoch of the supernet
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) controller_updates: Option<u32>,
    /// Of enas: architectures that the controller draws at the end, to be ranked with the shared weights
    #[arg(long, value_name = "N", value_parser = at_least(1))]
    pub(crate) candidates: Option<usize>,
    /// Of enas: architectures, uniform draws, that are also trained alone, or looked up, to tell how far the ranking by shared
    /// weights agrees [default: 0]
    #[arg(long, value_name = "N", value_parser = between(0, MOST_AUDITED as u64))]
    pub(crate) audit: Option<usize>,
}

impl SupernetArgs {
    /// The first option typed that has no meaning with this method, and the methods that it has one with.
    pub(crate) fn meaningless(&self, method: Method) -> Option<(&'static str, &'static str)> {
        let (darts, enas) = (method == Method::Darts, method == Method::Enas);
        let both = darts || enas;
        let typed = [
            (self.relaxation.is_some(), darts, "--relaxation", "darts"),
            (self.order.is_some(), darts, "--order", "darts"),
            (self.selection.is_some(), darts, "--selection", "darts"),
            (self.stop.is_some(), darts, "--stop", "darts"),
            (
                self.search_epochs.is_some(),
                both,
                "--search-epochs",
                "darts and enas",
            ),
            (
                self.search_channels.is_some(),
                both,
                "--search-channels",
                "darts and enas",
            ),
            (
                self.search_cells.is_some(),
                both,
                "--search-cells",
                "darts and enas",
            ),
            (
                self.search_batch.is_some(),
                both,
                "--search-batch",
                "darts and enas",
            ),
            (self.hessian_every.is_some(), darts, "--hessian-every", "darts"),
            (
                self.controller_updates.is_some(),
                enas,
                "--controller-updates",
                "enas",
            ),
            (self.candidates.is_some(), enas, "--candidates", "enas"),
            (self.audit.is_some(), enas, "--audit", "enas"),
        ];
        let meaningless = typed.into_iter().find(|&(typed, meant, ..)| typed && !meant);
        meaningless.map(|(.., name, methods)| (name, methods))
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
