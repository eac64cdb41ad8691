//! `runs import`

use crate::{output, printed, refused};
use anyhow::Result;
use d2l_log::Log;
use std::fs;
use std::path::Path;
use tempfile::tempdir;

/// Two steps with TensorBoard 2.21's own writer (tests/golden/make.py): `Loss/train` as PyTorch's SummaryWriter writes
/// it, `accuracy/val` as TensorFlow 2 does, a picture, and hyperparameters.
const GOLDEN: &[u8] = include_bytes!("../golden/import.tfevents");

fn file(runs: &Path, name: &str, content: impl AsRef<[u8]>) -> Result<String> {
    let path = runs.join(name);
    fs::write(&path, content)?;
    Ok(path.display().to_string())
}

#[test]
fn a_csv_stands_beside_our_runs() -> Result<()> {
    let runs = tempdir()?;
    let content = "epoch,train_loss,val_acc,note\n1,0.5,0.75,first\n2,0.25,0.875,\n";
    let csv = file(runs.path(), "torch.csv", content)?;
    let imported = output(
        runs.path(),
        &[
            "import",
            &csv,
            "--implementation",
            "pytorch",
            "--model",
            "mlp",
            "--seed",
            "3",
        ],
    )?;
    let text = String::from_utf8(imported.stdout)?;
    assert_eq!(
        text,
        "  train_loss is train.loss\n  val_acc is valid.accuracy\nimported/torch written, 2 epochs\n"
    );
    let warning = String::from_utf8(imported.stderr)?;
    assert_eq!(
        warning,
        "warning: column note has words: these are left out\n"
    );
    let log = Log::find(runs.path(), "torch")?;
    assert_eq!(
        (log.header.implementation.as_str(), log.header.seed),
        ("pytorch", 3)
    );
    assert_eq!(log.last("valid.accuracy"), Some(0.875));
    assert_eq!(log.best("train.loss").map(|best| best.epoch), Some(2));
    assert!(printed(runs.path(), &["list"])?.contains("imported/torch"));
    Ok(())
}

#[test]
fn json_lines_with_nested_names_are_read() -> Result<()> {
    let runs = tempdir()?;
    let content = "{\"it\":5,\"train\":{\"loss\":2.0},\"tag\":\"x\"}\n\n{\"it\":9,\"train\":{\"loss\":1.5},\"score\":7}\n";
    let lines = file(runs.path(), "log.jsonl", content)?;
    output(
        runs.path(),
        &[
            "import",
            &lines,
            "--name",
            "other",
            "--map",
            "it=step",
            "--map",
            "score=valid.bleu",
        ],
    )?;
    let log = Log::find(runs.path(), "imported/other")?;
    // The evaluation ends an epoch of two steps.
    let steps = log.steps.iter().map(|step| (step.step, step.loss));
    assert_eq!(steps.collect::<Vec<_>>(), [(5, 2.0), (9, 1.5)]);
    assert_eq!((log.epochs.len(), log.epochs[0].step), (1, 9));
    assert_eq!(log.last("train.loss"), Some(1.75));
    assert_eq!(log.last("valid.bleu"), Some(7.0));
    Ok(())
}

#[test]
fn a_loss_that_is_not_finite_is_read_by_its_name() -> Result<()> {
    let runs = tempdir()?;
    let content =
        "{\"epoch\":1,\"train\":{\"loss\":2.0}}\n{\"epoch\":2,\"train\":{\"loss\":\"NaN\"}}\n";
    let lines = file(runs.path(), "log.jsonl", content)?;
    output(runs.path(), &["import", &lines, "--name", "other"])?;
    let log = Log::find(runs.path(), "imported/other")?;
    assert_eq!(log.epochs.len(), 2);
    assert!(log.last("train.loss").is_some_and(f64::is_nan));
    Ok(())
}

#[test]
fn an_event_file_of_tensorboard_is_read_with_its_hyperparameters() -> Result<()> {
    let runs = tempdir()?;
    fs::create_dir(runs.path().join("lightning"))?;
    let events = file(runs.path(), "lightning/events.out.tfevents.1.host", GOLDEN)?;
    let imported = output(runs.path(), &["import", &events])?;
    let warnings = String::from_utf8(imported.stderr)?;
    assert!(
        warnings.contains("1 values that are no numbers"),
        "{warnings}"
    );
    let log = Log::find(runs.path(), "imported/lightning")?;
    let curve = |metric: &str| {
        log.epochs
            .iter()
            .filter_map(|epoch| epoch.metric(metric))
            .collect::<Vec<_>>()
    };
    assert_eq!(curve("train.loss"), [0.5, 0.1]);
    assert_eq!(curve("valid.accuracy"), [0.75, 0.875]);
    assert_eq!(log.epochs[1].step, 200);
    assert_eq!(log.epochs[1].seconds, 2.5);
    assert_eq!(log.header.recipe["optimizer"], "adam");
    assert_eq!(log.header.started, "2026-01-01T00:00:00Z");
    Ok(())
}

#[test]
fn an_event_file_that_is_still_written_is_read_as_far_as_it_goes() -> Result<()> {
    let runs = tempdir()?;
    let cut = &GOLDEN[..GOLDEN.len() - 3];
    let events = file(runs.path(), "events.out.tfevents.2", cut)?;
    let imported = output(runs.path(), &["import", &events, "--name", "cut"])?;
    assert!(String::from_utf8(imported.stderr)?.contains("the last record is cut"));
    assert_eq!(Log::find(runs.path(), "cut")?.epochs.len(), 2);
    Ok(())
}

#[test]
fn a_folder_of_burn_is_read() -> Result<()> {
    let runs = tempdir()?;
    let folder = runs.path().join("burn-mnist");
    for (file, content) in [
        ("train/epoch-1/Loss.log", "2.0,64\n1.0,64\n"),
        ("train/epoch-2/Loss.log", "0.5,64\n"),
        ("valid/epoch-1/Accuracy.log", "0.75,3\n0.25,1\n"),
        ("valid/epoch-2/Accuracy.log", "0.875,4\n"),
    ] {
        let path = folder.join(file);
        fs::create_dir_all(path.parent().unwrap_or(&folder))?;
        fs::write(path, content)?;
    }
    output(
        runs.path(),
        &[
            "import",
            &folder.display().to_string(),
            "--implementation",
            "burn",
        ],
    )?;
    let log = Log::find(runs.path(), "imported/burn-mnist")?;
    let curve = |metric: &str| {
        log.epochs
            .iter()
            .filter_map(|epoch| epoch.metric(metric))
            .collect::<Vec<_>>()
    };
    assert_eq!(curve("train.loss"), [1.5, 0.5]);
    assert_eq!(curve("valid.accuracy"), [0.625, 0.875]);
    Ok(())
}

#[test]
fn the_steps_of_a_csv_are_a_curve_of_their_own() -> Result<()> {
    let runs = tempdir()?;
    let content =
        "epoch,step,lr,train_loss,val_loss\n0,10,0.1,4,\n0,20,0.1,2,\n0,20,,,3\n1,30,0.05,1,\n";
    let csv = file(runs.path(), "steps.csv", content)?;
    let imported = output(runs.path(), &["import", &csv])?;
    let text = String::from_utf8(imported.stdout)?;
    assert!(
        text.ends_with("imported/steps written, 2 epochs, 3 steps\n"),
        "{text}"
    );
    let steps = Log::find(runs.path(), "imported/steps")?.steps;
    let steps = steps
        .iter()
        .map(|step| (step.epoch, step.step, step.learning_rate, step.loss));
    let wanted = [(1, 10, 0.1, 4.0), (1, 20, 0.1, 2.0), (2, 30, 0.05, 1.0)];
    assert_eq!(steps.collect::<Vec<_>>(), wanted);
    Ok(())
}

#[test]
fn a_clock_of_milliseconds_is_no_time_of_the_start() -> Result<()> {
    let runs = tempdir()?;
    let csv = file(runs.path(), "a.csv", "loss,timestamp\n1,1764500000000\n")?;
    output(runs.path(), &["import", &csv])?;
    let started = Log::find(runs.path(), "imported/a")?.header.started;
    assert!(started.starts_with("20"), "{started}");
    Ok(())
}

#[test]
fn what_is_no_log_is_refused_and_leaves_nothing() -> Result<()> {
    let runs = tempdir()?;
    let mut damaged = GOLDEN.to_vec();
    damaged[20] ^= 1;
    for (name, content, wanted) in [
        (
            "a.csv",
            &b"1,2\n3,4\n"[..],
            "wanted the names of the columns",
        ),
        ("b.csv", b"epoch,note\n1,x\n", "no column is a metric"),
        ("c.csv", b"", "holds no numbers"),
        ("d.jsonl", b"{\"loss\":1}\nnot json\n", "line 2"),
        ("e.jsonl", b"{\"kind\":\"run\"}\n", "copy its folder"),
        ("f.txt", b"1", "rename it"),
        ("g.tfevents", &damaged, "wrong checksum"),
        ("i.csv", b"epoch,loss\n-1,2\n", "column epoch: found -1"),
        ("h.csv", b"loss,train_loss\n1,2\n", "choose with --map"),
    ] {
        let path = file(runs.path(), name, content)?;
        let printed = output(runs.path(), &["import", &path, "--name", "bad"])?;
        let error = String::from_utf8(printed.stderr)?;
        assert_eq!(printed.status.code(), Some(1), "{name}: {error}");
        assert!(error.contains(wanted), "{name}: {error}");
        assert!(!runs.path().join("imported/bad").exists(), "{name}");
    }
    Ok(())
}

#[test]
fn no_run_is_replaced_and_no_name_leaves_the_folder() -> Result<()> {
    let runs = tempdir()?;
    let csv = file(runs.path(), "a.csv", "loss\n1\n")?;
    output(runs.path(), &["import", &csv])?;
    let again = output(runs.path(), &["import", &csv])?;
    assert_eq!(again.status.code(), Some(2));
    assert!(String::from_utf8(again.stderr)?.contains("exists: choose another --name"));
    for (flag, name) in [("--name", "../x"), ("--name", ".x"), ("--chapter", "a/b")] {
        let error = refused(runs.path(), &["import", &csv, flag, name], 2)?;
        assert!(error.contains("wanted letters"), "{error}");
    }
    let error = refused(
        runs.path(),
        &["import", &csv, "--name", "b", "--map", "loss"],
        2,
    )?;
    assert!(error.contains("wanted COLUMN=NAME"), "{error}");
    Ok(())
}
