//! Errors: one line, exit code 2 for a wrong call and 1 for the rest.

use crate::{FIRST, Run, SECOND, command, refused, write};
use anyhow::Result;
use d2l_log::FILE_NAME;
use std::fs;
use std::process::Stdio;
use tempfile::tempdir;

#[test]
fn wrong_calls_are_exit_code_2() -> Result<()> {
    let runs = tempdir()?;
    write(runs.path(), &FIRST)?;
    let many: Vec<&str> = std::iter::once("compare").chain(["first"; 27]).collect();
    let condition =
        "wanted a field, one of = != < <= > >=, and a value, such as valid.accuracy>=0.8";
    for (arguments, wanted) in [
        (&[][..], "requires a subcommand"),
        (&["frobnicate"], "unrecognized subcommand 'frobnicate'"),
        (&["show"], "required arguments were not provided: <RUN>"),
        (&["show", "first", "second"], "unexpected argument 'second'"),
        (
            &["plot", "--metrc", "a"],
            "unexpected argument '--metrc' found; tip: a similar argument exists: '--metric'",
        ),
        (
            &["compare", "first"],
            "compare got one run; wanted two or more",
        ),
        (
            &["compare", "--tolerance", "-1"],
            "invalid value '-1' for '--tolerance <GAP>': wanted a number of 0 or more",
        ),
        (
            &["compare", "--tolerance", "small"],
            "wanted a number of 0 or more",
        ),
        (
            &["plot", "first", "--output", "curves.png"],
            "wanted a file that ends in .svg",
        ),
        (&many, "27 settings are to be compared; wanted 26 at most"),
        (
            &["plot", "first", "--smooth", "1"],
            "wanted a number from 0 to below 1",
        ),
        (&["list", "--where", "seed~1"], condition),
        (
            &["list", "--where", "seed>many"],
            "--where seed: the field is a number; wanted a number behind the sign, found many",
        ),
        (
            &["list", "--status", "good"],
            "invalid value 'good' for '--status <STATUS>'",
        ),
    ] {
        let message = refused(runs.path(), arguments, 2)?;
        assert!(message.contains(wanted), "{message}: wanted {wanted}");
    }
    Ok(())
}

#[test]
fn what_is_missing_or_damaged_is_exit_code_1() -> Result<()> {
    let runs = tempdir()?;
    write(runs.path(), &FIRST)?;
    write(runs.path(), &Run { chapter: "linear-regression", ..SECOND })?;
    write(
        runs.path(),
        &Run {
            chapter: "linear-regression",
            started: "2026-11-22T20:00:00Z",
            ..FIRST
        },
    )?;
    let damaged = runs.path().join("mlp/damaged");
    fs::create_dir_all(&damaged)?;
    fs::write(damaged.join(FILE_NAME), "{\"kind\":\"run\",\"schema\":7}\n")?;
    for (arguments, wanted) in [
        (&["show", "frist"][..], "no run frist in"),
        (
            &["show", "frist"],
            "nearest: linear-regression/first, mlp/first, ",
        ),
        (
            &["show", "first"],
            "2 runs are called first; wanted one of linear-regression/first, mlp/first",
        ),
        (
            &["show", "damaged"],
            "line 1: schema 7 is newer than this program, which reads up to 1",
        ),
        (&["compare", "mlp/first", "third"], "no run third"),
        (
            &["compare", "mlp/first", "second", "--by", "learning_rate"],
            "no run has a field learning_rate; nearest: recipe.learning_rate, ",
        ),
        (
            &[
                "plot",
                "mlp/first",
                "--y-scale",
                "log",
                "--metric",
                "train.loss",
                "--output",
                "/dev/null/a.svg",
            ],
            "/dev/null",
        ),
        (
            &["plot", "mlp/first", "--metric", "valid.bleu"],
            "no run has valid.bleu; they have train.loss, valid.accuracy, ",
        ),
        (
            &["plot", "mlp/first", "--output", "/dev/null/figure.svg"],
            "/dev/null",
        ),
    ] {
        let message = refused(runs.path(), arguments, 1)?;
        assert!(message.contains(wanted), "{message}: wanted {wanted}");
    }
    Ok(())
}

#[test]
fn an_unknown_field_is_exit_code_1_and_suggests_the_nearest() -> Result<()> {
    let runs = tempdir()?;
    write(runs.path(), &FIRST)?;
    for (arguments, wanted) in [
        (
            &["list", "--where", "learning_rate>0"][..],
            "no run has a field learning_rate; nearest: recipe.learning_rate, ",
        ),
        (
            &["list", "--sort", "-valid.acuracy"],
            "no run has a field valid.acuracy; nearest: valid.accuracy, ",
        ),
    ] {
        let message = refused(runs.path(), arguments, 1)?;
        assert!(message.contains(wanted), "{message}: wanted {wanted}");
    }
    Ok(())
}

#[test]
fn too_few_runs_to_choose_from_are_exit_code_1() -> Result<()> {
    let runs = tempdir()?;
    for command in ["compare", "plot"] {
        let message = refused(runs.path(), &[command], 1)?;
        assert!(
            message.contains("holds no runs; train a chapter first"),
            "{message}"
        );
    }
    write(runs.path(), &Run { scores: &[], ..FIRST })?;
    let message = refused(runs.path(), &["compare"], 1)?;
    assert!(
        message.contains("mlp/first is the only run of its chapter"),
        "{message}"
    );
    let message = refused(runs.path(), &["plot"], 1)?;
    assert!(
        message.contains("none of the runs has a complete epoch"),
        "{message}"
    );
    let missing = runs.path().join("missing");
    for arguments in [&["list"][..], &["compare"], &["show", "first"]] {
        let message = refused(&missing, arguments, 1)?;
        assert!(
            message.contains(
                "missing not read; train a chapter first, or name the folder with --runs-dir"
            ),
            "{message}"
        );
    }
    Ok(())
}

#[test]
fn whoever_reads_may_stop_reading() -> Result<()> {
    let runs = tempdir()?;
    // More than a pipe holds, so that the command is still writing when the pipe closes.
    write(runs.path(), &Run { scores: &[(0.5, 0.75); 5000], ..FIRST })?;
    let mut child = command(runs.path(), &["show", "first", "--all"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    drop(child.stdout.take());
    let output = child.wait_with_output()?;
    assert_eq!(String::from_utf8(output.stderr)?, "");
    assert!(output.status.success(), "{:?}", output.status);
    Ok(())
}

#[cfg(target_os = "linux")]
#[test]
fn output_that_cannot_be_written_is_an_error() -> Result<()> {
    let runs = tempdir()?;
    write(runs.path(), &FIRST)?;
    let full = fs::File::options().write(true).open("/dev/full")?;
    let output = command(runs.path(), &["list"]).stdout(full).output()?;
    assert_eq!(output.status.code(), Some(1));
    assert!(
        String::from_utf8(output.stderr)?
            .starts_with("error: standard output not written: No space left")
    );
    Ok(())
}

#[test]
fn help_names_every_command() -> Result<()> {
    let runs = tempdir()?;
    let output = command(runs.path(), &["--help"]).output()?;
    let text = String::from_utf8(output.stdout)?;
    assert!(output.status.success());
    for name in [
        "list",
        "show",
        "compare",
        "verify",
        "plot",
        "--runs-dir",
        "D2L_RUNS",
    ] {
        assert!(text.contains(name), "{text}");
    }
    Ok(())
}
