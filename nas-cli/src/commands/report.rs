//! `nas report`: the page of a run.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use nas_runner::Usage;
use nas_runner::report::{self, Run};
use serde::Serialize;

use crate::args::ReportArgs;
use crate::browser;
use crate::output::{Output, write_stdout};

/// The JSON of `nas report`.
#[derive(Debug, Serialize)]
struct Written {
    report: PathBuf,
}

/// Reads the run, also while another process runs it, and writes its page.
pub(crate) fn run(args: &ReportArgs, output: Output) -> Result<()> {
    let run = Run::read(&args.run)?;
    let page = report::page(&run).with_context(|| format!("there is no report of {}", args.run.display()))?;
    if args.out.as_deref() == Some(Path::new("-")) {
        if output == Output::Json {
            return Err(Usage::new("--json prints JSON; it cannot be used with --out -").into());
        }
        if args.open {
            return Err(Usage::new("--open shows a file; it cannot be used with --out -").into());
        }
        return write_stdout(&page);
    }
    let path = args.out.clone().unwrap_or_else(|| args.run.join("report.html"));
    if path.is_dir() {
        bail!(
            "--out: {} is a directory; expected the name of a file",
            path.display()
        );
    }
    nas_files::replace(&path, page.as_bytes()).with_context(|| match args.out {
        Some(_) => format!("cannot write {}", path.display()),
        None => format!(
            "cannot write {}; name another place with --out FILE",
            path.display()
        ),
    })?;
    let written = Written { report: path };
    output.result(&written, || written.report.display().to_string())?;
    if args.open {
        // As a whole path, so that it is never taken for an option.
        browser::open(written.report.canonicalize()?);
    }
    Ok(())
}
