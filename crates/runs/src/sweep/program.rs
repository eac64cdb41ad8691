//! The program that trains.

use super::{Args, stop};
use anyhow::{Context, Result, bail};
use d2l_command::{Interrupted, LANGUAGE_VARIABLE, usage};
use d2l_language::Language;
use d2l_log::{Header, Record};
use serde_json::Value;
use std::env;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// The exit code of a program that was asked to stop.
const INTERRUPTED: i32 = 130;
/// The exit code of a program that was called wrongly.
const WRONG_CALL: i32 = 2;

/// A chapter's program.
pub(crate) struct Program(PathBuf);

/// How a run ended.
pub(crate) enum Ended {
    Well,
    Interrupted,
    /// With this exit code or signal.
    Badly(String),
}

impl Program {
    /// The given program, or the package's, which cargo builds. The sweep then calls it directly, so that editing a
    /// source file in the meantime doesn't change the experiment.
    pub(crate) fn find(args: &Args) -> Result<Self> {
        match (&args.program, &args.package) {
            (Some(file), _) if file.is_file() => Ok(Self(file.clone())),
            (Some(file), _) => usage!("--program {}: no such file", file.display()),
            (None, Some(package)) => build(package, args.features.as_deref()).map(Self),
            (None, None) => usage!("wanted --package, the chapter's"),
        }
    }

    pub(crate) fn shown(&self) -> String {
        self.0.display().to_string()
    }

    /// The headers that a call with `--dry-run` prints.
    pub(crate) fn headers(&self, call: &[String]) -> Result<Vec<Header>> {
        let at = || format!("{} not started", self.shown());
        // Its errors are made ours, and translated where we show them.
        let output = Command::new(&self.0)
            .args(call)
            .env(LANGUAGE_VARIABLE, Language::English.name())
            .output()
            .with_context(at)?;
        if stop::is_requested() {
            return Err(Interrupted::default().into());
        }
        if !output.status.success() {
            let error = String::from_utf8_lossy(&output.stderr);
            let error = error.lines().find_map(|line| line.strip_prefix("error: "));
            let error = error.unwrap_or("it gives no reason");
            if output.status.code() == Some(WRONG_CALL) {
                usage!("{error}");
            }
            bail!("{error}");
        }
        let printed = String::from_utf8_lossy(&output.stdout);
        let headers = printed
            .lines()
            .filter_map(|line| match serde_json::from_str(line) {
                Ok(Record::Run(header)) => Some(header),
                _ => None,
            });
        Ok(headers.collect())
    }

    /// Trains, with this terminal.
    pub(crate) fn train(&self, call: &[String]) -> Result<Ended> {
        let started = Command::new(&self.0)
            .args(call)
            .env(LANGUAGE_VARIABLE, d2l_language::current().name())
            .spawn();
        let mut child = started.with_context(|| format!("{} not started", self.shown()))?;
        let status = stop::wait(&mut child)?;
        Ok(match status.code() {
            Some(0) if !stop::is_requested() => Ended::Well,
            Some(0 | INTERRUPTED) => Ended::Interrupted,
            _ if stop::is_requested() => Ended::Interrupted,
            _ => Ended::Badly(status.to_string()),
        })
    }
}

/// Builds a package and returns its program.
fn build(package: &str, features: Option<&str>) -> Result<PathBuf> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--package", package, "--bins"]);
    command.args(["--message-format", "json-render-diagnostics"]);
    command.args(
        features
            .iter()
            .flat_map(|features| ["--features", *features]),
    );
    let output = command.stderr(Stdio::inherit()).output().context(
        "cargo not started; wanted it on the PATH, or --program with a program that is built",
    )?;
    if stop::is_requested() {
        return Err(Interrupted::default().into());
    }
    if !output.status.success() {
        usage!("--package {package}: cargo did not build it");
    }
    // One message for each compiled target; those of programs have an `executable`.
    let messages = String::from_utf8_lossy(&output.stdout);
    let messages = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let programs = messages.filter_map(|message| {
        let name = message.get("target")?.get("name")?.as_str()?.to_string();
        Some((name, message.get("executable")?.as_str()?.to_string()))
    });
    let programs: Vec<(String, String)> = programs.collect();
    match programs.iter().find(|(name, _)| name == package) {
        Some((_, file)) => Ok(file.into()),
        None => usage!("--package {package}: it has no program of this name; wanted a chapter"),
    }
}
