//! The bowl has the heights of the loss, training takes the same steps on it, and its largest learning rate is the
//! limit.

use anyhow::{Context, Result, ensure};
use candle_core::{DType, Device, Tensor};
use d2l::nn::testing::{every_parameter_has_a_gradient, filled};
use d2l::nn::{Initializer, Mode, Network, Optimizer, ParamGroup, ParamStore, Sgd, backward};
use linear_regression::airfoil::bowl::Bowl;
use linear_regression::airfoil::descent::TwoWeights;
use linear_regression::closed_form::ClosedForm;
use linear_regression::scratch::squared_loss;

const DEVICE: Device = Device::Cpu;

/// Two correlated features `[N, 2]`, and targets `[N, 1]`.
struct Examples {
    x: Vec<[f64; 2]>,
    y: Vec<f64>,
}

fn examples() -> Result<Examples> {
    let draws: Vec<Vec<f64>> = filled((40, 3), 1, 2.0, DType::F64, &DEVICE)?.to_vec2()?;
    let x = draws
        .iter()
        .map(|row| [row[0], 0.8 * row[0] + 0.3 * row[1]]);
    let y = draws
        .iter()
        .map(|row| 1.5 * row[0] - 0.7 * row[1] + 0.2 * row[2]);
    Ok(Examples { x: x.collect(), y: y.collect() })
}

#[test]
fn heights_and_steps_are_those_of_the_model() -> Result<()> {
    let Examples { x, y } = examples()?;
    let bowl = Bowl::of(&x, &y);
    let count = y.len();
    let x = Tensor::from_vec(x.concat(), (count, 2), &DEVICE)?.to_dtype(DType::F32)?;
    let y = Tensor::from_vec(y, (count, 1), &DEVICE)?.to_dtype(DType::F32)?;
    let params = ParamStore::new(0, &DEVICE);
    let model = TwoWeights::new(&Initializer::Normal { std: 1.0 }, &params)?;
    let mut sgd = Sgd::new(vec![ParamGroup::new(params.parameters())], 0.4, 0.0, false)?;
    let path = bowl.descend(model.place()?, 0.4, 5);
    ensure!(path.len() == 6);
    for (w1, w2) in path {
        let place = model.place()?;
        let gap = (place.0 - w1).hypot(place.1 - w2);
        ensure!(gap < 1e-6, "{place:?} and ({w1}, {w2})");
        let loss = squared_loss(&model.forward(&x, Mode::Evaluate)?, &y)?;
        let gap = f64::from(loss.to_scalar::<f32>()?) - bowl.height(w1, w2);
        ensure!(gap.abs() < 1e-6, "losses differ by {gap}");
        let gradients = backward(&loss)?;
        every_parameter_has_a_gradient(&params, &gradients)?;
        sgd.step(&gradients)?;
    }
    Ok(())
}

#[test]
fn the_minimum_is_lower_than_what_is_around_it() -> Result<()> {
    let Examples { x, y } = examples()?;
    let bowl = Bowl::of(&x, &y);
    let (w1, w2) = bowl.minimum().context("a bowl")?;
    for step in 0..16 {
        let angle = f64::from(step) * std::f64::consts::TAU / 16.0;
        let around = bowl.height(w1 + 1e-3 * angle.cos(), w2 + 1e-3 * angle.sin());
        ensure!(around > bowl.height(w1, w2), "at {angle}");
    }
    Ok(())
}

#[test]
fn below_the_limit_it_arrives_and_above_it_goes_away() -> Result<()> {
    let Examples { x, y } = examples()?;
    let bowl = Bowl::of(&x, &y);
    let (minimum, limit) = (bowl.minimum().context("a bowl")?, bowl.largest_rate());
    let distance = |(w1, w2): (f64, f64)| (w1 - minimum.0).hypot(w2 - minimum.1);
    let start = (0.0, 0.0);
    let far = |rate: f64| {
        let path = bowl.descend(start, rate, 3000);
        path.last().map_or(f64::NAN, |last| distance(*last))
    };
    ensure!(distance(start) > 0.5);
    ensure!(far(0.99 * limit) < 1e-9, "{}", far(0.99 * limit));
    ensure!(far(1.01 * limit) > 1e9, "{}", far(1.01 * limit));
    Ok(())
}

/// For features and targets with mean 0 the best bias is 0, so the minimum without a bias is the closed form.
#[test]
fn the_minimum_is_the_closed_form() -> Result<()> {
    let Examples { mut x, mut y } = examples()?;
    let count = y.len() as f64;
    for feature in 0..2 {
        let mean = x.iter().map(|x| x[feature]).sum::<f64>() / count;
        x.iter_mut().for_each(|x| x[feature] -= mean);
    }
    let mean = y.iter().sum::<f64>() / count;
    y.iter_mut().for_each(|y| *y -= mean);
    let (w1, w2) = Bowl::of(&x, &y).minimum().context("a bowl")?;
    let column = |values: Vec<f64>, width: usize| d2l::data::Column::Floats {
        values: values.into_iter().map(|value| value as f32).collect(),
        shape: vec![width],
    };
    let data = d2l::data::Dataset::new([column(x.concat(), 2), column(y, 1)])?;
    let best = ClosedForm::of(&data)?;
    ensure!(
        best.distance(&[w1, w2], 0.0) < 1e-5,
        "{best:?} and ({w1}, {w2})"
    );
    Ok(())
}

#[test]
fn features_that_are_multiples_of_each_other_have_no_minimum() {
    let x = [[1.0, 2.0], [-0.5, -1.0], [0.3, 0.6]];
    assert_eq!(Bowl::of(&x, &[1.0, 2.0, 3.0]).minimum(), None);
}
