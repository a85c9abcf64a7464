//! Asking a study to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A request to stop, shared between the study and whoever may ask for it, such as a Ctrl-C handler.
///
/// Once requested, no proposal is asked for and no evaluation begins; those that run are finished and stored.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// A handle nobody has asked to stop yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks the study to stop. Asking again changes nothing.
    pub fn request(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether it was asked to stop.
    pub fn is_requested(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}
