//! Weight decay by hand: the penalty λ/2 ‖w‖² is a part of the loss. D2L zh 4.5.3, en 3.7.3.
//!
//! Model, squared loss and SGD are those of linear regression, [`crate::scratch`].

use anyhow::Result;
use candle_core::Tensor;
use d2l::PresetName::{En, Zh};
use d2l::data::Splits;
use d2l::nn::{Initializer, Mode, Network, Step};
use d2l::{Preset, Recipe, Run, Scores, Task, fit};

use super::{FEATURES, Options, lambda3};
use crate::scratch::{LinearRegression, Sgd, squared_loss};

const ZH: Recipe = Recipe {
    initializer: Initializer::NormalZeroBias { std: 1.0 },
    ..super::ZH
};
const EN: Recipe = Recipe {
    initializer: Initializer::NormalZeroBias { std: 0.01 },
    ..super::EN
};
/// Without the penalty.
pub(super) const LAMBDA0: &[Preset<Options>] = &[
    Preset::quick(100, "zh 4.5", ZH, Options::SQUARED_LOSS),
    Preset::new(Zh, "zh 4.5", ZH, Options::SQUARED_LOSS),
    Preset::new(En, "en 3.7", EN, Options::PENALIZED_LOSS),
];
/// With λ = 3.
pub(super) const LAMBDA3: &[Preset<Options>] = &[
    Preset::quick(100, "zh 4.5", lambda3(ZH), Options::SQUARED_LOSS),
    Preset::new(Zh, "zh 4.5", lambda3(ZH), Options::SQUARED_LOSS),
    Preset::new(En, "en 3.7", lambda3(EN), Options::PENALIZED_LOSS),
];

/// ½ ‖w‖²: a scalar. zh 4.5.3.2, en 3.7.3.1.
pub fn l2_penalty(w: &Tensor) -> candle_core::Result<Tensor> {
    w.sqr()?.sum_all()? / 2.0
}

/// Linear regression with a penalty on large weights; the bias has none.
pub struct WeightDecay {
    /// The model: `[B, D] -> [B, 1]`.
    pub model: LinearRegression,
    /// λ, the factor of the penalty.
    pub lambda: f64,
    /// Whether the loss that evaluation reports includes the penalty.
    pub penalty_in_evaluation: bool,
}

impl WeightDecay {
    /// Squared loss of a batch: a scalar.
    fn loss(&self, [x, y]: &[Tensor; 2], mode: Mode) -> candle_core::Result<Tensor> {
        squared_loss(&self.model.forward(x, mode)?, y)
    }

    /// λ/2 ‖w‖²: a scalar.
    fn penalty(&self) -> candle_core::Result<Tensor> {
        l2_penalty(&self.model.w)? * self.lambda
    }
}

impl Task<2> for WeightDecay {
    fn training_loss(
        &self,
        batch: &[Tensor; 2],
        step: Step,
        _: &mut Scores,
    ) -> candle_core::Result<Tensor> {
        self.loss(batch, Mode::Train(step))? + self.penalty()?
    }

    fn evaluate(&self, batch: &[Tensor; 2], scores: &mut Scores) -> candle_core::Result<()> {
        let mut loss = self.loss(batch, Mode::Evaluate)?;
        if self.penalty_in_evaluation {
            loss = (loss + self.penalty()?)?;
        }
        scores.add_mean("loss", &loss, batch[0].dim(0)?)
    }
}

/// Trains and returns the weight; nothing after `--summary`.
pub(super) fn train(run: &mut Run, data: &Splits<2>, options: &Options) -> Result<Option<Tensor>> {
    let [x, _] = data.train.batch(&[0], &run.settings.device)?;
    let recipe = &run.settings.recipe;
    let model = LinearRegression::new(FEATURES, &recipe.initializer, &run.params)?;
    if run.shows_summary(&[&x], || model.forward(&x, Mode::Evaluate))? {
        return Ok(None);
    }
    let task = WeightDecay {
        model,
        lambda: recipe.weight_decay,
        penalty_in_evaluation: options.penalty_in_evaluation,
    };
    // The loss includes the whole weight decay: none is left for the optimizer.
    let plain = Recipe { weight_decay: 0.0, ..recipe.clone() };
    let mut optimizer = Sgd::new(&run.params, &plain)?;
    fit(&task, data, &mut optimizer, run)?;
    Ok(Some(task.model.w))
}
