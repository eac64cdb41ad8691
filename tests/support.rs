//! Running the workspace's programs as a reader does, each in a temporary folder.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use anyhow::{Context, Result, ensure};
use d2l::Chapter;
use d2l_log::Log;
use tempfile::TempDir;

/// The chapters. Tests of all chapters take them from here.
pub fn chapters() -> [Chapter; 7] {
    [
        linear_regression::chapter(),
        softmax_regression::chapter(),
        mlp::chapter(),
        convolutional::chapter(),
        recurrent::chapter(),
        attention::chapter(),
        transformer::chapter(),
    ]
}

/// The chapters' programs, each with an implementation of its first model.
pub fn implementations() -> Vec<(&'static str, String)> {
    let mut all = Vec::new();
    for chapter in chapters() {
        let experiments = chapter
            .models
            .iter()
            .take(1)
            .flat_map(|model| &model.experiments);
        for one in experiments {
            let pair = (chapter.name, one.implementation.to_string());
            if !all.contains(&pair) {
                all.push(pair);
            }
        }
    }
    all
}

/// The names of the chapters' programs.
pub fn programs() -> [&'static str; 7] {
    chapters().map(|chapter| chapter.name)
}

/// The workspace's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests/ lies in the root")
        .to_path_buf()
}

/// The program `name`, or `examples/name`. Builds it if necessary: `cargo test` doesn't build other packages' programs.
pub fn program(name: &str) -> PathBuf {
    static CHAPTERS: OnceLock<PathBuf> = OnceLock::new();
    static RUNS: OnceLock<PathBuf> = OnceLock::new();
    let folder = match name {
        // No default member, so that its features stay away from the chapters'.
        "runs" => RUNS.get_or_init(|| built(&["--package", "runs"])),
        _ => CHAPTERS.get_or_init(|| built(&["--bins", "--examples"])),
    };
    folder.join(name)
}

/// Builds what `selection` selects, and returns the folder of the programs.
fn built(selection: &[&str]) -> PathBuf {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["build", "--quiet"])
        .args(selection)
        .current_dir(root())
        .status()
        .expect("cargo can be started");
    assert!(status.success(), "the programs build");
    let test = std::env::current_exe().expect("a test knows its own path");
    test.ancestors()
        .nth(2)
        .expect("tests lie in target/debug/deps")
        .to_path_buf()
}

/// A reader's folder: runs go to `runs/` in it, and there is no data set.
pub struct Desk {
    folder: TempDir,
}

impl Desk {
    pub fn new() -> Result<Self> {
        Ok(Self { folder: tempfile::tempdir()? })
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The program with these arguments, not yet started.
    pub fn command(&self, name: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program(name));
        command
            .args(arguments)
            .current_dir(self.path())
            .env_remove("D2L_DATA")
            .env_remove("D2L_RUNS")
            .env_remove("RUST_BACKTRACE")
            .env("D2L_LANG", "en")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub fn run(&self, name: &str, arguments: &[&str]) -> Result<Output> {
        self.command(name, arguments)
            .output()
            .with_context(|| format!("{name} {arguments:?}"))
    }

    /// Runs a program that must succeed, and returns its stdout.
    pub fn succeed(&self, name: &str, arguments: &[&str]) -> Result<String> {
        let output = self.run(name, arguments)?;
        ensure!(
            output.status.success(),
            "{name} {arguments:?}: {}\n{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Trains a run named `name` and returns its folder.
    pub fn train(&self, chapter: &str, name: &str, arguments: &[&str]) -> Result<PathBuf> {
        self.succeed(chapter, &[&["--name", name, "--quiet"], arguments].concat())?;
        Ok(self.run_folder(chapter, name))
    }

    pub fn run_folder(&self, chapter: &str, name: &str) -> PathBuf {
        self.path().join("runs").join(chapter).join(name)
    }
}

/// The log without the fields in which two equal runs may differ: times, speeds, memory, threads, and whether a run was
/// lengthened.
pub fn comparable(folder: &Path) -> Result<Vec<serde_json::Value>> {
    let text = std::fs::read_to_string(folder.join("log.jsonl"))?;
    let mut lines = Vec::new();
    for line in text.lines() {
        let mut value: serde_json::Value = serde_json::from_str(line)?;
        let object = value.as_object_mut().context("a line is an object")?;
        for key in [
            "started",
            "lengthened",
            "threads",
            "seconds",
            "examples_per_second",
            "peak_memory_bytes",
        ] {
            object.remove(key);
        }
        lines.push(value);
    }
    Ok(lines)
}

/// Asserts that two runs have the same log and the same parameters, bit for bit.
pub fn assert_equal_runs(one: &Path, other: &Path) -> Result<()> {
    let (log, other_log) = (comparable(one)?, comparable(other)?);
    ensure!(log.len() > 2, "a log without epochs compares nothing");
    ensure!(log == other_log, "logs differ:\n{log:#?}\n{other_log:#?}");
    let model = |folder: &Path| std::fs::read(folder.join("model.safetensors"));
    ensure!(
        model(one)? == model(other)?,
        "parameters of {} and {} differ",
        one.display(),
        other.display()
    );
    Ok(())
}

/// The log of a run's folder.
pub fn log(folder: &Path) -> Result<Log> {
    Log::read(folder)
}
