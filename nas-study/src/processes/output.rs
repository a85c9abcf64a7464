//! What a process writes to its standard output, line by line.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, sleep};
use std::time::Duration;

use super::protocol::MAX_LINE;
use crate::clock::Stopwatch;

/// Lines that may wait to be taken; a program that writes more waits.
const LINES: usize = 16;
/// Bytes that are read at a time.
const CHUNK: usize = 64 << 10;
/// How long to wait for the rest of an incomplete line.
const REST_WITHIN: Duration = Duration::from_millis(200);
/// Time between two looks whether anybody still wants to read.
#[cfg(unix)]
const LOOK: rustix::event::Timespec = rustix::event::Timespec {
    tv_sec: 1,
    tv_nsec: 0,
};

/// A line of output: its text, or the reason why it cannot be used.
#[derive(Debug, PartialEq)]
pub(super) enum Line {
    Text(String),
    /// It has more than [`MAX_LINE`] bytes; what follows is not read.
    TooLong,
    /// It is not UTF-8.
    NotText,
    /// It has no end yet.
    Unfinished,
}

/// The result of waiting for a line.
#[derive(Debug, PartialEq)]
pub(super) enum Next {
    Line(Line),
    /// There will be no more.
    Closed,
    /// Nothing yet.
    Nothing,
}

/// The lines that a process has written and nobody has taken yet. Read by a thread of its own.
#[derive(Debug)]
pub(super) struct Output {
    shared: Arc<Shared>,
    #[cfg(unix)]
    stream: std::os::fd::OwnedFd,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    lines: VecDeque<Line>,
    /// A line that has no end yet.
    begun: Vec<u8>,
    closed: bool,
    /// Nobody will take another line.
    abandoned: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A stream that can be asked whether there is something to read.
#[cfg(unix)]
pub(super) trait Stream: Read + std::os::fd::AsFd + Send + 'static {}
#[cfg(unix)]
impl<T: Read + std::os::fd::AsFd + Send + 'static> Stream for T {}
#[cfg(not(unix))]
pub(super) trait Stream: Read + Send + 'static {}
#[cfg(not(unix))]
impl<T: Read + Send + 'static> Stream for T {}

impl Output {
    /// Begins to read.
    pub(super) fn of(stream: impl Stream) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let output = Self {
            shared: Arc::clone(&shared),
            #[cfg(unix)]
            stream: stream.as_fd().try_clone_to_owned()?,
        };
        Builder::new()
            .name("nas-answers".to_owned())
            .spawn(move || read(stream, &shared))?;
        Ok(output)
    }

    /// The next line, if it comes within this time.
    pub(super) fn next(&self, within: Duration) -> Next {
        let state = self.shared.lock();
        let (mut state, _) = self
            .shared
            .changed
            .wait_timeout_while(state, within, |state| state.lines.is_empty() && !state.closed)
            .unwrap_or_else(PoisonError::into_inner);
        match state.lines.pop_front() {
            Some(line) => {
                self.shared.changed.notify_all();
                Next::Line(line)
            }
            None if state.closed => Next::Closed,
            None => Next::Nothing,
        }
    }

    /// A line that was written before this is called, whether or not it has been read from the
    /// stream yet. An incomplete line has a moment to be completed.
    pub(super) fn waiting(&self) -> Option<Line> {
        let watch = Stopwatch::start();
        loop {
            let mut state = self.shared.lock();
            if let Some(line) = state.lines.pop_front() {
                self.shared.changed.notify_all();
                return Some(line);
            }
            let begun = !state.begun.is_empty();
            // The reading thread holds the lock while it reads, so that what is not in the state is
            // in the stream.
            if state.closed || !(begun || self.has_more()) {
                return None;
            }
            drop(state);
            if begun && watch.seconds() >= REST_WITHIN.as_secs_f64() {
                return Some(Line::Unfinished);
            }
            sleep(Duration::from_millis(1));
        }
    }

    #[cfg(unix)]
    fn has_more(&self) -> bool {
        use rustix::event::{PollFd, PollFlags, poll};

        let mut asked = [PollFd::new(&self.stream, PollFlags::IN)];
        let none = rustix::event::Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        poll(&mut asked, Some(&none)).is_ok() && asked[0].revents().contains(PollFlags::IN)
    }

    #[cfg(not(unix))]
    fn has_more(&self) -> bool {
        false
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        self.shared.lock().abandoned = true;
        self.shared.changed.notify_all();
    }
}

/// Reads until the stream ends, a line is too long, or nobody listens any more.
fn read(mut stream: impl Stream, shared: &Shared) {
    let mut buffer = vec![0; CHUNK];
    loop {
        #[cfg(unix)]
        let ready = wait(&stream);
        #[cfg(not(unix))]
        let count = stream.read(&mut buffer);
        let mut state = shared.lock();
        while state.lines.len() >= LINES && !state.abandoned {
            state = shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.abandoned {
            return;
        }
        #[cfg(unix)]
        if !ready {
            continue;
        }
        // Under the lock, so that at any moment the bytes are either in the stream or in the state.
        #[cfg(unix)]
        let count = stream.read(&mut buffer);
        match count {
            Ok(count @ 1..) => state.take(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            _ => {
                if !state.begun.is_empty() {
                    let rest = std::mem::take(&mut state.begun);
                    state.lines.push_back(line(rest));
                }
                state.closed = true;
            }
        }
        let closed = state.closed;
        drop(state);
        shared.changed.notify_all();
        if closed {
            return;
        }
    }
}

/// Waits until there is something to read, or a while has gone by.
#[cfg(unix)]
fn wait(stream: &impl Stream) -> bool {
    use rustix::event::{PollFd, PollFlags, poll};

    let mut asked = [PollFd::new(stream, PollFlags::IN)];
    match poll(&mut asked, Some(&LOOK)) {
        Ok(count) => count > 0,
        // What is wrong is found out by reading.
        Err(error) => error != rustix::io::Errno::INTR,
    }
}

impl State {
    /// Takes bytes up; what ends a line makes one.
    fn take(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|&byte| byte == b'\n') {
            let (first, others) = rest.split_at(end + 1);
            let mut whole = std::mem::take(&mut self.begun);
            whole.extend_from_slice(first);
            if whole.len() > MAX_LINE {
                return self.give_up();
            }
            self.lines.push_back(line(whole));
            rest = others;
        }
        self.begun.extend_from_slice(rest);
        if self.begun.len() > MAX_LINE {
            self.give_up();
        }
    }

    /// A line is too long: nothing after it is read.
    fn give_up(&mut self) {
        self.begun = Vec::new();
        self.lines.push_back(Line::TooLong);
        self.closed = true;
    }
}

fn line(bytes: Vec<u8>) -> Line {
    String::from_utf8(bytes).map_or(Line::NotText, Line::Text)
}
