//! Loops of other kinds than `d2l::fit` (`crates/d2l/examples/loops`): killed and resumed, they end like uninterrupted
//! ones.

use std::io::{BufRead, BufReader};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::support::{Desk, assert_equal_runs, log};

const PROGRAM: &str = "examples/loops";

/// Kills a run of `model` at several places, resumes it each time, and compares it with an uninterrupted one.
fn survives(model: &str, metrics: &[&str]) -> Result<()> {
    let desk = Desk::new()?;
    let call = |name: &'static str| [model, "--epochs", "100", "--name", name];
    desk.succeed(PROGRAM, &[&call("whole")[..], &["--quiet"]].concat())?;
    let whole = desk.run_folder("loops", "whole");
    for metric in metrics {
        let values = log(&whole)?.epochs.into_iter();
        let values: Vec<f64> = values.filter_map(|epoch| epoch.metric(metric)).collect();
        ensure!(values.len() == 100, "{model} logs no {metric}");
        ensure!(
            values[0] != values[99],
            "{model}: {metric} stays {}",
            values[0]
        );
    }
    let mut resumed = false;
    for (line, signal) in [("10/100", "-KILL"), ("40/100", "-INT"), ("70/100", "-KILL")] {
        let more: &[&str] = if resumed { &["--resume"] } else { &[] };
        let call = [&call("stopped")[..], more].concat();
        let mut child = desk.command(PROGRAM, &call).spawn()?;
        let stdout = child.stdout.take().context("stdout is piped")?;
        let mut lines = BufReader::new(stdout).lines();
        let seen = lines.any(|text| text.is_ok_and(|text| text.trim_start().starts_with(line)));
        ensure!(seen, "{model}: {line} was never reported");
        let sent = Command::new("kill")
            .args([signal, &child.id().to_string()])
            .status()?;
        ensure!(sent.success(), "kill {signal}");
        child.wait()?;
        resumed = true;
    }
    let end = [&call("stopped")[..], &["--resume", "--quiet"]].concat();
    desk.succeed(PROGRAM, &end)?;
    assert_equal_runs(&whole, &desk.run_folder("loops", "stopped"))
}

#[test]
#[cfg(unix)]
fn two_optimizers_in_turn_go_on_where_they_were_killed() -> Result<()> {
    survives("adversarial", &["train.loss", "train.generator_loss"])
}

#[test]
#[cfg(unix)]
fn a_run_without_a_data_set_goes_on_where_it_was_killed() -> Result<()> {
    survives("walk", &["train.reward"])
}

#[test]
#[cfg(unix)]
fn a_task_of_several_losses_goes_on_where_it_was_killed() -> Result<()> {
    survives(
        "two-heads",
        &["train.sum_loss", "train.sign_loss", "valid.loss"],
    )
}

#[test]
fn an_environments_log_names_no_data_set() -> Result<()> {
    let desk = Desk::new()?;
    desk.succeed(
        PROGRAM,
        &["walk", "--epochs", "1", "--name", "one", "--quiet"],
    )?;
    ensure!(log(&desk.run_folder("loops", "one"))?.header.data.is_none());
    Ok(())
}
