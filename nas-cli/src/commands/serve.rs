//! `nas serve`: a live page of all runs below a folder.

use std::path::PathBuf;

use anyhow::Result;
use nas_serve::Server;
use serde::Serialize;

use crate::args::ServeArgs;
use crate::browser;
use crate::output::Output;
use crate::signals;

/// The JSON of `nas serve`.
#[derive(Debug, Serialize)]
struct Serving {
    url: String,
    folder: PathBuf,
}

/// Says where the page is, and shows it until a signal comes.
pub(crate) fn run(args: &ServeArgs, output: Output) -> Result<()> {
    #[cfg(target_os = "linux")]
    begin_again_sparing();
    let server = Server::bind(&args.folder, args.port)?;
    let stop = signals::quiet_stop()?;
    let serving = Serving {
        url: server.url(),
        folder: args.folder.clone(),
    };
    output.result(&serving, || {
        format!("{} (Ctrl-C ends it; runs go on)", serving.url)
    })?;
    if args.open {
        // What it asks waits until the server runs.
        browser::open(&serving.url);
    }
    server.run(&stop)
}

/// The allocator keeps freed memory for the next step of a training, in pages of 2 MB where it can. A server that runs for days
/// should give it back. The allocator reads these settings when a program begins, so this one begins again in the same process.
/// Where that fails, it goes on as it is.
#[cfg(target_os = "linux")]
fn begin_again_sparing() {
    use std::os::unix::process::CommandExt as _;
    use std::process::Command;

    const SETTINGS: [(&str, &str); 2] = [("MIMALLOC_PURGE_DELAY", "0"), ("MIMALLOC_ALLOW_THP", "0")];
    let are_set = SETTINGS.iter().all(|(name, _)| std::env::var_os(name).is_some());
    if are_set {
        return;
    }
    if let Ok(program) = std::env::current_exe() {
        let arguments = std::env::args_os().skip(1);
        // It comes back only with an error.
        let _ = Command::new(program).args(arguments).envs(SETTINGS).exec();
    }
}
