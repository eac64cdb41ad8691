//! The rows of a foreign log with the meaning of their columns.

use super::names::{Given, Role, role};
use super::table::Row;
use anyhow::{Result, bail, ensure};
use std::collections::BTreeMap;

/// The largest number up to which a 64-bit float can hold every whole number.
const LARGEST: f64 = 9_007_199_254_740_992.0;

/// A row.
#[derive(Debug, Default)]
pub(crate) struct Entry {
    pub(crate) fold: Option<usize>,
    pub(crate) epoch: Option<usize>,
    pub(crate) step: Option<usize>,
    /// Seconds on a clock.
    pub(crate) clock: Option<f64>,
    /// Loss and learning rate of a single step.
    pub(crate) step_loss: Option<f64>,
    pub(crate) step_rate: Option<f64>,
    /// Values of an epoch by their names in our logs.
    pub(crate) values: Vec<(String, f64)>,
}

impl Entry {
    pub(crate) fn value(&self, name: &str) -> Option<f64> {
        let found = self.values.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| *value)
    }
}

/// A column's role, and the fold that its name says.
type Known = BTreeMap<String, (Option<usize>, Role)>;

/// A column's name in the foreign log, and in ours.
pub(crate) type Renamed = (String, String);

/// The rows, and the meaning of their columns, in the order of the log.
pub(crate) fn of(rows: &[Row], given: &Given) -> Result<(Vec<Entry>, Vec<Renamed>)> {
    let mut known = Known::new();
    let mut columns = Vec::new();
    for (column, _) in rows.iter().flatten() {
        if !known.contains_key(column) {
            let (fold, bare) = without_fold(column);
            let role = match given.contains_key(column) {
                true => role(column, given),
                false => role(bare, given),
            };
            columns.push((column.clone(), role.name().to_string()));
            known.insert(column.clone(), (fold, role));
        }
    }
    if let Some(unknown) = given.keys().find(|column| !known.contains_key(*column)) {
        let known: Vec<&str> = known.keys().map(String::as_str).collect();
        bail!(
            "--map: no column {unknown}; the log has {}",
            known.join(", ")
        );
    }
    check_distinct(&known)?;
    let entries = rows.iter().map(|row| entry(row, &known));
    Ok((entries.collect::<Result<_>>()?, columns))
}

fn entry(row: &Row, known: &Known) -> Result<Entry> {
    let mut entry = Entry::default();
    for (column, value) in row {
        let Some((fold, role)) = known.get(column) else {
            continue;
        };
        entry.fold = fold.or(entry.fold);
        match role {
            Role::Fold => entry.fold = Some(whole(column, *value)?),
            Role::Epoch => entry.epoch = Some(whole(column, *value)?),
            Role::Step => entry.step = Some(whole(column, *value)?),
            Role::Clock => entry.clock = Some(*value),
            Role::StepLoss => entry.step_loss = Some(*value),
            Role::StepRate => entry.step_rate = Some(*value),
            Role::Value(name) => entry.values.push((name.clone(), *value)),
        }
    }
    Ok(entry)
}

/// A number that counts something. Some programs write fractions of an epoch; a fraction belongs to the epoch that has
/// begun.
fn whole(column: &str, value: f64) -> Result<usize> {
    ensure!(
        (0.0..=LARGEST).contains(&value),
        "column {column}: found {value}, wanted a number that counts from 0 or 1; name another with --map COLUMN=NAME"
    );
    Ok(value as usize)
}

/// Two columns for one value: the reader must choose.
fn check_distinct(known: &Known) -> Result<()> {
    let mut owners: BTreeMap<&(Option<usize>, Role), &String> = BTreeMap::new();
    for (column, role) in known {
        if let Some(other) = owners.insert(role, column) {
            let name = role.1.name();
            bail!(
                "the columns {other} and {column} are both {name} here; choose with --map {column}=other.NAME"
            );
        }
    }
    Ok(())
}

/// `fold2/train/loss` is `train/loss` of the second fold.
pub(crate) fn without_fold(column: &str) -> (Option<usize>, &str) {
    let parts = column
        .strip_prefix("fold")
        .and_then(|rest| rest.split_once('/'));
    match parts.and_then(|(fold, rest)| Some((fold.parse().ok()?, rest))) {
        Some((fold, rest)) => (Some(fold), rest),
        None => (None, column),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_counts_nothing_is_refused() -> Result<()> {
        for value in [-1.0, f64::NAN, f64::INFINITY, 1e300] {
            let error = whole("epoch", value).expect_err("no count").to_string();
            assert!(
                error.contains("column epoch") && error.contains("--map"),
                "{error}"
            );
        }
        assert_eq!(
            whole("epoch", 0.67)?,
            0,
            "a part of the epoch that has begun"
        );
        Ok(())
    }

    #[test]
    fn two_columns_for_one_metric_are_refused() {
        let cells = [("loss", 1.0), ("train_loss", 2.0)];
        let row = cells
            .map(|(name, value)| (name.to_string(), value))
            .to_vec();
        let message = of(&[row], &Given::new())
            .expect_err("both are train.loss")
            .to_string();
        assert!(
            message.contains("the columns loss and train_loss are both train.loss"),
            "{message}"
        );
    }
}
