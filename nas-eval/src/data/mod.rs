//! Data sets: read, split, normalised, augmented and batched.
//!
//! [`Dataset::load`] reads one of the [`DATASETS`] by name. [`stratified_split`] divides its
//! training images into those that train a network and those that validate it; [`Normalization`] is
//! measured on the former alone; a [`Batcher`] turns them into tensors, one epoch after the other:
//! on the host, or on a CUDA device from images that it holds.
//!
//! **Invariant:** which images a batch holds and every pixel of it follow from the plan, the seed,
//! the epoch and the batch's number. Threads, device and earlier batches have no effect, so an
//! epoch can start at any batch.
//!
//! **Invariant:** no file makes a reader panic or allocate more than the data set can need: a torn,
//! truncated or foreign file is a [`DataError`] that names it and says what was expected and found.
//!
//! # Example
//! ```
//! use std::sync::Arc;
//! use candle_core::Device;
//! use nas_eval::data::{Augmentation, BatchPlan, Batcher, Dataset, Normalization, stratified_split};
//! use nas_space::seed::Seed;
//!
//! # fn main() -> Result<(), nas_eval::data::DataError> {
//! let digits = Dataset::load("digits", None)?;
//! let split = stratified_split(digits.train.labels(), 0.5, Seed::new(1))?;
//! let normalization = Arc::new(Normalization::measure(&digits.train, &split.train)?);
//! let plan = BatchPlan::training(64, Augmentation::standard_for("digits")?, Seed::new(2));
//! let batcher = Batcher::new(Arc::clone(&digits.train), normalization, split.train, plan, &Device::Cpu)?;
//! for batch in batcher.epoch(0, 0)? {
//!     assert_eq!(batch?.images.dims()[1..], [1, 8, 8]);
//! }
//! # Ok(())
//! # }
//! ```

mod augment;
mod batch;
mod batcher;
mod cifar;
mod dataset;
mod digits;
mod endless;
mod error;
mod facts;
mod idx;
mod images;
mod location;
mod normalize;
mod official;
#[cfg(any(feature = "cuda", test))]
mod on_device;
mod own;
mod registry;
mod split;
mod trivial;

pub use augment::{Augmentation, AugmentationLevel, Fill, Policy};
pub use batch::Batch;
pub use batcher::{BatchPlan, Batcher, Epoch, LastBatch, Order};
pub use dataset::{Dataset, HeldOut};
pub use endless::Endless;
pub use error::DataError;
pub use facts::DataFacts;
pub use images::Images;
pub use location::Location;
pub use normalize::Normalization;
pub use official::FileState;
pub use registry::{DATASETS, DatasetInfo, Download, Layout};
pub use split::{Split, stratified_split, subsample};
