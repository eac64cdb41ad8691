//! English sentences and their French translations: reading, cutting into tokens, padding, and the BLEU score.
//!
//! D2L zh 9.5 and 9.7.6, en 10.5 and 10.7.6. Reading order: `sentence` (a pair and its tokens), `parallel_text` (pairs
//! as numbers, all equally long), `fra_eng` (the file, or the built-in sentences), `view` (a minibatch as text),
//! `bleu`.

use candle_core::{Result, Tensor};

pub use bleu::{CorpusBleu, Smoothing, bleu, corpus_bleu};
pub use fra_eng::english_french;
pub use parallel_text::{ParallelText, TestSentence, TranslationOptions};
pub use sentence::{SentencePair, normalize, sentence_tokens};

mod bleu;
mod fra_eng;
mod parallel_text;
mod sentence;
mod view;

/// Fills a sequence up to its number of time steps.
pub const PADDING: &str = "<pad>";
/// Begins the decoder's input.
pub const BEGIN: &str = "<bos>";
/// Ends every sequence that isn't cut off.
pub const END: &str = "<eos>";

/// The decoder's input in training (teacher forcing): `begin`, then the target without its last token, so that time
/// step t sees the target of time step t - 1. zh 9.7.4, en 10.7.3. `[B, T] -> [B, T]`
///
/// # Errors
/// If `target` isn't `[B, T]`, u32, with at least one time step.
pub fn decoder_input(target: &Tensor, begin: u32) -> Result<Tensor> {
    let (batch, steps) = target.dims2()?;
    if steps == 0 {
        candle_core::bail!("found targets of 0 time steps, wanted at least one");
    }
    let begin = Tensor::full(begin, (batch, 1), target.device())?;
    Tensor::cat(&[&begin, &target.narrow(1, 0, steps - 1)?], 1)
}

#[cfg(test)]
mod tests;
