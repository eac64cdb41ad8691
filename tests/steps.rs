//! `--log-every N`: the log has lines for steps too, and everything else stays as it is.

use anyhow::{Context, Result, ensure};

use crate::support::{Desk, assert_equal_runs, comparable, log};

const TWO_EPOCHS: [&str; 2] = ["--epochs", "2"];
/// Three minibatches an epoch.
const FLAGS: [&str; 7] = [
    "mlp",
    "--data",
    "builtin",
    "--examples",
    "300",
    "--batch-size",
    "100",
];

#[test]
fn every_nth_step_has_a_line() -> Result<()> {
    let desk = Desk::new()?;
    let train = |name: &str, more: &[&str]| {
        desk.train("mlp", name, &[&FLAGS[..], &TWO_EPOCHS, more].concat())
    };
    let (plain, two) = (train("plain", &[])?, train("two", &["--log-every", "2"])?);
    let lines = comparable(&two)?;
    let places: Vec<String> = lines
        .iter()
        .map(|line| {
            format!(
                "{} {}",
                line["kind"].as_str().unwrap_or_default(),
                line["step"]
            )
        })
        .collect();
    let wanted = [
        "run null", "step 2", "epoch 3", "step 4", "step 6", "epoch 6", "end null",
    ];
    ensure!(places == wanted, "{places:?}");
    let without_steps = lines.iter().filter(|line| line["kind"] != "step");
    ensure!(without_steps.cloned().collect::<Vec<_>>() == comparable(&plain)?);

    let one = train("one", &["--log-every", "1", "--threads", "1"])?;
    let steps = log(&one)?.steps;
    let losses: Vec<f64> = steps.iter().take(3).map(|step| step.loss).collect();
    let mean = losses.iter().sum::<f64>() / 3.0;
    let epoch = log(&plain)?.epochs[0].train["loss"];
    ensure!(
        (mean - epoch).abs() < 1e-6,
        "{losses:?}, mean {mean}, the epoch's {epoch}"
    );
    ensure!(
        steps
            .iter()
            .all(|step| step.learning_rate == 0.1 && step.fold.is_none())
    );
    assert_equal_runs(
        &one,
        &train("again", &["--log-every", "1", "--threads", "2"])?,
    )
}

#[test]
fn a_resumed_run_goes_on_with_its_steps() -> Result<()> {
    let desk = Desk::new()?;
    let flags = [&FLAGS[..], &["--log-every", "2"]].concat();
    let whole = desk.train("mlp", "whole", &[&flags[..], &TWO_EPOCHS].concat())?;
    let stopped = |name: &str| -> Result<std::path::PathBuf> {
        let every = ["--checkpoint-every", "1steps"];
        let folder = desk.train(
            "mlp",
            name,
            &[&flags[..], &every, &["--epochs", "1"]].concat(),
        )?;
        // As after a kill within the second epoch: a step that the checkpoint doesn't know, and half a line.
        let file = folder.join("log.jsonl");
        let text = std::fs::read_to_string(&file)?;
        let step = r#"{"kind":"step","step":4,"epoch":2,"learning_rate":0.1,"loss":9.0}"#;
        let lines = text
            .lines()
            .filter(|line| !line.contains(r#""kind":"end""#));
        let lines: Vec<&str> = lines.chain([step, r#"{"kind":"st"#]).collect();
        std::fs::write(&file, lines.join("\n"))?;
        Ok(folder)
    };
    for (name, more) in [("same", &["--log-every", "2"][..]), ("absent", &[])] {
        let folder = stopped(name)?;
        let call = [&FLAGS[..], &TWO_EPOCHS, more, &["--resume"]].concat();
        desk.train("mlp", name, &call)?;
        assert_equal_runs(&whole, &folder).context(name)?;
    }
    let folder = stopped("other")?;
    let before = std::fs::read(folder.join("log.jsonl"))?;
    let call = [
        &FLAGS[..],
        &TWO_EPOCHS,
        &["--name", "other", "--resume", "--log-every", "5"],
    ]
    .concat();
    let output = desk.run("mlp", &call)?;
    let stderr = String::from_utf8(output.stderr)?;
    ensure!(output.status.code() == Some(2), "{stderr}");
    ensure!(
        stderr.contains("the run was started with --log-every 2"),
        "{stderr}"
    );
    ensure!(
        std::fs::read(folder.join("log.jsonl"))? == before,
        "a refusal changes nothing"
    );
    Ok(())
}

#[test]
fn a_log_that_would_be_too_long_is_refused() -> Result<()> {
    let desk = Desk::new()?;
    let call = [
        &FLAGS[..],
        &["--log-every", "2", "--epochs", "100000", "--name", "long"],
    ]
    .concat();
    let output = desk.run("mlp", &call)?;
    let stderr = String::from_utf8(output.stderr)?;
    ensure!(output.status.code() == Some(2), "{stderr}");
    ensure!(stderr.contains("wanted --log-every 15 or more"), "{stderr}");
    ensure!(
        !desk.run_folder("mlp", "long").exists(),
        "nothing is left behind"
    );
    Ok(())
}

/// The step that made the loss something else than a number is in the log, as JSON.
#[test]
fn a_run_that_diverges_logs_the_step() -> Result<()> {
    let desk = Desk::new()?;
    let more = [
        "--log-every",
        "1",
        "--learning-rate",
        "1e30",
        "--name",
        "diverged",
    ];
    let output = desk.run("mlp", &[&FLAGS[..], &more].concat())?;
    ensure!(output.status.code() == Some(1));
    let lines = comparable(&desk.run_folder("mlp", "diverged"))?;
    let last = lines
        .iter()
        .rfind(|line| line["kind"] == "step")
        .context("a step")?;
    ensure!(last["loss"].as_str().is_some(), "{last}");
    Ok(())
}

#[test]
fn a_fold_is_named_in_its_steps() -> Result<()> {
    let desk = Desk::new()?;
    let flags = [
        "house-price",
        "--epochs",
        "1",
        "--data",
        "builtin",
        "--log-every",
        "1",
    ];
    let steps = log(&desk.train("mlp", "folds", &flags)?)?.steps;
    let folds: std::collections::BTreeSet<_> = steps.iter().map(|step| step.fold).collect();
    ensure!(
        folds.contains(&Some(1)) && folds.contains(&Some(2)),
        "{folds:?}"
    );
    Ok(())
}
