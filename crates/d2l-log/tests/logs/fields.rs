//! A run's values by name.

use crate::{end, epoch, header, records, run_in};
use anyhow::Result;
use d2l_log::{Log, Record, check_field};
use serde_json::{Value, json};
use tempfile::tempdir;

#[test]
fn every_value_of_a_run_has_a_name() -> Result<()> {
    let runs = tempdir()?;
    let log = Log::read(&run_in(runs.path(), "mlp/first", &records())?)?;
    let fields = log.fields();
    for (name, wanted) in [
        ("run", json!("mlp/first")),
        ("chapter", json!("mlp")),
        ("seed", json!(u64::MAX)),
        ("recipe.learning_rate", json!(0.1)),
        ("recipe.clip_norm", Value::Null),
        ("recipe.optimizer.momentum", json!(0.9)),
        ("data.source", json!("real")),
        ("status", json!("finished")),
        ("epochs", json!(2)),
        ("seconds", json!(9.7)),
        ("peak_memory_bytes", json!(210_000_000)),
        ("examples_per_second", json!(19300.0)),
        ("train.loss", json!(0.5)),
        ("valid.accuracy", json!(0.81)),
        ("best.valid.accuracy", json!(0.81)),
        ("error.bias", json!(0.01)),
        ("gradient_norm", json!(0.42)),
    ] {
        assert_eq!(fields.get(name), Some(&wanted), "{name}");
    }
    assert!(!fields.contains_key("best.gradient_norm") && !fields.contains_key("kind"));
    Ok(())
}

#[test]
fn a_run_that_diverged_has_named_numbers() -> Result<()> {
    let runs = tempdir()?;
    let records = [
        Record::Run(header()),
        Record::Epoch(epoch(1, f64::NAN, 0.5)),
    ];
    let log = Log::read(&run_in(runs.path(), "mlp/first", &records)?)?;
    let fields = log.fields();
    assert_eq!(fields.get("train.loss"), Some(&json!("NaN")));
    assert_eq!(fields.get("status"), Some(&json!("running")));
    Ok(())
}

#[test]
fn an_unknown_field_suggests_the_nearest() -> Result<()> {
    let runs = tempdir()?;
    let records = [Record::Run(header()), Record::End(end(0))];
    let fields = Log::read(&run_in(runs.path(), "mlp/first", &records)?)?.fields();
    check_field("recipe.learning_rate", [&fields])?;
    check_field("anything", [])?;
    let error = check_field("learning_rate", [&fields]).expect_err("an unknown field");
    let wanted = "no run has a field learning_rate; nearest: recipe.learning_rate, ";
    assert!(error.to_string().starts_with(wanted), "{error}");
    Ok(())
}
