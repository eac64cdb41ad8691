//! Comparisons, with values worked out by hand.

use crate::{end, epoch, header, metrics};
use d2l_log::{Best, Comparison, End, Epoch, Log, Place, compare, mean};
use serde_json::{Value, json};

/// A log with these training losses and validation accuracies.
fn log(name: &str, scores: &[(f64, f64)]) -> Log {
    let epochs = (1..)
        .zip(scores)
        .map(|(index, &(loss, accuracy))| epoch(index, loss, accuracy))
        .collect();
    Log {
        name: name.into(),
        path: "log.jsonl".into(),
        header: header(),
        steps: Vec::new(),
        epochs,
        end: None,
        remarks: None,
    }
}

fn values(comparison: &Comparison, metric: &str) -> Vec<Vec<Option<f64>>> {
    let Some(table) = comparison
        .metrics
        .iter()
        .find(|table| table.metric == metric)
    else {
        panic!("no table of {metric}")
    };
    table.rows.iter().map(|row| row.values.clone()).collect()
}

fn place(epoch: usize) -> Option<Place> {
    Some(Place { fold: None, epoch })
}

#[test]
fn equal_runs_have_no_gap() {
    let run = log("a", &[(0.5, 0.75), (0.25, 0.875)]);
    let comparison = compare(&[run.clone(), run]);
    assert!(comparison.header.is_empty());
    assert!(comparison.beyond(0.0).is_empty());
    let gaps: Vec<_> = comparison
        .gaps()
        .map(|gap| (gap.metric.as_str(), gap.size()))
        .collect();
    assert_eq!(
        gaps,
        [
            ("train.loss", 0.0),
            ("valid.accuracy", 0.0),
            ("train_after.loss", 0.0),
            ("gradient_norm", 0.0)
        ]
    );
}

#[test]
fn a_number_and_none_are_infinitely_far_apart() {
    let (nan, infinite) = (f64::NAN, f64::INFINITY);
    let gap = |a: f64, b: f64| compare(&[log("a", &[(a, 0.5)]), log("b", &[(b, 0.5)])]);
    for (a, b) in [
        (nan, 0.5),
        (0.5, nan),
        (infinite, 0.5),
        (-infinite, infinite),
        (nan, infinite),
    ] {
        let comparison = gap(a, b);
        let sizes: Vec<f64> = comparison
            .beyond(1e9)
            .iter()
            .map(|gap| gap.size())
            .collect();
        assert!(sizes.first() == Some(&infinite), "{a} {b}: {sizes:?}");
    }
    for (a, b) in [(nan, nan), (nan, -nan), (infinite, infinite)] {
        assert!(gap(a, b).beyond(0.0).is_empty(), "{a} {b}");
    }
}

#[test]
fn the_largest_gap_names_its_epoch_and_both_values() {
    let a = log("a", &[(0.5, 0.75), (0.25, 0.875)]);
    let b = log("b", &[(0.625, 0.75), (0.5, 0.75)]);
    let c = log("c", &[(0.5625, 0.75), (0.25, 0.875)]);
    let comparison = compare(&[a, b, c]);
    assert_eq!(
        values(&comparison, "train.loss"),
        [
            [Some(0.5), Some(0.625), Some(0.5625)],
            [Some(0.25), Some(0.5), Some(0.25)]
        ]
    );
    let gap = comparison.metrics[0].gap.as_ref().expect("a gap");
    assert_eq!(
        (gap.place, gap.low, gap.high, gap.size()),
        (place(2), (0, 0.25), (1, 0.5), 0.25)
    );
    let accuracy = comparison.metrics[1].gap.as_ref().expect("a gap");
    assert_eq!(
        (accuracy.place, accuracy.low, accuracy.high),
        (place(2), (1, 0.75), (0, 0.875))
    );
    let beyond = |tolerance| {
        comparison
            .beyond(tolerance)
            .iter()
            .map(|gap| gap.metric.as_str())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        beyond(0.0625),
        ["train.loss", "valid.accuracy", "train_after.loss"]
    );
    assert_eq!(
        beyond(0.125),
        ["train.loss"],
        "a gap of the tolerance itself is within"
    );
    assert!(beyond(0.25).is_empty());
}

#[test]
fn of_equal_gaps_the_first_is_named() {
    let a = log("a", &[(0.5, 0.5), (0.25, 0.5), (0.125, 0.5)]);
    let b = log("b", &[(0.5, 0.5), (0.5, 0.5), (0.375, 0.5)]);
    let comparison = compare(&[a, b]);
    let gap = comparison.metrics[0].gap.as_ref().expect("a gap");
    assert_eq!((gap.place, gap.size()), (place(2), 0.25));
}

#[test]
fn runs_of_unequal_length_are_compared_where_both_are() {
    let a = log("a", &[(0.5, 0.75), (0.25, 0.875), (0.125, 1.0)]);
    let b = log("b", &[(0.5, 0.75)]);
    let comparison = compare(&[a, b]);
    assert_eq!(
        values(&comparison, "train.loss"),
        [
            [Some(0.5), Some(0.5)],
            [Some(0.25), None],
            [Some(0.125), None]
        ]
    );
    assert!(comparison.beyond(0.0).is_empty());
    assert_eq!(comparison.scores[0].last, [Some(0.125), Some(0.5)]);
}

#[test]
fn a_metric_of_one_run_is_shown_without_a_gap() {
    let a = log("a", &[(0.5, 0.75)]);
    let mut b = log("b", &[(0.5, 0.75)]);
    b.epochs[0].valid = metrics([("loss", 0.625)]);
    let comparison = compare(&[a, b]);
    let found: Vec<_> = comparison
        .metrics
        .iter()
        .map(|table| (table.metric.as_str(), table.gap.is_some()))
        .collect();
    assert_eq!(
        found,
        [
            ("train.loss", true),
            ("valid.accuracy", false),
            ("train_after.loss", true),
            ("valid.loss", false),
            ("gradient_norm", true)
        ]
    );
    assert_eq!(values(&comparison, "valid.loss"), [[None, Some(0.625)]]);
}

#[test]
fn header_fields_that_differ_are_listed_flat_and_without_the_start() {
    let a = log("a", &[]);
    let mut b = a.clone();
    b.header.started = "2027-01-01T00:00:00Z".into();
    b.header.device = "cuda:0".into();
    b.header.recipe = json!({
        "epochs": 3, "batch_size": "256", "learning_rate": 0.1, "clip_norm": 1.0,
        "optimizer": { "name": "sgd", "momentum": 0.5 },
    })
    .as_object()
    .cloned()
    .unwrap_or_default();
    b.header.versions.insert("cuda".into(), "13.0".into());
    let found: Vec<(String, Vec<Option<Value>>)> = compare(&[a, b])
        .header
        .into_iter()
        .map(|difference| (difference.key, difference.values))
        .collect();
    let wanted = [
        ("device", vec![Some(json!("cpu")), Some(json!("cuda:0"))]),
        (
            "recipe.batch_size",
            vec![Some(json!(256)), Some(json!("256"))],
        ),
        (
            "recipe.clip_norm",
            vec![Some(Value::Null), Some(json!(1.0))],
        ),
        (
            "recipe.optimizer.momentum",
            vec![Some(json!(0.9)), Some(json!(0.5))],
        ),
        ("versions.cuda", vec![None, Some(json!("13.0"))]),
    ];
    assert_eq!(found, wanted.map(|(key, values)| (key.to_string(), values)));
}

#[test]
fn folds_are_compared_with_their_own() {
    let fold = |fold, loss| Epoch { fold: Some(fold), ..epoch(1, loss, 0.5) };
    let mut a = log("a", &[]);
    a.epochs = vec![fold(0, 0.5), fold(1, 0.25)];
    let mut b = a.clone();
    b.epochs = vec![fold(0, 0.5), fold(1, 0.75)];
    let comparison = compare(&[a, b]);
    let gap = comparison.metrics[0].gap.as_ref().expect("a gap");
    assert_eq!(
        (gap.place, gap.size()),
        (Some(Place { fold: Some(1), epoch: 1 }), 0.5)
    );
}

#[test]
fn values_known_only_at_the_end_count_after_equally_many_epochs() {
    let with_end = |bias: f64, scores: &[(f64, f64)]| {
        let last = metrics([("train.loss", 0.25), ("error.bias", bias)]);
        Log {
            end: Some(End { last, ..end(scores.len()) }),
            ..log("a", scores)
        }
    };
    let a = with_end(0.125, &[(0.5, 0.75)]);
    let comparison = compare(&[a.clone(), with_end(0.375, &[(0.5, 0.75)])]);
    let bias = comparison
        .scores
        .iter()
        .find(|score| score.metric == "error.bias")
        .expect("the bias");
    assert_eq!(bias.last, [Some(0.125), Some(0.375)]);
    assert_eq!(bias.best, [None, None]);
    let beyond = comparison.beyond(0.2);
    assert_eq!(
        beyond
            .iter()
            .map(|gap| (gap.metric.as_str(), gap.place))
            .collect::<Vec<_>>(),
        [("error.bias", None)]
    );
    let longer = compare(&[a, with_end(0.375, &[(0.5, 0.75), (0.5, 0.75)])]);
    assert!(
        longer.beyond(0.2).is_empty(),
        "more training moves it on: no gap"
    );
}

#[test]
fn scores_come_from_the_end_line_and_else_from_the_epochs() {
    let ended = Log { end: Some(end(2)), ..log("a", &[(0.75, 0.75), (0.625, 0.5)]) };
    let killed = log("b", &[(0.75, 0.75), (0.625, 0.5)]);
    let comparison = compare(&[ended, killed]);
    let score = |metric: &str| {
        comparison
            .scores
            .iter()
            .find(|score| score.metric == metric)
            .expect("a score")
    };
    assert_eq!(score("train.loss").last, [Some(0.5), Some(0.625)]);
    let best = |value, epoch| Some(Best { value, epoch });
    assert_eq!(score("train.loss").best, [best(0.5, 2), best(0.625, 2)]);
    assert_eq!(score("valid.accuracy").best, [best(0.75, 1), best(0.75, 1)]);
    assert_eq!(
        [comparison.costs[0].seconds, comparison.costs[1].seconds],
        [9.7, 6.2]
    );
}

#[test]
fn speed_is_the_median_epochs() {
    let with_speeds = |speeds: &[f64]| {
        let mut log = log("a", &vec![(0.5, 0.5); speeds.len()]);
        for (epoch, speed) in log.epochs.iter_mut().zip(speeds) {
            epoch.examples_per_second = *speed;
        }
        log
    };
    let runs = [[10.0, 1000.0, 1000.0].as_slice(), &[400.0, 600.0], &[]].map(with_speeds);
    let costs = compare(&runs).costs.into_iter();
    let found: Vec<_> = costs.map(|cost| cost.examples_per_second).collect();
    assert_eq!(found, [Some(1000.0), Some(500.0), None]);
}

#[test]
fn the_mean_of_runs_has_what_all_of_them_have() {
    let mut runs = [
        log("a", &[(0.5, 0.75), (0.25, 0.5)]),
        log("b", &[(0.25, 0.5), (0.5, 1.0), (9.0, 9.0)]),
    ];
    let mean_of = |runs: &[Log]| mean(&runs.iter().collect::<Vec<_>>()).expect("runs");
    runs[0].epochs[1].valid.insert("loss".into(), 1.0);
    runs[0].end = Some(end(2));
    let last = metrics([("train.loss", 0.25), ("error.bias", 0.03), ("odd", 1.0)]);
    runs[1].end = Some(End { seconds: 10.3, last, peak_memory_bytes: None, ..end(3) });
    let found = mean_of(&runs);
    let epochs: Vec<_> = found
        .epochs
        .iter()
        .map(|epoch| (epoch.epoch, epoch.train["loss"], epoch.valid.clone()))
        .collect();
    assert_eq!(
        epochs,
        [
            (1, 0.375, metrics([("accuracy", 0.625)])),
            (2, 0.375, metrics([("accuracy", 0.75)]))
        ]
    );
    assert_eq!(found.last("train.loss"), Some(0.375));
    assert_eq!((found.last("odd"), found.seconds()), (None, 10.0));
    assert_eq!(
        found.best("valid.accuracy"),
        Some(Best { value: 0.75, epoch: 2 })
    );
    let ended = found.end.expect("both ended");
    assert_eq!((ended.epochs, ended.peak_memory_bytes), (2, None));
    runs[1].end = None;
    assert_eq!(mean_of(&runs).end, None);
    assert_eq!(mean_of(&runs[..1]), runs[0], "one run is its own mean");
    assert_eq!(mean(&[]), None);
}

#[test]
fn repetitions_have_one_setting() {
    let mut runs = [log("a", &[]), log("b", &[])];
    runs[1].header.seed = 7;
    runs[1].header.started = "2027-01-01T00:00:00Z".into();
    assert_eq!(runs[0].setting(), runs[1].setting());
    assert!(
        runs[0].header.described() != runs[1].header.described(),
        "the seeds differ"
    );
    let data = |log: &mut Log, sha256: &str, source: &str| {
        let data = log.header.data.as_mut().expect("data");
        (data.sha256, data.source) = (sha256.into(), source.into());
    };
    data(&mut runs[1], "0", "real");
    assert!(runs[0].setting() != runs[1].setting(), "other data");
    data(&mut runs[0], "1", "synthetic");
    data(&mut runs[1], "2", "synthetic");
    assert_eq!(runs[0].setting(), runs[1].setting(), "drawn from the seed");
    runs[1].header.threads = 1;
    assert!(runs[0].setting() != runs[1].setting());
}

#[test]
fn runs_without_epochs_and_no_runs_at_all_are_fine() {
    let comparison = compare(&[log("a", &[]), log("b", &[])]);
    assert!(comparison.metrics.is_empty() && comparison.scores.is_empty());
    assert!(compare(&[]).names.is_empty());
}
