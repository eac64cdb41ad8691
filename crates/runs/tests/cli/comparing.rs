//! `runs compare`

use crate::{
    FIRST, Run, SECOND, assert_narrow, output, printed, records, refused, write, write_records,
};
use anyhow::Result;
use serde_json::{Value, json};
use tempfile::tempdir;

#[test]
fn two_runs_stand_side_by_side() -> Result<()> {
    let runs = tempdir()?;
    write(runs.path(), &FIRST)?;
    write(runs.path(), &SECOND)?;
    let wanted = "A  mlp/first
B  mlp/second

header    A       B
device  cpu  cuda:0

train.loss       A       B     gap
  epoch 1   0.5000  0.5000       0
  epoch 2   0.2500  0.3125  6.2e-2
largest gap 6.2e-2 in epoch 2: A 0.2500, B 0.3125

valid.accuracy       A       B     gap
  epoch 1       0.7500  0.7500       0
  epoch 2       0.8750  0.8125  6.2e-2
largest gap 6.2e-2 in epoch 2: A 0.8750, B 0.8125

gradient_norm       A       B  gap
  epoch 1      0.5000  0.5000    0
  epoch 2      0.5000  0.5000    0
equal wherever two runs share an epoch

final                     A       B
train.loss           0.2500  0.3125
valid.accuracy       0.8750  0.8125
gradient_norm        0.5000  0.5000
epochs                    2       2
seconds                7.25    7.25
  over A's             1.00    1.00
examples per second   20000   50000
  over A's             1.00    2.50
peak memory          210 MB  210 MB
  over A's             1.00    1.00
";
    assert_eq!(
        printed(runs.path(), &["compare", "first", "second"])?,
        wanted
    );
    assert_eq!(
        printed(runs.path(), &["compare"])?,
        format!("All runs of mlp.\n\n{wanted}")
    );
    let swapped = printed(runs.path(), &["compare", "second", "first"])?;
    assert!(
        swapped.contains("  over A's             1.00    0.40\n"),
        "{swapped}"
    );
    Ok(())
}

#[test]
fn runs_that_differ_in_shape_are_compared_where_they_meet() -> Result<()> {
    let runs = tempdir()?;
    write(
        runs.path(),
        &Run {
            scores: &[(0.5, 0.75), (0.25, 0.5), (0.125, 0.875), (0.25, 0.75)],
            ..FIRST
        },
    )?;
    write(
        runs.path(),
        &Run { status: None, learning_rate: 0.5, ..SECOND },
    )?;
    let text = printed(runs.path(), &["compare", "first", "second"])?;
    assert!(
        text.contains("recipe.learning_rate  0.1     0.5\n"),
        "{text}"
    );
    assert!(
        text.contains("  epoch 3   0.1250       -       -\n"),
        "{text}"
    );
    assert!(
        text.contains("  best               0.1250  0.3125\n  in epoch                3       2\n"),
        "{text}"
    );
    assert!(
        text.contains("peak memory          210 MB       -\n"),
        "{text}"
    );
    Ok(())
}

#[test]
fn a_gap_beyond_the_tolerance_is_exit_code_1_and_named() -> Result<()> {
    let runs = tempdir()?;
    write(runs.path(), &FIRST)?;
    write(runs.path(), &SECOND)?;
    let beyond = ["compare", "first", "second", "--tolerance", "0.0624"];
    assert_eq!(
        refused(runs.path(), &beyond, 1)?,
        "train.loss differs by 6.2e-2 in epoch 2: A 0.25, B 0.3125; wanted 6.24e-2 at most"
    );
    let text = String::from_utf8(output(runs.path(), &beyond)?.stdout)?;
    let wanted = "
Beyond the tolerance of 6.24e-2: 2 of 3 shared metrics
  train.loss 6.2e-2 in epoch 2: A 0.25, B 0.3125
  valid.accuracy 6.2e-2 in epoch 2: A 0.875, B 0.8125
";
    assert!(text.ends_with(wanted), "{text}");
    let within = printed(
        runs.path(),
        &["compare", "first", "second", "--tolerance", "0.0625"],
    )?;
    assert!(within.ends_with("\nWithin the tolerance of 6.25e-2: all 3 shared metrics, wherever two runs share an epoch.\n"));
    Ok(())
}

#[test]
fn speed_is_no_metric_for_the_tolerance() -> Result<()> {
    let runs = tempdir()?;
    write(runs.path(), &FIRST)?;
    write(runs.path(), &Run { scores: FIRST.scores, ..SECOND })?;
    printed(
        runs.path(),
        &["compare", "first", "second", "--tolerance", "0"],
    )?;
    Ok(())
}

#[test]
fn runs_that_share_nothing_do_not_pass_a_tolerance() -> Result<()> {
    let runs = tempdir()?;
    write(runs.path(), &FIRST)?;
    write(runs.path(), &Run { scores: &[], ..SECOND })?;
    let message = refused(
        runs.path(),
        &["compare", "first", "second", "--tolerance", "1"],
        1,
    )?;
    assert!(
        message.contains("no two of the runs share a metric"),
        "{message}"
    );
    Ok(())
}

#[test]
fn equal_runs_have_equal_headers() -> Result<()> {
    let runs = tempdir()?;
    write(runs.path(), &FIRST)?;
    write_records(
        runs.path(),
        "mlp",
        "again",
        &records(&Run { started: "2027-01-01T00:00:00Z", ..FIRST }),
    )?;
    let text = printed(runs.path(), &["compare", "first", "again"])?;
    assert!(
        text.contains("\nEqual headers: the same experiment.\n"),
        "{text}"
    );
    Ok(())
}

#[test]
fn the_newest_runs_of_the_newest_chapter_are_taken_where_none_is_named() -> Result<()> {
    let runs = tempdir()?;
    write(
        runs.path(),
        &Run {
            chapter: "linear-regression",
            started: "2026-11-22T23:00:00Z",
            ..FIRST
        },
    )?;
    for run in 0..10 {
        let (name, started) = (format!("run-{run}"), format!("2026-11-23T0{run}:00:00Z"));
        write(
            runs.path(),
            &Run { name: &name, started: &started, ..FIRST },
        )?;
    }
    let text = printed(runs.path(), &["compare"])?;
    let start = "The newest 8 of 10 runs of mlp; name runs to choose others.\n\nA  mlp/run-2\nB  mlp/run-3\n";
    assert!(text.starts_with(start), "{text}");
    assert!(text.contains("H  mlp/run-9\n"), "{text}");
    assert_narrow(&text);
    Ok(())
}

#[test]
fn long_names_stay_in_the_legend() -> Result<()> {
    let runs = tempdir()?;
    let names: Vec<String> = (0..3)
        .map(|seed| format!("{}-s{seed}", "softmax-regression-".repeat(4)))
        .collect();
    for name in &names {
        write(runs.path(), &Run { name, ..FIRST })?;
    }
    let text = printed(runs.path(), &["compare", &names[0], &names[1], &names[2]])?;
    assert_narrow(&text);
    assert!(text.contains(&format!("C  mlp/{}\n", names[2])), "{text}");
    Ok(())
}

#[test]
fn the_comparison_is_there_as_json() -> Result<()> {
    let runs = tempdir()?;
    write(runs.path(), &FIRST)?;
    write(runs.path(), &SECOND)?;
    let call = [
        "compare",
        "first",
        "second",
        "--format",
        "json",
        "--tolerance",
        "0.07",
    ];
    let compared: Value = serde_json::from_str(&printed(runs.path(), &call)?)?;
    assert_eq!(compared["columns"][1]["runs"], json!(["mlp/second"]));
    assert_eq!(
        compared["header"],
        json!([{"field": "device", "values": ["cpu", "cuda:0"]}])
    );
    let loss = &compared["metrics"][0];
    assert_eq!(
        (&loss["metric"], &loss["epochs"][1]["gap"]),
        (&json!("train.loss"), &json!(0.0625))
    );
    assert_eq!(
        loss["largest_gap"]["high"],
        json!({"column": "B", "value": 0.3125})
    );
    assert_eq!(
        compared["examples_per_second"]["over_first"],
        json!([1.0, 2.5])
    );
    assert_eq!(compared["tolerance"]["beyond"], json!([]));
    Ok(())
}

#[test]
fn only_the_named_metrics_are_compared() -> Result<()> {
    let runs = tempdir()?;
    write(runs.path(), &FIRST)?;
    write(runs.path(), &SECOND)?;
    let call = ["compare", "first", "second", "--metric", "valid.accuracy"];
    let text = printed(runs.path(), &call)?;
    assert!(
        text.contains("\nvalid.accuracy ") && !text.contains("train.loss"),
        "{text}"
    );
    // Equal accuracies pass a tolerance that the loss would not.
    write(
        runs.path(),
        &Run { name: "third", scores: &[(0.1, 0.75), (0.1, 0.875)], ..FIRST },
    )?;
    let call = [
        "compare",
        "first",
        "third",
        "--metric",
        "valid.accuracy",
        "--tolerance",
        "0",
    ];
    printed(runs.path(), &call)?;
    let message = refused(runs.path(), &["compare", "--metric", "valid.bleu"], 1)?;
    assert!(
        message.contains("no run has valid.bleu; they have train.loss, valid.accuracy"),
        "{message}"
    );
    Ok(())
}

#[test]
fn a_run_that_diverged_is_beyond_every_tolerance() -> Result<()> {
    let runs = tempdir()?;
    write(runs.path(), &FIRST)?;
    write(
        runs.path(),
        &Run { scores: &[(0.5, 0.75), (f64::NAN, 0.875)], ..SECOND },
    )?;
    let call = ["compare", "first", "second", "--tolerance", "1e9"];
    let message = refused(runs.path(), &call, 1)?;
    assert!(
        message.contains("train.loss differs by inf in epoch 2: A 0.25, B NaN"),
        "{message}"
    );
    Ok(())
}
