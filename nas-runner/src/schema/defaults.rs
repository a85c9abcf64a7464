//! What a search takes for a key that is not written.

use std::fmt;

use serde_json::Value;

use super::cases::written;
use crate::methods::Method;
use crate::plan::tests::resolved;

/// Data sets with a name; the first is the one that the chapter names defaults for.
const DATA: [&str; 5] = ["digits", "mnist", "fashion-mnist", "cifar10", "cifar100"];

/// A place of a configuration where a table is.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Place {
    /// Its keys.
    pub(super) path: Vec<String>,
    /// The method whose settings it is among.
    method: Option<String>,
    /// The kind of estimation that it belongs to.
    estimation: Option<String>,
    /// The kind of the table itself, if it is one of several.
    kind: Option<String>,
}

impl Place {
    /// The place of a table below this one.
    pub(super) fn below(&self, key: &str) -> Self {
        let mut place = self.clone();
        place.path.push(key.to_owned());
        place.kind = None;
        place
    }

    /// The same, of a table of this kind.
    pub(super) fn of_kind(&self, kind: &str) -> Self {
        let mut place = self.clone();
        match place.path.as_slice() {
            [key] if key == "method" => place.method = Some(kind.to_owned()),
            [key] if key == "estimation" => place.estimation = Some(kind.to_owned()),
            _ => place.kind = Some(kind.to_owned()),
        }
        place
    }

    /// The same in words: `[method.network]` of `darts`.
    pub(super) fn in_words(&self) -> String {
        let estimation = self.estimation.as_ref().filter(|_| self.path.len() == 2);
        let of = self.method.as_ref().or(estimation);
        let of = of.map_or_else(String::new, |of| format!(" of `{of}`"));
        let kind = self.kind.as_ref();
        let kind = kind.map_or_else(String::new, |kind| format!(" with `kind = \"{kind}\"`"));
        format!("`{self}`{of}{kind}")
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}]", self.path.join("."))
    }
}

/// A search of which nothing is said but this.
struct Search {
    method: Method,
    data: &'static str,
    /// How architectures are judged.
    estimation: &'static str,
    /// Whether that is said of it; a method may be halved in any case.
    is_halved: bool,
    value: Value,
}

/// The searches whose settings are the defaults.
pub(super) struct Defaults {
    searches: Vec<Search>,
}

impl Defaults {
    pub(super) fn new() -> Self {
        let mut searches = Vec::new();
        let mut add = |method: Method, data, estimation, option: &str| {
            let config = resolved("", &format!("{method} {option}")).unwrap();
            searches.push(Search {
                method,
                data,
                estimation,
                is_halved: option.contains("--halving"),
                value: written(&config),
            });
        };
        for method in Method::ALL {
            for data in DATA {
                add(method, data, "training", &format!("--data {data}"));
            }
            add(method, DATA[0], "table", "--benchmark digits");
            if method.proposes() && !method.has_rungs() {
                add(method, DATA[0], "command", "--evaluator true");
            }
        }
        add(Method::Random, DATA[0], "training", "--halving asha");
        Self { searches }
    }

    /// The default of a key in these places, in words.
    pub(super) fn of(&self, key: &str, property: &Value, places: &[Place], is_required: bool) -> String {
        if key == "method" {
            return format!(
                "`{}`; `{}` with `--minutes`",
                Method::default(),
                Method::Evolution
            );
        }
        let found = self.found(key, property, places);
        let mut on_digits: Vec<(String, Vec<String>)> = Vec::new();
        for (label, data, value) in &found {
            if *data != DATA[0] {
                continue;
            }
            match on_digits.iter_mut().find(|(known, _)| known == value) {
                Some((_, labels)) => labels.push(label.clone()),
                None => on_digits.push((value.clone(), vec![label.clone()])),
            }
        }
        let varies = found.iter().any(|(label, data, value)| {
            let mut same_search = found.iter().filter(|(other, ..)| other == label);
            *data == DATA[0] && same_search.any(|(.., other)| other != value)
        });
        let dagger = if varies { " †" } else { "" };
        match &mut on_digits[..] {
            [] => match (property.get("default"), property["type"] == "boolean") {
                _ if is_required => "needed".to_owned(),
                (Some(default), _) => shown(default),
                (None, true) => shown(&false.into()),
                (None, false) => String::new(),
            },
            [(value, _)] => format!("{value}{dagger}"),
            several => {
                // What most of them have needs no mention of whose it is.
                several.sort_by_key(|(_, labels)| std::cmp::Reverse(labels.len()));
                let shown = several.iter_mut().enumerate().map(|(number, (value, labels))| {
                    let value = if value.is_empty() { "none" } else { value };
                    if number == 0 {
                        return value.to_owned();
                    }
                    labels.sort();
                    labels.dedup();
                    format!("{value} for {}", labels.join(", "))
                });
                format!("{}{dagger}", shown.collect::<Vec<_>>().join("; "))
            }
        }
    }

    /// What searches have for a key: whose searches, the data set, and the value.
    fn found(&self, key: &str, property: &Value, places: &[Place]) -> Vec<(String, &'static str, String)> {
        let mut found = Vec::new();
        for place in places {
            let table: String = place.path.iter().map(|key| format!("/{key}")).collect();
            let is_halving = place.path.first().is_some_and(|key| key == "halving");
            let searches = self
                .searches
                .iter()
                .filter(|search| search.is_halved == is_halving);
            let before = found.len();
            for search in searches.filter(|search| search.is_of(place)) {
                let Some(table) = search.value.pointer(&table) else {
                    continue;
                };
                if place.kind.as_ref().is_some_and(|kind| table["kind"] != *kind) {
                    continue;
                }
                let value = table.get(key).map_or_else(String::new, shown);
                found.push((search.label(place), search.data, value));
            }
            let default = property.get("default").filter(|_| places.len() > 1);
            if let (true, Some(kind), Some(default)) = (found.len() == before, &place.kind, default) {
                found.push((format!("`{kind}`"), DATA[0], shown(default)));
            }
        }
        if found.iter().all(|(.., value)| value.is_empty()) {
            found.clear();
        }
        found
    }
}

impl Search {
    /// Whether it has settings at this place.
    fn is_of(&self, place: &Place) -> bool {
        let is_of = |named: &Option<String>, own: &str| named.as_ref().is_none_or(|named| named == own);
        is_of(&place.method, self.method.name()) && is_of(&place.estimation, self.estimation)
    }

    /// Whose settings at this place are.
    fn label(&self, place: &Place) -> String {
        match (&place.method, self.method.proposes(), self.estimation) {
            (Some(method), ..) => format!("`{method}`"),
            (None, false, _) => format!("trials of `{}`", self.method),
            (None, true, "table") => "a table".to_owned(),
            (None, true, "command") => "a program".to_owned(),
            (None, true, _) => "trainings".to_owned(),
        }
    }
}

/// A value as it is written in TOML; of a table, the kind.
fn shown(value: &Value) -> String {
    match value {
        Value::Object(table) => match table.get("kind") {
            Some(kind) => format!("`kind = {kind}`"),
            None if table.len() == 1 => format!(
                "`{{ {} }}`",
                table
                    .iter()
                    .map(|(key, value)| format!("{key} = {value}"))
                    .collect::<String>()
            ),
            None => String::new(),
        },
        Value::Array(items) if items.iter().any(Value::is_object) => String::new(),
        Value::Number(number) if number.is_f64() => {
            // Rates that follow from others have many digits.
            let rounded = number
                .as_f64()
                .and_then(|number| format!("{number:.5e}").parse::<f64>().ok());
            format!("`{}`", Value::from(rounded))
        }
        other => format!("`{}`", other.to_string().replace(',', ", ")),
    }
}
