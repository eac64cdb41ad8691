//! Every command in a README or among the exercises works.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::support::{Desk, programs, root};

/// Beginnings of the names of pages with commands.
const PAGES: [&str; 2] = ["README", "EXERCISES"];

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
        } else if PAGES.iter().any(|page| name.starts_with(page)) && name.ends_with(".md") {
            found.push(path);
        }
    }
    Ok(())
}

/// A text without its comments, which say how `scripts/readme.sh` runs the commands.
fn visible(text: &str) -> String {
    let pieces = text.split("<!--").enumerate();
    let visible = pieces.map(|(place, piece)| match piece.split_once("-->") {
        Some((_, rest)) if place > 0 => rest,
        _ => piece,
    });
    visible.collect()
}

/// The lines of a file's code blocks that run one of the chapters, as `(chapter, arguments)`.
fn chapter_commands(text: &str) -> Vec<(String, Vec<String>)> {
    let mut commands = Vec::new();
    for line in text.lines() {
        let line = line.split(" #").next().unwrap_or(line).trim();
        let Some(rest) = line.strip_prefix("cargo run -p ") else {
            continue;
        };
        let mut words = shlex::split(rest).unwrap_or_default().into_iter();
        let Some(package) = words.next() else {
            continue;
        };
        let rest: Vec<String> = words.collect();
        let is_example = rest
            .iter()
            .take_while(|word| *word != "--")
            .any(|word| word == "--example");
        if programs().contains(&package.as_str()) && !is_example {
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
    let mut tried = BTreeSet::new(); // several READMEs may have the same command
    for file in files {
        let text = visible(&std::fs::read_to_string(&file)?);
        for (chapter, arguments) in chapter_commands(&text) {
            // `--summary` makes the data set and the model that the flags ask for, and stops there.
            let mut call: Vec<&str> = Vec::new();
            let mut words = arguments.iter().map(String::as_str).peekable();
            while let Some(word) = words.next() {
                match word {
                    "--data" | "--data-dir" | "--init" if words.peek().is_some() => {
                        _ = words.next()
                    }
                    "--device" if words.peek() == Some(&"cuda") => _ = words.next(),
                    // A file of the reader's own; other values of the flag are names.
                    "--text" if words.peek().is_some_and(|text| text.contains('.')) => {
                        _ = words.next()
                    }
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
        tried.len() >= programs().len(),
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

/// The local files that a text links to or shows, as the text writes them.
fn local_links(text: &str) -> impl Iterator<Item = &str> {
    let targets = text
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next());
    let files = targets.map(|target| target.split('#').next().unwrap_or(target));
    files.filter(|file| !file.is_empty() && !file.contains("://") && !file.starts_with("mailto:"))
}

#[test]
fn every_local_link_and_figure_exists() -> Result<()> {
    let mut files = Vec::new();
    readmes(&root(), &mut files)?;
    let mut found = 0;
    for file in files {
        let text = std::fs::read_to_string(&file)?;
        let folder = file.parent().context("a file has a folder")?;
        for link in local_links(&text) {
            ensure!(folder.join(link).exists(), "{}: no {link}", file.display());
            found += 1;
        }
    }
    ensure!(found >= 20, "only {found} found: the search is broken");
    Ok(())
}

/// The Rust snippets of a text, each as its pieces between lines of dots.
fn snippets(text: &str) -> Vec<Vec<&str>> {
    let mut pieces = Vec::new();
    for block in text.split("```rust\n").skip(1) {
        let block = block.split("```").next().unwrap_or(block);
        let lines: Vec<&str> = block.lines().map(str::trim).collect();
        let is_gap = |line: &&str| matches!(*line, "…" | "// …" | "...");
        let parts = lines.split(is_gap).map(<[&str]>::to_vec);
        pieces.extend(parts.filter(|part| part.iter().any(|line| !line.is_empty())));
    }
    pieces
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            rust_files(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    Ok(())
}

#[test]
fn every_rust_snippet_stands_in_a_source_file() -> Result<()> {
    let (mut files, mut paths) = (Vec::new(), Vec::new());
    readmes(&root(), &mut files)?;
    rust_files(&root().join("crates"), &mut paths)?;
    let mut sources: Vec<Vec<String>> = Vec::new();
    for path in paths {
        let text = std::fs::read_to_string(&path)?;
        sources.push(text.lines().map(|line| line.trim().to_string()).collect());
    }
    let mut found = 0;
    for file in files {
        let text = std::fs::read_to_string(&file)?;
        for snippet in snippets(&text) {
            let first = snippet
                .iter()
                .position(|line| !line.is_empty())
                .unwrap_or(0);
            let last = snippet
                .iter()
                .rposition(|line| !line.is_empty())
                .unwrap_or(0);
            let wanted = &snippet[first..=last];
            let stands =
                |source: &Vec<String>| source.windows(wanted.len()).any(|part| part == wanted);
            ensure!(
                sources.iter().any(stands),
                "{}: no source file has these lines:\n{}",
                file.display(),
                wanted.join("\n")
            );
            found += 1;
        }
    }
    ensure!(found >= 5, "only {found} found: the search is broken");
    Ok(())
}
