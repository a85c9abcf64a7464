//! A comparison for programs: with values in the place of scores.

use nas_study::compare::Comparison;
use serde::{Serialize as _, Serializer, ser};
use serde_json::Value;

/// The comparison as JSON. Figures of tasks whose metric is no accuracy are named `valid` and `test` and not as accuracies.
pub(super) fn values(comparison: &Comparison) -> serde_json::Result<Value> {
    let comparison = comparison.in_values();
    let mut value = serde_json::to_value(&comparison)?;
    for (name, task) in &comparison.tasks {
        if task.metric.is_accuracy() {
            continue;
        }
        let methods = value.pointer_mut(&format!(
            "/tasks/{}/methods",
            name.replace('~', "~0").replace('/', "~1")
        ));
        let standings = methods.and_then(Value::as_object_mut).into_iter().flatten();
        let runs = standings.filter_map(|(_, standing)| standing.get_mut("runs")?.as_array_mut());
        for run in runs.flatten() {
            rename(run);
            let incumbents = run.get_mut("incumbents").and_then(Value::as_array_mut);
            incumbents.into_iter().flatten().for_each(rename);
        }
    }
    Ok(value)
}

fn rename(figures: &mut Value) {
    let Some(figures) = figures.as_object_mut() else {
        return;
    };
    for (accuracy, name) in [("valid_accuracy", "valid"), ("test_accuracy", "test")] {
        if let Some(value) = figures.remove(accuracy) {
            figures.insert(name.to_owned(), value);
        }
    }
}

/// Writes [`values`].
pub(super) fn in_values<S: Serializer>(comparison: &Comparison, serializer: S) -> Result<S::Ok, S::Error> {
    values(comparison)
        .map_err(ser::Error::custom)?
        .serialize(serializer)
}
