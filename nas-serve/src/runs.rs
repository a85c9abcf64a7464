//! The first page: all runs and comparisons.

use std::cmp::Ordering;
use std::fmt::Write;
use std::sync::Arc;

use axum::extract::{Query, State};
use nas_report::Shown;
use nas_report::number::{counted, grouped};
use nas_report::page::{Html, escaped};
use nas_runner::Status;
use nas_runner::report::date;
use serde::Deserialize;

use crate::app::{Answer, App, Shared, blocking};
use crate::catalog::{Content, Entry};
use crate::clock;
use crate::frame;

/// More rows than this are not shown at once.
const MOST_ROWS: usize = 500;

/// What is asked for.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Wanted {
    /// Words that a row has to have.
    #[serde(default)]
    q: String,
    #[serde(default)]
    sort: Column,
    /// Whether the order is that which the column does not have at first.
    #[serde(default)]
    reverse: bool,
    /// `rows`: these alone, to be put in place.
    part: Option<String>,
}

/// What runs are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Column {
    #[default]
    Begun,
    Name,
    State,
    Method,
    Space,
    Data,
    Validation,
    Test,
    Trials,
}

/// The columns with their titles, and whether they have numbers.
const COLUMNS: [(Column, &str, &str, bool); 9] = [
    (Column::Name, "name", "run", false),
    (Column::State, "state", "state", false),
    (Column::Method, "method", "method", false),
    (Column::Space, "space", "space", false),
    (Column::Data, "data", "data", false),
    (Column::Validation, "validation", "best validation", true),
    (Column::Test, "test", "test", true),
    (Column::Trials, "trials", "trials", true),
    (Column::Begun, "begun", "age", true),
];

/// `/`
pub(crate) async fn page(State(app): State<Shared>, Query(wanted): Query<Wanted>) -> Answer {
    blocking(&app, move |app| {
        app.catalog.refresh();
        let rows = rows(app, &wanted);
        Ok(frame::html(match wanted.part.as_deref() {
            Some("rows") => rows,
            _ => frame::document("Searches", "broad", &body(app, &wanted, &rows)),
        }))
    })
    .await
}

fn body(app: &App, wanted: &Wanted, rows: &str) -> String {
    let mut text = format!(
        "<h1>Searches</h1>\n<p class=\"lead\">Below {}</p>\n",
        escaped(&app.catalog.root().display().to_string())
    );
    if app.catalog.is_partial() {
        let mut html = Html::new();
        html.note("There are more folders than were looked at: some runs may be missing. Show a folder further down.");
        text += html.as_str();
    }
    // Writing to a string cannot fail.
    let _ = write!(
        text,
        "<form class=\"filter\" method=\"get\" action=\"/\" data-part=\"rows\">\n\
         <label>Filter <input type=\"search\" name=\"q\" value=\"{}\" placeholder=\"words of a row\" autocomplete=\"off\"></label>\n\
         <input type=\"hidden\" name=\"sort\" value=\"{}\"><input type=\"hidden\" name=\"reverse\" value=\"{}\">\n\
         <button>Apply</button>\n<span class=\"live\" hidden>live</span>\n</form>\n\
         <form method=\"get\" action=\"/overlay\">\n<div id=\"rows\" data-live=\"all\">\n{rows}</div>\n\
         <p><button class=\"overlay\">Overlay the chosen runs</button></p>\n</form>\n",
        escaped(&wanted.q),
        word(wanted.sort),
        wanted.reverse
    );
    text
}

fn word(column: Column) -> &'static str {
    COLUMNS
        .iter()
        .find(|(other, ..)| *other == column)
        .map_or("begun", |(_, word, ..)| word)
}

/// The tables, which are replaced while runs go on.
fn rows(app: &App, wanted: &Wanted) -> String {
    let entries = app.catalog.entries();
    let (comparisons, mut runs): (Vec<_>, Vec<_>) = entries
        .into_iter()
        .filter(|entry| has_words(entry, &wanted.q))
        .partition(|entry| matches!(entry.content, Content::Comparison(_)));
    runs.sort_by(|a, b| {
        let order = order(a, b, wanted.sort);
        if wanted.reverse { order.reverse() } else { order }
    });
    let now = clock::unix_seconds();
    let mut text = String::new();
    if runs.is_empty() {
        let what = match wanted.q.trim() {
            "" => "There is no run here yet. The page shows one as soon as there is: nas search.",
            _ => "No run has all of these words.",
        };
        let mut html = Html::new();
        html.paragraph(what);
        text += html.as_str();
    } else {
        let state = format!("{} shown", counted(runs.len().min(MOST_ROWS), "run"));
        let left_out = match runs.len().saturating_sub(MOST_ROWS) {
            0 => String::new(),
            more => format!(", {} more: filter for them", grouped(more as u64)),
        };
        let _ = write!(
            text,
            "<div class=\"wide\"><table class=\"runs\">\n<caption>{state}{left_out}</caption>\n"
        );
        text += &head(wanted);
        text += "<tbody>\n";
        for entry in runs.iter().take(MOST_ROWS) {
            row(&mut text, entry, now);
        }
        text += "</tbody></table></div>\n";
    }
    if !comparisons.is_empty() {
        comparison_table(&mut text, &comparisons);
    }
    text
}

fn head(wanted: &Wanted) -> String {
    let mut text = "<thead><tr><th scope=\"col\"><span class=\"unseen\">chosen</span></th>".to_owned();
    for (column, word, title, is_number) in COLUMNS {
        let is_sorted = column == wanted.sort;
        let reverse = is_sorted && !wanted.reverse;
        let mut address = format!("/?sort={word}");
        if reverse {
            address += "&amp;reverse=true";
        }
        if !wanted.q.is_empty() {
            let _ = write!(address, "&amp;q={}", escaped(&encoded(&wanted.q)));
        }
        let falls = first_is_highest(column) != wanted.reverse;
        text += &sortable(title, &address, "rows", is_sorted.then_some(falls), is_number);
    }
    text + "</tr></thead>\n"
}

/// The head of a column that is sorted by a click. `sorted` is whether its values fall, where it is
/// the one that is sorted by.
pub(crate) fn sortable(
    title: &str,
    address: &str,
    part: &str,
    sorted: Option<bool>,
    is_number: bool,
) -> String {
    let (aria, arrow) = match sorted {
        None => ("", ""),
        Some(true) => (" aria-sort=\"descending\"", " ↓"),
        Some(false) => (" aria-sort=\"ascending\"", " ↑"),
    };
    let class = if is_number { " class=\"number\"" } else { "" };
    format!(
        "<th scope=\"col\"{class}{aria}><a href=\"{address}\" data-part=\"{part}\">{}{arrow}</a></th>",
        escaped(title)
    )
}

/// A text as part of a query: what is not a letter or a digit as the hexadecimal digits of its
/// bytes.
pub(crate) fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => encoded.push(byte.into()),
            other => {
                let _ = write!(encoded, "%{other:02X}");
            }
        }
    }
    encoded
}

fn first_is_highest(column: Column) -> bool {
    matches!(column, Column::Validation | Column::Test | Column::Trials)
}

fn order(a: &Entry, b: &Entry, column: Column) -> Ordering {
    let by_name = || a.name.cmp(&b.name);
    let (Some(x), Some(y)) = (a.status(), b.status()) else {
        return b.status().is_some().cmp(&a.status().is_some()).then_with(by_name);
    };
    let score = |a: Option<f64>, b: Option<f64>| {
        let lowest = f64::NEG_INFINITY;
        b.unwrap_or(lowest).total_cmp(&a.unwrap_or(lowest))
    };
    let ordering = match column {
        Column::Name => Ordering::Equal,
        Column::State => x.state.cmp(&y.state),
        Column::Method => x.method.cmp(&y.method),
        Column::Space => x.space.cmp(&y.space),
        Column::Data => x.data.cmp(&y.data),
        Column::Validation => score(x.valid_score, y.valid_score),
        Column::Test => score(x.test_score, y.test_score),
        Column::Trials => y.finished.cmp(&x.finished),
        // The youngest first.
        Column::Begun => score(x.created_unix_seconds, y.created_unix_seconds),
    };
    ordering.then_with(by_name)
}

/// Whether a row has all of these words.
fn has_words(entry: &Entry, words: &str) -> bool {
    let mut text = entry.name.to_lowercase();
    let parts: Vec<&str> = match &entry.content {
        Content::Run(status) => vec![&status.method, &status.space, &status.data, status.state.word()],
        Content::Comparison(comparison) => comparison
            .methods
            .iter()
            .chain(&comparison.tasks)
            .map(String::as_str)
            .collect(),
        Content::Unreadable(why) => vec![why],
    };
    for part in parts {
        text.push(' ');
        text += &part.to_lowercase();
    }
    words
        .to_lowercase()
        .split_whitespace()
        .all(|word| text.contains(word))
}

fn row(text: &mut String, entry: &Entry, now: f64) {
    let (id, name) = (&entry.id, escaped(&entry.name));
    let cell = |text: &mut String, class: &str, content: &str| {
        let _ = write!(text, "<td{class}>{content}</td>");
    };
    let status = match &entry.content {
        Content::Run(status) => status,
        Content::Unreadable(why) => {
            let _ = writeln!(
                text,
                "<tr><td></td><th scope=\"row\">{name}</th><td colspan=\"8\">cannot be read: {}</td></tr>",
                escaped(why)
            );
            return;
        }
        Content::Comparison(_) => return,
    };
    let _ = write!(
        text,
        "<tr data-id=\"{id}\"><td><input type=\"checkbox\" name=\"run\" value=\"{id}\" aria-label=\"choose {name}\"></td>\
         <th scope=\"row\"><a href=\"/runs/{id}\">{name}</a></th>"
    );
    cell(text, "", &badge(status.state.word()));
    for words in [&status.method, &status.space, &status.data] {
        cell(text, "", &escaped(words));
    }
    let shown = |score: Option<f64>, metric: &nas_space::search::Metric| {
        score.map_or("–".to_owned(), |score| escaped(&metric.shown(score)))
    };
    cell(
        text,
        " class=\"number\" data-label=\"validation\"",
        &shown(status.valid_score, &status.metric),
    );
    cell(
        text,
        " class=\"number\" data-label=\"test\"",
        &shown(status.test_score, &status.test_metric),
    );
    cell(text, " class=\"number\" data-label=\"trials\"", &trials(status));
    let age = status.created_unix_seconds.map_or("–".to_owned(), |created| {
        format!("<time title=\"{}\">{}</time>", date(created), age(now - created))
    });
    cell(text, " class=\"number\" data-label=\"age\"", &age);
    *text += "</tr>\n";
}

/// The state of a run with its colour.
pub(crate) fn badge(state: &str) -> String {
    format!("<span class=\"state {state}\">{state}</span>")
}

/// How many trials are finished, of how many.
pub(crate) fn trials(status: &Status) -> String {
    let mut text = grouped(status.finished);
    if let Some(limit) = status.budget.trials {
        text += &format!(" of {}", grouped(limit));
    }
    if status.failed > 0 {
        text += &format!(", {} failed", grouped(status.failed));
    }
    text
}

/// A duration in its largest unit: `12 s`, `5 min`, `3 h`, `8 d`.
fn age(seconds: f64) -> String {
    let seconds = seconds.max(0.0);
    let units = [(86_400.0, "d"), (3_600.0, "h"), (60.0, "min")];
    let (unit, name) = units
        .into_iter()
        .find(|(unit, _)| seconds >= *unit)
        .unwrap_or((1.0, "s"));
    format!("{:.0} {name}", (seconds / unit).floor())
}

fn comparison_table(text: &mut String, comparisons: &[Arc<Entry>]) {
    *text += "<h2>Comparisons</h2>\n<div class=\"wide\"><table>\n<thead><tr><th scope=\"col\">comparison</th>\
              <th scope=\"col\">state</th><th scope=\"col\">methods</th><th scope=\"col\">tasks</th>\
              <th scope=\"col\" class=\"number\">runs</th></tr></thead>\n<tbody>\n";
    for entry in comparisons {
        let Content::Comparison(comparison) = &entry.content else {
            continue;
        };
        let state = if comparison.is_finished {
            "finished"
        } else {
            "unfinished"
        };
        let _ = writeln!(
            text,
            "<tr><th scope=\"row\"><a href=\"/comparisons/{}\">{}</a></th><td>{}</td><td>{}</td><td>{}</td>\
             <td class=\"number\">{}</td></tr>",
            entry.id,
            escaped(&entry.name),
            badge(state),
            escaped(&comparison.methods.join(", ")),
            escaped(&comparison.tasks.join(", ")),
            grouped(comparison.runs as u64)
        );
    }
    *text += "</tbody></table></div>\n";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_in_their_largest_unit() {
        let ages = [-3.0, 59.9, 61.0, 7_200.0, 90_000.0, 8e6].map(age);
        assert_eq!(ages, ["0 s", "59 s", "1 min", "2 h", "1 d", "92 d"]);
    }

    #[test]
    fn what_is_part_of_a_query_cannot_end_it() {
        assert_eq!(encoded("a b&c=\"<é"), "a%20b%26c%3D%22%3C%C3%A9");
    }
}
