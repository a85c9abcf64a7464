//! Times one training step, as the PyTorch yardstick does, and prints the same JSON object.
//!
//! `step darts-search|darts-eval|nb201|OPERATION [--channels C] [--cells L] [--batch N] [--steps S] [--image PIXELS] [--threads T]
//! [--device cpu|cuda] [--tf32 on|off] [--order 1|2] [--profile] [--peak]`; for `cuda` it is built with the feature of that name.
//!
//! A step is: `darts-search` = the gradient of the mixture on a validation batch, of first order or (`--order 2`) through a step
//! of the weights, then that of the weights on a training batch, clipped, and an update by SGD; the others = forward,
//! backward, update. An operation is one of `nas_benches::OPERATIONS`, repeated `--cells` times behind a pointwise convolution.
//!
//! `--profile` makes the steps once more afterwards and prints to standard error what each kind of layer took. `--peak` measures the
//! fastest multiply-adds and copies of the same threads, and adds to the JSON how a step compares with them. Both are of the CPU, and
//! of the search step of first order.

mod profile;
mod second_order;

use std::sync::Arc;

use anyhow::{Context, Result, bail};
use candle_core::{Device, Tensor};
use nas_benches::{OPERATIONS, repeated};
use nas_eval::Compute;
use nas_eval::clock::Stopwatch;
use nas_eval::model::{Logits, Model, Pass};
use nas_eval::nn::{Optimizer, OptimizerConfig, SgdConfig};
use nas_eval::ops::cross_entropy;
use nas_eval::profile::Profile;
use nas_eval::supernet::{Mixture, Supernet, Wanted};
use nas_eval::{allow_tf32, device_name};
use nas_space::genotype::Genotype;
use nas_space::network::{Network, NetworkConfig};
use nas_space::op::Operations;
use nas_space::seed::Seed;
use nas_space::shape::Shape;
use nas_space::spaces::{MixedChannels, darts};
use ndarray::Array2;
use rand::RngExt;
use serde_json::json;

use self::second_order::{Examples, Problem, differentiate};

struct Work {
    name: String,
    channels: usize,
    cells: usize,
    batch: usize,
    image: usize,
    steps: usize,
    device: Device,
    /// Of the mixture's gradient.
    order: usize,
    profile: bool,
    peak: bool,
}

fn main() -> Result<()> {
    let start = Stopwatch::start();
    let mut words = std::env::args().skip(1);
    let name = words
        .next()
        .context("which work? darts-search, darts-eval or nb201")?;
    let (channels, cells, batch) = match &name[..] {
        "darts-search" => (16, 8, 64),
        "darts-eval" => (36, 20, 16),
        "nb201" => (16, 5, 64),
        operation if OPERATIONS.contains(&operation) => (16, 4, 64),
        other => bail!(
            "no work is called '{other}'; there are darts-search, darts-eval, nb201, {}",
            OPERATIONS.join(", ")
        ),
    };
    let mut work = Work {
        name,
        channels,
        cells,
        batch,
        image: 32,
        steps: 3,
        device: Device::Cpu,
        order: 1,
        profile: false,
        peak: false,
    };
    while let Some(flag) = words.next() {
        match &flag[..] {
            "--profile" => work.profile = true,
            "--peak" => work.peak = true,
            _ => {}
        }
        if matches!(&flag[..], "--profile" | "--peak") {
            continue;
        }
        let value = words.next().with_context(|| format!("{flag} needs a value"))?;
        if flag == "--tf32" {
            allow_tf32(value == "on");
            continue;
        }
        if flag == "--device" {
            work.device = match &value[..] {
                "cpu" => Device::Cpu,
                "cuda" => Device::new_cuda(0)?,
                other => bail!("no device is called '{other}'; there are cpu and cuda"),
            };
            continue;
        }
        let value: usize = value.parse().with_context(|| format!("{flag} {value}"))?;
        match &flag[..] {
            "--channels" => work.channels = value,
            "--cells" => work.cells = value,
            "--batch" => work.batch = value,
            "--image" => work.image = value,
            "--steps" => work.steps = value,
            "--order" if work.name == "darts-search" && (1..=2).contains(&value) => work.order = value,
            "--order" => bail!("--order is 1 or 2, of darts-search alone"),
            "--threads" => rayon::ThreadPoolBuilder::new()
                .num_threads(value)
                .build_global()?,
            other => bail!("unknown option {other}"),
        }
    }
    if (work.profile || work.peak) && !(work.device.is_cpu() && work.order == 1) {
        bail!("--profile and --peak are of steps of first order on the CPU");
    }
    let (params, mut step) = match &work.name[..] {
        "darts-search" => search_step(&work)?,
        "darts-eval" => training_step(&work, named(&work, "DARTS_V2")?)?,
        "nb201" => training_step(&work, named(&work, "NB201_ALL_3X3")?)?,
        operation => training_step(&work, repeated(operation, work.channels, work.image, work.cells)?)?,
    };
    let mut losses = vec![step(None)?];
    let first = start.seconds();
    let mut seconds = Vec::new();
    for _ in 0..work.steps {
        let watch = Stopwatch::start();
        losses.push(step(None)?);
        seconds.push(watch.seconds());
    }
    let mut sorted = seconds.clone();
    sorted.sort_by(f64::total_cmp);
    let median = sorted.get(sorted.len() / 2).copied();
    let mut report = json!({
        "work": work.name,
        "order": work.order,
        "device": device_name(&work.device),
        "threads": rayon::current_num_threads(),
        "params": params,
        "step_seconds_median": median,
        "step_seconds": seconds,
        "first_losses": losses,
        "start_to_first_step_seconds": first,
        "peak_bytes": peak_bytes(),
    });
    if work.profile || work.peak {
        let mut profile = Profile::default();
        let steps = work.steps.max(1);
        for _ in 0..steps {
            step(Some(&mut profile))?;
        }
        if work.profile {
            profile::print(&profile, steps)?;
        }
        if work.peak {
            profile::compare(&mut report, &profile, steps, median);
        }
    }
    #[expect(clippy::print_stdout, reason = "the report of a program")]
    {
        println!("{report}");
    }
    Ok(())
}

/// The most memory this process has had, where the system says.
fn peak_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()? * 1024)
}

fn config(work: &Work) -> NetworkConfig {
    NetworkConfig {
        image: Shape::new(3, work.image, work.image),
        channels: work.channels,
        cells: work.cells,
        ..NetworkConfig::default()
    }
}

/// A batch of random images and labels.
fn batch(work: &Work, seed: Seed) -> Result<Examples> {
    let mut rng = seed.rng();
    let pixels: Vec<f32> = (0..work.batch * 3 * work.image * work.image)
        .map(|_| rng.random_range(-1.7..1.7))
        .collect();
    let images = Tensor::from_vec(pixels, (work.batch, 3, work.image, work.image), &work.device)?;
    let labels: Vec<u32> = (0..work.batch).map(|_| rng.random_range(0..10)).collect();
    Ok((images, Tensor::from_vec(labels, work.batch, &work.device)?))
}

const TRAIN: Pass = Pass::Train {
    seed: Seed::new(0),
    drop_path: 0.0,
};

/// Learning rate of the weights.
const RATE: f64 = 0.025;

fn optimizer() -> Result<Box<dyn Optimizer>> {
    Ok(OptimizerConfig::Sgd(SgdConfig::default()).build()?)
}

fn named(work: &Work, arch: &str) -> Result<Network> {
    let genotype: Genotype = arch.parse()?;
    Ok(genotype.network(&Operations::standard(), &config(work))?)
}

/// The network's parameters, and what makes a step, which it may add to a profile.
type Steps = (u64, Box<dyn FnMut(Option<&mut Profile>) -> Result<f32>>);

fn training_step(work: &Work, network: Network) -> Result<Steps> {
    let params = network.cost().params;
    let model = Model::new(Arc::new(network), Seed::new(0), &Compute::on(work.device.clone()))?;
    let mut optimizer = optimizer()?;
    let (images, labels) = batch(work, Seed::new(1))?;
    let step = move |profile: Option<&mut Profile>| {
        let loss = |logits: &Logits| cross_entropy(&logits.main, &labels, 0.0);
        let (_, loss, mut gradients) = match profile {
            Some(profile) => model.profile(profile, &images, &TRAIN, loss)?,
            None => model.differentiate(&images, &TRAIN, loss)?,
        };
        gradients.clip_norm(5.0)?;
        optimizer.step(model.parameters(), &gradients, RATE)?;
        Ok(loss.to_scalar::<f32>()?)
    };
    Ok((params, Box::new(step)))
}

fn search_step(work: &Work) -> Result<Steps> {
    let cells = darts();
    let network = cells.supernet(&config(work), MixedChannels::All)?;
    let params = network.cost().params;
    let supernet = Supernet::new(Arc::new(network), Seed::new(0), &Compute::on(work.device.clone()))?;
    let tables: Vec<Array2<f64>> = cells
        .relaxed()?
        .iter()
        .map(|cell| Array2::from_elem((cell.edges.len(), 8), 0.125))
        .collect();
    let mut optimizer = optimizer()?;
    let (train, valid) = (batch(work, Seed::new(1))?, batch(work, Seed::new(2))?);
    let order = work.order;
    let step = move |mut profile: Option<&mut Profile>| {
        let mixture = Mixture::new(tables.clone());
        if order == 2 {
            let state = optimizer.state()?;
            let SgdConfig {
                momentum,
                weight_decay,
                ..
            } = SgdConfig::default();
            let sgd = [momentum, weight_decay];
            Problem::new(&supernet, &mixture, [&train, &valid], sgd, &state)?.gradient(RATE)?;
        } else {
            differentiate(
                &supernet,
                &mixture,
                &valid,
                Wanted::Mixture,
                profile.as_deref_mut(),
            )?;
        }
        let mut step = differentiate(&supernet, &mixture, &train, Wanted::Weights, profile)?;
        step.gradients.clip_norm(5.0)?;
        optimizer.step(supernet.parameters(), &step.gradients, RATE)?;
        Ok(step.loss.to_scalar::<f32>()?)
    };
    Ok((params, Box::new(step)))
}
