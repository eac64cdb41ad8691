//! Every line that a chapter writes follows `crates/d2l-log/schema.json`, which programs in other languages read.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use d2l_log::{End, Epoch, Metrics, Record, Status, Step};
use jsonschema::Validator;
use serde_json::{Value, json};

/// The workspace's root.
fn root() -> Result<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = here
        .ancestors()
        .nth(2)
        .context("tests/log-schema lies in the root")?;
    Ok(root.to_path_buf())
}

/// The schema. With `closed`, a key that it doesn't describe is an error too: it has to be kept up with the logs.
fn schema(closed: bool) -> Result<Validator> {
    let text = std::fs::read_to_string(root()?.join("crates/d2l-log/schema.json"))?;
    let mut schema: Value = serde_json::from_str(&text)?;
    ensure!(jsonschema::meta::is_valid(&schema), "no JSON Schema");
    for kind in ["run", "step", "end"].iter().filter(|_| closed) {
        schema["$defs"][kind]["additionalProperties"] = json!(false);
    }
    Ok(jsonschema::validator_for(&schema)?)
}

fn check(schema: &Validator, line: &Value) -> Result<()> {
    let errors: Vec<String> = schema
        .iter_errors(line)
        .map(|error| error.to_string())
        .collect();
    ensure!(errors.is_empty(), "{line}: {}", errors.join("; "));
    Ok(())
}

/// The programs of the chapters, as their packages are called, built.
fn programs() -> Result<Vec<PathBuf>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let build = ["build", "--quiet", "--bins"];
    let built = Command::new(cargo)
        .args(build)
        .current_dir(root()?)
        .status()?;
    ensure!(built.success(), "the programs don't build");
    let test = std::env::current_exe()?;
    let folder = test
        .ancestors()
        .nth(2)
        .context("tests lie in target/debug/deps")?;
    let mut programs = Vec::new();
    for entry in std::fs::read_dir(root()?.join("crates"))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if let Some((number, package)) = name.split_once('-')
            && number.parse::<u32>().is_ok()
        {
            programs.push(folder.join(package));
        }
    }
    ensure!(
        programs.len() >= 7,
        "only {programs:?} found: the search is broken"
    );
    Ok(programs)
}

#[test]
fn every_line_of_every_chapter_follows_the_schema() -> Result<()> {
    let (desk, schema) = (tempfile::tempdir()?, schema(true)?);
    let flags = [
        "--epochs",
        "2",
        "--data",
        "builtin",
        "--examples",
        "300",
        "--log-every",
        "2",
    ];
    for program in programs()? {
        let output = Command::new(&program)
            .args(flags)
            .args(["--name", "run", "--quiet"])
            .current_dir(desk.path())
            .env_remove("D2L_DATA")
            .env_remove("D2L_RUNS")
            .output()?;
        let shown = program.display();
        ensure!(
            output.status.success(),
            "{shown}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        let chapter = program.file_name().context("a program has a name")?;
        let log = desk.path().join("runs").join(chapter).join("run/log.jsonl");
        let mut kinds = std::collections::BTreeSet::new();
        for line in std::fs::read_to_string(log)?.lines() {
            let line: Value = serde_json::from_str(line)?;
            check(&schema, &line).with_context(|| shown.to_string())?;
            kinds.insert(line["kind"].to_string());
        }
        ensure!(kinds.len() >= 3, "{shown}: only {kinds:?}");
    }
    Ok(())
}

#[test]
fn the_lines_that_the_readme_shows_follow_the_schema() -> Result<()> {
    let (schema, text) = (
        schema(true)?,
        std::fs::read_to_string(root()?.join("crates/d2l-log/README.md"))?,
    );
    let shown: Vec<&str> = text.lines().filter(|line| line.starts_with('{')).collect();
    ensure!(shown.len() == 4, "a line of each kind, found {shown:?}");
    shown
        .iter()
        .try_for_each(|line| check(&schema, &serde_json::from_str(line)?))
}

#[test]
fn what_is_rarely_written_follows_the_schema_too() -> Result<()> {
    let schema = schema(true)?;
    let (nan, infinite) = (f64::NAN, f64::INFINITY);
    let losses = |value: f64| Metrics::from([("loss".to_string(), value)]);
    let lines = [
        Record::Step(Step {
            step: 1,
            epoch: 1,
            fold: Some(2),
            learning_rate: 0.1,
            loss: nan,
        }),
        Record::Epoch(Epoch {
            fold: Some(1),
            train: losses(infinite),
            valid: losses(-infinite),
            more: [("train_after".to_string(), losses(0.5))].into(),
            gradient_norm: nan,
            ..Epoch::default()
        }),
        Record::End(End {
            status: Status::Failed,
            reason: Some("the loss is not finite".into()),
            epochs: 1,
            seconds: 0.5,
            peak_memory_bytes: None,
            last: losses(nan),
            best: [].into(),
            bands: Vec::new(),
        }),
    ];
    lines
        .iter()
        .try_for_each(|line| check(&schema, &serde_json::to_value(line)?))
}

#[test]
fn what_is_no_line_is_refused() -> Result<()> {
    let schema = schema(false)?;
    let line = serde_json::to_value(Record::Epoch(Epoch::default()))?;
    check(&schema, &line)?;
    let mut wrong = vec![json!({"kind": "novelty"}), json!(1), json!({})];
    for (key, value) in [
        ("gradient_norm", Value::Null),
        ("train", json!({"loss": "nan"})),
        ("epoch", json!(-1)),
        ("kind", json!("end")),
    ] {
        let mut line = line.clone();
        line[key] = value;
        wrong.push(line);
    }
    for line in wrong {
        ensure!(!schema.is_valid(&line), "{line}");
    }
    Ok(())
}
