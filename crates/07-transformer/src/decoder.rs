//! The Transformer's decoder: every position looks at those before it, and at the encoder's outputs. D2L zh 10.7.5, en
//! 11.7.5.

use attention::heads::Cache;
use attention::mask::Mask;
use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;
use d2l::nn::{Initializer, Mode};

use crate::block::{AddNorm, Attention, BlockOptions, FeedForward};

/// Self-attention to the past, attention to the encoder's outputs, and a feed-forward network.
#[derive(Clone, Debug)]
pub struct DecoderBlock {
    attention1: Attention,
    norm1: AddNorm,
    attention2: Attention,
    norm2: AddNorm,
    ffn: FeedForward,
    norm3: AddNorm,
}

impl DecoderBlock {
    /// Parameters `attention1.…`, `norm1.…`, `attention2.…`, `norm2.…`, `ffn.…` and `norm3.…`.
    pub fn new(options: &BlockOptions, init: &Initializer, vb: VarBuilder) -> Result<Self> {
        let output_dropout = options.output_dropout;
        Ok(Self {
            attention1: Attention::new(options, init, vb.pp("attention1"))?,
            norm1: AddNorm::new(options, output_dropout, vb.pp("norm1"))?,
            attention2: Attention::new(options, init, vb.pp("attention2"))?,
            norm2: AddNorm::new(options, output_dropout, vb.pp("norm2"))?,
            ffn: FeedForward::new(options, init, vb.pp("ffn"))?,
            norm3: AddNorm::new(options, options.ffn_output_dropout, vb.pp("norm3"))?,
        })
    }

    /// `[B, T, H]` and the encoder's outputs `[B, S, H]`, of which `source` says which count, to `[B, T, H]`.
    ///
    /// `target` says what a position sees of its own sequence; it attends to the positions in the cache as well.
    pub fn forward(
        &self,
        x: &Tensor,
        encoded: &Tensor,
        (source, target): (Mask, Mask),
        cache: &mut Cache,
        mode: Mode,
    ) -> Result<Tensor> {
        let attend = |x: &Tensor| self.attention1.forward(x, x, target, Some(cache), mode);
        let h = self.norm1.around(x, mode, attend)?;
        let look = |h: &Tensor| self.attention2.forward(h, encoded, source, None, mode);
        let h = self.norm2.around(&h, mode, look)?;
        self.norm3.around(&h, mode, |h| self.ffn.forward(h, mode))
    }
}
