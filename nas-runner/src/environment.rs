//! The machine that a search ran on: `environment.json` of its run directory. On the CPU, it
//! affects only the time, not the result.

use std::fs;
use std::num::NonZeroUsize;
use std::path::Path;

use anyhow::{Context, Result};
use nas_study::{MOST_RECORD, RunDir};
use serde::{Deserialize, Serialize};

const FILE: &str = "environment.json";

/// A program on a machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Environment {
    /// Version of this program.
    pub version: String,
    /// Threads that compute.
    pub threads: usize,
    /// Trials evaluated at a time.
    pub workers: usize,
    /// What the CPU kernels are compiled for.
    pub kernels: String,
    /// The CPU's name, where the system tells.
    pub cpu: Option<String>,
    /// Operating system and kind of processor.
    pub system: String,
}

impl Environment {
    /// Here and now.
    pub fn here(workers: NonZeroUsize) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            threads: rayon::current_num_threads(),
            workers: workers.get(),
            kernels: nas_eval::instruction_set().to_owned(),
            cpu: fs::read_to_string("/proc/cpuinfo")
                .ok()
                .and_then(|text| cpu_name(&text)),
            system: format!("{} on {}", std::env::consts::OS, std::env::consts::ARCH),
        }
    }

    /// Adds this one to those of the run, unless it is the last of them: a run may be resumed somewhere else.
    pub fn record(self, run: &RunDir) -> Result<()> {
        // What cannot be read is no reason not to search.
        let mut all = Self::of_run(run.path()).unwrap_or_default();
        if all.last() != Some(&self) {
            all.push(self);
            run.write_json(FILE, &all)?;
        }
        Ok(())
    }

    /// Those of a run, in order; none where an earlier version ran it.
    pub fn of_run(path: &Path) -> Result<Vec<Self>> {
        let path = path.join(FILE);
        if !path.is_file() {
            return Ok(Vec::new());
        }
        let text = nas_files::read_text(&path, MOST_RECORD)
            .with_context(|| format!("cannot read {}", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("{} is damaged", path.display()))
    }
}

/// The name in Linux' description of the processors.
fn cpu_name(text: &str) -> Option<String> {
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    let (_, name) = line.split_once(':')?;
    let words: Vec<&str> = name.split_whitespace().collect();
    (!words.is_empty()).then(|| words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_keeps_every_environment_that_differs_from_the_one_before() {
        let dir = tempfile::tempdir().unwrap();
        let (run, _store) = RunDir::create(
            dir.path(),
            &["x"]
                .map(|x| (x, 1))
                .into_iter()
                .collect::<std::collections::BTreeMap<_, _>>(),
        )
        .unwrap();
        assert_eq!(Environment::of_run(run.path()).unwrap(), []);
        let one = Environment::here(NonZeroUsize::MIN);
        let two = Environment::here(NonZeroUsize::new(2).unwrap());
        for environment in [&one, &one, &two, &one] {
            environment.clone().record(&run).unwrap();
        }
        assert_eq!(
            Environment::of_run(run.path()).unwrap(),
            [one.clone(), two, one.clone()]
        );
        fs::write(run.path().join(FILE), "no JSON").unwrap();
        assert!(
            Environment::of_run(run.path())
                .unwrap_err()
                .to_string()
                .contains(FILE)
        );
        one.clone().record(&run).unwrap();
        assert_eq!(Environment::of_run(run.path()).unwrap(), [one]);
    }

    #[test]
    fn the_cpu_is_found_by_its_name() {
        let text = "processor\t: 0\nmodel name\t: Some  CPU @ 2.0GHz\nflags : a b\n";
        assert_eq!(cpu_name(text).as_deref(), Some("Some CPU @ 2.0GHz"));
        assert_eq!(cpu_name("processor: 0"), None);
    }
}
