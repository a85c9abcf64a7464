//! How fast it is. These take minutes and are run by name:
//! `cargo test -p nas-cluster --release -- --ignored --nocapture figures`.

use std::sync::Mutex;
use std::thread::scope;
use std::time::Duration;

use nas_space::search::Stop;
use nas_study::{Silent, Store, TellOrder};

use super::conformance::{answer, job, shared};
use super::processes::{agent, coordinator, lasting, serve, serve_as, study, study_in};
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

/// Eight workers, with two connections each, have 125 slots each.
#[test]
#[ignore = "a measurement of a minute"]
fn a_thousand_sleepers_on_a_thousand_slots() {
    for (trials, seconds) in [(1_000_u64, 10_u64), (3_000, 10)] {
        let Some(server) = Server::start() else { return };
        let stop = Stop::new();
        let timing = Timing {
            poll: (Duration::from_millis(20), Duration::from_millis(250)),
            ..Timing::default()
        };
        let (took, connections) = scope(|scope| {
            for _ in 0..8 {
                let (address, stop) = (server.address(), &stop);
                let config = crate::AgentConfig { timing, ..agent(125) };
                scope.spawn(move || serve_as(config, &address, Duration::from_secs(seconds), stop, None));
            }
            let registered = || {
                let tables = "SELECT CASE WHEN to_regclass('nas.worker') IS NULL THEN 0 ELSE 1 END::bigint";
                server.number(tables) == 1 && server.number("SELECT count(*) FROM nas.worker") == 8
            };
            let mut store = Store::in_memory().unwrap();
            let coordinator = coordinator(&server.address(), &Stop::new(), timing).unwrap();
            while !registered() {
                std::thread::sleep(Duration::from_millis(50));
            }
            let connections =
                server.number("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'");
            let begun = Moment::now();
            let result = study_in(
                TellOrder::Completion,
                (trials, 1_000),
                &mut store,
                &coordinator,
                &mut Silent,
            );
            let took = begun.ago().as_secs_f64();
            stop.request();
            result.unwrap();
            coordinator.finish().unwrap();
            (took, connections)
        });
        let ideal = (trials.div_ceil(1_000) * seconds) as f64;
        println!(
            "{trials} trials of {seconds} s on 1,000 slots of 8 workers, {connections} connections: {took:.2} s, {:.3} times the ideal",
            took / ideal
        );
        check_rules(&server, trials as i64);
    }
}
