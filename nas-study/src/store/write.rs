//! Writing rows, each with its checksum.

use nas_space::search::{Attempt, Evaluation, Failure, Metric, TrialId};
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Transaction, params_from_iter};
use serde::Serialize;

use super::records::STUDY;
use super::{Change, Conclusion, TrialRecord, checksum};
use crate::clock;
use crate::config::StudyConfig;

/// A value for a column.
type Cell<'a> = (&'static str, ValueRef<'a>);

/// Writes a new study.
pub(super) fn study(
    transaction: &Transaction<'_>,
    config: &StudyConfig,
    decisions: &str,
    metric: &Metric,
) -> rusqlite::Result<()> {
    insert(
        transaction,
        "study",
        &[
            ("id", ValueRef::Integer(1)),
            ("config", text(&json(config))),
            ("budget_seconds", real(config.budget.seconds)),
            ("decisions", text(decisions)),
            ("software", text(concat!("nas-study ", env!("CARGO_PKG_VERSION")))),
            ("created_unix_seconds", ValueRef::Real(clock::unix_seconds())),
            ("metric", text(&json(metric))),
        ],
    )?;
    Ok(())
}

/// Replaces the study's configuration. It has not ended then.
pub(super) fn configuration(transaction: &Transaction<'_>, config: &StudyConfig) -> rusqlite::Result<()> {
    transaction.execute(
        "UPDATE study SET config = ?1, budget_seconds = ?2, ended = NULL",
        (json(config), config.budget.seconds),
    )?;
    seal_study(transaction)?;
    Ok(())
}

/// Writes one step; gives the number of rows it changed.
pub(super) fn step(transaction: &Transaction<'_>, change: &Change) -> rusqlite::Result<usize> {
    match change {
        Change::Asked(record) => asked(transaction, record),
        Change::Attempted(id, attempt) => attempted(transaction, *id, attempt),
        Change::Finished(id, conclusion, completion) => match &conclusion.result {
            Ok(evaluation) => done(transaction, *id, conclusion, evaluation, *completion),
            Err(failure) => failed(transaction, *id, conclusion, failure, *completion),
        },
        Change::Told(id, seconds) => {
            let cells = [("tell_seconds", ValueRef::Real(*seconds))];
            fill(transaction, *id, &cells, 0, "tell_seconds IS NULL")
        }
        Change::Ended(end) => {
            transaction.execute("UPDATE study SET ended = ?1", [end.as_ref().map(word)])?;
            seal_study(transaction)
        }
    }
}

fn asked(transaction: &Transaction<'_>, record: &TrialRecord) -> rusqlite::Result<usize> {
    let trial = &record.trial;
    let (choices, seed) = (trial.architecture.to_string(), trial.seed.to_string());
    let continued = trial.continues.map(|continued| continued.trial);
    insert(
        transaction,
        "trials",
        &[
            ("id", integer(trial.id)),
            ("choices", text(&choices)),
            ("genotype", record.genotype.as_deref().into()),
            ("fidelity_epochs", integer(trial.fidelity.epochs)),
            ("seed", text(&seed)),
            ("reused_from", count(record.reused_from)),
            ("continues", count(continued)),
            STATE_ASKED,
            ("asked_unix_seconds", ValueRef::Real(record.asked_unix_seconds)),
            ("ask_seconds", ValueRef::Real(record.ask_seconds)),
        ],
    )
}

fn attempted(transaction: &Transaction<'_>, id: TrialId, attempt: &Attempt) -> rusqlite::Result<usize> {
    insert(
        transaction,
        "attempts",
        &[
            ("trial", integer(id)),
            ("failure_kind", text(&word(&attempt.failure.kind))),
            ("failure_message", text(&attempt.failure.message)),
            ("seconds", ValueRef::Real(attempt.seconds)),
        ],
    )
}

fn done(
    transaction: &Transaction<'_>,
    id: TrialId,
    conclusion: &Conclusion,
    evaluation: &Evaluation,
    completion: Option<u64>,
) -> rusqlite::Result<usize> {
    // Figures with names are JSON; nothing where there are none.
    let figures = (!evaluation.figures.is_empty()).then(|| json(&evaluation.figures));
    conclude(
        transaction,
        id,
        &[
            ("state", text("done")),
            (
                "finished_unix_seconds",
                ValueRef::Real(conclusion.finished_unix_seconds),
            ),
            ("cost_seconds", ValueRef::Real(conclusion.cost_seconds)),
            ("valid_accuracy", ValueRef::Real(evaluation.valid_accuracy)),
            ("valid_loss", real(evaluation.valid_loss)),
            ("train_accuracy", real(evaluation.train_accuracy)),
            ("train_loss", real(evaluation.train_loss)),
            ("params", count(evaluation.params)),
            ("macs", count(evaluation.macs)),
            ("figures", figures.as_deref().into()),
            ("epochs", integer(evaluation.epochs)),
            ("device", text(&evaluation.device)),
            ("completion", count(completion)),
        ],
    )
}

fn failed(
    transaction: &Transaction<'_>,
    id: TrialId,
    conclusion: &Conclusion,
    failure: &Failure,
    completion: Option<u64>,
) -> rusqlite::Result<usize> {
    conclude(
        transaction,
        id,
        &[
            ("state", text("failed")),
            (
                "finished_unix_seconds",
                ValueRef::Real(conclusion.finished_unix_seconds),
            ),
            ("cost_seconds", ValueRef::Real(conclusion.cost_seconds)),
            ("failure_kind", text(&word(&failure.kind))),
            ("failure_message", text(&failure.message)),
            ("completion", count(completion)),
        ],
    )
}

const STATE_ASKED: Cell<'static> = ("state", ValueRef::Text(b"asked"));

/// Writes what became of a trial that has no outcome yet.
fn conclude(transaction: &Transaction<'_>, id: TrialId, cells: &[Cell<'_>]) -> rusqlite::Result<usize> {
    fill(
        transaction,
        id,
        cells,
        checksum::of([STATE_ASKED]),
        "state = 'asked'",
    )
}

fn insert(transaction: &Transaction<'_>, table: &str, cells: &[Cell<'_>]) -> rusqlite::Result<usize> {
    let (mut columns, mut places) = (String::new(), String::new());
    for (column, _) in cells {
        columns += column;
        columns += ", ";
        places += "?, ";
    }
    transaction
        .prepare_cached(&format!(
            "INSERT INTO {table} ({columns}checksum) VALUES ({places}?)"
        ))?
        .execute(params_from_iter(values(
            cells,
            &[checksum::of(cells.iter().copied())],
        )))
}

/// Fills cells of a trial that were empty, where a condition holds. `replaced` is the checksum of
/// what they held nevertheless.
fn fill(
    transaction: &Transaction<'_>,
    id: TrialId,
    cells: &[Cell<'_>],
    replaced: i64,
    condition: &str,
) -> rusqlite::Result<usize> {
    let mut sets = String::new();
    for (column, _) in cells {
        sets += column;
        sets += " = ?, ";
    }
    let added = checksum::of(cells.iter().copied()).wrapping_sub(replaced);
    transaction
        .prepare_cached(&format!(
            "UPDATE trials SET {sets}checksum = checksum + ? WHERE id = ? AND {condition}"
        ))?
        .execute(params_from_iter(values(cells, &[added, signed(id)])))
}

/// The values of these cells and of what follows them.
fn values<'a>(cells: &'a [Cell<'a>], further: &'a [i64]) -> impl Iterator<Item = ToSqlOutput<'a>> {
    let further = further.iter().map(|&value| ValueRef::Integer(value));
    let cells = cells.iter().map(|&(_, value)| value);
    cells.chain(further).map(ToSqlOutput::Borrowed)
}

/// Puts its checksum to the study's row.
fn seal_study(transaction: &Transaction<'_>) -> rusqlite::Result<usize> {
    seal(transaction, "study", &STUDY)
}

/// Puts their checksums to all rows of a table that has these columns.
pub(super) fn seal(transaction: &Transaction<'_>, table: &str, columns: &[&str]) -> rusqlite::Result<usize> {
    let mut sums = Vec::new();
    {
        let select = format!("SELECT rowid, {} FROM {table}", columns.join(", "));
        let mut statement = transaction.prepare(&select)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let cells = columns
                .iter()
                .enumerate()
                .map(|(i, &column)| Ok((column, row.get_ref(i + 1)?)));
            let cells = cells.collect::<rusqlite::Result<Vec<_>>>()?;
            sums.push((checksum::of(cells), row.get::<_, i64>(0)?));
        }
    }
    let update = format!("UPDATE {table} SET checksum = ?1 WHERE rowid = ?2");
    for sum in &sums {
        transaction.execute(&update, *sum)?;
    }
    Ok(sums.len())
}

fn text(value: &str) -> ValueRef<'_> {
    value.into()
}

fn real(value: Option<f64>) -> ValueRef<'static> {
    value.map_or(ValueRef::Null, ValueRef::Real)
}

fn count(value: Option<u64>) -> ValueRef<'static> {
    value.map_or(ValueRef::Null, integer)
}

fn integer(value: impl Into<u64>) -> ValueRef<'static> {
    ValueRef::Integer(signed(value.into()))
}

/// SQLite's integers are signed. Trials are counted from 0, and larger figures are taken out of an
/// evaluation before it comes here.
fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// The name of a unit variant.
fn word(value: &impl Serialize) -> String {
    json(value).trim_matches('"').to_owned()
}

/// Our own records are made of strings, numbers and options alone, which always serialise.
fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
