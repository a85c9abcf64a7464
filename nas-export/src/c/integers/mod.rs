//! Integers of 8 bits.
//!
//! A value x of a map is the integer q with x ≈ S · (q − Z), where S and Z belong to the map and
//! come from the range of its values on some images. Weights are signed and symmetric, with a scale
//! for each output channel (Jacob et al. 2018, arXiv 1712.05877, section 2; Krishnamoorthi 2018,
//! arXiv 1806.08342, section 3.1). Sums have 32 bits. What a sum is multiplied with to become an
//! integer of a map is a fixed-point number; [`rescale::Rescale`] says how it is rounded. All of it is
//! integer arithmetic, so that C and Rust give the same bits.

mod code;
mod quantize;
mod rescale;
mod run;

pub(super) use code::Integers;
pub(super) use quantize::Quantized;

pub(super) use run::scores;
