//! The table of a run's trials, a page at a time.

use std::fmt::Write;

use anyhow::Result;
use nas_report::Shown;
use nas_report::number::{grouped, known, millions};
use nas_report::page::{Html, escaped};
use nas_space::search::{Direction, Metric, Scale};
use nas_study::{
    RunDir, Selected, Selection, StoreError, StudyError, TrialOrder, TrialRecord, TrialState, Within,
};
use serde::Deserialize;

use crate::catalog::Entry;
use crate::runs::{encoded, sortable};

/// Rows of a page.
const ROWS: u64 = 100;
/// A table with more rows than this has the links to other pages below it, too.
const SHORT: usize = 20;
/// Letters of a remark.
const REMARK: usize = 140;

/// What is asked for. Everything is text, as forms send it: what is empty is not asked for.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Wanted {
    sort: String,
    reverse: String,
    state: String,
    valid_min: String,
    valid_max: String,
    params_min: String,
    params_max: String,
    seconds_min: String,
    seconds_max: String,
    page: String,
    /// A part of the page alone, to be put in place.
    pub(crate) part: Option<String>,
}

/// A column: its order, its word in addresses, whether high values come first when it is chosen.
const COLUMNS: [(TrialOrder, &str, bool); 7] = [
    (TrialOrder::Number, "trial", true),
    (TrialOrder::Score, "valid", true),
    (TrialOrder::Epochs, "epochs", true),
    (TrialOrder::Params, "params", false),
    (TrialOrder::Macs, "macs", false),
    (TrialOrder::Seconds, "seconds", true),
    (TrialOrder::State, "state", false),
];

impl Wanted {
    /// The conditions by their names in addresses.
    fn conditions(&self) -> [(&'static str, &str); 7] {
        [
            ("state", &self.state),
            ("valid_min", &self.valid_min),
            ("valid_max", &self.valid_max),
            ("params_min", &self.params_min),
            ("params_max", &self.params_max),
            ("seconds_min", &self.seconds_min),
            ("seconds_max", &self.seconds_max),
        ]
    }

    fn column(&self) -> (TrialOrder, &'static str, bool) {
        let chosen = COLUMNS.into_iter().find(|(_, word, _)| *word == self.sort);
        chosen.unwrap_or(COLUMNS[0])
    }

    fn is_reversed(&self) -> bool {
        self.reverse == "true"
    }

    /// From 0.
    fn page(&self) -> u64 {
        self.page.parse::<u64>().unwrap_or(1).saturating_sub(1)
    }

    fn selection(&self, metric: &Metric) -> Selection {
        let (order, _, falls) = self.column();
        // Values are typed as they are shown, in percent where they are shares.
        let unit = match metric.scale() {
            Scale::Share => 0.01,
            Scale::Plain => 1.0,
        };
        let score = |text: &str| number(text).map(|value| metric.score(value * unit));
        let (least, most) = (score(&self.valid_min), score(&self.valid_max));
        let score = match metric.direction() {
            Direction::Higher => Within { least, most },
            Direction::Lower => Within {
                least: most,
                most: least,
            },
        };
        let within = |least: &str, most: &str| Within {
            least: number(least),
            most: number(most),
        };
        Selection {
            order,
            descending: falls != self.is_reversed(),
            state: match self.state.as_str() {
                "evaluated" => Some(TrialState::Evaluated),
                "failed" => Some(TrialState::Failed),
                "under-way" => Some(TrialState::UnderWay),
                _ => None,
            },
            score,
            params: within(&self.params_min, &self.params_max),
            seconds: within(&self.seconds_min, &self.seconds_max),
            offset: self.page().saturating_mul(ROWS),
            limit: ROWS,
            ..Selection::default()
        }
    }

    /// The address of the same conditions in another order or on another page.
    fn address(&self, id: &str, sort: &str, is_reversed: bool, page: u64) -> String {
        let mut address = format!("/runs/{id}?sort={sort}");
        if is_reversed {
            address += "&amp;reverse=true";
        }
        for (name, value) in self.conditions() {
            if !value.is_empty() {
                // What is encoded needs no escapes.
                let _ = write!(address, "&amp;{name}={}", encoded(value));
            }
        }
        if page > 0 {
            let _ = write!(address, "&amp;page={}", page + 1);
        }
        address + "#all-trials"
    }
}

/// A number as it was typed, perhaps with groups.
fn number(text: &str) -> Option<f64> {
    let digits = text.trim().trim_end_matches('%').replace([',', ' '], "");
    digits.parse::<f64>().ok().filter(|number| number.is_finite())
}

/// The form that filters the trials.
pub(crate) fn filter(entry: &Entry, wanted: &Wanted) -> Result<String> {
    let Some(status) = entry.status() else {
        return Ok(String::new());
    };
    let (_, sort, _) = wanted.column();
    let mut text = format!(
        "<form class=\"filter\" method=\"get\" action=\"/runs/{}#all-trials\" data-part=\"trials\">\n\
         <input type=\"hidden\" name=\"sort\" value=\"{sort}\"><input type=\"hidden\" name=\"reverse\" value=\"{}\">\n\
         <label>State <select name=\"state\">",
        entry.id,
        wanted.is_reversed()
    );
    for (word, title) in [
        ("", "any"),
        ("evaluated", "evaluated"),
        ("failed", "failed"),
        ("under-way", "under way"),
    ] {
        let selected = if wanted.state == word { " selected" } else { "" };
        let _ = write!(text, "<option value=\"{word}\"{selected}>{title}</option>");
    }
    text += "</select></label>\n";
    let unit = match status.metric.scale() {
        Scale::Share => ", %",
        Scale::Plain => "",
    };
    let validation = status.metric.on("Validation") + unit;
    for (title, name, least, most) in [
        (validation.as_str(), "valid", &wanted.valid_min, &wanted.valid_max),
        ("Parameters", "params", &wanted.params_min, &wanted.params_max),
        ("Seconds", "seconds", &wanted.seconds_min, &wanted.seconds_max),
    ] {
        let title = escaped(title);
        let _ = writeln!(
            text,
            "<fieldset><legend>{title}</legend>\
             <input name=\"{name}_min\" value=\"{}\" inputmode=\"decimal\" placeholder=\"from\" aria-label=\"{title} from\" autocomplete=\"off\">\
             <input name=\"{name}_max\" value=\"{}\" inputmode=\"decimal\" placeholder=\"to\" aria-label=\"{title} to\" autocomplete=\"off\"></fieldset>",
            escaped(least),
            escaped(most)
        );
    }
    Ok(text + "<button>Apply</button>\n</form>\n")
}

/// Where all trials can be had at once.
pub(crate) fn downloads(entry: &Entry) -> String {
    let id = &entry.id;
    format!(
        "<p class=\"downloads\">All trials: <a href=\"/runs/{id}/trials.csv\" download>CSV</a> \
         <a href=\"/runs/{id}/trials.json\" download>JSON</a>\
         <span class=\"best\">The best architecture: <a href=\"/runs/{id}/genotype.json\" download>genotype</a></span></p>\n"
    )
}

/// The rows that are asked for, with the links to other pages of them.
pub(crate) fn rows(entry: &Entry, wanted: &Wanted) -> Result<String> {
    let mut html = Html::new();
    let records = match RunDir::open(&entry.path)?.look() {
        Ok(records) => records,
        Err(StudyError::Store(StoreError::Missing { .. } | StoreError::Empty { .. })) => {
            html.paragraph("Nothing is recorded yet.");
            return Ok(html.as_str().to_owned());
        }
        Err(error) => return Err(error.into()),
    };
    let metric = records.study()?.map(|study| study.metric).unwrap_or_default();
    let Selected { matching, trials } = records.select(&wanted.selection(&metric))?;
    if matching == 0 {
        html.paragraph("No trial is as asked for.");
        return Ok(html.as_str().to_owned());
    }
    let pages = pages(entry, wanted, matching);
    let mut text = pages.clone();
    text += "<div class=\"wide\"><table class=\"trials\">\n";
    text += &head(entry, wanted, &metric);
    text += "<tbody>\n";
    for record in &trials {
        row(&mut text, entry, record, &metric);
    }
    text += "</tbody></table></div>\n";
    if trials.len() > SHORT {
        text += &pages;
    }
    Ok(text)
}

fn head(entry: &Entry, wanted: &Wanted, metric: &Metric) -> String {
    let (sorted, ..) = wanted.column();
    let mut text = "<thead><tr>".to_owned();
    for (order, word, falls) in COLUMNS {
        let title = match order {
            TrialOrder::Number => "trial".to_owned(),
            TrialOrder::Score => metric.on("validation"),
            TrialOrder::Epochs => "epochs".to_owned(),
            TrialOrder::Params => "parameters".to_owned(),
            TrialOrder::Macs => "multiply-accumulates".to_owned(),
            TrialOrder::Seconds => "seconds".to_owned(),
            _ => "state".to_owned(),
        };
        let is_sorted = order == sorted;
        let address = wanted.address(&entry.id, word, is_sorted && !wanted.is_reversed(), 0);
        // Of a metric of which lower is better, high scores are low values.
        let turns = order == TrialOrder::Score && metric.direction() == Direction::Lower;
        let sorted = is_sorted.then_some((falls != wanted.is_reversed()) != turns);
        text += &sortable(&title, &address, "trials", sorted, order != TrialOrder::State);
    }
    text + "</tr></thead>\n"
}

fn row(text: &mut String, entry: &Entry, record: &TrialRecord, metric: &Metric) {
    let number = record.trial.id;
    let end = record.conclusion.as_ref();
    let evaluation = end.and_then(|end| end.result.as_ref().ok());
    let unknown = || "–".to_owned();
    let (word, mut remark) = match end.map(|end| &end.result) {
        None => ("under way", String::new()),
        Some(Ok(_)) => ("evaluated", String::new()),
        Some(Err(failure)) => ("failed", first_line(&failure.to_string())),
    };
    if let Some(continued) = record.trial.continues {
        remark += &format!(" continues trial {}", continued.trial);
    }
    if let Some(earlier) = record.reused_from {
        remark += &format!(" outcome of trial {earlier}");
    }
    let cells = [
        evaluation.map_or_else(unknown, |evaluation| metric.shown(evaluation.valid_accuracy)),
        record.trial.fidelity.epochs.to_string(),
        evaluation.map_or_else(unknown, |evaluation| known(evaluation.params, grouped)),
        evaluation.map_or_else(unknown, |evaluation| known(evaluation.macs, millions)),
        end.map_or_else(unknown, |end| format!("{:.1}", end.cost_seconds)),
    ];
    let _ = write!(
        text,
        "<tr><th scope=\"row\" class=\"number\"><a href=\"/runs/{}/trials/{number}\" data-detail>{number}</a></th>",
        entry.id
    );
    for cell in cells {
        let _ = write!(text, "<td class=\"number\">{}</td>", escaped(&cell));
    }
    let _ = writeln!(
        text,
        "<td><span class=\"state {}\">{word}</span> {}</td></tr>",
        word.replace(' ', "-"),
        escaped(remark.trim())
    );
}

fn first_line(message: &str) -> String {
    let line = message.lines().next().unwrap_or_default();
    let mut short: String = line.chars().take(REMARK).collect();
    if short.len() < line.len() {
        short.push('…');
    }
    short
}

/// Which rows are shown, and the way to others.
fn pages(entry: &Entry, wanted: &Wanted, matching: u64) -> String {
    let last = (matching - 1) / ROWS;
    let page = wanted.page();
    let from = page.saturating_mul(ROWS) + 1;
    let to = (from + ROWS - 1).min(matching);
    let (_, word, _) = wanted.column();
    let link = |text: &str, to: Option<u64>| match to {
        Some(to) => format!(
            "<a href=\"{}\" data-part=\"trials\">{text}</a>",
            wanted.address(&entry.id, word, wanted.is_reversed(), to)
        ),
        None => format!("<span class=\"off\">{text}</span>"),
    };
    format!(
        "<p class=\"pages\"><span>{} to {} of {}</span> {} {} {} {}</p>\n",
        grouped(from.min(matching)),
        grouped(to),
        grouped(matching),
        link("first", (page > 0).then_some(0)),
        link("previous", page.checked_sub(1).map(|page| page.min(last))),
        link("next", (page < last).then_some(page + 1)),
        link("last", (page != last).then_some(last))
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read_as_they_are_shown() {
        assert_eq!(number(" 3,349,342 "), Some(3_349_342.0));
        assert_eq!(number("93.21 %"), Some(93.21));
        for text in ["", "much", "inf", "NaN", "1e999"] {
            assert_eq!(number(text), None, "{text}");
        }
    }

    #[test]
    fn bounds_are_of_values_and_not_of_scores() {
        let wanted = Wanted {
            valid_min: "90".to_owned(),
            page: "3".to_owned(),
            ..Wanted::default()
        };
        let selection = wanted.selection(&Metric::default());
        let bounds = |least, most| Within { least, most };
        assert_eq!(selection.score, bounds(Some(0.9), None));
        assert_eq!((selection.offset, selection.descending), (200, true));
        let loss = Metric::new("loss", Direction::Lower, Scale::Plain).unwrap();
        assert_eq!(wanted.selection(&loss).score, bounds(None, Some(-90.0)));
    }

    #[test]
    fn addresses_keep_what_was_asked_for_and_nothing_ends_them() {
        let wanted = Wanted {
            valid_min: "\"><script>&x=1".to_owned(),
            ..Wanted::default()
        };
        let address = wanted.address("12ab", "params", true, 1);
        assert_eq!(
            address,
            "/runs/12ab?sort=params&amp;reverse=true&amp;valid_min=%22%3E%3Cscript%3E%26x%3D1&amp;page=2#all-trials"
        );
    }
}
