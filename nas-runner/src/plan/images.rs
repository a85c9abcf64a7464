//! Images to train on.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Images to train on, and where.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImagesPlan {
    /// Name of the data set.
    pub data: String,
    /// Folder with its files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_dir: Option<PathBuf>,
    /// Number of training images used, where not all are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    /// Number of training images used, where not all are.
    pub limit: Option<usize>,
    /// `cpu`, `cuda:0`, …
    pub device: String,
    /// Whether matrix products of f32 run in TF32, on CUDA.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    /// Whether matrix products of f32 run in TF32, on CUDA.
    pub tf32: bool,
}

/// Images to train on, wherever a configuration names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Images<'a> {
    /// Name of the data set.
    pub data: &'a str,
    /// Where the files are decides nothing.
    #[serde(skip)]
    pub data_dir: Option<&'a Path>,
    /// Number of training images used, where not all are.
    pub limit: Option<usize>,
    /// `cpu`, `cuda:0`, …
    pub device: &'a str,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    /// Whether matrix products of f32 run in TF32, on CUDA.
    pub tf32: bool,
}

impl ImagesPlan {
    /// A data set, all of it, on the CPU.
    pub(super) fn of(data: &str) -> Self {
        Self {
            data: data.to_owned(),
            data_dir: None,
            limit: None,
            device: "cpu".to_owned(),
            tf32: false,
        }
    }

    pub(super) fn borrowed(&self) -> Images<'_> {
        Images {
            data: &self.data,
            data_dir: self.data_dir.as_deref(),
            limit: self.limit,
            device: &self.device,
            tf32: self.tf32,
        }
    }
}
