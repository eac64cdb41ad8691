//! LeNet by hand, of the cross-correlation and the pooling that stand in [`crate::cross_correlation`] and
//! [`crate::pooling`].
//!
//! D2L zh 6.2-6.6, en 7.2-7.6. A convolutional layer computes y(o, r, c) = b(o) + what [`corr2d`] gives.

use anyhow::Result;
use candle_core::Tensor;
use d2l::nn::{Initializer, Mode, Network, ParamStore, Sees, report_layer};
use d2l::{Preset, Recipe};
use mlp::dropout::scratch::dropout;

use super::{Activation, Options, Pooling};
use crate::cross_correlation::{corr2d, pad};
use crate::pictures::Shape;
use crate::pooling::{Region, avg_pool2d, max_pool2d};

const QUICK: Recipe = Recipe {
    epochs: 5,
    batch_size: 64,
    learning_rate: 0.9,
    initializer: Initializer::Xavier,
    ..Recipe::SGD
};
/// The experiments. The book trains LeNet with the library only, so these have no bands.
/// Sums entry by entry of a kernel are slow, so it learns from a sixth of the pictures, in smaller minibatches.
pub const PRESETS: &[Preset<Options>] =
    &[Preset::quick(5, "zh 6.2-6.6", QUICK, Options::BOOK).on_first(10_000)];

/// 1 / (1 + e^-x). D2L zh 4.1.2.2, en 5.1.2.2.
pub fn sigmoid(x: &Tensor) -> candle_core::Result<Tensor> {
    (x.neg()?.exp()? + 1.0)?.recip()
}

/// max(x, 0). D2L zh 4.1.2.1, en 5.1.2.1.
pub fn relu(x: &Tensor) -> candle_core::Result<Tensor> {
    x.maximum(&x.zeros_like()?)
}

/// A weight and a bias.
pub(crate) struct Layer {
    name: String,
    w: Tensor,
    b: Tensor,
}

impl Layer {
    /// The weight's shape is `[O, …]`; each output reads as many numbers as the rest of it has.
    pub(crate) fn new(
        name: &str,
        shape: &[usize],
        init: &Initializer,
        params: &ParamStore,
    ) -> Result<Self> {
        let vb = params.builder().pp(name);
        let (outputs, rest) = (shape[0], &shape[1..]);
        let area: usize = rest.iter().skip(1).product();
        let (fan_in, fan_out) = (rest.iter().product(), outputs * area);
        Ok(Self {
            name: name.to_string(),
            b: vb.get_with_hints(outputs, "bias", init.bias(fan_in))?,
            w: vb.get_with_hints(shape, "weight", init.weight(fan_in, fan_out))?,
        })
    }

    pub(crate) fn convolve(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        let y = corr2d(x, &self.w)?.broadcast_add(&self.b.reshape((1, (), 1, 1))?)?;
        let (_, channels, height, width) = self.w.dims4()?;
        let sees = Sees::Window { size: (height, width), stride: (1, 1) };
        let multiply_adds = y.elem_count() * channels * height * width;
        report_layer(&self.name, x, &y, sees, multiply_adds); // for --summary
        Ok(y)
    }

    pub(crate) fn multiply(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        let y = x.matmul(&self.w.t()?)?.broadcast_add(&self.b)?;
        let multiply_adds = y.elem_count() * self.w.dim(1)?;
        report_layer(&self.name, x, &y, Sees::All, multiply_adds); // for --summary
        Ok(y)
    }
}

/// Convolution, activation and pooling, again and again (the book's has two of each); then dense layers.
pub struct LeNet {
    convolutions: Vec<Layer>,
    dense: Vec<Layer>,
    output: Layer,
    options: Options,
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
        let layer = |name: &str, shape: &[usize]| Layer::new(name, shape, init, params);
        let size = options.kernel_size;
        let (mut convolutions, mut dense) = (Vec::new(), Vec::new());
        let mut inputs = shape.channels;
        for (number, &channels) in (1..).zip(options.channels.iter()) {
            let shape = [channels, inputs, size, size];
            convolutions.push(layer(&format!("conv{number}"), &shape)?);
            inputs = channels;
        }
        let mut width = inputs * options.last_side(shape.side)?.pow(2);
        for (number, &units) in (1..).zip(options.hiddens.iter()) {
            dense.push(layer(&format!("dense{number}"), &[units, width])?);
            width = units;
        }
        Ok(Self {
            convolutions,
            dense,
            output: layer("output", &[shape.classes, width])?,
            options: options.clone(),
        })
    }
}

impl Network for LeNet {
    /// `[B, C, S, S] -> [B, K]`: logits. The shapes are the book's.
    fn forward(&self, x: &Tensor, mode: Mode) -> candle_core::Result<Tensor> {
        let activate = match self.options.activation {
            Activation::Sigmoid => sigmoid,
            Activation::Relu => relu,
        };
        let pool = |h: &Tensor| match self.options.pooling {
            Pooling::Avg => avg_pool2d(h, &Region::side_by_side(2)),
            Pooling::Max => max_pool2d(h, &Region::side_by_side(2)),
        };
        let padding = self.options.padding();
        let mut h = pad(x, (padding, padding), 0.0)?;
        for conv in &self.convolutions {
            h = pool(&activate(&conv.convolve(&h)?)?)?; // [B, 6, 14, 14], then [B, 16, 5, 5]
        }
        h = h.flatten_from(1)?; // [B, 400]
        for (number, dense) in (1..).zip(&self.dense) {
            h = activate(&dense.multiply(&h)?)?; // [B, 120], then [B, 84]
            if let Mode::Train(step) = mode
                && self.options.dropout > 0.0
            {
                h = dropout(&h, self.options.dropout, &format!("dropout{number}"), step)?;
            }
        }
        self.output.multiply(&h)
    }
}
