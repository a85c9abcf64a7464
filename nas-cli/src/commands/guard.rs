//! `nas guard`: what an evaluator of the user's is started by; nobody types it.

use anyhow::Result;

/// Runs the program, and ends this process as the program ended.
#[cfg(unix)]
pub(crate) fn run(program: &[String]) -> Result<()> {
    use anyhow::Context as _;

    let code = nas_study::processes::guard(program).context("the evaluator cannot be started")?;
    std::process::exit(code.into())
}

/// Where there are no signals and no groups, nothing is started by it.
#[cfg(not(unix))]
pub(crate) fn run(_: &[String]) -> Result<()> {
    anyhow::bail!("a guard needs the signals of a Unix system")
}
