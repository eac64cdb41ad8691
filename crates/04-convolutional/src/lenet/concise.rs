//! LeNet with the library. D2L zh 6.6, en 7.6; LeCun et al. 1998.

use anyhow::Result;
use candle_core::{Module, Tensor};
use d2l::PresetName::{En, Zh};
use d2l::nn::{
    Conv2d, Conv2dConfig, Dropout, Initializer, Linear, Mode, Network, ParamStore, Pool2d,
    avg_pool2d, conv2d, linear, max_pool2d, relu, sigmoid,
};
use d2l::{Preset, Recipe};

use super::{Activation, Options, Pooling};
use crate::pictures::Shape;

const ZH: Recipe = Recipe {
    epochs: 10,
    batch_size: 256,
    learning_rate: 0.9,
    initializer: Initializer::Xavier,
    ..Recipe::SGD
};
const EN: Recipe = Recipe { batch_size: 128, learning_rate: 0.1, ..ZH };
/// The experiments.
pub const PRESETS: &[Preset<Options>] = &[
    Preset::quick(5, "zh 6.6", ZH, Options::BOOK),
    Preset::new(Zh, "zh 6.6", ZH, Options::BOOK),
    Preset::new(En, "en 7.6", EN, Options::BOOK),
];

/// Convolution, activation and pooling, again and again (the book's has two of each); then dense layers.
pub struct LeNet {
    convolutions: Vec<Conv2d>,
    dense: Vec<Linear>,
    dropout: Vec<Dropout>,
    output: Linear,
    activation: Activation,
    pooling: Pooling,
}

impl LeNet {
    /// For square pictures; the book's are grey, of 28 × 28 pixels.
    ///
    /// # Errors
    /// If a kernel or a pooling region is larger than what is left of the pictures.
    pub fn new(
        shape: Shape,
        options: &Options,
        init: &Initializer,
        params: &ParamStore,
    ) -> Result<Self> {
        let vb = params.builder();
        let (mut convolutions, mut dense, mut dropout) = (Vec::new(), Vec::new(), Vec::new());
        let (mut inputs, mut padding) = (shape.channels, options.padding());
        for (number, &channels) in (1..).zip(options.channels.iter()) {
            let (size, config) = (
                options.kernel_size,
                Conv2dConfig::default().padding(padding),
            );
            let vb = vb.pp(format!("conv{number}"));
            convolutions.push(conv2d(inputs, channels, size, config, init, vb)?);
            (inputs, padding) = (channels, 0); // the first alone has padding
        }
        let mut width = inputs * options.last_side(shape.side)?.pow(2);
        for (number, &units) in (1..).zip(options.hiddens.iter()) {
            dense.push(linear(width, units, init, vb.pp(format!("dense{number}")))?);
            if options.dropout > 0.0 {
                dropout.push(Dropout::new(options.dropout, format!("dropout{number}"))?);
            }
            width = units;
        }
        Ok(Self {
            convolutions,
            dense,
            dropout,
            output: linear(width, shape.classes, init, vb.pp("output"))?,
            activation: options.activation,
            pooling: options.pooling,
        })
    }
}

impl Network for LeNet {
    /// `[B, C, S, S] -> [B, K]`: logits. The shapes are the book's.
    fn forward(&self, x: &Tensor, mode: Mode) -> candle_core::Result<Tensor> {
        let activate = match self.activation {
            Activation::Sigmoid => sigmoid,
            Activation::Relu => relu,
        };
        let pool = |h: &Tensor| match self.pooling {
            Pooling::Avg => avg_pool2d(h, &Pool2d::new(2), true),
            Pooling::Max => max_pool2d(h, &Pool2d::new(2)),
        };
        let mut h = x.clone();
        for conv in &self.convolutions {
            h = pool(&activate(&conv.forward(&h)?)?)?; // [B, 6, 14, 14], then [B, 16, 5, 5]
        }
        h = h.flatten_from(1)?; // [B, 400]
        let mut dropout = self.dropout.iter();
        for dense in &self.dense {
            h = activate(&dense.forward(&h)?)?; // [B, 120], then [B, 84]
            if let Some(dropout) = dropout.next() {
                h = dropout.forward_t(&h, mode)?;
            }
        }
        self.output.forward(&h)
    }
}
