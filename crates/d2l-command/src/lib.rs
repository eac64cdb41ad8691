//! The command line that all programs of this workspace share: arguments, one-line errors, exit codes.
//!
//! The exit code is 0 for success; 2 for a wrong call ([`Usage`], or arguments that don't parse); 130 after Ctrl-C
//! ([`Interrupted`]); 1 for any other error. A program's `main.rs` calls [`main()`] with the function that does the
//! work. It speaks the reader's language: `--lang`, or that of the locale. Errors are made in English, and translated
//! where they are shown.
//! [`usage!`] ends a function with a wrong call's error, [`screen_width`] is the width for a table, and [`paint`]
//! colours a word if the output is a terminal that shows colours.

mod colour;
mod language;
mod screen;

pub use colour::{Colour, paint};
pub use language::LANGUAGE_VARIABLE;
pub use screen::screen_width;

use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{ArgMatches, Command, Parser};
use d2l_language::{Language, translated, translated_error};

/// The arguments ask for something impossible: exit code 2.
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

/// The program was asked to stop, by Ctrl-C for instance, and has saved what it did: exit code 130.
#[derive(Debug, Default)]
pub struct Interrupted {
    /// The command that continues from here, if there is one.
    pub command: Option<String>,
}

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match &self.command {
            Some(command) => write!(f, "interrupted; to continue: {command}"),
            None => f.write_str("interrupted"),
        }
    }
}

impl std::error::Error for Interrupted {}

/// Parses the program's arguments as `A` and runs it. Errors are one line on stderr.
pub fn main<A: Parser, O: Into<ExitCode>>(run: impl FnOnce(&A) -> Result<O>) -> ExitCode {
    main_of(
        A::command(),
        |_| None,
        |matches| run(&A::from_arg_matches(matches)?),
    )
}

/// Like [`main()`], for a command that is built by hand. `explain` may replace clap's error with a better one.
pub fn main_of<O: Into<ExitCode>>(
    command: Command,
    explain: impl FnOnce(&clap::Error) -> Option<String>,
    run: impl FnOnce(&ArgMatches) -> Result<O>,
) -> ExitCode {
    d2l_language::set(language::of_call());
    // So that `--batch-size -1` is a wrong number, not an unknown flag.
    let command = command.allow_negative_numbers(true);
    let command = language::localised(command.arg(language::flag()));
    let matches = match command.try_get_matches() {
        Ok(matches) => matches,
        Err(error) => match explain(&error) {
            Some(message) => {
                complain(&format!("{message}; --help lists the flags"));
                return ExitCode::from(2);
            }
            None => return misread(&error),
        },
    };
    match run(&matches) {
        Ok(outcome) => outcome.into(),
        Err(error) => {
            if let Some(error) = error.downcast_ref::<clap::Error>() {
                return misread(error);
            }
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

/// Prints `error: ` and the message as one line to stderr, in the reader's language.
pub fn complain(message: &str) {
    say("error", message);
}

/// Prints `warning: ` and the message as one line to stderr, in the reader's language.
pub fn warn(message: &str) {
    say("warning", message);
}

/// Prints one line to stderr. A closed stderr is no error.
fn say(kind: &str, message: &str) {
    let lines = message
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty());
    let line = lines.collect::<Vec<_>>().join(" ");
    let line = translated(&format!("{kind}: {}", translated_error(&line)));
    let _ = writeln!(io::stderr(), "{}", harmless(&line));
}

/// The text without control characters, which would command a terminal: a log may have been written by somebody else.
fn harmless(text: &str) -> String {
    let commands = |c: char| c.is_control() && c != '\n' && c != '\t';
    text.replace(commands, "\u{fffd}")
}

/// Writes messages to stdout in the reader's language, line by line.
pub fn print_translated(text: &str) -> Result<()> {
    print(&translated(text))
}

/// Writes to stdout, with [`paint`]ed text in colour on a terminal. A reader that has closed the pipe (`| head`) is no
/// error; a full disk is one.
pub fn print(text: &str) -> Result<()> {
    let text = colour::marks_replaced(&harmless(text), colour::is_wanted());
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.context("standard output not written"),
    }
}

/// Prints help unchanged, and an error in one line, without the synopsis.
fn misread(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        // --help and --version
        return match error.print() {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                complain(&format!("standard output not written: {error}"));
                ExitCode::FAILURE
            }
            _ => ExitCode::SUCCESS,
        };
    }
    complain(&format!(
        "{}; --help lists the flags",
        body(&error.to_string())
    ));
    ExitCode::from(2)
}

/// The part of clap's message before its synopsis, in the reader's language, with semicolons between its lines.
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
            None | Some('：') => {}
            Some(':' | ',') => body.push(' '),
            Some(_) => body.push_str(match d2l_language::current() {
                Language::English => "; ",
                Language::Chinese => "；",
            }),
        }
        body.push_str(&translated_error(line.trim_end_matches('.')));
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_not_commanded() {
        assert_eq!(
            harmless("a\u{1b}[2Jb\rc\td\n"),
            "a\u{fffd}[2Jb\u{fffd}c\td\n"
        );
    }

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
