//! Single statements: what is refused, and what is only found out afterwards.

use super::conformance::{answer, job, shared};
use super::fast;
use crate::queue::{Completion, Queue};
use crate::testing::Server;
use crate::{Address, ClusterError, Overview};

#[test]
fn tables_are_created_once_by_whoever_comes_first() {
    let Some(server) = Server::start() else { return };
    let address = server.address();
    let refused = Overview::read(&address).unwrap_err().to_string();
    assert!(refused.contains("--store"), "{refused}");
    std::thread::scope(|scope| {
        let created: Vec<_> = (0..6)
            .map(|_| scope.spawn(|| Queue::new(&address, fast().lease).unwrap().create_tables()))
            .collect();
        for thread in created {
            thread.join().unwrap().unwrap();
        }
    });
    assert_eq!(server.number("SELECT count(*) FROM nas.format"), 1);
    assert_eq!(
        Overview::read(&address).unwrap(),
        Overview {
            studies: vec![],
            workers: vec![]
        }
    );
    server.execute("UPDATE nas.format SET version = 99");
    let mut queue = Queue::new(&address, fast().lease).unwrap();
    match queue.create_tables().unwrap_err() {
        ClusterError::Version { got: 99, .. } => {}
        other => panic!("{other}"),
    }
}

#[test]
fn a_server_that_loses_what_it_acknowledges_is_refused() {
    let Some(server) = Server::start() else { return };
    server.configure("synchronous_commit", "off");
    server.configure("fsync", "off");
    let refused = Queue::new(&server.address(), fast().lease)
        .unwrap()
        .create_tables()
        .unwrap_err()
        .to_string();
    assert!(
        refused.contains("fsync is off") && refused.contains("synchronous_commit is off"),
        "{refused}"
    );
    assert!(crate::check(&server.address()).unwrap().format.is_none());
}

#[test]
fn an_address_without_a_server_is_said_to_be_one() {
    let address = Address::parse("postgres://nas@127.0.0.1:9/x").unwrap();
    let error = crate::check(&address).unwrap_err();
    assert!(error.is_transient());
    assert!(error.to_string().contains("127.0.0.1:9"), "{error}");
}

#[test]
fn an_earlier_owner_is_refused() {
    let Some(server) = Server::start() else { return };
    let mut queue = Queue::new(&server.address(), fast().lease).unwrap();
    queue.create_tables().unwrap();
    let study = shared(&mut queue);
    let first = queue.own(&study, "one").unwrap();
    queue.propose(&study, first, &[job(0)]).unwrap();
    let second = queue.own(&study, "two").unwrap();
    assert!(second > first);
    for refused in [
        queue.propose(&study, first, &[job(1)]),
        queue.owner_beat(&study, first),
        queue.finish(&study, first),
    ] {
        assert!(matches!(refused, Err(ClusterError::TakenOver { .. })));
    }
    assert_eq!(server.number("SELECT count(*) FROM nas.trial"), 1);
    queue.propose(&study, second, &[job(0), job(1)]).unwrap();
    // Another trial of the same number is another search.
    let other = nas_study::processes::protocol::Job { epochs: 9, ..job(1) };
    match queue.propose(&study, second, &[job(0), other]).unwrap_err() {
        ClusterError::Differs { trial: 1, .. } => {}
        refused => panic!("{refused}"),
    }
    let other = crate::Shared {
        description: "another".to_owned(),
        ..study
    };
    let refused = queue.own(&other, "three").unwrap_err().to_string();
    assert!(refused.contains("another evaluator"), "{refused}");
}

#[test]
fn a_claim_whose_reply_was_lost_is_adopted() {
    let Some(server) = Server::start() else { return };
    let mut queue = Queue::new(&server.address(), fast().lease).unwrap();
    queue.create_tables().unwrap();
    let study = shared(&mut queue);
    let owner = queue.own(&study, "test").unwrap();
    queue.propose(&study, owner, &[job(0), job(1)]).unwrap();
    let worker = queue.register("host", 1, "test").unwrap();
    let other = queue.register("host", 1, "test").unwrap();
    let (first, _) = queue.claim(&study, &worker).unwrap().unwrap();
    assert_eq!(queue.adopt(&study, &other, &[]).unwrap(), None);
    let (adopted, given) = queue.adopt(&study, &worker, &[]).unwrap().unwrap();
    assert_eq!((adopted, given), (first, job(0)));
    assert_eq!(queue.adopt(&study, &worker, &[first]).unwrap(), None);
    let stored = queue.complete(&worker, first, &answer(0), 0.5).unwrap();
    assert_eq!(stored, Completion::Stored);
}

/// The rights that the book gives to workers.
#[test]
fn a_worker_needs_the_rights_of_the_book_and_no_others() {
    let Some(server) = Server::start() else { return };
    let mut queue = Queue::new(&server.address(), fast().lease).unwrap();
    queue.create_tables().unwrap();
    let study = shared(&mut queue);
    let owner = queue.own(&study, "test").unwrap();
    queue.propose(&study, owner, &[job(0), job(1)]).unwrap();
    let rights = include_str!("../worker-rights.sql");
    server.execute(rights);
    let address = format!("postgres://worker@127.0.0.1:{}/postgres", server.port);
    let mut limited = Queue::new(&Address::parse(&address).unwrap(), fast().lease).unwrap();
    limited.refuse_unusable().unwrap();
    let worker = limited.register("host", 1, "test").unwrap();
    limited.open_study(None, &[]).unwrap().unwrap();
    let (claim, _) = limited.claim(&study, &worker).unwrap().unwrap();
    assert_eq!(
        limited.beat(&worker, &[claim], fast().reap).unwrap().renewed,
        [claim]
    );
    let stored = limited.complete(&worker, claim, &answer(0), 0.1).unwrap();
    assert_eq!(stored, Completion::Stored);
    assert_eq!(
        limited.complete(&worker, claim, &answer(0), 0.1).unwrap(),
        Completion::Already
    );
    let (claim, _) = limited.claim(&study, &worker).unwrap().unwrap();
    assert!(limited.release(claim, "test").unwrap());
    let (claim, _) = limited.claim(&study, &worker).unwrap().unwrap();
    server.execute(
        "UPDATE nas.lease SET expires = now() - interval '1 hour'; UPDATE nas.reaper SET last_run = now()",
    );
    assert_eq!(limited.reap().unwrap(), 1);
    assert_eq!(
        limited.complete(&worker, claim, &answer(1), 0.1).unwrap(),
        Completion::Refused
    );
    limited.note(&worker, Some("note"), true).unwrap();
    for refused in [
        limited.own(&study, "worker").map(drop),
        limited.propose(&study, owner, &[job(2)]),
        limited.finish(&study, owner),
    ] {
        let refused = refused.unwrap_err();
        assert!(refused.to_string().contains("permission denied"), "{refused}");
        assert!(!refused.is_transient());
    }
}

#[test]
fn after_a_gap_every_holder_gets_a_whole_lease_again() {
    let Some(server) = Server::start() else { return };
    let mut queue = Queue::new(&server.address(), fast().lease).unwrap();
    queue.create_tables().unwrap();
    let study = shared(&mut queue);
    let owner = queue.own(&study, "test").unwrap();
    queue.propose(&study, owner, &[job(0)]).unwrap();
    let worker = queue.register("host", 1, "test").unwrap();
    let (claim, _) = queue.claim(&study, &worker).unwrap().unwrap();
    let expire = "UPDATE nas.lease SET expires = now() - interval '1 hour'";
    // Nobody has looked for longer than half a lease.
    server.execute(expire);
    server.execute("UPDATE nas.reaper SET last_run = now() - interval '1 hour'");
    assert_eq!(queue.reap().unwrap(), 0);
    assert_eq!(
        server.number("SELECT count(*) FROM nas.lease WHERE expires > now()"),
        1
    );
    // Somebody has, but the server was started since.
    server.execute(expire);
    server.stop();
    server.restart();
    let mut reaped = queue.reap();
    if reaped.is_err() {
        reaped = queue.reap();
    }
    assert_eq!(reaped.unwrap(), 0);
    // Expired and not freed: it is renewed.
    server.execute(expire);
    assert_eq!(
        queue.beat(&worker, &[claim], fast().reap).unwrap().renewed,
        [claim]
    );
    server.execute(expire);
    assert_eq!(queue.reap().unwrap(), 1);
    assert_eq!(queue.beat(&worker, &[claim], fast().reap).unwrap().renewed, []);
    assert_eq!(
        queue.complete(&worker, claim, &answer(0), 0.1).unwrap(),
        Completion::Refused
    );
}

#[cfg(feature = "tls")]
#[test]
fn an_encrypted_connection_needs_a_certificate_that_is_trusted() {
    use std::process::Command;
    let Some(server) = Server::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let certificate = |name: &str| {
        let file = |ending: &str| folder.path().join(format!("{name}.{ending}"));
        let made = Command::new("openssl")
            .args([
                "req",
                "-x509",
                "-newkey",
                "rsa:2048",
                "-nodes",
                "-days",
                "2",
                "-subj",
                "/CN=localhost",
            ])
            .args([
                "-addext",
                "subjectAltName=DNS:localhost",
                "-addext",
                "basicConstraints=critical,CA:FALSE",
                "-keyout",
            ])
            .arg(file("key"))
            .arg("-out")
            .arg(file("crt"))
            .output();
        made.is_ok_and(|made| made.status.success())
            .then(|| (file("crt"), file("key")))
    };
    let (Some((own, key)), Some((other, _))) = (certificate("own"), certificate("other")) else {
        println!("skipped: no openssl to make certificates");
        return;
    };
    let url = format!(
        "postgres://nas@localhost:{}/postgres?sslmode=require",
        server.port
    );
    let connect = |root: &std::path::Path| {
        let address = Address::parse(&url).unwrap().trusting(root.to_owned());
        Queue::new(&address, fast().lease).unwrap().query(
            "testing",
            "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()",
            &[],
        )
    };
    let refused = connect(&own).unwrap_err().to_string();
    assert!(refused.contains("does not support TLS"), "{refused}");
    server.encrypt(&own, &key);
    assert!(connect(&own).unwrap()[0].get::<_, bool>(0));
    let refused = connect(&other).unwrap_err().to_string();
    assert!(refused.contains("certificate"), "{refused}");
    let missing = connect(&folder.path().join("none")).unwrap_err();
    assert!(missing.to_string().contains("none") && !missing.is_transient());
    // What asks for no encryption is not refused by it.
    let plain = Address::parse(&server.url(server.port)).unwrap();
    assert!(crate::check(&plain).unwrap().faults.is_empty());
}
