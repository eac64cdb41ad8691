//! `runs list`

use crate::{FIRST, Run, SECOND, output, printed, write};
use anyhow::Result;
use d2l_log::{FILE_NAME, Status};
use std::fs;
use tempfile::tempdir;

#[test]
fn every_run_is_listed_with_its_status_scores_and_time() -> Result<()> {
    let runs = tempdir()?;
    write(runs.path(), &SECOND)?;
    write(
        runs.path(),
        &Run { scores: &[(0.5, 0.875), (0.25, 0.75)], ..FIRST },
    )?;
    write(
        runs.path(),
        &Run {
            name: "killed",
            status: None,
            scores: &[],
            started: "2026-11-22T21:16:00Z",
            ..FIRST
        },
    )?;
    write(
        runs.path(),
        &Run {
            chapter: "linear-regression",
            status: Some(Status::Failed),
            started: "2026-11-22T21:17:00Z",
            ..FIRST
        },
    )?;
    let wanted = "
                                                         train  valid             valid
  started                      status  epochs  seconds    loss   loss  (best)  accuracy  (best)
mlp/first
  2026-11-22 21:14           finished       2     7.25  0.2500      -       -    0.7500  0.8750
mlp/second
  2026-11-22 21:15           finished       2     7.25  0.3125      -       -    0.8125  0.8125
mlp/killed
  2026-11-22 21:16  running or killed       0     0.00       -      -       -         -       -
linear-regression/first
  2026-11-22 21:17             failed       2     7.25  0.2500      -       -    0.8750  0.8750
";
    assert_eq!(format!("\n{}", printed(runs.path(), &["list"])?), wanted);
    Ok(())
}

#[test]
fn a_damaged_log_is_a_warning() -> Result<()> {
    let runs = tempdir()?;
    write(runs.path(), &FIRST)?;
    fs::create_dir_all(runs.path().join("mlp/damaged"))?;
    fs::write(
        runs.path().join("mlp/damaged").join(FILE_NAME),
        "{\"kind\":\"novelty\"}\n",
    )?;
    let output = output(runs.path(), &["list"])?;
    let stderr = String::from_utf8(output.stderr)?;
    assert!(output.status.success());
    assert!(
        stderr.starts_with("warning: ") && stderr.lines().count() == 1,
        "{stderr}"
    );
    assert!(
        stderr.contains("damaged/log.jsonl, line 1: unknown variant `novelty`"),
        "{stderr}"
    );
    assert!(String::from_utf8(output.stdout)?.contains("mlp/first\n"));
    Ok(())
}

#[test]
fn an_empty_folder_is_no_error() -> Result<()> {
    let runs = tempdir()?;
    assert!(printed(runs.path(), &["list"])?.contains("holds no runs yet"));
    Ok(())
}

#[test]
fn the_folder_may_come_from_the_environment() -> Result<()> {
    let runs = tempdir()?;
    write(runs.path(), &FIRST)?;
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_runs"));
    let output = command.arg("list").env("D2L_RUNS", runs.path()).output()?;
    assert!(String::from_utf8(output.stdout)?.contains("mlp/first\n"));
    Ok(())
}
