//! What a network needs on a small device: memory for its feature maps, and flash for its weights.
//!
//! Microcontrollers have hundreds of kilobytes of each, and a network that needs one byte too many
//! does not run. [`Arena`] is the memory of one image: a place for each feature map, and the order
//! of computation that needs least. [`Flash`] is what the weights take. [`DeviceSizes`] makes both
//! available to limits and objectives, by their names ([`DeviceFigure`]).
//!
//! # What has a buffer
//! A layer that computes each output value from at most one value of its input has none: it is
//! *read through*. These are ReLU, batch norm, dropout and drop-path, padding, shifting, some or
//! shuffled channels, concatenations, and sums of which at most one term is not zeros. What reads
//! such a layer reads the maps behind it, and computes scale, shift, maximum and place of each
//! value on the way. So nothing is copied into a concatenation: its readers read the parts in turn.
//! Zeros have no buffer either. All other layers, that is convolutions, pooling, linear layers and sums,
//! are *steps*, each of which writes one buffer.
//!
//! While a step is executed, all that it reads and what it writes are alive. Only a sum may be
//! written over one of its terms: one that no later step reads, and that each term of the sum reads
//! value by value, in place.
//!
//! # The order of steps
//! Any order is allowed in which a step comes after those that it reads. The best order is the one
//! with the lowest peak: fewest bytes alive at its worst step. It is searched with a bound on what
//! any order needs, so [`Arena::has_best_order`] tells whether it was found. Where the search was
//! given up, the order is the best one seen. Placing the maps without gaps is another search, which
//! is heuristic; [`Arena::is_exact`] tells whether it has left none.
//!
//! # References
//! - B. H. Ahn, J. Lee, J. M. Lin, H. Cheng, J. Hou, H. Esmaeilzadeh: Ordering Chaos: Memory-Aware
//!   Scheduling of Irregularly Wired Neural Networks for Edge Devices. MLSys 2020, arXiv 2003.02369
//!   (dynamic programming over sets of executed steps, parts between single maps).
//! - E. Liberis, N. D. Lane: Neural networks on microcontrollers: saving memory at inference via
//!   operator reordering. 2019, arXiv 1910.05110.

mod arena;
mod bits;
mod figures;
mod flash;
mod order;
mod place;
mod search;
mod steps;

pub use arena::{Arena, ArenaConfig, Map, Number};
pub use figures::{DeviceFigure, DeviceSizes};
pub use flash::Flash;
