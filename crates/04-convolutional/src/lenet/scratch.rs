//! LeNet by hand: cross-correlation and pooling by their definitions, on products, sums and slices of tensors.
//!
//! D2L zh 6.2-6.6, en 7.2-7.6. A convolutional layer computes
//!
//! y(o, r, c) = b(o) + Σ over channels k and entries i, j of w(o, k, i, j) · x(k, r + i, c + j).
//!
//! [`corr2d`] adds the terms entry by entry: for one (i, j), the sum over k is a matrix product, for all places at once.

use anyhow::Result;
use candle_core::Tensor;
use d2l::nn::{Initializer, Mode, Network, ParamStore};
use d2l::{Implementation, Preset, PresetName, Recipe};

use super::{CHANNELS, HIDDENS, LAST_SIDE};

/// The experiments. The book trains LeNet with the library alone, so that there is no band to be inside of.
pub const PRESETS: &[Preset] = &[Preset {
    model: "lenet",
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

/// The cross-correlation of `x` `[B, C, H, W]` with `w` `[O, C, h, w]`: `[B, O, H - h + 1, W - w + 1]`. D2L zh 6.4.2,
/// en 7.4.2.
pub fn corr2d(x: &Tensor, w: &Tensor) -> candle_core::Result<Tensor> {
    let (batch, channels, height, width) = x.dims4()?;
    let (filters, _, h, w_) = w.dims4()?;
    let (rows, columns) = (height - h + 1, width - w_ + 1);
    let mut sum = Tensor::zeros((batch, filters, rows * columns), x.dtype(), x.device())?;
    for i in 0..h {
        for j in 0..w_ {
            // What entry (i, j) sees in every window: [B, C, rows · columns].
            let seen = x.narrow(2, i, rows)?.narrow(3, j, columns)?;
            let seen = seen
                .contiguous()?
                .reshape((batch, channels, rows * columns))?;
            let entry = w
                .narrow(2, i, 1)?
                .narrow(3, j, 1)?
                .reshape((1, filters, channels))?;
            sum = (sum + entry.broadcast_matmul(&seen)?)?;
        }
    }
    sum.reshape((batch, filters, rows, columns))
}

/// Zeros around the pictures, `padding` on each side. D2L zh 6.3.1, en 7.3.1.
pub fn pad(x: &Tensor, padding: usize) -> candle_core::Result<Tensor> {
    x.pad_with_zeros(2, padding, padding)?
        .pad_with_zeros(3, padding, padding)
}

/// The mean of each 2 × 2, side by side: `[B, C, H, W] -> [B, C, H / 2, W / 2]`. D2L zh 6.5, en 7.5.
pub fn avg_pool2d(x: &Tensor) -> candle_core::Result<Tensor> {
    let (batch, channels, height, width) = x.dims4()?;
    x.reshape((batch * channels, height / 2, 2, width / 2, 2))?
        .mean((2, 4))?
        .reshape((batch, channels, height / 2, width / 2))
}

/// 1 / (1 + e^-x). D2L zh 4.1.2.2, en 5.1.2.2.
pub fn sigmoid(x: &Tensor) -> candle_core::Result<Tensor> {
    (x.neg()?.exp()? + 1.0)?.recip()
}

/// A weight and a bias.
struct Layer {
    w: Tensor,
    b: Tensor,
}

impl Layer {
    /// The weight's shape is `[O, …]`; each output reads as many numbers as the rest of it has.
    fn new(
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

    fn convolve(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        corr2d(x, &self.w)?.broadcast_add(&self.b.reshape((1, (), 1, 1))?)
    }

    fn multiply(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        x.matmul(&self.w.t()?)?.broadcast_add(&self.b)
    }
}

/// Convolution, sigmoid, mean over 2 × 2, twice; then three dense layers.
pub struct LeNet {
    conv1: Layer,
    conv2: Layer,
    dense1: Layer,
    dense2: Layer,
    output: Layer,
}

impl LeNet {
    /// For grey pictures of 28 × 28 pixels.
    pub fn new(num_outputs: usize, initializer: &Initializer, params: &ParamStore) -> Result<Self> {
        let layer = |name: &str, shape: &[usize]| Layer::new(name, shape, initializer, params);
        let [first, second] = CHANNELS;
        let [dense1, dense2] = HIDDENS;
        Ok(Self {
            conv1: layer("conv1", &[first, 1, 5, 5])?,
            conv2: layer("conv2", &[second, first, 5, 5])?,
            dense1: layer("dense1", &[dense1, second * LAST_SIDE * LAST_SIDE])?,
            dense2: layer("dense2", &[dense2, dense1])?,
            output: layer("output", &[num_outputs, dense2])?,
        })
    }
}

impl Network for LeNet {
    /// `[B, 1, 28, 28] -> [B, K]`: logits.
    fn forward_t(&self, x: &Tensor, _: Mode) -> candle_core::Result<Tensor> {
        crate::output_of(self.layers(x)?)
    }

    fn layers(&self, x: &Tensor) -> candle_core::Result<Vec<(String, Tensor)>> {
        let conv1 = self.conv1.convolve(&pad(x, 2)?)?;
        let sigmoid1 = sigmoid(&conv1)?;
        let pool1 = avg_pool2d(&sigmoid1)?; // [B, 6, 14, 14]
        let conv2 = self.conv2.convolve(&pool1)?;
        let sigmoid2 = sigmoid(&conv2)?;
        let pool2 = avg_pool2d(&sigmoid2)?; // [B, 16, 5, 5]
        let flatten = pool2.flatten_from(1)?;
        let dense1 = self.dense1.multiply(&flatten)?;
        let sigmoid3 = sigmoid(&dense1)?;
        let dense2 = self.dense2.multiply(&sigmoid3)?;
        let sigmoid4 = sigmoid(&dense2)?;
        let output = self.output.multiply(&sigmoid4)?;
        Ok(super::named([
            conv1, sigmoid1, pool1, conv2, sigmoid2, pool2, flatten, dense1, sigmoid3, dense2,
            sigmoid4, output,
        ]))
    }
}
