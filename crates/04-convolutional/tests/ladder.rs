//! The ladder's networks and its expanded training set.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use candle_core::{DType, Device, Tensor};
use convolutional::ladder::{Digits, LADDER, Rung, expanded};
use d2l::data::{Column, Dataset};
use d2l::nn::testing::{every_parameter_has_a_gradient, filled};
use d2l::nn::{Initializer, Mode, Network, ParamStore, Step, backward, cross_entropy};

const DEVICE: Device = Device::Cpu;

fn train(step: usize) -> Mode {
    Mode::Train(Step { seed: 0, epoch: 1, step })
}

fn rung(name: &str) -> Result<&'static Rung> {
    let found = LADDER.iter().find(|rung| rung.name == name);
    found.context("a rung of this name")
}

#[test]
fn every_rung_trains_all_of_its_parameters() -> Result<()> {
    let x = filled((4, 1, 28, 28), 1, 1.0, DType::F32, &DEVICE)?;
    let y = Tensor::new(&[0u32, 3, 1, 9], &DEVICE)?;
    let wanted: [usize; LADDER.len()] = [
        20 * 26 + 2880 * 100 + 100 + 1010,
        20 * 26 + 40 * 501 + 640 * 100 + 100 + 1010,
        20 * 26 + 40 * 501 + 640 * 100 + 100 + 1010,
        20 * 26 + 40 * 501 + 640 * 100 + 100 + 1010,
        20 * 26 + 40 * 501 + 640 * 1000 + 1000 + 1000 * 1001 + 10_010,
    ];
    for (rung, wanted) in LADDER.iter().zip(wanted) {
        let params = ParamStore::new(0, &DEVICE);
        let model = Digits::new(rung, 10, &Initializer::Xavier, &params)?;
        ensure!(params.parameter_count() == wanted, "{}", rung.name);
        let loss = cross_entropy(&model.forward(&x, train(1))?, &y)?;
        every_parameter_has_a_gradient(&params, &backward(&loss)?).context(rung.name)?;
    }
    Ok(())
}

/// Nielsen's program starts the last layer from zero: all digits are equally likely.
#[test]
fn nielsens_networks_begin_undecided() -> Result<()> {
    let x = filled((4, 1, 28, 28), 1, 1.0, DType::F32, &DEVICE)?;
    for rung in &LADDER {
        let params = ParamStore::new(0, &DEVICE);
        let model = Digits::new(rung, 10, &rung.recipe().initializer, &params)?;
        let output = model.forward(&x, Mode::Evaluate)?;
        ensure!(output.to_vec2::<f32>()? == vec![vec![0.0; 10]; 4]);
        // N(0, 1 / (20 · 25 / 4)) over 500 weights: within 5 standard errors
        let parameters = params.parameters();
        let conv1 = parameters.iter().find(|(name, _)| name == "conv1.weight");
        let (_, conv1) = conv1.context("conv1.weight")?;
        let variance = conv1.sqr()?.mean_all()?.to_scalar::<f32>()?;
        ensure!((variance * 125.0 - 1.0).abs() < 5.0 * (2.0f32 / 500.0).sqrt());
    }
    Ok(())
}

/// In evaluation all units count half; in training half of them count whole. Over many steps the outputs have one mean.
#[test]
fn dropout_keeps_the_mean() -> Result<()> {
    let x = filled((2, 1, 28, 28), 1, 1.0, DType::F64, &DEVICE)?;
    let params = ParamStore::with_dtype(0, DType::F64, &DEVICE);
    let model = Digits::new(
        rung("digits-dropout")?,
        10,
        &Initializer::PytorchDefault,
        &params,
    )?;
    let outputs: Result<Vec<Tensor>> = (1..=400)
        .map(|step| Ok(model.forward(&x, train(step))?))
        .collect();
    let outputs = Tensor::stack(&outputs?, 0)?; // [400, 2, 10]
    let mean = outputs.mean(0)?;
    let spread = outputs.broadcast_sub(&mean)?.sqr()?.mean(0)?.sqrt()?;
    let used = model.forward(&x, Mode::Evaluate)?;
    // ReLU bends the mean a little, so that this is no sharper than one standard deviation of a single step.
    let gap = ((mean - used)?.abs()? / spread)?.flatten_all()?.max(0)?;
    let gap = gap.to_scalar::<f64>()?;
    ensure!(gap < 1.0, "{gap} standard deviations");
    ensure!(gap > 0.0);
    Ok(())
}

#[test]
fn expanded_pictures_are_a_pixel_further() -> Result<()> {
    let data = Dataset::new([
        Column::Pixels {
            values: vec![1, 2, 3, 4, 5, 6, 11, 12, 13, 14, 15, 16],
            shape: vec![1, 2, 3],
        },
        Column::Labels(vec![7, 8]),
    ])?;
    let five = expanded(&data)?;
    let Column::Pixels { values, .. } = five.column(0) else {
        anyhow::bail!("wanted pixels");
    };
    let wanted: [[u8; 6]; 10] = [
        [1, 2, 3, 4, 5, 6],
        [11, 12, 13, 14, 15, 16],
        [0, 0, 0, 1, 2, 3], // down
        [0, 0, 0, 11, 12, 13],
        [4, 5, 6, 0, 0, 0], // up
        [14, 15, 16, 0, 0, 0],
        [0, 1, 2, 0, 4, 5], // right
        [0, 11, 12, 0, 14, 15],
        [2, 3, 0, 5, 6, 0], // left
        [12, 13, 0, 15, 16, 0],
    ];
    ensure!(*values == wanted.concat(), "{values:?}");
    ensure!(matches!(five.column(1), Column::Labels(labels) if labels == &[7, 8].repeat(5)));
    Ok(())
}

#[test]
fn the_rungs_agree_with_pytorch() -> Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/reference/golden");
    for model in ["digits-convolution", "digits-relu", "digits-dropout"] {
        d2l::testing::check_against_golden(
            &folder.join(format!("{model}.json")),
            |params| Digits::new(rung(model)?, 10, &Initializer::Zeros, params),
            cross_entropy,
        )
        .context(model)?;
    }
    Ok(())
}
