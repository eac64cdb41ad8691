//! A chapter's program as its tests call it, and the log that it leaves.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

/// The program at `path` with these arguments, in `folder`: in English, and with no other folder for data and runs,
/// whatever the environment of the tests says.
pub fn program(path: &str, folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(path);
    command
        .args(arguments)
        .current_dir(folder)
        .env("D2L_LANG", "en")
        .env_remove("D2L_DATA")
        .env_remove("D2L_RUNS");
    command
}

/// The log of a run, line by line, from the run's folder.
pub fn log_of(run: &Path) -> Result<Vec<Value>> {
    let text = std::fs::read_to_string(run.join("log.jsonl")).context(run.display().to_string())?;
    let lines = text.lines().map(|line| Ok(serde_json::from_str(line)?));
    lines.collect()
}
