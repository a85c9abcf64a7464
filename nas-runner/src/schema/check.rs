//! As much of JSON Schema as the configuration's has, to check values by.

use serde_json::{Map, Value};

/// Keywords that say nothing of which values are valid.
const ANNOTATIONS: [&str; 5] = ["$schema", "$defs", "title", "description", "default"];

/// Why `value` is not valid by the part `schema` of the schema `root`, if it is not.
pub(super) fn check(root: &Value, schema: &Value, value: &Value) -> Result<(), String> {
    let schema = match schema {
        Value::Object(schema) => schema,
        other => panic!("{other} is no schema that is known here"),
    };
    if let Some(name) = schema.get("type").and_then(Value::as_str)
        && !has_type(name, value)
    {
        return Err(format!("{value} is no {name}"));
    }
    for (keyword, expected) in schema {
        let valid = match keyword.as_str() {
            "$ref" => {
                check(root, referred(root, expected), value)?;
                true
            }
            "type" => true,
            "const" => value == expected,
            "enum" => expected.as_array().unwrap().contains(value),
            "oneOf" => fitting(root, expected, value).count() == 1,
            "anyOf" => fitting(root, expected, value).count() > 0,
            "properties" | "additionalProperties" | "required" => match value.as_object() {
                Some(table) => {
                    check_table(root, schema, table)?;
                    true
                }
                None => true,
            },
            "items" => {
                let items = value.as_array().into_iter().flatten();
                items
                    .map(|item| check(root, expected, item))
                    .collect::<Result<Vec<_>, _>>()?;
                true
            }
            "minItems" => length(value) >= expected.as_u64().unwrap(),
            "maxItems" => length(value) <= expected.as_u64().unwrap(),
            "minLength" => characters(value) >= expected.as_u64().unwrap(),
            "maxLength" => characters(value) <= expected.as_u64().unwrap(),
            "uniqueItems" => {
                let items = value.as_array().unwrap();
                (1..items.len()).all(|i| !items[..i].contains(&items[i]))
            }
            "minimum" => compared(value, expected, |value, bound| value >= bound),
            "maximum" => compared(value, expected, |value, bound| value <= bound),
            "exclusiveMinimum" => compared(value, expected, |value, bound| value > bound),
            "exclusiveMaximum" => compared(value, expected, |value, bound| value < bound),
            "pattern" => matches(expected.as_str().unwrap(), value.as_str().unwrap()),
            annotation if ANNOTATIONS.contains(&annotation) => true,
            other => panic!("the keyword {other} is not known here"),
        };
        if !valid {
            return Err(format!("{value} is not valid by {keyword}: {expected}"));
        }
    }
    Ok(())
}

/// The alternatives by which `value` is valid, with their numbers.
pub(super) fn fitting<'a>(
    root: &'a Value,
    alternatives: &'a Value,
    value: &'a Value,
) -> impl Iterator<Item = (usize, &'a Value)> {
    let alternatives = alternatives.as_array().unwrap().iter().enumerate();
    alternatives.filter(|(_, alternative)| check(root, alternative, value).is_ok())
}

/// What a `$ref` stands for.
pub(super) fn referred<'a>(root: &'a Value, reference: &Value) -> &'a Value {
    let place = reference.as_str().unwrap().strip_prefix('#').unwrap();
    root.pointer(place).unwrap()
}

fn check_table(root: &Value, schema: &Map<String, Value>, table: &Map<String, Value>) -> Result<(), String> {
    let required = schema
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    for key in required.filter_map(Value::as_str) {
        if !table.contains_key(key) {
            return Err(format!("{key} is missing"));
        }
    }
    let known = schema.get("properties").and_then(Value::as_object);
    for (key, value) in table {
        let in_key = |error| format!("{key}: {error}");
        match (
            known.and_then(|known| known.get(key)),
            schema.get("additionalProperties"),
        ) {
            (Some(schema), _) => check(root, schema, value).map_err(in_key)?,
            (None, Some(Value::Bool(false))) => return Err(format!("there is no key {key}")),
            (None, Some(schema)) => check(root, schema, value).map_err(in_key)?,
            (None, None) => {}
        }
    }
    Ok(())
}

fn has_type(name: &str, value: &Value) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        other => panic!("the type {other} is not known here"),
    }
}

fn length(value: &Value) -> u64 {
    value.as_array().unwrap().len() as u64
}

fn characters(value: &Value) -> u64 {
    value.as_str().unwrap().chars().count() as u64
}

fn compared(value: &Value, bound: &Value, holds: fn(f64, f64) -> bool) -> bool {
    match (value.as_f64(), bound.as_f64()) {
        (Some(value), Some(bound)) => holds(value, bound),
        _ => false,
    }
}

/// The two patterns that there are.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern {
        "^[A-Za-z0-9_-]+$" => {
            !text.is_empty()
                && text
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
        }
        "^[1-9][0-9]*x[1-9][0-9]*x[1-9][0-9]*$" => {
            let is_number = |part: &str| !part.starts_with('0') && part.parse::<u64>().is_ok();
            text.split('x').count() == 3 && text.split('x').all(is_number)
        }
        other => panic!("the pattern {other} is not known here"),
    }
}
