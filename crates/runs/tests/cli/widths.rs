//! Tables fit the width that `COLUMNS` states, and 80 columns without it.

use crate::{FIRST, Run, SECOND, command, is_prose, write};
use anyhow::{Result, ensure};
use tempfile::tempdir;

#[test]
fn tables_fit_the_width() -> Result<()> {
    let runs = tempdir()?;
    let scores: Vec<(f64, f64)> = (1..=100)
        .map(|epoch| (1.0 / f64::from(epoch), 1.0 - 0.5 / f64::from(epoch)))
        .collect();
    write(runs.path(), &Run { scores: &scores, ..FIRST })?;
    write(
        runs.path(),
        &Run { scores: &scores, learning_rate: 0.3, ..SECOND },
    )?;
    let calls: [&[&str]; 4] = [
        &["list"],
        &[
            "list",
            "--sort",
            "-valid.accuracy",
            "--where",
            "recipe.learning_rate>0",
        ],
        &["show", "mlp/first"],
        &["compare", "mlp/first", "mlp/second"],
    ];
    for (columns, width) in [(None, 80), (Some("80"), 80), (Some("60"), 60)] {
        for call in calls {
            let mut command = command(runs.path(), call);
            if let Some(columns) = columns {
                command.env("COLUMNS", columns);
            }
            let text = String::from_utf8(command.output()?.stdout)?;
            let call = call.join(" ");
            ensure!(text.lines().count() > 4, "{call}: {text}");
            for line in text.lines().filter(|line| !is_prose(line)) {
                let found = line.chars().count();
                ensure!(found <= width, "{call}: {found} columns of {width}: {line}");
            }
        }
    }
    Ok(())
}

#[test]
fn curves_stand_beside_their_numbers() -> Result<()> {
    let runs = tempdir()?;
    write(runs.path(), &Run { scores: &[(0.5, 0.75); 100], ..FIRST })?;
    let output = command(runs.path(), &["show", "mlp/first"]).output()?;
    let text = String::from_utf8(output.stdout)?;
    let is_curve = |line: &&str| line.starts_with("gradient_norm") && line.contains('▄');
    let curve = text.lines().find(is_curve).unwrap_or_default();
    ensure!(curve.contains("0.5000"), "{text}");
    Ok(())
}
