//! `nas test`: a saved network on the test split.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use nas_eval::data::Dataset;
use nas_eval::trained::TrainedNetwork;
use nas_report::number;
use nas_runner::data::{self, Looked, OwnPlan, Source};
use nas_runner::plan::RunConfig;
use nas_runner::{NETWORK_FILE, Typed, data_dir, device};
use nas_space::op::Operations;
use nas_study::RunDir;
use serde::Serialize;

use super::train::ByClass;
use crate::args::TestArgs;
use crate::output::Output;
use crate::progress::only_notes;

/// The JSON of `nas test`.
#[derive(Debug, Serialize)]
struct Tested {
    arch: String,
    data: String,
    params: u64,
    images: Option<usize>,
    test_accuracy: f64,
    test_balanced_accuracy: Option<f64>,
    test_macro_f1: Option<f64>,
    test_loss: Option<f64>,
    /// The test images by their class.
    by_class: Vec<ByClass>,
}

fn load(data: &str, data_dir: Option<&Path>, own: Option<&OwnPlan>) -> Result<Dataset> {
    data::load(Source { data, data_dir, own }, &only_notes)
}

/// The file of the network that a run has trained in full.
pub(super) fn network_of(run: &Path) -> Result<PathBuf> {
    let file = run.join(NETWORK_FILE);
    if !file.is_file() {
        let run = run.display();
        bail!(
            "{run} holds no network trained in full; `nas resume {run}` ends a search that trains with one"
        );
    }
    Ok(file)
}

/// Loads the network and its data set and measures.
pub(crate) fn run(args: &TestArgs, output: Output) -> Result<()> {
    device::check(&args.device).typed("--device")?;
    let device = device::parse(&args.device)?;
    let mut file = args.file.clone();
    let mut recorded = None;
    let mut own = None;
    if args.file.is_dir() {
        let run = RunDir::open(&args.file)?;
        let config: RunConfig = run.read_config()?;
        if let Some(images) = config.images() {
            recorded = images.data_dir.map(Path::to_owned);
            own = images.own.map(|own| (images.data.to_owned(), own.clone()));
        }
        file = network_of(&args.file)?;
    }
    let network = TrainedNetwork::load(&file, &Operations::standard(), &device)?;
    let data_dir = data_dir::choose(args.data_dir.as_deref(), recorded.as_deref())?;
    let dataset = match (&args.data, &own) {
        (Some(path), recorded) => {
            let recorded = recorded.as_ref().map(|(_, own)| own);
            let looked = Looked::at(path, recorded, (&args.read, false), &only_notes).typed("--data")?;
            load(&looked.data, data_dir.as_deref(), looked.own.as_ref())?
        }
        (None, Some((path, own))) => load(path, None, Some(own))?,
        (None, None) if data::is_named(&network.dataset) => {
            load(&network.dataset, data_dir.as_deref(), None)?
        }
        (None, None) => bail!(
            "{} was trained on images of somebody's own, {}; say where they are with --data PATH",
            file.display(),
            network.dataset
        ),
    };
    let report = network.test(&dataset)?;
    let tested = Tested {
        arch: network.genotype.to_string(),
        data: dataset.title.clone(),
        params: network.model.parameters().count(),
        images: report.images,
        test_accuracy: report.test_accuracy,
        test_balanced_accuracy: report.balanced_accuracy,
        test_macro_f1: report.macro_f1,
        test_loss: report.test_loss,
        by_class: ByClass::of(&report, &dataset.classes),
    };
    output.result(&tested, || {
        let figures = [
            ("balanced accuracy", tested.test_balanced_accuracy),
            ("macro F1", tested.test_macro_f1),
        ];
        let beside: String = figures
            .into_iter()
            .filter_map(|(name, value)| Some(format!("\n{name}: {}", number::percent(value?))))
            .collect();
        format!(
            "{}\ntest accuracy on {}: {} of {} images{beside}",
            tested.arch,
            tested.data,
            number::percent(tested.test_accuracy),
            tested.images.unwrap_or_default()
        )
    })
}
