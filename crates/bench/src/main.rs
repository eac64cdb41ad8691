//! `scripts/bench/run.sh` starts this program, tells it what to do on standard input and reads its answers.

use std::process::ExitCode;

fn main() -> ExitCode {
    d2l::main(bench::run)
}
