//! The reports of runs, which are kept until the run has changed.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Result;
use nas_runner::report::{self, Run};

use crate::catalog::Entry;
use crate::clock::Moment;

/// Reports that are kept.
const KEPT: usize = 2;
/// Making the report of a run that goes on takes at most one part in so many of the time.
const SHARE: u32 = 50;

/// A report that was made.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) title: String,
    pub(crate) content: String,
}

/// The reports that were made last. One is made at a time: that of a long run takes memory.
#[derive(Debug, Default)]
pub(crate) struct Reports {
    made: Mutex<Vec<Made>>,
    making: Mutex<()>,
}

#[derive(Debug)]
struct Made {
    id: String,
    version: u64,
    report: Arc<Report>,
    at: Moment,
    took: Duration,
}

impl Made {
    fn is_good_for(&self, entry: &Entry) -> bool {
        self.version == entry.version || (entry.is_running() && self.at.ago() < self.took * SHARE)
    }
}

impl Reports {
    /// The report of this run. That of one that goes on may be a little old.
    pub(crate) fn of(&self, entry: &Entry) -> Result<Arc<Report>> {
        if let Some(report) = self.known(entry) {
            return Ok(report);
        }
        let _one_at_a_time = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(report) = self.known(entry) {
            return Ok(report);
        }
        let at = Moment::now();
        let page = report::build(&Run::look(&entry.path)?)?;
        let report = Arc::new(Report {
            title: page.title().to_owned(),
            content: page.content(),
        });
        let mut made = self.made();
        made.retain(|one| one.id != entry.id);
        made.push(Made {
            id: entry.id.clone(),
            version: entry.version,
            report: Arc::clone(&report),
            at,
            took: at.ago(),
        });
        let surplus = made.len().saturating_sub(KEPT);
        made.drain(..surplus);
        Ok(report)
    }

    fn known(&self, entry: &Entry) -> Option<Arc<Report>> {
        let made = self.made();
        let one = made
            .iter()
            .find(|one| one.id == entry.id && one.is_good_for(entry))?;
        Some(Arc::clone(&one.report))
    }

    fn made(&self) -> MutexGuard<'_, Vec<Made>> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
