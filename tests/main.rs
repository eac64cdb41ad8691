//! The promises of the whole workspace, tested on its real programs: one module per promise.

// Tests may panic, and so may functions that only tests call.
#![allow(clippy::expect_used)]

mod architectures;
mod bad_input;
mod bands;
mod composed;
mod determinism;
mod fuzz_resume;
mod interruption;
mod language;
mod log_schema;
mod loops;
mod naming;
mod parameters;
mod precision;
mod readme;
mod real_data;
mod rust_version;
mod steps;
mod support;
mod sweeps;
