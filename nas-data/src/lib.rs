//! Images of one's own: a folder, a list of files, or arrays, read once into pixels of one size, split and checked.
//!
//! [`read`] takes a path and gives [`OwnData`]: the pixels of every image at one size, its label, its group, and a training,
//! a test and perhaps a validation split. [`Findings`] say what is worth knowing of them. [`split`] draws a validation split.
//!
//! What was read lies in a cache, outside of the source's folder, and is opened from there the next time.
//!
//! **Invariant:** nothing is written below the source's folder.
//!
//! **Invariant:** the same files, labels, splits, groups and settings give the same data and fingerprint, whatever the order of
//! folders, the locale, the number of threads, and the times of files.

mod arrange;
mod cache;
mod data;
pub mod decode;
mod error;
mod findings;
mod identical;
pub mod npz;
mod options;
mod progress;
mod read;
pub mod resize;
mod scan;
mod source;
mod split;
mod survey;

pub use data::{OwnData, Part, Pixels};
pub use error::DataError;
pub use findings::{ClassCount, Duplicates, Findings, Listed, MOST_EXAMPLES, Named, Origin, Skipped, Spread};
pub use npz::Layout;
pub use options::{ImageSize, LARGEST_SIDE, ReadOptions};
pub use progress::{Progress, Stage};
pub use read::read;
pub use resize::Resize;
pub use split::split;
