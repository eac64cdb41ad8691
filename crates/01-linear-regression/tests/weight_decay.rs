//! Weight decay by hand, with the library and in PyTorch takes the same steps, and it lowers the validation loss.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use candle_core::{DType, Device, Tensor};
use d2l::nn::testing::{check_gradients, every_parameter_has_a_gradient, filled};
use d2l::nn::{
    Initializer, Mode, Network, Optimizer, ParamGroup, ParamStore, Sgd, Step, backward, mse_loss,
};
use d2l::{Scores, Task};
use linear_regression::concise;
use linear_regression::scratch::LinearRegression;
use linear_regression::weight_decay::scratch::{WeightDecay, l2_penalty};

const DEVICE: Device = Device::Cpu;
const FEATURES: usize = 7;

/// The task by hand in f64, with arbitrary initial values.
fn by_hand(lambda: f64, penalty_in_evaluation: bool) -> Result<(WeightDecay, ParamStore)> {
    let params = ParamStore::with_dtype(0, DType::F64, &DEVICE);
    let model = LinearRegression::new(FEATURES, &Initializer::PytorchDefault, &params)?;
    let task = WeightDecay { model, lambda, penalty_in_evaluation };
    Ok((task, params))
}

fn batch() -> Result<[Tensor; 2]> {
    Ok([
        filled((5, FEATURES), 1, 2.0, DType::F64, &DEVICE)?,
        filled((5, 1), 2, 2.0, DType::F64, &DEVICE)?,
    ])
}

fn step() -> Step {
    Step { seed: 0, epoch: 1, step: 1 }
}

fn loss_of(task: &WeightDecay, batch: &[Tensor; 2]) -> candle_core::Result<Tensor> {
    task.training_loss(batch, step(), &mut Scores::default())
}

#[test]
fn concise_agrees_with_pytorch_in_loss_gradients_and_decayed_parameters() -> Result<()> {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/reference/golden/weight-decay.json");
    let build =
        |params: &ParamStore| concise::LinearRegression::new(200, &Initializer::Zeros, params);
    let decaying = |params: &ParamStore| ParamGroup::sparing_biases(params.parameters(), 3.0);
    d2l::testing::check_groups_against_golden(&golden, build, mse_loss, decaying)
}

/// `w` is the transposed `linear.weight`, `b` is `linear.bias`. The squared loss by hand has a ½ that the library's
/// lacks, so that η and λ by hand are η/2 and 2λ with the library: then each step is the same.
#[test]
fn scratch_and_concise_take_the_same_steps() -> Result<()> {
    let (learning_rate, lambda) = (0.1, 3.0);
    let (task, by_hand) = by_hand(lambda, false)?;
    let library = ParamStore::with_dtype(0, DType::F64, &DEVICE);
    let concise = concise::LinearRegression::new(FEATURES, &Initializer::PytorchDefault, &library)?;
    for ((_, here), (_, there)) in by_hand.parameters().iter().zip(library.parameters()) {
        here.set(&there.as_tensor().reshape(here.shape())?)?;
    }
    let mut ours = Sgd::new(
        vec![ParamGroup::new(by_hand.parameters())],
        learning_rate,
        0.0,
        false,
    )?;
    let mut theirs = Sgd::new(
        ParamGroup::sparing_biases(library.parameters(), 2.0 * lambda),
        learning_rate / 2.0,
        0.0,
        false,
    )?;
    let [x, y] = batch()?;
    for _ in 0..3 {
        let (here, there) = (
            task.model.forward(&x, Mode::Evaluate)?,
            concise.forward(&x, Mode::Evaluate)?,
        );
        let gap = (&here - &there)?.abs()?.max_all()?.to_scalar::<f64>()?;
        ensure!(gap < 1e-14, "outputs differ by {gap}");
        let loss = loss_of(&task, &[x.clone(), y.clone()])?;
        let library_loss = mse_loss(&there, &y)?;
        let penalty = l2_penalty(&task.model.w)?.to_scalar::<f64>()?;
        let wanted = library_loss.to_scalar::<f64>()? / 2.0 + lambda * penalty;
        let gap = (loss.to_scalar::<f64>()? - wanted).abs();
        ensure!(gap < 1e-14, "losses differ by {gap}");
        let (here, there) = (backward(&loss)?, backward(&library_loss)?);
        every_parameter_has_a_gradient(&by_hand, &here)?;
        every_parameter_has_a_gradient(&library, &there)?;
        ours.step(&here)?;
        theirs.step(&there)?;
    }
    for ((name, here), (_, there)) in by_hand.parameters().iter().zip(library.parameters()) {
        let gap = (here.as_tensor() - there.as_tensor().reshape(here.shape())?)?
            .abs()?
            .max_all()?
            .to_scalar::<f64>()?;
        ensure!(gap < 1e-14, "{name} differs by {gap}");
    }
    Ok(())
}

#[test]
fn the_penalized_loss_has_the_gradient_of_its_definition() -> Result<()> {
    let (task, params) = by_hand(3.0, false)?;
    let batch = batch()?;
    let parameters: Vec<_> = params
        .parameters()
        .into_iter()
        .map(|(_, parameter)| parameter)
        .collect();
    check_gradients(&parameters, || loss_of(&task, &batch), 1e-6)
}

#[test]
fn the_penalty_is_half_the_squared_norm_of_the_weight_and_spares_the_bias() -> Result<()> {
    let batch = batch()?;
    let (plain, params) = by_hand(0.0, false)?;
    let (penalized, penalized_params) = by_hand(3.0, false)?;
    for ((_, one), (_, other)) in params
        .parameters()
        .iter()
        .zip(penalized_params.parameters())
    {
        other.set(one)?;
    }
    let norm: f64 = plain
        .model
        .w
        .flatten_all()?
        .to_vec1::<f64>()?
        .iter()
        .map(|w| w * w)
        .sum();
    let (plain, penalized) = (loss_of(&plain, &batch)?, loss_of(&penalized, &batch)?);
    let gap = penalized.to_scalar::<f64>()? - plain.to_scalar::<f64>()? - 1.5 * norm;
    ensure!(gap.abs() < 1e-14 && norm > 0.1, "{gap} at norm {norm}");

    let (plain, penalized) = (backward(&plain)?, backward(&penalized)?);
    for ((name, one), (_, other)) in params
        .parameters()
        .iter()
        .zip(penalized_params.parameters())
    {
        let (plain, penalized) = (
            plain.get(one).context("gradient")?,
            penalized.get(&other).context("gradient")?,
        );
        let extra = if name == "w" { 3.0 } else { 0.0 };
        let gap = ((penalized - plain)? - (one.as_tensor() * extra)?)?
            .abs()?
            .max_all()?
            .to_scalar::<f64>()?;
        ensure!(gap < 1e-14, "gradient of {name} differs by {gap}");
    }
    Ok(())
}

/// The English edition's validation loss includes the penalty, the Chinese edition's doesn't.
#[test]
fn evaluation_shows_the_penalty_where_it_is_asked_to() -> Result<()> {
    let batch = batch()?;
    let mut shown = Vec::new();
    let mut penalty = 0.0;
    for penalty_in_evaluation in [false, true] {
        let (task, _) = by_hand(3.0, penalty_in_evaluation)?;
        let mut scores = Scores::default();
        task.evaluate(&batch, &mut scores)?;
        shown.push(scores.means()["loss"]);
        penalty = 3.0 * l2_penalty(&task.model.w)?.to_scalar::<f64>()?;
    }
    let gap = shown[1] - shown[0] - penalty;
    ensure!(gap.abs() < 1e-14 && penalty > 0.1, "{shown:?}, {penalty}");
    Ok(())
}

#[test]
fn the_library_decays_the_weight_alone() -> Result<()> {
    let params = ParamStore::new(0, &DEVICE);
    concise::LinearRegression::new(FEATURES, &Initializer::PytorchDefault, &params)?;
    let decays: Vec<(String, f64)> = ParamGroup::sparing_biases(params.parameters(), 3.0)
        .into_iter()
        .flat_map(|group| {
            let decay = group.weight_decay;
            group
                .parameters
                .into_iter()
                .map(move |(name, _)| (name, decay))
        })
        .collect();
    let wanted = [("linear.weight", 3.0), ("linear.bias", 0.0)];
    ensure!(
        decays
            .iter()
            .map(|(name, decay)| (name.as_str(), *decay))
            .eq(wanted),
        "{decays:?}"
    );
    Ok(())
}

/// zh 4.5.4 draws weight and bias from N(0, 1); PyTorch's default keeps both within 1/√200 = 0.0707.
#[test]
fn the_bias_is_drawn_as_the_weight_is() -> Result<()> {
    let biases = |initializer: Initializer| -> Result<Vec<f32>> {
        (0..400)
            .map(|seed| {
                let params = ParamStore::new(seed, &DEVICE);
                let model = concise::LinearRegression::new(200, &initializer, &params)?;
                let bias = model.linear.bias().context("the layer has a bias")?;
                Ok(bias.to_vec1::<f32>()?[0])
            })
            .collect()
    };
    let normal = biases(Initializer::NormalBias { std: 1.0 })?;
    let variance = normal.iter().map(|b| b * b).sum::<f32>() / 400.0;
    // Four standard errors of the variance.
    ensure!(
        (variance - 1.0).abs() < 4.0 * (2.0f32 / 400.0).sqrt(),
        "{variance}"
    );
    let uniform = biases(Initializer::PytorchDefault)?;
    let largest = uniform.iter().fold(0f32, |largest, b| largest.max(b.abs()));
    ensure!((0.065..0.0708).contains(&largest), "{largest}");
    Ok(())
}

/// 100 epochs as in the Chinese edition, without shuffling.
#[test]
fn weight_decay_gives_up_training_loss_for_validation_loss() -> Result<()> {
    let data = d2l::data::synthetic_regression(0, &[0.01; 200], 0.05, 0.01, 20, 100)?;
    let trained = |lambda: f64| -> Result<[f64; 4]> {
        let params = ParamStore::new(0, &DEVICE);
        let start = Initializer::NormalZeroBias { std: 1.0 };
        let task = WeightDecay {
            model: LinearRegression::new(200, &start, &params)?,
            lambda,
            penalty_in_evaluation: false,
        };
        let loss = |data: &d2l::data::Dataset<2>| -> Result<f64> {
            let mut scores = Scores::default();
            task.evaluate(
                &data.batch(&(0..data.len()).collect::<Vec<_>>(), &DEVICE)?,
                &mut scores,
            )?;
            Ok(scores.means()["loss"])
        };
        let before = loss(&data.train)?;
        let group = ParamGroup::new(params.parameters());
        let mut sgd = Sgd::new(vec![group], 0.003, 0.0, false)?;
        for _ in 0..100 {
            for batch in data.train.batches((0..20).collect(), 5, &DEVICE) {
                sgd.step(&backward(&loss_of(&task, &batch?)?)?)?;
            }
        }
        let norm = l2_penalty(&task.model.w)?.to_scalar::<f32>()?;
        Ok([
            before,
            loss(&data.train)?,
            loss(&data.valid)?,
            (2.0 * f64::from(norm)).sqrt(),
        ])
    };
    let [before, train, valid, norm] = trained(0.0)?;
    ensure!(
        before > 10.0 && train < 1e-3 && valid > 40.0 && norm > 12.0,
        "λ = 0: {before} {train} {valid} {norm}"
    );
    let [before, train, valid, norm] = trained(3.0)?;
    ensure!(
        before > 10.0 && (1e-5..0.02).contains(&train) && valid < 0.4 && norm < 0.43,
        "λ = 3: {before} {train} {valid} {norm}"
    );
    Ok(())
}
