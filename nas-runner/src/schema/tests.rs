use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::cases::{Made, accepted, made, parsed, written};
use super::check::{check, fitting};
use super::{described, schema};
use crate::RunConfig;
use crate::methods::Method;
use crate::plan::tests::resolved;

/// A value of a configuration, and the part of the schema that is for it.
struct Leaf {
    /// The place in the configuration: keys, and numbers of items.
    place: String,
    /// The same, with the kinds of the tables on the way.
    name: String,
    /// The place in the schema.
    pointer: String,
}

/// Finds all leaves below a value.
struct Walk<'a> {
    root: &'a Value,
    leaves: Vec<Leaf>,
}

impl Walk<'_> {
    fn visit(&mut self, pointer: &str, value: &Value, place: &str, name: &str) {
        let root = self.root;
        let schema = root.pointer(pointer).unwrap();
        if let Some(reference) = schema.get("$ref") {
            let target = reference.as_str().unwrap().trim_start_matches('#');
            return self.visit(target, value, place, name);
        }
        for keyword in ["oneOf", "anyOf"] {
            let Some(alternatives) = schema.get(keyword) else {
                continue;
            };
            let (fits, _) = fitting(root, alternatives, value).next().unwrap();
            for (number, alternative) in alternatives.as_array().unwrap().iter().enumerate() {
                // A word can take the place of any value.
                if number == fits || alternative["type"] == "string" {
                    self.visit(&format!("{pointer}/{keyword}/{number}"), value, place, name);
                }
            }
        }
        let tag = ["kind", "name"].iter().find_map(|tag| {
            schema.pointer(&format!("/properties/{tag}/const"))?;
            value.get(tag)?.as_str()
        });
        let name = &tag.map_or_else(|| name.to_owned(), |tag| format!("{name}({tag})"));
        if let Some(Value::Object(properties)) = schema.get("properties") {
            for key in properties.keys() {
                if let Some(value) = value.get(key) {
                    let below = format!("{pointer}/properties/{key}");
                    self.visit(&below, value, &format!("{place}/{key}"), &format!("{name}.{key}"));
                }
            }
        }
        if let (Some(_), Some(first)) = (schema.get("items"), value.pointer("/0")) {
            let below = format!("{pointer}/items");
            self.visit(&below, first, &format!("{place}/0"), &format!("{name}[0]"));
        }
        self.leaves.push(Leaf {
            place: place.to_owned(),
            name: name.clone(),
            pointer: pointer.to_owned(),
        });
    }
}

fn leaves(root: &Value, value: &Value) -> Vec<Leaf> {
    let mut walk = Walk {
        root,
        leaves: Vec::new(),
    };
    walk.visit("", value, "", "");
    walk.leaves
}

/// Values just within the bounds of this part of the schema, and just outside.
fn around(schema: &Value, value: &Value) -> (Vec<Value>, Vec<Value>) {
    let (mut inside, mut outside) = (Vec::new(), Vec::new());
    let bound = |key: &str| schema.get(key);
    let small = 1e-9;
    for (key, beyond) in [("minimum", -1), ("maximum", 1)] {
        let Some(bound) = bound(key) else { continue };
        inside.push(bound.clone());
        outside.push(
            match (schema["type"] == "integer", bound.as_i64(), bound.as_f64()) {
                (true, Some(bound), _) => json!(bound + beyond),
                (_, _, Some(bound)) => json!(bound + beyond as f64 * small),
                _ => panic!("{schema}"),
            },
        );
    }
    for (key, within) in [("exclusiveMinimum", small), ("exclusiveMaximum", -small)] {
        let Some(bound) = bound(key) else { continue };
        outside.push(bound.clone());
        inside.push(json!(bound.as_f64().unwrap() + within));
    }
    let items = || value.as_array().unwrap().clone();
    if let Some(least) = bound("minItems").and_then(Value::as_u64) {
        let first = |count| Value::Array(items().into_iter().take(count).collect());
        inside.push(first(least as usize));
        outside.push(first(least as usize - 1));
    }
    if let Some(most) = bound("maxItems").and_then(Value::as_u64) {
        let last = items().last().unwrap().clone();
        outside.push(vec![last; most as usize + 1].into());
    }
    if bound("uniqueItems").is_some() {
        let twice = items().into_iter().chain(items());
        outside.push(twice.collect());
    }
    if let Some(most) = bound("maxLength").and_then(Value::as_u64) {
        inside.push("x".repeat(most as usize).into());
        outside.push("x".repeat(most as usize + 1).into());
    }
    if bound("minLength").is_some() {
        outside.push("".into());
    }
    for key in ["pattern", "const", "enum"] {
        if bound(key).is_some() {
            outside.push("no such word".into());
        }
    }
    let words = bound("enum").and_then(Value::as_array).into_iter().flatten();
    inside.extend(words.chain(bound("const")).cloned());
    (inside, outside)
}

fn with(value: &Value, place: &str, new: &Value) -> Value {
    let mut value = value.clone();
    *value.pointer_mut(place).unwrap() = new.clone();
    value
}

/// Parts of the schema that bound values.
fn bounded(schema: &Value, pointer: &str, found: &mut BTreeSet<String>) {
    match schema {
        Value::Object(keywords) => {
            let is_property = pointer.ends_with("/properties");
            if !is_property && !around(schema, &json!([1, 2])).1.is_empty() {
                found.insert(pointer.to_owned());
            }
            for (keyword, below) in keywords {
                bounded(below, &format!("{pointer}/{keyword}"), found);
            }
        }
        Value::Array(parts) => {
            for (number, below) in parts.iter().enumerate() {
                bounded(below, &format!("{pointer}/{number}"), found);
            }
        }
        _ => {}
    }
}

#[test]
fn what_a_search_writes_is_valid_by_the_schema() {
    let schema = schema();
    for Made { name, value } in made() {
        check(&schema, &schema, &value).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    for method in Method::ALL {
        for data in ["mnist", "fashion-mnist", "cifar10", "cifar100"] {
            let words = format!("{method} --data {data}");
            let value = written(&resolved("", &words).unwrap());
            check(&schema, &schema, &value).unwrap_or_else(|error| panic!("{words}: {error}"));
        }
    }
}

#[test]
fn a_value_beyond_a_bound_of_the_schema_is_refused_and_the_bound_itself_is_accepted() {
    let root = schema();
    let (mut seen, mut met, mut wrong) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
    // The name of a method alone, which stands for a table, has a test of its own.
    met.insert("/properties/method/anyOf/0".to_owned());
    for Made { name, value } in made() {
        for leaf in leaves(&root, &value) {
            if leaf.pointer == "/properties/method/anyOf/0"
                || !seen.insert((leaf.name.clone(), leaf.pointer.clone()))
            {
                continue;
            }
            met.insert(leaf.pointer.clone());
            let part = root.pointer(&leaf.pointer).unwrap();
            let (inside, outside) = around(part, value.pointer(&leaf.place).unwrap());
            for new in inside {
                let changed = with(&value, &leaf.place, &new);
                // Some words need others: whether they are there is enough.
                let refused = if new.is_string() {
                    parsed(&changed).map(drop)
                } else {
                    accepted(&changed)
                };
                if let Err(error) = refused {
                    wrong.push(format!("{name}: {} = {new} is refused: {error}", leaf.name));
                }
            }
            for new in outside {
                let changed = with(&value, &leaf.place, &new);
                if check(&root, &root, &changed).is_ok() || accepted(&changed).is_ok() {
                    wrong.push(format!("{name}: {} = {new} is accepted", leaf.name));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let mut bounds = BTreeSet::new();
    bounded(&root, "", &mut bounds);
    let unmet: Vec<&String> = bounds.difference(&met).collect();
    assert!(unmet.is_empty(), "no configuration has {unmet:#?}");
}

#[test]
fn numbers_that_are_not_finite_are_refused() {
    let root = schema();
    let mut seen = BTreeSet::new();
    for Made { name, value } in made() {
        for leaf in leaves(&root, &value) {
            let is_number = root.pointer(&leaf.pointer).unwrap()["type"] == "number";
            if !is_number || !seen.insert(leaf.name.clone()) {
                continue;
            }
            for not_finite in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
                let mut file = toml::Value::try_from(&value).unwrap();
                let keys = leaf.place.split('/').skip(1);
                let at = keys.fold(&mut file, |below, key| match key.parse::<usize>() {
                    Ok(number) => &mut below[number],
                    Err(_) => &mut below[key],
                });
                *at = not_finite.into();
                let config = file.try_into::<RunConfig>();
                let is_valid = config.is_ok_and(|config| config.validate().is_ok());
                assert!(!is_valid, "{name}: {} = {not_finite}", leaf.name);
            }
        }
    }
}

#[test]
fn an_unknown_key_is_refused_in_every_table() {
    let root = schema();
    let mut seen = BTreeSet::new();
    for Made { name, value } in made() {
        for leaf in leaves(&root, &value) {
            let part = root.pointer(&leaf.pointer).unwrap();
            if part.get("properties").is_none() || !seen.insert(leaf.name.clone()) {
                continue;
            }
            let mut changed = value.clone();
            changed.pointer_mut(&leaf.place).unwrap()["no_such_key"] = 1.into();
            assert!(check(&root, &root, &changed).is_err(), "{name}: {}", leaf.name);
            assert!(accepted(&changed).is_err(), "{name}: {}", leaf.name);
        }
    }
}

#[test]
fn a_file_may_leave_out_whatever_has_a_default() {
    let schema = schema();
    for file in [
        "",
        "method = 'evolution'",
        "method = { name = 'enas', search = { epochs = 3, rl = { batch = 4 } } }",
        "budget = { trials = 3 }\nestimation = { kind = 'table', benchmark = 'digits' }",
        "estimation = { epochs = 3, evaluator = { network = { channels = 4 } } }",
        "estimation = { kind = 'command', command = 'true' }\nmethod = 'random'",
        "space = { kind = 'pnas', blocks = 2 }\nmethod = 'random'",
        "method = 'random'\nhalving = { eta = 2 }\nlimits = { max_params = 100000 }",
    ] {
        let value = serde_json::to_value(file.parse::<toml::Table>().unwrap()).unwrap();
        check(&schema, &schema, &value).unwrap_or_else(|error| panic!("{file}: {error}"));
        RunConfig::from_toml(file).unwrap_or_else(|error| panic!("{file}: {error:#}"));
    }
    for file in [
        "method = 'evolutoin'",
        "budget = { trails = 3 }",
        "batch = 0",
        "estimation = { kind = 'command' }",
    ] {
        let value = serde_json::to_value(file.parse::<toml::Table>().unwrap()).unwrap();
        assert!(check(&schema, &schema, &value).is_err(), "{file}");
        assert!(RunConfig::from_toml(file).is_err(), "{file}");
    }
}

/// A table of another kind has none of the keys that the default one has.
#[test]
fn a_file_can_name_another_kind_than_the_default_one() {
    for table in [
        "optimizer = { kind = 'adam', weight_decay = 0.01 }",
        "schedule.curve = { kind = 'step', epochs = 3, factor = 0.5 }",
    ] {
        let (key, _) = table.split_once(' ').unwrap();
        let config = RunConfig::from_toml(&format!(
            "method = 'random'\n[estimation.evaluator.train]\n{table}"
        ));
        let value = written(&config.unwrap());
        let place = format!("/estimation/evaluator/train/{}/kind", key.replace('.', "/"));
        assert!(
            table.contains(value.pointer(&place).unwrap().as_str().unwrap()),
            "{value}"
        );
    }
}

/// Descriptions are for people who write a configuration, not for those who use the crates.
#[test]
fn every_key_and_every_choice_is_described_without_names_of_the_crates() {
    fn visit(schema: &Value, pointer: &str, wrong: &mut Vec<String>) {
        if let Some(text) = schema.get("description").and_then(Value::as_str) {
            let is_sentence = text.ends_with('.') && !text.starts_with(char::is_lowercase);
            let is_of_crates = ["[`", "::", "]("].iter().any(|sign| text.contains(sign));
            if !is_sentence && !pointer.contains("MethodConfig") || is_of_crates {
                wrong.push(format!("{pointer}: {text}"));
            }
        }
        let parts = schema.as_object().into_iter().flatten();
        for (keyword, below) in parts {
            let pointer = format!("{pointer}/{keyword}");
            match (keyword.as_str(), below) {
                ("properties", Value::Object(properties)) => {
                    for (key, property) in properties {
                        let pointer = format!("{pointer}/{key}");
                        let is_word = property.get("const").is_some();
                        let is_choice = pointer.contains("Of/");
                        if property.get("description").is_none() && !is_word && !is_choice {
                            wrong.push(format!("{pointer}: no description"));
                        }
                        visit(property, &pointer, wrong);
                    }
                }
                ("oneOf", Value::Array(choices)) => {
                    for (number, choice) in choices.iter().enumerate() {
                        let pointer = format!("{pointer}/{number}");
                        if choice.get("description").is_none() {
                            wrong.push(format!("{pointer}: no description"));
                        }
                        visit(choice, &pointer, wrong);
                    }
                }
                ("$defs", Value::Object(types)) => {
                    for (name, one) in types {
                        visit(one, &format!("{pointer}/{name}"), wrong);
                    }
                }
                ("anyOf", Value::Array(choices)) => {
                    for (number, choice) in choices.iter().enumerate() {
                        visit(choice, &format!("{pointer}/{number}"), wrong);
                    }
                }
                _ => {}
            }
        }
    }
    let mut wrong = Vec::new();
    visit(&described().to_value(), "", &mut wrong);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
