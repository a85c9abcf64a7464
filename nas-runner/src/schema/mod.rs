//! The configuration file, described by its types.
//!
//! A field's documentation is what users read: its first paragraph is the description in the schema and in the book's chapter on the
//! configuration file, which a test writes. Ranges stand beside the fields as well, and a test compares them with what is refused.

use schemars::Schema;
use schemars::generate::SchemaSettings;
use schemars::transform::{RecursiveTransform, Transform};
use serde_json::{Value, json};

use crate::methods::Method;
use crate::plan::RunConfig;

/// The JSON Schema (draft 2020-12) of a configuration file, by which editors complete and check one.
///
/// It names no defaults: they depend on the method, the space and the data set.
pub fn schema() -> Value {
    let mut schema = described();
    RecursiveTransform(|schema: &mut Schema| {
        schema.remove("default");
    })
    .transform(&mut schema);
    let mut schema = schema.to_value();
    leave_out(&mut schema);
    let names = Method::ALL.map(Method::name);
    if let Some(method) = schema.pointer_mut("/properties/method") {
        let with_settings = method["$ref"].take();
        *method = json!({
            "description": method["description"].take(),
            "anyOf": [{"type": "string", "enum": names}, {"$ref": with_settings}],
        });
    }
    schema["title"] = "Configuration of a search by nas".into();
    schema
}

/// What the types say, in the words for users: of each description the first paragraph, and nothing that TOML does not have.
fn described() -> Schema {
    let generator = SchemaSettings::draft2020_12().into_generator();
    let mut schema = generator.into_root_schema_for::<RunConfig>();
    RecursiveTransform(for_users).transform(&mut schema);
    // What a type is for is said by the keys that have it.
    if let Some(Value::Object(types)) = schema.get_mut("$defs") {
        for one in types.values_mut().filter_map(Value::as_object_mut) {
            one.remove("description");
        }
    }
    schema
}

fn for_users(schema: &mut Schema) {
    // The size of a number in memory.
    schema.remove("format");
    if let Some(Value::String(text)) = schema.get_mut("description") {
        let first = text.split("\n\n").next().unwrap_or_default();
        *text = first.split_whitespace().collect::<Vec<_>>().join(" ");
    }
    if schema.get("default").is_some_and(Value::is_null) {
        schema.remove("default");
    }
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|one| one != "null");
        if types.len() == 1 {
            let one = types.remove(0);
            schema.insert("type".to_owned(), one);
        }
    }
    if let Some(Value::Array(any)) = schema.get_mut("anyOf") {
        any.retain(|one| one["type"] != "null");
        if any.len() == 1
            && let Value::Object(one) = any.remove(0)
        {
            schema.remove("anyOf");
            schema.ensure_object().extend(one);
        }
    }
}

/// Lets a file leave out what a search completes: all keys of these tables but those that say which kind of table it is.
fn leave_out(schema: &mut Value) {
    let mut optional = |place: &str, needed: &[&str]| {
        if let Some(Value::Array(required)) = schema.pointer_mut(&format!("{place}/required")) {
            required.retain(|key| needed.iter().any(|needed| key == needed));
        }
    };
    optional("", &[]);
    optional("/$defs/ImagesPlan", &[]);
    for variant in 0..Method::ALL.len() {
        optional(&format!("/$defs/MethodConfig/oneOf/{variant}"), &["name"]);
    }
    // One without a kind is a training.
    for (variant, needed) in [&[][..], &["kind"], &["kind", "command"]].into_iter().enumerate() {
        optional(&format!("/$defs/Estimation/oneOf/{variant}"), needed);
    }
}

#[cfg(test)]
mod cases;
#[cfg(test)]
mod chapter;
#[cfg(test)]
mod check;
#[cfg(test)]
mod defaults;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod words;
