//! A run that was stopped or killed and then resumed ends like an uninterrupted one: one module per idea.

mod checks;
mod folders;
mod going_on;

use std::io::{BufRead, BufReader};
use std::process::{Child, Command};

use anyhow::{Context, Result, ensure};

use crate::support::Desk;

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

/// A short run that is finished.
const SHORT: [&str; 7] = [
    "mlp",
    "--epochs",
    "2",
    "--data",
    "builtin",
    "--examples",
    "500",
];

/// The program's error, where it ends with `code`.
fn refused(desk: &Desk, arguments: &[&str], code: i32) -> Result<String> {
    let output = desk.run("mlp", arguments)?;
    let stderr = String::from_utf8(output.stderr)?;
    ensure!(
        output.status.code() == Some(code),
        "{arguments:?}: {}: {stderr}",
        output.status
    );
    ensure!(stderr.lines().count() == 1, "one line: {stderr}");
    Ok(stderr)
}
