//! A log's values by name, as filters, tables and scripts ask for them.

use crate::folder::nearest;
use crate::{Header, Log, Status, flattened, metric_names, number};
use anyhow::{Result, bail};
use serde_json::{Map, Value};
use std::slice;

/// Header fields that say nothing about the training.
const OF_THE_LOG: [&str; 3] = ["schema", "schema_minor", "started"];

impl Header {
    /// Every single value by its name: `seed`, `recipe.learning_rate`, `data.name`.
    fn fields(&self) -> Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(header)) => flattened(&header),
            _ => Map::new(),
        }
    }

    /// Its values by name, as in [`Log::fields`], without those that say nothing about the training.
    pub fn described(&self) -> Map<String, Value> {
        let mut fields = self.fields();
        fields.retain(|name, _| !OF_THE_LOG.contains(&name.as_str()));
        fields
    }
}

impl Log {
    /// What the run has in common with its repetitions under other seeds: [`Header::described`] without the seed and
    /// without the digest of data that are drawn from the seed.
    pub fn setting(&self) -> Map<String, Value> {
        let mut setting = self.header.described();
        let drawn = setting
            .get("data.source")
            .is_some_and(|source| source == "synthetic");
        setting.retain(|name, _| name != "seed" && !(drawn && name == "data.sha256"));
        setting
    }

    /// Every single value of a run by its name: those of the header (`seed`, `recipe.learning_rate`, `data.name`), `run`,
    /// `status`, `epochs`, `seconds`, `examples_per_second`, `peak_memory_bytes`, and each metric's final and best value
    /// (`valid.accuracy`, `best.valid.accuracy`).
    pub fn fields(&self) -> Map<String, Value> {
        let mut fields = Map::new();
        fields.insert("run".into(), self.name.clone().into());
        fields.extend(self.header.fields());
        fields.insert("status".into(), self.status().into());
        fields.insert("epochs".into(), self.epochs.len().into());
        fields.insert("seconds".into(), number::value(self.seconds()));
        let speed = self.speed().map(number::value);
        fields.extend(speed.map(|speed| ("examples_per_second".into(), speed)));
        let end = self.end.as_ref();
        let peak = end.and_then(|end| end.peak_memory_bytes);
        fields.extend(peak.map(|peak| ("peak_memory_bytes".into(), peak.into())));
        let mut metrics = metric_names(slice::from_ref(self));
        let more = end.into_iter().flat_map(|end| end.last.keys());
        metrics.extend(more.filter(|name| !fields.contains_key(*name)).cloned());
        for metric in metrics {
            let best = self.best(&metric).map(|best| number::value(best.value));
            // No gradient norm is better than another.
            let best = best.filter(|_| metric != "gradient_norm");
            fields.extend(best.map(|best| (format!("best.{metric}"), best)));
            let last = self.last(&metric).map(number::value);
            fields.extend(last.map(|last| (metric, last)));
        }
        fields
    }

    /// How the run ended: `finished`, `interrupted` or `failed`. While it trains, or after it was killed, `running`.
    pub fn status(&self) -> &'static str {
        match self.end.as_ref().map(|end| end.status) {
            Some(Status::Finished) => "finished",
            Some(Status::Interrupted) => "interrupted",
            Some(Status::Failed) => "failed",
            None => "running",
        }
    }
}

/// Refuses the name of a field that none of the runs has.
///
/// # Errors
///
/// If there are runs and none has the field; the error suggests the nearest names.
pub fn check_field<'a>(
    name: &str,
    runs: impl IntoIterator<Item = &'a Map<String, Value>>,
) -> Result<()> {
    let mut known: Vec<String> = Vec::new();
    for fields in runs {
        if fields.contains_key(name) {
            return Ok(());
        }
        known.extend(
            fields
                .keys()
                .filter(|key| !known.contains(key))
                .cloned()
                .collect::<Vec<_>>(),
        );
    }
    if known.is_empty() {
        return Ok(());
    }
    bail!(
        "no run has a field {name}; nearest: {}",
        nearest(name, known).join(", ")
    )
}
