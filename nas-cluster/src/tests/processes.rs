//! Studies and workers as processes: this test program, started again.
//!
//! Their evaluator takes the time it is told to, and its accuracy is a function of the trial.

use std::env;
use std::fs;
use std::io::Write as _;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;

use nas_evo::{EvolutionConfig, RegularizedEvolution};
use nas_space::search::{Budget, Evaluation, Evaluator, Failure, FailureKind, Stop, Trial};
use nas_space::seed::Seed;
use nas_space::spaces::{self, Space};
use nas_study::{
    Observer, Parts, PreparedStudy, RunOptions, Silent, Store, StudyConfig, TellOrder, TrialRecord,
};

use super::fast;
use crate::{Address, Agent, AgentConfig, AgentEvent, Coordinator, Enlisted, MakeEvaluator, Shared, Timing};

/// The number of every study of these tests: one to each server.
const STUDY: &str = "00000000-0000-4000-8000-000000000001";
const DESCRIPTION: &str = "a function of the trial";

/// A trial takes this long, and more if it is slow.
pub(super) struct Synthetic {
    pub(super) pause: Duration,
    pub(super) stop: Stop,
    /// Trials that end the process of their worker.
    pub(super) deadly: Option<u64>,
}

impl Evaluator for Synthetic {
    fn description(&self) -> String {
        DESCRIPTION.to_owned()
    }

    fn evaluate(&self, trial: &Trial) -> Result<Evaluation, Failure> {
        if self.deadly == Some(trial.id) {
            std::process::abort();
        }
        let mut left = self.pause;
        while !left.is_zero() {
            if self.stop.is_requested() {
                return Err(Failure::new(FailureKind::Interrupted, "stopped"));
            }
            let part = left.min((self.pause / 100).max(Duration::from_millis(5)));
            sleep(part);
            left -= part;
        }
        assert!(trial.id % 13 != 7, "trial {} panics", trial.id);
        if trial.id % 9 == 4 {
            return Err(Failure::new(FailureKind::NonFinite, "the loss is not a number"));
        }
        let draw = trial.seed.derive("accuracy", 0).value();
        let sum: usize = trial.architecture.choices().iter().sum();
        let accuracy = (sum as f64 / 100.0 + (draw >> 40) as f64 / (1_u64 << 26) as f64).min(1.0);
        Ok(Evaluation {
            cost_seconds: 1.0,
            ..Evaluation::new(accuracy, trial.fidelity.epochs)
        })
    }
}

/// What remains of a record when all that differs between machines is left out: trial, result.
pub(super) fn lasting(records: &[TrialRecord]) -> Vec<String> {
    records
        .iter()
        .map(|record| {
            let result = record
                .conclusion
                .as_ref()
                .map(|conclusion| match &conclusion.result {
                    Ok(evaluation) => format!("{:016x}", evaluation.valid_accuracy.to_bits()),
                    Err(failure) => format!("{failure}"),
                });
            format!("{:?} {result:?}", record.trial)
        })
        .collect()
}

/// Evolution, whose proposals depend on the outcomes.
pub(super) fn study(
    trials: u64,
    batch: u32,
    store: &mut Store,
    evaluator: &dyn Evaluator,
) -> Result<(), String> {
    study_in(TellOrder::Trial, (trials, batch), store, evaluator, &mut Silent)
}

/// The same in any order of telling.
pub(super) fn study_in(
    tell: TellOrder,
    (trials, batch): (u64, u32),
    store: &mut Store,
    evaluator: &dyn Evaluator,
    observer: &mut dyn Observer,
) -> Result<(), String> {
    let space = spaces::nb201();
    let seed = Seed::new(3);
    let config = EvolutionConfig {
        population: 8,
        tournament: nas_evo::Tournament::Members(3),
        ..EvolutionConfig::default()
    };
    let shared: Arc<dyn Space> = Arc::new(space);
    let mut strategy =
        RegularizedEvolution::new(Arc::clone(&shared), config, seed.derive("strategy", 0)).unwrap();
    let config = StudyConfig {
        batch,
        tell,
        budget: Budget::trials(trials),
        ..StudyConfig::new(
            nas_space::Strategy::name(&strategy),
            shared.name(),
            evaluator.description(),
            seed,
        )
    };
    let parts = Parts {
        space: shared.as_ref(),
        strategy: &mut strategy,
        evaluator,
    };
    let options = RunOptions {
        workers: NonZeroUsize::new(batch as usize).unwrap(),
        ..RunOptions::default()
    };
    let prepared = PreparedStudy::resume(store, config, parts).map_err(|error| error.to_string())?;
    prepared
        .run(&options, observer)
        .map(drop)
        .map_err(|error| error.to_string())
}

/// The same study in this process, without a database.
pub(super) fn undisturbed(trials: u64, batch: u32) -> Vec<String> {
    let mut store = Store::in_memory().unwrap();
    let evaluator = Synthetic {
        pause: Duration::ZERO,
        stop: Stop::new(),
        deadly: None,
    };
    study(trials, batch, &mut store, &evaluator).unwrap();
    lasting(&store.records().trials().unwrap())
}

/// A coordinator of the one study.
pub(super) fn coordinator(
    address: &Address,
    stop: &Stop,
    timing: Timing,
) -> Result<Coordinator, crate::ClusterError> {
    let enlisted = Enlisted {
        study: Shared {
            id: STUDY.to_owned(),
            name: "synthetic".to_owned(),
            config: "{}".to_owned(),
            description: DESCRIPTION.to_owned(),
        },
        space: Arc::new(spaces::nb201()),
        metric: nas_space::search::Metric::default(),
        stop: stop.clone(),
        owner: "test".to_owned(),
    };
    Coordinator::start(address, enlisted, timing)
}

/// A worker of any study.
pub(super) fn agent(slots: usize) -> AgentConfig {
    AgentConfig {
        host: "test".to_owned(),
        software: "test".to_owned(),
        slots: NonZeroUsize::new(slots).unwrap(),
        study: None,
        idle: None,
        timing: fast(),
    }
}

/// Serves as a worker until `stop`; what happens is written to `log` in lines.
pub(super) fn serve(address: &Address, slots: usize, pause: Duration, stop: &Stop, log: Option<&Path>) {
    serve_as(agent(slots), address, pause, stop, log);
}

/// The same as this worker.
pub(super) fn serve_as(
    config: AgentConfig,
    address: &Address,
    pause: Duration,
    stop: &Stop,
    log: Option<&Path>,
) {
    let note = |line: String| {
        if let Some(log) = log {
            let mut file = fs::OpenOptions::new()
                .create(true)
                .append(true)
                .open(log)
                .unwrap();
            writeln!(file, "{line}").unwrap();
        }
    };
    let observer = |event: &AgentEvent| note(format!("{event:?}"));
    let deadly = env::var("NAS_CLUSTER_DEADLY")
        .ok()
        .and_then(|text| text.parse().ok());
    let agent = Agent::register(address, config, stop, &observer).unwrap();
    let prepare = |_: &Shared| -> Result<MakeEvaluator<'_>, String> {
        Ok(Box::new(move |_, stop: &Stop| {
            Ok(Box::new(Synthetic {
                pause,
                stop: stop.clone(),
                deadly,
            }) as Box<dyn Evaluator>)
        }))
    };
    agent.serve(&prepare).unwrap();
}

/// A process of these tests, which is killed when it is dropped.
pub(super) struct Process(pub(super) Child);

impl Process {
    fn start(test: &str, variables: &[(&str, String)]) -> Self {
        let mut command = Command::new(env::current_exe().unwrap());
        command
            .args([
                &format!("tests::processes::{test}"),
                "--exact",
                "--nocapture",
                "--ignored",
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        for (name, value) in variables {
            command.env(name, value);
        }
        Self(command.spawn().unwrap())
    }

    /// A worker whose trials take this number of milliseconds.
    pub(super) fn worker(url: &str, pause: u64, slots: usize, log: &Path) -> Self {
        Self::deadly_worker(url, pause, slots, log, None)
    }

    /// The same, which is killed by one trial.
    pub(super) fn deadly_worker(
        url: &str,
        pause: u64,
        slots: usize,
        log: &Path,
        deadly: Option<u64>,
    ) -> Self {
        let mut variables = vec![
            ("NAS_CLUSTER_URL", url.to_owned()),
            ("NAS_CLUSTER_PAUSE", pause.to_string()),
            ("NAS_CLUSTER_SLOTS", slots.to_string()),
            ("NAS_CLUSTER_LOG", log.display().to_string()),
        ];
        variables.extend(deadly.map(|trial| ("NAS_CLUSTER_DEADLY", trial.to_string())));
        Self::start("a_worker", &variables)
    }

    /// A study whose records are in this file.
    pub(super) fn study(url: &str, trials: u64, batch: u32, database: &Path) -> Self {
        Self::study_in(TellOrder::Trial, url, (trials, batch), database)
    }

    /// The same in any order of telling.
    pub(super) fn study_in(tell: TellOrder, url: &str, (trials, batch): (u64, u32), database: &Path) -> Self {
        let completion = u8::from(tell == TellOrder::Completion);
        let variables = [
            ("NAS_CLUSTER_COMPLETION", completion.to_string()),
            ("NAS_CLUSTER_URL", url.to_owned()),
            ("NAS_CLUSTER_TRIALS", trials.to_string()),
            ("NAS_CLUSTER_BATCH", batch.to_string()),
            ("NAS_CLUSTER_DATABASE", database.display().to_string()),
        ];
        Self::start("a_study", &variables)
    }

    pub(super) fn signal(&self, signal: &str) {
        let id = self.0.id().to_string();
        assert!(
            Command::new("kill")
                .args([signal, &id])
                .status()
                .unwrap()
                .success()
        );
    }

    /// Waits for its end, up to this number of seconds.
    pub(super) fn ends(&mut self, seconds: u32) -> std::process::ExitStatus {
        for _ in 0..seconds * 50 {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status;
            }
            sleep(Duration::from_millis(20));
        }
        panic!("a process did not end within {seconds} s");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn variable(name: &str) -> Option<String> {
    env::var(name).ok()
}

/// What [`Process::worker`] starts.
#[test]
#[ignore = "a process of other tests"]
fn a_worker() {
    let Some(url) = variable("NAS_CLUSTER_URL") else {
        return;
    };
    let number = |name: &str| variable(name).unwrap().parse::<u64>().unwrap();
    let log = PathBuf::from(variable("NAS_CLUSTER_LOG").unwrap());
    let stop = Stop::new();
    // A file beside the log asks for an end, as a signal does in the program.
    let asked = log.with_extension("stop");
    let at_request = stop.clone();
    std::thread::spawn(move || {
        while !asked.exists() {
            sleep(Duration::from_millis(10));
        }
        at_request.request();
    });
    serve(
        &Address::parse(&url).unwrap(),
        number("NAS_CLUSTER_SLOTS") as usize,
        Duration::from_millis(number("NAS_CLUSTER_PAUSE")),
        &stop,
        Some(&log),
    );
}

/// What [`Process::study`] starts.
#[test]
#[ignore = "a process of other tests"]
fn a_study() {
    let Some(url) = variable("NAS_CLUSTER_URL") else {
        return;
    };
    let database = PathBuf::from(variable("NAS_CLUSTER_DATABASE").unwrap());
    let number = |name: &str| variable(name).unwrap().parse::<u64>().unwrap();
    let mut store = match database.exists() {
        true => Store::open(&database).unwrap(),
        false => Store::create(&database).unwrap(),
    };
    let stop = Stop::new();
    let coordinator = coordinator(&Address::parse(&url).unwrap(), &stop, fast()).unwrap();
    let tell = match number("NAS_CLUSTER_COMPLETION") {
        0 => TellOrder::Trial,
        _ => TellOrder::Completion,
    };
    let size = (number("NAS_CLUSTER_TRIALS"), number("NAS_CLUSTER_BATCH") as u32);
    let result = study_in(tell, size, &mut store, &coordinator, &mut Silent);
    if let Err(error) = result {
        fs::write(database.with_extension("error"), error).unwrap();
        std::process::exit(1);
    }
    coordinator.finish().unwrap();
}
