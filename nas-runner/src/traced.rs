//! Panics of evaluations, with their location and backtrace.

use std::backtrace::Backtrace;
use std::panic::{self, AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, Once, PoisonError};

use nas_space::search::{Evaluation, Evaluator, Failure, FailureKind, Metric, Trial};

/// The number of running evaluations: a panic during one counts as its failure.
static UNDER_WAY: AtomicUsize = AtomicUsize::new(0);
/// The last panic.
static LAST: Mutex<Option<String>> = Mutex::new(None);
/// Lines of a backtrace that are kept, and characters.
const LINES: usize = 48;
const CHARACTERS: usize = 4_000;

/// An evaluator whose panics are failures with a backtrace.
pub struct Traced<E>(pub E);

/// The result of `evaluate`, or the failure for its panic.
pub fn trace<T>(evaluate: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    install();
    UNDER_WAY.fetch_add(1, Ordering::AcqRel);
    // An evaluator has to be sound after a panic: it is shared between threads.
    let caught = catch_unwind(AssertUnwindSafe(evaluate));
    UNDER_WAY.fetch_sub(1, Ordering::AcqRel);
    caught.unwrap_or_else(|_| {
        let last = LAST.lock().unwrap_or_else(PoisonError::into_inner).take();
        let what = last.unwrap_or_else(|| "no message".to_owned());
        Err(Failure::new(FailureKind::Panic, format!("the evaluator {what}")))
    })
}

impl<E: Evaluator> Evaluator for Traced<E> {
    fn description(&self) -> String {
        self.0.description()
    }

    fn metric(&self) -> Metric {
        self.0.metric()
    }

    fn evaluate(&self, trial: &Trial) -> Result<Evaluation, Failure> {
        trace(|| self.0.evaluate(trial))
    }
}

/// Keeps panics of evaluations instead of printing them; others are printed as ever.
fn install() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if UNDER_WAY.load(Ordering::Acquire) == 0 {
                return before(info);
            }
            let text = described(info, &Backtrace::force_capture().to_string());
            *LAST.lock().unwrap_or_else(PoisonError::into_inner) = Some(text);
        }));
    });
}

fn described(info: &PanicHookInfo<'_>, backtrace: &str) -> String {
    // "panicked at FILE:LINE:COLUMN:", and the message on the next line.
    let what = info.to_string().replacen(":\n", ": ", 1);
    let trace = shortened(backtrace);
    format!("{what}\n{trace}")
}

/// The backtrace from the frame that panicked on, as much of it as a message can hold.
fn shortened(backtrace: &str) -> String {
    let lines: Vec<&str> = backtrace.lines().collect();
    let machinery = |line: &&str| {
        let name = line.trim_start().split_once(": ").map_or("", |(_, name)| name);
        name.starts_with("core::panicking") || name.contains("begin_unwind") || name.contains("begin_panic")
    };
    let last = lines.iter().rposition(machinery).map_or(0, |place| place + 1);
    // The place of that frame is on a line of its own.
    let first = lines[last..]
        .iter()
        .position(|line| !line.trim_start().starts_with("at "))
        .map_or(last, |skipped| last + skipped);
    let kept: Vec<&str> = lines[first..].iter().take(LINES).copied().collect();
    kept.join("\n").chars().take(CHARACTERS).collect()
}

#[cfg(test)]
mod tests {
    use nas_space::arch::Architecture;
    use nas_space::search::Fidelity;
    use nas_space::seed::Seed;

    use super::*;

    struct Panicking;

    impl Evaluator for Panicking {
        fn description(&self) -> String {
            "panicking".to_owned()
        }

        // It needs a frame of its own to be seen in a backtrace.
        #[inline(never)]
        fn evaluate(&self, trial: &Trial) -> Result<Evaluation, Failure> {
            panic!("no layer {}", trial.id)
        }
    }

    #[test]
    fn a_panic_is_a_failure_with_its_message_its_place_and_how_it_came_there() {
        let trial = Trial::new(7, Architecture::new([]), Fidelity { epochs: 1 }, Seed::new(0));
        let failure = Traced(Panicking).evaluate(&trial).unwrap_err();
        assert_eq!(failure.kind, FailureKind::Panic);
        let (first, trace) = failure.message.split_once('\n').unwrap();
        assert!(
            first.contains("traced.rs:") && first.ends_with("no layer 7"),
            "{first}"
        );
        assert!(trace.lines().next().unwrap().contains("Panicking"), "{trace}");
        assert!(trace.lines().count() <= LINES);
    }
}
