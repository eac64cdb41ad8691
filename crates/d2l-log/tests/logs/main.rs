//! The contracts of the log, one module each.

mod comparing;
mod fields;
mod finding;
mod reading;
mod schema;
mod writing;

use anyhow::Result;
use d2l_log::{
    BandResult, Best, Data, End, Epoch, FILE_NAME, Header, Metrics, Record, SCHEMA, Status, Writer,
};
use std::path::{Path, PathBuf};

/// Metrics from pairs.
fn metrics<const N: usize>(pairs: [(&str, f64); N]) -> Metrics {
    pairs.map(|(name, value)| (name.to_string(), value)).into()
}

/// A header with a value in each field.
fn header() -> Header {
    let recipe = serde_json::json!({
        "epochs": 3, "batch_size": 256, "learning_rate": 0.1, "clip_norm": null,
        "optimizer": { "name": "sgd", "momentum": 0.9 },
    });
    Header {
        schema: SCHEMA,
        chapter: "mlp".into(),
        model: "mlp".into(),
        implementation: "concise".into(),
        preset: "quick".into(),
        device: "cpu".into(),
        gpu: None,
        threads: 2,
        seed: u64::MAX,
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
        started: "2026-11-22T21:14:00Z".into(),
        lengthened: Vec::new(),
    }
}

/// An epoch with this training loss and validation accuracy.
fn epoch(epoch: usize, loss: f64, accuracy: f64) -> Epoch {
    Epoch {
        epoch,
        step: epoch * 235,
        learning_rate: 0.1,
        train: metrics([("loss", loss)]),
        valid: metrics([("accuracy", accuracy)]),
        more: [("train_after".to_string(), metrics([("loss", loss / 3.0)]))].into(),
        gradient_norm: 0.42,
        seconds: 3.1,
        examples_per_second: 19300.0,
        fold: None,
    }
}

/// The end of a finished run.
fn end(epochs: usize) -> End {
    End {
        status: Status::Finished,
        reason: None,
        epochs,
        seconds: 9.7,
        peak_memory_bytes: Some(210_000_000),
        last: metrics([("train.loss", 0.5), ("error.bias", 0.01)]),
        best: [("train.loss".to_string(), Best { value: 0.5, epoch: 2 })].into(),
        bands: vec![BandResult {
            metric: "valid.accuracy".into(),
            low: 0.752,
            median: Some(0.807),
            high: 0.828,
            decimals: Some(3),
            runs: 63,
            source: "book".into(),
            value: Some(0.809),
            within: true,
        }],
    }
}

/// A whole run of two epochs.
fn records() -> Vec<Record> {
    vec![
        Record::Run(header()),
        Record::Epoch(epoch(1, 0.1 + 0.2, 0.75)),
        Record::Epoch(epoch(2, 1.0 / 3.0, 0.81)),
        Record::End(end(2)),
    ]
}

/// Writes a run into `<runs>/<name>/` and gives its folder.
fn run_in(runs: &Path, name: &str, records: &[Record]) -> Result<PathBuf> {
    let folder = runs.join(name);
    std::fs::create_dir_all(&folder)?;
    let mut writer = Writer::create(&folder.join(FILE_NAME))?;
    for record in records {
        writer.write(record)?;
    }
    Ok(folder)
}

/// The whole chain of an error in one line.
fn message<T: std::fmt::Debug>(result: Result<T>) -> String {
    match result {
        Ok(value) => panic!("wanted an error, got {value:?}"),
        Err(error) => format!("{error:#}"),
    }
}
