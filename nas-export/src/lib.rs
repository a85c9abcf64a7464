//! Takes trained networks to other programs.
//!
//! ```
//! use std::sync::Arc;
//!
//! use nas_eval::{Compute, Model};
//! use nas_export::{Format, Onnx, Source};
//! use nas_space::{NetworkConfig, Seed, named, op::Operations};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let size = NetworkConfig { channels: 4, cells: 2, ..NetworkConfig::default() };
//! let network = named::by_name("DARTS_V2")?.genotype.network(&Operations::standard(), &size)?;
//! let model = Model::new(Arc::new(network), Seed::new(0), &Compute::cpu())?;
//! let files = Onnx::default().files(&Source::of_model(&model))?;
//! # let folder = tempfile::tempdir()?;
//! # let folder = folder.path();
//! for file in &files {
//!     std::fs::write(folder.join(&file.name), &file.content)?;
//! }
//! # assert!(folder.join("network.onnx").is_file());
//! # Ok(())
//! # }
//! ```
//!
//! A [`Format`] makes [`File`]s of a [`Source`]: a network with its weights, the names of its
//! classes and how its images are prepared.
//!
//! | format | files |
//! |---|---|
//! | [`Onnx`] | `network.onnx` for any runtime, `preprocess.json`, and `predict.py`, which uses both |
//! | [`PyTorch`] | `model.py`, `model.safetensors`, `train.py`, which trains on, and `predict.py` |
//! | [`C`] | C99 for microcontrollers and other programs, without dependencies and allocations |
//! | [`RustCrate`] | a crate without dependencies that gives class scores, and an example |
//!
//! The input is images as bytes, N×C×H×W, as `preprocess.json` describes; the exported network
//! normalises them. The outputs are the scores before and after the softmax.

mod c;
mod difference;
mod error;
mod file;
mod largest;
mod onnx;
mod parameter;
mod preprocessing;
mod pytorch;
mod rust;
mod source;

pub use c::{C, CNetwork};
pub use difference::Difference;
pub use error::ExportError;
pub use file::{File, Format};
pub use onnx::Onnx;
#[cfg(feature = "check")]
pub use onnx::OnnxRun;
pub use preprocessing::Preprocessing;
pub use pytorch::PyTorch;
pub use rust::RustCrate;
pub use source::Source;
