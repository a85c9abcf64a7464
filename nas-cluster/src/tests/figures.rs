//! How fast it is. These take minutes and are run by name:
//! `cargo test -p nas-cluster --release -- --ignored --nocapture figures`.

use std::sync::Mutex;
use std::thread::scope;
use std::time::Duration;

use nas_space::search::Stop;
use nas_study::Store;

use super::conformance::{answer, job, shared};
use super::processes::{coordinator, lasting, serve, study};
use super::searches::check_rules;
use crate::Timing;
use crate::clock::Moment;
use crate::queue::{Completion, Queue};
use crate::testing::Server;

/// Times of calls, in milliseconds.
fn quantiles(mut times: Vec<f64>) -> String {
    times.sort_by(f64::total_cmp);
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    format!("p50 {:.2} ms, p99 {:.2} ms", at(0.5), at(0.99))
}

/// Claims and completes with eight connections until `count` trials are done.
fn pairs(server: &Server, study: &crate::Shared, count: usize) {
    let times = [Mutex::new(Vec::new()), Mutex::new(Vec::new())];
    let begun = Moment::now();
    scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut queue = Queue::new(&server.address(), Timing::default().lease).unwrap();
                let worker = queue.register("host", 1, "test").unwrap();
                for _ in 0..count / 8 {
                    let claim = Moment::now();
                    let (claimed, job) = queue.claim(study, &worker).unwrap().unwrap();
                    times[0].lock().unwrap().push(claim.ago().as_secs_f64() * 1e3);
                    let complete = Moment::now();
                    let stored = queue.complete(&worker, claimed, &answer(job.id), 1.0).unwrap();
                    times[1].lock().unwrap().push(complete.ago().as_secs_f64() * 1e3);
                    assert_eq!(stored, Completion::Stored);
                }
            });
        }
    });
    let seconds = begun.ago().as_secs_f64();
    let [claims, completions] = times.map(|times| quantiles(times.into_inner().unwrap()));
    println!(
        "  {:.0} claims with completions a second; claim {claims}; completion {completions}",
        count as f64 / seconds
    );
}

#[test]
#[ignore = "a measurement of minutes"]
fn claims_and_completions() {
    let Some(server) = Server::start() else { return };
    let mut queue = Queue::new(&server.address(), Timing::default().lease).unwrap();
    queue.create_tables().unwrap();
    for trials in [10_000_u64, 1_000_000] {
        let study = shared(&mut queue);
        let owner = queue.own(&study, "test").unwrap();
        let begun = Moment::now();
        for first in (0..trials).step_by(10_000) {
            let jobs: Vec<_> = (first..first + 10_000).map(job).collect();
            queue.propose(&study, owner, &jobs).unwrap();
        }
        println!(
            "{trials} trials, added in {:.1} s; the tables have {} MB",
            begun.ago().as_secs_f64(),
            server.number("SELECT sum(pg_total_relation_size(oid))::bigint / 1000000 FROM pg_class WHERE relnamespace = 'nas'::regnamespace AND relkind = 'r'")
        );
        server.execute("ANALYZE");
        pairs(&server, &study, 8_000);
    }
}

#[test]
#[ignore = "a measurement of eleven minutes"]
fn ten_thousand_sleepers_of_a_second_on_sixteen_slots() {
    let Some(server) = Server::start() else { return };
    let stop = Stop::new();
    let begun = Moment::now();
    scope(|scope| {
        for _ in 0..4 {
            let (address, stop) = (server.address(), &stop);
            scope.spawn(move || serve(&address, 4, Duration::from_secs(1), stop, None));
        }
        let mut store = Store::in_memory().unwrap();
        let coordinator = coordinator(&server.address(), &Stop::new(), Timing::default()).unwrap();
        let result = study(10_000, 48, &mut store, &coordinator);
        stop.request();
        result.unwrap();
        coordinator.finish().unwrap();
        assert_eq!(lasting(&store.records().trials().unwrap()).len(), 10_000);
    });
    println!(
        "10,000 trials of 1 s on 16 slots: {:.1} s; 625 s at best",
        begun.ago().as_secs_f64()
    );
    check_rules(&server, 10_000);
}
