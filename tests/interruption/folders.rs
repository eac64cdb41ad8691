//! One writer per folder, and folders without a log.

use std::process::Child;

use anyhow::{Result, ensure};

use super::{FLAGS, SHORT, refused, signal, train_until_second_epoch};
use crate::support::{Desk, assert_equal_runs, log};

#[test]
#[cfg(unix)]
fn two_processes_never_write_one_run() -> Result<()> {
    let desk = Desk::new()?;
    let whole = desk.train("mlp", "whole", &FLAGS)?;
    let mut child = train_until_second_epoch(&desk, "mine", &[])?;
    let folder = desk.run_folder("mlp", "mine");
    let header = || -> Result<String> {
        let text = std::fs::read_to_string(folder.join("log.jsonl"))?;
        Ok(text.lines().next().unwrap_or_default().to_string())
    };
    signal(&child, "-STOP")?; // or it may be done before the others have asked
    let before = header()?;
    for flag in ["--resume", "--overwrite", "--quiet"] {
        let error = refused(&desk, &[&FLAGS[..], &["--name", "mine", flag]].concat(), 1)?;
        let holder = format!("process {}, since 20", child.id());
        let is_named = error.contains(&holder) || flag == "--quiet" && error.contains("exists");
        ensure!(is_named, "{flag}: {error}");
    }
    ensure!(header()? == before);
    signal(&child, "-KILL")?;
    child.wait()?;
    // The lock has ended with the process.
    desk.train("mlp", "mine", &[&FLAGS[..], &["--resume"]].concat())?;
    assert_equal_runs(&whole, &folder)
}

/// Several at once, of one default name: each has a folder of its own.
#[test]
fn runs_that_start_together_have_different_names() -> Result<()> {
    let desk = Desk::new()?;
    let children: Vec<Child> = (0..4)
        .map(|_| {
            Ok(desk
                .command("mlp", &[&SHORT[..], &["--quiet"]].concat())
                .spawn()?)
        })
        .collect::<Result<_>>()?;
    for child in children {
        let output = child.wait_with_output()?;
        ensure!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    let folders = std::fs::read_dir(desk.path().join("runs/mlp"))?;
    let runs: Vec<_> = folders
        .map(|entry| log(&entry?.path()))
        .collect::<Result<_>>()?;
    ensure!(runs.len() == 4 && runs.iter().all(|run| run.end.is_some()));
    Ok(())
}

#[test]
#[cfg(unix)]
fn a_log_that_vanishes_is_noticed() -> Result<()> {
    let desk = Desk::new()?;
    let child = train_until_second_epoch(&desk, "lost", &[])?;
    signal(&child, "-STOP")?;
    std::fs::remove_file(desk.run_folder("mlp", "lost").join("log.jsonl"))?;
    signal(&child, "-CONT")?;
    let output = child.wait_with_output()?;
    let stderr = String::from_utf8(output.stderr)?;
    ensure!(
        output.status.code() == Some(1) && stderr.contains("log.jsonl"),
        "{stderr}"
    );
    Ok(())
}

/// A process that is killed before its log begins leaves a folder that the next run takes.
#[test]
fn a_folder_without_a_log_is_taken_over() -> Result<()> {
    let desk = Desk::new()?;
    for left in [&[][..], &[".lock"], &[".lock", "log.jsonl"]] {
        let folder = desk.run_folder("mlp", "left");
        std::fs::create_dir_all(&folder)?;
        for name in left {
            std::fs::write(folder.join(name), "{\"kind\":\"ru")?;
        }
        let error = refused(
            &desk,
            &[&SHORT[..], &["--name", "left", "--resume"]].concat(),
            1,
        )?;
        ensure!(error.contains("left to resume"), "{error}");
        desk.train("mlp", "left", &SHORT)?;
        ensure!(log(&folder)?.end.is_some());
        std::fs::remove_dir_all(&folder)?;
    }
    Ok(())
}
