use std::collections::BTreeMap;
use std::fs;

use nas_space::arch::Architecture;
use nas_space::search::{Budget, Continued, Evaluation, Failure, FailureKind, Fidelity, Trial};
use nas_space::seed::Seed;
use rusqlite::Connection;

use super::*;
use crate::testing::{Evaluate, config, evaluation, options, run, synthetic};
use crate::{Duplicates, Silent};

fn trial(id: TrialId) -> TrialRecord {
    TrialRecord {
        trial: Trial {
            id,
            architecture: Architecture::new([10, 0, 3]),
            fidelity: Fidelity { epochs: u32::MAX },
            seed: Seed::new(u64::MAX),
            continues: None,
        },
        genotype: Some("{\"a\": 'b'}".to_owned()),
        reused_from: (id > 0).then_some(0),
        asked_unix_seconds: 1.7e9 + 0.1,
        ask_seconds: 1e-300,
        tell_seconds: None,
        conclusion: None,
    }
}

fn conclusion(result: Result<Evaluation, Failure>) -> Conclusion {
    Conclusion {
        result,
        cost_seconds: 0.1 + 0.2,
        finished_unix_seconds: 3.3,
    }
}

fn full(path: &Path) -> Store {
    let mut store = Store::create(path).unwrap();
    let config = config(Budget::trials(30), 1);
    run(
        &mut store,
        &config,
        &Evaluate(synthetic),
        &options(1),
        &mut Silent,
    )
    .unwrap();
    store
}

/// Every number comes back with the bits it had.
#[test]
fn a_study_reads_back_as_it_was_written() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("study.db");
    let mut store = Store::create(&path).unwrap();
    assert!(store.records().study().unwrap().is_none());
    let config = StudyConfig {
        seed: Seed::new(u64::MAX),
        duplicates: Duplicates::Reuse,
        // Decimal texts of these are easily read one bit off.
        budget: Budget {
            trials: Some(5),
            epochs: None,
            seconds: Some(8.533_803_584_276_318e-5),
        },
        ..config(Budget::default(), 4)
    };
    store.begin(&config, "[]").unwrap();
    let extreme = Evaluation {
        valid_accuracy: 5e-324,
        valid_loss: Some(f64::MAX),
        train_accuracy: Some(8.533_803_584_276_318e-5),
        train_loss: None,
        params: Some(i64::MAX as u64),
        macs: Some(0),
        figures: BTreeMap::from([("latency 'ü'".to_owned(), 8.533_803_584_276_318e-5)]),
        epochs: u32::MAX,
        cost_seconds: 0.1 + 0.2,
        device: "cuda:0 'ü'\n".to_owned(),
    };
    let failure = Failure::new(
        FailureKind::LostWorker,
        "line 1\nline 2 \u{1f980} '; DROP TABLE trials; --",
    );
    let mut records = vec![trial(0), trial(1), trial(2)];
    let asked = records.iter().cloned().map(Change::Asked);
    store.apply(&asked.collect::<Vec<_>>()).unwrap();
    records[0].conclusion = Some(conclusion(Ok(extreme)));
    records[1].conclusion = Some(conclusion(Err(failure)));
    records[0].tell_seconds = Some(0.7);
    let finished = |id: usize| Change::Finished(id as u64, records[id].conclusion.clone().unwrap());
    store
        .apply(&[finished(0), finished(1), Change::Told(0, 0.7)])
        .unwrap();
    drop(store);

    let read = Records::open(&path).unwrap();
    assert_eq!(read.study().unwrap().unwrap().config, config);
    assert_eq!(read.trials().unwrap(), records);
}

#[test]
fn steps_are_written_all_or_none() {
    let mut store = Store::in_memory().unwrap();
    store.apply(&[Change::Asked(trial(0))]).unwrap();
    let done = Change::Finished(0, conclusion(Ok(evaluation(0.5))));
    let unknown = Change::Finished(9, conclusion(Ok(evaluation(0.5))));
    let refused = store.apply(&[done.clone(), unknown]).unwrap_err();
    assert!(matches!(refused, StoreError::Trial { trial: 9, .. }), "{refused}");
    assert_eq!(store.records().trials().unwrap(), [trial(0)]);
    store.apply(std::slice::from_ref(&done)).unwrap();
    assert!(store.apply(&[done]).is_err(), "an outcome is never replaced");
    assert!(
        store.apply(&[Change::Asked(trial(0))]).is_err(),
        "nor is a proposal"
    );
}

#[test]
fn a_commit_waits_for_the_disk() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::create(dir.path().join("study.db")).unwrap();
    let pragma = |name: &str| -> String {
        let value = |row: &rusqlite::Row<'_>| row.get::<_, rusqlite::types::Value>(0);
        let value = store
            .records
            .connection
            .pragma_query_value(None, name, value)
            .unwrap();
        format!("{value:?}")
    };
    assert_eq!(pragma("journal_mode"), r#"Text("wal")"#);
    assert_eq!(pragma("synchronous"), "Integer(2)");
    assert_eq!(pragma("foreign_keys"), "Integer(1)");
}

#[test]
fn a_file_that_is_there_is_not_created_over() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("study.db");
    fs::write(&path, "letters").unwrap();
    assert!(matches!(
        Store::create(&path).unwrap_err(),
        StoreError::Exists { .. }
    ));
    assert_eq!(fs::read_to_string(&path).unwrap(), "letters");
}

#[test]
fn a_file_that_is_no_study_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("study.db");
    assert!(matches!(
        Store::open(&path).unwrap_err(),
        StoreError::Missing { .. }
    ));
    assert!(matches!(
        Records::open(&path).unwrap_err(),
        StoreError::Missing { .. }
    ));

    fs::write(&path, "these are letters, and more of them").unwrap();
    assert!(matches!(
        Store::open(&path).unwrap_err(),
        StoreError::NotADatabase { .. }
    ));
    assert!(matches!(
        Records::open(&path).unwrap_err(),
        StoreError::NotADatabase { .. }
    ));
    fs::write(&path, "x").unwrap();
    assert!(matches!(
        Store::open(&path).unwrap_err(),
        StoreError::NotADatabase { .. }
    ));

    fs::remove_file(&path).unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("CREATE TABLE recipes (name TEXT)").unwrap();
    drop(other);
    let before = fs::read(&path).unwrap();
    for error in [Store::open(&path).unwrap_err(), Records::open(&path).unwrap_err()] {
        assert!(matches!(error, StoreError::Foreign { got: 0, .. }), "{error}");
    }
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn a_study_of_a_newer_version_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("study.db");
    drop(full(&path));
    let newer = Connection::open(&path).unwrap();
    newer
        .pragma_update(None, "user_version", schema::SCHEMA_VERSION + 1)
        .unwrap();
    drop(newer);
    for error in [Store::open(&path).unwrap_err(), Records::open(&path).unwrap_err()] {
        assert!(
            matches!(
                error,
                StoreError::Version {
                    got,
                    expected: schema::SCHEMA_VERSION,
                    ..
                } if got == schema::SCHEMA_VERSION + 1
            ),
            "{error}"
        );
    }
}

/// Cut in the header, within a page and between pages, and with a page of noise.
#[test]
fn a_torn_file_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("study.db");
    drop(full(&path));
    let whole = fs::read(&path).unwrap();
    assert!(whole.len() >= 3 * 4096 && !path.with_extension("db-wal").exists());
    let cut = |len: usize| whole[..len].to_vec();
    let mut noisy = whole.clone();
    noisy[2 * 4096..3 * 4096].fill(0xa5);
    for torn in [
        cut(20),
        cut(2000),
        cut(4096),
        cut(whole.len() - 4096),
        cut(whole.len() - 7),
        noisy,
    ] {
        fs::write(&path, &torn).unwrap();
        for error in [Store::open(&path).unwrap_err(), Records::open(&path).unwrap_err()] {
            assert!(
                matches!(
                    error,
                    StoreError::Damaged { .. } | StoreError::NotADatabase { .. }
                ),
                "{} bytes: {error}",
                torn.len()
            );
        }
        assert_eq!(fs::read(&path).unwrap(), torn);
    }
}

#[test]
fn records_that_contradict_themselves_are_damage() {
    let spoils = [
        "DELETE FROM trials WHERE id = 3",
        "UPDATE trials SET choices = '1.x' WHERE id = 3",
        "UPDATE trials SET seed = '-1' WHERE id = 3",
        "UPDATE trials SET device = NULL WHERE id = 3",
        "UPDATE trials SET fidelity_epochs = -1 WHERE id = 3",
        "UPDATE trials SET state = 'failed', valid_accuracy = NULL, failure_kind = 'bored' WHERE id = 3",
    ];
    for spoil in spoils {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("study.db");
        let store = full(&path);
        store.records.connection.execute_batch(spoil).unwrap();
        let error = store.records().trials().unwrap_err();
        assert!(matches!(error, StoreError::Damaged { .. }), "{spoil}: {error}");
    }
}

#[test]
fn a_study_that_is_being_run_can_be_read_and_not_run_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("study.db");
    let store = full(&path);
    let refused = Store::open(&path).unwrap_err();
    assert!(
        refused
            .to_string()
            .contains(&format!("pid {}", std::process::id())),
        "{refused}"
    );
    let read = Records::open(&path).unwrap();
    assert_eq!(read.trials().unwrap(), store.records().trials().unwrap());
    drop(store);
    Store::open(&path).unwrap();
}

#[test]
fn a_reader_cannot_write() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("study.db");
    drop(full(&path));
    let read = Records::open(&path).unwrap();
    assert!(read.connection.execute("DELETE FROM trials", []).is_err());
}

/// What a process leaves that is killed while it creates the file.
#[test]
fn an_unfinished_file_becomes_an_empty_store() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("study.db");
    fs::write(&path, "").unwrap();
    assert!(matches!(
        Records::open(&path).unwrap_err(),
        StoreError::Empty { .. }
    ));
    drop(Store::open(&path).unwrap());
    let read = Records::open(&path).unwrap();
    assert!(read.study().unwrap().is_none());
    assert!(matches!(read.summary().unwrap_err(), StoreError::Empty { .. }));

    let torn = dir.path().join("torn.db");
    let connection = Connection::open(&torn).unwrap();
    connection.pragma_update(None, "journal_mode", "wal").unwrap();
    drop(connection);
    Store::open(&torn).unwrap();
}

/// The tables of version 1, as that version made them.
fn of_version_1(path: &Path) {
    let connection = Connection::open(path).unwrap();
    connection
        .execute_batch(
            "DROP TABLE attempts;
             ALTER TABLE trials DROP COLUMN continues;
             ALTER TABLE trials DROP COLUMN figures;
             PRAGMA user_version = 1;",
        )
        .unwrap();
}

#[test]
fn a_store_of_version_1_is_read_as_it_is_and_written_on_with_all_it_holds() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("study.db");
    let store = full(&path);
    let (trials, summary) = (
        store.records().trials().unwrap(),
        store.records().summary().unwrap(),
    );
    drop(store);
    of_version_1(&path);
    let before = fs::read(&path).unwrap();
    let read = Records::open(&path).unwrap();
    assert_eq!(read.trials().unwrap(), trials);
    assert_eq!(read.summary().unwrap(), summary);
    assert_eq!(read.attempts().unwrap(), []);
    let standing = read.standing().unwrap();
    assert_eq!((standing.asked, standing.epochs), (30, summary.epochs));
    drop(read);
    assert_eq!(fs::read(&path).unwrap(), before, "reading migrates nothing");
    let mut store = Store::open(&path).unwrap();
    assert_eq!(store.records().trials().unwrap(), trials);
    let config = config(Budget::trials(30), 1);
    run(
        &mut store,
        &config,
        &Evaluate(synthetic),
        &options(1),
        &mut Silent,
    )
    .unwrap();
    assert_eq!(store.records().trials().unwrap(), trials, "it is resumed");
    // What the new column is for.
    let continued = TrialRecord {
        trial: Trial {
            id: 30,
            continues: Some(Continued {
                trial: 3,
                epochs: trials[3].trial.fidelity.epochs,
            }),
            ..trials[3].trial.clone()
        },
        ..trial(30)
    };
    store.apply(&[Change::Asked(continued.clone())]).unwrap();
    assert_eq!(store.records().trials().unwrap()[30], continued);
    drop(store);
    assert_eq!(
        Store::open(&path).unwrap().records().trials().unwrap()[30],
        continued
    );
}

#[test]
fn a_trial_that_continues_a_later_one_is_damage() {
    let dir = tempfile::tempdir().unwrap();
    let store = full(&dir.path().join("study.db"));
    for continued in [3, 4] {
        let spoil = format!("UPDATE trials SET continues = {continued} WHERE id = 3");
        store.records.connection.execute_batch(&spoil).unwrap();
        let error = store.records().trials().unwrap_err();
        assert!(error.to_string().contains("trial 3 continues"), "{error}");
    }
}
