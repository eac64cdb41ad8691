//! Weight decay by hand: the penalty λ/2 ‖w‖² is a part of the loss. D2L zh 4.5.3, en 3.7.3.
//!
//! Model, squared loss and SGD are those of linear regression, [`crate::scratch`].

use anyhow::Result;
use candle_core::Tensor;
use d2l::nn::{Initializer, Step};
use d2l::{Band, Implementation, Preset, PresetName, Recipe, Run, Scores, Task, fit};

use super::{EN_RECIPE, FEATURES, LAMBDA0, LAMBDA3, ZH_RECIPE, report, synthetic_data};
use crate::scratch::{LinearRegression, Sgd, squared_loss};

/// Without and with the penalty; the Chinese edition's settings are quick enough to be the first.
pub const PRESETS: &[Preset] = &[
    Preset {
        name: PresetName::Quick,
        bands: &[],
        ..ZH_LAMBDA0
    },
    ZH_LAMBDA0,
    EN_LAMBDA0,
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
    implementation: Implementation::Scratch,
    name: PresetName::Zh,
    section: "zh 4.5",
    recipe: Recipe {
        initializer: Initializer::NormalZeroBias { std: 1.0 },
        ..ZH_RECIPE
    },
    bands: &[
        Band::book("norm.weight", 12.0808, 13.3553, 14.9679, 45),
        Band::book("train_after.loss", 2.94e-7, 6.6e-6, 4.55e-5, 45),
        Band::book("valid.loss", 49.032, 84.3477, 118.2124, 45),
    ],
};

const ZH_LAMBDA3: Preset = Preset {
    model: LAMBDA3,
    recipe: Recipe {
        weight_decay: 3.0,
        ..ZH_LAMBDA0.recipe
    },
    bands: &[
        Band::book("norm.weight", 0.3225, 0.3642, 0.4224, 45),
        Band::book("train_after.loss", 0.00022, 0.00103, 0.011, 45),
        Band::book("valid.loss", 0.0437, 0.0857, 0.341, 45),
    ],
    ..ZH_LAMBDA0
};

const EN_LAMBDA0: Preset = Preset {
    name: PresetName::En,
    section: "en 3.7",
    recipe: Recipe {
        initializer: Initializer::NormalZeroBias { std: 0.01 },
        ..EN_RECIPE
    },
    bands: &[
        Band::pooled("l2_penalty", 0.007139258, 0.01006584, 0.01299242, 51),
        Band::pooled(
            "train_window.loss",
            -2.539131e-05,
            2.29347e-05,
            7.126071e-05,
            51,
        ),
        Band::pooled("valid_batches.loss", 0.01111093, 0.01898868, 0.02686643, 51),
    ],
    ..ZH_LAMBDA0
};

const EN_LAMBDA3: Preset = Preset {
    model: LAMBDA3,
    recipe: Recipe {
        weight_decay: 3.0,
        ..EN_LAMBDA0.recipe
    },
    bands: &[
        Band::pooled("l2_penalty", 0.0008555764, 0.001475332, 0.002095088, 51),
        Band::pooled(
            "train_window.loss",
            0.00286012,
            0.005455998,
            0.008051876,
            51,
        ),
        Band::pooled("valid_batches.loss", 0.0118475, 0.01512141, 0.01839532, 51),
    ],
    ..EN_LAMBDA0
};

/// ½ ‖w‖²: a scalar. zh 4.5.3.2, en 3.7.3.1.
pub fn l2_penalty(w: &Tensor) -> candle_core::Result<Tensor> {
    w.sqr()?.sum_all()? / 2.0
}

/// Linear regression that pays for large weights, but not for a large bias.
pub struct WeightDecay {
    /// The model: `[B, D] -> [B, 1]`.
    pub model: LinearRegression,
    /// The price λ.
    pub lambda: f64,
    /// Whether the loss that evaluation reports has the penalty in it, as in the English edition's curves. The Chinese
    /// edition shows the squared loss alone.
    pub penalty_in_evaluation: bool,
}

impl WeightDecay {
    /// Squared loss and penalty of a batch: a scalar.
    fn penalized_loss(&self, x: &Tensor, y: &Tensor) -> candle_core::Result<Tensor> {
        let penalty = (l2_penalty(&self.model.w)? * self.lambda)?;
        squared_loss(&self.model.forward(x)?, y)? + penalty
    }
}

impl Task<2> for WeightDecay {
    fn training_loss(
        &self,
        [x, y]: &[Tensor; 2],
        _: Step,
        _: &mut Scores,
    ) -> candle_core::Result<Tensor> {
        self.penalized_loss(x, y)
    }

    fn evaluate(&self, [x, y]: &[Tensor; 2], scores: &mut Scores) -> candle_core::Result<()> {
        let loss = if self.penalty_in_evaluation {
            self.penalized_loss(x, y)?
        } else {
            squared_loss(&self.model.forward(x)?, y)?
        };
        scores.add_mean("loss", &loss, y.dim(0)?)
    }
}

/// Trains and reports.
pub fn train(run: &mut Run) -> Result<()> {
    let data = synthetic_data(run)?;
    let model = LinearRegression::new(FEATURES, &run.recipe().initializer, run.params())?;
    if run.shows_summary(&model, &data.train.batch(&[0], &run.device())?[0])? {
        return Ok(());
    }
    let task = WeightDecay {
        model,
        lambda: run.recipe().weight_decay,
        penalty_in_evaluation: run.preset() == PresetName::En,
    };
    // The loss has all of the weight decay in it: none is left for the optimizer.
    let plain = Recipe {
        weight_decay: 0.0,
        ..run.recipe().clone()
    };
    let mut optimizer = Sgd::new(run.params(), &plain)?;
    fit(&task, &data, &mut optimizer, run)?;
    report(run, &task.model.w)
}
