//! What studies are made of and what they write down.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Result;
use nas_evo::{RandomSearch, RandomSearchConfig};
use nas_space::search::{Budget, Evaluator as _, Fidelity};
use nas_space::seed::Seed;
use nas_study::compare::Journal;
use nas_study::{Best, Parts, PreparedStudy, Records, RunDir, RunOptions, Silent, Store, StudyConfig};
use nas_tables::{TabularEvaluator, built_in};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::images::put;
use super::{MIB, TOML};
use crate::target::{Due, Target, Use};

const WORDS: &[&str] = &[
    "format",
    "method",
    "parameters",
    "space",
    "evaluator",
    "seed",
    "batch",
    "tell",
    "completion",
    "duplicates",
    "fidelity",
    "epochs",
    "budget",
    "trials",
    "seconds",
    "evaluate",
    "reuse",
    "trial",
    "architecture",
    "genotype",
    "valid_accuracy",
    "version",
    "identity",
    "task",
    "run",
    "test_accuracy",
    "failed",
    "image_passes",
    "trial_seconds",
    "strategy_seconds",
    "final_seconds",
    "incumbents",
    "null",
    "nas-comparison",
    "[",
    "]",
    "{",
    "}",
    "nan",
    "inf",
];

/// A study's configuration, as TOML or, where it begins with a brace, as JSON.
pub(super) fn config() -> Result<Target> {
    Ok(Target {
        read: TOML,
        using: TOML,
        ..Target::new("study-config", WORDS, |input, _| {
            let text = std::str::from_utf8(input).map_err(|_| "not a text".to_owned())?;
            let config: StudyConfig = if text.starts_with('{') {
                serde_json::from_str(text).map_err(|error| error.to_string())?
            } else {
                toml::from_str(text).map_err(|error| error.message().to_owned())?
            };
            Ok(Box::new(move || {
                // What is out of range is refused here, not a number that is none compared with itself.
                if config.validate().is_err() {
                    return Ok(());
                }
                json_round_trip(&config)?;
                if let Ok(text) = toml::to_string(&config)
                    && toml::from_str::<StudyConfig>(&text).ok().as_ref() != Some(&config)
                {
                    return Err(format!("as TOML it comes back changed: {text}"));
                }
                Ok(())
            }) as Use<'_>)
        })
    })
}

fn json_round_trip<T: Serialize + DeserializeOwned + PartialEq>(value: &T) -> Result<(), String> {
    let json = serde_json::to_string(value).map_err(|error| format!("it cannot be written: {error}"))?;
    let same = serde_json::from_str::<T>(&json).ok().as_ref() == Some(value);
    same.then_some(())
        .ok_or_else(|| format!("as JSON it comes back changed: {json}"))
}

/// The best trial of a run.
pub(super) fn best() -> Result<Target> {
    Ok(Target::new("best", WORDS, |input, scratch| {
        put(&scratch.join("best.json"), input)?;
        put(&scratch.join("config.toml"), b"")?;
        let run = RunDir::open(scratch).map_err(|error| error.to_string())?;
        let best: Best = run.read_best().map_err(|error| error.to_string())?;
        Ok(Box::new(move || json_round_trip(&best)) as Use<'_>)
    }))
}

/// The journal of a comparison.
pub(super) fn runs() -> Result<Target> {
    let identity = serde_json::json!({ "trials": 10 });
    Ok(Target::new("runs", WORDS, move |input, scratch| {
        let path = scratch.join("runs.jsonl");
        put(&path, input)?;
        let (journal, entries) = Journal::open(&path, &identity).map_err(|error| error.to_string())?;
        drop(journal);
        let identity = identity.clone();
        Ok(Box::new(move || {
            let (mut journal, again) =
                Journal::open(&path, &identity).map_err(|error| format!("read again: {error}"))?;
            if again != entries {
                return Err("read again it has other runs".to_owned());
            }
            entries.iter().try_for_each(json_round_trip)?;
            let Some(last) = entries.last() else {
                return Ok(());
            };
            journal.add(last).map_err(|error| error.to_string())?;
            drop(journal);
            let (_, more) =
                Journal::open(&path, &identity).map_err(|error| format!("after a run more: {error}"))?;
            let grown = more.len() == entries.len() + 1 && more.last() == Some(last);
            grown
                .then_some(())
                .ok_or_else(|| "a run that was added is not there".to_owned())
        }) as Use<'_>)
    }))
}

/// The database of a short study.
fn recorded() -> Result<Vec<u8>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("study.db");
    let table = Arc::new(built_in("digits")?);
    let space = Arc::clone(table.space());
    let evaluator = TabularEvaluator::new(table, "digits")?;
    let seed = Seed::new(1);
    let mut strategy = RandomSearch::new(Arc::clone(&space), RandomSearchConfig::default(), seed)?;
    let config = StudyConfig {
        budget: Budget::trials(12),
        fidelity: Fidelity { epochs: 4 },
        ..StudyConfig::new("random", space.name(), evaluator.description(), seed)
    };
    let mut store = Store::create(&path)?;
    let parts = Parts {
        space: space.as_ref(),
        strategy: &mut strategy,
        evaluator: &evaluator,
    };
    PreparedStudy::create(&mut store, config, parts)?.run(&RunOptions::default(), &mut Silent)?;
    drop(store);
    Ok(std::fs::read(&path)?)
}

/// The records of a study. What SQLite itself takes of memory is not counted.
pub(super) fn store() -> Result<Target> {
    Ok(Target {
        made: vec![recorded()?],
        using: Due {
            base: 16 * MIB,
            per_byte: 256,
        },
        ..Target::new(
            "store",
            &["asked", "done", "failed", "CREATE TABLE", "trials", "study"],
            |input, scratch| {
                let path: PathBuf = scratch.join("study.db");
                for beside in ["study.db-wal", "study.db-shm", "study.db-journal"] {
                    let _ = std::fs::remove_file(scratch.join(beside));
                }
                put(&path, input)?;
                let records = Records::open(&path).map_err(|error| error.to_string())?;
                Ok(Box::new(move || {
                    // Each of these may find damage, and says so.
                    let _ = records.study();
                    let _ = records.trials();
                    let _ = records.summary();
                    drop(records);
                    if let Ok(store) = Store::open(&path) {
                        let _ = store.records().summary();
                    }
                    Ok(())
                }) as Use<'_>)
            },
        )
    })
}
