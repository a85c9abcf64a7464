//! Differentiable architecture search.
//!
//! A supernet has every operation on every edge. Its weights and the architecture parameters are
//! trained alternately, each on its own half of the images. At the end, an architecture is selected
//! from it.
//!
//! ```
//! use nas_darts::{DartsConfig, Search};
//! use nas_eval::{Augmentation, Compute, Dataset};
//! use nas_space::{NetworkConfig, Seed, spaces::nb201};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let digits = Dataset::load("digits", None)?;
//! # let digits = digits.with_training_images(64, Seed::new(0))?;
//! let network = NetworkConfig { image: digits.train.shape(), channels: 4, cells: 1, ..NetworkConfig::default() };
//! let config = DartsConfig { network, augmentation: Augmentation::NONE, epochs: 1, ..DartsConfig::default() };
//! let mut search = Search::new(&nb201(), &digits, config, Seed::new(1), &Compute::cpu())?;
//! println!("{}", search.run(None, |_| {})?.genotype);
//! # Ok(())
//! # }
//! ```
//!
//! | module | what it holds |
//! |---|---|
//! | [`expected_cost`] | the cost of the architecture as a term of its loss |
//! | [`relaxation`] | how operations are weighed: DARTS, PC-DARTS, GDAS, DrNAS |
//! | [`bilevel`] | the architecture's gradient, of first and second order |
//! | [`discretize`] | from strengths to an architecture |
//! | [`stop`], [`hessian`], [`diagnostics`] | what tells a search that collapses, and ends it |

mod alphas;
mod arch_parameters;
mod config;
mod error;
mod problem;
mod report;
mod search;
mod work;

pub mod bilevel;
pub mod diagnostics;
pub mod discretize;
pub mod expected_cost;
pub mod hessian;
pub mod relaxation;
pub mod stop;

pub use alphas::Alphas;
pub use config::{BatchNormMode, DartsConfig, FirstStep, Order, RelaxationConfig, Selection};
pub use error::DartsError;
pub use expected_cost::{CostFigure, CostTerm, ExpectedCost};
pub use report::{CellReport, Decided, EdgePerturbation, EpochReport, SearchReport};
pub use search::{Event, Search, Selecting};
