//! Convolutions of every kind: gradients against differences, kernels against definitions.

use candle_core::{DType, Device, Module, Result, Tensor, Var};

use super::transposed::ConvTranspose2d;
use super::{Conv1d, Conv2d, add_bias, composed, convolve};
use crate::testing::{check_gradients, filled};
use d2l_kernels::conv::{Conv2dConfig, Geometry};

const CPU: Device = Device::Cpu;

/// Input, weight, and how the kernel moves: odd and even sizes, not square, one image and several, strides that leave
/// cells unread, padding beyond the kernel, dilation, groups, kernels of one cell.
fn cases() -> Vec<([usize; 4], [usize; 4], Conv2dConfig)> {
    let plain = Conv2dConfig::default();
    vec![
        ([1, 1, 3, 3], [1, 1, 2, 2], plain),
        ([2, 2, 4, 5], [3, 2, 3, 3], plain.padding(1)),
        ([2, 3, 5, 4], [2, 3, 1, 1], plain),
        ([2, 3, 5, 4], [2, 3, 1, 1], plain.stride(2)),
        ([1, 2, 7, 6], [2, 2, 3, 2], plain.stride(2).padding(1)),
        ([3, 1, 5, 5], [2, 1, 5, 5], plain.padding(2)),
        ([2, 3, 8, 8], [4, 3, 3, 3], plain.stride(2).padding(1)),
        ([1, 2, 9, 9], [3, 2, 2, 2], plain.stride(3)),
        ([2, 2, 6, 6], [2, 2, 1, 1], plain.stride(2)),
        ([1, 4, 6, 7], [6, 2, 3, 3], plain.groups(2).padding(1)),
        ([2, 3, 6, 5], [3, 1, 2, 3], plain.groups(3).stride(2)),
        ([1, 2, 7, 8], [1, 2, 3, 3], plain.dilation(2).padding(3)),
        (
            [2, 1, 6, 9],
            [2, 1, 2, 3],
            Conv2dConfig { stride: (3, 2), padding: (0, 4), dilation: (1, 3), groups: 1 },
        ),
    ]
}

fn variable(shape: &[usize], salt: u32, dtype: DType) -> Result<Var> {
    Var::from_tensor(&filled(shape, salt, 2.0, dtype, &CPU)?)
}

#[test]
fn gradients_are_right_for_every_stride_padding_dilation_and_group() -> anyhow::Result<()> {
    for (x, weight, config) in cases() {
        let inputs = [
            variable(&x, 1, DType::F64)?,
            variable(&weight, 2, DType::F64)?,
            variable(&weight[..1], 3, DType::F64)?,
        ];
        let [x, weight, bias] = &inputs;
        let f = || convolve(x, weight, Some(bias), &config)?.sqr()?.sum_all();
        check_gradients(&inputs, f, 1e-7)?;
        let f = || weighted(&convolve(x, weight, None, &config)?);
        check_gradients(&inputs[..2], f, 1e-7)?;
    }
    Ok(())
}

#[test]
fn the_definitions_have_right_gradients_too() -> anyhow::Result<()> {
    for (x, weight, config) in cases() {
        let geometry = Geometry::new(&x, &weight, &config)?;
        let inputs = [
            variable(&x, 1, DType::F64)?,
            variable(&weight, 2, DType::F64)?,
        ];
        let [x, weight] = &inputs;
        let f = || weighted(&composed::convolution(geometry, x, weight)?);
        check_gradients(&inputs, f, 1e-7)?;
        let y = variable(&shape(geometry.output_dims()), 3, DType::F64)?;
        let f = || weighted(&composed::transposed(geometry, &y, weight)?);
        check_gradients(&[y.clone(), weight.clone()], f, 1e-7)?;
    }
    Ok(())
}

/// Σ y · numbers: a scalar of moderate size, so that differences of it are exact to many places.
fn weighted(y: &Tensor) -> Result<Tensor> {
    (y * filled(y.shape(), 9, 2.0, y.dtype(), &CPU)?)?.sum_all()
}

fn shape((a, b, c, d): (usize, usize, usize, usize)) -> Vec<usize> {
    vec![a, b, c, d]
}

#[test]
fn gradients_are_right_for_views_and_for_shared_inputs() -> anyhow::Result<()> {
    let x = variable(&[5, 4, 2, 3], 1, DType::F64)?;
    let weight = variable(&[3, 2, 3, 4], 2, DType::F64)?;
    let config = Conv2dConfig::default().padding(1);
    let f = || {
        let x = x.permute((2, 3, 0, 1))?.narrow(2, 1, 4)?;
        let weight = weight.transpose(0, 3)?.narrow(2, 0, 2)?;
        let weight = weight.narrow(1, 0, 2)?;
        let x = x.narrow(1, 1, 2)?;
        let y = convolve(&x, &weight, None, &config)?;
        (y.sqr()? + convolve(&x, &weight, None, &config)?)?.sum_all()
    };
    check_gradients(&[x.clone(), weight.clone()], f, 1e-7)
}

#[test]
fn transposed_convolutions_have_right_gradients() -> anyhow::Result<()> {
    let plain = Conv2dConfig::default();
    for (x, weight, config, extra) in [
        ([2, 2, 3, 4], [2, 3, 2, 2], plain, (0, 0)),
        (
            [1, 3, 3, 2],
            [3, 2, 3, 3],
            plain.stride(2).padding(1),
            (1, 0),
        ),
        (
            [1, 4, 2, 3],
            [4, 1, 3, 2],
            plain.groups(2).stride(3),
            (2, 1),
        ),
        ([1, 1, 3, 3], [1, 2, 2, 2], plain.dilation(2), (1, 1)),
    ] {
        let outputs = weight[1] * config.groups;
        let inputs = [
            variable(&x, 1, DType::F64)?,
            variable(&weight, 2, DType::F64)?,
            variable(&[outputs], 3, DType::F64)?,
        ];
        let layer = ConvTranspose2d::new(
            inputs[1].as_tensor().clone(),
            Some(inputs[2].as_tensor().clone()),
            config,
        )
        .output_padding(extra);
        check_gradients(&inputs, || weighted(&layer.forward(&inputs[0])?), 1e-7)?;
    }
    Ok(())
}

/// Sizes at which blocks hold several images, and at which an image takes several blocks.
fn large_cases() -> Vec<([usize; 4], [usize; 4], Conv2dConfig)> {
    let plain = Conv2dConfig::default();
    vec![
        ([33, 1, 28, 28], [6, 1, 5, 5], plain.padding(2)),
        ([70, 6, 14, 14], [16, 6, 5, 5], plain),
        ([3, 3, 64, 50], [8, 3, 7, 7], plain.stride(2).padding(3)),
        ([37, 40, 4, 4], [50, 40, 3, 3], plain.padding(1)),
        ([5, 64, 16, 16], [128, 64, 1, 1], plain.stride(2)),
        ([5, 64, 9, 9], [70, 64, 1, 1], plain),
        ([2, 64, 17, 17], [128, 64, 3, 3], plain.padding(1)),
        ([2, 128, 10, 10], [64, 64, 3, 3], plain.padding(1).groups(2)),
        ([70, 16, 4, 4], [24, 16, 3, 3], plain.padding(1)),
        ([3, 16, 6, 9], [16, 16, 3, 3], plain.padding(2)),
        ([2, 16, 5, 3], [16, 16, 3, 3], plain.padding(1)),
        ([2, 72, 7, 11], [80, 72, 3, 3], plain),
        ([9, 20, 1, 1], [50, 20, 3, 3], plain.padding(1)),
        ([5, 16, 2, 2], [100, 16, 3, 3], plain.padding(1)),
        ([3, 24, 9, 7], [17, 24, 3, 5], plain.stride(2).padding(2)),
        (
            [2, 16, 11, 10],
            [16, 16, 3, 3],
            plain.stride(3).dilation(2).padding(3),
        ),
        ([70, 300, 3, 3], [20, 300, 3, 3], plain.padding(1)),
        ([5, 18, 2, 3], [20, 18, 1, 1], plain),
        ([3, 16, 1, 1], [16, 16, 1, 1], plain.stride(2).padding(1)),
    ]
}

#[test]
fn kernels_and_definitions_agree() -> anyhow::Result<()> {
    for (dtype, tolerance) in [(DType::F64, 1e-13), (DType::F32, 2e-5)] {
        for (x, weight, config) in [cases(), large_cases()].concat() {
            let geometry = Geometry::new(&x, &weight, &config)?;
            let taps = geometry.taps() as f64;
            let x = variable(&x, 1, dtype)?;
            let bias = variable(&weight[..1], 3, dtype)?;
            let weight = variable(&weight, 2, dtype)?;
            let found = convolve(&x, &weight, Some(&bias), &config)?;
            let wanted = composed::convolution(geometry, &x, &weight)?;
            let wanted = add_bias(wanted, Some(&bias))?;
            let upstream = filled(found.shape(), 5, 1.0, dtype, &CPU)?;
            let found_gradients = crate::backward(&(&found * &upstream)?.sum_all()?)?;
            let wanted_gradients = crate::backward(&(&wanted * &upstream)?.sum_all()?)?;
            let mut pairs = vec![(found, wanted)];
            for input in [&x, &weight, &bias] {
                match (found_gradients.get(input), wanted_gradients.get(input)) {
                    (Some(found), Some(wanted)) => pairs.push((found.clone(), wanted.clone())),
                    _ => anyhow::bail!("a gradient is missing"),
                }
            }
            for (which, (found, wanted)) in pairs.into_iter().enumerate() {
                let off = (&found - &wanted)?.abs()?.flatten_all()?.max(0)?;
                let largest = wanted.abs()?.flatten_all()?.max(0)?;
                let off = off.to_dtype(DType::F64)?.to_scalar::<f64>()?;
                let largest = largest.to_dtype(DType::F64)?.to_scalar::<f64>()?;
                let allowed = tolerance * largest.max(taps.sqrt());
                assert!(off <= allowed, "{geometry:?}, {which}: {off} > {allowed}");
            }
        }
    }
    Ok(())
}

#[test]
fn pictures_get_no_gradient_and_parameters_do() -> anyhow::Result<()> {
    let x = filled((2, 1, 6, 6), 1, 1.0, DType::F32, &CPU)?;
    let weight = variable(&[3, 1, 3, 3], 2, DType::F32)?;
    let loss = convolve(&x, &weight, None, &Conv2dConfig::default())?.sum_all()?;
    let gradients = crate::backward(&loss)?;
    assert!(gradients.get(&x).is_none());
    assert_eq!(
        gradients.get(&weight).map(|dw| dw.dims().to_vec()),
        Some(vec![3, 1, 3, 3])
    );
    Ok(())
}

#[test]
fn sequences_are_images_of_one_row() -> anyhow::Result<()> {
    let x = Tensor::new(&[[[1f32, 2.0, 4.0, 8.0]]], &CPU)?;
    let weight = Tensor::new(&[[[1f32, -1.0]]], &CPU)?;
    let layer = Conv1d::new(weight, None, Conv2dConfig::default());
    assert_eq!(layer.forward(&x)?.to_vec3::<f32>()?, [[[-1.0, -2.0, -4.0]]]);
    assert!(layer.forward(&x.squeeze(0)?).is_err());
    Ok(())
}

#[test]
fn what_does_not_fit_is_one_clear_error() -> anyhow::Result<()> {
    let error = |x: &[usize], weight: &[usize], config: Conv2dConfig| -> anyhow::Result<String> {
        let layer = Conv2d::new(
            variable(weight, 1, DType::F32)?.as_tensor().clone(),
            None,
            config,
        );
        let x = filled(x, 1, 1.0, DType::F32, &CPU)?;
        match layer.forward(&x) {
            Ok(_) => anyhow::bail!("{x:?} was taken"),
            Err(error) => Ok(error.to_string()),
        }
    };
    let plain = Conv2dConfig::default();
    for (found, wanted) in [
        (
            error(&[1, 3, 5, 5], &[4, 2, 3, 3], plain)?,
            "wanted 2 channels",
        ),
        (
            error(&[1, 2, 2, 5], &[4, 2, 3, 3], plain)?,
            "found a side of 2 with padding 0, wanted at least 3",
        ),
        (
            error(&[2, 5, 5], &[4, 2, 3, 3], plain)?,
            "wanted four dimensions each",
        ),
        (
            error(&[1, 4, 5, 5], &[3, 2, 3, 3], plain.groups(2))?,
            "filters that the groups divide",
        ),
        (
            error(&[1, 2, 5, 5], &[4, 2, 3, 3], plain.stride(0))?,
            "wanted at least 1 each",
        ),
    ] {
        assert!(found.contains(wanted), "{found}");
    }
    Ok(())
}
