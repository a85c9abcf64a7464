//! `nas export`: a trained network for other programs.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use nas_eval::data::Images;
use nas_eval::{Dataset, Device};
use nas_export::{C, CNetwork, Difference, File, Format, Onnx, OnnxRun, PyTorch, RustCrate, Source};
use nas_report::number::{counted, percent};
use nas_runner::Usage;
use nas_space::shape::Shape;
use rayon::prelude::*;
use serde::Serialize;

use super::network::Opened;
use crate::args::{ExportArgs, ExportFormat, Integers};
use crate::output::{Output, note};

/// Images that an exported network is compared on.
const COMPARED: usize = 64;
/// Images that the ranges of integers are measured on.
const CALIBRATED: usize = 256;
/// Images that are tested at a time.
const TESTED: usize = 64;
/// The largest difference of a class score that is rounding, over the larger of 1 and the score.
const ROUNDING: f64 = 1e-3;

/// The JSON of `nas export`.
#[derive(Debug, Serialize)]
struct Exported {
    network: String,
    format: &'static str,
    folder: String,
    files: Vec<Written>,
    #[serde(skip_serializing_if = "Option::is_none")]
    check: Option<Check>,
    #[serde(skip_serializing_if = "Option::is_none")]
    int8: Option<Quantized>,
}

#[derive(Debug, Serialize)]
struct Written {
    name: String,
    bytes: usize,
}

/// The exported network against the one it was made of.
#[derive(Debug, Serialize)]
struct Check {
    images: usize,
    /// What the images are.
    of: &'static str,
    largest_difference: f64,
    same_class: usize,
}

/// What integers cost.
#[derive(Debug, Serialize)]
struct Quantized {
    test_images: usize,
    test_accuracy: f64,
    test_accuracy_int8: f64,
}

/// Exports, checks, and writes what has passed.
pub(crate) fn run(args: &ExportArgs, output: Output) -> Result<()> {
    let onnx = args.format == ExportFormat::Onnx;
    let compared = onnx || args.format == ExportFormat::C;
    if !onnx && (args.keep_batch_norm || args.quantize.is_some()) {
        let why = "--keep-batch-norm and --quantize are for --format onnx alone";
        return Err(Usage::new(why).into());
    }
    let c = args.format == ExportFormat::C;
    if args.int8 && !c {
        return Err(Usage::new("--int8 is for --format c alone; ONNX has --quantize int8").into());
    }
    let in_integers = args.int8 || args.quantize.is_some();
    let opened = Opened::at(&args.network, &Device::Cpu)?;
    let network = &opened.network;
    let source = Source::of(network);
    let format: Box<dyn Format> = match args.format {
        ExportFormat::Onnx => Box::new(Onnx {
            keep_batch_norm: args.keep_batch_norm,
        }),
        ExportFormat::Pytorch => Box::new(PyTorch),
        ExportFormat::Rust => Box::new(RustCrate::default()),
        ExportFormat::C => Box::new(C::default()),
    };
    let folder = folder(args, &opened.file, format.name());
    let mut files = format.files(&source)?;
    let data = compared.then(|| opened.dataset(&args.measured));
    let data = match data.transpose() {
        Ok(data) => data,
        Err(error) if !in_integers && args.measured.data.is_none() => {
            note(&format!(
                "note: {error}; the networks are compared on random images instead"
            ));
            None
        }
        Err(error) => return Err(error),
    };
    let shape = network.network.image;
    let check = match args.format {
        ExportFormat::Onnx => Some(checked(data.as_ref(), shape, |images| {
            Ok(onnx_run(&files)?.compare(&source, images)?)
        })?),
        ExportFormat::C => Some(checked(data.as_ref(), shape, |images| {
            Ok(CNetwork::new(&source)?.compare(&source, images)?)
        })?),
        ExportFormat::Pytorch | ExportFormat::Rust => None,
    };
    let int8 = match (args.quantize, &data) {
        (Some(Integers::Int8), Some(data)) => {
            let (file, quantized) = quantized(&source, &files, data)?;
            files.push(file);
            Some(quantized)
        }
        (None, Some(data)) if args.int8 => {
            let integers = CNetwork::quantized(&source, &some(&data.train, CALIBRATED))?;
            files = C::default().files_of(&source, &integers)?;
            Some(Quantized {
                test_images: data.test.len(),
                test_accuracy: accuracy(&data.test, |images| Ok(source.classes_of(images)?))?,
                test_accuracy_int8: accuracy(&data.test, |images| {
                    Ok(images.iter().map(|image| integers.class(image)).collect())
                })?,
            })
        }
        _ => None,
    };
    write(&folder, &files)?;
    let exported = Exported {
        network: opened.file.display().to_string(),
        format: format.name(),
        folder: folder.display().to_string(),
        files: files
            .iter()
            .map(|file| Written {
                name: file.name.clone(),
                bytes: file.content.len(),
            })
            .collect(),
        check,
        int8,
    };
    output.result(&exported, || text(&exported))
}

/// Where the files go.
fn folder(args: &ExportArgs, network: &Path, format: &str) -> PathBuf {
    match &args.out {
        Some(folder) => folder.clone(),
        None => network.with_file_name("export").join(format),
    }
}

/// At most this many images, evenly from all of them.
fn some(images: &Images, most: usize) -> Vec<Vec<u8>> {
    let step = images.len().div_ceil(most).max(1);
    let places = (0..images.len()).step_by(step);
    places
        .filter_map(|place| images.image(place).map(<[u8]>::to_vec))
        .collect()
}

/// Images of nothing: the same ones each time.
fn noise(shape: Shape) -> Vec<Vec<u8>> {
    let mut state = 1_u32;
    let mut pixel = || {
        // Numerical Recipes' generator: any will do.
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..COMPARED)
        .map(|_| (0..shape.numel()).map(|_| pixel()).collect())
        .collect()
}

/// The exported network, which is the first file, in another runtime.
fn onnx_run(files: &[File]) -> Result<OnnxRun> {
    let file = files.first().context("nothing was exported")?;
    Ok(OnnxRun::new(&file.content)?)
}

/// Has the exported network compared on images; refuses what differs by more than rounding.
fn checked(
    data: Option<&Dataset>,
    shape: Shape,
    compare: impl FnOnce(&[Vec<u8>]) -> Result<Difference>,
) -> Result<Check> {
    let (images, of) = match data {
        Some(data) => (some(&data.train, COMPARED), "training images"),
        None => (noise(shape), "random images"),
    };
    let Difference {
        images,
        largest,
        same_class,
    } = compare(&images)?;
    if largest > ROUNDING {
        bail!(
            "the exported network differs from the trained one by {largest:.1e} of a class score, more than rounding explains; nothing is written"
        );
    }
    Ok(Check {
        images,
        of,
        largest_difference: largest,
        same_class,
    })
}

/// The network in integers, and the accuracy before and after.
fn quantized(source: &Source<'_>, files: &[File], data: &Dataset) -> Result<(File, Quantized)> {
    let content = Onnx::default().quantized(source, &some(&data.train, CALIBRATED))?;
    let exact = onnx_run(files)?;
    let integers = OnnxRun::new(&content)?;
    let shape = data.test.shape();
    let shape = [shape.channels, shape.height, shape.width];
    let file = File {
        name: "network-int8.onnx".to_owned(),
        content,
    };
    Ok((
        file,
        Quantized {
            test_images: data.test.len(),
            test_accuracy: accuracy(&data.test, |images| Ok(exact.classes(images, shape)?))?,
            test_accuracy_int8: accuracy(&data.test, |images| Ok(integers.classes(images, shape)?))?,
        },
    ))
}

/// The share of images that are given their class.
fn accuracy(images: &Images, classes: impl Fn(&[Vec<u8>]) -> Result<Vec<usize>> + Sync) -> Result<f64> {
    let places: Vec<usize> = (0..images.len()).collect();
    let hits = places.par_chunks(TESTED).map(|places| {
        let batch: Vec<Vec<u8>> = places
            .iter()
            .filter_map(|&place| images.image(place).map(<[u8]>::to_vec))
            .collect();
        let classes = classes(&batch)?;
        let labels = places.iter().map(|&place| images.labels()[place] as usize);
        Ok(classes
            .into_iter()
            .zip(labels)
            .filter(|(given, label)| given == label)
            .count())
    });
    let hits: usize = hits.collect::<Result<Vec<usize>>>()?.into_iter().sum();
    Ok(hits as f64 / images.len() as f64)
}

/// Writes all files, and none over another.
fn write(folder: &Path, files: &[File]) -> Result<()> {
    for file in files {
        let path = folder.join(&file.name);
        if fs::symlink_metadata(&path).is_ok_and(|_| fs::read(&path).ok().as_ref() != Some(&file.content)) {
            bail!(
                "{} exists and is another file; remove it, or name another folder with --out",
                path.display()
            );
        }
    }
    for file in files {
        let path = folder.join(&file.name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).with_context(|| format!("cannot create {}", parent.display()))?;
        }
        nas_files::replace(&path, &file.content)
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

fn text(exported: &Exported) -> String {
    let mut lines = vec![format!("{}:", exported.folder)];
    for file in &exported.files {
        lines.push(format!("  {:<20} {:>12} bytes", file.name, file.bytes));
    }
    if let Some(check) = &exported.check {
        let how = match exported.format {
            "onnx" => "compared in another runtime",
            _ => "its loops and its memory compared",
        };
        lines.push(format!(
            "{how} on {} {}: the same class for {}, class scores within {:.1e}",
            check.images, check.of, check.same_class, check.largest_difference
        ));
    }
    if let Some(int8) = &exported.int8 {
        lines.push(format!(
            "in 8-bit integers: test accuracy {}, as trained {} ({})",
            percent(int8.test_accuracy_int8),
            percent(int8.test_accuracy),
            counted(int8.test_images, "image")
        ));
    }
    let folder = &exported.folder;
    lines.push(match exported.format {
        "rust" => format!(
            "use: cargo run --release --manifest-path {folder}/Cargo.toml --example classify -- IMAGE.ppm"
        ),
        "c" => format!(
            "use: make -C {folder}, then {folder}/network < the bytes of an image ({folder}/README.md)"
        ),
        _ => format!("use: python {folder}/predict.py IMAGE"),
    });
    lines.join("\n")
}
