//! The Transformer's encoder: every position of a sequence looks at all others. D2L zh 10.7.4, en 11.7.4.

use attention::heads::Cache;
use attention::mask::Mask;
use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;
use d2l::nn::{Initializer, Mode};

use crate::block::{AddNorm, Attention, BlockOptions, FeedForward};

/// Self-attention and a feed-forward network, each with a residual path around it. Also the block of GPT and of the
/// vision Transformer.
#[derive(Clone, Debug)]
pub struct EncoderBlock {
    attention: Attention,
    norm1: AddNorm,
    ffn: FeedForward,
    norm2: AddNorm,
}

impl EncoderBlock {
    /// Parameters `attention.…`, `norm1.…`, `ffn.…` and `norm2.…`.
    pub fn new(options: &BlockOptions, init: &Initializer, vb: VarBuilder) -> Result<Self> {
        Ok(Self {
            attention: Attention::new(options, init, vb.pp("attention"))?,
            norm1: AddNorm::new(options, options.output_dropout, vb.pp("norm1"))?,
            ffn: FeedForward::new(options, init, vb.pp("ffn"))?,
            norm2: AddNorm::new(options, options.ffn_output_dropout, vb.pp("norm2"))?,
        })
    }

    /// `[B, T, H] -> [B, T, H]`. With a cache, each position also attends to the positions in it.
    pub fn forward(
        &self,
        x: &Tensor,
        mask: Mask,
        cache: Option<&mut Cache>,
        mode: Mode,
    ) -> Result<Tensor> {
        let attend = |x: &Tensor| self.attention.forward(x, x, mask, cache, mode);
        let h = self.norm1.around(x, mode, attend)?;
        self.norm2.around(&h, mode, |h| self.ffn.forward(h, mode))
    }
}

/// The blocks `blocks.0`, `blocks.1`, ….
pub fn encoder_blocks(
    num_blocks: usize,
    options: &BlockOptions,
    init: &Initializer,
    vb: &VarBuilder,
) -> Result<Vec<EncoderBlock>> {
    let block = |number| EncoderBlock::new(options, init, vb.pp(format!("blocks.{number}")));
    (0..num_blocks).map(block).collect()
}
