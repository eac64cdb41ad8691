//! Dropout by hand and with the library: the same numbers at the same mask, and PyTorch's without one.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use candle_core::{DType, Device, Tensor, Var};
use d2l::nn::testing::{check_gradients, every_parameter_has_a_gradient, filled};
use d2l::nn::{Initializer, Mode, Network, ParamStore, Step, backward, cross_entropy, observed};
use mlp::dropout::{concise, scratch};

const DEVICE: Device = Device::Cpu;
const SIZES: [usize; 3] = [12, 8, 4];
const PROBABILITIES: [f64; 2] = [0.2, 0.5];
const HERE: Mode = Mode::Train(STEP);
const STEP: Step = Step { seed: 3, epoch: 1, step: 2 };

/// `w1` is the transposed `hidden1.weight`, and so on.
const MAPPING: [(&str, &str); 6] = [
    ("w1", "hidden1.weight"),
    ("b1", "hidden1.bias"),
    ("w2", "hidden2.weight"),
    ("b2", "hidden2.bias"),
    ("w3", "output.weight"),
    ("b3", "output.bias"),
];

fn store() -> ParamStore {
    ParamStore::with_dtype(0, DType::F64, &DEVICE)
}

fn batch() -> Result<[Tensor; 2]> {
    Ok([
        filled((5, 1, 3, 4), 1, 4.0, DType::F64, &DEVICE)?,
        Tensor::new(&[0u32, 3, 1, 1, 2], &DEVICE)?,
    ])
}

fn parameter(params: &ParamStore, wanted: &str) -> Result<Var> {
    let mut found = params.parameters().into_iter();
    let found = found.find(|(name, _)| name == wanted);
    Ok(found.with_context(|| format!("no parameter {wanted}"))?.1)
}

fn transposed(tensor: &Tensor) -> candle_core::Result<Tensor> {
    if tensor.rank() == 2 {
        tensor.t()?.contiguous()
    } else {
        Ok(tensor.clone())
    }
}

/// Both models with equal parameters.
fn pair() -> Result<(
    (scratch::DropoutMlp, ParamStore),
    (concise::DropoutMlp, ParamStore),
)> {
    let (by_hand, library) = (store(), store());
    let rule = Initializer::PytorchDefault;
    let scratch = scratch::DropoutMlp::new(SIZES, &PROBABILITIES, &rule, &by_hand)?;
    let concise = concise::DropoutMlp::new(SIZES, &PROBABILITIES, &rule, &library)?;
    for (ours, theirs) in MAPPING {
        parameter(&by_hand, ours)?.set(&transposed(parameter(&library, theirs)?.as_tensor())?)?;
    }
    Ok(((scratch, by_hand), (concise, library)))
}

fn gap(one: &Tensor, other: &Tensor) -> Result<f64> {
    Ok((one - other)?.abs()?.max_all()?.to_scalar::<f64>()?)
}

#[test]
fn scratch_and_concise_agree_at_the_same_mask() -> Result<()> {
    let ((scratch, by_hand), (concise, library)) = pair()?;
    let [x, y] = batch()?;
    for mode in [HERE, Mode::Evaluate] {
        let (ours, theirs) = (scratch.forward(&x, mode)?, concise.forward(&x, mode)?);
        let between = gap(&ours, &theirs)?;
        ensure!(between < 1e-14, "{mode:?}: outputs differ by {between}");
        let ours = backward(&cross_entropy(&ours, &y)?)?;
        let theirs = backward(&cross_entropy(&theirs, &y)?)?;
        every_parameter_has_a_gradient(&by_hand, &ours)?;
        every_parameter_has_a_gradient(&library, &theirs)?;
        for (here, there) in MAPPING {
            let ours = ours
                .get(parameter(&by_hand, here)?.as_tensor())
                .context("checked")?;
            let theirs = theirs
                .get(parameter(&library, there)?.as_tensor())
                .context("checked")?;
            let between = gap(ours, &transposed(theirs)?)?;
            ensure!(
                between < 1e-14,
                "{mode:?}: gradients of {here} differ by {between}"
            );
        }
    }
    // The mask did something: otherwise the first half of this test would be the second.
    ensure!(
        gap(
            &scratch.forward(&x, HERE)?,
            &scratch.forward(&x, Mode::Evaluate)?
        )? > 1e-3
    );
    Ok(())
}

#[test]
fn both_have_the_gradients_of_their_definition_at_a_fixed_mask() -> Result<()> {
    let ((scratch, by_hand), (concise, library)) = pair()?;
    let [x, y] = batch()?;
    let check = |params: &ParamStore, model: &dyn Network| {
        let parameters: Vec<Var> = params
            .parameters()
            .into_iter()
            .map(|(_, var)| var)
            .collect();
        let loss = || cross_entropy(&model.forward(&x, HERE)?, &y);
        check_gradients(&parameters, loss, 1e-6)
    };
    check(&by_hand, &scratch)?;
    check(&library, &concise)
}

#[test]
fn evaluation_draws_nothing_and_every_step_draws_anew() -> Result<()> {
    let ((scratch, _), (concise, _)) = pair()?;
    let [x, _] = batch()?;
    let models: [&dyn Network; 2] = [&scratch, &concise];
    for model in models {
        let output = |mode| -> Result<Vec<Vec<f64>>> { Ok(model.forward(&x, mode)?.to_vec2()?) };
        ensure!(output(Mode::Evaluate)? == output(Mode::Evaluate)?);
        ensure!(output(HERE)? == output(HERE)?, "a step can be repeated");
        let next = Mode::Train(Step { step: 3, ..STEP });
        ensure!(output(HERE)? != output(next)?, "two steps drop alike");
    }
    Ok(())
}

#[test]
fn the_mask_drops_a_share_of_p_and_keeps_the_mean() -> Result<()> {
    let n = 100_000;
    let x = Tensor::ones(n, DType::F64, &DEVICE)?;
    for p in [0.0, 0.2, 0.5, 0.9] {
        let y = scratch::dropout(&x, p, "dropout1", STEP)?.to_vec1::<f64>()?;
        let zeros = y.iter().filter(|&&y| y == 0.0).count() as f64 / n as f64;
        let standard_error = (p * (1.0 - p) / n as f64).sqrt();
        ensure!(
            (zeros - p).abs() <= 4.0 * standard_error,
            "p = {p}: {zeros}"
        );
        ensure!(y.iter().all(|&y| y == 0.0 || y == 1.0 / (1.0 - p)));
    }
    let nothing = scratch::dropout(&x, 1.0, "dropout1", STEP)?;
    ensure!(nothing.sum_all()?.to_scalar::<f64>()? == 0.0);
    Ok(())
}

#[test]
fn two_layers_drop_other_units() -> Result<()> {
    let x = Tensor::ones(64, DType::F64, &DEVICE)?;
    let drop =
        |name: &str| -> Result<Vec<f64>> { Ok(scratch::dropout(&x, 0.5, name, STEP)?.to_vec1()?) };
    ensure!(drop("dropout1")? == drop("dropout1")?);
    ensure!(drop("dropout1")? != drop("dropout2")?);
    Ok(())
}

#[test]
fn the_network_agrees_with_pytorch() -> Result<()> {
    let golden =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/reference/golden/dropout.json");
    let build = |params: &ParamStore| {
        concise::DropoutMlp::new([784, 256, 10], &PROBABILITIES, &Initializer::Zeros, params)
    };
    d2l::testing::check_against_golden(&golden, build, cross_entropy)
}

#[test]
fn the_network_has_the_books_size() -> Result<()> {
    let (by_hand, library) = (store(), store());
    let sizes = [784, 256, 10];
    let scratch = scratch::DropoutMlp::new(sizes, &PROBABILITIES, &Initializer::Zeros, &by_hand)?;
    let concise = concise::DropoutMlp::new(sizes, &PROBABILITIES, &Initializer::Zeros, &library)?;
    let x = Tensor::zeros((2, 1, 28, 28), DType::F64, &DEVICE)?;
    let models: [(&dyn Network, &ParamStore); 2] = [(&scratch, &by_hand), (&concise, &library)];
    for (model, params) in models {
        ensure!(params.parameter_count() == 269_322);
        ensure!(model.forward(&x, HERE)?.dims() == [2, 10]);
    }
    for (name, shape) in [("w1", [784, 256]), ("w2", [256, 256]), ("w3", [256, 10])] {
        ensure!(parameter(&by_hand, name)?.dims() == shape, "{name}");
    }
    let (_, observations) = observed(|| concise.forward(&x, Mode::Evaluate))?;
    let layers = observations.rows(&[&x]);
    let rows: Vec<(&str, &[usize])> = layers
        .iter()
        .map(|layer| (layer.name.as_str(), layer.output.dims()))
        .collect();
    let hidden = &[2, 256][..];
    ensure!(
        rows == [
            ("hidden1", hidden),
            ("relu1", hidden),
            ("dropout1", hidden),
            ("hidden2", hidden),
            ("relu2", hidden),
            ("dropout2", hidden),
            ("output", &[2, 10]),
        ]
    );
    Ok(())
}

/// With the same seed both draw the same masks, so with equal parameters they agree at any depth.
#[test]
fn with_more_or_fewer_layers_scratch_and_concise_agree_too() -> Result<()> {
    let [x, y] = batch()?;
    for probabilities in [&[0.2][..], &[0.2, 0.5, 0.3], &[0.0, 0.5, 0.5, 0.5]] {
        let (by_hand, library) = (store(), store());
        let rule = Initializer::PytorchDefault;
        let scratch = scratch::DropoutMlp::new(SIZES, probabilities, &rule, &by_hand)?;
        let concise = concise::DropoutMlp::new(SIZES, probabilities, &rule, &library)?;
        for layer in 1..=probabilities.len() + 1 {
            let theirs = match layer > probabilities.len() {
                true => "output".to_string(),
                false => format!("hidden{layer}"),
            };
            for (ours, theirs) in [("w", "weight"), ("b", "bias")]
                .map(|(our, their)| (format!("{our}{layer}"), format!("{theirs}.{their}")))
            {
                let value = transposed(parameter(&library, &theirs)?.as_tensor())?;
                parameter(&by_hand, &ours)?.set(&value)?;
            }
        }
        for mode in [HERE, Mode::Evaluate] {
            let between = gap(&scratch.forward(&x, mode)?, &concise.forward(&x, mode)?)?;
            ensure!(between < 1e-14, "{probabilities:?}, {mode:?}: {between}");
        }
        let gradients = backward(&cross_entropy(&concise.forward(&x, HERE)?, &y)?)?;
        every_parameter_has_a_gradient(&library, &gradients)?;
        let gradients = backward(&cross_entropy(&scratch.forward(&x, HERE)?, &y)?)?;
        every_parameter_has_a_gradient(&by_hand, &gradients)?;
    }
    Ok(())
}
