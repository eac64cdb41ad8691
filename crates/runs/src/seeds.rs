//! Runs that differ in their seed alone are one experiment.

use d2l_log::{Header, flattened};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Header fields that don't belong to an experiment: its repetition, and what doesn't change its result.
const APART: [&str; 4] = ["seed", "started", "threads", "lengthened"];
/// Data that are drawn from the seed have another digest with every seed.
const DRAWN: &str = "synthetic";

/// What an experiment is known by: equal for runs that differ in their seed alone. A `null` is as good as a field that is
/// missing.
pub(crate) fn experiment(header: &Header) -> String {
    let drawn = header
        .data
        .as_ref()
        .is_some_and(|data| data.source == DRAWN);
    let belongs = |key: &str| !APART.contains(&key) && !(drawn && key == "data.sha256");
    let fields = fields(header).into_iter();
    let sorted: BTreeMap<String, Value> = fields
        .filter(|(key, value)| belongs(key) && !value.is_null())
        .collect();
    Value::from_iter(sorted).to_string()
}

/// All fields of a header, nested ones as `recipe.learning_rate`.
pub(crate) fn fields(header: &Header) -> Map<String, Value> {
    match serde_json::to_value(header) {
        Ok(Value::Object(header)) => flattened(&header),
        _ => Map::new(),
    }
}
