//! From the rows of a foreign log to the lines of single steps.

use super::entries::Entry;
use super::places::{Place, of_step};
use d2l_log::{MOST_STEPS, Step};
use std::collections::{BTreeMap, BTreeSet};

/// The name of an epoch's loss.
const LOSS: &str = "train.loss";
const LEARNING_RATE: &str = "learning_rate";

/// The steps of a run, in order, and remarks for the reader. `ends` are the epochs with their last steps.
///
/// A row is a step if it has a loss named as a step's. If no row has one, rows are steps if the log has several losses
/// of one epoch.
pub(crate) fn collect(
    entries: &[Entry],
    places: &[Place],
    ends: &[(Place, Option<usize>)],
) -> (Vec<Step>, Option<String>) {
    let is_named = entries.iter().any(|entry| entry.step_loss.is_some());
    if !is_named && !has_several_losses(entries, places) {
        return (Vec::new(), None);
    }
    let mut found: BTreeMap<(Option<usize>, usize), Step> = BTreeMap::new();
    let mut newest_rate = None;
    let mut without_step = 0;
    for (entry, (_, epoch)) in entries.iter().zip(places) {
        let rate = entry.step_rate.or(entry.value(LEARNING_RATE));
        newest_rate = rate.or(newest_rate);
        let loss = if is_named {
            entry.step_loss
        } else {
            entry.value(LOSS)
        };
        match (loss, entry.step) {
            (Some(loss), Some(step)) => {
                let (fold, learning_rate) = (entry.fold, newest_rate.unwrap_or_default());
                let mut line = Step { step, epoch: *epoch, fold, learning_rate, loss };
                if is_named && entry.epoch.is_none() {
                    line.epoch = of_step(&line, ends);
                }
                // The first row of a step counts: a later one is the epoch's own.
                found.entry((fold, step)).or_insert(line);
            }
            (Some(_), None) => without_step += 1,
            (None, _) => {}
        }
    }
    let mut note = (without_step > 0)
        .then(|| format!("{without_step} losses of single steps have no step: these are left out"));
    let one_in = found.len().div_ceil(MOST_STEPS).max(1);
    if one_in > 1 {
        note = Some(format!(
            "one in {one_in} of the {} steps is kept: a log holds {MOST_STEPS} at most",
            found.len()
        ));
    }
    let kept = found.into_values().skip(one_in - 1).step_by(one_in);
    (kept.collect(), note)
}

fn has_several_losses(entries: &[Entry], places: &[Place]) -> bool {
    let mut seen: BTreeMap<Place, BTreeSet<usize>> = BTreeMap::new();
    entries.iter().zip(places).any(|(entry, place)| {
        let (Some(step), Some(_)) = (entry.step, entry.value(LOSS)) else {
            return false;
        };
        let steps = seen.entry(*place).or_default();
        steps.insert(step);
        steps.len() > 1
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(step: usize) -> Entry {
        Entry { step: Some(step), step_loss: Some(1.0), ..Entry::default() }
    }

    #[test]
    fn a_log_takes_so_many_steps_and_no_more() {
        let entries: Vec<Entry> = (1..=2 * MOST_STEPS + 3).map(entry).collect();
        let places = vec![(None, 1); entries.len()];
        let (steps, note) = collect(&entries, &places, &[]);
        let first: Vec<usize> = steps.iter().take(2).map(|step| step.step).collect();
        assert_eq!((first.as_slice(), steps.len()), (&[3, 6][..], 13_334));
        assert_eq!(
            note.as_deref(),
            Some("one in 3 of the 40003 steps is kept: a log holds 20000 at most")
        );
    }

    #[test]
    fn a_step_belongs_to_the_epoch_that_ended_after_it() {
        let entries: Vec<Entry> = [5, 10, 11, 21].map(entry).into();
        let ends = [((None, 1), Some(10)), ((None, 2), Some(20))];
        let (steps, _) = collect(&entries, &[(None, 1); 4], &ends);
        let epochs: Vec<usize> = steps.iter().map(|step| step.epoch).collect();
        assert_eq!(epochs, [1, 1, 2, 3]);
    }

    #[test]
    fn a_loss_without_its_step_is_left_out_and_said() {
        let entries = [Entry { step_loss: Some(1.0), ..Entry::default() }];
        let (steps, note) = collect(&entries, &[(None, 1)], &[]);
        assert!(steps.is_empty());
        assert!(note.is_some_and(|note| note.starts_with("1 losses of single steps have no step")));
    }
}
