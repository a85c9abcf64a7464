//! Gives every parser of the toolkit inputs that it was not made for: damaged files, texts with one number out of range,
//! archives that unpack to far more than they hold.
//!
//! A [`Target`] is a parser with its corpus of valid inputs and former offenders; a [`Campaign`] gives it the corpus and
//! then mutations of it, and checks that there is no panic, no hang, no more memory than the input is due, and that what is
//! accepted comes back the same when it is written and read again. The README beside this crate says how to run one.
//!
//! No crate depends on this one but for its tests.

mod campaign;
mod clock;
mod corpus;
mod envelope;
mod mutation;
mod target;
mod watchdog;

pub mod targets;

pub use campaign::{Campaign, Effort, Report};
pub use envelope::Envelope;
pub use target::{Due, Parse, Target, Use};
