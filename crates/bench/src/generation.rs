//! Writing text with a language model.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use candle_core::{Device, Tensor, bail};
use d2l::Decoding;
use d2l::nn::ParamStore;
use transformer::gpt::generation::generate;
use transformer::gpt::network::Gpt;

use crate::Work;

/// Some tokens after a prompt of one, the most likely each time, with a cache of keys and values.
pub struct Generation {
    model: Gpt,
    params: ParamStore,
    tokens: usize,
    last: Option<Vec<u32>>,
}

impl Generation {
    /// Steps in which `model`, whose parameters are `params`, writes `tokens` tokens.
    pub fn new(model: Gpt, params: ParamStore, tokens: usize) -> Self {
        Self { model, params, tokens, last: None }
    }
}

impl Work for Generation {
    fn step(&mut self) -> candle_core::Result<()> {
        let place = (0, &Device::Cpu);
        match generate(&self.model, &[0], self.tokens, &Decoding::GREEDY, place) {
            Ok(tokens) => self.last = Some(tokens),
            Err(error) => bail!("{error:#}"),
        }
        Ok(())
    }

    /// The mean of the tokens times their places, which differs as soon as one token does.
    fn values(&self) -> Result<Vec<f64>> {
        let tokens = self.last.as_ref().context("no step was made")?;
        let weighted = (1u32..).zip(tokens).map(|(i, token)| f64::from(i * token));
        Ok(vec![weighted.sum::<f64>() / tokens.len() as f64])
    }

    fn initial(&self) -> BTreeMap<String, Tensor> {
        self.params.state()
    }
}
