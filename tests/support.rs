//! Running the workspace's programs as a reader does, in a folder of their own.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use anyhow::{Context, Result, ensure};
use d2l_log::Log;
use tempfile::TempDir;

/// The chapters whose programs take the shared flags.
pub const CHAPTERS: [&str; 5] = [
    "linear-regression",
    "softmax-regression",
    "mlp",
    "convolutional",
    "recurrent",
];
pub const IMPLEMENTATIONS: [&str; 2] = ["scratch", "concise"];

/// The model that a chapter's program trains without `--model`.
pub fn default_model(chapter: &str) -> &str {
    match chapter {
        "convolutional" => "lenet",
        "recurrent" => "rnn",
        chapter => chapter,
    }
}

/// The workspace's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests/ lies in the root")
        .to_path_buf()
}

/// The program `name`, built if need be: `cargo test` alone doesn't build the programs of other packages.
pub fn program(name: &str) -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let built = Command::new(cargo)
            .args(["build", "--quiet", "--bins"])
            .current_dir(root())
            .status()
            .expect("cargo can be started");
        assert!(built.success(), "the programs build");
        let test = std::env::current_exe().expect("a test knows its own path");
        test.ancestors()
            .nth(2)
            .expect("tests lie in target/debug/deps")
            .to_path_buf()
    });
    folder.join(name)
}

/// A reader's folder: runs go to `runs/` in it, and there is no data set.
pub struct Desk {
    folder: TempDir,
}

impl Desk {
    pub fn new() -> Result<Self> {
        Ok(Self {
            folder: tempfile::tempdir()?,
        })
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

    /// Runs a program that must succeed; its stdout.
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

/// The log with everything taken out that two equal runs may differ in: times, speeds, memory, threads, name.
pub fn comparable(folder: &Path) -> Result<Vec<serde_json::Value>> {
    let text = std::fs::read_to_string(folder.join("log.jsonl"))?;
    let mut lines = Vec::new();
    for line in text.lines() {
        let mut value: serde_json::Value = serde_json::from_str(line)?;
        let object = value.as_object_mut().context("a line is an object")?;
        for key in [
            "started",
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
