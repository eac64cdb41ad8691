//! Gated recurrent units: gates decide what of the state is kept. D2L zh 9.1, en 10.2; Cho et al. 2014, arXiv:1406.1078.

pub mod concise;
pub mod scratch;

/// `--model gru`
pub const NAME: &str = "gru";
