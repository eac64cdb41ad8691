//! `--precision`: products in 16 bits train nearly as well, and a run in f16 keeps its loss scale when it is resumed.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

use crate::support::{Desk, assert_equal_runs, log};

const FLAGS: [&str; 7] = [
    "mlp",
    "--data",
    "builtin",
    "--examples",
    "2000",
    "--num-hiddens",
    "64",
];

#[test]
fn sixteen_bits_train_nearly_as_well_as_f32() -> Result<()> {
    let desk = Desk::new()?;
    let train = |precision: &str| {
        let flags = ["--epochs", "5", "--precision", precision];
        desk.train("mlp", precision, &[&FLAGS[..], &flags].concat())
    };
    let last = |folder: PathBuf| -> Result<_> {
        let log = log(&folder)?;
        let epoch = log.epochs.last().context("five epochs")?.clone();
        Ok((log.header.recipe.get("precision").cloned(), epoch))
    };
    let (none, single) = last(train("f32")?)?;
    ensure!(none.is_none(), "the log of a run in f32 stays as it was");
    for precision in ["bf16", "f16"] {
        let (named, epoch) = last(train(precision)?)?;
        ensure!(named == Some(precision.into()), "{named:?}");
        let gap = |metric: &str| (epoch.train[metric] - single.train[metric]).abs();
        let (loss, accuracy) = (gap("loss"), gap("accuracy"));
        ensure!(
            loss > 0.0 && loss < 0.02 && accuracy < 0.01,
            "{precision}: the loss differs by {loss}, the accuracy by {accuracy}"
        );
    }
    Ok(())
}

/// Large initial values, whose gradients overflow f16 until the factor of the loss is small enough.
#[test]
fn steps_that_overflow_are_skipped_and_a_resumed_run_knows_the_factor() -> Result<()> {
    let desk = Desk::new()?;
    let large = ["--initializer", "normal:1", "--learning-rate", "0.01"];
    let flags = [&FLAGS[..], &large, &["--precision", "f16"]].concat();
    let with = |epochs| [&flags[..], &["--epochs", epochs]].concat();
    let whole = desk.train("mlp", "whole", &with("2"))?;

    let said = desk.succeed("mlp", &[&["--name", "parts"][..], &with("1")].concat())?;
    ensure!(
        said.contains("step 1: gradients too large for f16"),
        "{said}"
    );
    ensure!(said.contains("scaled by 32768"), "{said}");
    let said = desk.succeed(
        "mlp",
        &[&["--name", "parts", "--resume"][..], &with("2")].concat(),
    )?;
    ensure!(!said.contains("too large for f16"), "{said}");
    assert_equal_runs(&whole, &desk.run_folder("mlp", "parts"))
}
