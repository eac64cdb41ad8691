//! Keeps the results of long runs in `scripts/results/`.

use std::process::ExitCode;

fn main() -> ExitCode {
    d2l_command::main(|args| readmes::results(args).map(|()| ExitCode::SUCCESS))
}
