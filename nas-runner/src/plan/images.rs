//! Images to train on.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::data::{Looked, OwnPlan, Source};

/// Images to train on, and where.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImagesPlan {
    /// Name of the data set.
    pub data: String,
    /// Folder with its files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_dir: Option<PathBuf>,
    /// How they are read, if they are the user's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own: Option<OwnPlan>,
    /// Number of training images used, where not all are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
    /// `cpu`, `cuda:0`, …
    pub device: String,
    /// Whether matrix products of f32 run in TF32, on CUDA.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tf32: bool,
}

/// Images to train on, wherever a configuration names them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Images<'a> {
    /// Name of the data set.
    pub data: &'a str,
    /// Where the files are decides nothing.
    #[serde(skip)]
    pub data_dir: Option<&'a Path>,
    /// How they are read, if they are the user's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub own: Option<&'a OwnPlan>,
    /// Number of training images used, where not all are.
    pub limit: Option<usize>,
    /// `cpu`, `cuda:0`, …
    pub device: &'a str,
    /// Whether matrix products of f32 run in TF32, on CUDA.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub tf32: bool,
}

impl ImagesPlan {
    /// A data set, all of it, on the CPU.
    pub(super) fn of(looked: &Looked) -> Self {
        Self {
            data: looked.data.clone(),
            data_dir: None,
            own: looked.own.clone(),
            limit: None,
            device: "cpu".to_owned(),
            tf32: false,
        }
    }

    pub(super) fn borrowed(&self) -> Images<'_> {
        Images {
            data: &self.data,
            data_dir: self.data_dir.as_deref(),
            own: self.own.as_ref(),
            limit: self.limit,
            device: &self.device,
            tf32: self.tf32,
        }
    }
}

impl<'a> Images<'a> {
    /// Which data set that is, and how it is read.
    pub fn source(&self) -> Source<'a> {
        Source {
            data: self.data,
            data_dir: self.data_dir,
            own: self.own,
        }
    }
}
