//! Searches that are told outcomes in the order of completion.

use std::sync::{Condvar, Mutex};
use std::thread::sleep;
use std::time::Duration;

use nas_space::search::{Evaluation, Evaluator, Failure, Stop, Trial, TrialId};
use nas_study::{Event, Store, TellOrder, TrialRecord};

use super::processes::{Process, Synthetic, lasting, study_in};
use super::searches::check_rules;
use crate::testing::Server;

/// The numbers of the trials in the order in which they were finished.
fn order_of(records: &[TrialRecord]) -> Vec<TrialId> {
    let mut places: Vec<(u64, TrialId)> = records
        .iter()
        .map(|record| (record.completion.unwrap(), record.trial.id))
        .collect();
    places.sort_unstable();
    assert!(places.iter().map(|(place, _)| *place).eq(0..records.len() as u64));
    places.into_iter().map(|(_, trial)| trial).collect()
}

/// Finishes trials in this order: each when the one before it was told.
struct Ordered {
    order: Vec<TrialId>,
    told: Mutex<usize>,
    changed: Condvar,
    evaluator: Synthetic,
}

impl Evaluator for Ordered {
    fn description(&self) -> String {
        self.evaluator.description()
    }

    fn evaluate(&self, trial: &Trial) -> Result<Evaluation, Failure> {
        let mut told = self.told.lock().unwrap();
        while self.order[*told] != trial.id {
            let (next, wait) = self.changed.wait_timeout(told, Duration::from_secs(60)).unwrap();
            assert!(!wait.timed_out(), "trial {} is never due", trial.id);
            told = next;
        }
        drop(told);
        self.evaluator.evaluate(trial)
    }
}

/// A new study in this process, without a database, in which trials are finished in this order.
fn replayed(order: Vec<TrialId>, size: (u64, u32)) -> Vec<TrialRecord> {
    let ordered = Ordered {
        order,
        told: Mutex::new(0),
        changed: Condvar::new(),
        evaluator: Synthetic {
            pause: Duration::ZERO,
            stop: Stop::new(),
            deadly: None,
        },
    };
    let mut store = Store::in_memory().unwrap();
    let mut observer = |event: &Event| {
        if let Event::Finished { .. } = event {
            *ordered.told.lock().unwrap() += 1;
            ordered.changed.notify_all();
        }
    };
    study_in(TellOrder::Completion, size, &mut store, &ordered, &mut observer).unwrap();
    store.records().trials().unwrap()
}

/// The coordinator is killed again and again, and each time a worker too. What is on record in the
/// end is a search that a fresh one in the recorded order repeats bit for bit.
#[test]
fn a_search_in_the_order_of_completion_is_killed_again_and_again() {
    let Some(server) = Server::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let url = server.url(server.port);
    let database = folder.path().join("study.db");
    let log = folder.path().join("log");
    let size = (120, 8);
    // Fast ones overtake slow ones.
    let pauses = [5, 20, 90];
    let worker = |which: usize| Process::worker(&url, pauses[which % 3], 2, &log);
    let mut workers: Vec<Process> = (0..3).map(worker).collect();
    let mut kills = 0;
    loop {
        let mut search = Process::study_in(TellOrder::Completion, &url, size, &database);
        // Longer each time, so that it gets further; at another place each time.
        sleep(Duration::from_millis(80 + 31 * kills));
        match search.0.try_wait().unwrap() {
            Some(status) => {
                assert!(status.success());
                break;
            }
            None => search.signal("-KILL"),
        }
        if kills % 3 == 1 {
            let victim = (kills / 3) as usize % 3;
            workers[victim].signal("-KILL");
            workers[victim] = worker(victim);
        }
        kills += 1;
        assert!(kills < 60, "it does not get on");
    }
    assert!(kills >= 3, "{kills} kills");
    check_rules(&server, size.0 as i64);
    let given_up = server.number("SELECT count(*) FROM nas.trial WHERE state = 3");
    assert_eq!(given_up, 0, "four kills have met the same trial");
    let mut store = Store::open(&database).unwrap();
    let records = store.records().trials().unwrap();
    assert_eq!(records.len() as u64, size.0);
    let order = order_of(&records);
    assert!(!order.is_sorted(), "nothing was overtaken");
    let fresh = replayed(order.clone(), size);
    assert_eq!(order_of(&fresh), order);
    assert_eq!(lasting(&fresh), lasting(&records));
    // The database has what the record has, and nothing is left to do.
    let nobody = Ordered {
        order: Vec::new(),
        told: Mutex::new(0),
        changed: Condvar::new(),
        evaluator: Synthetic {
            pause: Duration::ZERO,
            stop: Stop::new(),
            deadly: None,
        },
    };
    let mut told = Vec::new();
    let mut observer = |event: &Event| {
        if let Event::Replayed { record, .. } = event {
            told.push(record.trial.id);
        }
    };
    study_in(TellOrder::Completion, size, &mut store, &nobody, &mut observer).unwrap();
    assert_eq!(told, order);
    assert_eq!(store.records().trials().unwrap(), records);
}
