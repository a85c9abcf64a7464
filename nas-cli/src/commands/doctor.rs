//! `nas doctor`: what this machine can do, and what is missing.

use anyhow::Result;
use nas_eval::data::DATASETS;
use nas_runner::{data_dir, device};
use serde::Serialize;

use crate::args::DataDirArgs;
use crate::output::Output;

/// The JSON of `nas doctor`.
#[derive(Debug, Serialize)]
struct Diagnosis {
    version: &'static str,
    threads: usize,
    kernels: &'static str,
    devices: Vec<DeviceRow>,
    data: Vec<DataRow>,
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
    found: bool,
    reason: Option<String>,
}

/// Looks and reports.
pub(crate) fn run(args: &DataDirArgs, output: Output) -> Result<()> {
    let devices = ["cpu", "cuda", "metal"].map(|name| match device::parse(name) {
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
    });
    let data_dir = data_dir::choose(args.data_dir.as_deref(), None)?;
    let data = DATASETS.iter().map(|info| {
        let located = info.locate(data_dir.as_deref());
        DataRow {
            name: info.name,
            found: located.is_ok(),
            reason: located.err().map(|error| error.to_string()),
        }
    });
    let diagnosis = Diagnosis {
        version: env!("CARGO_PKG_VERSION"),
        threads: rayon::current_num_threads(),
        kernels: nas_eval::instruction_set(),
        devices: devices.into(),
        data: data.collect(),
    };
    output.result(&diagnosis, || text(&diagnosis))
}

fn text(diagnosis: &Diagnosis) -> String {
    let mut lines = vec![format!(
        "nas {}, {} threads, CPU kernels for {}",
        diagnosis.version, diagnosis.threads, diagnosis.kernels
    )];
    for row in &diagnosis.devices {
        let state = row.reason.as_deref().unwrap_or("usable");
        lines.push(format!("device {:<14} {state}", row.name));
    }
    for row in &diagnosis.data {
        let state = row.reason.as_deref().unwrap_or("found");
        lines.push(format!(
            "data   {:<14} {}",
            row.name,
            state.replace('\n', "\n                      ")
        ));
    }
    lines.join("\n")
}
