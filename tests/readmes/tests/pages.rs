//! The program on a README of its own.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};

/// Ends far from the minimum: the book's learning rate is 0.03.
const COMMAND: &str = "cargo run -p linear-regression -- --learning-rate 0.9";
/// Fails: the loss overflows.
const FAILING: &str = "cargo run -p linear-regression -- --learning-rate 2";

fn run(arguments: &[&str], page: &Path) -> Result<Output> {
    let program = env!("CARGO_BIN_EXE_readme");
    let output = Command::new(program)
        .args(arguments)
        .arg(page)
        .env_remove("D2L_DATA")
        .output();
    output.with_context(|| format!("{program} {arguments:?}"))
}

fn text(output: &Output) -> String {
    [&output.stdout, &output.stderr]
        .map(|bytes| String::from_utf8_lossy(bytes))
        .concat()
}

#[test]
fn stale_numbers_are_found_and_written() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let page = folder.path().join("README.md");
    let stale = format!(
        "# A page\n\n<!-- run seconds numbers=valid.loss -->\n```sh\n{COMMAND}   # 1.25\n{FAILING}   # \
         exit code 1\n```\n\n<!-- output -->\n```\nerror: the loss is not a number\n```\n\n<!-- run never: nobody knows how -->\n\
         ```sh\nmake   # 0.5\n```\n\n<!-- numbers seconds\n{COMMAND}: valid.loss, -\n-->\nIt ends at 1.25, not at 0.5.\n"
    );
    fs::write(&page, &stale)?;

    let checked = run(&["--check"], &page)?;
    ensure!(checked.status.code() == Some(1), "{}", text(&checked));
    ensure!(
        fs::read_to_string(&page)? == stale,
        "--check changes nothing"
    );
    ensure!(
        text(&checked).contains("README.md:5: found\n  1.25\nwanted\n  15"),
        "{}",
        text(&checked)
    );
    ensure!(
        text(&checked).contains("scripts/readme.sh --write"),
        "{}",
        text(&checked)
    );

    let written = run(&["--write"], &page)?;
    ensure!(written.status.success(), "{}", text(&written));
    let right = fs::read_to_string(&page)?;
    let lines: Vec<&str> = right.lines().collect();
    let number = lines[4].rsplit(' ').next().context("a comment")?;
    ensure!(number.starts_with("15") && number.contains('.'), "{right}");
    ensure!(
        right.contains(&format!("It ends at {number}, not at 0.5.")),
        "{right}"
    );
    ensure!(
        lines[10].starts_with("error: the loss is not a finite number"),
        "{right}"
    );

    let again = run(&["--check"], &page)?;
    ensure!(again.status.success(), "{}", text(&again));
    ensure!(
        text(&again).contains("1 blocks are not run"),
        "{}",
        text(&again)
    );
    Ok(())
}

#[test]
fn an_exit_code_that_nobody_named_is_found() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let page = folder.path().join("README.md");
    let call = "cargo run -p linear-regression -- --colour red";
    fs::write(&page, format!("<!-- run seconds -->\n```sh\n{call}\n```\n"))?;
    let checked = run(&["--check"], &page)?;
    ensure!(checked.status.code() == Some(1), "{}", text(&checked));
    ensure!(
        text(&checked).contains("exit code 2 of"),
        "{}",
        text(&checked)
    );
    fs::write(
        &page,
        format!("<!-- run seconds -->\n```sh\n{call}   # exit code 2\n```\n"),
    )?;
    let checked = run(&["--check"], &page)?;
    ensure!(checked.status.success(), "{}", text(&checked));
    Ok(())
}

#[test]
fn real_data_that_are_not_there_are_said() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let page = folder.path().join("README.md");
    fs::write(
        &page,
        format!("<!-- run seconds real -->\n```sh\n{COMMAND}   # 0.5\n```\n"),
    )?;
    let checked = run(&["--check"], &page)?;
    ensure!(checked.status.success(), "{}", text(&checked));
    ensure!(
        text(&checked).contains("1 need the real data: D2L_DATA"),
        "{}",
        text(&checked)
    );
    Ok(())
}
