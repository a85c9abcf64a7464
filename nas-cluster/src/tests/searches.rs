//! Whole searches: the same with any number of workers, whatever happens to them.

use std::fs;
use std::thread::{scope, sleep};
use std::time::Duration;

use nas_space::search::Stop;
use nas_study::Store;

use super::processes::{Process, coordinator, lasting, serve, study, undisturbed};
use super::{fast, times};
use crate::Overview;
use crate::testing::Server;

/// Each rule that holds whatever has happened, on the tables of a search that has ended.
pub(super) fn check_rules(server: &Server, trials: i64) {
    let number = |statement: &str| server.number(statement);
    assert_eq!(number("SELECT count(*) FROM nas.trial"), trials, "proposed");
    assert_eq!(
        number("SELECT count(*) FROM nas.trial WHERE state IN (2, 3)"),
        trials,
        "ended"
    );
    assert_eq!(number("SELECT count(*) FROM nas.lease"), 0, "leases");
    assert_eq!(
        number(
            "SELECT count(*) FROM nas.trial t FULL JOIN nas.result r ON r.trial = t.id
             WHERE (t.state = 2) <> (r.trial IS NOT NULL) OR r.epoch <> t.epoch"
        ),
        0,
        "each that is done has one result, of its last claim"
    );
    assert_eq!(
        number(
            "SELECT count(*) FROM (SELECT trial, epoch FROM nas.attempt WHERE outcome <> 'stale'
             GROUP BY trial, epoch HAVING count(*) > 1) AS twice"
        ),
        0,
        "claims with two ends"
    );
    assert_eq!(
        number(
            "SELECT count(*) FROM nas.trial t WHERE t.epoch <> (SELECT count(*) FROM nas.attempt a
             WHERE a.trial = t.id AND a.outcome <> 'stale')
             OR t.losses <> (SELECT count(*) FROM nas.attempt a WHERE a.trial = t.id AND a.outcome = 'lost')"
        ),
        0,
        "claims without an end"
    );
}

#[test]
fn a_search_is_the_same_with_any_number_of_workers() {
    let expected = undisturbed(40, 6);
    for agents in [1, 3] {
        let Some(server) = Server::start() else { return };
        let stop = Stop::new();
        let records = scope(|scope| {
            for slots in 1..=agents {
                let (address, stop) = (server.address(), &stop);
                scope.spawn(move || serve(&address, slots, Duration::from_millis(3), stop, None));
            }
            let mut store = Store::in_memory().unwrap();
            let coordinator = coordinator(&server.address(), &Stop::new(), fast()).unwrap();
            let result = study(40, 6, &mut store, &coordinator);
            stop.request();
            result.unwrap();
            coordinator.finish().unwrap();
            lasting(&store.records().trials().unwrap())
        });
        assert_eq!(records, expected, "{agents} agents");
        check_rules(&server, 40);
        let overview = Overview::read(&server.address()).unwrap();
        let [only] = overview.studies.as_slice() else {
            panic!("{overview:?}")
        };
        assert!(only.finished && only.owner.is_none());
        assert_eq!((only.done, only.queued, only.lost, only.recent), (40, 0, 0, 40));
        assert_eq!(overview.workers, [], "they have said that they end");
    }
}

#[test]
fn workers_that_are_killed_cost_time_and_nothing_else() {
    let Some(server) = Server::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let url = server.url(server.port);
    let database = folder.path().join("study.db");
    let (trials, kills) = (30, times(5, 100));
    let trials = trials + 2 * u64::from(kills);
    let mut search = Process::study(&url, trials, 4, &database);
    let log = folder.path().join("log");
    let mut workers: Vec<Process> = (0..2).map(|_| Process::worker(&url, 40, 2, &log)).collect();
    for kill in 0..kills {
        // Not at the same place in a trial each time.
        sleep(Duration::from_millis(300 + 37 * u64::from(kill % 11)));
        let victim = kill as usize % 2;
        workers[victim].signal("-KILL");
        workers[victim] = Process::worker(&url, 40, 2, &log);
    }
    assert!(search.ends(300).success());
    let store = Store::open(&database).unwrap();
    let records = store.records().trials().unwrap();
    // Unlucky trials are lost too often; all others are as in the undisturbed search until then.
    let given_up = server.number("SELECT count(*) FROM nas.trial WHERE state = 3");
    assert_eq!(given_up, 0, "four kills have met the same trial");
    assert_eq!(lasting(&records), undisturbed(trials, 4));
    check_rules(&server, trials as i64);
    assert!(server.number("SELECT count(*) FROM nas.attempt WHERE outcome = 'lost'") > 0);
    // Nobody waited longer than a lease, a look for expired ones, and a second.
    let late = server.number(
        "SELECT count(*) FROM nas.attempt WHERE outcome = 'lost' AND ended - started > interval '6 seconds'",
    );
    assert_eq!(late, 0);
    // The study has them as attempts.
    let lost = server.number("SELECT sum(losses)::bigint FROM nas.trial");
    assert_eq!(store.records().attempts().unwrap().len() as i64, lost);
}

#[test]
fn a_study_that_is_killed_again_and_again_proposes_the_same() {
    let Some(server) = Server::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let url = server.url(server.port);
    let database = folder.path().join("study.db");
    let trials = 60;
    let mut worker = Process::worker(&url, 15, 2, &folder.path().join("log"));
    let mut kills = 0;
    loop {
        let mut search = Process::study(&url, trials, 4, &database);
        // Longer each time, so that it gets further; at another place each time.
        sleep(Duration::from_millis(60 + 23 * kills));
        match search.0.try_wait().unwrap() {
            Some(status) => {
                assert!(status.success());
                break;
            }
            None => search.signal("-KILL"),
        }
        kills += 1;
        assert!(kills < 60, "it does not get on");
    }
    assert!(kills >= 3, "{kills} kills");
    let store = Store::open(&database).unwrap();
    assert_eq!(
        lasting(&store.records().trials().unwrap()),
        undisturbed(trials, 4)
    );
    check_rules(&server, trials as i64);
    // Workers were never disturbed by it.
    assert_eq!(
        server.number("SELECT count(*) FROM nas.attempt WHERE outcome <> 'done'"),
        0
    );
    fs::write(folder.path().join("log.stop"), "").unwrap();
    assert!(worker.ends(20).success());
}

#[test]
fn a_study_whose_machine_is_lost_continues_elsewhere() {
    let Some(server) = Server::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let url = server.url(server.port);
    let _worker = Process::worker(&url, 10, 2, &folder.path().join("log"));
    let mut first = Process::study(&url, 50, 4, &folder.path().join("first.db"));
    while server.number("SELECT CASE WHEN to_regclass('nas.result') IS NULL THEN 0 ELSE 1 END::bigint") == 0
        || server.number("SELECT count(*) FROM nas.result") < 10
    {
        sleep(Duration::from_millis(20));
    }
    first.signal("-STOP");
    // Without any record of its own, on another machine: what was done is not done again.
    let before = server.number("SELECT count(*) FROM nas.result");
    let database = folder.path().join("second.db");
    let mut second = Process::study(&url, 50, 4, &database);
    assert!(second.ends(60).success());
    assert!(before >= 10);
    let store = Store::open(&database).unwrap();
    assert_eq!(lasting(&store.records().trials().unwrap()), undisturbed(50, 4));
    check_rules(&server, 50);
    // The first one was not dead. It may do nothing any more.
    first.signal("-CONT");
    assert!(!first.ends(20).success());
    let error = fs::read_to_string(folder.path().join("first.error")).unwrap();
    assert!(error.contains("another process"), "{error}");
    check_rules(&server, 50);
}
