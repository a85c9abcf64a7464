//! `nas table build`: every architecture of a small space, trained.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Result;
use nas_eval::table_build::{Journal, Recipe, TableBuild};
use nas_report::number::{counted, grouped};
use nas_runner::data::{self, Looked};
use nas_runner::plan::{self, DATA};
use nas_runner::{Typed, Usage, data_dir, size};
use nas_space::arch::Architecture;

use super::{info, trainings};
use crate::args::BuildArgs;
use crate::output::{Output, note};
use crate::progress::BuildBar;
use crate::progress::only_notes;
use crate::signals;

/// Epochs that are recorded where nothing is said.
const FIDELITIES: [u32; 3] = [1, 3, 9];

/// Trains what is not trained yet and writes the table.
pub(crate) fn run(args: &BuildArgs, output: Output) -> Result<()> {
    let fidelities = fidelities(args)?;
    let build = prepare(args, &fidelities)?;
    let path = args.journal.clone().unwrap_or_else(|| journal_beside(&args.out));
    let mut journal = Journal::open(&path, build.recipe())?;
    if output == Output::Text {
        note(&format!(
            "{} architectures, {} different networks, {} trainings, {} of them done; recorded in {} (continue after an \
             interruption with the same command)",
            grouped(build.architectures() as u64),
            grouped(build.forms() as u64),
            grouped(build.needed() as u64),
            grouped(build.done(&journal) as u64),
            path.display()
        ));
    }
    let mut bar = BuildBar::new(build.needed(), build.done(&journal));
    let stop = signals::stop()?;
    signals::set_resume_hint("the same command".to_owned());
    let threads = NonZeroUsize::new(rayon::current_num_threads()).unwrap_or(NonZeroUsize::MIN);
    let show = |progress| bar.show(&progress);
    match args.workers.map(|workers| NonZeroUsize::new(workers.into())) {
        Some(None) if args.bounds.trial_timeout.is_some() || args.bounds.trial_memory.is_some() => {
            let why = "--workers 0: a training's time and memory are bounded, which takes worker processes; expected at least 1";
            return Err(Usage::new(why).into());
        }
        Some(None) => build.run(&mut journal, threads, &stop, show)?,
        workers => {
            let workers = workers.flatten().unwrap_or(threads);
            let data_dir = data_dir::choose(args.data.data_dir.as_deref(), None)?;
            let origin = (data_dir, args.seeds);
            let processes = trainings::start(&build, origin, workers, &args.bounds, &stop)?;
            let epochs = build.recipe().train.epochs;
            let train = |architecture: &Architecture, repeat| {
                trainings::train(&processes, architecture, repeat, epochs)
            };
            build.run_by(&mut journal, workers, &stop, train, show)?;
        }
    }
    bar.finish();
    let name = match &args.name {
        Some(name) => name.clone(),
        None => args
            .out
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned(),
    };
    let table = build.table(&journal, &name, &origin(args, &build), &fidelities)?;
    table.save(&args.out)?;
    info::describe(&Arc::new(table), &args.out.display().to_string(), output)
}

/// How the table was made, in words.
fn origin(args: &BuildArgs, build: &TableBuild) -> String {
    let recipe = build.recipe();
    let limit = recipe
        .limit
        .map_or(String::new(), |limit| format!(" ({limit} training images)"));
    format!(
        "trained by nas {}: space {}, data {}{limit}, {}, {}, {} each, {} % of the training \
         images for validation; seconds are those of one thread",
        env!("CARGO_PKG_VERSION"),
        build.space().name(),
        recipe.data,
        size::in_words(&recipe.network),
        counted(recipe.train.epochs as usize, "epoch"),
        counted(args.seeds as usize, "training"),
        100.0 * recipe.valid_fraction,
    )
}

/// The epochs to record.
fn fidelities(args: &BuildArgs) -> Result<Vec<u32>> {
    let fidelities = if args.epochs.is_empty() {
        FIDELITIES.to_vec()
    } else {
        args.epochs.clone()
    };
    if fidelities.windows(2).any(|pair| pair[0] >= pair[1]) {
        let why = format!("--epochs: {fidelities:?} do not increase; expected such as 1,3,9");
        return Err(Usage::new(why).into());
    }
    Ok(fidelities)
}

/// What was meant by the arguments.
fn prepare(args: &BuildArgs, fidelities: &[u32]) -> Result<TableBuild> {
    let space = plan::space(&args.space)?;
    let data = args.data.data.as_deref().unwrap_or(DATA);
    if !data::is_named(data) {
        let why = format!("--data {data}: a table needs a data set with a name; `nas list data` shows them");
        return Err(Usage::new(why).into());
    }
    let looked = Looked::at(data, None, (&args.data.read, args.data.flip), &only_notes).typed("--data")?;
    let data_dir = data_dir::choose(args.data.data_dir.as_deref(), None)?;
    let dataset = trainings::images(data, data_dir.as_deref(), args.data.limit)?;
    let defaults = plan::training_defaults(&looked, &space).evaluator;
    let mut network = defaults.network;
    args.size.overlay(&mut network);
    let mut train = defaults.train;
    train.epochs = fidelities.last().copied().unwrap_or(train.epochs);
    train.batch_size = args.batch_size.unwrap_or(train.batch_size);
    train.learning_rate = args.learning_rate.unwrap_or(train.learning_rate);
    let recipe = Recipe {
        space,
        data: data.to_owned(),
        limit: args.data.limit,
        images: dataset.train.fingerprint(),
        network,
        train,
        valid_fraction: args.valid_fraction,
    };
    TableBuild::new(recipe, dataset, args.seeds).typed("table build")
}

/// `FILE.journal`.
fn journal_beside(out: &Path) -> PathBuf {
    let mut name = out.file_name().unwrap_or_default().to_owned();
    name.push(".journal");
    out.with_file_name(name)
}
