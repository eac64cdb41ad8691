//! `scripts/reproduce.sh` keeps its results and goes on where it stopped.

#![cfg(unix)]

use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};
use readmes::root;

/// Its data are drawn from the seed, and each of its experiments takes less than a second.
const CHAPTER: &str = "linear-regression";

/// Stands for `cargo run --quiet -p PACKAGE [--bin NAME] -- ARGUMENT...`, of programs that are built.
const CARGO: &str = r#"#!/bin/bash
package=$4
shift 4
[ "$1" != --bin ] || { package=$2; shift 2; }
shift
exec "$PROGRAMS/$package" "$@"
"#;

/// Runs the script with programs that are built like the default members, so that nothing is built a second time.
fn reproduce(folder: &Path) -> Result<Output> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args(["build", "--quiet", "--bins", "--examples"])
        .current_dir(root()?)
        .status()?;
    ensure!(built.success(), "the programs don't build");
    let programs = Path::new(env!("CARGO_BIN_EXE_results"))
        .parent()
        .context("a folder")?;
    let shims = folder.join("shims");
    fs::create_dir_all(&shims)?;
    let shim = shims.join("cargo");
    fs::write(&shim, CARGO)?;
    fs::set_permissions(&shim, fs::Permissions::from_mode(0o755))?;
    let path = env::var_os("PATH").unwrap_or_default();
    let path = env::join_paths([shims].into_iter().chain(env::split_paths(&path)))?;
    let mut command = Command::new("bash");
    command
        .arg(root()?.join("scripts/reproduce.sh"))
        .arg(CHAPTER);
    command.env("PATH", path).env("PROGRAMS", programs);
    command.env("D2L_RUNS", folder.join("runs"));
    command.env("D2L_RESULTS", folder.join("results"));
    command
        .envs([("COMMIT", "tried"), ("SEEDS", "1")])
        .env_remove("AGAIN");
    command.output().context("bash not started")
}

fn text(output: &Output) -> String {
    [&output.stdout, &output.stderr]
        .map(|bytes| String::from_utf8_lossy(bytes))
        .concat()
}

#[test]
fn what_is_there_for_a_commit_is_not_trained_again() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let first = reproduce(folder.path())?;
    // A single seed may end outside a band.
    ensure!(
        matches!(first.status.code(), Some(0 | 1)),
        "{}",
        text(&first)
    );
    let file = folder.path().join("results/linear-regression.json");
    let results: serde_json::Value = serde_json::from_str(&fs::read_to_string(&file)?)?;
    let experiments = results["experiments"].as_array().context("a list")?;
    ensure!(experiments.len() > 10, "{results}");
    for experiment in experiments {
        ensure!(
            experiment["commit"] == "tried" && experiment["seeds"] == serde_json::json!([0]),
            "{experiment}"
        );
        ensure!(
            experiment["results"][0]["values"][0].is_number(),
            "{experiment}"
        );
    }

    // One result is lost, and its run was killed before its end.
    let lost = "linear-regression concise zh";
    let kept = experiments.iter().filter(|it| {
        let id =
            ["model", "implementation", "preset"].map(|key| it[key].as_str().unwrap_or_default());
        id.join(" ") != lost
    });
    let kept = serde_json::json!({"chapter": CHAPTER, "experiments": kept.collect::<Vec<_>>()});
    fs::write(&file, kept.to_string())?;
    let log = folder
        .path()
        .join("runs/tried/linear-regression/linear-regression-concise-zh-s0/log.jsonl");
    let before = fs::read_to_string(&log)?;
    let (begun, _) = before
        .trim_end()
        .rsplit_once('\n')
        .context("several lines")?;
    fs::write(&log, format!("{begun}\n"))?;

    let second = reproduce(folder.path())?;
    let told = text(&second);
    ensure!(
        told.matches("results of commit tried are there").count() == experiments.len() - 1,
        "{told}"
    );
    ensure!(fs::read_to_string(&log)?.contains("\"finished\""), "{told}");
    let again: serde_json::Value = serde_json::from_str(&fs::read_to_string(&file)?)?;
    ensure!(
        again["experiments"]
            .as_array()
            .is_some_and(|all| all.len() == experiments.len()),
        "{again}"
    );
    Ok(())
}
