//! `scripts/readme.sh`: all READMEs, or some.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Parser;

use crate::check::{Checked, check};
use crate::desk::Desk;
use crate::markup::Class;
use crate::page::Page;
use crate::root;

/// Runs the commands of the READMEs and compares what stands beside them
#[derive(Parser)]
#[command(name = "scripts/readme.sh")]
pub struct Args {
    /// Compare, and exit with 1 if something differs
    #[arg(long, required_unless_present = "write", conflicts_with = "write")]
    check: bool,
    /// Write what the commands give
    #[arg(long)]
    write: bool,
    /// Run the commands that take up to two minutes too, not only those under ten seconds
    #[arg(long)]
    all: bool,
    /// Run no commands: only the tables that are written from scripts/results
    #[arg(long, conflicts_with = "all")]
    tables: bool,
    /// README files; none: all of the workspace
    files: Vec<PathBuf>,
}

/// Beginnings of the pages' names.
const PAGES: [&str; 2] = ["README", "BOOK"];

/// Folders without READMEs of the workspace.
const ELSEWHERE: [&str; 3] = ["target", "runs", "node_modules"];

/// Checks or writes.
///
/// # Errors
/// If a mark is wrong, a command can't be started, or, with `--check`, something differs.
pub fn pages(args: &Args) -> Result<()> {
    let root = root()?;
    let files = match &args.files[..] {
        [] => readmes(&root)?,
        files => files.to_vec(),
    };
    // All marks are read before the first command runs.
    let pages = files
        .iter()
        .map(|file| Page::read(file))
        .collect::<Result<Vec<_>>>()?;
    let mut desk = Desk::new()?;
    let most = match (args.tables, args.all) {
        (true, _) => Class::Never,
        (_, true) => Class::Minutes,
        (_, false) => Class::Seconds,
    };
    let mut differ = 0;
    for page in &pages {
        let checked = check(page, &mut desk, most);
        let shown = page
            .path
            .strip_prefix(&root)
            .unwrap_or(&page.path)
            .display();
        for finding in &checked.findings {
            d2l_command::print(&format!(
                "{shown}:{}: found\n  {}\nwanted\n  {}\n",
                finding.line,
                finding.found.replace('\n', "\n  "),
                finding.wanted.replace('\n', "\n  ")
            ))?;
        }
        if args.write {
            write(page, &checked)?;
        }
        let open = checked
            .findings
            .iter()
            .filter(|finding| !args.write || finding.edit.is_none());
        differ += open.count();
        for note in &checked.notes {
            d2l_command::warn(&format!("{shown}: {note}"));
        }
        d2l_command::print(&format!("{shown}: {}\n", summary(page, &checked)))?;
    }
    match (differ, args.write) {
        (0, _) => Ok(()),
        (differ, false) => bail!(
            "found {differ} places that are not what their commands give; `scripts/readme.sh --write` with the same \
             flags and files writes them; read the diff, and the text around it"
        ),
        (differ, true) => bail!("{differ} places need somebody's eyes: they are named above"),
    }
}

/// All READMEs below a folder, those of one folder one after the other.
fn readmes(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let entries = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_>>()?;
    paths.sort();
    paths.sort_by_key(|path| path.is_dir());
    for path in paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() && !name.starts_with('.') && !ELSEWHERE.contains(&name.as_ref()) {
            found.extend(readmes(&path)?);
        } else if PAGES.iter().any(|page| name.starts_with(page)) && name.ends_with(".md") {
            found.push(path);
        }
    }
    Ok(found)
}

/// Puts the right lines in their places, from the last one to the first.
fn write(page: &Page, checked: &Checked) -> Result<()> {
    let mut edits: Vec<_> = checked
        .findings
        .iter()
        .filter_map(|finding| finding.edit.as_ref())
        .collect();
    edits.sort_by_key(|(lines, _)| lines.start);
    let mut lines = page.lines.clone();
    for (place, right) in edits.into_iter().rev() {
        lines.splice(place.clone(), right.iter().cloned());
    }
    let text = lines.join("\n") + "\n";
    fs::write(&page.path, text).with_context(|| format!("{} not written", page.path.display()))
}

fn summary(page: &Page, checked: &Checked) -> String {
    let mut text = format!("{} commands run in {:.0} s", checked.ran, checked.seconds);
    let more = [
        (
            checked.longer,
            "are left out; --all runs all that take under two minutes",
        ),
        (checked.without_data, "need the real data: D2L_DATA"),
        (
            page.never(),
            "blocks are not run, for the reasons that stand there",
        ),
    ];
    for (count, what) in more.iter().filter(|(count, _)| *count > 0) {
        text += &format!("; {count} {what}");
    }
    text
}
