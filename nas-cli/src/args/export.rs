//! `nas export` as typed.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::MeasuredArgs;

#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// A run directory, or a network saved by `nas train --out` (.safetensors)
    #[arg(value_name = "NETWORK")]
    pub(crate) network: PathBuf,
    /// What it becomes
    #[arg(long, value_enum, default_value = "onnx")]
    pub(crate) format: ExportFormat,
    /// Folder for the files [default: export/FORMAT beside the network]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Leave batch norms layers of their own, for training on, rather than make them part of the convolutions (onnx)
    #[arg(long)]
    pub(crate) keep_batch_norm: bool,
    /// Write the network in 8-bit integers too, with ranges measured on training images (onnx)
    #[arg(long, value_enum)]
    pub(crate) quantize: Option<Integers>,
    #[command(flatten)]
    pub(crate) measured: MeasuredArgs,
}

/// The forms that a network can leave in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    /// For onnxruntime, browsers, phones: network.onnx, preprocess.json, predict.py
    Onnx,
    /// To train on and to change: model.py, its weights, train.py, predict.py
    Pytorch,
    /// To embed: a crate of the standard library alone
    Rust,
}

/// The integers that a network can be computed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Integers {
    Int8,
}
