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
        if CHAPTERS.contains(&package.as_str()) {
            commands.push((
                package,
                words.skip_while(|word| word != "--").skip(1).collect(),
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
