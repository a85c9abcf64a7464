//! What the book's chapter on the configuration file says of its keys: written from the schema, with the defaults of searches.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;

use super::defaults::{Defaults, Place};
use super::described;
use super::words::{choice_in_words, choices, kind_of, range_of, type_of};

/// The chapter. What stands above [`MARK`] is written by hand.
const CHAPTER: &str = "../docs/src/configuration.md";
/// The line below which the chapter is written by the test.
const MARK: &str = "<!-- All below is written by: NAS_WRITE_DOCS=1 cargo test --workspace --lib the_chapter_on_configuration -->\n";

/// The longest line of text.
const WIDTH: usize = 138;

/// Tables that are in several places, and what they are called.
const SHARED: [(&str, &str); 14] = [
    ("NetworkConfig", "Size of networks"),
    ("Augmentation", "Augmentation"),
    ("Schedule", "Schedule of the learning rate"),
    ("Curve", "Curve of the learning rate"),
    ("SgdConfig", "SGD"),
    ("AdamConfig", "Adam"),
    ("RlConfig", "How a controller learns"),
    ("Algorithm", "Algorithm of a controller"),
    ("Depth", "Depth of proposals"),
    ("ControllerConfig", "What a controller is made of"),
    ("SurrogateConfig", "Surrogates"),
    ("OwnPlan", "Images of your own"),
    ("ReadOptions", "How images are read"),
    ("ProxyPlan", "Scores by a proxy"),
];

/// A table, or several for one purpose that differ by their kind.
struct Table {
    /// The place in the schema.
    pointer: String,
    places: Vec<Place>,
}

/// All tables, in the order in which they are met.
struct Tables<'a> {
    root: &'a Value,
    found: Vec<Table>,
    defaults: Defaults,
}

impl<'a> Tables<'a> {
    fn new(root: &'a Value) -> Self {
        let mut tables = Self {
            root,
            found: Vec::new(),
            defaults: Defaults::new(),
        };
        let keys = [
            "method",
            "budget",
            "space",
            "estimation",
            "images",
            "limits",
            "soft_limits",
            "costs",
            "trial",
            "halving",
            "screening",
        ];
        for key in keys {
            tables.visit(&format!("/properties/{key}"), &Place::default().below(key));
        }
        tables
    }

    fn visit(&mut self, pointer: &str, place: &Place) {
        let pointer = self.target(pointer);
        let schema = self.part(&pointer);
        if !is_table(schema) {
            return;
        }
        match self.found.iter_mut().find(|table| table.pointer == pointer) {
            Some(table) => table.places.push(place.clone()),
            None => self.found.push(Table {
                pointer: pointer.clone(),
                places: vec![place.clone()],
            }),
        }
        for (kind, variant, below) in kinds(schema, &pointer) {
            let place = place.of_kind(kind);
            match self.same_as(variant) {
                Some(same) => self.visit(&same, &place),
                None => self.visit_keys(variant, &below, &place),
            }
        }
        self.visit_keys(schema, &pointer, place);
    }

    fn visit_keys(&mut self, schema: &Value, pointer: &str, place: &Place) {
        for (key, _) in keys(schema) {
            self.visit(&format!("{pointer}/properties/{key}"), &place.below(key));
        }
    }

    fn part(&self, pointer: &str) -> &'a Value {
        self.root.pointer(pointer).unwrap()
    }

    /// Where a reference leads, also that of a list's items.
    fn target(&self, pointer: &str) -> String {
        let schema = self.part(pointer);
        let of_items = schema.get("items").and_then(|items| items.get("$ref"));
        match schema.get("$ref").or(of_items) {
            Some(reference) => reference.as_str().unwrap().trim_start_matches('#').to_owned(),
            None => pointer.to_owned(),
        }
    }

    /// The type with a name that has the same keys.
    fn same_as(&self, variant: &Value) -> Option<String> {
        let types = self.root["$defs"].as_object().unwrap();
        let (name, _) = types.iter().find(|(_, schema)| has_same_keys(schema, variant))?;
        Some(format!("/$defs/{name}"))
    }

    fn heading(&self, pointer: &str) -> String {
        let table = self.found.iter().find(|table| table.pointer == pointer).unwrap();
        match (shared(pointer), &table.places[..]) {
            (Some(heading), _) => heading.to_owned(),
            (None, [place]) if self.is_of_several_methods(place) => place.in_words(),
            (None, [place]) => format!("`{place}`"),
            (None, _) => panic!("{pointer} is in several places and has no heading"),
        }
    }

    /// Whether different tables are in the same place, each with another method.
    fn is_of_several_methods(&self, place: &Place) -> bool {
        let name = place.to_string();
        let there = self.found.iter().filter(|table| {
            let places = &table.places;
            shared(&table.pointer).is_none() && places.iter().any(|place| place.to_string() == name)
        });
        there.count() > 1
    }

    fn link(&self, pointer: &str, text: &str) -> String {
        format!("[{text}](#{})", anchor(&self.heading(pointer)))
    }

    /// A section on one table.
    fn section(&self, text: &mut String, table: &Table) {
        let schema = self.part(&table.pointer);
        let level = match &table.places[..] {
            [place] if place.path.len() == 1 => "##",
            _ => "###",
        };
        writeln!(text, "\n{level} {}\n", self.heading(&table.pointer)).unwrap();
        if shared(&table.pointer).is_some() {
            let places: Vec<String> = table.places.iter().map(Place::in_words).collect();
            writeln!(text, "{}.\n", wrapped(&format!("It is in {}", places.join(", ")))).unwrap();
        }
        let kinds: Vec<_> = kinds(schema, &table.pointer).collect();
        if kinds.is_empty() {
            return self.rows(text, &[(None, schema)], &table.places);
        }
        let (tag, _) = kind_of(kinds[0].1).unwrap();
        if ["/$defs/MethodConfig", "/$defs/SpaceConfig", "/$defs/Estimation"]
            .contains(&table.pointer.as_str())
        {
            let names: Vec<String> = kinds.iter().map(|(kind, ..)| format!("`{kind}`")).collect();
            writeln!(text, "`{tag}` says which: {}.", names.join(", ")).unwrap();
            for (kind, variant, _) in kinds {
                writeln!(
                    text,
                    "\n### `{}`, `{tag} = \"{kind}\"`\n\n{}\n",
                    table.places[0],
                    said_of(variant)
                )
                .unwrap();
                let places: Vec<Place> = table.places.iter().map(|place| place.of_kind(kind)).collect();
                self.rows(text, &[(None, variant)], &places);
            }
            return;
        }
        for (kind, variant, _) in &kinds {
            let item = format!("- `{tag} = \"{kind}\"`: {}", said_of(variant));
            writeln!(text, "{}", wrapped(&item)).unwrap();
        }
        let kinds: Vec<_> = kinds
            .iter()
            .map(|(kind, variant, _)| (Some(*kind), *variant))
            .collect();
        if kinds.iter().any(|(_, variant)| keys(variant).next().is_some()) {
            text.push('\n');
            self.rows(text, &kinds, &table.places);
        }
    }

    /// The keys of a table, or of each of its kinds, and what is said of their values.
    fn rows(&self, text: &mut String, kinds: &[(Option<&str>, &Value)], places: &[Place]) {
        let (mut rows, mut values) = (String::new(), String::new());
        let mut before: Vec<(&str, &Value)> = Vec::new();
        for &(kind, variant) in kinds {
            let of_kind = kind.map_or_else(String::new, |kind| format!("`{kind}` | "));
            let places: Vec<Place> = places
                .iter()
                .map(|place| kind.map_or_else(|| place.clone(), |kind| place.of_kind(kind)))
                .collect();
            if let Some(same) = self
                .same_as(variant)
                .filter(|same| !std::ptr::eq(self.part(same), variant))
            {
                let link = self.link(&same, &self.heading(&same));
                match kind {
                    Some(_) => writeln!(rows, "| {of_kind}{link} | | | | |").unwrap(),
                    None => writeln!(text, "Its keys are those of {link}.").unwrap(),
                }
                continue;
            }
            if let Some((same, _)) = before.iter().find(|(_, other)| has_same_keys(other, variant)) {
                writeln!(rows, "| {of_kind}as of `{same}` | | | | |").unwrap();
                continue;
            }
            before.extend(kind.map(|kind| (kind, variant)));
            for (key, property) in keys(variant) {
                let is_required = variant["required"]
                    .as_array()
                    .is_some_and(|keys| keys.iter().any(|one| one == key));
                let pointer = property.get("$ref").or_else(|| property["items"].get("$ref"));
                let pointer = pointer.map(|reference| reference.as_str().unwrap().trim_start_matches('#'));
                let table = pointer.filter(|pointer| is_table(self.part(pointer)));
                let kind_of_value = match table {
                    Some(pointer) if property.get("items").is_some() => self.link(pointer, "list of tables"),
                    Some(pointer) => self.link(pointer, "table"),
                    None => type_of(self.root, property),
                };
                let default = self.defaults.of(key, property, places.as_slice(), is_required);
                writeln!(
                    rows,
                    "| {of_kind}`{key}` | {kind_of_value} | {} | {default} | {} |",
                    range_of(self.root, property),
                    property["description"].as_str().unwrap()
                )
                .unwrap();
                self.values(&mut values, key, property);
            }
        }
        if rows.is_empty() {
            return if text.ends_with("\n\n") && kinds.len() == 1 && keys(kinds[0].1).next().is_none() {
                text.push_str("It has no other keys.\n");
            };
        }
        let (kind, line) = match kinds {
            [(None, _)] => ("", ""),
            _ => ("kind | ", "---|"),
        };
        writeln!(
            text,
            "| {kind}key | type | range | default | meaning |\n|{line}---|---|---|---|---|\n{rows}{values}"
        )
        .unwrap();
        text.truncate(text.trim_end().len());
        text.push('\n');
    }

    /// What the values of a key mean that are words, or have other alternatives.
    fn values(&self, text: &mut String, key: &str, property: &Value) {
        let choices = choices(self.root, property);
        let described: Vec<_> = choices
            .into_iter()
            .filter(|choice| choice.get("description").is_some())
            .collect();
        if described.is_empty() {
            return;
        }
        writeln!(text, "\nValues of `{key}`:\n").unwrap();
        for choice in described {
            let item = format!("- {}: {}", choice_in_words(self.root, choice), said_of(choice));
            writeln!(text, "{}", wrapped(&item)).unwrap();
        }
    }
}

/// A paragraph or an item of a list in lines that are not too long, with code in one piece.
fn wrapped(text: &str) -> String {
    let indent = if text.starts_with("- ") { "  " } else { "" };
    let (mut lines, mut line, mut is_code) = (Vec::new(), String::new(), false);
    for word in text.split(' ') {
        if !is_code && line.chars().count() + word.chars().count() >= WIDTH {
            lines.push(std::mem::replace(&mut line, indent.to_owned()));
        }
        let is_first = line.len() == indent.len() && !lines.is_empty() || line.is_empty();
        line.push_str(if is_first { "" } else { " " });
        line.push_str(word);
        is_code ^= word.matches('`').count() % 2 == 1;
    }
    lines.push(line);
    lines.join("\n")
}

fn shared(pointer: &str) -> Option<&'static str> {
    let found = SHARED
        .iter()
        .find(|(name, _)| pointer == format!("/$defs/{name}"));
    found.map(|(_, heading)| *heading)
}

/// The anchor of a heading.
fn anchor(heading: &str) -> String {
    let kept = heading
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

/// Whether values of this schema are tables with keys of their own.
fn is_table(schema: &Value) -> bool {
    keys(schema).next().is_some() || kinds(schema, "").next().is_some()
}

/// The keys of a table, but for the one that says its kind.
fn keys(schema: &Value) -> impl Iterator<Item = (&String, &Value)> {
    let properties = schema
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flatten();
    properties.filter(|(_, property)| property.get("const").is_none())
}

/// Whether two tables have the same keys, and some.
fn has_same_keys(one: &Value, other: &Value) -> bool {
    keys(one).next().is_some() && keys(one).map(|(key, _)| key).eq(keys(other).map(|(key, _)| key))
}

/// The kinds of table that a value can be, with their places in the schema.
fn kinds<'a>(schema: &'a Value, pointer: &str) -> impl Iterator<Item = (&'a str, &'a Value, String)> {
    let variants = schema
        .get("oneOf")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .enumerate();
    variants.filter_map(move |(number, variant)| {
        Some((kind_of(variant)?.1, variant, format!("{pointer}/oneOf/{number}")))
    })
}

/// A description as a sentence.
fn said_of(schema: &Value) -> String {
    let text = schema["description"].as_str().unwrap();
    let mut letters = text.chars();
    let first = letters.next().unwrap().to_uppercase();
    let end = if text.ends_with('.') { "" } else { "." };
    format!("{first}{}{end}", letters.as_str())
}

/// All that the chapter says of keys.
fn keys_of_the_configuration() -> String {
    let root = described().to_value();
    let tables = Tables::new(&root);
    let mut text = "\n## The whole file\n\n".to_owned();
    tables.rows(&mut text, &[(None, &root)], &[Place::default()]);
    let (shared, others): (Vec<&Table>, Vec<&Table>) = tables
        .found
        .iter()
        .partition(|table| shared(&table.pointer).is_some());
    for table in others {
        tables.section(&mut text, table);
    }
    text.push_str("\n## Tables in several places\n");
    for table in shared {
        tables.section(&mut text, table);
    }
    text
}

#[test]
fn the_chapter_on_configuration_is_up_to_date() {
    let path = Path::new(CHAPTER);
    let chapter = std::fs::read_to_string(path).unwrap();
    let (by_hand, written) = chapter.split_once(MARK).unwrap();
    let expected = keys_of_the_configuration();
    if std::env::var_os("NAS_WRITE_DOCS").is_some() {
        std::fs::write(path, format!("{by_hand}{MARK}{expected}")).unwrap();
        return;
    }
    assert!(
        written == expected,
        "{CHAPTER} is not what the types say; write it with: NAS_WRITE_DOCS=1 cargo test --workspace --lib the_chapter_on_configuration"
    );
}
