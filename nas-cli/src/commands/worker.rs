//! `nas worker`: evaluates the trials of searches on other machines.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nas_cluster::{Address, Agent, AgentConfig, AgentEvent, MakeEvaluator, Shared, Timing};
use nas_report::number::counted;
use nas_runner::plan::Estimation;
use nas_runner::{RunConfig, Session, Slot, Stopped, Typed, data, data_dir, device};
use nas_space::search::{Evaluator, Stop};
use serde::Serialize;

use crate::args::WorkerArgs;
use crate::elsewhere::host;
use crate::output::{Output, note};
use crate::signals;

/// The JSON of `nas worker`.
#[derive(Debug, Serialize)]
struct Done {
    stored: usize,
}

/// Claims trials and evaluates them until a signal comes or there is nothing left to do.
pub(crate) fn run(args: &WorkerArgs, output: Output) -> Result<()> {
    let address = Address::parse(&args.store).typed("--store")?;
    if let Some(devices) = &args.device {
        for name in device::listed(devices) {
            device::parse(name).typed("--device")?;
        }
    }
    let stop = signals::quiet_stop()?;
    let slots = NonZeroUsize::new(args.slots.into()).unwrap_or(NonZeroUsize::MIN);
    let config = AgentConfig {
        host: host(),
        software: format!("nas {}", env!("CARGO_PKG_VERSION")),
        slots,
        study: args.study.clone(),
        idle: args.idle.map(Duration::from_secs_f64),
        timing: Timing::with_lease(Duration::from_secs(args.lease as u64)),
    };
    let observer = |event: &AgentEvent| {
        if let Some(text) = in_words(event) {
            note(&text);
        }
    };
    let agent = Agent::register(&address, config, &stop, &observer)?;
    let prepare = |study: &Shared| -> Result<MakeEvaluator<'_>, String> {
        let prepared = Prepared::new(args, slots, study).map_err(|error| format!("{error:#}"))?;
        let prepared = Arc::new(prepared);
        Ok(Box::new(move |slot, stop| {
            prepared
                .evaluator(slot, stop)
                .map_err(|error| format!("{error:#}"))
        }))
    };
    let served = agent.serve(&prepare)?;
    if served.out_of_service {
        bail!("this worker cannot evaluate trials; it has given its trials back");
    }
    if stop.is_requested() {
        return Err(Stopped.into());
    }
    let stored = served.stored;
    output.result(&Done { stored }, || {
        format!("{} evaluated; nothing is left to do", counted(stored, "trial"))
    })
}

/// What happens, for people; a trial's beginning is not worth a line.
fn in_words(event: &AgentEvent) -> Option<String> {
    Some(match event {
        AgentEvent::Registered(id) => format!("this is worker {id}; waiting for trials"),
        AgentEvent::Serves(study) => format!("evaluating trials of study '{study}'"),
        AgentEvent::CannotServe(study, reason) => format!("cannot serve study '{study}': {reason}"),
        AgentEvent::Stored(trial) => format!("trial {trial}: stored"),
        AgentEvent::Lost(trial) => {
            format!("trial {trial}: has passed to another worker, its result is not used")
        }
        AgentEvent::GaveBack(trial, reason) => format!("trial {trial}: given back, {reason}"),
        AgentEvent::OutOfService(reason) => format!("out of service: {reason}"),
        AgentEvent::Away(reason) => format!("the database does not answer; trials go on ({reason})"),
        AgentEvent::Back => "the database answers again".to_owned(),
        _ => return None,
    })
}

/// A study whose trials can be evaluated here.
struct Prepared {
    session: Session,
    checkpoints: PathBuf,
    devices: Vec<String>,
    slots: NonZeroUsize,
}

impl Prepared {
    /// Reads the study's data, and checks that they are those of the study.
    fn new(args: &WorkerArgs, slots: NonZeroUsize, study: &Shared) -> Result<Self> {
        let config: RunConfig =
            serde_json::from_str(&study.config).context("its configuration cannot be read")?;
        let mut config = config.for_workers()?;
        if matches!(config.estimation, Estimation::Command(_)) {
            // The database may say anything: only what was typed here is run.
            let Some(command) = &args.evaluator else {
                bail!(
                    "its trials are evaluated by a program of your own; say how to start it here: --evaluator COMMAND"
                );
            };
            config.set_command(command);
        }
        if let Some(folder) = config.data_dir_mut() {
            *folder = data_dir::choose(args.data_dir.as_deref(), folder.as_deref())?;
        }
        if let Some(path) = &args.data
            && let Some(data) = config.own_data_mut()
        {
            *data = data::normalized(path).typed("--data")?;
        }
        let devices: Vec<String> = args
            .device
            .iter()
            .flat_map(|names| device::listed(names))
            .map(str::to_owned)
            .collect();
        if let (Estimation::Training(plan), Some(first)) = (&mut config.estimation, devices.first()) {
            plan.device.clone_from(first);
        }
        // A slot stops by itself; preparing takes a moment.
        let session = Session::prepare(config, &Stop::new())?;
        let checkpoints = args.checkpoints.join(&study.id);
        let prepared = Self {
            session,
            checkpoints,
            devices,
            slots,
        };
        // A program of the user's is started to be asked.
        let description = match prepared.session.config().estimation {
            Estimation::Command(_) => prepared.evaluator(0, &Stop::new())?.description(),
            _ => prepared.session.description()?,
        };
        if description != study.description {
            bail!(
                "what evaluates its trials is different here. Expected:\n    {}\nHere:\n    {description}\nIf the data differ, say \
                 where the right ones are: --data-dir or --data",
                study.description
            );
        }
        Ok(prepared)
    }

    fn evaluator(&self, slot: usize, stop: &Stop) -> Result<Box<dyn Evaluator>> {
        let (threads, slots) = (rayon::current_num_threads(), self.slots.get());
        let share = threads / slots + usize::from(slot < threads % slots);
        let device = slot
            .checked_rem(self.devices.len())
            .map(|place| self.devices[place].as_str());
        let processes = self.session.slot(Slot {
            checkpoints: &self.checkpoints,
            device,
            threads: NonZeroUsize::new(share).unwrap_or(NonZeroUsize::MIN),
            stop,
        })?;
        Ok(Box::new(processes))
    }
}
