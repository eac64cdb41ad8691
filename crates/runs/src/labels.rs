//! Short names for runs that are shown side by side: what differs between them, and what they have in common.

use crate::text::field;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// The fields that say most, in this order. The recipe's fields come after them, the others last.
const FIRST: [&str; 5] = ["chapter", "model", "implementation", "preset", "device"];
/// Fields that follow from others.
const DERIVED: [&str; 2] = ["parameters", "data.sha256"];

/// A label for each of some settings: the values of as few fields as tell all of them apart. Equal settings get equal
/// labels.
pub(crate) fn labels(settings: &[Map<String, Value>]) -> Vec<String> {
    let mut labels = vec![String::new(); settings.len()];
    let apart = |labels: &[String]| labels.iter().collect::<BTreeSet<_>>().len();
    for name in fields(settings) {
        let texts = settings
            .iter()
            .map(|setting| part(&name, setting.get(&name)));
        let longer = labels
            .iter()
            .zip(texts)
            .map(|(label, text)| match label.as_str() {
                "" => text,
                label => format!("{label}, {text}"),
            });
        let longer: Vec<String> = longer.collect();
        if apart(&longer) > apart(&labels) {
            labels = longer;
        }
    }
    labels
}

/// The values of the leading fields that all settings share, such as `mlp, concise, zh`.
pub(crate) fn shared(settings: &[Map<String, Value>]) -> String {
    let of = |name: &str| {
        let mut values = settings.iter().map(|setting| setting.get(name));
        let first = values.next().flatten()?;
        values
            .all(|value| value == Some(first))
            .then(|| field(first))
    };
    // A model names its chapter too.
    let start = of("model").or_else(|| of("chapter"));
    let more = ["implementation", "preset"].into_iter().filter_map(of);
    start.into_iter().chain(more).collect::<Vec<_>>().join(", ")
}

/// All fields in the order in which they tell settings apart best.
fn fields(settings: &[Map<String, Value>]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for name in settings.iter().flat_map(Map::keys) {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    let rank = |name: &String| {
        let first = FIRST.iter().position(|first| first == name);
        let is_derived = DERIVED.contains(&name.as_str());
        match (first, name.starts_with("recipe.")) {
            (Some(first), _) => first,
            (None, true) => FIRST.len(),
            (None, false) => FIRST.len() + 1 + usize::from(is_derived),
        }
    };
    names.sort_by_key(rank);
    names
}

/// A field's value as part of a label.
fn part(name: &str, value: Option<&Value>) -> String {
    let value = value.map_or_else(|| "none".into(), field);
    match name {
        "chapter" | "model" | "implementation" | "preset" | "device" | "data.name" => value,
        "threads" if value == "1" => "1 thread".into(),
        "threads" => format!("{value} threads"),
        "data.source" => format!("{value} data"),
        name => {
            let name = name.strip_prefix("recipe.").unwrap_or(name);
            format!("{} {value}", name.replace(['.', '_'], " "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn setting(value: Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap_or_default()
    }

    #[test]
    fn a_label_says_what_differs_and_no_more() {
        let run = |implementation: &str, rate: f64, parameters: usize| {
            setting(json!({
                "parameters": parameters, "model": "mlp", "recipe.learning_rate": rate, "threads": 2,
                "implementation": implementation,
            }))
        };
        let rates = [run("concise", 0.1, 7), run("concise", 0.5, 7)];
        assert_eq!(labels(&rates), ["learning rate 0.1", "learning rate 0.5"]);
        assert_eq!(shared(&rates), "mlp, concise");
        let both = [
            run("scratch", 0.1, 7),
            run("concise", 0.1, 9),
            run("concise", 0.5, 9),
        ];
        let wanted = [
            "scratch, learning rate 0.1",
            "concise, learning rate 0.1",
            "concise, learning rate 0.5",
        ];
        assert_eq!(labels(&both), wanted);
        assert_eq!(shared(&both), "mlp");
        assert_eq!(
            labels(&[run("scratch", 0.1, 7), run("scratch", 0.1, 7)]),
            ["", ""]
        );
    }

    #[test]
    fn a_field_that_a_setting_lacks_is_none() {
        let runs = [
            setting(json!({"threads": 1, "recipe.dropout": 0.5})),
            setting(json!({"threads": 1})),
        ];
        assert_eq!(labels(&runs), ["dropout 0.5", "dropout none"]);
        let runs = [
            setting(json!({"threads": 1})),
            setting(json!({"threads": 2})),
        ];
        assert_eq!(labels(&runs), ["1 thread", "2 threads"]);
    }
}
