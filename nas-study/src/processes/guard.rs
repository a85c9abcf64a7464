//! A process between a study and the user's program. It ensures that no process of the program
//! outlives the study or the program.

use std::fs::File;
use std::io;
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, getpid, getppid, kill_process, wait};

use super::family;
use crate::clock::Stopwatch;

/// Time between two looks.
const LOOK: Duration = Duration::from_millis(50);
/// How long the program may continue after the study has ended, which it notices by the end of its
/// input.
const GRACE: Duration = Duration::from_secs(2);

/// Runs a program with the three streams of this process, and returns the code to exit with once it
/// has ended: the program's own, or 128 and the number of the signal that ended it.
///
/// - What the program has started is killed when the program ends, in whatever session it is: on
///   Linux this process adopts what loses its parent.
/// - When the process that started this one is gone, however it ended, the program has two seconds
///   to end by itself.
///
/// For the `main` of a program that [`ProcessConfig::program`](super::ProcessConfig::program) names
/// before the one that evaluates. It is to have no other children.
///
/// # Errors
/// What the system says where the program cannot be started.
pub fn guard(program: &[String]) -> io::Result<u8> {
    // Asked first, because the previous parent may end at any moment.
    let study = getppid();
    adopt_orphans();
    let mut words = program.iter();
    let first = words.next().ok_or(io::ErrorKind::InvalidInput)?;
    let child = Command::new(first).args(words).spawn()?;
    let child = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    close_streams()?;
    let status = loop {
        match wait(WaitOptions::NOHANG) {
            Ok(Some((ended, status))) if Some(ended) == child => break Some(status),
            // An orphan.
            Ok(Some(_)) => continue,
            Ok(None) | Err(rustix::io::Errno::INTR) => {}
            Err(_) => break None,
        }
        if getppid() != study {
            outlive(child);
            break None;
        }
        sleep(LOOK);
    };
    family::kill_members(std::process::id());
    Ok(status.map_or(u8::MAX, exit_code))
}

/// Waits for the program to end, for a moment.
fn outlive(child: Option<Pid>) {
    let watch = Stopwatch::start();
    while watch.seconds() < GRACE.as_secs_f64() {
        match wait(WaitOptions::NOHANG) {
            Ok(Some((ended, _))) if Some(ended) == child => return,
            Ok(Some(_)) => {}
            Ok(None) => sleep(LOOK),
            Err(_) => return,
        }
    }
}

/// The program has streams of its own. Copies here would hide that it has closed one.
fn close_streams() -> io::Result<()> {
    let nothing = File::options().read(true).write(true).open("/dev/null")?;
    rustix::stdio::dup2_stdin(&nothing)?;
    rustix::stdio::dup2_stdout(&nothing)?;
    Ok(rustix::stdio::dup2_stderr(&nothing)?)
}

#[cfg(target_os = "linux")]
fn adopt_orphans() {
    // Where it is refused, only what leaves the group and loses its parent can escape.
    let _ = rustix::process::set_child_subreaper(Some(getpid()));
}

#[cfg(not(target_os = "linux"))]
fn adopt_orphans() {}

/// Ends this process as the program ended, where a signal did it.
fn exit_code(status: WaitStatus) -> u8 {
    if let Some(signal) = status.terminating_signal() {
        if let Some(known) = Signal::from_named_raw(signal) {
            // A core is the program's, not of this process.
            let none = rustix::process::Rlimit {
                current: Some(0),
                maximum: Some(0),
            };
            let _ = rustix::process::setrlimit(rustix::process::Resource::Core, none);
            family::kill_members(std::process::id());
            let _ = kill_process(getpid(), known);
        }
        return u8::try_from(128 + signal).unwrap_or(u8::MAX);
    }
    status
        .exit_status()
        .and_then(|code| u8::try_from(code).ok())
        .unwrap_or(u8::MAX)
}
