//! Numbers in JSON. JSON has no numbers that are not finite, so these are written as the texts `"NaN"`, `"Infinity"`
//! and `"-Infinity"`.

use crate::Metrics;
use serde::de::{Error, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;

/// Names and values of the numbers that JSON cannot write.
const NAMED: [(&str, f64); 3] = [
    ("NaN", f64::NAN),
    ("Infinity", f64::INFINITY),
    ("-Infinity", f64::NEG_INFINITY),
];

/// The name of a number that is not finite.
fn name(value: f64) -> Option<&'static str> {
    let is_it = |named: f64| named == value || named.is_nan() && value.is_nan();
    let found = NAMED.iter().find(|(_, named)| is_it(*named));
    found.map(|(name, _)| *name)
}

/// A number as a JSON value; if it is not finite, its name.
pub fn value(value: f64) -> Value {
    match name(value) {
        Some(name) => name.into(),
        None => value.into(),
    }
}

/// The number in a JSON value, written in digits or as a name; `None` for other values.
pub fn of(value: &Value) -> Option<f64> {
    Some(Number::deserialize(value).ok()?.0)
}

pub(crate) fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    Number(*value).serialize(serializer)
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Number::deserialize(deserializer).map(|number| number.0)
}

/// A number that may be missing.
pub(crate) mod optional {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(
        value: &Option<f64>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        value.map(Number).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<f64>, D::Error> {
        let value = Option::<Number>::deserialize(deserializer)?;
        Ok(value.map(|number| number.0))
    }
}

/// Names with their numbers.
pub(crate) mod metrics {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(
        metrics: &Metrics,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let numbers = metrics.iter().map(|(name, value)| (name, Number(*value)));
        serializer.collect_map(numbers)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Metrics, D::Error> {
        Ok(plain(BTreeMap::deserialize(deserializer)?))
    }
}

/// The further groups of a line, besides its known keys. A key with another kind of value belongs to a newer schema and
/// is passed over.
pub(crate) mod groups {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(
        groups: &BTreeMap<String, Metrics>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(groups.len()))?;
        for (name, metrics) in groups {
            let numbers = metrics.iter().map(|(name, value)| (name, Number(*value)));
            map.serialize_entry(name, &BTreeMap::from_iter(numbers))?;
        }
        map.end()
    }

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Group {
        Metrics(BTreeMap<String, Number>),
        Other(serde::de::IgnoredAny),
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<BTreeMap<String, Metrics>, D::Error> {
        let found: BTreeMap<String, Group> = BTreeMap::deserialize(deserializer)?;
        let groups = found.into_iter().filter_map(|(name, group)| match group {
            Group::Metrics(metrics) => Some((name, plain(metrics))),
            Group::Other(_) => None,
        });
        Ok(groups.collect())
    }
}

fn plain(numbers: BTreeMap<String, Number>) -> Metrics {
    let numbers = numbers.into_iter();
    numbers.map(|(name, value)| (name, value.0)).collect()
}

/// A number, as JSON takes it.
struct Number(f64);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match name(self.0) {
            Some(name) => serializer.serialize_str(name),
            None => serializer.serialize_f64(self.0),
        }
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NumberVisitor).map(Self)
    }
}

struct NumberVisitor;

impl Visitor<'_> for NumberVisitor {
    type Value = f64;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a number, \"NaN\", \"Infinity\" or \"-Infinity\"")
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<f64, E> {
        Ok(value)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<f64, E> {
        Ok(value as f64)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<f64, E> {
        Ok(value as f64)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<f64, E> {
        let named = NAMED.iter().find(|(name, _)| *name == text);
        let unknown = || E::invalid_value(serde::de::Unexpected::Str(text), &self);
        named.map(|(_, value)| *value).ok_or_else(unknown)
    }
}
