//! One process that evaluates, seen from the study.

use std::collections::{BTreeSet, VecDeque};
use std::io::{self, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle, sleep};
use std::time::Duration;

use super::exit_status::Exit;
use super::family;
use super::input::Input;
use super::memory::KilledForMemory;
use super::output::{Line, Next, Output};
use super::protocol::Request;
use crate::clock::Stopwatch;

/// Time between two looks at what may end the wait for a line.
const LOOK: Duration = Duration::from_millis(20);
/// Looks at the clock and at requests to stop for each look at the memory.
const LOOKS_PER_MEASUREMENT: u32 = 3;
/// Bytes of standard error that are kept.
const LAST_WORDS: usize = 4096;
/// Looks in a row that find the input shut while the process is still there, after which nobody
/// waits for it any longer: one that is about to end has its input shut for a moment, and its end
/// says more.
const SHUT_LOOKS: u32 = 25;
/// How long a process that was killed, or has closed its output, may take to be gone.
const GONE_WITHIN: Duration = Duration::from_secs(2);
/// How long the last words of a process that is gone may take to be read.
const HEARD_WITHIN: Duration = Duration::from_secs(1);
/// How long a process may take to end by itself where no trial is left for it.
const GOODBYE: Duration = Duration::from_secs(1);

/// The process groups that are alive, by their leaders.
static ALIVE: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());

/// Kills every process that evaluates for this program, with all that they have started: for a
/// program that is about to exit without dropping its evaluators. Trials under way are lost, and
/// nothing that was acknowledged.
pub fn kill_all() {
    for &leader in alive().iter() {
        family::kill_all_of(leader);
    }
}

/// A process with its three streams. Dropping it ends its input, and then kills it and all that it
/// has started.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    input: Option<Input>,
    output: Output,
    last_words: Arc<Mutex<VecDeque<u8>>>,
    listener: Option<JoinHandle<()>>,
    killed_for_memory: KilledForMemory,
    status: Option<ExitStatus>,
}

/// Why a wait for a line was over.
#[derive(Debug, PartialEq)]
pub(super) enum Wait {
    Line(Line),
    /// Its output has ended.
    Closed,
    /// It has closed its input, and not read all that was written there.
    Shut,
    /// So many seconds have gone by.
    TimeOut,
    /// The process and those that it has started use this number of bytes of memory.
    OverMemory(u64),
    /// The check whether to continue said no.
    Halted,
}

/// The events other than a line that may end the wait for it.
pub(super) struct Bounds<'a> {
    pub(super) timeout_seconds: Option<f64>,
    pub(super) memory_bytes: Option<u64>,
    pub(super) go_on: &'a dyn Fn() -> bool,
}

impl Process {
    /// Starts it. It leads a process group of its own: what is typed at the terminal does not reach
    /// it, and it can be killed with all that it has started.
    pub(super) fn spawn(mut command: Command) -> io::Result<Self> {
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let killed_for_memory = KilledForMemory::so_far();
        let mut child = command.spawn()?;
        alive().insert(child.id());
        let streams = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let last_words = Arc::new(Mutex::new(VecDeque::new()));
        let ready = match streams {
            (Some(input), Some(output), Some(errors)) => {
                Input::of(input).and_then(|input| Ok((input, Output::of(output)?, errors)))
            }
            _ => Err(io::Error::other("it has no streams")),
        };
        let (input, output, errors) = match ready {
            Ok(ready) => ready,
            Err(error) => {
                end(&mut child);
                return Err(error);
            }
        };
        // Where the last of them fails, the process is dropped and so killed.
        let mut process = Self {
            child,
            input: Some(input),
            output,
            last_words: Arc::clone(&last_words),
            listener: None,
            killed_for_memory,
            status: None,
        };
        process.listener = Some(
            Builder::new()
                .name("nas-errors".to_owned())
                .spawn(move || keep_last(errors, &last_words))?,
        );
        Ok(process)
    }

    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Has a message written. `false` where there is nobody to read it.
    pub(super) fn send(&mut self, request: &Request) -> bool {
        self.is_running()
            && self
                .input
                .as_ref()
                .is_some_and(|input| input.send(request.line()))
    }

    /// A line that it has written before this is called, whether it was asked or not.
    pub(super) fn waiting_line(&self) -> Option<Line> {
        self.output.waiting()
    }

    /// Whether it has not read all that was written to it.
    pub(super) fn has_unread_input(&self) -> bool {
        self.input.as_ref().is_some_and(Input::is_unread)
    }

    /// Lets the process know that there will be nothing more.
    pub(super) fn close_input(&mut self) {
        self.input = None;
    }

    /// Counts from here on what is killed for want of memory.
    pub(super) fn watch_memory(&mut self) {
        self.killed_for_memory = KilledForMemory::so_far();
    }

    /// Waits for a line.
    pub(super) fn wait_for_line(&mut self, bounds: &Bounds<'_>) -> Wait {
        let watch = Stopwatch::start();
        let mut looks = 0_u32;
        let mut was_running = true;
        let mut shut = 0_u32;
        loop {
            match self.output.next(LOOK) {
                Next::Line(line) => return Wait::Line(line),
                Next::Closed => return Wait::Closed,
                Next::Nothing => {}
            }
            // What it has started may hold its output open. The last line gets the time of one more
            // look to arrive.
            if !was_running {
                return Wait::Closed;
            }
            was_running = self.is_running();
            if !(bounds.go_on)() {
                return Wait::Halted;
            }
            shut = match self.input.as_ref().is_some_and(Input::is_shut) {
                true => shut + 1,
                false => 0,
            };
            if shut >= SHUT_LOOKS {
                return Wait::Shut;
            }
            if bounds
                .timeout_seconds
                .is_some_and(|limit| watch.seconds() >= limit)
            {
                return Wait::TimeOut;
            }
            if let Some(limit) = bounds.memory_bytes
                && looks.is_multiple_of(LOOKS_PER_MEASUREMENT)
                && let Some(used) = family::resident(self.id())
                && used > limit
            {
                return Wait::OverMemory(used);
            }
            looks = looks.wrapping_add(1);
        }
    }

    /// How the process ended, after the end of its output. It is killed if it continues to run.
    pub(super) fn exit(&mut self) -> Exit {
        let watch = Stopwatch::start();
        while self.is_running() && watch.seconds() < GONE_WITHIN.as_secs_f64() {
            sleep(Duration::from_millis(1));
        }
        let killed_here = self.is_running();
        self.kill();
        if let Some(listener) = self.listener.take() {
            // The listener has everything that the process wrote once it finishes, but processes
            // that it has started may hold its output open.
            let watch = Stopwatch::start();
            while !listener.is_finished() && watch.seconds() < HEARD_WITHIN.as_secs_f64() {
                sleep(Duration::from_millis(1));
            }
        }
        Exit {
            killed_here,
            status: self.status,
            last_words: self.last_words(),
            memory_ran_out: KilledForMemory::so_far().any_since(self.killed_for_memory),
        }
    }

    /// The last that it wrote to standard error.
    pub(super) fn last_words(&self) -> String {
        let mut kept = self.last_words.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(kept.make_contiguous()).into_owned()
    }

    /// Whether it has not ended yet.
    pub(super) fn is_running(&mut self) -> bool {
        if self.status.is_none() {
            self.status = self.child.try_wait().ok().flatten();
        }
        self.status.is_none()
    }

    /// Ends it and all that it has started, at once.
    pub(super) fn kill(&mut self) {
        // Its number is its own until it has been waited for.
        if self.status.is_none() {
            self.status = end(&mut self.child);
        } else {
            // Its number may be another's by now; that of its group is not while anybody is in it.
            family::kill_group(self.child.id());
        }
        alive().remove(&self.child.id());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.close_input();
        let watch = Stopwatch::start();
        while self.is_running() && watch.seconds() < GOODBYE.as_secs_f64() {
            sleep(Duration::from_millis(1));
        }
        self.kill();
    }
}

fn alive() -> MutexGuard<'static, BTreeSet<u32>> {
    ALIVE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Kills it and all that it has started, and waits for it.
fn end(child: &mut Child) -> Option<ExitStatus> {
    family::kill_all_of(child.id());
    // Where there are no groups.
    let _ = child.kill();
    let status = child.wait().ok();
    alive().remove(&child.id());
    status
}

/// Keeps the end of a stream.
fn keep_last(mut stream: impl Read, kept: &Mutex<VecDeque<u8>>) {
    let mut buffer = [0; 1024];
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend(&buffer[..count]);
        let surplus = kept.len().saturating_sub(LAST_WORDS);
        kept.drain(..surplus);
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[expect(
        clippy::unwrap_used,
        reason = "clippy.toml lets tests do so, but not the functions beside them"
    )]
    fn shell(script: &str) -> Process {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Process::spawn(command).unwrap()
    }

    const UNBOUNDED: Bounds<'static> = Bounds {
        timeout_seconds: None,
        memory_bytes: None,
        go_on: &|| true,
    };

    #[test]
    fn lines_come_in_order_until_the_output_ends() {
        let mut process = shell("echo one; printf '\\377\\n'; echo two >&2; exit 3");
        assert_eq!(
            process.wait_for_line(&UNBOUNDED),
            Wait::Line(Line::Text("one\n".to_owned()))
        );
        assert_eq!(process.wait_for_line(&UNBOUNDED), Wait::Line(Line::NotText));
        assert_eq!(process.wait_for_line(&UNBOUNDED), Wait::Closed);
        let exit = process.exit();
        assert_eq!(exit.status.unwrap().code(), Some(3));
        assert_eq!(exit.last_words, "two\n");
    }

    #[test]
    fn a_line_without_end_is_not_kept() {
        let mut process = shell("yes | tr -d '\\n'");
        assert_eq!(process.wait_for_line(&UNBOUNDED), Wait::Line(Line::TooLong));
        process.kill();
    }

    #[test]
    fn standard_error_without_end_is_kept_in_part() {
        let mut process = shell("yes something >&2");
        let bounds = Bounds {
            timeout_seconds: Some(0.2),
            ..UNBOUNDED
        };
        assert_eq!(process.wait_for_line(&bounds), Wait::TimeOut);
        process.kill();
        let words = process.last_words();
        assert!((1..=LAST_WORDS).contains(&words.len()), "{}", words.len());
    }

    #[test]
    fn what_a_process_has_started_is_killed_with_it() {
        let mut process = shell("sleep 600 & echo $!; wait");
        let Wait::Line(Line::Text(pid)) = process.wait_for_line(&UNBOUNDED) else {
            panic!("no line")
        };
        process.kill();
        let gone = || {
            let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim()));
            // It is gone, or dead and not yet waited for.
            stat.map_or(true, |stat| stat.contains(") Z"))
        };
        let watch = Stopwatch::start();
        while !gone() && watch.seconds() < 10.0 {
            sleep(Duration::from_millis(1));
        }
        assert!(gone());
    }

    #[test]
    fn output_ends_with_its_process_whoever_else_holds_it() {
        let mut process = shell("sleep 600 & echo last; exit 4");
        assert_eq!(
            process.wait_for_line(&UNBOUNDED),
            Wait::Line(Line::Text("last\n".to_owned()))
        );
        assert_eq!(process.wait_for_line(&UNBOUNDED), Wait::Closed);
        assert_eq!(process.exit().status.unwrap().code(), Some(4));
    }

    #[test]
    fn memory_beyond_the_bound_ends_the_wait() {
        let mut process = shell("exec sleep 60");
        let bounds = Bounds {
            memory_bytes: Some(1),
            timeout_seconds: Some(60.0),
            ..UNBOUNDED
        };
        if cfg!(target_os = "linux") {
            assert!(matches!(process.wait_for_line(&bounds), Wait::OverMemory(1..)));
        }
    }
}
