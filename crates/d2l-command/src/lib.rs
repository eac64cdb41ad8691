//! What every program of this workspace does around its work: arguments in, one-line errors and an exit code out.
//!
//! The exit code is 0; 2 for a wrong call ([`Usage`], or arguments that don't parse); 130 after Ctrl-C
//! ([`Interrupted`]); 1 for anything else that went wrong. A program's `main.rs` calls [`main()`] with the function that
//! does the work.

use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;

/// The arguments ask for something that cannot be: exit code 2.
#[derive(Debug)]
pub struct Usage(pub String);

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// Returns early with a [`Usage`] error made from a format string.
#[macro_export]
macro_rules! usage {
    ($($message:tt)*) => { return Err($crate::Usage(format!($($message)*)).into()) };
}

/// Ctrl-C was pressed; the run's state is saved: exit code 130.
#[derive(Debug)]
pub struct Interrupted;

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("interrupted; the same command with --resume goes on from here")
    }
}

impl std::error::Error for Interrupted {}

/// Parses the program's arguments as `A` and runs it. Errors are one line on stderr.
pub fn main<A: Parser, O: Into<ExitCode>>(run: impl FnOnce(&A) -> Result<O>) -> ExitCode {
    // So that `--batch-size -1` is a wrong number, not an unknown flag.
    let command = A::command().allow_negative_numbers(true);
    let parsed = command
        .try_get_matches()
        .and_then(|matches| A::from_arg_matches(&matches));
    let args = match parsed {
        Ok(args) => args,
        Err(error) => return misread(&error),
    };
    match run(&args) {
        Ok(outcome) => outcome.into(),
        Err(error) => {
            complain(&format!("{error:#}"));
            ExitCode::from(if error.is::<Usage>() {
                2
            } else if error.is::<Interrupted>() {
                130
            } else {
                1
            })
        }
    }
}

/// Prints `error: ` and the message as one line to stderr.
pub fn complain(message: &str) {
    say("error", message);
}

/// Prints `warning: ` and the message as one line to stderr.
pub fn warn(message: &str) {
    say("warning", message);
}

/// Prints one line to stderr, which may be closed.
fn say(kind: &str, message: &str) {
    let lines = message
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty());
    let line = lines.collect::<Vec<_>>().join(" ");
    let _ = writeln!(io::stderr(), "{kind}: {line}");
}

/// Writes to stdout. A reader that has read enough (`| head`) is no error, a full disk is.
pub fn print(text: &str) -> Result<()> {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.context("standard output not written"),
    }
}

/// Help goes out as it is; an error becomes one line, without the synopsis.
fn misread(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        let _ = error.print(); // --help and --version; whoever asked may have stopped reading
        return ExitCode::SUCCESS;
    }
    complain(&format!(
        "{}; --help lists the flags",
        body(&error.to_string())
    ));
    ExitCode::from(2)
}

/// What a message of clap's says before its synopsis, its lines parted by semicolons.
fn body(message: &str) -> String {
    let mut body = String::new();
    let lines = message
        .trim_start_matches("error: ")
        .lines()
        .map(str::trim)
        .take_while(|line| {
            !line.starts_with("Usage:") && !line.starts_with("For more information")
        });
    for line in lines.filter(|line| !line.is_empty()) {
        match body.chars().last() {
            None => {}
            Some(':' | ',') => body.push(' '),
            Some(_) => body.push_str("; "),
        }
        body.push_str(line.trim_end_matches('.'));
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_of_several_lines_becomes_one() {
        let clap = "error: invalid value 'x' for '--seed <N>': invalid digit\n\nUsage: mlp [OPTIONS]\n\nFor more\n";
        assert_eq!(
            body(clap),
            "invalid value 'x' for '--seed <N>': invalid digit"
        );
        assert_eq!(
            body("error: one\n  [possible values: a, b]\n"),
            "one; [possible values: a, b]"
        );
        assert_eq!(
            body("the following arguments were not provided:\n  <RUN>\n"),
            "the following arguments were not provided: <RUN>"
        );
    }
}
