//! Milliseconds of operations, measured once for each shape.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nas_space::network::Network;
use nas_space::seed::Seed;

use super::{WARM_UP, blank, median, on_a_thread, repeat};
use crate::clock::ThreadStopwatch;
use crate::compute::Compute;
use crate::engine::{Engine, Observer, Request};
use crate::error::EvalError;
use crate::model::{Model, folded_network};
use crate::pass::{Pass, Weights};

/// For how long the steps of a network are measured.
const SECONDS: f64 = 0.15;
/// The largest file that is read.
const MOST_BYTES: u64 = 1 << 24;
/// The first line of a file.
const HEADER: &str = "operation,milliseconds";
/// What a pass takes besides its operations.
const PASS: &str = "pass";

/// Latencies of operations on this machine, by operation and shape, for one image on one thread.
///
/// The latency of a network is the sum over its operations. Those that are not in the table are
/// measured when a network that has them is asked for: the network runs as it would in
/// [`Inference`](crate::Inference), with batch norms folded and weights drawn at random, and each of
/// its steps is timed. Medians of the passes count, scaled to add up to that of the network. What is in the table never changes, so one
/// table gives a network the same latency at any time. A table can be kept in files.
#[derive(Debug, Default)]
pub struct LatencyTable {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    known: BTreeMap<String, f64>,
    files: Vec<(PathBuf, File)>,
}

impl LatencyTable {
    /// An empty one, in memory.
    pub fn new() -> Self {
        Self::default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change of it is one step.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps the table in this file too, from now on. Operations that only the file has are taken
    /// from it. A last line that was torn is removed.
    ///
    /// # Errors
    /// [`EvalError::Io`] where it cannot be read or written, or is a link; [`EvalError::Format`]
    /// where it has something else in it, which is left as it is.
    pub fn keep_in(&self, path: &Path) -> Result<(), EvalError> {
        let failed = |reason| EvalError::io(path, reason);
        let mut state = self.state();
        if state.files.iter().any(|(other, _)| other == path) {
            return Ok(());
        }
        let mut file = nas_files::open_or_create_own(path).map_err(failed)?;
        let mut text = String::new();
        (&file)
            .take(MOST_BYTES + 1)
            .read_to_string(&mut text)
            .map_err(failed)?;
        if text.len() as u64 > MOST_BYTES {
            let reason = format!("it has more than {MOST_BYTES} bytes; expected a table of latencies");
            return Err(EvalError::format(path, reason));
        }
        let whole = text.rfind('\n').map_or("", |end| &text[..=end]);
        let mut theirs = BTreeMap::new();
        // Of a file that has no whole line, the beginning of the first one may have been torn.
        let first = match whole.is_empty() {
            true if !HEADER.starts_with(&text) => Some(text.as_str()),
            _ => None,
        };
        for (number, line) in first.into_iter().chain(whole.lines()).enumerate() {
            let parsed = match number {
                0 => (line == HEADER).then_some(None),
                _ => parse(line).map(Some),
            };
            match parsed {
                Some(entry) => theirs.extend(entry),
                None => {
                    let line: String = line.chars().take(80).collect();
                    let reason = format!(
                        "line {} is '{line}'; expected '{HEADER}' and lines of this form: remove the file, and latencies are \
                         measured again",
                        number + 1
                    );
                    return Err(EvalError::format(path, reason));
                }
            }
        }
        file.set_len(whole.len() as u64).map_err(failed)?;
        file.seek(SeekFrom::End(0)).map_err(failed)?;
        let mut missing = String::new();
        if whole.is_empty() {
            missing += &format!("{HEADER}\n");
        }
        for (name, milliseconds) in &state.known {
            if !theirs.contains_key(name) {
                missing += &line(name, *milliseconds);
            }
        }
        file.write_all(missing.as_bytes()).map_err(failed)?;
        for (name, milliseconds) in theirs {
            state.known.entry(name).or_insert(milliseconds);
        }
        state.files.push((path.to_owned(), file));
        Ok(())
    }

    /// The operations that are known, with their milliseconds.
    pub fn entries(&self) -> Vec<(String, f64)> {
        let state = self.state();
        let entries = state.known.iter();
        entries
            .map(|(name, milliseconds)| (name.clone(), *milliseconds))
            .collect()
    }

    /// The milliseconds of a network for one image on one thread.
    ///
    /// # Errors
    /// [`EvalError`] where the network cannot be run, or what was measured cannot be kept.
    pub fn milliseconds(&self, network: &Network) -> Result<f64, EvalError> {
        let folded = folded_network(network)?;
        let engine = Engine::fixed(&folded)?;
        let names = engine.step_names();
        let mut state = self.state();
        if let Some(sum) = state.sum(&names) {
            return Ok(sum);
        }
        let (steps, rest) = measure(folded, &engine)?;
        let mut of_names: BTreeMap<&str, Vec<f64>> = BTreeMap::from([(PASS, vec![rest])]);
        for (name, milliseconds) in names.iter().zip(steps) {
            if let Some(name) = name {
                of_names.entry(name).or_default().push(milliseconds);
            }
        }
        let mut lines = String::new();
        for (name, mut times) in of_names {
            if !state.known.contains_key(name) {
                let milliseconds = median(&mut times);
                lines += &line(name, milliseconds);
                state.known.insert(name.to_owned(), milliseconds);
            }
        }
        for (path, file) in &mut state.files {
            let written = file.write_all(lines.as_bytes());
            written.map_err(|reason| EvalError::io(path, reason))?;
        }
        Ok(state.sum(&names).unwrap_or_default())
    }
}

impl State {
    /// The sum over these steps, where all are known.
    fn sum(&self, names: &[Option<String>]) -> Option<f64> {
        let mut sum = *self.known.get(PASS)?;
        for name in names.iter().flatten() {
            sum += self.known.get(name)?;
        }
        Some(sum)
    }
}

/// Sees the milliseconds of each step.
struct Seconds(Vec<Vec<f64>>);

impl Observer for Seconds {
    fn wants_seconds(&self) -> bool {
        true
    }

    fn seconds(&mut self, step: usize, seconds: f64) {
        self.0[step].push(1e3 * seconds);
    }
}

/// The milliseconds of each step, and those of the rest of a pass.
///
/// Passes whose steps are timed alternate with passes that run freely. The medians of the former
/// are scaled to that of the latter: timing costs time, too. All run on one thread of the pool, and
/// what counts is the time that this thread computes, whatever else the machine does.
fn measure(network: Network, engine: &Engine) -> Result<(Vec<f64>, f64), EvalError> {
    let steps = engine.step_names().len();
    let model = Model::new(Arc::new(network), Seed::new(0), &Compute::cpu())?;
    let image = blank(&model)?;
    let request = Request {
        network: model.network(),
        parameters: model.parameters(),
        images: &image,
        pass: &Pass::Eval,
        weights: &Weights::Missing,
    };
    let mut seen = Seconds(vec![Vec::new(); steps]);
    let (mut rest, mut free) = (Vec::new(), Vec::new());
    let pass = || {
        let watch = ThreadStopwatch::start();
        engine.forward_alone(&request)?;
        free.push(1e3 * watch.seconds());
        let watch = ThreadStopwatch::start();
        engine.forward_observed(&request, &mut seen)?;
        let whole = 1e3 * watch.seconds();
        let in_steps: f64 = seen.0.iter().filter_map(|times| times.last()).sum();
        rest.push((whole - in_steps).max(0.0));
        Ok(())
    };
    on_a_thread(|| repeat(SECONDS, pass))?;
    let typical = |times: &mut Vec<f64>| match times.get_mut(WARM_UP..) {
        Some(times) if !times.is_empty() => median(times),
        // A step that does nothing.
        _ => 0.0,
    };
    let steps: Vec<f64> = seen.0.iter_mut().map(typical).collect();
    let rest = typical(&mut rest);
    let scale = typical(&mut free) / (steps.iter().sum::<f64>() + rest).max(f64::MIN_POSITIVE);
    Ok((steps.into_iter().map(|step| scale * step).collect(), scale * rest))
}

fn line(name: &str, milliseconds: f64) -> String {
    format!("{name},{milliseconds:?}\n")
}

fn parse(line: &str) -> Option<(String, f64)> {
    let (name, milliseconds) = line.rsplit_once(',')?;
    let milliseconds: f64 = milliseconds.parse().ok()?;
    let is_time = milliseconds.is_finite() && milliseconds >= 0.0;
    (is_time && !name.is_empty()).then(|| (name.to_owned(), milliseconds))
}
