//! `nas train`: one network in full.

mod profile;

use std::cell::RefCell;
use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use nas_eval::Compute;
use nas_eval::evaluator::JudgedBy;
use nas_eval::final_training::{FinalTraining, Validation};
use nas_eval::memory::{self, MemoryEstimate};
use nas_eval::train::{EpochMetrics, TrainConfig};
use nas_report::number::{self, counted};
use nas_runner::args::MetricChoice;
use nas_runner::data::{self, Looked, Source};
use nas_runner::plan::{self, RunConfig};
use nas_runner::size::{self, Size, Skeleton};
use nas_runner::{Typed, data_dir, device};
use nas_space::network::NetworkConfig;
use nas_space::op::Operations;
use nas_space::search::Metric;
use nas_space::seed::Seed;
use serde::Serialize;

use super::test::TestFigures;
use crate::architecture::{self, Found};
use crate::args::TrainArgs;
use crate::output::{Output, note};
use crate::progress::{Bars, EpochBar, Screen, only_notes};
use crate::signals;

/// The JSON of `nas train`.
#[derive(Debug, Serialize)]
struct Trained {
    arch: String,
    /// The search that found it, where a run directory was named.
    #[serde(skip_serializing_if = "Option::is_none")]
    found: Option<Origin>,
    data: String,
    channels: usize,
    cells: usize,
    stem_halvings: usize,
    params: u64,
    macs: u64,
    epochs: u32,
    seed: u64,
    device: String,
    /// The most memory that this process has held, in bytes, on Linux.
    peak_memory_bytes: Option<u64>,
    /// What of it was to be expected, in bytes, on the CPU.
    memory_estimate_bytes: Option<u64>,
    /// Whether matrix products ran in TF32.
    tf32: bool,
    seconds: f64,
    valid_accuracy: Option<f64>,
    valid_balanced_accuracy: Option<f64>,
    valid_macro_f1: Option<f64>,
    #[serde(flatten)]
    test: TestFigures,
    /// What is told beside the accuracy, as `--metric` says.
    metric: Metric,
    /// Its figures on validation and test images, where it is no accuracy.
    #[serde(skip)]
    beside: [Option<f64>; 2],
    curve: Vec<EpochMetrics>,
    out: Option<PathBuf>,
}

#[derive(Debug, Serialize)]
struct Origin {
    run: String,
    method: &'static str,
}

/// Trains the network, tests it, saves it if asked to.
pub(crate) fn run(args: &TrainArgs, output: Output) -> Result<()> {
    let device = args.device.device.as_deref().unwrap_or("cpu");
    if args.profile {
        profile::check_device(device).typed("--profile")?;
    }
    device::check_one(device).typed("--device")?;
    let tf32 = args.device.tf32.unwrap_or(false);
    device::check_tf32(device, tf32).typed("--tf32")?;
    if let Some(out) = &args.out {
        check_writable(out)?;
    }
    let Found { genotype, search } = architecture::resolve(&args.arch)?;
    let of_run = search.as_ref().and_then(RunConfig::images);
    let data = args.data.data.as_deref();
    let data = data.or(of_run.map(|images| images.data)).unwrap_or(plan::DATA);
    let recorded = of_run.filter(|images| images.data == data);
    let bars = Bars::default();
    let looked = Looked::at(
        data,
        recorded.and_then(|images| images.own),
        (&args.data.read, args.data.flip),
        &bars,
    )
    .typed("--data")?;
    bars.finish();
    let data = looked.data.as_str();
    if args.data.data_dir.is_some() {
        data_dir::check_used(data)?;
    }
    let recorded = of_run.and_then(|images| images.data_dir);
    let data_dir = data_dir::choose(args.data.data_dir.as_deref(), recorded)?;
    let source = Source {
        data,
        data_dir: data_dir.as_deref(),
        own: looked.own.as_ref(),
    };
    let mut dataset = data::load(source, &only_notes)?;
    let seed = Seed::new(args.own.seed);
    if let Some(limit) = args.data.limit {
        dataset = dataset.with_training_images(limit, seed.derive("limit", 0))?;
    }
    let image = dataset.train.shape();
    let of_images = NetworkConfig::of_images(image, dataset.train.classes());
    let searched = search.as_ref().and_then(RunConfig::training);
    let sized = match searched.map(|plan| &plan.evaluator.network) {
        None => Size::small(Skeleton::of(&genotype), image.height * image.width).put_on(of_images),
        Some(searched) => NetworkConfig {
            channels: searched.channels,
            cells: searched.cells,
            stem_halvings: match searched.image == image {
                true => searched.stem_halvings,
                false => of_images.stem_halvings,
            },
            ..of_images
        },
    };
    let mut network = NetworkConfig {
        auxiliary: args.auxiliary,
        drop_path: args.own.drop_path > 0.0,
        ..sized
    };
    args.size.check(&genotype)?;
    args.size.overlay(&mut network);
    let mut train = TrainConfig::for_data(&looked.facts);
    train.epochs = args.own.epochs.unwrap_or(train.epochs);
    let judged_by = plan::judged_by(args.training.metric.unwrap_or(MetricChoice::Auto), &looked.facts);
    args.training.overlay(&mut train, &looked.facts, judged_by);
    train.drop_path = args.own.drop_path;
    train.augmentation.cutout = args.own.cutout.or(train.augmentation.cutout);
    let validation = match args.own.valid_fraction {
        0.0 => Validation::None,
        fraction => Validation::HoldOut {
            fraction,
            study: seed,
        },
    };
    let compute = Compute::on(device::open(device, tf32)?);
    if args.checkpoints.is_some() {
        signals::set_resume_hint("the same command".to_owned());
    }
    let memory_estimate_bytes = if compute.device.is_cpu() {
        let built = genotype.network(&Operations::standard(), &network)?;
        let threads = rayon::current_num_threads();
        let held_out = (args.own.valid_fraction * dataset.train.len() as f64) as usize;
        let evaluated = dataset.test.len().max(held_out);
        Some(MemoryEstimate::new(&built, &train, threads, dataset.bytes(), evaluated)?.total())
    } else {
        None
    };
    let training = FinalTraining {
        genotype: &genotype,
        operations: &Operations::standard(),
        dataset: &dataset,
        network,
        train: train.clone(),
        judged_by,
        validation,
        seed,
        compute: &compute,
        checkpoint: args.checkpoints.as_deref(),
        stop: signals::stop()?,
    };
    if args.profile {
        note(&profile::table(&training.profile(profile::PASSES)?));
    }
    let bar = RefCell::new(EpochBar::new(
        &Screen::default(),
        train.epochs,
        dataset.train.len(),
    ));
    let report = training.run(|metrics| bar.borrow_mut().show(metrics))?;
    bar.borrow().finish();
    let saved = args.out.as_ref().map(|out| {
        let saved = report.network.save(out);
        saved.context("the network was trained but cannot be saved")
    });
    let last = report.history.last();
    let trained = Trained {
        arch: genotype.to_string(),
        found: search.as_ref().map(|search| Origin {
            run: args.arch.clone(),
            method: search.method.method().name(),
        }),
        data: data.to_owned(),
        channels: network.channels,
        cells: network.cells,
        stem_halvings: network.stem_halvings,
        params: report.cost.params,
        macs: report.cost.macs,
        epochs: train.epochs,
        seed: args.own.seed,
        device: nas_eval::device_name(&compute.device),
        peak_memory_bytes: memory::peak(),
        memory_estimate_bytes,
        tf32,
        seconds: report.seconds,
        valid_accuracy: report.valid_accuracy,
        valid_balanced_accuracy: last.and_then(|last| last.valid_balanced_accuracy),
        valid_macro_f1: last.and_then(|last| last.valid_macro_f1),
        test: TestFigures::of(&report.test, &dataset.classes),
        metric: judged_by.metric(),
        beside: match judged_by {
            JudgedBy::Accuracy => [None, None],
            other => [
                last.and_then(|last| other.of_epoch(last)),
                other.of_test(&report.test),
            ],
        },
        curve: report.history,
        out: args.out.clone().filter(|_| matches!(saved, Some(Ok(())))),
    };
    // The result of the training is not lost where the disk is full.
    output.result(&trained, || {
        text(&trained, &size::of_architecture(&genotype, &network))
    })?;
    saved.unwrap_or(Ok(()))
}

/// Checks that a file can be put there: before the training, not after it.
fn check_writable(out: &Path) -> Result<()> {
    if out.is_dir() {
        bail!(
            "--out: {} is a directory; expected the name of a file",
            out.display()
        );
    }
    let Some(name) = out.file_name() else {
        bail!("--out: '{}' is not the name of a file", out.display());
    };
    let probe = out.with_file_name(format!(
        ".{}.{}.probe",
        name.to_string_lossy(),
        std::process::id()
    ));
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&probe)
        .and_then(|_| fs::remove_file(&probe))
        .with_context(|| format!("--out: nothing can be written beside {}", out.display()))
}

fn text(trained: &Trained, size: &str) -> String {
    let mut lines = Vec::new();
    if let Some(Origin { run, method }) = &trained.found {
        lines.push(format!("the best architecture of {run}, found by {method}"));
    }
    lines.push(format!("{size}, trained on {}", trained.data));
    lines.push(format!(
        "{} parameters, {:.2} M multiply-accumulates, {} in {:.1} s",
        number::grouped(trained.params),
        trained.macs as f64 / 1e6,
        counted(trained.epochs as usize, "epoch"),
        trained.seconds
    ));
    let [valid, test] = trained.beside;
    let (tested, interval) = trained.test.accuracy();
    for (images, accuracy, interval, other) in [
        ("validation", trained.valid_accuracy, None, valid),
        ("test", Some(tested), interval, test),
    ] {
        let Some(accuracy) = accuracy else { continue };
        let beside = other.map_or(String::new(), |other| {
            format!(", {} {}", trained.metric, number::percent(other))
        });
        let name = format!("{images} accuracy");
        let accuracy = number::percent_within(accuracy, interval);
        lines.push(format!("{name:<20} {accuracy}{beside}"));
    }
    if let Some(out) = &trained.out {
        lines.push(format!("saved to             {}", out.display()));
    }
    lines.join("\n")
}
