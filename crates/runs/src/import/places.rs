//! The epoch that each row of a foreign log belongs to.

use super::entries::Entry;
use d2l_log::Step;

/// A fold and an epoch.
pub(crate) type Place = (Option<usize>, usize);

/// Each row's place, and remarks for the reader.
///
/// Without a column for the epoch, each row is an epoch. If some rows have steps and no held-out metric, they lead up to
/// an evaluation, which ends their epoch.
pub(crate) fn of(entries: &[Entry]) -> (Vec<Place>, Option<String>) {
    if let Some(mut newest) = entries.iter().find_map(|entry| entry.epoch) {
        let place = |entry: &Entry| {
            newest = entry.epoch.unwrap_or(newest);
            (entry.fold, newest)
        };
        return (entries.iter().map(place).collect(), None);
    }
    let is_between =
        |entry: &Entry| entry.step.is_some() && !entry.values.is_empty() && !is_evaluated(entry);
    let evaluations = entries.iter().filter(|entry| is_evaluated(entry)).count();
    if evaluations > 0 && entries.iter().any(is_between) {
        let mut number: usize = 1;
        let place = |entry: &Entry| {
            let place = (entry.fold, number);
            number += usize::from(is_evaluated(entry));
            place
        };
        let note =
            format!("no column says the epoch: each of the {evaluations} evaluations ends one");
        return (entries.iter().map(place).collect(), Some(note));
    }
    // Rows of single steps alone are no epochs.
    let mut number: usize = 0;
    let place = |entry: &Entry| {
        number += usize::from(!entry.values.is_empty());
        (entry.fold, number.max(1))
    };
    let places: Vec<Place> = entries.iter().map(place).collect();
    let note = format!("no column says the epoch: the {number} rows are numbered");
    (places, (number > 0).then_some(note))
}

fn is_evaluated(entry: &Entry) -> bool {
    let mut values = entry.values.iter();
    values.any(|(name, _)| name.starts_with("valid."))
}

/// The epoch of a step, found from the last steps of the epochs: no row may state it.
pub(crate) fn of_step(step: &Step, ends: &[(Place, Option<usize>)]) -> usize {
    let mut of_fold = ends.iter().filter(|((fold, _), _)| *fold == step.fold);
    let found = of_fold
        .clone()
        .find(|(_, end)| end.is_some_and(|end| end >= step.step));
    match (found, of_fold.next_back()) {
        (Some(((_, epoch), _)), _) => *epoch,
        // It belongs to an epoch that did not end.
        (None, Some(((_, last), _))) => last + 1,
        (None, None) => 1,
    }
}
