//! Parts of the schema in words.

use nas_report::number::grouped;
use serde_json::Value;

use super::check::referred;

/// The kind of table that this is, where it names one.
pub(super) fn kind_of(schema: &Value) -> Option<(&str, &str)> {
    let properties = schema.get("properties")?.as_object()?;
    properties
        .iter()
        .find_map(|(key, property)| Some((key.as_str(), property.get("const")?.as_str()?)))
}

/// The alternatives of a value that are no tables of different kinds.
pub(super) fn choices<'a>(root: &'a Value, schema: &'a Value) -> Vec<&'a Value> {
    let schema = resolved(root, schema);
    let listed = ["oneOf", "anyOf"]
        .iter()
        .find_map(|keyword| schema.get(keyword)?.as_array());
    let listed = listed.into_iter().flatten().map(|choice| resolved(root, choice));
    listed.filter(|choice| kind_of(choice).is_none()).collect()
}

/// A schema, or what it refers to.
pub(super) fn resolved<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    schema
        .get("$ref")
        .map_or(schema, |reference| referred(root, reference))
}

/// What kind of value: `list of integers`.
pub(super) fn type_of(root: &Value, schema: &Value) -> String {
    let schema = resolved(root, schema);
    let choices = choices(root, schema);
    if !choices.is_empty() {
        let mut types: Vec<String> = choices.iter().map(|choice| type_of(root, choice)).collect();
        types.dedup();
        return types.join(" or ");
    }
    match schema["type"].as_str() {
        Some("array") => format!("list of {}s", type_of(root, &schema["items"])),
        Some("object") if schema.get("properties").is_none() => {
            format!("table of {}s", type_of(root, &schema["additionalProperties"]))
        }
        Some("integer") => "integer".to_owned(),
        Some("number") => "number".to_owned(),
        Some("string") => "string".to_owned(),
        Some("boolean") => "boolean".to_owned(),
        _ => "table".to_owned(),
    }
}

/// Which of these values: `0 to below 1`. Empty where there is no bound but the type.
pub(super) fn range_of(root: &Value, schema: &Value) -> String {
    let schema = resolved(root, schema);
    let choices = choices(root, schema);
    if !choices.is_empty() {
        let ranges: Vec<String> = choices
            .iter()
            .map(|choice| choice_in_words(root, choice))
            .collect();
        return ranges.join(", ");
    }
    if let Some(words) = words_of(schema) {
        return words.join(", ");
    }
    match schema["type"].as_str() {
        Some("boolean") => "`true`, `false`".to_owned(),
        Some("integer" | "number") => bounds_of(schema),
        Some("array") => {
            let count = match (schema["minItems"].as_u64(), schema["maxItems"].as_u64()) {
                (Some(least), Some(most)) => format!("{least} to {most} of them"),
                (Some(least), None) => format!("{least} or more"),
                _ => String::new(),
            };
            let differ = if schema.get("uniqueItems").is_some() {
                "different"
            } else {
                ""
            };
            let each = match resolved(root, &schema["items"])["type"].as_str() {
                Some("integer" | "number") => range_of(root, &schema["items"]),
                _ => String::new(),
            };
            let parts = [count.as_str(), differ, &each];
            parts
                .into_iter()
                .filter(|part| !part.is_empty())
                .collect::<Vec<_>>()
                .join(", ")
        }
        Some("string") => match (schema["pattern"].as_str(), schema["maxLength"].as_u64()) {
            (Some("^[A-Za-z0-9_-]+$"), _) => "letters, digits, `-`, `_`".to_owned(),
            (Some(_), _) => "`CxHxW`, as `3x32x32`".to_owned(),
            (None, Some(most)) => format!("1 to {most} characters"),
            (None, None) => String::new(),
        },
        _ => String::new(),
    }
}

/// A value of several that are possible: `"all"`, `{ at_most = … }`.
pub(super) fn choice_in_words(root: &Value, choice: &Value) -> String {
    if let Some(words) = words_of(choice) {
        return words.join(", ");
    }
    match choice["type"].as_str() {
        Some("object") => {
            let properties = choice["properties"].as_object().unwrap();
            let keys: Vec<String> = properties.keys().map(|key| format!("{key} = …")).collect();
            let bounds: Vec<String> = properties.values().map(|one| range_of(root, one)).collect();
            format!("`{{ {} }}` {}", keys.join(", "), bounds.join(", "))
        }
        _ => range_of(root, choice),
    }
}

fn words_of(schema: &Value) -> Option<Vec<String>> {
    let words = match (schema.get("const"), schema.get("enum")) {
        (Some(word), _) => std::slice::from_ref(word),
        (None, words) => words?.as_array()?,
    };
    Some(words.iter().map(|word| format!("`{word}`")).collect())
}

fn bounds_of(schema: &Value) -> String {
    let bound = |key: &str| schema.get(key).map(number);
    let from = bound("minimum");
    let above = bound("exclusiveMinimum").map(|bound| format!("above {bound}"));
    let (to, below) = (bound("maximum"), bound("exclusiveMaximum"));
    match (from, above, to, below) {
        (Some(from), _, Some(to), _) => format!("{from} to {to}"),
        (Some(from), _, None, Some(below)) => format!("{from} to below {below}"),
        (Some(from), _, None, None) => format!("at least {from}"),
        (None, Some(above), Some(to), _) => format!("{above}, at most {to}"),
        (None, Some(above), None, Some(below)) => format!("{above}, below {below}"),
        (None, Some(above), None, None) => above,
        _ => String::new(),
    }
}

fn number(value: &Value) -> String {
    value.as_u64().map_or_else(|| value.to_string(), grouped)
}
