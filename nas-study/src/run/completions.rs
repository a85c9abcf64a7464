//! The order in which trials are finished, of a study that tells outcomes in this order.

use std::collections::VecDeque;

use nas_space::search::TrialId;

use crate::config::TellOrder;
use crate::store::TrialRecord;

/// Trials that are finished and not told, and the place of the next one.
#[derive(Debug, Default)]
pub(crate) struct Completions {
    due: VecDeque<TrialId>,
    next: u64,
}

impl Completions {
    /// Those of these records, none of which is told yet; `None` where outcomes are told in the
    /// order of the trials.
    ///
    /// # Errors
    /// How the recorded places contradict each other.
    pub(crate) fn of(order: TellOrder, records: &[TrialRecord]) -> Result<Option<Self>, String> {
        let mut places = Vec::new();
        for record in records {
            let id = record.trial.id;
            let placed = record.conclusion.is_some() && order == TellOrder::Completion;
            match record.completion {
                Some(place) if placed => places.push((place, id)),
                None if !placed => {}
                Some(_) => {
                    return Err(format!(
                        "trial {id} has a place among those that are finished, expected none"
                    ));
                }
                None => {
                    return Err(format!(
                        "trial {id} is finished, but has no place among those that are"
                    ));
                }
            }
        }
        places.sort_unstable();
        for (expected, &(place, id)) in (0..).zip(&places) {
            if place != expected {
                return Err(format!(
                    "trial {id} is finished at place {place}, expected {expected}"
                ));
            }
        }
        Ok(match order {
            TellOrder::Trial => None,
            TellOrder::Completion => Some(Self {
                next: places.len() as u64,
                due: places.into_iter().map(|(_, id)| id).collect(),
            }),
        })
    }

    /// Notes that a trial is finished. Returns its place.
    pub(crate) fn finish(&mut self, id: TrialId) -> u64 {
        self.due.push_back(id);
        self.next += 1;
        self.next - 1
    }

    /// The trial whose outcome is told next, if one is finished.
    pub(crate) fn due(&self) -> Option<TrialId> {
        self.due.front().copied()
    }

    /// Notes that this outcome is told.
    pub(crate) fn tell(&mut self) {
        self.due.pop_front();
    }
}
