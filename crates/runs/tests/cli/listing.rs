//! `runs list`

use crate::{FIRST, Run, SECOND, command, output, printed, write};
use anyhow::Result;
use d2l_log::{FILE_NAME, Status};
use serde_json::Value;
use std::fs;
use std::path::Path;
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
                                                         train     valid
  started                      status  epochs  seconds    loss  accuracy  (best)
mlp/first
  2026-11-22 21:14           finished       2     7.25  0.2500    0.7500  0.8750
mlp/second
  2026-11-22 21:15           finished       2     7.25  0.3125    0.8125  0.8125
mlp/killed
  2026-11-22 21:16  running or killed       0     0.00       -         -       -
linear-regression/first
  2026-11-22 21:17             failed       2     7.25  0.2500    0.8750  0.8750
";
    assert_eq!(format!("\n{}", printed(runs.path(), &["list"])?), wanted);
    let wide = command(runs.path(), &["list"])
        .env("COLUMNS", "120")
        .output()?;
    let wide = String::from_utf8(wide.stdout)?;
    assert!(
        wide.contains("\nmlp/killed               2026-11-22 21:16  running or killed "),
        "{wide}"
    );
    let narrow = command(runs.path(), &["list"])
        .env("COLUMNS", "60")
        .output()?;
    let narrow = String::from_utf8(narrow.stdout)?;
    let wanted = "
                                       train     valid
  status             epochs  seconds    loss  accuracy
mlp/first
  finished                2     7.25  0.2500    0.7500
";
    assert!(format!("\n{narrow}").starts_with(wanted), "{narrow}");
    let left_out = "left out for lack of room (--format json has every field):
  best.valid.accuracy, started
";
    assert!(narrow.ends_with(left_out), "{narrow}");
    assert!(
        narrow.lines().all(|line| line.chars().count() <= 60),
        "{narrow}"
    );
    Ok(())
}

/// Four runs with different rates, losses and ends.
fn several(runs: &Path) -> Result<()> {
    for (name, learning_rate, accuracy, status) in [
        ("a", 0.03, 0.7, Some(Status::Finished)),
        ("b", 0.1, 0.9, Some(Status::Finished)),
        ("c", 0.5, 0.8, Some(Status::Failed)),
        ("d", 1.0, 0.6, None),
    ] {
        let started = format!("2026-11-22T21:14:0{}Z", name.as_bytes()[0] - b'a');
        let scores = [(0.5, accuracy)];
        write(
            runs,
            &Run {
                name,
                learning_rate,
                scores: &scores,
                status,
                started: &started,
                ..FIRST
            },
        )?;
    }
    Ok(())
}

#[test]
fn runs_are_filtered_sorted_and_counted() -> Result<()> {
    let runs = tempdir()?;
    several(runs.path())?;
    for (flags, wanted) in [
        ("--where recipe.learning_rate>0.03", "b c d"),
        (
            "--where recipe.learning_rate>0.03 --where valid.accuracy>=0.8",
            "b c",
        ),
        ("--where seed=0 --where model!=mlp", ""),
        ("--status failed", "c"),
        ("--status running", "d"),
        ("--chapter mlp --model mlp", "a b c d"),
        ("--chapter transformer", ""),
        ("--sort valid.accuracy", "d a c b"),
        ("--sort -valid.accuracy", "b c a d"),
        ("--sort=-recipe.learning_rate --last 2", "d c"),
        ("--last 3 --status finished", "a b"),
        ("--sort run --last 1", "d"),
    ] {
        let call: Vec<&str> = std::iter::once("list").chain(flags.split(' ')).collect();
        let text = printed(runs.path(), &call)?;
        let names = text.lines().filter_map(|line| line.strip_prefix("mlp/"));
        let names: Vec<&str> = names.filter_map(|line| line.split(' ').next()).collect();
        assert_eq!(names.join(" "), wanted, "{flags}: {text}");
        let json = [&call[..], &["--format", "json"]].concat();
        let listed: Value = serde_json::from_str(&printed(runs.path(), &json)?)?;
        let listed = listed.as_array().expect("a list").iter();
        let listed: Vec<&str> = listed
            .filter_map(|run| run["run"].as_str()?.strip_prefix("mlp/"))
            .collect();
        assert_eq!(listed.join(" "), wanted, "{flags} as JSON");
    }
    Ok(())
}

#[test]
fn what_is_asked_for_is_shown() -> Result<()> {
    let runs = tempdir()?;
    several(runs.path())?;
    let text = printed(
        runs.path(),
        &[
            "list",
            "--sort",
            "-recipe.learning_rate",
            "--status",
            "finished",
        ],
    )?;
    let lines: Vec<&str> = text.lines().collect();
    assert!(
        lines[0].ends_with("learning") && lines[1].ends_with("rate"),
        "{text}"
    );
    assert!(
        lines[2].starts_with("mlp/b") && lines[3].ends_with("  0.1"),
        "{text}"
    );
    let none = printed(runs.path(), &["list", "--where", "seed=7"])?;
    assert!(none.starts_with("None of the 4 runs in "), "{none}");
    Ok(())
}

#[test]
fn colours_are_for_terminals_only() -> Result<()> {
    let runs = tempdir()?;
    several(runs.path())?;
    let text = printed(runs.path(), &["list"])?;
    assert!(text.contains("failed") && !text.contains('\u{1b}') && !text.contains('\u{e0062}'));
    Ok(())
}

#[test]
fn what_was_passed_over_in_a_log_is_said_in_one_line() -> Result<()> {
    let runs = tempdir()?;
    write(runs.path(), &FIRST)?;
    let file = runs.path().join("mlp/first").join(FILE_NAME);
    let text = fs::read_to_string(&file)?.replacen('\n', "\ngarbage\n", 1);
    fs::write(&file, text)?;
    for call in [&["list"][..], &["show", "first"]] {
        let output = output(runs.path(), call)?;
        let wanted = "warning: mlp/first: line 2 is passed over: expected value\n";
        assert_eq!(String::from_utf8(output.stderr)?, wanted);
        assert!(output.status.success());
    }
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
        stderr.contains("damaged/log.jsonl is a log that begins with the kind \"novelty\""),
        "{stderr}"
    );
    assert!(String::from_utf8(output.stdout)?.contains("mlp/first "));
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
    command.env("D2L_LANG", "en");
    let output = command.arg("list").env("D2L_RUNS", runs.path()).output()?;
    assert!(String::from_utf8(output.stdout)?.contains("mlp/first "));
    Ok(())
}
