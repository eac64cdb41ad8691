//! Bad input gets one clear line on stderr and the right exit code: 2 for a wrong call, 1 for the rest. One module for
//! each kind of input.

mod calls;
mod divergence;
mod files;

use anyhow::{Result, ensure};

use crate::support::Desk;

/// Runs a call that must fail with `code` and one line that contains all of `wanted`.
fn refuse(desk: &Desk, name: &str, arguments: &[&str], code: i32, wanted: &[&str]) -> Result<()> {
    let output = desk.run(name, arguments)?;
    let stderr = String::from_utf8(output.stderr)?;
    let call = format!("{name} {}", arguments.join(" "));
    ensure!(
        output.status.code() == Some(code),
        "{call}: {}, wanted {code}\n{stderr}",
        output.status
    );
    ensure!(
        !stderr.contains("panicked") && !stderr.contains("stack backtrace"),
        "{call}: {stderr}"
    );
    ensure!(
        stderr.lines().count() == 1,
        "{call}: wanted one line, found\n{stderr}"
    );
    ensure!(stderr.starts_with("error: "), "{call}: {stderr}");
    for word in wanted {
        ensure!(stderr.contains(word), "{call}: no {word:?} in {stderr}");
    }
    Ok(())
}
