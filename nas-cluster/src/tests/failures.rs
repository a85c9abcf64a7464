//! What happens to workers and to the server, and what must not come of it.

use std::fs;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, sleep};
use std::time::Duration;

use nas_space::search::{FailureKind, Stop};
use nas_study::Store;

use super::processes::{Process, agent, lasting, undisturbed};
use super::searches::check_rules;
use super::times;
use crate::testing::Server;
use crate::{Agent, AgentEvent, Overview};

/// Waits until a statement gives at least this number.
fn wait_for(server: &Server, statement: &str, least: i64) {
    for _ in 0..1_500 {
        let found = server
            .connection()
            .query("testing", statement, &[])
            .map(|rows| rows[0].get::<_, i64>(0));
        if found.is_ok_and(|found| found >= least) {
            return;
        }
        sleep(Duration::from_millis(20));
    }
    panic!("not within 30 s: {statement}");
}

#[test]
fn a_worker_that_was_thought_dead_is_refused() {
    let Some(server) = Server::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let url = server.url(server.port);
    let database = folder.path().join("study.db");
    let mut search = Process::study(&url, 24, 4, &database);
    let log = folder.path().join("zombie");
    let zombie = Process::worker(&url, 400, 1, &log);
    wait_for(&server, "SELECT count(*) FROM nas.lease", 1);
    zombie.signal("-STOP");
    let _others: Vec<Process> = (0..2)
        .map(|n| Process::worker(&url, 30, 1, &folder.path().join(format!("other-{n}"))))
        .collect();
    // Its trial passes to another one, which finishes it.
    wait_for(
        &server,
        "SELECT count(*) FROM nas.attempt WHERE outcome = 'lost'",
        1,
    );
    wait_for(
        &server,
        "SELECT count(*) FROM nas.attempt a JOIN nas.attempt b USING (trial)
         WHERE a.outcome = 'lost' AND b.outcome = 'done' AND b.epoch > a.epoch",
        1,
    );
    zombie.signal("-CONT");
    assert!(search.ends(60).success());
    // It learns of it, by its heartbeat or when it hands the result in.
    for _ in 0..500 {
        if fs::read_to_string(&log).unwrap().contains("Lost(") {
            break;
        }
        sleep(Duration::from_millis(20));
    }
    assert!(fs::read_to_string(&log).unwrap().contains("Lost("));
    let store = Store::open(&database).unwrap();
    assert_eq!(lasting(&store.records().trials().unwrap()), undisturbed(24, 4));
    check_rules(&server, 24);
}

#[test]
fn a_trial_that_kills_its_workers_is_given_up_once() {
    let Some(server) = Server::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let url = server.url(server.port);
    let database = folder.path().join("study.db");
    let log = folder.path().join("log");
    let mut search = Process::study(&url, 12, 3, &database);
    let start = || Process::deadly_worker(&url, 5, 1, &log, Some(5));
    let mut workers = [start(), start()];
    for _ in 0..1_500 {
        if search.0.try_wait().unwrap().is_some() {
            break;
        }
        for worker in &mut workers {
            if worker.0.try_wait().unwrap().is_some() {
                *worker = start();
            }
        }
        sleep(Duration::from_millis(20));
    }
    assert!(search.ends(30).success());
    check_rules(&server, 12);
    assert_eq!(server.number("SELECT count(*) FROM nas.trial WHERE state = 3"), 1);
    let store = Store::open(&database).unwrap();
    let records = store.records().trials().unwrap();
    let conclusion = records[5].conclusion.as_ref().unwrap();
    let failure = conclusion.result.as_ref().unwrap_err();
    assert_eq!(failure.kind, FailureKind::LostWorker);
    assert!(failure.message.contains("lost 4 times"), "{failure}");
    // The attempts before the last one.
    assert_eq!(store.records().attempts().unwrap().len(), 3);
    let others = records.iter().filter(|record| record.trial.id != 5);
    assert!(others.clone().all(|record| record.conclusion.is_some()));
}

#[test]
fn a_server_that_is_killed_under_load_loses_no_result() {
    let Some(server) = Server::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let url = server.url(server.port);
    let database = folder.path().join("study.db");
    let kills = times(3, 20);
    let trials = 60 + 40 * u64::from(kills);
    let log = folder.path().join("log");
    let mut search = Process::study(&url, trials, 6, &database);
    let mut worker = Process::worker(&url, 25, 4, &log);
    for kill in 0..kills {
        wait_for(
            &server,
            "SELECT count(*) FROM nas.result",
            10 + 30 * i64::from(kill),
        );
        match kill % 2 {
            0 => server.kill(),
            _ => server.stop(),
        }
        // What a worker was told is stored is stored.
        let told = fs::read_to_string(&log).unwrap().matches("Stored(").count() as i64;
        sleep(Duration::from_millis(500));
        server.restart();
        let stored = server.number("SELECT count(*) FROM nas.result");
        assert!(stored >= told, "{told} acknowledged, {stored} stored");
        let begun = crate::clock::Moment::now();
        wait_for(&server, "SELECT count(*) FROM nas.result", stored + 1);
        assert!(begun.ago() < Duration::from_secs(5), "{:?}", begun.ago());
    }
    assert!(search.ends(120).success());
    let store = Store::open(&database).unwrap();
    assert_eq!(
        lasting(&store.records().trials().unwrap()),
        undisturbed(trials, 6)
    );
    check_rules(&server, trials as i64);
    assert_eq!(
        server.number("SELECT count(*) FROM nas.attempt WHERE outcome = 'lost'"),
        0,
        "no live lease was taken away"
    );
    fs::write(folder.path().join("log.stop"), "").unwrap();
    assert!(worker.ends(20).success());
}

#[test]
fn a_standby_takes_over_with_every_acknowledged_result() {
    let Some(primary) = Server::start() else { return };
    let standby = primary.standby();
    let folder = tempfile::tempdir().unwrap();
    let url = format!(
        "postgres://nas@127.0.0.1:{},127.0.0.1:{}/postgres?target_session_attrs=read-write",
        primary.port, standby.port
    );
    let database = folder.path().join("study.db");
    let log = folder.path().join("log");
    let mut search = Process::study(&url, 80, 6, &database);
    let mut worker = Process::worker(&url, 25, 4, &log);
    wait_for(&primary, "SELECT count(*) FROM nas.result", 20);
    primary.kill();
    let told = fs::read_to_string(&log).unwrap().matches("Stored(").count() as i64;
    sleep(Duration::from_millis(500));
    standby.promote();
    let stored = standby.number("SELECT count(*) FROM nas.result");
    assert!(stored >= told && told > 0, "{told} acknowledged, {stored} stored");
    assert!(search.ends(60).success());
    let store = Store::open(&database).unwrap();
    assert_eq!(lasting(&store.records().trials().unwrap()), undisturbed(80, 6));
    // Among them: no claim has two ends, so no epoch was used twice.
    check_rules(&standby, 80);
    assert_eq!(
        standby.number("SELECT count(*) FROM nas.attempt WHERE outcome = 'lost'"),
        0,
        "no live lease was taken away"
    );
    fs::write(folder.path().join("log.stop"), "").unwrap();
    assert!(worker.ends(20).success());
}

#[test]
fn while_the_server_is_away_training_goes_on() {
    let Some(server) = Server::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let url = server.url(server.port);
    let database = folder.path().join("study.db");
    let log = folder.path().join("log");
    let mut search = Process::study(&url, 8, 2, &database);
    let _worker = Process::worker(&url, 3_000, 2, &log);
    wait_for(&server, "SELECT count(*) FROM nas.lease", 2);
    server.stop();
    // Three leases. The trials end meanwhile, and their results wait.
    sleep(Duration::from_secs(6));
    server.restart();
    assert!(search.ends(60).success());
    let store = Store::open(&database).unwrap();
    assert_eq!(lasting(&store.records().trials().unwrap()), undisturbed(8, 2));
    check_rules(&server, 8);
    for outcome in ["lost", "stale", "released"] {
        let statement = format!("SELECT count(*) FROM nas.attempt WHERE outcome = '{outcome}'");
        assert_eq!(server.number(&statement), 0, "{outcome}");
    }
    let log = fs::read_to_string(&log).unwrap();
    assert!(log.contains("Away(") && log.contains("Back"), "{log}");
}

#[test]
fn a_worker_that_is_asked_to_stop_gives_its_trials_back_at_once() {
    let Some(server) = Server::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let url = server.url(server.port);
    let database = folder.path().join("study.db");
    let log = folder.path().join("first");
    let mut search = Process::study(&url, 6, 2, &database);
    let mut first = Process::worker(&url, 60_000, 2, &log);
    wait_for(&server, "SELECT count(*) FROM nas.lease", 2);
    fs::write(folder.path().join("first.stop"), "").unwrap();
    assert!(first.ends(10).success());
    assert_eq!(server.number("SELECT count(*) FROM nas.trial WHERE state = 0"), 2);
    assert_eq!(server.number("SELECT count(*) FROM nas.lease"), 0);
    let _second = Process::worker(&url, 5, 2, &folder.path().join("second"));
    assert!(search.ends(30).success());
    check_rules(&server, 6);
    // That costs no attempt.
    assert_eq!(server.number("SELECT sum(losses)::bigint FROM nas.trial"), 0);
    let store = Store::open(&database).unwrap();
    assert_eq!(lasting(&store.records().trials().unwrap()), undisturbed(6, 2));
    assert_eq!(store.records().attempts().unwrap(), []);
}

#[test]
fn a_worker_that_cannot_evaluate_gives_its_trial_back_and_ends() {
    let Some(server) = Server::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let url = server.url(server.port);
    let database = folder.path().join("study.db");
    let mut search = Process::study(&url, 6, 2, &database);
    wait_for(&server, "SELECT count(*) FROM nas.trial", 2);
    let events = Mutex::new(Vec::new());
    let (stop, observer) = (Stop::new(), |event: &AgentEvent| {
        events.lock().unwrap().push(event.clone())
    });
    let agent = Agent::register(&server.address(), agent(1), &stop, &observer).unwrap();
    let served = agent
        .serve(&|_| Ok(Box::new(|_, _: &Stop| Err("no room".to_owned()))))
        .unwrap();
    assert!(served.out_of_service && served.stored == 0);
    let events = events.into_inner().unwrap();
    assert!(
        events.contains(&AgentEvent::GaveBack(0, "no room".to_owned())),
        "{events:?}"
    );
    assert!(
        events.contains(&AgentEvent::OutOfService("no room".to_owned())),
        "{events:?}"
    );
    let overview = Overview::read(&server.address()).unwrap();
    assert_eq!((overview.studies[0].queued, overview.workers), (2, vec![]));
    let _other = Process::worker(&url, 5, 2, &folder.path().join("log"));
    assert!(search.ends(30).success());
    check_rules(&server, 6);
    assert_eq!(server.number("SELECT sum(losses)::bigint FROM nas.trial"), 0);
}

/// A port whose connections lead to the server. While `mute` is set, answers get lost.
fn proxy(to: u16, mute: Arc<AtomicBool>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for connection in listener.incoming() {
            let (Ok(client), Ok(server)) = (connection, TcpStream::connect(("127.0.0.1", to))) else {
                continue;
            };
            let _ = client.set_nodelay(true);
            let _ = server.set_nodelay(true);
            let (mut from_client, mut to_server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            let (mut from_server, mut to_client) = (server, client);
            let mute = Arc::clone(&mute);
            thread::spawn(move || {
                let _ = std::io::copy(&mut from_client, &mut to_server);
                let _ = to_server.shutdown(std::net::Shutdown::Both);
            });
            thread::spawn(move || {
                let mut buffer = [0; 4096];
                let mut lost = false;
                let _ = from_server.set_read_timeout(Some(Duration::from_millis(10)));
                loop {
                    let read = match from_server.read(&mut buffer) {
                        Ok(0) => break,
                        Ok(read) => read,
                        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                            0
                        }
                        Err(_) => break,
                    };
                    lost |= read > 0 && mute.load(Ordering::Acquire);
                    // After a gap, nothing that follows can be understood: the connection is reset.
                    if lost && !mute.load(Ordering::Acquire) {
                        break;
                    }
                    if !lost && to_client.write_all(&buffer[..read]).is_err() {
                        break;
                    }
                }
                let _ = to_client.shutdown(std::net::Shutdown::Both);
                let _ = from_server.shutdown(std::net::Shutdown::Both);
            });
        }
    });
    port
}

#[test]
fn answers_that_get_lost_neither_lose_nor_repeat_a_result() {
    let Some(server) = Server::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("study.db");
    let rounds = times(4, 20);
    let trials = 40 + 20 * u64::from(rounds);
    let mute = Arc::new(AtomicBool::new(false));
    let url = server.url(proxy(server.port, Arc::clone(&mute)));
    let mut search = Process::study(&server.url(server.port), trials, 6, &database);
    let _worker = Process::worker(&url, 20, 3, &folder.path().join("log"));
    for round in 0..rounds {
        wait_for(
            &server,
            "SELECT count(*) FROM nas.result",
            5 + 10 * i64::from(round),
        );
        mute.store(true, Ordering::Release);
        sleep(Duration::from_millis(120));
        mute.store(false, Ordering::Release);
    }
    assert!(search.ends(120).success());
    let store = Store::open(&database).unwrap();
    assert_eq!(
        lasting(&store.records().trials().unwrap()),
        undisturbed(trials, 6)
    );
    check_rules(&server, trials as i64);
}
