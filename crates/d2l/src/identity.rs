//! The identity of a run, which excludes its length: a resumed run and every file that it reads must agree in it.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use anyhow::{Result, bail};
use d2l_log::Header;
use serde_json::{Map, Value};

/// The recipe's field that may grow.
const LENGTH: &str = "epochs";

/// The number of epochs in a header's recipe.
pub(crate) fn epochs(header: &Header) -> usize {
    let epochs = header.recipe.get(LENGTH).and_then(Value::as_u64);
    epochs.unwrap_or_default() as usize
}

/// What differs between the run of the log and the one that is asked for, length aside.
pub(crate) fn differences(logged: &Header, asked: &Header) -> Vec<String> {
    let (logged, asked) = (fields(logged), fields(asked));
    let keys: BTreeMap<&String, ()> = logged
        .keys()
        .chain(asked.keys())
        .map(|key| (key, ()))
        .collect();
    let changed = keys
        .into_keys()
        .filter(|&key| logged.get(key) != asked.get(key));
    let say = |key: &String| {
        let of = |fields: &Map<String, Value>| fields.get(key).map_or("nothing".to_string(), text);
        let (before, now) = (of(&logged), of(&asked));
        format!("{key} was {before} and is now {now}")
    };
    changed.map(say).collect()
}

/// The header's fields. A `null` in a log counts as a missing field.
fn fields(header: &Header) -> Map<String, Value> {
    let mut fields = header.recipe.clone();
    fields.remove(LENGTH);
    fields.retain(|_, value| !value.is_null());
    let mut add = |key: &str, value: String| fields.insert(key.to_string(), value.into());
    add("chapter", header.chapter.clone());
    add("model", header.model.clone());
    add("implementation", header.implementation.clone());
    add("preset", header.preset.clone());
    add("device", header.device.clone());
    add("seed", header.seed.to_string());
    if let Some(data) = &header.data {
        add("data", data.sha256.clone());
        add("training examples", data.train.to_string());
        add("validation examples", data.valid.to_string());
    }
    fields
}

/// The identity as the metadata of a file.
pub(crate) fn metadata(header: &Header) -> HashMap<String, String> {
    let fields = fields(header).into_iter();
    fields.map(|(key, value)| (key, text(&value))).collect()
}

/// A string without quotes, anything else as JSON.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}

/// Refuses a file of another run.
///
/// # Errors
/// They name the file and the first difference.
pub(crate) fn check(
    file: &Path,
    found: &HashMap<String, String>,
    wanted: &HashMap<String, String>,
) -> Result<()> {
    let sorted: BTreeMap<&String, &String> = wanted.iter().collect();
    for (key, wanted) in sorted {
        let found = found.get(key).map_or("nothing", String::as_str);
        if found != wanted {
            bail!(
                "{} is of another run: its {key} is {found}, that of the log is {wanted}",
                file.display()
            );
        }
    }
    Ok(())
}
