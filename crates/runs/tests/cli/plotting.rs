//! `runs plot`

use crate::{FIRST, Run, SECOND, output, printed, records, write, write_records};
use anyhow::Result;
use d2l_log::{Record, Step};
use std::fs;
use std::path::Path;
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
        format!("▁█  cpu\n▁█  cuda:0\n{name} written\n")
    );
    let svg = fs::read_to_string(&file)?;
    assert!(
        svg.starts_with("<svg")
            && svg.contains("mlp, concise, quick on fashion-mnist: valid.accuracy"),
        "the title says what the runs share: {svg}"
    );
    assert!(
        svg.contains("\ncpu\n") && svg.contains("\ncuda:0\n"),
        "the legend says what differs: {svg}"
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
        "All runs of mlp.\n\n█▁  cpu\n█▁  cuda:0\n{} written\n",
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
fn several_metrics_of_one_run_have_a_panel_each() -> Result<()> {
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
    let svg = fs::read_to_string(runs.path().join("train.loss-valid.accuracy.svg"))?;
    let times = |svg: &str, text: &str| svg.matches(&format!("\n{text}\n")).count();
    for panel in ["train.loss", "valid.accuracy"] {
        assert_eq!(times(&svg, panel), 1, "{panel} in {svg}");
    }
    // Metrics of one quantity share a panel, and the legend tells them apart.
    let mut records = records(&FIRST);
    for record in &mut records {
        if let Record::Epoch(epoch) = record {
            epoch.valid.insert("loss".into(), 0.375);
        }
    }
    write_records(runs.path(), "mlp", "both", &records)?;
    let metrics = "train.loss,valid.loss,valid.accuracy";
    printed(runs.path(), &["plot", "both", "--metric", metrics])?;
    let file = runs.path().join("train.loss-valid.loss-valid.accuracy.svg");
    let svg = fs::read_to_string(file)?;
    for text in ["loss", "accuracy", "train", "valid"] {
        assert_eq!(times(&svg, text), 1, "{text} in {svg}");
    }
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
    assert!(String::from_utf8(output.stdout)?.starts_with("█▁  mlp\n"));
    Ok(())
}

/// Three seeds of two learning rates.
fn seeds(runs: &Path) -> Result<()> {
    for (rate, learning_rate) in [("low", 0.1), ("high", 0.5)] {
        for seed in 0..3 {
            let name = format!("{rate}-s{seed}");
            let loss = learning_rate + 0.125 * seed as f64;
            let scores = [(4.0 * loss, 0.5), (2.0 * loss, 0.625), (loss, 0.75)];
            write(
                runs,
                &Run { name: &name, seed, learning_rate, scores: &scores, ..FIRST },
            )?;
        }
    }
    Ok(())
}

#[test]
fn seeds_are_a_line_with_a_band() -> Result<()> {
    let runs = tempdir()?;
    seeds(runs.path())?;
    let text = printed(runs.path(), &["plot"])?;
    assert!(
        text.contains("█▃▁  learning rate 0.5\n█▃▁  learning rate 0.1\n"),
        "{text}"
    );
    let svg = fs::read_to_string(runs.path().join("train.loss.svg"))?;
    assert!(
        svg.contains("mlp, concise, quick on fashion-mnist: train.loss, mean and range of 3 seeds"),
        "{svg}"
    );
    assert_eq!(
        svg.matches("opacity=\"0.16\"").count(),
        2,
        "a band for each rate"
    );
    let each = printed(runs.path(), &["plot", "--each"])?;
    let wanted = "█▃▁  learning rate 0.1, seed 0\n";
    assert!(
        each.contains(wanted) && each.lines().count() == 2 + 6 + 1,
        "{each}"
    );
    let svg = fs::read_to_string(runs.path().join("train.loss.svg"))?;
    assert!(!svg.contains("opacity=\"0.16\"") && svg.contains("train.loss, 3 seeds"));
    assert_eq!(
        svg.matches("\nlearning rate 0.1\n").count(),
        1,
        "once in the legend"
    );
    let colours = ["#0072B2", "#D55E00", "#009E73"].map(|colour| svg.contains(colour));
    assert_eq!(colours, [true, true, false], "a colour for each rate");
    let one = printed(runs.path(), &["plot", "low-s0", "low-s1", "--each"])?;
    assert!(one.starts_with("█▃▁  seed 0\n█▃▁  seed 1\n"), "{one}");
    Ok(())
}

#[test]
fn a_run_that_repeats_a_seed_is_named() -> Result<()> {
    let runs = tempdir()?;
    seeds(runs.path())?;
    write(runs.path(), &Run { name: "again", ..FIRST })?;
    let text = printed(runs.path(), &["plot"])?;
    // It is the first by name, and so the low rate's seed 0.
    assert!(text.contains("  learning rate 0.1, again\n"), "{text}");
    assert!(text.contains("  learning rate 0.1, low-s0\n"), "{text}");
    assert!(text.contains("  learning rate 0.5\n"), "{text}");
    Ok(())
}

#[test]
fn one_colour_is_one_setting() -> Result<()> {
    let runs = tempdir()?;
    seeds(runs.path())?;
    let text = printed(
        runs.path(),
        &[
            "plot",
            "--metric",
            "train.loss,valid.accuracy",
            "--smooth",
            "0.5",
        ],
    )?;
    assert!(
        text.contains("  learning rate 0.5: valid.accuracy\n"),
        "{text}"
    );
    let svg = fs::read_to_string(runs.path().join("train.loss-valid.accuracy.svg"))?;
    let colours = ["#0072B2", "#D55E00", "#009E73"].map(|colour| svg.contains(colour));
    assert_eq!(colours, [true, true, false]);
    let legend = svg.matches("\nlearning rate 0.5\n").count();
    assert_eq!(legend, 1, "each setting is in the legend once");
    assert_eq!(
        svg.matches("opacity=\"0.35\"").count(),
        4,
        "the raw curves are behind"
    );
    Ok(())
}

#[test]
fn the_horizontal_axis_counts_what_is_asked_for() -> Result<()> {
    let runs = tempdir()?;
    let mut records = records(&FIRST);
    write_records(runs.path(), "mlp", "first", &records)?;
    let drawn = |flags: &[&str]| -> Result<String> {
        let call = [&["plot", "first", "--metric", "train.loss"], flags].concat();
        printed(runs.path(), &call)?;
        Ok(fs::read_to_string(runs.path().join("train.loss.svg"))?)
    };
    assert!(drawn(&[])?.contains("epoch"));
    assert!(drawn(&["--by", "seconds"])?.contains("seconds of training"));
    assert!(drawn(&["--by", "step", "--x-scale", "log", "--y-scale", "log"])?.contains("step"));
    // With lines for the steps there is a point for each.
    for step in (1..=10).rev() {
        records.insert(
            1,
            Record::Step(Step { step, epoch: 1, loss: 2.0 / step as f64, ..Step::default() }),
        );
    }
    write_records(runs.path(), "mlp", "steps", &records)?;
    let text = printed(
        runs.path(),
        &["plot", "steps", "--by", "step", "--metric", "train.loss"],
    )?;
    assert_eq!(
        text.chars().take_while(|bar| *bar != ' ').count(),
        10,
        "{text}"
    );
    let text = printed(
        runs.path(),
        &[
            "plot",
            "steps",
            "--by",
            "step",
            "--metric",
            "valid.accuracy",
        ],
    )?;
    assert!(text.starts_with("▁█  "), "{text}");
    Ok(())
}
