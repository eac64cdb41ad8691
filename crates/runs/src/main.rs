//! Lists, shows, compares and plots training logs.

use std::process::ExitCode;

fn main() -> ExitCode {
    runs::main(std::env::args_os())
}
