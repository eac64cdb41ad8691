//! The simple recurrent network: its state is a function of the token and of the state before. D2L zh 8.4-8.6, en 9.4-9.6.

pub mod concise;
pub mod scratch;

/// `--model rnn`
pub const NAME: &str = "rnn";
/// `--model rnn-random-sampling`: the same network, whose minibatches don't follow on one another. D2L zh 8.5.6.
pub const RANDOM_SAMPLING: &str = "rnn-random-sampling";
