//! Killed at any moment and resumed, a study gives what it would have given.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use nas_space::search::{Budget, Evaluation, Failure, FailureKind, Trial};

use crate::testing::{Evaluate, config, options, run, synthetic, timeless};
use crate::{Duplicates, Event, RunDir, Silent, Store, StudyConfig, Summary, TrialRecord};

/// Trials, failures and duplicates; a budget of seconds, so that costs decide too.
fn study() -> StudyConfig {
    let budget = Budget {
        trials: Some(10),
        epochs: None,
        seconds: Some(9.5),
    };
    StudyConfig {
        duplicates: Duplicates::Reuse,
        ..config(budget, 3)
    }
}

fn evaluate(trial: &Trial) -> Result<Evaluation, Failure> {
    if trial.id == 4 {
        return Err(Failure::new(FailureKind::TimedOut, "took too long"));
    }
    synthetic(trial)
}

fn whole() -> (Summary, Vec<TrialRecord>) {
    let mut store = Store::in_memory().unwrap();
    let summary = run(
        &mut store,
        &study(),
        &Evaluate(evaluate),
        &options(1),
        &mut Silent,
    )
    .unwrap();
    (summary, timeless(&store))
}

/// What a killed process would leave: the database with its write-ahead log, without the lock.
fn copy(database: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for ending in ["db", "db-wal"] {
        let file = database.with_extension(ending);
        if file.exists() {
            fs::copy(&file, to.join(file.file_name().unwrap())).unwrap();
        }
    }
}

/// The file is copied at every event, that is after every commit, and within every evaluation.
#[test]
fn resumed_from_the_state_after_any_commit_it_gives_the_same() {
    let (summary, records) = whole();
    assert!(
        records.len() > 5
            && records
                .iter()
                .any(|record| record.conclusion.as_ref().is_some_and(|c| c.result.is_err()))
    );
    let dir = tempfile::tempdir().unwrap();
    let copies: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());
    let database = dir.path().join("study.db");
    let snapshot = || {
        let mut copies = copies.lock().unwrap();
        let to = dir.path().join(copies.len().to_string());
        copy(&database, &to);
        copies.push(to);
    };
    let mut store = Store::create(&database).unwrap();
    snapshot();
    let evaluator = Evaluate(|trial: &Trial| {
        snapshot();
        evaluate(trial)
    });
    run(&mut store, &study(), &evaluator, &options(1), &mut |_: &Event| {
        snapshot();
    })
    .unwrap();
    assert_eq!(timeless(&store), records);
    let copies = copies.into_inner().unwrap();
    assert!(copies.len() > 25, "{}", copies.len());
    let mut unfinished = 0;
    for copy in copies {
        let mut store = Store::open(copy.join("study.db")).unwrap();
        unfinished += usize::from(
            store
                .records()
                .trials()
                .unwrap()
                .iter()
                .any(|r| r.conclusion.is_none()),
        );
        let resumed = run(
            &mut store,
            &study(),
            &Evaluate(evaluate),
            &options(2),
            &mut Silent,
        )
        .unwrap();
        assert_eq!(timeless(&store), records, "from {}", copy.display());
        assert_eq!(
            (resumed.best, resumed.failed),
            (summary.best.clone(), summary.failed)
        );
    }
    assert!(unfinished > 5, "trials were under way in {unfinished} copies");
}

const CHILD: &str = "NAS_STUDY_TEST_CHILD";

/// This test runs itself in a process that dies within an evaluation, without unwinding and without
/// closing anything: first within its first one, the next process within its second one, until one
/// gets through.
#[test]
fn a_process_that_dies_again_and_again_comes_to_the_same_end() {
    if let Ok(child) = env::var(CHILD) {
        let mut words = child.splitn(3, ' ');
        let mut number = || words.next().unwrap().parse().unwrap();
        let (workers, deadly) = (number(), number());
        return die_in_evaluation(deadly, workers, Path::new(words.next().unwrap()));
    }
    let (summary, records) = whole();
    for workers in [1, 3] {
        let dir = tempfile::tempdir().unwrap();
        let (directory, store) = RunDir::create(dir.path().join("run"), &study()).unwrap();
        drop(store);
        let mut deaths = 0;
        loop {
            let output = Command::new(env::current_exe().unwrap())
                .args(["--exact", "--test-threads=1", THIS_TEST])
                .env(
                    CHILD,
                    format!("{workers} {} {}", deaths + 1, directory.path().display()),
                )
                .output()
                .unwrap();
            if output.status.success() {
                break;
            }
            deaths += 1;
            assert!(deaths < 12, "{}", String::from_utf8_lossy(&output.stderr));
        }
        assert!(deaths > 2, "{deaths}");
        let store = directory.store().unwrap();
        assert_eq!(timeless(&store), records, "{workers} workers");
        let resumed = store.records().summary().unwrap();
        assert_eq!((resumed.best, resumed.end), (summary.best.clone(), summary.end));
    }
}

const THIS_TEST: &str = "run::tests::crash::a_process_that_dies_again_and_again_comes_to_the_same_end";

fn die_in_evaluation(deadly: usize, workers: usize, directory: &Path) {
    let run_dir = RunDir::open(directory).unwrap();
    let config: StudyConfig = run_dir.read_config().unwrap();
    let mut store = run_dir.store().unwrap();
    let evaluations = Mutex::new(0);
    let evaluator = Evaluate(|trial: &Trial| {
        {
            let mut evaluations = evaluations.lock().unwrap();
            *evaluations += 1;
            if *evaluations == deadly {
                std::process::abort();
            }
        }
        evaluate(trial)
    });
    run(&mut store, &config, &evaluator, &options(workers), &mut Silent).unwrap();
}
