//! Several losses and several inputs: one network learns a sum and a sign from two vectors. D2L zh 13.4 and en 14.4
//! train with such a pair of losses, for the class and the offset of a box.
//!
//! The loop is [`d2l::fit`]. The example's task adds up the losses and logs each of them.

use anyhow::Result;
use candle_core::{D, Module, Tensor};
use d2l::data::{Column, Dataset, Provenance, Splits};
use d2l::nn::{
    Linear, Mode, Network, ParamStore, Step, concat, cross_entropy, linear, mse_loss, relu,
};
use d2l::random::{Purpose, Rng, Stream};
use d2l::{Model, Preset, PresetName, Recipe, Run, Scores, Task, fit};

const RECIPE: Recipe = Recipe {
    epochs: 20,
    batch_size: 10,
    learning_rate: 0.05,
    momentum: 0.9,
    ..Recipe::SGD
};
const PRESETS: &[Preset] = &[Preset::plain(PresetName::Quick, "zh 13.4", RECIPE)];

/// The model's entry in the list.
pub fn model() -> Model {
    let about = "A regression and a classification with one network of two inputs";
    Model::new("two-heads", about, train, &[], PRESETS)
}

/// Examples in each split, numbers in each vector.
const EXAMPLES: usize = 500;
const WIDTH: usize = 3;

/// A shared layer, and a head for each question.
struct TwoHeads {
    shared: Linear,
    sum: Linear,
    sign: Linear,
}

impl TwoHeads {
    fn new(params: &ParamStore, recipe: &Recipe) -> Result<Self> {
        let (vb, initializer) = (params.builder(), &recipe.initializer);
        Ok(Self {
            shared: linear(2 * WIDTH, 16, initializer, vb.pp("shared"))?,
            sum: linear(16, 1, initializer, vb.pp("sum"))?,
            sign: linear(16, 2, initializer, vb.pp("sign"))?,
        })
    }
}

impl Network<[&Tensor; 2]> for TwoHeads {
    /// Two inputs `[B, D] -> [B, 1 + K]`: the sum, and the logits of the sign.
    fn forward(&self, [a, b]: &[&Tensor; 2], _: Mode) -> candle_core::Result<Tensor> {
        let h = relu(&self.shared.forward(&concat(&[a, b], 1)?)?)?;
        concat(&[&self.sum.forward(&h)?, &self.sign.forward(&h)?], 1)
    }
}

/// Examples `[a, b, sum, sign]`.
struct Both(TwoHeads);

impl Both {
    fn losses(&self, batch: &[Tensor; 4], mode: Mode) -> candle_core::Result<[Tensor; 2]> {
        let [a, b, sum, sign] = batch;
        let y_hat = self.0.forward(&[a, b], mode)?;
        let regression = mse_loss(&y_hat.narrow(D::Minus1, 0, 1)?.contiguous()?, sum)?;
        let logits = y_hat.narrow(D::Minus1, 1, 2)?.contiguous()?;
        Ok([regression, cross_entropy(&logits, sign)?])
    }
}

impl Task<4> for Both {
    fn training_loss(
        &self,
        batch: &[Tensor; 4],
        step: Step,
        scores: &mut Scores,
    ) -> candle_core::Result<Tensor> {
        let [sum, sign] = self.losses(batch, Mode::Train(step))?;
        let examples = batch[0].dim(0)?;
        scores.add_mean("sum_loss", &sum, examples)?;
        scores.add_mean("sign_loss", &sign, examples)?;
        sum + sign
    }

    fn evaluate(&self, batch: &[Tensor; 4], scores: &mut Scores) -> candle_core::Result<()> {
        let [sum, sign] = self.losses(batch, Mode::Evaluate)?;
        scores.add_mean("loss", &(sum + sign)?, batch[0].dim(0)?)
    }
}

/// Vectors from U(-1, 1), the sum of both, and whether it is positive.
fn examples(seed: u64, name: &str) -> Result<Dataset<4>> {
    let mut rng = Stream::once(seed, Purpose::Data, name).rng();
    let mut draw = || -> Vec<f32> {
        let values = 0..EXAMPLES * WIDTH;
        values.map(|_| 2.0 * rng.random::<f32>() - 1.0).collect()
    };
    let (a, b) = (draw(), draw());
    let pairs = a.chunks(WIDTH).zip(b.chunks(WIDTH));
    let sums: Vec<f32> = pairs.map(|(a, b)| a.iter().chain(b).sum()).collect();
    let floats = |values: Vec<f32>, width: usize| Column::Floats { values, shape: vec![width] };
    let signs = sums.iter().map(|&sum| u8::from(sum > 0.0)).collect();
    let columns = [
        floats(a, WIDTH),
        floats(b, WIDTH),
        floats(sums, 1),
        Column::Labels(signs),
    ];
    Dataset::new(columns)
}

fn train(run: &mut Run, _: &()) -> Result<()> {
    let seed = run.settings.seed;
    let (train, valid) = (examples(seed, "train")?, examples(seed, "valid")?);
    let data = run.settings.first_examples(Splits {
        provenance: Provenance::synthetic("sums and signs", &[&train, &valid]),
        train,
        valid,
    });
    let task = Both(TwoHeads::new(&run.params, &run.settings.recipe)?);
    let [a, b, _, _] = data.train.batch(&[0], &run.settings.device)?;
    if run.shows_summary(&[&a, &b], || task.0.forward(&[&a, &b], Mode::Evaluate))? {
        return Ok(());
    }
    let mut optimizer = run.settings.optimizer(&run.params)?;
    fit(&task, &data, &mut optimizer, run)
}
