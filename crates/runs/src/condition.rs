//! Conditions on a run's fields: `recipe.learning_rate>0.1`.

use anyhow::Result;
use d2l_command::usage;
use d2l_log::number_of_json;
use serde_json::{Map, Value};
use std::cmp::Ordering;
use std::str::FromStr;

/// The operators, the longer ones first, so that `<=` is not read as `<`.
const OPERATORS: [(&str, Operator); 7] = [
    ("!=", Operator::NotEqual),
    ("<=", Operator::AtMost),
    (">=", Operator::AtLeast),
    ("==", Operator::Equal),
    ("=", Operator::Equal),
    ("<", Operator::Below),
    (">", Operator::Above),
];

/// A field, an operator and the value that the field is compared with.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    pub(crate) field: String,
    operator: Operator,
    value: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    Below,
    AtMost,
    Above,
    AtLeast,
}

impl Operator {
    fn holds(self, ordering: Ordering) -> bool {
        match self {
            Self::Equal => ordering.is_eq(),
            Self::NotEqual => ordering.is_ne(),
            Self::Below => ordering.is_lt(),
            Self::AtMost => ordering.is_le(),
            Self::Above => ordering.is_gt(),
            Self::AtLeast => ordering.is_ge(),
        }
    }
}

impl FromStr for Condition {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wanted =
            "wanted a field, one of = != < <= > >=, and a value, such as valid.accuracy>=0.8";
        let at = text.find(['=', '!', '<', '>']).ok_or(wanted)?;
        let (field, rest) = text.split_at(at);
        let found = OPERATORS
            .iter()
            .find_map(|(sign, operator)| rest.strip_prefix(sign).map(|value| (*operator, value)));
        let (operator, value) = found.ok_or(wanted)?;
        let [field, value] = [field, value].map(|part| part.trim().to_string());
        if field.is_empty() || value.is_empty() {
            return Err(wanted.into());
        }
        Ok(Self { field, operator, value })
    }
}

impl Condition {
    /// Whether a run with these fields meets the condition. Numbers are compared as numbers, everything else as text; a
    /// run without the field has no value, which equals nothing.
    ///
    /// # Errors
    ///
    /// If a number is compared by size with a text.
    pub(crate) fn is_met(&self, fields: &Map<String, Value>) -> Result<bool> {
        let Some(found) = fields.get(&self.field) else {
            return Ok(self.operator == Operator::NotEqual);
        };
        let ordering = match (number_of_json(found), self.value.parse::<f64>()) {
            (Some(found), Ok(value)) => match found.partial_cmp(&value) {
                Some(ordering) => ordering,
                // NaN is neither below nor above, and unequal to everything.
                None => return Ok(self.operator == Operator::NotEqual),
            },
            (Some(_), Err(_)) if !matches!(self.operator, Operator::Equal | Operator::NotEqual) => {
                usage!(
                    "--where {}: the field is a number; wanted a number behind the sign, found {}",
                    self.field,
                    self.value
                )
            }
            _ => crate::text::field(found).as_str().cmp(self.value.as_str()),
        };
        Ok(self.operator.holds(ordering))
    }
}

/// Orders values: numbers by size, NaN last of them, then texts; runs without a value come last.
pub(crate) fn order(one: Option<&Value>, other: Option<&Value>) -> Ordering {
    let key = |value: Option<&Value>| match value.map(|value| (number_of_json(value), value)) {
        Some((Some(number), _)) => (0, number, String::new()),
        Some((None, value)) => (1, 0.0, crate::text::field(value)),
        None => (2, 0.0, String::new()),
    };
    let ((kind, number, text), (kind_b, number_b, text_b)) = (key(one), key(other));
    kind.cmp(&kind_b)
        .then(number.total_cmp(&number_b))
        .then(text.cmp(&text_b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fields() -> Map<String, Value> {
        let fields = json!({
            "model": "lenet", "recipe.learning_rate": 0.1, "recipe.clip_norm": null, "seed": 3,
            "train.loss": "NaN", "valid.loss": "Infinity", "started": "2026-11-22T21:14:00Z",
        });
        fields.as_object().cloned().unwrap_or_default()
    }

    #[test]
    fn numbers_are_compared_as_numbers_and_words_as_words() -> Result<()> {
        let fields = fields();
        for (text, wanted) in [
            ("model=lenet", true),
            ("model==lenet", true),
            ("model != lenet", false),
            ("recipe.learning_rate=1e-1", true),
            ("recipe.learning_rate>0.1", false),
            ("recipe.learning_rate>=0.1", true),
            ("recipe.learning_rate < 0.2", true),
            ("recipe.learning_rate<=0.05", false),
            ("seed>20", false), // as a text, 3 comes after 20
            ("recipe.clip_norm=none", true),
            ("recipe.dropout=0.5", false),
            ("recipe.dropout!=0.5", true),
            ("train.loss<1", false),
            ("train.loss>1", false),
            ("train.loss!=1", true),
            ("train.loss=NaN", false),
            ("valid.loss>1e300", true),
            ("started>2026-11-22", true),
            ("started<2026-11-22", false),
        ] {
            let condition: Condition = text.parse().map_err(anyhow::Error::msg)?;
            assert_eq!(condition.is_met(&fields)?, wanted, "{text}");
        }
        Ok(())
    }

    #[test]
    fn what_is_no_condition_is_refused() -> Result<()> {
        for wrong in ["", "model", "=1", "seed=", "seed!3", "seed>", "seed ~ 3"] {
            assert!(wrong.parse::<Condition>().is_err(), "{wrong}");
        }
        let condition: Condition = "seed>many".parse().map_err(anyhow::Error::msg)?;
        let error = condition.is_met(&fields()).expect_err("no number");
        assert!(error.to_string().contains("wanted a number"), "{error}");
        Ok(())
    }

    #[test]
    fn values_are_ordered_by_kind_and_size() {
        let mut values = [
            None,
            Some(json!("b")),
            Some(json!(10)),
            Some(json!("NaN")),
            Some(json!(9.5)),
            Some(json!("a")),
        ];
        values.sort_by(|a, b| order(a.as_ref(), b.as_ref()));
        let wanted = [
            Some(json!(9.5)),
            Some(json!(10)),
            Some(json!("NaN")),
            Some(json!("a")),
            Some(json!("b")),
            None,
        ];
        assert_eq!(values, wanted);
    }
}
