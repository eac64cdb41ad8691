//! Fetches the real data sets and checks them.

use std::process::ExitCode;

fn main() -> ExitCode {
    fetch_data::main(std::env::args_os())
}
