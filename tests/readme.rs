//! Every command in a README is one that works.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::support::{CHAPTERS, Desk, root};

fn readmes(folder: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if path.is_dir()
            && !name.starts_with('.')
            && !["target", "runs", "data"].contains(&name.as_str())
        {
            readmes(&path, found)?;
        } else if name.starts_with("README") && name.ends_with(".md") {
            found.push(path);
        }
    }
    Ok(())
}

/// The lines of a file's code blocks that run one of the chapters, as `(chapter, arguments)`.
fn chapter_commands(text: &str) -> Vec<(String, Vec<String>)> {
    let mut commands = Vec::new();
    for line in text.lines() {
        let line = line.split(" #").next().unwrap_or(line).trim();
        let Some(rest) = line.strip_prefix("cargo run -p ") else {
            continue;
        };
        let mut words = rest.split_whitespace().map(str::to_string);
        let Some(package) = words.next() else {
            continue;
        };
        let rest: Vec<String> = words.collect();
        let is_example = rest
            .iter()
            .take_while(|word| *word != "--")
            .any(|word| word == "--example");
        if CHAPTERS.contains(&package.as_str()) && !is_example {
            commands.push((
                package,
                rest.into_iter()
                    .skip_while(|word| word != "--")
                    .skip(1)
                    .collect(),
            ));
        }
    }
    commands
}

#[test]
fn every_chapter_command_is_understood() -> Result<()> {
    let desk = Desk::new()?;
    let mut files = Vec::new();
    readmes(&root(), &mut files)?;
    let mut tried = BTreeSet::new(); // one command may stand in several READMEs
    for file in files {
        let text = std::fs::read_to_string(&file)?;
        for (chapter, arguments) in chapter_commands(&text) {
            // `--summary` builds the data set and the model that the flags ask for, and stops there.
            let mut call: Vec<&str> = Vec::new();
            let mut words = arguments.iter().map(String::as_str).peekable();
            while let Some(word) = words.next() {
                match word {
                    "--data" | "--data-dir" | "--init" if words.peek().is_some() => {
                        _ = words.next()
                    }
                    "--device" if words.peek() == Some(&"cuda") => _ = words.next(),
                    "--resume" | "--summary" => {}
                    word => call.push(word),
                }
            }
            call.extend(["--summary", "--data", "builtin"]);
            let verifies = call.contains(&"--verify");
            if verifies {
                call.retain(|word| *word != "--verify");
            }
            if !tried.insert(format!("{chapter} {}", call.join(" "))) {
                continue;
            }
            desk.succeed(&chapter, &call)
                .with_context(|| format!("{}: {arguments:?}", file.display()))?;
        }
    }
    ensure!(
        tried.len() >= CHAPTERS.len(),
        "only {tried:?} found: the search is broken"
    );
    Ok(())
}

/// The examples' names in a file's code blocks.
fn examples(text: &str) -> impl Iterator<Item = &str> {
    let lines = text
        .lines()
        .map(str::trim)
        .filter(|line| line.starts_with("cargo run -p "));
    lines.filter_map(|line| line.split_once("--example ")?.1.split_whitespace().next())
}

/// They are built with their crate's tests, so they run if they exist.
#[test]
fn every_example_exists() -> Result<()> {
    let mut files = Vec::new();
    readmes(&root(), &mut files)?;
    let mut found = 0;
    for file in files {
        let text = std::fs::read_to_string(&file)?;
        for name in examples(&text) {
            let crates = std::fs::read_dir(root().join("crates"))?;
            let place = format!("examples/{name}.rs");
            let exists = crates
                .flatten()
                .any(|folder| folder.path().join(&place).exists());
            ensure!(exists, "{}: no {place} in any crate", file.display());
            found += 1;
        }
    }
    ensure!(found >= 2, "only {found} found: the search is broken");
    Ok(())
}
