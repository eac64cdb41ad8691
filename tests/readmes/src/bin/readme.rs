//! Checks the READMEs, or writes them.

use std::process::ExitCode;

fn main() -> ExitCode {
    d2l_command::main(|args| readmes::pages(args).map(|()| ExitCode::SUCCESS))
}
