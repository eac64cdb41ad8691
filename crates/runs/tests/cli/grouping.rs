//! `runs compare` over seeds

use crate::{FIRST, Run, assert_narrow, output, printed, records, refused, write, write_records};
use anyhow::Result;
use d2l_log::Record;
use serde_json::Value;
use std::path::Path;
use tempfile::tempdir;

/// Seeds of a learning rate with these final accuracies.
fn rate(runs: &Path, learning_rate: f64, accuracies: &[f64]) -> Result<()> {
    for (seed, &accuracy) in (0..).zip(accuracies) {
        let name = format!("lr{learning_rate}-s{seed}");
        let scores = [(0.5, 0.5), (0.25, accuracy)];
        write(
            runs,
            &Run { name: &name, seed, learning_rate, scores: &scores, ..FIRST },
        )?;
    }
    Ok(())
}

/// The accuracies and the interval are those of the tests of Welch's interval, from scipy.
fn three_rates(runs: &Path) -> Result<()> {
    rate(runs, 0.1, &[0.8345, 0.8361, 0.8322])?;
    rate(runs, 0.03, &[0.8145, 0.8139, 0.817])?;
    rate(runs, 0.5, &[0.8352, 0.8222, 0.8391])
}

#[test]
fn runs_that_differ_in_their_seed_alone_are_one_column() -> Result<()> {
    let runs = tempdir()?;
    rate(runs.path(), 0.1, &[0.8345, 0.8361, 0.8322])?;
    rate(runs.path(), 0.03, &[0.8145, 0.8139, 0.817])?;
    let wanted = "All runs of mlp.

A  mlp/lr0.03-s0 (seeds 0, 1, 2)
B  mlp/lr0.1-s0 (seeds 0, 1, 2)

header                   A    B
recipe.learning_rate  0.03  0.1

valid.accuracy (mean)       A       B     gap
  epoch 1              0.5000  0.5000       0
  epoch 2              0.8151  0.8343  1.9e-2
largest gap 1.9e-2 in epoch 2: A 0.8151, B 0.8343

Final values over the seeds; in brackets Welch's 95 % interval of a difference.

                                       ±
valid.accuracy  seeds    mean  deviation     low    high
  A                 3  0.8151   0.001644  0.8139  0.8170
  B                 3  0.8343   0.001960  0.8322  0.8361
A is worse than B by 0.01913 (0.01498 to 0.02328): more than the seeds' spread

final                     A       B
epochs                    2       2
";
    let text = printed(runs.path(), &["compare", "--metric", "valid.accuracy"])?;
    let start = text.split("seconds").next().unwrap_or_default();
    assert_eq!(start, wanted);
    Ok(())
}

#[test]
fn a_run_that_trains_the_same_counts_once() -> Result<()> {
    let runs = tempdir()?;
    rate(runs.path(), 0.1, &[0.75, 0.875])?;
    rate(runs.path(), 0.03, &[0.5, 0.625])?;
    for (name, threads, lengthened) in [("threads", 1, vec![]), ("lengthened", 2, vec![1])] {
        let mut again = records(&FIRST);
        if let Some(Record::Run(header)) = again.first_mut() {
            (header.threads, header.lengthened) = (threads, lengthened);
        }
        write_records(runs.path(), "mlp", name, &again)?;
    }
    let text = printed(runs.path(), &["compare", "--by", "recipe.learning_rate"])?;
    assert!(
        text.contains("B  recipe.learning_rate 0.1 (seeds 0, 1)\n"),
        "{text}"
    );
    Ok(())
}

#[test]
fn any_field_may_group_the_runs() -> Result<()> {
    let runs = tempdir()?;
    three_rates(runs.path())?;
    let call = [
        "compare",
        "--by",
        "recipe.learning_rate",
        "--metric",
        "valid.accuracy",
    ];
    let text = printed(runs.path(), &call)?;
    let legend = "A  recipe.learning_rate 0.03 (seeds 0, 1, 2)
B  recipe.learning_rate 0.1 (seeds 0, 1, 2)
C  recipe.learning_rate 0.5 (seeds 0, 1, 2)

";
    assert!(text.contains(legend), "{text}");
    let rows = "  0.03              3  0.8151   0.001644  0.8139  0.8170
  0.1               3  0.8343   0.001960  0.8322  0.8361
  0.5               3  0.8322   0.008849  0.8222  0.8391
0.03 is worse than 0.1 by 0.01913 (0.01498 to 0.02328): more than the seeds' spread
0.5 is worse than 0.1 by 0.002100 (-0.01860 to 0.02280): no more than the seeds' spread
";
    assert!(text.contains(rows), "{text}");
    assert!(!text.contains("Runs of one column differ"), "{text}");
    assert_narrow(&text);
    let json = [&call[..], &["--format", "json"]].concat();
    let compared: Value = serde_json::from_str(&printed(runs.path(), &json)?)?;
    let groups = &compared["over_seeds"][0]["groups"];
    let apart = [0, 1, 2].map(|group| groups[group]["is_apart"].clone());
    assert_eq!(apart, [true.into(), Value::Null, false.into()]);
    assert_eq!(groups[1]["is_best"], true);
    let low = groups[0]["minus_best"][0].as_f64().expect("a number");
    assert!((low + 0.023284311114752005).abs() < 1e-9, "{low}");
    Ok(())
}

#[test]
fn one_seed_has_no_spread_and_says_so() -> Result<()> {
    let runs = tempdir()?;
    rate(runs.path(), 0.1, &[0.875, 0.75])?;
    rate(runs.path(), 0.5, &[0.5])?;
    let call = [
        "compare",
        "--by",
        "recipe.learning_rate",
        "--metric",
        "valid.accuracy",
    ];
    let text = printed(runs.path(), &call)?;
    assert!(
        text.contains("  0.5               1  0.5000          -  0.5000  0.5000\n"),
        "{text}"
    );
    let sentence = "\n0.5 and 0.1: a single run has no spread; train more seeds\n";
    assert!(text.contains(sentence), "{text}");
    Ok(())
}

#[test]
fn seeds_of_a_single_setting_stand_side_by_side_above_their_mean() -> Result<()> {
    let runs = tempdir()?;
    rate(runs.path(), 0.1, &[0.875, 0.75])?;
    let text = printed(runs.path(), &["compare"])?;
    assert!(
        text.contains("A  mlp/lr0.1-s0\nB  mlp/lr0.1-s1\n\nheader  A  B\nseed    0  1\n"),
        "{text}"
    );
    assert!(
        text.contains("  all               2  0.8125    0.08839  0.7500  0.8750\n"),
        "{text}"
    );
    assert!(
        text.contains("\nvalid.accuracy       0.8750  0.7500\n"),
        "{text}"
    );
    Ok(())
}

#[test]
fn a_repeated_run_is_no_further_seed() -> Result<()> {
    let runs = tempdir()?;
    rate(runs.path(), 0.1, &[0.875, 0.75])?;
    write(
        runs.path(),
        &Run { name: "again", scores: &[(0.5, 0.5), (0.25, 0.875)], ..FIRST },
    )?;
    let text = printed(runs.path(), &["compare"])?;
    assert!(
        text.contains("A  mlp/again (seeds 0, 1)\nB  mlp/lr0.1-s0\n"),
        "{text}"
    );
    let by = printed(runs.path(), &["compare", "--by", "recipe.learning_rate"])?;
    assert!(
        by.contains("A  recipe.learning_rate 0.1 (seeds 0, 1)\n"),
        "{by}"
    );
    Ok(())
}

#[test]
fn runs_of_one_column_that_differ_in_more_are_named() -> Result<()> {
    let runs = tempdir()?;
    three_rates(runs.path())?;
    write(runs.path(), &Run { name: "gpu", device: "cuda:0", ..FIRST })?;
    let text = printed(runs.path(), &["compare", "--by", "device"])?;
    let wanted = "\nRuns of one column differ in more than the seed: recipe.learning_rate.\n";
    assert!(text.contains(wanted), "{text}");
    let header = "recipe.learning_rate  varies     0.1\n";
    assert!(text.contains(header), "{text}");
    Ok(())
}

#[test]
fn a_setting_that_diverged_is_never_the_best() -> Result<()> {
    let runs = tempdir()?;
    rate(runs.path(), 0.1, &[0.875, 0.75])?;
    rate(runs.path(), 9.0, &[f64::NAN, 0.875])?;
    let output = output(runs.path(), &["compare", "--metric", "valid.accuracy"])?;
    let text = String::from_utf8(output.stdout)?;
    assert!(
        text.contains("\nB and A: a run diverged, so no interval can be stated\n"),
        "{text}"
    );
    Ok(())
}

#[test]
fn conditions_choose_the_runs() -> Result<()> {
    let runs = tempdir()?;
    three_rates(runs.path())?;
    let condition = ["--where", "recipe.learning_rate>0.05", "--where", "seed<2"];
    let call = [&["compare", "--by", "recipe.learning_rate"][..], &condition].concat();
    let text = printed(runs.path(), &call)?;
    let start = "4 runs of mlp.\n\nA  recipe.learning_rate 0.1 (seeds 0, 1)\nB  recipe.learning_rate 0.5 (seeds 0, 1)\n\n";
    assert!(text.starts_with(start), "{text}");
    let plotted = printed(
        runs.path(),
        &["plot", "--where", "seed=0", "--metric", "train.loss"],
    )?;
    assert!(
        plotted.starts_with("3 runs of mlp.\n\n█▁  learning rate 0.03\n"),
        "{plotted}"
    );
    let none = refused(runs.path(), &["plot", "--where", "seed=7"], 1)?;
    assert_eq!(none, "none of the 9 runs meets --where");
    let one = refused(runs.path(), &["compare", "--where", "run=mlp/lr0.5-s1"], 1)?;
    assert!(
        one.starts_with("mlp/lr0.5-s1 is the only run that meets --where; wanted two"),
        "{one}"
    );
    Ok(())
}
