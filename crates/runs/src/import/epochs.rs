//! From the rows of a foreign log to the epochs of ours.

use super::names::Given;
use super::places::{self, Place};
use super::table::Row;
use super::{entries, steps};
use anyhow::{Result, bail};
use d2l_log::{Epoch, Record, Step};
use std::collections::BTreeMap;

/// The epochs and steps of a run, and remarks for the reader.
#[derive(Debug)]
pub(crate) struct Epochs {
    pub(crate) epochs: Vec<Epoch>,
    pub(crate) steps: Vec<Step>,
    /// Column and name, in the order of the log.
    pub(crate) columns: Vec<entries::Renamed>,
    pub(crate) notes: Vec<String>,
    /// Seconds since 1970, if the log has a clock.
    pub(crate) started: Option<f64>,
}

impl Epochs {
    /// The lines of our log: the steps of an epoch come before it.
    pub(crate) fn records(&self) -> Vec<Record> {
        let mut steps = self.steps.iter().peekable();
        let mut records = Vec::new();
        for epoch in &self.epochs {
            let is_before = |step: &&Step| (step.fold, step.epoch) <= (epoch.fold, epoch.epoch);
            while let Some(step) = steps.next_if(is_before) {
                records.push(Record::Step(step.clone()));
            }
            records.push(Record::Epoch(epoch.clone()));
        }
        records.extend(steps.cloned().map(Record::Step));
        records
    }
}

/// The rows' entries for one value of an epoch.
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

/// Rows of one epoch become one: `train` is the mean over them, everything else the last value. Rows of single steps
/// are also kept as steps.
pub(crate) fn collect(rows: &[Row], given: &Given) -> Result<Epochs> {
    let (entries, columns) = entries::of(rows, given)?;
    let (places, note) = places::of(&entries);
    let mut notes: Vec<String> = note.into_iter().collect();
    let mut collected: BTreeMap<Place, Collected> = BTreeMap::new();
    for (entry, place) in entries.iter().zip(&places) {
        // Single steps don't make an epoch.
        let is_step = entry.step_loss.or(entry.step_rate).is_some();
        if is_step && entry.values.is_empty() {
            continue;
        }
        let epoch = collected.entry(*place).or_default();
        epoch.step = entry.step.or(epoch.step);
        epoch.clock = entry.clock.or(epoch.clock);
        for (name, value) in &entry.values {
            let values = epoch.values.entry(name.clone()).or_default();
            values.sum += value;
            values.count += 1.0;
            values.last = *value;
        }
    }
    let ends: Vec<_> = collected
        .iter()
        .map(|(place, found)| (*place, found.step))
        .collect();
    let (mut steps, note) = steps::collect(&entries, &places, &ends);
    notes.extend(note);
    let from_zero = entries.iter().filter_map(|entry| entry.epoch).min() == Some(0);
    if from_zero {
        notes.push("epochs are counted from 0 there, and from 1 here".into());
        steps.iter_mut().for_each(|step| step.epoch += 1);
    }
    let mut epochs = epochs(collected, from_zero);
    if !steps.is_empty() {
        // Their learning rate is in their own lines.
        epochs.retain(|epoch| !epoch.metrics().is_empty());
    }
    if steps.is_empty() && epochs.iter().all(|epoch| epoch.metrics().is_empty()) {
        bail!(
            "no column is a metric; wanted some, such as train_loss: name them with --map COLUMN=train.loss"
        );
    }
    let started = entries.iter().find_map(|entry| entry.clock);
    Ok(Epochs { epochs, steps, columns, notes, started })
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

#[cfg(test)]
mod tests {
    use super::*;

    fn row<const N: usize>(cells: [(&str, f64); N]) -> Row {
        cells.map(|(name, value)| (name.to_string(), value)).into()
    }

    #[test]
    fn the_steps_of_an_epoch_are_kept_and_become_one_line() -> Result<()> {
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
        let Epochs { epochs, steps, notes, started, .. } = collect(&rows, &Given::new())?;
        let found: Vec<_> = epochs
            .iter()
            .map(|epoch| (epoch.epoch, epoch.step, epoch.metric("train.loss")))
            .collect();
        assert_eq!(found, [(1, 20, Some(3.0)), (2, 30, Some(1.0))]);
        assert_eq!(epochs[0].metric("valid.accuracy"), Some(0.5));
        assert_eq!((epochs[1].seconds, started), (2.5, Some(100.0)));
        assert_eq!(notes, ["epochs are counted from 0 there, and from 1 here"]);
        let steps = steps.iter().map(|step| (step.epoch, step.step, step.loss));
        let wanted = [(1, 10, 4.0), (1, 20, 2.0), (2, 30, 1.0)];
        assert_eq!(steps.collect::<Vec<_>>(), wanted);
        Ok(())
    }

    #[test]
    fn an_evaluation_ends_an_epoch_if_no_column_says_it() -> Result<()> {
        let rows = [
            row([("iter", 10.0), ("loss", 4.0), ("lr", 0.5)]),
            row([("iter", 20.0), ("loss", 2.0), ("val_loss", 3.0)]),
            row([("iter", 30.0), ("loss", 1.0)]),
            row([("iter", 30.0), ("val_loss", 2.0)]),
        ];
        let found = collect(&rows, &Given::new())?;
        let epochs = found.epochs.iter();
        let epochs = epochs.map(|epoch| (epoch.step, epoch.metric("train.loss")));
        assert_eq!(
            epochs.collect::<Vec<_>>(),
            [(20, Some(3.0)), (30, Some(1.0))]
        );
        let steps = found.steps.iter();
        let steps = steps.map(|step| (step.epoch, step.step, step.learning_rate));
        let wanted = [(1, 10, 0.5), (1, 20, 0.5), (2, 30, 0.5)];
        assert_eq!(steps.collect::<Vec<_>>(), wanted);
        assert_eq!(
            found.notes,
            ["no column says the epoch: each of the 2 evaluations ends one"]
        );
        Ok(())
    }

    #[test]
    fn one_loss_for_each_epoch_is_no_single_step() -> Result<()> {
        let epoch = |epoch| row([("epoch", epoch), ("step", 10.0 * epoch), ("loss", 1.0)]);
        let found = collect(&[epoch(1.0), epoch(2.0)], &Given::new())?;
        assert_eq!((found.epochs.len(), found.steps.len()), (2, 0));
        Ok(())
    }

    #[test]
    fn an_epoch_that_did_not_end_has_steps_alone() -> Result<()> {
        let step = |epoch, step| {
            row([
                ("epoch", epoch),
                ("step", step),
                ("train_loss_step", 1.0),
                ("lr", 0.5),
            ])
        };
        let end = row([("epoch", 0.0), ("step", 2.0), ("train_loss_epoch", 1.5)]);
        let rows = [step(0.0, 1.0), step(0.0, 2.0), end, step(1.0, 3.0)];
        let found = collect(&rows, &Given::new())?;
        assert_eq!(found.epochs.len(), 1);
        assert_eq!(found.epochs[0].metric("train.loss"), Some(1.5));
        let kinds = found.records().into_iter().map(|record| match record {
            Record::Step(step) => (step.epoch, step.step),
            Record::Epoch(epoch) => (epoch.epoch, 0),
            Record::Run(_) | Record::End(_) => (0, 0),
        });
        assert_eq!(kinds.collect::<Vec<_>>(), [(1, 1), (1, 2), (1, 0), (2, 3)]);
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
}
