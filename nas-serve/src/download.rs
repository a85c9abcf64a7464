//! All trials of a run as a file, which is read and sent in parts.

use std::convert::Infallible;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll};

use anyhow::Result;
use axum::body::{Body, Bytes};
use axum::extract::{Path as Segment, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::IntoResponse;
use futures_core::Stream;
use nas_space::search::Metric;
use nas_study::{Records, RunDir, Selection, TrialRecord};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::app::{Answer, Shared};

/// Trials that are read at a time. Between two reads, nothing is held: a slow reader does not keep a
/// search from tidying its log.
const AT_A_TIME: u64 = 1_000;
/// Parts that wait for a slow reader.
const WAITING: usize = 2;

/// The form of a file.
#[derive(Debug, Clone, Copy)]
enum Form {
    Csv,
    Json,
}

/// `/runs/ID/trials.csv`
pub(crate) async fn csv(State(app): State<Shared>, Segment(id): Segment<String>) -> Answer {
    answer(&app, &id, Form::Csv)
}

/// `/runs/ID/trials.json`
pub(crate) async fn json(State(app): State<Shared>, Segment(id): Segment<String>) -> Answer {
    answer(&app, &id, Form::Json)
}

fn answer(app: &Shared, id: &str, form: Form) -> Answer {
    let path = app.run(id)?.path.clone();
    let (sender, receiver) = mpsc::channel(WAITING);
    // Its end is that of the file: a reader of JSON sees that something is missing.
    tokio::task::spawn_blocking(move || drop(send(&path, form, &sender)));
    let (kind, name) = match form {
        Form::Csv => ("text/csv; charset=utf-8", "trials.csv"),
        Form::Json => ("application/json", "trials.json"),
    };
    let headers = [
        (CONTENT_TYPE, kind.to_owned()),
        (CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
    ];
    Ok((headers, Body::from_stream(Parts(receiver))).into_response())
}

struct Parts(mpsc::Receiver<String>);

impl Stream for Parts {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0
            .poll_recv(context)
            .map(|part| part.map(|text| Ok(text.into())))
    }
}

/// Sends the file in parts, until it has all or the reader has gone away.
fn send(path: &Path, form: Form, sender: &mpsc::Sender<String>) -> Result<()> {
    let path: PathBuf = path.to_owned();
    let records = RunDir::open(path)?.look()?;
    let metric = records.study()?.map(|study| study.metric).unwrap_or_default();
    sender.blocking_send(match form {
        Form::Csv => CSV_HEAD.to_owned(),
        Form::Json => "[\n".to_owned(),
    })?;
    let mut from = 0;
    loop {
        let trials = part(&records, from)?;
        let Some(last) = trials.last() else {
            break;
        };
        let mut text = String::new();
        for record in &trials {
            match form {
                Form::Csv => csv_line(&mut text, record, &metric),
                Form::Json => {
                    text += if record.trial.id == 0 { "" } else { ",\n" };
                    text += &json_of(record, &metric).to_string();
                }
            }
        }
        from = last.trial.id + 1;
        sender.blocking_send(text)?;
    }
    if let Form::Json = form {
        sender.blocking_send("\n]\n".to_owned())?;
    }
    Ok(())
}

fn part(records: &Records, from: u64) -> Result<Vec<TrialRecord>> {
    let selection = Selection {
        from,
        limit: AT_A_TIME,
        ..Selection::default()
    };
    Ok(records.select(&selection)?.trials)
}

const CSV_HEAD: &str = "trial,state,valid,epochs,params,macs,seconds,device,failure,message,continues,reused_from,completion,choices,genotype\n";

fn csv_line(text: &mut String, record: &TrialRecord, metric: &Metric) {
    let value = json_of(record, metric);
    for (place, name) in CSV_HEAD.trim_end().split(',').enumerate() {
        if place > 0 {
            text.push(',');
        }
        match value.get(name) {
            None | Some(Value::Null) => {}
            Some(Value::String(content)) => quoted(text, content),
            Some(Value::Array(choices)) => {
                let choices: Vec<String> = choices.iter().map(Value::to_string).collect();
                quoted(text, &choices.join("."));
            }
            Some(Value::Number(number)) => {
                let _ = write!(text, "{number}");
            }
            Some(other) => quoted(text, &other.to_string()),
        }
    }
    text.push('\n');
}

/// A field, in quotes where it needs them (RFC 4180).
fn quoted(text: &mut String, field: &str) {
    if field.contains(['"', ',', '\n', '\r']) {
        let _ = write!(text, "\"{}\"", field.replace('"', "\"\""));
    } else {
        *text += field;
    }
}

fn json_of(record: &TrialRecord, metric: &Metric) -> Value {
    let genotype = record
        .genotype
        .as_deref()
        .and_then(|text| serde_json::from_str::<Value>(text).ok());
    let mut value = json!({
        "trial": record.trial.id,
        "state": "under way",
        "epochs": record.trial.fidelity.epochs,
        "continues": record.trial.continues.map(|continued| continued.trial),
        "reused_from": record.reused_from,
        "completion": record.completion,
        "choices": record.trial.architecture.choices(),
        "genotype": genotype,
    });
    let Some(end) = &record.conclusion else {
        return value;
    };
    value["seconds"] = json!(end.cost_seconds);
    match &end.result {
        Ok(evaluation) => {
            value["state"] = json!("evaluated");
            value["valid"] = json!(metric.value(evaluation.valid_accuracy));
            value["params"] = json!(evaluation.params);
            value["macs"] = json!(evaluation.macs);
            value["device"] = json!(evaluation.device);
            value["figures"] = json!(evaluation.figures);
        }
        Err(failure) => {
            value["state"] = json!("failed");
            value["failure"] = json!(failure.kind);
            value["message"] = json!(failure.message);
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_csv_are_quoted_where_they_have_to_be() {
        let of = |field: &str| {
            let mut text = String::new();
            quoted(&mut text, field);
            text
        };
        assert_eq!(of("plain"), "plain");
        assert_eq!(of("a,\"b\"\nc"), "\"a,\"\"b\"\"\nc\"");
    }
}
