use std::collections::BTreeMap;
use std::fs;

use nas_space::arch::Architecture;
use nas_space::search::{
    Attempt, Budget, Direction, Evaluation, Failure, FailureKind, Fidelity, Metric, Scale, Trial, TrialId,
};
use nas_space::seed::Seed;
use rusqlite::Connection;

use super::*;
use crate::testing::{Evaluate, config, evaluation, options, run, synthetic};
use crate::{Duplicates, Silent};

fn trial(id: TrialId) -> TrialRecord {
    TrialRecord {
        trial: Trial::new(
            id,
            Architecture::new([10, 0, 3]),
            Fidelity { epochs: u32::MAX },
            Seed::new(u64::MAX),
        ),
        genotype: Some("{\"a\": 'b'}".to_owned()),
        reused_from: (id > 0).then_some(0),
        asked_unix_seconds: 1.7e9 + 0.1,
        ask_seconds: 1e-300,
        tell_seconds: None,
        completion: None,
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
    filled(Store::create(path).unwrap())
}

fn full_in_memory() -> Store {
    filled(Store::in_memory().unwrap())
}

/// With a study of 30 trials in it.
fn filled(mut store: Store) -> Store {
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
    let metric = Metric::new("loss", Direction::Lower, Scale::Plain).unwrap();
    store.begin(&config, "[]", &metric).unwrap();
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
        attempts: Vec::new(),
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
    let finished = |id: usize| {
        Change::Finished(
            id as u64,
            records[id].conclusion.clone().unwrap(),
            records[id].completion,
        )
    };
    store
        .apply(&[finished(0), finished(1), Change::Told(0, 0.7)])
        .unwrap();
    drop(store);

    let read = Records::open(&path).unwrap();
    let study = read.study().unwrap().unwrap();
    assert_eq!((study.config, study.metric), (config, metric));
    assert_eq!(read.trials().unwrap(), records);
}

#[test]
fn steps_are_written_all_or_none() {
    let mut store = Store::in_memory().unwrap();
    store.apply(&[Change::Asked(trial(0))]).unwrap();
    let done = Change::Finished(0, conclusion(Ok(evaluation(0.5))), None);
    let unknown = Change::Finished(9, conclusion(Ok(evaluation(0.5))), None);
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
fn a_study_of_another_version_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("study.db");
    drop(full(&path));
    for version in [schema::SCHEMA_VERSION - 1, schema::SCHEMA_VERSION + 1] {
        let other = Connection::open(&path).unwrap();
        other.pragma_update(None, "user_version", version).unwrap();
        drop(other);
        let before = fs::read(&path).unwrap();
        for error in [Store::open(&path).unwrap_err(), Records::open(&path).unwrap_err()] {
            assert!(
                matches!(
                    error,
                    StoreError::Version {
                        got,
                        expected: schema::SCHEMA_VERSION,
                        ..
                    } if got == version
                ),
                "{error}"
            );
        }
        assert_eq!(fs::read(&path).unwrap(), before);
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

/// Changes rows as nobody should, and makes up for it in their checksums.
fn spoil(store: &mut Store, how: &str) {
    let transaction = store.records.connection.transaction().unwrap();
    transaction.execute_batch(how).unwrap();
    write::seal(&transaction, "trials", &records::TRIALS).unwrap();
    transaction.commit().unwrap();
}

#[test]
fn records_that_contradict_themselves_are_damage() {
    let spoils = [
        ("DELETE FROM trials WHERE id = 3", "trial 3 is missing"),
        (
            "UPDATE trials SET choices = '1.x' WHERE id = 3",
            "trial 3 has the choices '1.x'",
        ),
        (
            "UPDATE trials SET seed = '-1' WHERE id = 3",
            "trial 3 has the seed '-1'",
        ),
        ("UPDATE trials SET device = NULL WHERE id = 3", "Null"),
        ("UPDATE trials SET fidelity_epochs = -1 WHERE id = 3", "-1"),
        (
            "UPDATE trials SET state = 'failed', valid_accuracy = NULL, failure_kind = 'bored' WHERE id = 3",
            "bored",
        ),
        (
            "UPDATE trials SET valid_accuracy = 7 WHERE id = 3",
            "trial 3: the validation accuracy is 7",
        ),
        (
            "UPDATE trials SET valid_accuracy = 9e999 WHERE id = 3",
            "trial 3: the validation accuracy is infinite",
        ),
        (
            "UPDATE trials SET cost_seconds = 9e999 WHERE id = 3",
            "are inf seconds",
        ),
        (
            "UPDATE trials SET cost_seconds = -1 WHERE id = 3",
            "are -1 seconds",
        ),
        (
            "UPDATE trials SET tell_seconds = -1 WHERE id = 3",
            "are -1 seconds",
        ),
    ];
    for (how, why) in spoils {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("study.db");
        let mut store = full(&path);
        spoil(&mut store, how);
        let error = store.records().trials().unwrap_err();
        assert!(matches!(error, StoreError::Damaged { .. }), "{how}: {error}");
        assert!(error.to_string().contains(why), "{how}: {error}");
    }
}

/// An accuracy of 7 was shown as 700 % by every command.
#[test]
fn rows_that_something_else_wrote_in_are_damage() {
    let spoils = [
        "UPDATE trials SET valid_accuracy = 7 WHERE id = 3",
        "UPDATE trials SET valid_accuracy = valid_accuracy + 1e-15 WHERE id = 3",
        "UPDATE trials SET valid_loss = NULL WHERE id = 3",
        "UPDATE trials SET params = 3 WHERE id = 3",
        "UPDATE trials SET train_loss = valid_loss, valid_loss = train_loss WHERE id = 3",
        "UPDATE trials SET genotype = NULL WHERE id = 3",
        "UPDATE trials SET tell_seconds = 0.5 WHERE id = 3",
        "UPDATE trials SET checksum = 0 WHERE id = 3",
        // Two trials whose rows were swapped.
        "UPDATE trials SET id = 99 WHERE id = 3;
         UPDATE trials SET id = 3 WHERE id = 4;
         UPDATE trials SET id = 4 WHERE id = 99",
    ];
    for how in spoils {
        let store = full_in_memory();
        store.records.connection.execute_batch(how).unwrap();
        let error = store.records().trials().unwrap_err();
        assert!(
            error.to_string().contains("trial 3 does not match its checksum"),
            "{how}: {error}"
        );
        assert!(store.records().summary().is_err(), "{how}");
    }
    let of_study = [
        "UPDATE study SET budget_seconds = 1e9",
        "UPDATE study SET ended = 'stopped'",
        "UPDATE study SET config = replace(config, '30', '31')",
    ];
    for how in of_study {
        let store = full_in_memory();
        store.records.connection.execute_batch(how).unwrap();
        let error = store.records().study().unwrap_err();
        assert!(error.to_string().contains("the study does not match"), "{error}");
    }
}

#[test]
fn a_glance_believes_no_more_than_a_report() {
    for how in [
        "UPDATE trials SET valid_accuracy = 7 WHERE id = 3",
        "UPDATE trials SET cost_seconds = -1 WHERE id = 3",
        "UPDATE trials SET cost_seconds = 9e999 WHERE id = 3",
    ] {
        let store = full_in_memory();
        store.records.connection.execute_batch(how).unwrap();
        let error = store.records().standing().unwrap_err();
        assert!(matches!(error, StoreError::Damaged { .. }), "{how}: {error}");
    }
}

#[test]
fn attempts_have_checksums_too() {
    let mut store = full_in_memory();
    let lost = Attempt {
        failure: Failure::new(FailureKind::LostWorker, "gone"),
        seconds: 0.25,
    };
    store.apply(&[Change::Attempted(3, lost.clone())]).unwrap();
    let attempts = store.records().attempts().unwrap();
    assert_eq!((attempts[0].trial, &attempts[0].attempt), (3, &lost));
    let connection = &store.records.connection;
    connection.execute("UPDATE attempts SET trial = 4", []).unwrap();
    let error = store.records().attempts().unwrap_err();
    assert!(
        error
            .to_string()
            .contains("attempt 1 does not match its checksum"),
        "{error}"
    );
}

/// What is shown of a study is that of its metric: a loss of 7 is one, an accuracy of 7 is none.
#[test]
fn scores_are_checked_by_the_metric_on_record() {
    let mut store = Store::in_memory().unwrap();
    let loss = Metric::new("loss", Direction::Lower, Scale::Plain).unwrap();
    store.begin(&config(Budget::trials(1), 1), "[]", &loss).unwrap();
    let done = Change::Finished(0, conclusion(Ok(evaluation(-7.0))), None);
    store.apply(&[Change::Asked(trial(0)), done]).unwrap();
    assert_eq!(store.records().trials().unwrap().len(), 1);
    let standing = store.records().standing().unwrap();
    assert_eq!(standing.best.unwrap().valid_accuracy, -7.0);
    let connection = &store.records.connection;
    connection
        .execute("UPDATE study SET metric = replace(metric, 'plain', 'share')", [])
        .unwrap();
    assert!(store.records().trials().is_err());
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

#[test]
fn a_trial_that_continues_a_later_one_is_damage() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = full(&dir.path().join("study.db"));
    for continued in [3, 4] {
        let how = format!("UPDATE trials SET continues = {continued} WHERE id = 3");
        spoil(&mut store, &how);
        let error = store.records().trials().unwrap_err();
        assert!(error.to_string().contains("trial 3 continues"), "{error}");
    }
}
