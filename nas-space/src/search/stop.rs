//! Asking for a halt.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A request to stop, shared between running work and the code that may request it, such as a
/// Ctrl-C handler.
///
/// Once requested, a study asks for no proposal and begins no evaluation. One that runs is finished
/// and stored, unless its evaluator looks at the request as well and gives the trial up, with
/// [`FailureKind::Interrupted`](super::FailureKind::Interrupted).
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// A handle nobody has asked to stop yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks for it. Asking again changes nothing.
    pub fn request(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether it was asked for.
    pub fn is_requested(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}
