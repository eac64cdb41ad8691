//! A run that was stopped or killed and then resumed ends like an uninterrupted one.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command};

use anyhow::{Context, Result, ensure};

use crate::support::{Desk, assert_equal_runs, log};

const FLAGS: [&str; 9] = [
    "mlp",
    "--epochs",
    "4",
    "--data",
    "builtin",
    "--momentum",
    "0.9",
    "--num-hiddens",
    "64",
];

/// Starts training and returns once the second epoch's line is printed.
fn train_until_second_epoch(desk: &Desk, name: &str, more: &[&str]) -> Result<Child> {
    let mut child = desk
        .command("mlp", &[&FLAGS[..], &["--name", name], more].concat())
        .spawn()?;
    let stdout = child.stdout.take().context("stdout is piped")?;
    let mut seen = false;
    for line in BufReader::new(stdout).lines() {
        seen |= line?.trim_start().starts_with("2/4");
        if seen {
            break;
        }
    }
    ensure!(seen, "the second epoch was never reported");
    Ok(child)
}

fn signal(child: &Child, name: &str) -> Result<()> {
    let sent = Command::new("kill")
        .args([name, &child.id().to_string()])
        .status()?;
    ensure!(sent.success(), "kill {name}");
    Ok(())
}

#[test]
#[cfg(unix)]
fn an_interrupted_run_goes_on_where_it_stopped() -> Result<()> {
    go_on_after_ctrl_c(&[])
}

/// The checkpoint holds accumulated gradients, whose step ends the epoch.
#[test]
#[cfg(unix)]
fn an_interrupted_accumulation_goes_on_where_it_stopped() -> Result<()> {
    go_on_after_ctrl_c(&["--accumulate", "1000"])
}

#[cfg(unix)]
fn go_on_after_ctrl_c(more: &[&str]) -> Result<()> {
    let flags = [&FLAGS[..], more].concat();
    let desk = Desk::new()?;
    let whole = desk.train("mlp", "whole", &flags)?;

    let child = train_until_second_epoch(&desk, "stopped", more)?;
    signal(&child, "-INT")?;
    let output = child.wait_with_output()?;
    ensure!(output.status.code() == Some(130), "{}", output.status);
    let stderr = String::from_utf8(output.stderr)?;
    ensure!(stderr.contains("--resume"), "{stderr}");
    let stopped = desk.run_folder("mlp", "stopped");
    let end = log(&stopped)?.end.context("an interrupted log is closed")?;
    ensure!(
        end.status == d2l_log::Status::Interrupted,
        "{:?}",
        end.status
    );

    desk.train("mlp", "stopped", &[&flags[..], &["--resume"]].concat())?;
    assert_equal_runs(&whole, &stopped)
}

#[test]
#[cfg(unix)]
fn a_killed_run_goes_on_from_its_last_checkpoint() -> Result<()> {
    let desk = Desk::new()?;
    let whole = desk.train("mlp", "whole", &FLAGS)?;

    let mut child = train_until_second_epoch(&desk, "killed", &[])?;
    signal(&child, "-KILL")?;
    child.wait()?;
    let killed = desk.run_folder("mlp", "killed");
    ensure!(log(&killed)?.end.is_none(), "a killed log has no end");
    // The log after a crash in the middle of a line.
    let log_file = killed.join("log.jsonl");
    let mut text = std::fs::read_to_string(&log_file)?;
    text.push_str("{\"kind\":\"epo");
    std::fs::write(&log_file, text)?;

    desk.train("mlp", "killed", &[&FLAGS[..], &["--resume"]].concat())?;
    assert_equal_runs(&whole, &killed)
}

#[test]
fn resuming_with_other_flags_is_refused() -> Result<()> {
    let desk = Desk::new()?;
    let flags = [
        "--epochs",
        "2",
        "--name",
        "run",
        "--data",
        "builtin",
        "--examples",
        "500",
    ];
    desk.succeed("mlp", &flags)?;
    let output = desk.run(
        "mlp",
        &[&flags[..], &["--resume", "--learning-rate", "0.2"]].concat(),
    )?;
    ensure!(output.status.code() == Some(2), "{}", output.status);
    let stderr = String::from_utf8(output.stderr)?;
    ensure!(
        stderr.contains("learning_rate was 0.1 and is now 0.2"),
        "{stderr}"
    );
    Ok(())
}

#[test]
#[cfg(unix)]
fn a_cross_validation_goes_on_in_the_fold_where_it_was_killed() -> Result<()> {
    let flags = ["house-price", "--preset", "zh", "--data", "builtin"];
    let flags = [&flags[..], &["--epochs", "60", "--patience", "40"]].concat();
    let desk = Desk::new()?;
    let whole = desk.train("mlp", "whole", &flags)?;
    for (last_line, signal_name) in [("fold 1", "-KILL"), ("fold 3", "-KILL"), ("fold 4", "-INT")] {
        let name = format!("stopped-after-{}{signal_name}", last_line.replace(' ', "-"));
        let mut child = desk
            .command("mlp", &[&flags[..], &["--name", &name]].concat())
            .spawn()?;
        let stdout = child.stdout.take().context("stdout is piped")?;
        let seen = BufReader::new(stdout)
            .lines()
            .any(|line| line.is_ok_and(|line| line.trim_start().starts_with(last_line)));
        ensure!(seen, "{last_line} was never reported");
        signal(&child, signal_name)?;
        child.wait()?;
        let stopped = desk.run_folder("mlp", &name);
        desk.train("mlp", &name, &[&flags[..], &["--resume"]].concat())?;
        assert_equal_runs(&whole, &stopped)?;
        let predictions = |run: &std::path::Path| std::fs::read(run.join("submission.csv"));
        ensure!(predictions(&whole)? == predictions(&stopped)?, "{name}");
    }
    Ok(())
}
