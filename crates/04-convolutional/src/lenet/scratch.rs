//! LeNet by hand, of the cross-correlation and the pooling that stand in [`crate::cross_correlation`] and
//! [`crate::pooling`].
//!
//! D2L zh 6.2-6.6, en 7.2-7.6. A convolutional layer computes y(o, r, c) = b(o) + what [`corr2d`] gives.

use anyhow::Result;
use candle_core::Tensor;
use d2l::nn::{Initializer, Mode, Network, ParamStore, Sees, report};
use d2l::{Implementation, Preset, PresetName, Recipe};

use super::{Activation, CHANNELS, HIDDENS, Parts, Pooling};
use crate::cross_correlation::{corr2d, pad};
use crate::pooling::{Window, avg_pool2d, max_pool2d};

/// The experiments. The book trains LeNet with the library alone, so that there is no band to be inside of.
pub const PRESETS: &[Preset] = &[Preset {
    model: super::NAME,
    implementation: Implementation::Scratch,
    name: PresetName::Quick,
    section: "zh 6.2-6.6",
    recipe: Recipe {
        epochs: 5,
        batch_size: 256,
        learning_rate: 0.9,
        initializer: Initializer::Xavier,
        ..Recipe::SGD
    },
    bands: &[],
}];

/// 1 / (1 + e^-x). D2L zh 4.1.2.2, en 5.1.2.2.
pub fn sigmoid(x: &Tensor) -> candle_core::Result<Tensor> {
    (x.neg()?.exp()? + 1.0)?.recip()
}

/// max(x, 0). D2L zh 4.1.2.1, en 5.1.2.1.
pub fn relu(x: &Tensor) -> candle_core::Result<Tensor> {
    x.maximum(&x.zeros_like()?)
}

/// What stands behind a layer with weights.
fn activate(x: &Tensor, parts: &Parts) -> candle_core::Result<Tensor> {
    match parts.activation {
        Activation::Sigmoid => sigmoid(x),
        Activation::Relu => relu(x),
    }
}

/// One number for each 2 × 2.
fn pool(x: &Tensor, parts: &Parts) -> candle_core::Result<Tensor> {
    let window = Window::side_by_side(2);
    match parts.pooling {
        Pooling::Avg => avg_pool2d(x, &window),
        Pooling::Max => max_pool2d(x, &window),
    }
}

/// A weight and a bias.
pub(crate) struct Layer {
    w: Tensor,
    b: Tensor,
}

impl Layer {
    /// The weight's shape is `[O, …]`; each output reads as many numbers as the rest of it has.
    pub(crate) fn new(
        name: &str,
        shape: &[usize],
        initializer: &Initializer,
        params: &ParamStore,
    ) -> Result<Self> {
        let vb = params.builder().pp(name);
        let (outputs, rest) = (shape[0], &shape[1..]);
        let area: usize = rest.iter().skip(1).product();
        let (fan_in, fan_out) = (rest.iter().product(), outputs * area);
        Ok(Self {
            b: vb.get_with_hints(outputs, "bias", initializer.bias(fan_in))?,
            w: vb.get_with_hints(shape, "weight", initializer.weight(fan_in, fan_out))?,
        })
    }

    pub(crate) fn convolve(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        let y = corr2d(x, &self.w)?.broadcast_add(&self.b.reshape((1, (), 1, 1))?)?;
        let (_, channels, height, width) = self.w.dims4()?;
        let sees = Sees::Window {
            size: (height, width),
            stride: (1, 1),
        };
        report(x, &y, sees, y.elem_count() * channels * height * width); // for --summary
        Ok(y)
    }

    pub(crate) fn multiply(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        let y = x.matmul(&self.w.t()?)?.broadcast_add(&self.b)?;
        report(x, &y, Sees::All, y.elem_count() * self.w.dim(1)?); // for --summary
        Ok(y)
    }
}

/// Convolution, sigmoid, mean over 2 × 2, twice; then three dense layers.
pub struct LeNet {
    parts: Parts,
    conv1: Layer,
    conv2: Layer,
    dense1: Layer,
    dense2: Layer,
    output: Layer,
}

impl LeNet {
    /// For square pictures of `(channels, side)`: the book's are grey, of 28 × 28.
    pub fn new(
        (in_channels, side): (usize, usize),
        num_outputs: usize,
        initializer: &Initializer,
        params: &ParamStore,
    ) -> Result<Self> {
        let layer = |name: &str, shape: &[usize]| Layer::new(name, shape, initializer, params);
        let [first, second] = CHANNELS;
        let [dense1, dense2] = HIDDENS;
        let last_side = super::last_side(side)?;
        Ok(Self {
            parts: Parts::default(),
            conv1: layer("conv1", &[first, in_channels, 5, 5])?,
            conv2: layer("conv2", &[second, first, 5, 5])?,
            dense1: layer("dense1", &[dense1, second * last_side * last_side])?,
            dense2: layer("dense2", &[dense2, dense1])?,
            output: layer("output", &[num_outputs, dense2])?,
        })
    }

    /// The same parameters with other parts between them.
    pub fn with_parts(self, parts: Parts) -> Self {
        Self { parts, ..self }
    }
}

impl Network for LeNet {
    /// `[B, C, S, S] -> [B, K]`: logits.
    fn forward_t(&self, x: &Tensor, _: Mode) -> candle_core::Result<Tensor> {
        crate::output_of(self.layers(x)?)
    }

    fn layers(&self, x: &Tensor) -> candle_core::Result<Vec<(String, Tensor)>> {
        let parts = &self.parts;
        let conv1 = self.conv1.convolve(&pad(x, (2, 2), 0.0)?)?;
        let h1 = activate(&conv1, parts)?;
        let pool1 = pool(&h1, parts)?; // [B, 6, 14, 14]
        let conv2 = self.conv2.convolve(&pool1)?;
        let h2 = activate(&conv2, parts)?;
        let pool2 = pool(&h2, parts)?; // [B, 16, 5, 5]
        let flatten = pool2.flatten_from(1)?;
        let dense1 = self.dense1.multiply(&flatten)?;
        let h3 = activate(&dense1, parts)?;
        let dense2 = self.dense2.multiply(&h3)?;
        let h4 = activate(&dense2, parts)?;
        let output = self.output.multiply(&h4)?;
        let outputs = [
            conv1, h1, pool1, conv2, h2, pool2, flatten, dense1, h3, dense2, h4, output,
        ];
        Ok(super::named(parts.activation, outputs))
    }
}
