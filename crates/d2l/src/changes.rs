//! The flags that changed a preset. They go into the run's name. `--verify` refuses them, because it judges presets
//! only.

use std::fmt::Display;

use serde::Serialize;
use serde_json::{Map, Value};

/// A flag that changed the preset, with its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    /// The flag without its dashes.
    pub flag: String,
    /// Its value; empty for a switch.
    pub value: String,
}

impl Change {
    /// A flag and its value.
    pub fn new(flag: impl Into<String>, value: impl Display) -> Self {
        Self { flag: flag.into(), value: value.to_string() }
    }

    /// The change as part of a run's name: `learning-rate0.5`, `optimizer-adam`, `dropout1-0.3`. A dash separates flag
    /// and value if they could be misread as one word or number.
    pub fn in_name(&self) -> String {
        let ends_in_digit = self.flag.ends_with(|c: char| c.is_ascii_digit());
        let is_word = self.value.starts_with(|c: char| !c.is_ascii_digit());
        let dash = if is_word || ends_in_digit { "-" } else { "" };
        let plain = |c| if is_plain(c) { c } else { '_' };
        let value: String = self.value.chars().map(plain).collect();
        format!("{}{dash}{value}", self.flag)
    }
}

/// Whether a run's name may contain a character.
pub(crate) fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '+')
}

/// The fields of a recipe or of a model's options, as they go into the log.
pub(crate) fn fields(settings: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(settings) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(), // `()`: a model without options
    }
}

/// The fields that differ, as flags with their new values.
pub(crate) fn between(before: &Map<String, Value>, after: &Map<String, Value>) -> Vec<Change> {
    let changed = after
        .iter()
        .filter(|(key, value)| before.get(*key) != Some(value));
    changed
        .map(|(key, value)| Change::new(key.replace('_', "-"), text(value)))
        .collect()
}

/// A field's value as its flag takes it: 0.5, 1 rather than 1.0, adam; empty for a switch that is on.
pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::Null | Value::Bool(true) => String::new(),
        Value::String(text) => text.clone(),
        Value::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() => float.to_string(),
            _ => number.to_string(),
        },
        other => other.to_string(),
    }
}

/// The name of a variant on the command line, in logs and in the names of runs.
pub fn name_of<E: clap::ValueEnum>(variant: &E) -> String {
    let value = variant.to_possible_value();
    value.map_or_else(String::new, |value| value.get_name().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_fields_that_differ_are_changes() {
        let map = |value: Value| value.as_object().cloned().unwrap_or_default();
        let before = map(
            json!({"batch_size": 256, "learning_rate": 0.1, "max_pool": false, "clip_norm": null}),
        );
        let after = map(
            json!({"batch_size": 256, "learning_rate": 1.0, "max_pool": true, "clip_norm": 0.5}),
        );
        let changes = between(&before, &after);
        let names: Vec<String> = changes.iter().map(Change::in_name).collect();
        assert_eq!(names, ["learning-rate1", "max-pool", "clip-norm0.5"]);
        assert!(between(&before, &before).is_empty());
    }

    #[test]
    fn a_dash_parts_flag_and_value_where_they_would_run_into_each_other() {
        let name = |flag: &str, value: &str| Change::new(flag, value).in_name();
        assert_eq!(name("epochs", "5"), "epochs5");
        assert_eq!(name("optimizer", "adam"), "optimizer-adam");
        assert_eq!(name("dropout1", "0.3"), "dropout1-0.3");
        assert_eq!(name("schedule", "step:every=10"), "schedule-step_every_10");
    }
}
