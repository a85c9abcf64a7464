//! `nas export` as typed.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::MeasuredArgs;

const EXAMPLES: &str = "\
Examples:
  nas export runs/evolution-nb201-0
      ONNX, compared with the trained network before it is written
  nas export runs/evolution-nb201-0 --quantize int8
      Also in 8-bit integers, with the accuracy of both
  nas export best.safetensors --format pytorch --out network
      PyTorch code with weights, to train on
  nas export best.safetensors --format rust
      A crate that needs the standard library only
  nas export best.safetensors --format c --int8
      C99 for microcontrollers, in 8-bit integers; without --int8 in 32-bit numbers";

#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct ExportArgs {
    /// Run directory, or network saved by `nas train --out` (.safetensors)
    #[arg(value_name = "NETWORK")]
    pub(crate) network: PathBuf,
    /// What to write
    #[arg(long, value_enum, default_value = "onnx")]
    pub(crate) format: ExportFormat,
    /// Folder for the files [default: export/FORMAT beside the network]
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    pub(crate) out: Option<PathBuf>,
    /// Keep batch normalization in layers of its own (onnx)
    ///
    /// Otherwise it becomes part of the convolutions. Keep it if you want to train the network further.
    #[arg(long)]
    pub(crate) keep_batch_norm: bool,
    /// Also write the network in 8-bit integers (onnx)
    ///
    /// The ranges of the integers are measured on training images.
    #[arg(long, value_enum)]
    pub(crate) quantize: Option<Integers>,
    /// Compute in 8-bit integers (c)
    ///
    /// The ranges of the integers are measured on training images.
    #[arg(long)]
    pub(crate) int8: bool,
    #[command(flatten)]
    pub(crate) measured: MeasuredArgs,
}

/// The forms that a network can be written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    /// For onnxruntime, browsers, phones: network.onnx, preprocess.json, predict.py
    Onnx,
    /// To train further and to change: model.py, its weights, train.py, predict.py
    Pytorch,
    /// To embed: a crate that needs the standard library only
    Rust,
    /// For microcontrollers: C99 without allocations, network.c, network.h, main.c
    C,
}

/// The integers that a network can be computed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Integers {
    Int8,
}
