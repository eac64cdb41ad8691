//! Reading a folder of a thousand runs of a hundred epochs each, which `runs list` does: `cargo bench -p d2l-log`.

use d2l_log::{
    Best, Data, End, Epoch, FILE_NAME, Header, Log, Metrics, Record, SCHEMA, Status, Writer,
};
use std::path::Path;

const RUNS: usize = 1000;
const EPOCHS: usize = 100;
/// Steps of an epoch.
const STEPS: usize = 235;

fn main() {
    divan::main();
}

#[divan::bench]
fn list(bencher: divan::Bencher) {
    let folder = tempfile::tempdir().and_then(|folder| {
        (0..RUNS).try_for_each(|run| write(folder.path(), run))?;
        Ok(folder)
    });
    match folder {
        Ok(folder) => bencher.bench(|| Log::list(folder.path())),
        Err(error) => panic!("the runs were not written: {error}"),
    }
}

/// A run with a loss that falls and an accuracy that rises.
fn write(runs: &Path, seed: usize) -> std::io::Result<()> {
    let folder = runs.join("mlp").join(format!("mlp-concise-zh-cpu-s{seed}"));
    std::fs::create_dir_all(&folder)?;
    let other = std::io::Error::other::<anyhow::Error>;
    let mut writer = Writer::create(&folder.join(FILE_NAME)).map_err(other)?;
    let recipe = serde_json::json!({
        "epochs": EPOCHS, "batch_size": 256, "learning_rate": 0.1, "optimizer": "sgd", "momentum": 0.0,
        "weight_decay": 0.0, "schedule": "constant", "clip_norm": null, "shuffle": true,
    });
    let header = Header {
        schema: SCHEMA,
        chapter: "mlp".into(),
        model: "mlp".into(),
        implementation: "concise".into(),
        preset: "zh".into(),
        device: "cpu".into(),
        gpu: None,
        threads: 2,
        seed: seed as u64,
        recipe: recipe.as_object().cloned().unwrap_or_default(),
        data: Some(Data {
            name: "fashion-mnist".into(),
            source: "real".into(),
            train: 60_000,
            valid: 10_000,
            sha256: "0".repeat(64),
        }),
        parameters: 203_530,
        versions: [("d2l".to_string(), "0.1.0".to_string())].into(),
        started: format!("2026-11-22T21:{:02}:{:02}Z", seed / 60 % 60, seed % 60),
        lengthened: Vec::new(),
    };
    writer.write(&Record::Run(header)).map_err(other)?;
    let metrics = |epoch: usize| {
        let loss = 2.3 / (epoch + seed % 7) as f64;
        Metrics::from([
            ("loss".to_string(), loss),
            ("accuracy".to_string(), 1.0 - loss / 3.0),
        ])
    };
    for epoch in 1..=EPOCHS {
        let record = Epoch {
            epoch,
            step: epoch * STEPS,
            learning_rate: 0.1,
            train: metrics(epoch),
            valid: metrics(epoch),
            gradient_norm: 0.42,
            seconds: 1.1,
            examples_per_second: 54_545.5,
            ..Epoch::default()
        };
        writer.write(&Record::Epoch(record)).map_err(other)?;
    }
    let (last, best) = (metrics(EPOCHS), |(name, value)| {
        (name, Best { value, epoch: EPOCHS })
    });
    let end = End {
        status: Status::Finished,
        reason: None,
        epochs: EPOCHS,
        seconds: 140.0,
        peak_memory_bytes: Some(210_000_000),
        best: last.clone().into_iter().map(best).collect(),
        last,
        bands: Vec::new(),
    };
    writer.write(&Record::End(end)).map_err(other)
}
