//! Long short-term memory: beside the state runs a memory that gates write and read. D2L zh 9.2, en 10.1; Hochreiter and
//! Schmidhuber 1997.

pub mod concise;
pub mod scratch;

/// `--model lstm`
pub const NAME: &str = "lstm";
