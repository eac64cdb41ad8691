//! Writing text: the model reads what it has written so far, and the next token is drawn.
//!
//! Keys and values of the tokens so far stay in a cache, so that a step computes those of one token only. Positions are
//! learned up to the end of the context. When the context is full, the model continues from its second half.

use anyhow::{Result, bail};
use candle_core::{Device, Tensor};
use d2l::nn::{Mode, no_grad};
use d2l::random::{Purpose, Stream};
use d2l::{Decoding, check_interrupt};

use super::network::Gpt;

/// `prompt` and `count` tokens that the model writes after it. `seed` decides the draws.
///
/// # Errors
/// If the prompt is empty.
pub fn generate(
    model: &Gpt,
    prompt: &[u32],
    count: usize,
    decoding: &Decoding,
    (seed, device): (u64, &Device),
) -> Result<Vec<u32>> {
    if prompt.is_empty() {
        bail!("found an empty prompt, wanted a token at least for the model to start from");
    }
    let mut draws = Stream::once(seed, Purpose::Sample, "text").rng();
    let mut tokens = prompt.to_vec();
    let mut caches = model.caches();
    // The caches hold the tokens from `first` to `read`.
    let (mut first, mut read) = (0, 0);
    for _ in 0..count {
        check_interrupt()?;
        if tokens.len() - first > model.context() {
            first = tokens.len() - model.context().div_ceil(2);
            read = first;
            caches = model.caches();
        }
        let x = Tensor::new(&tokens[read..], device)?.unsqueeze(0)?; // [1, T]
        let logits = no_grad(|| model.forward_from(&x, &mut caches, Mode::Evaluate))?;
        read = tokens.len();
        let last = logits.get_on_dim(1, x.dim(1)? - 1)?; // [1, V]
        let last: Vec<f32> = last.flatten_all()?.to_vec1()?;
        tokens.push(decoding.choose(&last, &mut draws));
    }
    Ok(tokens)
}
