//! SIGINT, SIGTERM and SIGHUP. The first one asks for a stop: nothing new begins, what runs leaves a checkpoint, and the program ends
//! within five seconds. The second ends it at once. What was acknowledged is on disk in either case, so that ending at once
//! loses no more than the work since the last checkpoint.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicI32, Ordering};

use anyhow::Result;
use nas_space::search::Stop;

/// The first signal that came; 0 where none did.
static RECEIVED: AtomicI32 = AtomicI32::new(0);
/// The command that goes on with what is being done.
static GOES_ON_BY: Mutex<Option<String>> = Mutex::new(None);

/// The signal that asked this program to stop, if one did.
pub(crate) fn received() -> Option<i32> {
    Some(RECEIVED.load(Ordering::Acquire)).filter(|&signal| signal != 0)
}

/// The exit code of a program that a signal has ended.
pub(crate) fn exit_code(signal: i32) -> u8 {
    u8::try_from(128 + signal).unwrap_or(u8::MAX)
}

/// Says by which command one goes on with what is being done.
pub(crate) fn set_resume_hint(command: String) {
    *GOES_ON_BY.lock().unwrap_or_else(PoisonError::into_inner) = Some(command);
}

/// What is said of how to go on, where that is known.
pub(crate) fn how_to_go_on() -> String {
    let command = GOES_ON_BY.lock().unwrap_or_else(PoisonError::into_inner);
    command
        .as_ref()
        .map_or(String::new(), |command| format!("; continue with: {command}"))
}

/// A stop that is requested by the first signal. From here on this program handles these signals; SIGHUP, which a terminal
/// sends that is closed, only where it is not ignored, as it is below `nohup`.
#[cfg(unix)]
pub(crate) fn stop() -> Result<Stop> {
    handle(|| {
        crate::output::note(&format!(
            "stopping once a checkpoint is written (a second signal stops at once){}",
            how_to_go_on()
        ));
    })
}

/// The same for what has no checkpoint to write: nothing is said.
#[cfg(unix)]
pub(crate) fn quiet_stop() -> Result<Stop> {
    handle(|| {})
}

#[cfg(unix)]
fn handle(said: impl Fn() + Send + 'static) -> Result<Stop> {
    use anyhow::Context;
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    use signal_hook::iterator::Signals;

    let stop = Stop::new();
    let requested = stop.clone();
    let mut handled = vec![SIGINT, SIGTERM];
    handled.extend((!ignores(SIGHUP)).then_some(SIGHUP));
    let mut signals = Signals::new(handled).context("signals cannot be handled")?;
    std::thread::Builder::new()
        .name("nas-signals".to_owned())
        .spawn(move || {
            for signal in signals.forever() {
                if RECEIVED
                    .compare_exchange(0, signal, Ordering::AcqRel, Ordering::Acquire)
                    .is_err()
                {
                    end(signal);
                }
                requested.request();
                said();
                end_after_grace(signal);
            }
        })
        .context("signals cannot be handled")?;
    Ok(stop)
}

/// Whether this program was started with a signal ignored. Known on Linux; elsewhere no signal counts as ignored.
#[cfg(unix)]
fn ignores(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    // Signals are counted from 1, bits from 0.
    mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

/// Where there are no such signals.
#[cfg(not(unix))]
pub(crate) fn stop() -> Result<Stop> {
    Ok(Stop::new())
}

/// Where there are no such signals.
#[cfg(not(unix))]
pub(crate) fn quiet_stop() -> Result<Stop> {
    Ok(Stop::new())
}

/// Ends the program if it has not ended by itself.
#[cfg(unix)]
fn end_after_grace(signal: i32) {
    /// The program promises five seconds.
    const GRACE: std::time::Duration = std::time::Duration::from_millis(4500);
    let wait = move || {
        std::thread::sleep(GRACE);
        end(signal);
    };
    if std::thread::Builder::new().spawn(wait).is_err() {
        end(signal);
    }
}

/// Ends the program and its workers at once.
#[cfg(unix)]
fn end(signal: i32) -> ! {
    nas_study::processes::kill_all();
    std::process::exit(exit_code(signal).into());
}
