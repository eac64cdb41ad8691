//! Numbers that are no longer finite: the step, the likely cause, the log's last line.

use anyhow::{Result, ensure};

use super::refuse;
use crate::support::Desk;

#[test]
fn a_diverging_run_names_the_step_and_the_cause_and_closes_its_log() -> Result<()> {
    let desk = Desk::new()?;
    let flags = ["--learning-rate", "1e6", "--name", "wild", "--quiet"];
    refuse(
        &desk,
        "linear-regression",
        &flags,
        1,
        &["epoch 1", "step", "learning rate"],
    )?;
    let end = crate::support::log(&desk.run_folder("linear-regression", "wild"))?
        .end
        .expect("the log is closed");
    ensure!(end.status == d2l_log::Status::Failed, "{:?}", end.status);
    ensure!(
        end.reason
            .is_some_and(|reason| reason.contains("not a finite number"))
    );
    Ok(())
}

#[test]
fn a_descent_that_diverges_leaves_the_figure_that_shows_why() -> Result<()> {
    let desk = Desk::new()?;
    let flags = ["airfoil-descent", "--name", "wild", "--quiet"];
    let large = ["--learning-rate", "3", "--epochs", "200"];
    refuse(
        &desk,
        "linear-regression",
        &[&flags[..], &large].concat(),
        1,
        &["not a finite number", "learning rate"],
    )?;
    let figure = desk
        .run_folder("linear-regression", "wild")
        .join("figures/descent.svg");
    let svg = std::fs::read_to_string(figure)?;
    ensure!(svg.contains("η = 3") && !svg.contains("NaN") && !svg.contains("inf"));
    let few = ["airfoil-descent", "--examples", "1"];
    refuse(
        &desk,
        "linear-regression",
        &few,
        1,
        &["1 examples", "minimum"],
    )
}

#[test]
fn a_loss_that_only_validation_sees_explode_is_named_too() -> Result<()> {
    let desk = Desk::new()?;
    let flags = [
        "--learning-rate",
        "1",
        "--batch-size",
        "1000",
        "--epochs",
        "300",
        "--quiet",
    ];
    refuse(
        &desk,
        "linear-regression",
        &flags,
        1,
        &["not a finite number", "epoch", "learning rate"],
    )?;
    let huge = ["--initializer", "normal:1e20", "--quiet"];
    refuse(
        &desk,
        "linear-regression",
        &huge,
        1,
        &["epoch 1, step 1", "initial values"],
    )
}

#[test]
fn the_likely_cause_of_a_divergence_is_named() -> Result<()> {
    let desk = Desk::new()?;
    let deep = [
        "mlp",
        "--num-layers",
        "8",
        "--num-hiddens",
        "64",
        "--initializer",
        "normal:1",
    ];
    for (program, arguments, wanted) in [
        (
            "linear-regression",
            &["--learning-rate", "1e38"][..],
            "the learning rate 1e38",
        ),
        (
            "linear-regression",
            &["--learning-rate", "1e38", "--batch-size", "1000"],
            "the learning rate 1e38",
        ),
        ("mlp", &deep, "initial values (--initializer)"),
    ] {
        let builtin = [arguments, &["--data", "builtin", "--quiet"]].concat();
        refuse(
            &desk,
            program,
            &builtin,
            1,
            &["not a finite number", wanted],
        )?;
    }
    Ok(())
}

/// The only step of a run that holds nothing out: no loss would show what it did.
#[test]
fn parameters_that_are_not_finite_after_the_last_step_are_a_failure() -> Result<()> {
    let desk = Desk::new()?;
    let rate = ["--learning-rate", "1e300"];
    let call = [&["edge-kernel", "--epochs", "1"], &rate[..], &["--quiet"]].concat();
    refuse(
        &desk,
        "convolutional",
        &call,
        1,
        &[
            "the parameter",
            "not a finite number any more after epoch 1",
            "the learning rate 1e300",
        ],
    )
}

#[test]
fn a_wanted_backtrace_changes_no_message() -> Result<()> {
    let desk = Desk::new()?;
    let call = [
        "--init",
        "nowhere.safetensors",
        "--data",
        "builtin",
        "--quiet",
    ];
    let plain = desk.run("mlp", &call)?;
    let with = desk
        .command("mlp", &call)
        .env("RUST_BACKTRACE", "1")
        .output()?;
    ensure!(with.stderr == plain.stderr);
    ensure!(
        plain.status.code() == Some(1)
            && plain.stderr.iter().filter(|&&byte| byte == b'\n').count() == 1
    );
    Ok(())
}
