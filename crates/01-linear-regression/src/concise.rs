//! Linear regression with the library: a linear layer, the mean squared error, SGD and [`d2l::fit`].
//!
//! D2L zh 3.3, en 3.5. The loss has no ½ here, so its gradient is twice that of [`crate::scratch`], and training is
//! twice as fast at the same learning rate.

use anyhow::Result;
use candle_core::{Module, Tensor};
use d2l::nn::{Initializer, Linear, Mode, Network, ParamStore, linear};
use d2l::{Band, Implementation, Preset, PresetName, Recipe, Regressor, Run, fit};

use crate::data;

/// The experiments: the Chinese edition's setting is quick enough to be the first.
pub const PRESETS: &[Preset] = &[
    Preset {
        name: PresetName::Quick,
        bands: &[],
        ..ZH
    },
    ZH,
    Preset {
        name: PresetName::En,
        section: "en 3.5",
        // The book asks for N(0, 0.01²), but of a layer that has no shape yet: PyTorch's default stays in force.
        recipe: Recipe {
            batch_size: 32,
            initializer: Initializer::PytorchDefault,
            ..ZH.recipe
        },
        bands: &[
            Band::pooled(
                "train_window.loss",
                -0.0001215657,
                0.0009973776,
                0.002116321,
                51,
            ),
            Band::pooled(
                "valid_batches.loss",
                -5.52042e-05,
                0.000388743,
                0.0008326902,
                51,
            ),
            Band::pooled("error.weight1", -0.005801447, 0.005794921, 0.01739129, 51),
            Band::pooled("error.weight2", -0.021845, -0.009735524, 0.002373949, 51),
            Band::pooled("error.bias", 0.00295726, 0.01135147, 0.01974568, 51),
        ],
        ..ZH
    },
];

const ZH: Preset = Preset {
    model: "linear-regression",
    implementation: Implementation::Concise,
    name: PresetName::Zh,
    section: "zh 3.3",
    recipe: Recipe {
        epochs: 3,
        batch_size: 10,
        learning_rate: 0.03,
        initializer: Initializer::NormalZeroBias { std: 0.01 },
        ..Recipe::SGD
    },
    bands: &[
        Band::book("train_after.loss.epoch1", 1.34e-4, 2.38e-4, 5.88e-4, 63).printed(6),
        Band::book("train_after.loss.epoch2", 9.2e-5, 1.01e-4, 1.14e-4, 63).printed(6),
        Band::book("train_after.loss", 9.2e-5, 1.01e-4, 1.16e-4, 63).printed(6),
        Band::book("error.weight1", -0.0011, -2.84e-5, 0.00126, 63),
        Band::book("error.weight2", -0.0013, -6.13e-5, 0.00133, 63),
        Band::book("error.bias", -0.0018, -0.0001, 0.0014, 63),
    ],
};

/// ŷ = Xwᵀ + b.
pub struct LinearRegression {
    /// The only layer: weight `[1, D]`, bias `[1]`.
    pub linear: Linear,
}

impl LinearRegression {
    /// Weight `[1, D]` and bias `[1]`, drawn by `initializer`.
    pub fn new(num_inputs: usize, initializer: &Initializer, params: &ParamStore) -> Result<Self> {
        Ok(Self {
            linear: linear(num_inputs, 1, initializer, params.builder().pp("linear"))?,
        })
    }
}

impl Network for LinearRegression {
    /// `[B, D] -> [B, 1]`
    fn forward_t(&self, x: &Tensor, _: Mode) -> candle_core::Result<Tensor> {
        self.linear.forward(x)
    }

    fn layers(&self, x: &Tensor) -> candle_core::Result<Vec<(String, Tensor)>> {
        Ok(vec![("linear".into(), self.linear.forward(x)?)])
    }
}

/// Trains and reports.
pub fn train(run: &mut Run) -> Result<()> {
    let data = data::synthetic_data(run)?;
    let model = LinearRegression::new(
        data::TRUE_WEIGHT.len(),
        &run.recipe().initializer,
        run.params(),
    )?;
    if run.shows_summary(&model, &data.train.batch(&[0], &run.device())?[0])? {
        return Ok(());
    }
    let task = Regressor::new(model);
    let mut optimizer = run.optimizer()?;
    fit(&task, &data, &mut optimizer, run)?;

    let linear = &task.network.linear;
    let Some(bias) = linear.bias() else {
        anyhow::bail!("the linear layer has no bias")
    };
    data::report(run, &data, linear.weight(), bias)
}
