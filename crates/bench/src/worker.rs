//! Commands in, answers out: one line each.
//!
//! | command | what is done | answer |
//! |---|---|---|
//! | `check N` | N steps | `{"values": […]}`: after each step what it computed, see [`Work::values`] |
//! | `time N` | N steps | `{"milliseconds": […]}`: of each step |
//!
//! Between two commands nothing computes here: the reader sleeps, and so do rayon's threads.

use std::io::{BufRead, Write};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::Work;

/// Answers the commands of `input` until it ends.
///
/// # Errors
/// If a step fails or a command is unknown.
pub fn serve(work: &mut dyn Work, input: impl BufRead, mut output: impl Write) -> Result<()> {
    for line in input.lines() {
        let answer = answer(work, &line?)?;
        writeln!(output, "{answer}")?;
        output.flush()?;
    }
    Ok(())
}

fn answer(work: &mut dyn Work, command: &str) -> Result<Value> {
    let wanted = || format!("found the command {command:?}, wanted `check N` or `time N`");
    let (verb, steps) = command.split_once(' ').with_context(wanted)?;
    let steps: usize = steps.parse().with_context(wanted)?;
    match verb {
        "check" => {
            let mut values = Vec::with_capacity(steps);
            for _ in 0..steps {
                work.step()?;
                values.push(work.values()?);
            }
            Ok(json!({"values": values}))
        }
        "time" => {
            let mut milliseconds = Vec::with_capacity(steps);
            for _ in 0..steps {
                let began = Instant::now();
                work.step()?;
                milliseconds.push(1e3 * began.elapsed().as_secs_f64());
            }
            Ok(json!({"milliseconds": milliseconds}))
        }
        _ => bail!(wanted()),
    }
}
