//! Pictures of searches, as SVG documents that need no other file, from plain data.
//!
//! | what is drawn | by |
//! |---|---|
//! | how something grew: step curves with bands | [`curves()`] |
//! | how a training went | [`learning`] |
//! | how results are spread: box plots | [`boxes()`] |
//! | what something cost: stacked bars of seconds | [`bars()`] |
//! | how important decisions are for the results | [`importance()`] |
//! | which decisions good and bad architectures have: parallel coordinates | [`parallel()`] |
//! | mean ranks, and who does not differ: a critical-difference diagram | [`critical_difference()`] |
//! | what accuracy costs: the trials of a run and their front | [`pareto()`] |
//! | which classes a network takes for which: a confusion matrix | [`confusion()`] |
//! | what a network keeps in memory, where and for how long | [`memory()`] |
//! | how far probabilities can be believed: a reliability diagram | [`reliability()`] |
//! | the strength of each operation on each edge in a differentiable search | [`strengths()`] |
//! | the reward of a controller | [`reward()`] |
//! | levels and predictions of a progressive search | [`progressive`] |
//!
//! The same input always gives the same text. Text in it is escaped.

// `axis`, `panel`, `document`, `series` and `letters` are what the pictures share; `checks` is what the tests hold them to: all
// of it within the picture, and no text over another.
mod axis;
mod bars;
mod boxes;
#[cfg(test)]
mod checks;
mod confusion;
mod crowd;
mod curves;
mod dimension;
mod document;
mod frame;
mod importance;
mod letters;
mod memory;
mod metric;
mod panel;
mod parallel;
mod pareto;
pub mod progressive;
mod quantile;
mod ranks;
mod readout;
mod reliability;
mod reward;
mod series;
mod strengths;
mod stroke;

pub use bars::{Bar, BarChart, bars};
pub use boxes::{BoxChart, Sample, boxes};
pub use confusion::{MOST_CLASSES, confusion};
pub use curves::{Curve, CurveChart, Point, curves, learning};
pub use dimension::{Dimension, Scale};
pub use importance::{ImportanceChart, ImportanceRow, importance};
pub use letters::escaped;
pub use memory::{MemoryChart, Stored, memory};
pub use metric::OnAxis;
pub use parallel::{LINES, ParallelChart, ParallelLine, parallel, spread};
pub use pareto::{POINTS, pareto};
pub use ranks::{Joined, RankChart, Ranked, critical_difference};
pub use reliability::reliability;
pub use reward::{Along, Reference, RewardStep, reward};
pub use strengths::{CellStrengths, strengths};

const INK: &str = "#1f2733";
const FAINT: &str = "#64748b";
