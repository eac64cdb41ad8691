//! What the whole workspace promises, tested on its real programs: one module per promise.

// A test may panic, and so may what only tests call.
#![allow(clippy::expect_used)]

mod architectures;
mod bad_input;
mod determinism;
mod interruption;
mod log_schema;
mod naming;
mod parameters;
mod presets;
mod readme;
mod real_data;
mod support;
