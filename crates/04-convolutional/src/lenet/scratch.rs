//! LeNet by hand, of the cross-correlation and the pooling that stand in [`crate::cross_correlation`] and
//! [`crate::pooling`].
//!
//! D2L zh 6.2-6.6, en 7.2-7.6. A convolutional layer computes y(o, r, c) = b(o) + what [`corr2d`] gives.

use anyhow::Result;
use candle_core::Tensor;
use d2l::nn::{Initializer, Mode, Network, ParamStore, Sees, report_layer};
use d2l::{Preset, Recipe};

use super::{Activation, CHANNELS, HIDDENS, Options, Pooling, last_side};
use crate::cross_correlation::{corr2d, pad};
use crate::pictures::Shape;
use crate::pooling::{Region, avg_pool2d, max_pool2d};

const QUICK: Recipe = Recipe {
    epochs: 5,
    batch_size: 256,
    learning_rate: 0.9,
    initializer: Initializer::Xavier,
    ..Recipe::SGD
};
/// The experiments. The book trains LeNet with the library only, so these have no bands.
pub const PRESETS: &[Preset<Options>] = &[Preset::quick(5, "zh 6.2-6.6", QUICK, Options::BOOK)];

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

/// Convolution, activation and pooling, twice; then three dense layers.
pub struct LeNet {
    conv1: Layer,
    conv2: Layer,
    dense1: Layer,
    dense2: Layer,
    output: Layer,
    activation: Activation,
    pooling: Pooling,
}

impl LeNet {
    /// For square pictures; the book's are grey, of 28 × 28 pixels.
    pub fn new(
        shape: Shape,
        options: &Options,
        init: &Initializer,
        params: &ParamStore,
    ) -> Result<Self> {
        let layer = |name: &str, shape: &[usize]| Layer::new(name, shape, init, params);
        let [c1, c2] = CHANNELS;
        let [h1, h2] = HIDDENS;
        Ok(Self {
            conv1: layer("conv1", &[c1, shape.channels, 5, 5])?,
            conv2: layer("conv2", &[c2, c1, 5, 5])?,
            dense1: layer("dense1", &[h1, c2 * last_side(shape.side)?.pow(2)])?,
            dense2: layer("dense2", &[h2, h1])?,
            output: layer("output", &[shape.classes, h2])?,
            activation: options.activation,
            pooling: options.pooling,
        })
    }
}

impl Network for LeNet {
    /// `[B, C, S, S] -> [B, K]`: logits.
    fn forward(&self, x: &Tensor, _: Mode) -> candle_core::Result<Tensor> {
        let activate = match self.activation {
            Activation::Sigmoid => sigmoid,
            Activation::Relu => relu,
        };
        let pool = |h: &Tensor| match self.pooling {
            Pooling::Avg => avg_pool2d(h, &Region::side_by_side(2)),
            Pooling::Max => max_pool2d(h, &Region::side_by_side(2)),
        };
        let h = self.conv1.convolve(&pad(x, (2, 2), 0.0)?)?;
        let h = pool(&activate(&h)?)?; // [B, 6, 14, 14]
        let h = pool(&activate(&self.conv2.convolve(&h)?)?)?; // [B, 16, 5, 5]
        let h = activate(&self.dense1.multiply(&h.flatten_from(1)?)?)?;
        self.output.multiply(&activate(&self.dense2.multiply(&h)?)?)
    }
}
