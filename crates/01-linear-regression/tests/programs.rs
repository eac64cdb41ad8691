//! What the chapter's program leaves in a run's folder.

use anyhow::{Result, ensure};
use d2l::testing::program;

/// The book's overfitting polynomial: its figure has what it learned from, and beside it what it has not seen.
#[test]
fn the_residuals_show_the_held_out_data_too() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let flags = [
        "polynomial-degree19",
        "--epochs",
        "2",
        "--quiet",
        "--name",
        "one",
    ];
    let path = env!("CARGO_BIN_EXE_linear-regression");
    let output = program(path, folder.path(), &flags).output()?;
    ensure!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let figures = folder.path().join("runs/linear-regression/one/figures");
    ensure!(figures.join("fit.svg").exists());
    let figure = std::fs::read_to_string(figures.join("residuals.svg"))?;
    for text in [
        "one on synthetic-polynomial: residuals",
        "training data",
        "held-out data",
        "true",
    ] {
        ensure!(figure.contains(text), "{text}");
    }
    // 100 points of each set, and one of each in the legend.
    ensure!(
        figure.matches("<circle").count() == 2 * 100 + 2,
        "a dot for each example"
    );
    Ok(())
}
