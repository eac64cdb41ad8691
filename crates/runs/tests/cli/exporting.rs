//! `runs export`, and that `runs import` reads it back.

use crate::{FIRST, Run, SECOND, metrics, printed, records, refused, write, write_records};
use anyhow::{Context, Result};
use d2l_log::{Epoch, Log, Record, Step};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::tempdir;

/// The export of [`FIRST`], which scripts/tensorboard-check.py has checked with TensorBoard 2.21.
const GOLDEN: &[u8] = include_bytes!("../golden/export.tfevents");

fn export(runs: &Path, format: &str) -> Result<PathBuf> {
    let output = runs.join("exported");
    printed(
        runs,
        &[
            "export",
            "--format",
            format,
            "--output",
            &output.display().to_string(),
        ],
    )?;
    Ok(output)
}

fn event_file(folder: &Path) -> Result<PathBuf> {
    let mut entries = fs::read_dir(folder)?;
    let file = entries.next().context("no event file")??.path();
    assert!(file.to_string_lossy().contains("tfevents") && entries.next().is_none());
    Ok(file)
}

#[test]
fn a_run_becomes_the_event_file_that_tensorboard_was_seen_to_read() -> Result<()> {
    let runs = tempdir()?;
    write(runs.path(), &FIRST)?;
    let output = export(runs.path(), "tensorboard")?;
    let found = fs::read(event_file(&output.join("mlp/first"))?)?;
    assert!(
        found == GOLDEN,
        "{} bytes instead of {}",
        found.len(),
        GOLDEN.len()
    );
    Ok(())
}

/// A run whose values need all their digits, with folds and a further group.
fn precise() -> Vec<Record> {
    let mut lines = records(&Run { name: "precise", ..FIRST });
    lines.truncate(1);
    for (fold, epoch) in [(1, 1), (1, 2), (2, 1)] {
        let value = 1.0 / (3 * fold + epoch) as f64;
        lines.push(Record::Epoch(Epoch {
            fold: Some(fold),
            epoch,
            step: epoch * 7,
            learning_rate: value / 10.0,
            train: metrics([("loss", value)]),
            valid: metrics([("log_rmse", value * 2.0)]),
            more: [("train_after".to_string(), metrics([("loss", value / 2.0)]))].into(),
            gradient_norm: value * 3.0,
            seconds: 0.25,
            examples_per_second: value * 1e5,
        }));
    }
    lines
}

#[test]
fn csv_comes_back_bit_for_bit() -> Result<()> {
    let runs = tempdir()?;
    write(runs.path(), &SECOND)?;
    write_records(runs.path(), "mlp", "precise", &precise())?;
    let file = export(runs.path(), "csv")?
        .join("epochs.csv")
        .display()
        .to_string();
    let text = printed(runs.path(), &["import", &file])?;
    assert!(
        text.ends_with("imported/second written, 2 epochs\n"),
        "{text}"
    );
    for name in ["precise", "second"] {
        let read = |chapter: &str| Log::find(runs.path(), &format!("{chapter}/{name}"));
        assert_eq!(read("imported")?.epochs, read("mlp")?.epochs);
    }
    Ok(())
}

#[test]
fn event_files_come_back_as_32_bit_numbers() -> Result<()> {
    let runs = tempdir()?;
    write_records(runs.path(), "mlp", "precise", &precise())?;
    let folder = export(runs.path(), "tensorboard")?
        .join("mlp/precise")
        .display()
        .to_string();
    printed(
        runs.path(),
        &["import", &folder, "--implementation", "again"],
    )?;
    let (found, wanted) = (
        Log::find(runs.path(), "imported/precise")?,
        Log::find(runs.path(), "mlp/precise")?,
    );
    assert_eq!(found.header.recipe["learning_rate"], 0.1);
    assert_eq!(found.header.started, wanted.header.started);
    assert_eq!(found.epochs.len(), wanted.epochs.len());
    for (found, wanted) in found.epochs.iter().zip(&wanted.epochs) {
        assert_eq!(
            (found.fold, found.epoch, found.step),
            (wanted.fold, wanted.epoch, wanted.step)
        );
        let names = wanted.metrics().into_iter().map(|(name, _)| name);
        let more = [
            "gradient_norm",
            "learning_rate",
            "seconds",
            "examples_per_second",
        ];
        for name in names.chain(more.map(String::from)) {
            let (found, wanted) = (
                found.metric(&name).context("lost")?,
                wanted.metric(&name).context("none")?,
            );
            assert_eq!(found as f32, wanted as f32, "{name}");
        }
    }
    Ok(())
}

/// [`precise`] with single steps, of which the last belongs to an epoch that did not end. Their numbers have 32 bits.
fn with_steps() -> Vec<Record> {
    let mut lines = precise();
    let step = |fold, epoch, step| {
        let (fold, loss) = (Some(fold), step as f64 / 8.0);
        Record::Step(Step { step, epoch, fold, learning_rate: 0.125, loss })
    };
    let ends = [(1, 1, 1), (1, 1, 7), (1, 2, 8), (2, 1, 1), (2, 2, 9)];
    lines.splice(
        1..1,
        ends.map(|(fold, epoch, number)| step(fold, epoch, number)),
    );
    lines
}

#[test]
fn single_steps_are_a_table_of_their_own_and_come_back_from_it() -> Result<()> {
    let runs = tempdir()?;
    write_records(runs.path(), "mlp", "steps", &with_steps())?;
    write(runs.path(), &SECOND)?;
    let folder = export(runs.path(), "csv")?;
    let table = fs::read_to_string(folder.join("steps.csv"))?;
    let start = "run,fold,epoch,step,step.learning_rate,step.loss\nmlp/steps,1,1,1,0.125,0.125\n";
    assert!(table.starts_with(start), "{table}");
    let text = printed(runs.path(), &["import", &folder.display().to_string()])?;
    let wanted = [
        "imported/steps written, 3 epochs, 5 steps\n",
        "imported/second written, 2 epochs\n",
    ];
    assert!(wanted.iter().all(|line| text.contains(line)), "{text}");
    let read = |chapter: &str| Log::find(runs.path(), &format!("{chapter}/steps"));
    let (found, wanted) = (read("imported")?, read("mlp")?);
    assert_eq!((found.steps, found.epochs), (wanted.steps, wanted.epochs));
    Ok(())
}

#[test]
fn single_steps_come_back_from_event_files() -> Result<()> {
    let runs = tempdir()?;
    write_records(runs.path(), "mlp", "steps", &with_steps())?;
    let folder = export(runs.path(), "tensorboard")?.join("mlp/steps");
    let text = printed(runs.path(), &["import", &folder.display().to_string()])?;
    assert!(
        text.ends_with("imported/steps written, 3 epochs, 5 steps\n"),
        "{text}"
    );
    let read = |chapter: &str| Log::find(runs.path(), &format!("{chapter}/steps"));
    let (found, wanted) = (read("imported")?, read("mlp")?);
    assert_eq!(found.steps, wanted.steps);
    let places = |log: &Log| -> Vec<_> {
        let epochs = log.epochs.iter();
        epochs
            .map(|epoch| (epoch.fold, epoch.epoch, epoch.step))
            .collect()
    };
    assert_eq!(places(&found), places(&wanted));
    Ok(())
}

#[test]
fn folds_of_one_epoch_stay_apart_in_event_files() -> Result<()> {
    let runs = tempdir()?;
    let mut lines = precise();
    lines.remove(2);
    write_records(runs.path(), "mlp", "folds", &lines)?;
    let folder = export(runs.path(), "tensorboard")?.join("mlp/folds");
    printed(runs.path(), &["import", &folder.display().to_string()])?;
    let folds = Log::find(runs.path(), "imported/folds")?.epochs;
    let folds: Vec<_> = folds.iter().map(|epoch| epoch.fold).collect();
    assert_eq!(folds, [Some(1), Some(2)]);
    Ok(())
}

#[test]
fn the_table_of_runs_has_header_and_results() -> Result<()> {
    let runs = tempdir()?;
    write(runs.path(), &FIRST)?;
    write(runs.path(), &Run { name: "killed", status: None, ..SECOND })?;
    let table = fs::read_to_string(export(runs.path(), "csv")?.join("runs.csv"))?;
    let rows: Vec<Vec<&str>> = table
        .lines()
        .map(|line| line.split(',').collect())
        .collect();
    let cell = |row: usize, name: &str| {
        let column = rows[0].iter().position(|column| *column == name);
        column.map(|column| rows[row][column])
    };
    assert_eq!(cell(1, "run"), Some("mlp/first"));
    assert_eq!(cell(1, "recipe.learning_rate"), Some("0.1"));
    assert_eq!(cell(1, "final.valid.accuracy"), Some("0.875"));
    assert_eq!(cell(2, "status"), Some("running or killed"));
    assert_eq!(cell(2, "final.valid.accuracy"), Some(""));
    Ok(())
}

#[test]
fn figures_become_pictures() -> Result<()> {
    const SVG: &str = r#"<svg xmlns="http://www.w3.org/2000/svg" width="4" height="4"/>"#;
    let runs = tempdir()?;
    write(runs.path(), &FIRST)?;
    fs::create_dir(runs.path().join("mlp/first/figures"))?;
    fs::write(runs.path().join("mlp/first/figures/loss.svg"), SVG)?;
    let output = runs.path().join("out");
    let arguments = [
        "export",
        "--format",
        "tensorboard",
        "--output",
        &output.display().to_string(),
    ];
    let printed = crate::output(runs.path(), &arguments)?;
    assert!(String::from_utf8(printed.stdout)?.contains("1 run, 1 figure"));
    let bytes = fs::read(event_file(&output.join("mlp/first"))?)?;
    let holds = |text: &[u8]| bytes.windows(text.len()).any(|window| window == text);
    assert!(holds(b"figures/loss") && holds(b"\x89PNG"));
    Ok(())
}

#[test]
fn without_a_format_nothing_is_exported() -> Result<()> {
    let runs = tempdir()?;
    write(runs.path(), &FIRST)?;
    let error = refused(runs.path(), &["export"], 2)?;
    assert!(error.contains("--format"), "{error}");
    Ok(())
}
