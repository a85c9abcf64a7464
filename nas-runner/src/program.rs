//! The path of this program, with which it starts worker processes.

use anyhow::{Context, Result};
use serde::Serialize;
use serde_json::{Value, json};

/// The command that starts a worker.
pub fn worker() -> Result<Vec<String>> {
    Ok(vec![this()?, "evaluate".to_owned()])
}

/// The message that tells a worker its task: `task` is the name under which it knows these
/// settings.
///
/// # Errors
/// For settings that JSON cannot express.
pub fn told(task: &str, settings: &impl Serialize) -> Result<Value> {
    Ok(json!({ "task": task, "settings": serde_json::to_value(settings)? }))
}

/// The command that starts a program of the user's, with a guard before it where there can be one.
pub fn guarded(program: Vec<String>) -> Result<Vec<String>> {
    if cfg!(not(unix)) {
        return Ok(program);
    }
    let guard = [this()?, "guard".to_owned(), "--".to_owned()];
    Ok(guard.into_iter().chain(program).collect())
}

/// The file of this program.
fn this() -> Result<String> {
    let this = std::env::current_exe().context("this program cannot find its own file")?;
    Ok(this
        .to_str()
        .context("the path of this program is not UTF-8")?
        .to_owned())
}
