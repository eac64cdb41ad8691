//! The real data sets, if the environment variable `D2L_DATA` names their folder.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

use crate::support::{Desk, log};

/// The folder of the real data. If there is none, prints so and returns `None`.
fn data_folder(test: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("D2L_DATA")
        .map(PathBuf::from)
        .filter(|folder| !folder.as_os_str().is_empty());
    if folder.is_none() {
        eprintln!("{test}: not run, since D2L_DATA names no data folder");
    }
    folder
}

#[test]
fn the_real_sets_are_learned() -> Result<()> {
    let Some(folder) = data_folder("the_real_sets_are_learned") else {
        return Ok(());
    };
    let folder = folder.to_str().context("a plain path")?;
    let desk = Desk::new()?;
    for (chapter, data_set, wanted) in [
        ("softmax-regression", "fashion-mnist", 0.75),
        ("softmax-regression", "mnist", 0.85),
        ("mlp", "fashion-mnist", 0.75),
        ("mlp", "mnist", 0.88),
    ] {
        let flags = [
            chapter, // its first model
            "--data",
            "real",
            "--data-dir",
            folder,
            "--data-set",
            data_set,
            "--epochs",
            "1",
        ];
        let run = log(&desk.train(chapter, data_set, &flags)?)?;
        let data = run.header.data.context("the log names the data")?;
        ensure!(data.source == "real" && data.train == 60_000);
        let accuracy = run.epochs[0]
            .metric("valid.accuracy")
            .context("accuracy is logged")?;
        ensure!(
            accuracy > wanted,
            "{chapter} on {data_set}: {accuracy}, wanted above {wanted}"
        );
    }
    Ok(())
}

/// The synthetic set of the book's first section is the book's own, so its bands hold without any download.
#[test]
fn linear_regression_reaches_the_books_results() -> Result<()> {
    let desk = Desk::new()?;
    for preset in ["zh", "en"] {
        for implementation in ["scratch", "concise"] {
            let flags = [
                "--preset",
                preset,
                "--implementation",
                implementation,
                "--seeds",
                "3",
                "--verify",
            ];
            let shown = desk.succeed("linear-regression", &flags)?;
            ensure!(shown.contains("within"), "{shown}");
        }
    }
    Ok(())
}
