//! The Rust version that the pages name is enough: no dependency asks for a newer one than the workspace states.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::support::root;

/// The package whose tests, and whose feature candle-datasets, bring crates that ask for a newer Rust.
const EXCEPTION: &str = "fetch-data";

/// What `cargo metadata` says of the workspace and of all its dependencies.
struct Graph(Value);

impl Graph {
    fn read() -> Result<Self> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let output = Command::new(cargo)
            .args(["metadata", "--format-version", "1", "--locked"])
            .current_dir(root())
            .output()?;
        let stderr = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "cargo metadata: {stderr}");
        Ok(Self(serde_json::from_slice(&output.stdout)?))
    }

    fn list(&self, pointer: &str) -> impl Iterator<Item = &Value> {
        let list = self.0.pointer(pointer).and_then(Value::as_array);
        list.into_iter().flatten()
    }

    fn package(&self, id: &str) -> Result<&Value> {
        let mut packages = self.list("/packages");
        packages
            .find(|package| package["id"] == id)
            .context(id.to_string())
    }

    /// The dependencies of each package by their ids; for tests alone, or for the program too.
    fn dependencies(&self, of_tests: bool) -> BTreeMap<&str, Vec<&str>> {
        let is_wanted = |dependency: &&Value| {
            let kinds = dependency["dep_kinds"].as_array().into_iter().flatten();
            of_tests || kinds.into_iter().any(|kind| kind["kind"] != "dev")
        };
        let nodes = self.list("/resolve/nodes").filter_map(|node| {
            let dependencies = node["deps"].as_array()?.iter().filter(is_wanted);
            let ids = dependencies.filter_map(|dependency| dependency["pkg"].as_str());
            Some((node["id"].as_str()?, ids.collect()))
        });
        nodes.collect()
    }

    /// The package that asks for the newest Rust of those that `member` is built from, and that version.
    fn newest(&self, member: &str, with_tests: bool) -> Result<([u32; 3], String)> {
        let mut newest = ([0; 3], "none".to_string());
        let dependencies = self.dependencies(with_tests);
        let (mut seen, mut open) = (BTreeSet::new(), vec![member]);
        while let Some(id) = open.pop() {
            if !seen.insert(id) {
                continue;
            }
            open.extend(dependencies.get(id).context("not resolved")?);
            let package = self.package(id)?;
            if let Some(wanted) = package["rust_version"].as_str() {
                newest = newest.max((version(wanted)?, package["name"].to_string()));
            }
        }
        ensure!(seen.len() > 1, "{member} has no dependencies");
        Ok(newest)
    }
}

/// `1.89` as `[1, 89, 0]`.
fn version(text: &str) -> Result<[u32; 3]> {
    let mut version = [0; 3];
    for (number, part) in version.iter_mut().zip(text.split('.')) {
        *number = part.parse().with_context(|| text.to_string())?;
    }
    Ok(version)
}

#[test]
fn no_dependency_asks_for_a_newer_rust_than_the_pages_name() -> Result<()> {
    let graph = Graph::read()?;
    let mut versions = BTreeSet::new();
    let mut of_exception = None;
    for member in graph.list("/workspace_members").filter_map(Value::as_str) {
        let package = graph.package(member)?;
        let name = package["name"].as_str().context("a name")?;
        let stated = package["rust_version"].as_str();
        let stated = stated.with_context(|| format!("{name} states no rust-version"))?;
        let (wanted, by) = graph.newest(member, name != EXCEPTION)?;
        ensure!(
            wanted <= version(stated)?,
            "{name}: found {by}, which asks for Rust {wanted:?}, wanted {stated} at most: take an older release of it"
        );
        versions.insert(stated);
        if name == EXCEPTION {
            of_exception = Some(graph.newest(member, true)?.0);
        }
    }
    let versions: Vec<&str> = versions.into_iter().collect();
    let [stated] = versions[..] else {
        anyhow::bail!("found {versions:?}, wanted one rust-version");
    };
    let [major, minor, _] = of_exception.context("the exception is no package any more")?;
    ensure!(
        [major, minor, 0] > version(stated)?,
        "{EXCEPTION} is no exception any more"
    );
    for (page, wanted) in [
        ("README.md", stated.to_string()),
        ("README.zh-CN.md", stated.to_string()),
        ("data/README.md", format!("{major}.{minor}")),
        ("data/README.zh-CN.md", format!("{major}.{minor}")),
    ] {
        let text = std::fs::read_to_string(root().join(page))?;
        let wanted = format!("Rust {wanted}");
        ensure!(text.contains(&wanted), "{page}: found no {wanted}");
    }
    Ok(())
}
