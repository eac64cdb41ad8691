//! Costs and fields of small networks, counted by hand.

use candle_core::{DType, Device, Module};

use super::*;
use crate::{
    Conv2d, Conv2dConfig, Initializer, Mode, ParamStore, Pool2d, avg_pool2d, batch_norm, conv2d,
    global_avg_pool2d, linear, max_pool2d, relu, sigmoid,
};

const PIXELS: fn(usize) -> ReceptiveField = |side| ReceptiveField::Pixels(side, side);

fn picture(side: usize) -> Result<Tensor> {
    Tensor::zeros((1, 2, side, side), DType::F32, &Device::Cpu)
}

fn conv(channels: [usize; 2], kernel: usize, config: Conv2dConfig, name: &str) -> Result<Conv2d> {
    let vb = ParamStore::new(0, &Device::Cpu).builder().pp(name);
    conv2d(
        channels[0],
        channels[1],
        kernel,
        config,
        &Initializer::Zeros,
        vb,
    )
}

/// Name, multiply-adds and field of every row.
fn rows(
    x: &Tensor,
    forward: impl FnOnce(&Tensor) -> Result<Tensor>,
) -> Result<Vec<(String, usize, ReceptiveField)>> {
    let (_, observations) = observed(|| forward(x))?;
    let layers = observations.rows(&[x]).into_iter();
    Ok(layers
        .map(|layer| (layer.name, layer.multiply_adds, layer.receptive_field))
        .collect())
}

fn row(name: &str, multiply_adds: usize, field: ReceptiveField) -> (String, usize, ReceptiveField) {
    (name.to_string(), multiply_adds, field)
}

#[test]
fn windows_on_windows_see_more_of_the_picture() -> Result<()> {
    let x = picture(20)?;
    let first = conv(
        [2, 3],
        5,
        Conv2dConfig::default().stride(2).padding(2),
        "first",
    )?;
    let second = conv([3, 4], 3, Conv2dConfig::default().dilation(2), "second")?;
    let vb = ParamStore::new(0, &Device::Cpu).builder();
    let last = linear(4 * 3 * 3, 7, &Initializer::Zeros, vb)?;
    let rows = rows(&x, |x| {
        let h = relu(&first.forward(x)?)?; // [3, 10, 10]
        let h = second.forward(&h)?; // [4, 6, 6]
        let h = avg_pool2d(&h, &Pool2d::new(2), true)?; // [4, 3, 3]
        last.forward(&h.flatten_from(1)?)
    })?;
    let wanted = [
        row("first", 100 * 3 * 2 * 25, PIXELS(5)),
        row("relu", 0, PIXELS(5)),
        row("second", 36 * 4 * 3 * 9, PIXELS(5 + 4 * 2)),
        row("avg_pool", 0, PIXELS(13 + 2)),
        row("", 36 * 7, ReceptiveField::Whole), // the builder had no prefix
    ];
    assert_eq!(rows, wanted);
    Ok(())
}

#[test]
fn where_paths_meet_the_widest_counts() -> Result<()> {
    let x = picture(12)?;
    let same = |kernel: usize| Conv2dConfig::default().padding(kernel / 2);
    let stem = conv([2, 2], 3, same(3), "stem")?;
    let wide = [
        conv([2, 2], 1, same(1), "a")?,
        conv([2, 2], 5, same(5), "b")?,
    ];
    let narrow = [
        conv([2, 2], 1, same(1), "c")?,
        conv([2, 2], 3, same(3), "d")?,
    ];
    let next = conv([6, 1], 3, same(3), "next")?;
    let rows = rows(&x, |x| {
        let h = relu(&stem.forward(x)?)?;
        let path = |[one, two]: &[Conv2d; 2]| relu(&two.forward(&relu(&one.forward(&h)?)?)?);
        // The narrower path comes after the wider one, and must not begin where that ended.
        let paths = [
            path(&wide)?,
            path(&narrow)?,
            max_pool2d(&h, &Pool2d::new(3).stride(1).padding(1))?,
        ];
        next.forward(&Tensor::cat(&paths, 1)?)
    })?;
    let of = |name: &str| rows.iter().find(|row| row.0 == name).map(|row| row.2);
    assert_eq!(of("stem"), Some(PIXELS(3)));
    assert_eq!(of("b"), Some(PIXELS(7)));
    assert_eq!(of("d"), Some(PIXELS(5)));
    assert_eq!(of("max_pool"), Some(PIXELS(5)));
    assert_eq!(rows.last(), Some(&row("next", 144 * 6 * 9, PIXELS(9))));
    Ok(())
}

#[test]
fn a_sum_with_the_input_sees_what_the_longer_way_sees() -> Result<()> {
    let x = picture(16)?;
    let config = Conv2dConfig::default().padding(1);
    let half = config.stride(2);
    let convolutions = [
        conv([2, 2], 3, half, "a")?,
        conv([2, 2], 3, config, "b")?,
        conv([2, 2], 1, Conv2dConfig::default().stride(2), "around")?,
        conv([2, 2], 3, config, "c")?,
    ];
    let [a, b, around, c] = &convolutions;
    let rows = rows(&x, |x| {
        let down = block("down", || {
            relu(&(b.forward(&relu(&a.forward(x)?)?)? + around.forward(x)?)?)
        })?;
        let sum = block("same", || c.forward(&down)? + &down)?; // candle's sum reports nothing
        global_avg_pool2d(&relu(&sum)?)
    })?;
    let wanted = [
        row("down", 64 * 2 * 2 * (9 + 9 + 1), PIXELS(3 + 2 * 2)),
        row("same", 64 * 2 * 2 * 9, PIXELS(7 + 2 * 2)),
        row("relu", 0, PIXELS(7 + 2 * 2)),
        row("global_avg_pool", 0, ReceptiveField::Whole),
    ];
    assert_eq!(rows, wanted);
    Ok(())
}

#[test]
fn functions_that_are_used_again_are_numbered_and_layers_are_not() -> Result<()> {
    let x = picture(4)?;
    let shared = conv([2, 2], 3, Conv2dConfig::default().padding(1), "shared")?;
    let rows = rows(&x, |x| {
        let h = relu(&shared.forward(x)?)?;
        let h = sigmoid(&relu(&shared.forward(&h)?)?)?;
        block("inner", || relu(&h))
    })?;
    let names: Vec<&str> = rows.iter().map(|row| row.0.as_str()).collect();
    assert_eq!(
        names,
        ["shared", "relu1", "shared", "relu2", "sigmoid", "inner"]
    );
    Ok(())
}

#[test]
fn a_block_in_a_block_belongs_to_the_outer_one() -> Result<()> {
    let x = picture(4)?;
    let rows = rows(&x, |x| {
        block("outer", || {
            let h = block("inner", || relu(x))?;
            sigmoid(&h)
        })
    })?;
    assert_eq!(rows, [row("outer", 0, PIXELS(1))]);
    Ok(())
}

#[test]
fn batch_norm_and_its_relu_report_what_they_are() -> Result<()> {
    let x = picture(4)?;
    let vb = ParamStore::new(0, &Device::Cpu).builder().pp("norm");
    let norm = batch_norm(2, vb)?;
    let plain = norm.forward_t_relu(&x, Mode::Evaluate)?;
    let (seen, observations) = observed(|| norm.forward_t_relu(&x, Mode::Evaluate))?;
    let layers = observations.rows(&[&x]);
    let names: Vec<&str> = layers.iter().map(|layer| layer.name.as_str()).collect();
    assert_eq!(names, ["norm", "relu"]);
    assert_eq!(
        plain.flatten_all()?.to_vec1::<f32>()?,
        seen.flatten_all()?.to_vec1::<f32>()?
    );
    Ok(())
}

#[test]
fn reports_go_to_the_innermost_listener_and_to_nobody_outside() -> Result<()> {
    let x = picture(4)?;
    relu(&x)?;
    assert!(!is_observed());
    let (inner, outer) = observed(|| {
        relu(&x)?;
        observed(|| relu(&x))
    })?;
    let count = |observations: &Observations| observations.rows(&[&x]).len();
    assert_eq!((count(&inner.1), count(&outer)), (1, 1));
    assert!(!outer.has_windows());
    let failed = observed(|| max_pool2d(&x, &Pool2d::new(9)));
    assert!(failed.is_err());
    assert!(!is_observed());
    Ok(())
}

#[test]
fn weights_of_attention_are_kept_in_the_order_of_their_reports() -> Result<()> {
    let weights = |value: f64| Tensor::full(value, (1, 2, 3), &Device::Cpu);
    report_attention("nobody.listens", &weights(0.0)?);
    let (_, observations) = observed(|| {
        report_attention("decoder.attention", &weights(1.0)?);
        report_attention("encoder.attention", &weights(2.0)?);
        report_attention("decoder.attention", &weights(3.0)?);
        Ok(())
    })?;
    let reports = observations.attention().iter();
    let found: Vec<(&str, f64)> = reports
        .map(|(name, weights)| Ok((name.as_str(), weights.max_all()?.to_scalar()?)))
        .collect::<Result<_>>()?;
    let wanted = [
        ("decoder.attention", 1.0),
        ("encoder.attention", 2.0),
        ("decoder.attention", 3.0),
    ];
    assert_eq!(found, wanted);
    assert!(observations.rows(&[]).is_empty());
    Ok(())
}
