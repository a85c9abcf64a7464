//! `nas doctor`: what works on this machine, what is missing, and how to get it.

use std::io;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use anyhow::Result;
use nas_eval::data::{DATASETS, DatasetInfo};
use nas_eval::memory;
use nas_report::number::counted;
use nas_runner::{Environment, data_dir, device};
use serde::Serialize;

use crate::args::DoctorArgs;
use crate::commands::stored::ServerRow;
use crate::output::{Output, wrapped};

/// Columns of a line of the table.
const COLUMNS: usize = 100;
/// Columns of a name and of a state.
const NAME: usize = 18;
const STATE: usize = 8;
/// Free bytes below which a disk is called low: a search writes a few MB, a cache of images some hundred.
const LOW_DISK: u64 = 1 << 30;
/// What can be compiled in, and whether it is.
const FEATURES: [(&str, bool); 3] = [
    ("cuda", cfg!(feature = "cuda")),
    ("metal", cfg!(feature = "metal")),
    ("parquet", cfg!(feature = "parquet")),
];

/// The JSON of `nas doctor`.
#[derive(Debug, Serialize)]
struct Diagnosis {
    version: String,
    /// What was compiled in besides the usual.
    features: Vec<&'static str>,
    system: String,
    cpu: Option<String>,
    kernels: String,
    threads: usize,
    /// Processor cores that this process may use.
    cores: Option<usize>,
    /// Memory that this process may use.
    memory_bytes: Option<u64>,
    disks: Vec<DiskRow>,
    devices: Vec<DeviceRow>,
    data_dir: Option<PathBuf>,
    data: Vec<DataRow>,
    parquet: bool,
    python: Option<Python>,
    #[serde(skip_serializing_if = "Option::is_none")]
    database: Option<ServerRow>,
}

#[derive(Debug, Serialize)]
struct DiskRow {
    what: &'static str,
    folder: PathBuf,
    free_bytes: Option<u64>,
}

#[derive(Debug, Serialize)]
struct DeviceRow {
    name: String,
    usable: bool,
    reason: Option<String>,
}

#[derive(Debug, Serialize)]
struct DataRow {
    name: &'static str,
    built_in: bool,
    found: bool,
    reason: Option<String>,
}

#[derive(Debug, Serialize)]
struct Python {
    command: &'static str,
    version: String,
}

/// Looks and reports.
pub(crate) fn run(args: &DoctorArgs, output: Output) -> Result<()> {
    let here = Environment::here(NonZeroUsize::MIN);
    let data_dir = data_dir::choose(args.data_dir.as_deref(), None)?;
    let diagnosis = Diagnosis {
        version: here.version,
        features: FEATURES
            .into_iter()
            .filter_map(|(name, is_in)| is_in.then_some(name))
            .collect(),
        system: here.system,
        cpu: here.cpu,
        kernels: here.kernels,
        threads: here.threads,
        cores: thread::available_parallelism().ok().map(NonZeroUsize::get),
        memory_bytes: memory::installed(),
        disks: disks(),
        devices: ["cpu", "cuda", "metal"].map(device_row).into(),
        data: DATASETS
            .iter()
            .map(|info| data_row(info, data_dir.as_deref()))
            .collect(),
        data_dir,
        parquet: cfg!(feature = "parquet"),
        python: python(),
        database: args.store.as_deref().map(ServerRow::new).transpose()?,
    };
    output.result(&diagnosis, || text(&diagnosis))
}

fn device_row(name: &str) -> DeviceRow {
    match device::parse(name) {
        Ok(device) => DeviceRow {
            name: nas_eval::device_name(&device),
            usable: true,
            reason: None,
        },
        Err(error) => DeviceRow {
            name: name.to_owned(),
            usable: false,
            reason: Some(format!("{error:#}")),
        },
    }
}

fn data_row(info: &DatasetInfo, data_dir: Option<&Path>) -> DataRow {
    let located = info.locate(data_dir);
    DataRow {
        name: info.name,
        built_in: info.layouts.is_empty(),
        found: located.is_ok(),
        reason: located.err().map(|error| error.to_string()),
    }
}

/// The disks that runs and cached images are written to.
fn disks() -> Vec<DiskRow> {
    let row = |(what, folder): (&'static str, PathBuf)| DiskRow {
        what,
        free_bytes: free_bytes(&folder),
        folder,
    };
    let here = std::env::current_dir().ok().map(|folder| ("here", folder));
    let cache = nas_data::cache_folder().map(|folder| ("cache", folder));
    [here, cache].into_iter().flatten().map(row).collect()
}

/// Bytes that may be written where the folder is, or will be.
#[cfg(unix)]
fn free_bytes(folder: &Path) -> Option<u64> {
    let existing = folder.ancestors().find(|folder| folder.is_dir())?;
    let disk = rustix::fs::statvfs(existing).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// Not known without the calls of a Unix system.
#[cfg(not(unix))]
fn free_bytes(_: &Path) -> Option<u64> {
    None
}

/// The first Python 3 that runs.
fn python() -> Option<Python> {
    ["python3", "python"].into_iter().find_map(|command| {
        let version = version_of(command).ok()?;
        let version = version.trim().strip_prefix("Python ")?.to_owned();
        version.starts_with("3.").then_some(Python { command, version })
    })
}

/// What a program says of its version.
fn version_of(command: &str) -> io::Result<String> {
    let mut command = Command::new(command);
    command
        .arg("--version")
        .stdin(Stdio::null())
        .stderr(Stdio::null());
    let output = command.output()?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The table, and hints below it.
#[derive(Default)]
struct Table {
    lines: Vec<String>,
    hints: Vec<String>,
}

impl Table {
    /// A line; with a hint, its number stands at the end.
    fn line(&mut self, name: &str, state: &str, details: &str, hint: Option<&str>) {
        let number = hint.map_or(String::new(), |hint| format!(" [{}]", self.number(hint)));
        let room = COLUMNS - NAME - STATE - 2 - number.chars().count();
        let details = shortened(details, room);
        self.lines
            .push(format!("{name:<NAME$} {state:<STATE$} {details}{number}"));
    }

    /// The number of a hint, which is added where it is new.
    fn number(&mut self, hint: &str) -> usize {
        let known = self.hints.iter().position(|known| known == hint);
        known.unwrap_or_else(|| {
            self.hints.push(hint.to_owned());
            self.hints.len() - 1
        }) + 1
    }
}

/// A text of one line, whose middle is left out where it is too long.
fn shortened(text: &str, room: usize) -> String {
    let letters: Vec<char> = text.chars().map(|c| if c == '\n' { ' ' } else { c }).collect();
    if letters.len() <= room {
        return letters.into_iter().collect();
    }
    let (begin, end) = (room / 2, letters.len() - (room - room / 2 - 1));
    let kept = letters[..begin].iter().chain(&['…']).chain(&letters[end..]);
    kept.collect()
}

fn text(diagnosis: &Diagnosis) -> String {
    let mut table = Table::default();
    let works = |is: bool| if is { "works" } else { "missing" };
    let absent: Vec<&str> = FEATURES
        .into_iter()
        .filter_map(|(name, is_in)| (!is_in).then_some(name))
        .collect();
    let features = match (&diagnosis.features[..], &absent[..]) {
        ([], absent) => format!("without {}", absent.join(", ")),
        (present, []) => format!("with {}", present.join(", ")),
        (present, absent) => format!("with {}, without {}", present.join(", "), absent.join(", ")),
    };
    let program = format!(
        "nas {} for {}, built {features}",
        diagnosis.version, diagnosis.system
    );
    table.line("program", "works", &program, None);
    let cpu = diagnosis
        .cpu
        .as_deref()
        .map_or(String::new(), |cpu| format!(" on {cpu}"));
    table.line(
        "CPU",
        "works",
        &format!("kernels for {}{cpu}", diagnosis.kernels),
        None,
    );
    let cores = diagnosis.cores.map_or(String::new(), |cores| {
        format!("; this process may use {}", counted(cores, "core"))
    });
    table.line("threads", "works", &format!("{}{cores}", diagnosis.threads), None);
    match diagnosis.memory_bytes {
        Some(bytes) => table.line("memory", "works", &gibibytes(bytes), None),
        None => table.line(
            "memory",
            "unknown",
            "the system does not say how much there is",
            None,
        ),
    }
    for disk in &diagnosis.disks {
        let (name, folder) = (format!("disk, {}", disk.what), disk.folder.display());
        match disk.free_bytes {
            Some(free) if free < LOW_DISK => table.line(
                &name,
                "low",
                &format!("{} free in {folder}", gibibytes(free)),
                Some("Little disk is left. `nas data cache --remove all` removes cached images; old runs are folders in runs/."),
            ),
            Some(free) => table.line(&name, "works", &format!("{} free in {folder}", gibibytes(free)), None),
            None => table.line(&name, "unknown", &format!("free space of {folder}"), None),
        }
    }
    devices(&mut table, &diagnosis.devices);
    data(&mut table, diagnosis);
    let parquet = "Parquet files need a build with them: cargo install --path nas-cli --features parquet";
    match diagnosis.parquet {
        true => table.line("Parquet", "works", "images can be in Parquet files", None),
        false => table.line("Parquet", works(false), "not compiled in", Some(parquet)),
    }
    match &diagnosis.python {
        Some(python) => table.line(
            "Python 3",
            "works",
            &format!("{} ({})", python.version, python.command),
            None,
        ),
        None => table.line(
            "Python 3",
            "missing",
            "only needed for evaluators in Python",
            Some("Python 3 is on https://www.python.org and in the packages of most systems."),
        ),
    }
    if let Some(database) = &diagnosis.database {
        let hint = format!("{}: {}.", database.address, database.details());
        match database.usable {
            true => table.line("database", "works", &database.details(), None),
            false => table.line("database", "missing", &database.address, Some(&hint)),
        }
    }
    table.line(
        "reports",
        "works",
        "HTML pages; no browser is needed to write them",
        None,
    );
    let hints = table.hints.iter().enumerate();
    let hints = hints.map(|(place, hint)| format!("[{}] {}", place + 1, wrapped(hint, COLUMNS, 4)));
    let mut lines = std::mem::take(&mut table.lines);
    if !table.hints.is_empty() {
        lines.push(String::new());
    }
    lines.extend(hints);
    lines.join("\n")
}

fn devices(table: &mut Table, devices: &[DeviceRow]) {
    for row in devices {
        let name = format!("device {}", row.name);
        match (&row.reason, row.name.as_str()) {
            (None, "cpu") => table.line(&name, "works", "trains every network", None),
            (None, _) => table.line(&name, "works", "choose it with --device", None),
            (Some(_), kind @ "cuda") if !cfg!(feature = "cuda") => table.line(
                &name,
                "missing",
                "not compiled in",
                Some(&format!(
                    "NVIDIA GPUs need the CUDA toolkit and a build with it: cargo install --path nas-cli --features {kind}"
                )),
            ),
            (Some(_), kind @ "metal") if !cfg!(feature = "metal") => table.line(
                &name,
                "missing",
                "not compiled in",
                Some(&format!(
                    "GPUs of Apple need macOS and a build with them: cargo install --path nas-cli --features {kind}"
                )),
            ),
            (Some(reason), _) => table.line(&name, "missing", "cannot be used", Some(reason)),
        }
    }
}

fn data(table: &mut Table, diagnosis: &Diagnosis) {
    let hint = "`nas data list` says which files these data sets need and where to download them. Name their folder with \
                --data-dir DIR or NAS_DATA_DIR.";
    let place = diagnosis.data_dir.as_ref().map(|folder| folder.display());
    for row in &diagnosis.data {
        let name = format!("data {}", row.name);
        match (row.found, &place) {
            (true, _) if row.built_in => table.line(&name, "works", "built in", None),
            (true, Some(place)) => table.line(&name, "works", &format!("found in {place}"), None),
            (true, None) => table.line(&name, "works", "found", None),
            (false, Some(place)) => table.line(&name, "missing", &format!("not in {place}"), Some(hint)),
            (false, None) => table.line(&name, "missing", "no folder is named", Some(hint)),
        }
    }
}

fn gibibytes(bytes: u64) -> String {
    format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_loses_its_middle_and_a_hint_is_numbered_once() {
        let mut table = Table::default();
        table.line("name", "works", &"x".repeat(500), Some("hint"));
        table.line("name", "missing", "two\nlines", Some("hint"));
        table.line("name", "missing", "other", Some("another hint"));
        assert_eq!(table.lines[0].chars().count(), COLUMNS);
        assert!(table.lines[0].contains("x…x") && table.lines[0].ends_with("x [1]"));
        assert!(table.lines[1].ends_with("two lines [1]"));
        assert!(table.lines[2].ends_with("other [2]"));
        assert_eq!(table.hints, ["hint", "another hint"]);
    }

    #[test]
    fn free_space_is_that_of_the_folder_or_of_the_one_it_will_be_in() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("not/yet");
        assert_eq!(free_bytes(&missing).is_some(), cfg!(unix));
    }
}
