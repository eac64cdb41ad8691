//! `runs plot`

use crate::{FIRST, Run, SECOND, output, printed, write};
use anyhow::Result;
use std::fs;
use tempfile::tempdir;

#[test]
fn curves_of_several_runs_are_written_as_one_svg() -> Result<()> {
    let runs = tempdir()?;
    write(runs.path(), &FIRST)?;
    write(runs.path(), &SECOND)?;
    let file = runs.path().join("figures/accuracy.svg");
    let name = file.display().to_string();
    let arguments = [
        "plot",
        "first",
        "second",
        "--metric",
        "valid.accuracy",
        "--output",
        &name,
    ];
    assert_eq!(
        printed(runs.path(), &arguments)?,
        format!("▁█  first\n▁█  second\n{name} written\n")
    );
    let svg = fs::read_to_string(&file)?;
    assert!(
        svg.starts_with("<svg") && svg.contains("valid.accuracy"),
        "{svg}"
    );
    assert!(
        svg.contains("first") && svg.contains("second"),
        "both runs are in the legend: {svg}"
    );
    Ok(())
}

#[test]
fn without_flags_the_usual_loss_of_the_newest_chapter_is_drawn() -> Result<()> {
    let runs = tempdir()?;
    write(runs.path(), &FIRST)?;
    write(runs.path(), &SECOND)?;
    let file = runs.path().join("train.loss.svg");
    let wanted = format!(
        "All runs of mlp.\n\n█▁  first\n█▁  second\n{} written\n",
        file.display()
    );
    assert_eq!(printed(runs.path(), &["plot"])?, wanted);
    assert!(file.is_file());
    assert!(
        printed(runs.path(), &["list"])?.contains("mlp/first"),
        "the figure is in nobody's way"
    );
    Ok(())
}

#[test]
fn several_metrics_of_one_run_are_lines_of_one_figure() -> Result<()> {
    let runs = tempdir()?;
    write(runs.path(), &FIRST)?;
    let text = printed(
        runs.path(),
        &["plot", "first", "--metric", "train.loss,valid.accuracy"],
    )?;
    assert!(
        text.starts_with("█▁  train.loss\n▁█  valid.accuracy\n"),
        "{text}"
    );
    assert!(runs.path().join("train.loss-valid.accuracy.svg").is_file());
    Ok(())
}

#[test]
fn a_run_without_the_metric_is_a_warning() -> Result<()> {
    let runs = tempdir()?;
    write(runs.path(), &FIRST)?;
    write(
        runs.path(),
        &Run {
            chapter: "linear-regression",
            name: "empty",
            scores: &[],
            ..FIRST
        },
    )?;
    let output = output(runs.path(), &["plot", "first", "empty"])?;
    assert!(output.status.success());
    assert_eq!(
        String::from_utf8(output.stderr)?,
        "warning: linear-regression/empty has no train.loss\n"
    );
    assert!(String::from_utf8(output.stdout)?.starts_with("█▁  mlp/first\n"));
    Ok(())
}
