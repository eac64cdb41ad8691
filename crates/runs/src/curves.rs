//! A metric over the epochs, the steps or the seconds, of one run or of several that repeat each other.

use crate::statistics::Sample;
use clap::ValueEnum;
use d2l_log::Log;
use d2l_plot::Curve;
use std::collections::BTreeMap;

/// What the horizontal axis counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Across {
    /// Epochs
    #[default]
    Epoch,
    /// Steps; a log with lines for single steps has a point for each
    Step,
    /// Seconds of training, without evaluation
    Seconds,
}

impl Across {
    /// The axis's name.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Epoch => "epoch",
            Self::Step => "step",
            Self::Seconds => "seconds of training",
        }
    }
}

type Points = Vec<(f64, f64)>;

/// The curves of runs that repeat each other: their mean, with the range from the lowest to the highest. Folds of a
/// cross-validation are repetitions too; a model trained afterwards on all data has a curve of its own.
pub(crate) fn curves(logs: &[&Log], metric: &str, across: Across, name: &str) -> Vec<Curve> {
    let (mut whole, mut folds): (Vec<Points>, Vec<Points>) = (Vec::new(), Vec::new());
    for (fold, points) in logs.iter().flat_map(|log| points(log, metric, across)) {
        match fold {
            None => whole.push(points),
            Some(_) => folds.push(points),
        }
    }
    let name_of_folds = format!("{name}, mean of {} folds", folds.len());
    let name_of_whole = match folds.is_empty() {
        true => name.to_string(),
        false => format!("{name}, all data"),
    };
    let curves = [(name_of_folds, folds), (name_of_whole, whole)];
    curves
        .into_iter()
        .filter_map(|(name, repetitions)| curve(name, &repetitions))
        .collect()
}

/// The points of a run, by fold.
fn points(log: &Log, metric: &str, across: Across) -> BTreeMap<Option<usize>, Points> {
    let mut folds: BTreeMap<Option<usize>, Points> = BTreeMap::new();
    if across == Across::Step {
        for step in &log.steps {
            let value = step.metric(metric).map(|value| (step.step as f64, value));
            folds.entry(step.fold).or_default().extend(value);
        }
        folds.retain(|_, points| !points.is_empty());
        if !folds.is_empty() {
            return folds;
        }
    }
    let mut seconds: BTreeMap<Option<usize>, f64> = BTreeMap::new();
    for epoch in &log.epochs {
        let seconds = seconds.entry(epoch.fold).or_default();
        *seconds += epoch.seconds;
        let x = match across {
            Across::Epoch => epoch.epoch as f64,
            Across::Step => epoch.step as f64,
            Across::Seconds => *seconds,
        };
        if let Some(value) = epoch.metric(metric) {
            folds.entry(epoch.fold).or_default().push((x, value));
        }
    }
    folds
}

/// Mean and range, as far as the shortest repetition goes; `None` without points.
fn curve(name: String, repetitions: &[Points]) -> Option<Curve> {
    let (first, others) = repetitions.split_first()?;
    let mut curve = Curve { name, ..Curve::default() };
    if others.is_empty() {
        curve.points.clone_from(first);
        return Some(curve);
    }
    let length = repetitions.iter().map(Vec::len).min().unwrap_or_default();
    for at in 0..length {
        let points: Points = repetitions
            .iter()
            .filter_map(|points| points.get(at).copied())
            .collect();
        let (xs, ys): (Vec<f64>, Vec<f64>) = points.into_iter().unzip();
        let (x, y) = (Sample::of(&xs)?.mean, Sample::of(&ys)?);
        curve.points.push((x, y.mean));
        curve.range.push((x, y.low, y.high));
    }
    (length > 0).then_some(curve)
}

/// The curve with each point averaged with those before it, as TensorBoard does it: each weighs `weight` times as much
/// as the one after it, and the first are not pulled towards zero. The curve's own points are drawn behind it.
pub(crate) fn smoothed(curve: Curve, weight: f64) -> Curve {
    let (mut sum, mut weights) = (0.0, 0.0);
    let smooth = |&(x, y): &(f64, f64)| {
        if !y.is_finite() {
            return (x, y);
        }
        sum = sum * weight + y * (1.0 - weight);
        weights = weights * weight + (1.0 - weight);
        (x, sum / weights)
    };
    let points = curve.points.iter().map(smooth).collect();
    Curve { behind: curve.points, points, ..curve }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repetition(values: &[f64]) -> Points {
        (1..).map(f64::from).zip(values.iter().copied()).collect()
    }

    #[test]
    fn repetitions_become_their_mean_and_range() {
        let runs = [[1.0, 3.0].as_slice(), &[3.0, 1.0, 9.0]].map(repetition);
        let drawn = curve("a".into(), &runs).expect("points");
        assert_eq!(
            drawn.points,
            [(1.0, 2.0), (2.0, 2.0)],
            "as far as the shortest goes"
        );
        assert_eq!(drawn.range, [(1.0, 1.0, 3.0), (2.0, 1.0, 3.0)]);
        let alone = curve("a".into(), &runs[..1]).expect("points");
        assert_eq!(
            (alone.points, alone.range),
            (repetition(&[1.0, 3.0]), Vec::new())
        );
        assert_eq!(curve("a".into(), &[]), None);
    }

    /// By hand, with weight 1/2: 4; (4/4 + 2/2) / (3/4) = 8/3; a gap; (2/2 + 8/2) / (7/8) = 40/7.
    #[test]
    fn smoothing_weighs_what_is_near_and_skips_gaps() {
        let raw = Curve {
            points: repetition(&[4.0, 2.0, f64::NAN, 8.0]),
            ..Curve::default()
        };
        let smooth = smoothed(raw.clone(), 0.5);
        let found: Vec<f64> = smooth.points.iter().map(|point| point.1).collect();
        let near = |one: f64, other: f64| (one - other).abs() < 1e-12;
        assert!(
            near(found[0], 4.0) && near(found[1], 8.0 / 3.0) && near(found[3], 40.0 / 7.0),
            "{found:?}"
        );
        assert!(found[2].is_nan());
        assert_eq!(smooth.behind.len(), 4);
        assert_eq!(smoothed(raw, 0.0).points[1], (2.0, 2.0));
    }
}
