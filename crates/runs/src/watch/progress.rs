//! The progress of a run, and the time that it will still take.

use d2l_language::translated;
use d2l_log::{Epoch, Log};
use std::fs::{File, TryLockError};
use std::time::{Duration, SystemTime};

/// The file that a training process locks in its run's folder, as `d2l` does.
const LOCK: &str = ".lock";
/// The number of newest epochs from which the pace is computed.
const PACE: usize = 5;
/// Evaluation and checkpoints make an epoch longer than its training, but not by more than this factor. If an epoch
/// seems longer, the run was interrupted for a while.
const LONGEST: f64 = 3.0;

/// Whether a process holds the run's folder. The check takes the lock for an instant, so call it only when no run is
/// likely to start there.
pub(crate) fn is_written(log: &Log) -> bool {
    let Ok(lock) = File::open(log.path.with_file_name(LOCK)) else {
        return false;
    };
    matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock))
}

/// The number of epochs in the recipe.
pub(crate) fn epochs_wanted(log: &Log) -> Option<usize> {
    let epochs = log.header.recipe.get("epochs")?.as_u64()?;
    usize::try_from(epochs).ok()
}

/// Steps of the epoch in progress.
#[derive(Debug, PartialEq)]
pub(crate) struct Steps {
    pub(crate) done: usize,
    /// The number of steps of the epoch before.
    pub(crate) wanted: Option<usize>,
}

/// The finished steps of the epoch in progress, as far as the log has lines for steps.
pub(crate) fn steps(log: &Log) -> Option<Steps> {
    let newest = log
        .steps
        .last()
        .filter(|_| log.end.is_none() && !has_folds(log))?;
    let ends: Vec<usize> = log.epochs.iter().rev().map(|epoch| epoch.step).collect();
    if log
        .epochs
        .last()
        .is_some_and(|ended| ended.epoch >= newest.epoch)
    {
        return None;
    }
    let done = newest
        .step
        .checked_sub(ends.first().copied().unwrap_or_default())?;
    let before = ends.get(1).copied().unwrap_or_default();
    let wanted = ends.first().and_then(|end| end.checked_sub(before));
    Some(Steps { done, wanted: wanted.filter(|wanted| *wanted >= done) })
}

fn has_folds(log: &Log) -> bool {
    log.epochs.iter().any(|epoch| epoch.fold.is_some())
        || log.steps.iter().any(|step| step.fold.is_some())
}

/// The finished epochs, with the finished part of the one in progress if it is known.
fn epochs_done(log: &Log) -> f64 {
    let part = steps(log).and_then(|Steps { done, wanted }| {
        wanted
            .filter(|wanted| *wanted > 0)
            .map(|wanted| done as f64 / wanted as f64)
    });
    log.epochs.len() as f64 + part.unwrap_or_default()
}

/// The finished share, from 0 to 1; `None` if the recipe has no number of epochs, and in a cross-validation.
pub(crate) fn share(log: &Log) -> Option<f64> {
    if has_folds(log) {
        return None;
    }
    let wanted = epochs_wanted(log).filter(|wanted| *wanted > 0)?;
    Some((epochs_done(log) / wanted as f64).min(1.0))
}

/// The time that the run will still take, from the pace of its epochs up to `changed`, when the newest epoch or step ended.
pub(crate) fn time_left(log: &Log, changed: SystemTime, now: SystemTime) -> Option<Duration> {
    let share = share(log).filter(|share| *share < 1.0 && log.end.is_none())?;
    let done = epochs_done(log);
    let newest = log
        .epochs
        .iter()
        .rev()
        .take(PACE)
        .map(|epoch| epoch.seconds);
    let training = newest.clone().sum::<f64>() / newest.count().max(1) as f64;
    let started = humantime::parse_rfc3339_weak(&log.header.started).ok();
    let whole = started.and_then(|started| changed.duration_since(started).ok());
    let whole = whole.map(|whole| whole.as_secs_f64() / done);
    let epoch = whole
        .filter(|epoch| *epoch < training * LONGEST)
        .unwrap_or(training);
    let since = now
        .duration_since(changed)
        .unwrap_or_default()
        .as_secs_f64();
    let left = epoch * (done / share - done) - since;
    Duration::try_from_secs_f64(left.max(0.0))
        .ok()
        .filter(|_| done > 0.0)
}

/// Hours, minutes and seconds, the larger two: `1 h 05 min`, `3 min 20 s`, `7 s`.
pub(crate) fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    translated(&match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes} min {seconds:02} s"),
        (hours, minutes, _) => format!("{hours} h {minutes:02} min"),
    })
}

/// The examples per second of the newest epoch.
pub(crate) fn rate(log: &Log) -> Option<f64> {
    log.epochs
        .last()
        .map(|epoch: &Epoch| epoch.examples_per_second)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::view::tests::log;
    use d2l_log::Step;

    #[test]
    fn the_time_left_follows_the_pace_of_the_epochs() {
        let log = log("run", 4, 10);
        let started = humantime::parse_rfc3339(&log.header.started).expect("a time");
        let after = |seconds| started + Duration::from_secs(seconds);
        // Four epochs in 12 s, of which 8 s were training; 1 s of the fifth is over.
        assert_eq!(
            time_left(&log, after(12), after(13)),
            Some(Duration::from_secs(17))
        );
        // After a pause of a day the training alone counts: 2 s for each of six epochs.
        assert_eq!(
            time_left(&log, after(90_000), after(90_000)),
            Some(Duration::from_secs(12))
        );
        assert_eq!(share(&log), Some(0.4));
    }

    #[test]
    fn steps_are_progress_within_an_epoch() {
        let mut log = log("run", 2, 10);
        let step = |epoch, step| Step { epoch, step, ..Step::default() };
        for (epoch, end) in log.epochs.iter_mut().zip([100, 200]) {
            epoch.step = end;
        }
        log.steps = vec![step(2, 200)];
        assert_eq!((steps(&log), share(&log)), (None, Some(0.2)));
        log.steps.push(step(3, 250));
        let half = Steps { done: 50, wanted: Some(100) };
        assert_eq!((steps(&log), share(&log)), (Some(half), Some(0.25)));
        // Two and a half epochs in 5 s; 1 s has passed since.
        let started = humantime::parse_rfc3339(&log.header.started).expect("a time");
        let after = |seconds| started + Duration::from_secs(seconds);
        assert_eq!(
            time_left(&log, after(5), after(6)),
            Some(Duration::from_secs(14))
        );
        // Nobody knows how long an epoch is before one has ended, or this one if it is longer than the one before.
        log.steps.push(step(3, 301));
        assert_eq!(steps(&log), Some(Steps { done: 101, wanted: None }));
        log.epochs.clear();
        log.steps = vec![step(1, 50)];
        assert_eq!(steps(&log), Some(Steps { done: 50, wanted: None }));
        assert_eq!(share(&log), Some(0.0));
    }

    #[test]
    fn durations_read_well() {
        let texts = [7, 200, 3900].map(|seconds| duration(Duration::from_secs(seconds)));
        assert_eq!(texts, ["7 s", "3 min 20 s", "1 h 05 min"]);
    }
}
