//! The command as its users see it: its output and its errors.

mod comparing;
mod exporting;
mod failing;
mod grouping;
mod importing;
mod listing;
mod plotting;
mod reporting;
mod showing;
mod sweeping;
mod verifying;
mod watching;
mod widths;

use anyhow::Result;
use d2l_log::{Data, End, Epoch, FILE_NAME, Header, Metrics, Record, SCHEMA, Status, Writer};
use std::path::Path;
use std::process::{Command, Output};

/// The settings and results of a run in these tests.
struct Run<'a> {
    chapter: &'a str,
    name: &'a str,
    started: &'a str,
    device: &'a str,
    seed: u64,
    learning_rate: f64,
    /// Training loss and validation accuracy of each epoch.
    scores: &'a [(f64, f64)],
    /// `None` for a run that was killed.
    status: Option<Status>,
}

const FIRST: Run = Run {
    chapter: "mlp",
    name: "first",
    started: "2026-11-22T21:14:00Z",
    device: "cpu",
    seed: 0,
    learning_rate: 0.1,
    scores: &[(0.5, 0.75), (0.25, 0.875)],
    status: Some(Status::Finished),
};

const SECOND: Run = Run {
    name: "second",
    started: "2026-11-22T21:15:00Z",
    device: "cuda:0",
    scores: &[(0.5, 0.75), (0.3125, 0.8125)],
    ..FIRST
};

fn metrics<const N: usize>(pairs: [(&str, f64); N]) -> Metrics {
    pairs.map(|(name, value)| (name.to_string(), value)).into()
}

fn header(run: &Run) -> Header {
    let recipe =
        serde_json::json!({ "epochs": 2, "learning_rate": run.learning_rate, "clip_norm": null });
    Header {
        schema: SCHEMA,
        chapter: run.chapter.into(),
        model: "mlp".into(),
        implementation: "concise".into(),
        preset: "quick".into(),
        device: run.device.into(),
        gpu: None,
        threads: 2,
        seed: run.seed,
        recipe: recipe.as_object().cloned().unwrap_or_default(),
        data: Some(Data {
            name: "fashion-mnist".into(),
            source: "real".into(),
            train: 60000,
            valid: 10000,
            sha256: "9f86d081".into(),
        }),
        parameters: 203_530,
        versions: [("d2l".to_string(), "0.1.0".to_string())].into(),
        started: run.started.into(),
        lengthened: Vec::new(),
    }
}

fn end(run: &Run, status: Status) -> End {
    End {
        status,
        reason: (status == Status::Failed).then(|| "the loss is not finite in epoch 3".into()),
        epochs: run.scores.len(),
        seconds: 7.25,
        peak_memory_bytes: Some(210_000_000),
        last: run
            .scores
            .last()
            .map(|last| metrics([("train.loss", last.0), ("valid.accuracy", last.1)]))
            .unwrap_or_default(),
        best: [].into(),
        bands: Vec::new(),
    }
}

fn records(run: &Run) -> Vec<Record> {
    let mut records = vec![Record::Run(header(run))];
    for (epoch, &(loss, accuracy)) in (1..).zip(run.scores) {
        records.push(Record::Epoch(Epoch {
            epoch,
            step: epoch * 235,
            learning_rate: run.learning_rate,
            train: metrics([("loss", loss)]),
            valid: metrics([("accuracy", accuracy)]),
            gradient_norm: 0.5,
            seconds: 3.0,
            examples_per_second: if run.device == "cpu" {
                20000.0
            } else {
                50000.0
            },
            ..Epoch::default()
        }));
    }
    records.extend(run.status.map(|status| Record::End(end(run, status))));
    records
}

fn write_records(runs: &Path, chapter: &str, name: &str, records: &[Record]) -> Result<()> {
    let folder = runs.join(chapter).join(name);
    std::fs::create_dir_all(&folder)?;
    let mut writer = Writer::create(&folder.join(FILE_NAME))?;
    records.iter().try_for_each(|record| writer.write(record))
}

fn write(runs: &Path, run: &Run) -> Result<()> {
    write_records(runs, run.chapter, run.name, &records(run))
}

/// The command in the folder that holds `runs/`.
fn command(runs: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_runs"));
    command.env("D2L_LANG", "en");
    command
        .args(arguments)
        .arg("--runs-dir")
        .arg(runs)
        .env_remove("D2L_RUNS")
        .env_remove("COLUMNS");
    command
}

fn output(runs: &Path, arguments: &[&str]) -> Result<Output> {
    Ok(command(runs, arguments).output()?)
}

/// The output of a command that must succeed with nothing on stderr.
fn printed(runs: &Path, arguments: &[&str]) -> Result<String> {
    let output = output(runs, arguments)?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && stderr.is_empty(),
        "{arguments:?}: {:?} {stderr}",
        output.status
    );
    Ok(String::from_utf8(output.stdout)?)
}

/// The one line on stderr of a command that must fail with this exit code.
fn refused(runs: &Path, arguments: &[&str], code: i32) -> Result<String> {
    let output = output(runs, arguments)?;
    let stderr = String::from_utf8(output.stderr)?;
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {stderr}");
    assert!(
        stderr.starts_with("error: ") && stderr.lines().count() == 1,
        "{arguments:?}: {stderr}"
    );
    Ok(stderr.trim_start_matches("error: ").trim_end().to_string())
}

/// Lines that are no table: names, paths and sentences, which a terminal breaks.
fn is_prose(line: &str) -> bool {
    ["/", ", ", ": "].iter().any(|mark| line.contains(mark))
}

/// No table is wider than a usual terminal.
fn assert_narrow(text: &str) {
    for line in text.lines().filter(|line| !is_prose(line)) {
        assert!(line.chars().count() <= 80, "{line}");
    }
}
