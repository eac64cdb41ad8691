//! The two errors that decide the exit code: a wrong call (2) and an interrupted run (130).

use std::fmt;

/// The flags ask for something that cannot be: exit code 2.
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
