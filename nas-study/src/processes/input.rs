//! The standard input of a process.

use std::io::{self, Write};
use std::process::ChildStdin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::Builder;

#[cfg(unix)]
use crate::clock::Stopwatch;

/// Bytes of a request that may be left unread by a program that has understood it: the end of its
/// line.
#[cfg(unix)]
const END_OF_LINE: u64 = 1;

/// Seconds that a line may take to be written to a process that reads.
#[cfg(unix)]
const WRITING_SECONDS: f64 = 2.0;

/// The input of a process, written by a separate thread: a process that does not read would block
/// the writer.
#[derive(Debug)]
pub(super) struct Input {
    lines: Sender<String>,
    /// Something could not be written.
    failed: Arc<AtomicBool>,
    /// Lines that are not written yet.
    unwritten: Arc<AtomicUsize>,
    #[cfg(unix)]
    stream: std::os::fd::OwnedFd,
}

impl Input {
    pub(super) fn of(stream: ChildStdin) -> io::Result<Self> {
        let (lines, written) = channel();
        let failed = Arc::new(AtomicBool::new(false));
        let unwritten = Arc::new(AtomicUsize::new(0));
        let input = Self {
            lines,
            failed: Arc::clone(&failed),
            unwritten: Arc::clone(&unwritten),
            #[cfg(unix)]
            stream: std::os::fd::AsFd::as_fd(&stream).try_clone_to_owned()?,
        };
        Builder::new()
            .name("nas-requests".to_owned())
            .spawn(move || write_lines(stream, &written, &failed, &unwritten))?;
        Ok(input)
    }

    /// Has a line written. `false` where there is nobody to write it.
    pub(super) fn send(&self, line: String) -> bool {
        self.unwritten.fetch_add(1, Ordering::AcqRel);
        !self.failed.load(Ordering::Acquire) && self.lines.send(line).is_ok()
    }

    /// Whether the process can no longer read what was written: it has closed its end before it had
    /// read all of it.
    #[cfg(unix)]
    pub(super) fn is_shut(&self) -> bool {
        use rustix::event::{PollFd, PollFlags, poll};

        if self.failed.load(Ordering::Acquire) {
            return true;
        }
        let mut asked = [PollFd::new(&self.stream, PollFlags::OUT)];
        let none = rustix::event::Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        poll(&mut asked, Some(&none)).is_ok()
            && asked[0].revents().contains(PollFlags::ERR)
            && self.is_unread()
    }

    /// Whether a part of what was sent, beyond the end of a line, has not been read. Lines that are
    /// being written are waited for: a process that answers may have done so before they were.
    #[cfg(unix)]
    pub(super) fn is_unread(&self) -> bool {
        let watch = Stopwatch::start();
        while self.unwritten.load(Ordering::Acquire) > 0 && !self.failed.load(Ordering::Acquire) {
            if watch.seconds() > WRITING_SECONDS {
                return true;
            }
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        rustix::io::ioctl_fionread(&self.stream).is_ok_and(|bytes| bytes > END_OF_LINE)
    }

    #[cfg(not(unix))]
    pub(super) fn is_shut(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }

    #[cfg(not(unix))]
    pub(super) fn is_unread(&self) -> bool {
        false
    }
}

/// Writes each line, until there will be no more or nobody reads them.
fn write_lines(
    mut stream: impl Write,
    lines: &Receiver<String>,
    failed: &AtomicBool,
    unwritten: &AtomicUsize,
) {
    while let Ok(line) = lines.recv() {
        let written = stream.write_all(line.as_bytes()).and_then(|()| stream.flush());
        if written.is_err() {
            failed.store(true, Ordering::Release);
            return;
        }
        unwritten.fetch_sub(1, Ordering::AcqRel);
    }
}
