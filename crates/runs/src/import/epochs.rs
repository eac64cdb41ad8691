//! From the rows of a foreign log to the epochs of ours.

use super::names::{Given, Role, role};
use super::table::Row;
use anyhow::{Result, bail};
use d2l_log::Epoch;
use std::collections::BTreeMap;

/// The epochs of a run, and what to tell about them.
#[derive(Debug)]
pub(crate) struct Epochs {
    pub(crate) epochs: Vec<Epoch>,
    /// Column and name, in the order of the log.
    pub(crate) columns: Vec<(String, String)>,
    pub(crate) notes: Vec<String>,
    /// Seconds since 1970, if the log has a clock.
    pub(crate) started: Option<f64>,
}

/// An epoch's place: its fold and its number.
type Place = (Option<usize>, usize);

/// What an epoch's rows hold of one value.
#[derive(Default)]
struct Values {
    sum: f64,
    count: f64,
    last: f64,
}

#[derive(Default)]
struct Collected {
    step: Option<usize>,
    clock: Option<f64>,
    values: BTreeMap<String, Values>,
}

/// Rows of one epoch become one: `train` is the mean over them, everything else the last. Without a column for the epoch
/// each row is one.
pub(crate) fn collect(rows: &[Row], given: &Given) -> Result<Epochs> {
    let mut roles: BTreeMap<String, (Option<usize>, Role)> = BTreeMap::new();
    let mut columns = Vec::new();
    for (column, _) in rows.iter().flatten() {
        if !roles.contains_key(column) {
            let (fold, bare) = without_fold(column);
            let role = if given.contains_key(column) {
                role(column, given)
            } else {
                role(bare, given)
            };
            columns.push((column.clone(), named(&role)));
            roles.insert(column.clone(), (fold, role));
        }
    }
    if let Some(unknown) = given.keys().find(|column| !roles.contains_key(*column)) {
        let known: Vec<&str> = roles.keys().map(String::as_str).collect();
        bail!(
            "--map: no column {unknown}; the log has {}",
            known.join(", ")
        );
    }
    check_distinct(&roles)?;
    let has_epochs = roles.values().any(|(_, role)| *role == Role::Epoch);
    let mut started = None;
    let mut collected: BTreeMap<Place, Collected> = BTreeMap::new();
    for (index, row) in rows.iter().enumerate() {
        let mut place = (None, index + 1);
        let mut number = None;
        for (column, value) in row {
            match &roles[column] {
                (_, Role::Fold) => place.0 = Some(*value as usize),
                (_, Role::Epoch) => number = Some(*value),
                _ => {}
            }
            if let (Some(fold), _) = &roles[column] {
                place.0 = Some(*fold);
            }
        }
        match number {
            Some(number) => place.1 = number as usize,
            None if has_epochs => {
                place.1 = collected.keys().next_back().map_or(1, |(_, epoch)| *epoch)
            }
            None => {}
        }
        let epoch = collected.entry(place).or_default();
        for (column, value) in row {
            match &roles[column].1 {
                Role::Step => epoch.step = Some(*value as usize),
                Role::Clock => {
                    epoch.clock = Some(*value);
                    started = started.or(Some(*value));
                }
                Role::Value(name) => {
                    let values = epoch.values.entry(name.clone()).or_default();
                    values.sum += value;
                    values.count += 1.0;
                    values.last = *value;
                }
                Role::Epoch | Role::Fold => {}
            }
        }
    }
    let mut notes = Vec::new();
    if !has_epochs {
        notes.push(format!(
            "no column says the epoch: the {} rows are numbered",
            rows.len()
        ));
    }
    let first = collected.keys().map(|(_, epoch)| *epoch).min();
    if has_epochs && first == Some(0) {
        notes.push("epochs are counted from 0 there, and from 1 here".into());
    }
    let epochs = epochs(collected, first == Some(0));
    if epochs.iter().all(|epoch| epoch.metrics().is_empty()) {
        bail!(
            "no column is a metric; wanted some, such as train_loss: name them with --map COLUMN=train.loss"
        );
    }
    Ok(Epochs { epochs, columns, notes, started })
}

fn epochs(collected: BTreeMap<Place, Collected>, from_zero: bool) -> Vec<Epoch> {
    let mut clock = None;
    let mut epochs = Vec::new();
    for ((fold, number), Collected { step, clock: now, values }) in collected {
        let epoch = number + usize::from(from_zero);
        let mut made = Epoch { fold, epoch, step: step.unwrap_or(epoch), ..Epoch::default() };
        if let (Some(now), Some(before)) = (now, clock) {
            made.seconds = f64::max(now - before, 0.0);
        }
        clock = now.or(clock);
        for (name, Values { sum, count, last }) in values {
            match name.split_once('.') {
                Some(("train", metric)) => {
                    made.train
                        .insert(metric.into(), if count > 1.0 { sum / count } else { last });
                }
                Some(("valid", metric)) => {
                    made.valid.insert(metric.into(), last);
                }
                Some((group, metric)) => {
                    made.more
                        .entry(group.into())
                        .or_default()
                        .insert(metric.into(), last);
                }
                None => match name.as_str() {
                    "learning_rate" => made.learning_rate = last,
                    "gradient_norm" => made.gradient_norm = last,
                    "examples_per_second" => made.examples_per_second = last,
                    _ => made.seconds = last,
                },
            }
        }
        epochs.push(made);
    }
    epochs
}

/// Two columns for one value: the reader must choose.
fn check_distinct(roles: &BTreeMap<String, (Option<usize>, Role)>) -> Result<()> {
    let mut owners: BTreeMap<&(Option<usize>, Role), &String> = BTreeMap::new();
    for (column, role) in roles {
        if let Some(other) = owners.insert(role, column) {
            let name = named(&role.1);
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

fn named(role: &Role) -> String {
    match role {
        Role::Epoch => "epoch".into(),
        Role::Step => "step".into(),
        Role::Fold => "fold".into(),
        Role::Clock => "wall_time".into(),
        Role::Value(name) => name.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row<const N: usize>(cells: [(&str, f64); N]) -> Row {
        cells.map(|(name, value)| (name.to_string(), value)).into()
    }

    #[test]
    fn the_steps_of_an_epoch_become_one_line() -> Result<()> {
        let rows = [
            row([
                ("epoch", 0.0),
                ("step", 10.0),
                ("train_loss", 4.0),
                ("wall_time", 100.0),
            ]),
            row([
                ("epoch", 0.0),
                ("step", 20.0),
                ("train_loss", 2.0),
                ("wall_time", 101.0),
            ]),
            row([
                ("epoch", 0.0),
                ("step", 20.0),
                ("val_loss", 3.0),
                ("val_acc", 0.5),
            ]),
            row([
                ("epoch", 1.0),
                ("step", 30.0),
                ("train_loss", 1.0),
                ("wall_time", 103.5),
            ]),
        ];
        let Epochs { epochs, notes, started, .. } = collect(&rows, &Given::new())?;
        let found: Vec<_> = epochs
            .iter()
            .map(|epoch| (epoch.epoch, epoch.step, epoch.metric("train.loss")))
            .collect();
        assert_eq!(found, [(1, 20, Some(3.0)), (2, 30, Some(1.0))]);
        assert_eq!(epochs[0].metric("valid.accuracy"), Some(0.5));
        assert_eq!((epochs[1].seconds, started), (2.5, Some(100.0)));
        assert_eq!(notes, ["epochs are counted from 0 there, and from 1 here"]);
        Ok(())
    }

    #[test]
    fn rows_without_epochs_are_numbered() -> Result<()> {
        let rows = [
            row([("loss", 2.0)]),
            row([("loss", f64::NAN)]),
            row([("loss", 1.0)]),
        ];
        let Epochs { epochs, notes, .. } = collect(&rows, &Given::new())?;
        assert_eq!(
            epochs.iter().map(|epoch| epoch.epoch).collect::<Vec<_>>(),
            [1, 2, 3]
        );
        assert!(epochs[1].metric("train.loss").is_some_and(f64::is_nan));
        assert_eq!(notes, ["no column says the epoch: the 3 rows are numbered"]);
        Ok(())
    }

    #[test]
    fn two_columns_for_one_metric_are_refused() {
        let error = collect(&[row([("loss", 1.0), ("train_loss", 2.0)])], &Given::new());
        let message = error.expect_err("both are train.loss").to_string();
        assert!(
            message.contains("the columns loss and train_loss are both train.loss"),
            "{message}"
        );
    }
}
