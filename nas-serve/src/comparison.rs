//! What is known of a comparison before its page is opened.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::Value;

/// Most bytes of the first line of a journal: the settings of all methods.
const MOST_HEAD: u64 = 16 << 20;

/// A comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Comparison {
    pub(crate) methods: Vec<String>,
    pub(crate) tasks: Vec<String>,
    /// Runs that are finished.
    pub(crate) runs: usize,
    /// Whether its page has been written since the last run.
    pub(crate) is_finished: bool,
}

/// The first line of the journal.
#[derive(Deserialize)]
struct Head {
    identity: Value,
}

impl Comparison {
    /// Reads the journal of a comparison, but for what is in the runs.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let journal = path.join("runs.jsonl");
        let file =
            nas_files::open_own(&journal).with_context(|| format!("cannot read {}", journal.display()))?;
        let mut lines = BufReader::new(file);
        let mut first = Vec::new();
        let what = || format!("{} is not the journal of a comparison", journal.display());
        lines.by_ref().take(MOST_HEAD).read_until(b'\n', &mut first)?;
        let head: Head = serde_json::from_slice(&first).with_context(what)?;
        let mut runs = 0;
        loop {
            let bytes = lines.fill_buf()?;
            if bytes.is_empty() {
                break;
            }
            runs += bytes.iter().filter(|byte| **byte == b'\n').count();
            let read = bytes.len();
            lines.consume(read);
        }
        let tasks = head.identity.get("tasks").and_then(Value::as_array);
        let name = |value: &Value, field: &str| Some(value.get(field)?.as_str()?.to_owned());
        let Some(tasks) = tasks else {
            bail!(what());
        };
        let methods = tasks
            .iter()
            .filter_map(|task| task.get("methods")?.as_array())
            .flatten();
        let methods: BTreeSet<String> = methods.filter_map(|method| name(method, "name")).collect();
        let modified = |name: &str| {
            std::fs::metadata(path.join(name))
                .and_then(|file| file.modified())
                .ok()
        };
        Ok(Self {
            methods: methods.into_iter().collect(),
            tasks: tasks.iter().filter_map(|task| name(task, "task")).collect(),
            runs,
            is_finished: modified("report.html")
                .zip(modified("runs.jsonl"))
                .is_some_and(|(page, runs)| page >= runs),
        })
    }
}
