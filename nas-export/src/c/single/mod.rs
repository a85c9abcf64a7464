//! Numbers of 32 bits.

mod code;
mod run;

pub(super) use code::Single;
pub(super) use run::{Observer, Place, scores};
