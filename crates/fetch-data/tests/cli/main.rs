//! The command as its users see it, with servers on the loopback that behave well or badly.

mod fetching;
mod folders;
#[cfg(feature = "candle-datasets")]
mod hub;
mod interrupted;
mod refused;
mod server;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

/// An empty folder in which the command is called.
struct Desk(TempDir);

impl Desk {
    fn new() -> Result<Self> {
        Ok(Self(tempfile::tempdir()?))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes the list of sets that `--manifest` takes in `run`.
    fn list(&self, sets: &[String]) -> Result<()> {
        Ok(std::fs::write(self.path("list.toml"), sets.concat())?)
    }

    /// Calls the command with the list of this desk, without the environment's settings.
    fn run(&self, arguments: &[&str]) -> Result<Output> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fetch-data"));
        command.env("D2L_LANG", "en");
        command.current_dir(&self.0).args(arguments);
        if self.path("list.toml").exists() {
            command.args(["--manifest", "list.toml"]);
        }
        for name in [
            "D2L_DATA",
            "HF_TOKEN",
            "HF_HUB_CACHE",
            "HUGGINGFACE_HUB_CACHE",
        ] {
            command.env_remove(name);
        }
        command
            .env("NO_PROXY", "*")
            .env("HF_HOME", self.path("hub"));
        // Nothing listens there, so a call that asks the Hub without another address fails, with or without a network.
        command.env("HF_ENDPOINT", self.endpoint());
        Ok(command.output()?)
    }

    fn endpoint(&self) -> String {
        let told = std::fs::read_to_string(self.path("endpoint"));
        told.unwrap_or("http://127.0.0.1:9".to_string())
    }

    /// The output of a call that must succeed with nothing on stderr.
    fn succeed(&self, arguments: &[&str]) -> Result<String> {
        let output = self.run(arguments)?;
        let stderr = String::from_utf8(output.stderr)?;
        let call = arguments.join(" ");
        ensure!(
            output.status.success() && stderr.is_empty(),
            "{call}: {}\n{stderr}",
            output.status
        );
        Ok(String::from_utf8(output.stdout)?)
    }

    /// The line on stderr of a call that must fail with `code`; it has all of `wanted`.
    fn refuse(&self, arguments: &[&str], code: i32, wanted: &[&str]) -> Result<String> {
        let output = self.run(arguments)?;
        let stderr = String::from_utf8(output.stderr)?;
        let call = arguments.join(" ");
        let status = output.status;
        ensure!(
            status.code() == Some(code),
            "{call}: {status}, wanted {code}\n{stderr}"
        );
        ensure!(
            stderr.lines().count() == 1,
            "{call}: wanted one line, found\n{stderr}"
        );
        ensure!(stderr.starts_with("error: "), "{call}: {stderr}");
        for word in wanted {
            ensure!(stderr.contains(word), "{call}: no {word:?} in {stderr}");
        }
        Ok(stderr)
    }

    /// Every file under the folder `data`, by its path in it.
    fn data(&self) -> Result<BTreeMap<String, Vec<u8>>> {
        let mut files = BTreeMap::new();
        collect(&self.path("data"), "", &mut files)?;
        Ok(files)
    }
}

fn collect(folder: &Path, prefix: &str, files: &mut BTreeMap<String, Vec<u8>>) -> Result<()> {
    if !folder.exists() {
        return Ok(());
    }
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().context("an entry has a name")?;
        let name = format!("{prefix}{}", name.to_string_lossy());
        if path.is_dir() {
            collect(&path, &format!("{name}/"), files)?;
        } else {
            files.insert(name, std::fs::read(path)?);
        }
    }
    Ok(())
}

/// A set of a list: its sources as TOML, its files as names and contents.
fn set(name: &str, sources: &[String], files: &[(&str, &[u8])]) -> String {
    let file = |(name, content): &(&str, &[u8])| {
        let (bytes, sha256) = (content.len(), sha256(content));
        format!("{{ name = '{name}', bytes = {bytes}, sha256 = '{sha256}' }}")
    };
    let files: Vec<String> = files.iter().map(file).collect();
    format!(
        "[[set]]\nname = '{name}'\nwhat = 'a set'\nlicence = 'free'\nsources = [{}]\nfiles = [{}]\n",
        sources.join(", "),
        files.join(", ")
    )
}

fn files_at(address: &str) -> String {
    format!("{{ files = '{address}' }}")
}

fn sha256(content: &[u8]) -> String {
    format!("{:x}", Sha256::digest(content))
}

fn gzip(content: &[u8]) -> Result<Vec<u8>> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(content)?;
    Ok(encoder.finish()?)
}

/// Bytes that differ from place to place and hardly compress.
fn content(length: usize) -> Vec<u8> {
    (0..length as u64)
        .map(|i| (i.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u8)
        .collect()
}
