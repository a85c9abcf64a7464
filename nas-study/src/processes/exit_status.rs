//! What the end of a process says of the trial that it was at.

use std::process::ExitStatus;

use nas_space::search::{Failure, FailureKind};

/// How a process ended.
#[derive(Debug, Clone)]
pub(crate) struct Exit {
    /// Whether it went on after its output had ended, and was killed by this program.
    pub(crate) killed_here: bool,
    /// Its exit code, or the signal that ended it.
    pub(crate) status: Option<ExitStatus>,
    /// The last that it wrote to standard error.
    pub(crate) last_words: String,
    /// Whether the system has killed some process for want of memory meanwhile.
    pub(crate) memory_ran_out: bool,
}

/// The exit code with which a Rust program ends after a panic.
const PANICKED: i32 = 101;
/// Signals that a process gets when it is killed, and when it gives up by itself.
const SIGKILL: i32 = 9;
const SIGABRT: i32 = 6;
/// A shell ends with this and the number of the signal that has ended its command.
const SHELL: i32 = 128;

/// What programs write when they have no memory left: Rust, Python, PyTorch and CUDA, C++.
const NO_MEMORY: [&str; 6] = [
    "memory allocation of",
    "MemoryError",
    "out of memory",
    "OutOfMemoryError",
    "OUT_OF_MEMORY",
    "std::bad_alloc",
];

impl Exit {
    /// The failure of the trial.
    pub(crate) fn failure(&self) -> Failure {
        let code = self.status.and_then(|status| status.code());
        let signal = self.status.and_then(signal_of).or_else(|| {
            // Which of the two a shell means cannot be told; no program is known to exit with one
            // of these itself.
            code.and_then(|code| code.checked_sub(SHELL))
                .filter(|signal| [SIGKILL, SIGABRT, 11, 7, 4, 8].contains(signal))
        });
        let says_memory = NO_MEMORY.iter().any(|text| self.last_words.contains(text));
        let (kind, what) = match (signal, code) {
            (_, _) if self.killed_here => (
                FailureKind::BadAnswer,
                "the worker closed its standard output without an answer but continued to run; it was killed"
                    .to_owned(),
            ),
            (Some(SIGKILL), _) if self.memory_ran_out => (
                FailureKind::OutOfMemory,
                "the worker was killed by the system because memory ran out".to_owned(),
            ),
            (_, _) if says_memory && !self.ended_well() => (
                FailureKind::OutOfMemory,
                "the worker ran out of memory".to_owned(),
            ),
            (Some(signal), _) => (
                FailureKind::LostWorker,
                format!("the worker was ended by signal {signal}{}", name_of(signal)),
            ),
            (None, Some(PANICKED)) => (FailureKind::Panic, "the worker panicked".to_owned()),
            (None, Some(0)) => (
                FailureKind::BadAnswer,
                "the worker ended without an answer".to_owned(),
            ),
            (None, Some(code)) => (
                FailureKind::Other,
                format!("the worker ended with exit code {code} and without an answer"),
            ),
            (None, None) => (FailureKind::LostWorker, "the worker is gone".to_owned()),
        };
        Failure::new(kind, with_last_words(what, &self.last_words))
    }

    fn ended_well(&self) -> bool {
        self.status.is_some_and(|status| status.success())
    }
}

/// The message, and after it what the process has written last.
pub(crate) fn with_last_words(message: String, last_words: &str) -> String {
    match last_words.trim_end() {
        "" => message,
        words => format!("{message}; its last output to standard error:\n{words}"),
    }
}

#[cfg(unix)]
fn signal_of(status: ExitStatus) -> Option<i32> {
    std::os::unix::process::ExitStatusExt::signal(&status)
}

#[cfg(not(unix))]
fn signal_of(_: ExitStatus) -> Option<i32> {
    None
}

fn name_of(signal: i32) -> &'static str {
    match signal {
        2 => " (SIGINT)",
        4 => " (SIGILL)",
        SIGABRT => " (SIGABRT)",
        7 => " (SIGBUS)",
        8 => " (SIGFPE)",
        SIGKILL => " (SIGKILL)",
        11 => " (SIGSEGV)",
        15 => " (SIGTERM)",
        _ => "",
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;

    use super::*;

    fn kind(raw: i32, last_words: &str, memory_ran_out: bool) -> FailureKind {
        let exit = Exit {
            killed_here: false,
            status: Some(ExitStatus::from_raw(raw)),
            last_words: last_words.to_owned(),
            memory_ran_out,
        };
        exit.failure().kind
    }

    #[test]
    fn each_way_to_end_is_a_failure_of_its_own_kind() {
        use FailureKind::{BadAnswer, LostWorker, Other, OutOfMemory, Panic};
        for (raw, words, ran_out, expected) in [
            (9, "", false, LostWorker),
            (9, "", true, OutOfMemory),
            (137 << 8, "", true, OutOfMemory),
            (137 << 8, "", false, LostWorker),
            (6, "memory allocation of 80 bytes failed", false, OutOfMemory),
            (6, "assertion failed", false, LostWorker),
            (11, "", false, LostWorker),
            (101 << 8, "thread panicked at", false, Panic),
            (1 << 8, "torch.cuda.OutOfMemoryError: CUDA", false, OutOfMemory),
            (1 << 8, "MemoryError", false, OutOfMemory),
            (1 << 8, "ValueError: no such layer", false, Other),
            (0, "", false, BadAnswer),
            // What is said on the way to a normal end is no reason for it.
            (0, "retrying after MemoryError", false, BadAnswer),
        ] {
            assert_eq!(kind(raw, words, ran_out), expected, "{raw} {words}");
        }
    }

    #[test]
    fn the_message_names_the_signal_and_the_last_words() {
        let exit = Exit {
            killed_here: false,
            status: Some(ExitStatus::from_raw(11)),
            last_words: "in layer 7\n".to_owned(),
            memory_ran_out: false,
        };
        let message = exit.failure().message;
        assert!(
            message.contains("SIGSEGV") && message.ends_with("in layer 7"),
            "{message}"
        );
    }
}
