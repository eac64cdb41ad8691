//! Weight decay with the library: the optimizer adds λw to the weight's gradient. D2L zh 4.5.4, en 3.7.4.
//!
//! The loss has no ½ and no penalty here, so only the first part of the gradient is twice that of [`super::scratch`]:
//! the same λ weighs half as much.

use anyhow::Result;
use d2l::nn::{Initializer, ParamGroup};
use d2l::{Band, Implementation, Preset, PresetName, Recipe, Regressor, Run, fit};

use super::{EN_RECIPE, FEATURES, LAMBDA0, LAMBDA3, ZH_RECIPE, report, synthetic_data};
use crate::concise::LinearRegression;

/// Without and with weight decay. The English edition has the second only.
pub const PRESETS: &[Preset] = &[
    Preset {
        name: PresetName::Quick,
        bands: &[],
        ..ZH_LAMBDA0
    },
    ZH_LAMBDA0,
    Preset {
        name: PresetName::Quick,
        bands: &[],
        ..ZH_LAMBDA3
    },
    ZH_LAMBDA3,
    EN_LAMBDA3,
];

const ZH_LAMBDA0: Preset = Preset {
    model: LAMBDA0,
    implementation: Implementation::Concise,
    name: PresetName::Zh,
    section: "zh 4.5",
    recipe: Recipe {
        initializer: Initializer::NormalBias { std: 1.0 },
        ..ZH_RECIPE
    },
    bands: &[
        Band::book("norm.weight", 11.3749, 13.5936, 15.1309, 45),
        Band::book("train_after.loss", 4.46e-12, 1.38e-11, 2.17e-9, 45),
        Band::book("valid.loss", 122.4889, 187.4581, 242.7365, 45),
    ],
};

const ZH_LAMBDA3: Preset = Preset {
    model: LAMBDA3,
    recipe: Recipe {
        weight_decay: 3.0,
        ..ZH_LAMBDA0.recipe
    },
    bands: &[
        Band::book("norm.weight", 0.337, 0.3973, 0.7187, 45),
        Band::book("train_after.loss", 0.000114, 0.00417, 0.0687, 45),
        Band::book("valid.loss", 0.0973, 0.3538, 4.6922, 45),
    ],
    ..ZH_LAMBDA0
};

const EN_LAMBDA3: Preset = Preset {
    name: PresetName::En,
    section: "en 3.7",
    // The book asks for N(0, 0.01²), but of a layer that has no shape yet: PyTorch's default stays in force.
    recipe: Recipe {
        weight_decay: 3.0,
        initializer: Initializer::PytorchDefault,
        ..EN_RECIPE
    },
    bands: &[
        Band::pooled("l2_penalty", 0.01118496, 0.01400109, 0.01681722, 45),
        Band::pooled(
            "train_window.loss",
            -0.0004390431,
            0.0006992472,
            0.001837537,
            45,
        ),
        Band::pooled("valid_batches.loss", 0.0279577, 0.04774486, 0.06753202, 45),
    ],
    ..ZH_LAMBDA3
};

/// Trains and reports.
pub fn train(run: &mut Run) -> Result<()> {
    let data = synthetic_data(run)?;
    let model = LinearRegression::new(FEATURES, &run.recipe().initializer, run.params())?;
    if run.shows_summary(&model, &data.train.batch(&[0], &run.device())?[0])? {
        return Ok(());
    }
    let task = Regressor::new(model);
    // The weight decays by λ, the bias doesn't.
    let groups = ParamGroup::sparing_biases(run.params().parameters(), run.recipe().weight_decay);
    let mut optimizer = run.recipe().optimizer_over(groups)?;
    fit(&task, &data, &mut optimizer, run)?;
    report(run, task.network.linear.weight())
}
