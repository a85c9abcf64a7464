//! Images to train on.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::data::{Looked, OwnPlan, Source};

/// Images to train on, and where.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ImagesPlan {
    /// Name of a data set, or the path of images of your own.
    pub data: String,
    /// Folder with the official files of a data set with a name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_dir: Option<PathBuf>,
    /// How images of your own are read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own: Option<OwnPlan>,
    /// Training images that are used, drawn evenly from the classes; without it, all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub limit: Option<usize>,
    /// Device that networks are trained on: `cpu`, `cuda`, `cuda:N`, `metal` or `metal:N`. Several
    /// of one kind, separated by commas, are given to worker processes in turn.
    pub device: String,
    /// Whether matrix products of f32 run in TF32; on CUDA.
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
