//! `nas predict`: what a trained network says of images.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context as _, Result, bail};
use nas_data::decode::DecodeError;
use nas_data::files_below;
use nas_eval::clock::Stopwatch;
use nas_eval::{Predictor, Probabilities, TrainedNetwork};
use nas_report::number::{counted, percent};
use nas_runner::{NETWORK_FILE, Typed, Usage, device};
use nas_space::op::Operations;
use rayon::prelude::*;
use serde::Serialize;

use super::network::network_of;
use crate::args::PredictArgs;
use crate::output::{Output, note, write_stdout};
use crate::progress::{Screen, image_bar};

/// The most bytes that the file of an image may have.
const LARGEST_FILE: u64 = 512 << 20;
/// Files that are in memory at a time.
const AT_A_TIME: usize = 256;
/// Numbers of images at a time that `--bench` measures.
const BATCHES: [usize; 3] = [1, 8, 64];
/// Seconds that each of them is measured for, at least.
const SECONDS: f64 = 1.0;
/// What an image from standard input is called.
const STDIN: &str = "-";

/// The JSON of `nas predict`.
#[derive(Debug, Serialize)]
struct Predicted {
    network: String,
    classes: Vec<String>,
    images: Vec<Named>,
    /// Files that cannot be read, and why.
    failed: Vec<Failed>,
    /// Files in folders that are no images.
    left_out: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    bench: Vec<Speed>,
}

/// What an image is taken for.
#[derive(Debug, Serialize)]
struct Named {
    file: String,
    /// The most probable classes, the most probable one first.
    top: Vec<Class>,
}

#[derive(Debug, Serialize)]
struct Class {
    class: String,
    probability: f64,
}

#[derive(Debug, Serialize)]
struct Failed {
    file: String,
    reason: String,
}

/// How fast the network is on this machine, decoding not counted.
#[derive(Debug, Serialize)]
struct Speed {
    batch: usize,
    images_per_second: f64,
    /// Of a batch.
    milliseconds: f64,
}

/// A file to look at, and whether it was found in a folder.
struct Found {
    path: PathBuf,
    in_folder: bool,
}

/// Looks at all files and prints what they are taken for.
pub(crate) fn run(args: &PredictArgs, output: Output) -> Result<()> {
    if args.csv && output == Output::Json {
        return Err(Usage::new("--csv and --json cannot be used together").into());
    }
    device::check(&args.device).typed("--device")?;
    let (file, paths) = network_and_images(&args.paths)?;
    if paths.is_empty() {
        let why = "there is no image to classify; expected image files, folders of them, or - for an image on standard input";
        return Err(Usage::new(why).into());
    }
    let network = TrainedNetwork::load(&file, &Operations::standard(), &device::parse(&args.device)?)?;
    let predictor = Predictor::new(network)
        .with_context(|| format!("{} cannot classify image files", file.display()))?
        .with_batch(args.batch);
    let files = files(&paths)?;
    let mut predicted = look(&predictor, &file, &files, args.top)?;
    if args.bench {
        predicted.bench = bench(predictor)?;
    }
    if args.csv {
        write_stdout(&csv(&predicted, args.top))?;
    } else if output == Output::Json || predicted.failed.len() < files.len() {
        output.result(&predicted, || text(&predicted))?;
    }
    match predicted.failed.len() {
        0 => Ok(()),
        failed => {
            for failed in &predicted.failed {
                note(&format!("{}: {}", failed.file, failed.reason));
            }
            bail!(
                "{} of {} cannot be read; the others are classified",
                failed,
                counted(failed + predicted.images.len(), "image")
            )
        }
    }
}

/// The network that is meant, and the images: the first path is the network where it is a run
/// directory or a file of a network, else it is that of the newest run.
fn network_and_images(paths: &[PathBuf]) -> Result<(PathBuf, Vec<PathBuf>)> {
    let Some((first, rest)) = paths.split_first() else {
        return Ok((newest()?, Vec::new()));
    };
    if first.join("config.toml").is_file() {
        return Ok((network_of(first)?, rest.to_vec()));
    }
    if first
        .extension()
        .is_some_and(|extension| extension == "safetensors")
    {
        return Ok((first.clone(), rest.to_vec()));
    }
    Ok((newest()?, paths.to_vec()))
}

/// The network that was trained last in `runs/`.
fn newest() -> Result<PathBuf> {
    let mut found: Vec<(SystemTime, PathBuf)> = Vec::new();
    for run in fs::read_dir("runs").into_iter().flatten().flatten() {
        let file = run.path().join(NETWORK_FILE);
        if let Ok(modified) = fs::metadata(&file).and_then(|metadata| metadata.modified()) {
            found.push((modified, file));
        }
    }
    let Some((_, file)) = found.into_iter().max() else {
        let why = "there is no network in runs/; expected a run directory, or a file of `nas train --out`, before the images";
        return Err(Usage::new(why).into());
    };
    note(&format!("network: {}", file.display()));
    Ok(file)
}

/// The files that are meant, folders opened.
fn files(paths: &[PathBuf]) -> Result<Vec<Found>> {
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            let below = files_below(path)?;
            files.extend(below.into_iter().map(|path| Found {
                path,
                in_folder: true,
            }));
        } else {
            files.push(Found {
                path: path.clone(),
                in_folder: false,
            });
        }
    }
    Ok(files)
}

fn look(predictor: &Predictor, network: &Path, files: &[Found], top: usize) -> Result<Predicted> {
    let classes = &predictor.network().classes;
    let mut predicted = Predicted {
        network: network.display().to_string(),
        classes: classes.clone(),
        images: Vec::new(),
        failed: Vec::new(),
        left_out: Vec::new(),
        bench: Vec::new(),
    };
    let bar = image_bar(&Screen::default(), files.len());
    for some in files.chunks(AT_A_TIME) {
        let read: Vec<_> = some
            .par_iter()
            .map(|found| pixels(predictor, &found.path))
            .collect();
        let (mut names, mut images) = (Vec::new(), Vec::new());
        for (found, read) in some.iter().zip(read) {
            let file = found.path.display().to_string();
            match read {
                Ok(Ok(image)) => {
                    names.push(file);
                    images.push(image);
                }
                Ok(Err(DecodeError::NotAnImage { .. })) if found.in_folder => predicted.left_out.push(file),
                Ok(Err(error)) => predicted.failed.push(Failed {
                    file,
                    reason: error.to_string(),
                }),
                Err(error) => predicted.failed.push(Failed {
                    file,
                    reason: error.to_string(),
                }),
            }
        }
        let probabilities = predictor.predict(&images)?;
        let of = |(file, probabilities): (String, Probabilities)| Named {
            file,
            top: probabilities
                .top(top)
                .into_iter()
                .map(|(class, probability)| Class {
                    class: classes[class].clone(),
                    probability,
                })
                .collect(),
        };
        predicted
            .images
            .extend(names.into_iter().zip(probabilities).map(of));
        bar.inc(some.len() as u64);
    }
    bar.finish_and_clear();
    Ok(predicted)
}

/// The pixels of a file as the network sees them.
fn pixels(predictor: &Predictor, path: &Path) -> io::Result<Result<Vec<u8>, DecodeError>> {
    let bytes = if path == Path::new(STDIN) {
        let mut bytes = Vec::new();
        // What is cut off here is no whole image.
        io::stdin().lock().take(LARGEST_FILE).read_to_end(&mut bytes)?;
        bytes
    } else {
        nas_files::read_bytes(path, LARGEST_FILE)?
    };
    Ok(predictor.prepare(&bytes))
}

/// How fast the network is with these numbers of images at a time.
fn bench(predictor: Predictor) -> Result<Vec<Speed>> {
    let image = vec![127; predictor.network().network.image.numel()];
    let mut predictor = predictor;
    let mut speeds = Vec::new();
    for batch in BATCHES {
        let images = vec![image.clone(); batch];
        predictor = predictor.with_batch(batch);
        // What is made once is not counted.
        predictor.predict(&images)?;
        let (watch, mut times) = (Stopwatch::start(), 0_u32);
        while times < 3 || watch.seconds() < SECONDS {
            predictor.predict(&images)?;
            times += 1;
        }
        let seconds = watch.seconds() / f64::from(times);
        speeds.push(Speed {
            batch,
            images_per_second: batch as f64 / seconds,
            milliseconds: 1e3 * seconds,
        });
    }
    Ok(speeds)
}

fn text(predicted: &Predicted) -> String {
    let width = predicted
        .images
        .iter()
        .map(|image| image.file.chars().count())
        .max();
    let width = width.unwrap_or_default();
    let mut lines: Vec<String> = predicted
        .images
        .iter()
        .map(|image| {
            let top: Vec<String> = image
                .top
                .iter()
                .map(|class| format!("{} {}", class.class, percent(class.probability)))
                .collect();
            format!("{:<width$}  {}", image.file, top.join(", "))
        })
        .collect();
    if !predicted.left_out.is_empty() {
        lines.push(format!(
            "left out: {} that no image reader knows, such as {}",
            counted(predicted.left_out.len(), "file"),
            predicted.left_out[0]
        ));
    }
    lines.extend(predicted.bench.iter().map(|speed| {
        format!(
            "batch of {:<3}  {:>8.1} images a second, {:.2} ms a batch",
            speed.batch, speed.images_per_second, speed.milliseconds
        )
    }));
    lines.join("\n")
}

/// A row for each image: the file, then class and probability of each of the most probable classes.
fn csv(predicted: &Predicted, top: usize) -> String {
    let field = |text: &str| match text.contains(['"', ',', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    };
    let columns = top.min(predicted.classes.len());
    let header = (1..=columns).map(|place| format!(",class_{place},probability_{place}"));
    let mut lines = vec![format!("file{}", header.collect::<String>())];
    lines.extend(predicted.images.iter().map(|image| {
        let classes = image
            .top
            .iter()
            .map(|class| format!(",{},{}", field(&class.class), class.probability));
        format!("{}{}", field(&image.file), classes.collect::<String>())
    }));
    lines.join("\n")
}
