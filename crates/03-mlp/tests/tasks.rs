//! The chapter's further tasks against their definitions.

use anyhow::{Context, Result, ensure};
use candle_core::{DType, Device, Tensor};
use d2l::nn::testing::{check_gradients, every_parameter_has_a_gradient, filled};
use d2l::nn::{Initializer, Mode, Network, ParamStore, Step, backward, mse_loss, observed};
use d2l::{BinaryClassifier, Regressor, Scores, Task};
use mlp::activation::Activation;
use mlp::concise::Mlp;
use mlp::digits::{cross_entropy_cost, quadratic_cost};
use mlp::dropout::concise::DropoutMlp;
use mlp::house_price::{PriceRegressor, Target};
use mlp::regularization::Penalized;

const DEVICE: Device = Device::Cpu;
const STEP: Step = Step { seed: 0, epoch: 1, step: 1 };

fn store() -> ParamStore {
    ParamStore::with_dtype(0, DType::F64, &DEVICE)
}

fn network(widths: &[usize], params: &ParamStore) -> Result<Mlp> {
    Mlp::new(
        widths,
        Activation::Sigmoid,
        &Initializer::PytorchDefault,
        params,
    )
}

fn numbers(tensor: &Tensor) -> Result<Vec<f64>> {
    Ok(tensor.flatten_all()?.to_vec1()?)
}

fn close(found: f64, wanted: f64) -> Result<()> {
    ensure!(
        (found - wanted).abs() <= 1e-12 * wanted.abs().max(1.0),
        "{found}, wanted {wanted}"
    );
    Ok(())
}

#[test]
fn layers_have_the_widths_and_names_that_were_asked_for() -> Result<()> {
    let rows = |widths: &[usize]| -> Result<Vec<(String, usize)>> {
        let model = network(widths, &store())?;
        let x = filled((2, widths[0]), 1, 1.0, DType::F64, &DEVICE)?;
        let (_, observations) = observed(|| model.forward(&x, Mode::Evaluate))?;
        let layers = observations.rows(&[&x]).into_iter();
        layers
            .map(|layer| Ok((layer.name, layer.output.dim(1)?)))
            .collect()
    };
    let wanted = |rows: &[(&str, usize)]| -> Vec<(String, usize)> {
        let rows = rows.iter();
        rows.map(|&(name, width)| (name.to_string(), width))
            .collect()
    };
    assert_eq!(
        rows(&[8, 6, 4, 1])?,
        wanted(&[
            ("hidden1", 6),
            ("sigmoid1", 6),
            ("hidden2", 4),
            ("sigmoid2", 4),
            ("output", 1)
        ])
    );
    assert_eq!(rows(&[5, 1])?, wanted(&[("output", 1)]));
    let params = store();
    network(&[8, 6, 4, 1], &params)?;
    assert_eq!(params.parameter_count(), 8 * 6 + 6 + 6 * 4 + 4 + 4 + 1);
    ensure!(network(&[], &store()).is_err() && network(&[5], &store()).is_err());
    Ok(())
}

#[test]
fn the_penalty_is_its_definition_and_spares_biases() -> Result<()> {
    let params = store();
    let model = network(&[3, 4, 1], &params)?;
    let x = filled((5, 3), 1, 2.0, DType::F64, &DEVICE)?;
    let y = filled((5, 1), 2, 2.0, DType::F64, &DEVICE)?;
    let (l1, l2) = (0.3, 0.7);
    let task = Penalized::new(Regressor::new(model), &params, l1, l2);
    let batch = [x, y];
    let loss =
        |task: &Penalized<Regressor<Mlp>>| task.training_loss(&batch, STEP, &mut Scores::default());
    let mut wanted = mse_loss(
        &task.task.network.forward(&batch[0], Mode::Evaluate)?,
        &batch[1],
    )?
    .to_scalar::<f64>()?;
    for (name, parameter) in params.parameters() {
        if name.ends_with("weight") {
            for w in numbers(parameter.as_tensor())? {
                wanted += l1 * w.abs() + l2 / 2.0 * w * w;
            }
        }
    }
    close(loss(&task)?.to_scalar()?, wanted)?;
    let variables: Vec<_> = params
        .parameters()
        .into_iter()
        .map(|(_, var)| var)
        .collect();
    check_gradients(&variables, || loss(&task), 1e-7)?;

    let mut scores = Scores::default();
    task.evaluate(&batch, &mut scores)?;
    ensure!(
        scores.means()["loss"] < wanted,
        "evaluation shows the loss alone"
    );
    Ok(())
}

#[test]
fn a_penalty_of_zero_changes_nothing() -> Result<()> {
    let params = store();
    let task = Penalized::new(
        Regressor::new(network(&[3, 1], &params)?),
        &params,
        0.0,
        0.0,
    );
    let batch = [
        filled((5, 3), 1, 2.0, DType::F64, &DEVICE)?,
        filled((5, 1), 2, 2.0, DType::F64, &DEVICE)?,
    ];
    let penalized = task.training_loss(&batch, STEP, &mut Scores::default())?;
    let plain = task
        .task
        .training_loss(&batch, STEP, &mut Scores::default())?;
    assert_eq!(penalized.to_scalar::<f64>()?, plain.to_scalar::<f64>()?);
    ensure!(!task.has_penalty());
    Ok(())
}

#[test]
fn prices_are_judged_by_their_logarithms() -> Result<()> {
    let prices = [100_000.0, 250_000.0, 40_000.0];
    let y = Tensor::new(&prices, &DEVICE)?.reshape((3, 1))?;
    let x = filled((3, 2), 1, 1.0, DType::F64, &DEVICE)?;
    for target in [Target::Price, Target::LogPrice] {
        let params = store();
        let network = DropoutMlp::new([2, 0, 1], &[], &Initializer::PytorchDefault, &params)?;
        let task = PriceRegressor { network, target };
        let outputs = numbers(&task.network.forward(&x, Mode::Evaluate)?)?;
        let (mut squares, mut log_squares) = (0.0, 0.0);
        for (o, price) in outputs.into_iter().zip(prices) {
            let log_price = f64::ln(price);
            // A prediction of less than a dollar counts as one dollar.
            let log_o = if target == Target::Price {
                o.max(1.0).ln()
            } else {
                o
            };
            log_squares += (log_o - log_price).powi(2);
            squares += match target {
                Target::Price => (o - price).powi(2),
                Target::LogPrice => (o - log_price).powi(2),
            };
        }
        let mut scores = Scores::default();
        let batch = [x.clone(), y.clone()];
        task.evaluate(&batch, &mut scores)?;
        close(scores.means()["loss"], squares / 3.0)?;
        close(scores.means()["log_rmse"], (log_squares / 3.0).sqrt())?;
        let loss = task.training_loss(&batch, STEP, &mut Scores::default())?;
        close(loss.to_scalar()?, squares / 3.0)?;
        every_parameter_has_a_gradient(&params, &backward(&loss)?)?;
    }
    Ok(())
}

#[test]
fn an_answer_is_right_where_its_logit_has_the_right_sign() -> Result<()> {
    let params = store();
    let task = BinaryClassifier::new(network(&[2, 3, 1], &params)?);
    let x = filled((40, 2), 1, 9.0, DType::F64, &DEVICE)?;
    let answers: Vec<f64> = (0..40).map(|row| f64::from(row % 3 == 0)).collect();
    let logits = numbers(&task.network.forward(&x, Mode::Evaluate)?)?;
    let right = logits
        .iter()
        .zip(&answers)
        .filter(|(o, y)| (**o > 0.0) == (**y == 1.0))
        .count();
    let batch = [x, Tensor::new(answers, &DEVICE)?.reshape((40, 1))?];
    let mut scores = Scores::default();
    task.evaluate(&batch, &mut scores)?;
    assert_eq!(scores.means()["accuracy"], right as f64 / 40.0);
    let mut scores = Scores::default();
    let loss = task.training_loss(&batch, STEP, &mut scores)?;
    assert_eq!(scores.means()["accuracy"], right as f64 / 40.0);
    every_parameter_has_a_gradient(&params, &backward(&loss)?)
}

#[test]
fn nielsens_costs_are_their_definitions() -> Result<()> {
    let logits = candle_core::Var::from_tensor(&filled((4, 3), 1, 6.0, DType::F64, &DEVICE)?)?;
    let classes = [2u32, 0, 1, 2];
    let y = Tensor::new(&classes, &DEVICE)?;
    let (mut quadratic, mut cross_entropy) = (0.0, 0.0);
    for (row, class) in logits.to_vec2::<f64>()?.iter().zip(classes) {
        for (k, o) in row.iter().enumerate() {
            let a = 1.0 / (1.0 + (-o).exp());
            let y = f64::from(k == class as usize);
            quadratic += (a - y) * (a - y) / 2.0;
            cross_entropy -= y * a.ln() + (1.0 - y) * (1.0 - a).ln();
        }
    }
    close(quadratic_cost(&logits, &y)?.to_scalar()?, quadratic / 4.0)?;
    close(
        cross_entropy_cost(&logits, &y)?.to_scalar()?,
        cross_entropy / 4.0,
    )?;
    let both = [logits.clone()];
    check_gradients(&both, || quadratic_cost(&logits, &y), 1e-8)?;
    check_gradients(&both, || cross_entropy_cost(&logits, &y), 1e-8)
}

#[test]
fn a_hopelessly_wrong_unit_learns_from_the_cross_entropy_alone() -> Result<()> {
    let logits = candle_core::Var::new(&[[12f64]], &DEVICE)?;
    let y = Tensor::new(&[1u32], &DEVICE)?; // the class is another: the target of this unit is 0
    let slope = |cost: fn(&Tensor, &Tensor) -> candle_core::Result<Tensor>| -> Result<f64> {
        let gradients = backward(&cost(&logits, &y)?)?;
        let slope = gradients.get(&logits).context("a gradient")?;
        Ok(numbers(slope)?[0])
    };
    ensure!(slope(quadratic_cost)? < 1e-5 && slope(cross_entropy_cost)? > 0.99);
    Ok(())
}
