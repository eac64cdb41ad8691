//! Costs and fields of small networks, counted by hand.

use candle_core::{DType, Device, Module};

use super::*;
use crate::{
    Conv2d, Conv2dConfig, Initializer, ParamStore, Pool2d, avg_pool2d, conv2d, global_avg_pool2d,
    linear, max_pool2d, relu,
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

/// The fields of the tensors that `forward` returns by name.
fn works(
    x: &Tensor,
    forward: impl FnOnce(&Tensor) -> Result<Vec<Tensor>>,
) -> Result<Vec<(usize, ReceptiveField)>> {
    let (outputs, observations) = observed(|| forward(x))?;
    let layers: Vec<(String, Tensor)> = outputs.into_iter().map(|y| (String::new(), y)).collect();
    let works = observations.layers(x, &layers).into_iter();
    Ok(works
        .map(|work| (work.multiply_adds, work.receptive_field))
        .collect())
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
    let works = works(&x, |x| {
        let a = first.forward(x)?; // [3, 10, 10]
        let b = relu(&a)?;
        let c = second.forward(&b)?; // [4, 6, 6]
        let d = avg_pool2d(&c, &Pool2d::new(2), true)?; // [4, 3, 3]
        let e = d.flatten_from(1)?;
        let f = last.forward(&e)?;
        Ok(vec![a, b, c, d, e, f])
    })?;
    let wanted = [
        (100 * 3 * 2 * 25, PIXELS(5)),
        (0, PIXELS(5)),
        (36 * 4 * 3 * 9, PIXELS(5 + 4 * 2)),
        (0, PIXELS(13 + 2)),
        (0, PIXELS(15)),
        (36 * 7, ReceptiveField::Whole),
    ];
    assert_eq!(works, wanted);
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
    let works = works(&x, |x| {
        let h = relu(&stem.forward(x)?)?;
        let path = |[one, two]: &[Conv2d; 2]| relu(&two.forward(&relu(&one.forward(&h)?)?)?);
        // The narrower path comes after the wider one, and must not begin where that ended.
        let paths = [
            path(&wide)?,
            path(&narrow)?,
            max_pool2d(&h, &Pool2d::new(3).stride(1).padding(1))?,
        ];
        let met = Tensor::cat(&paths, 1)?;
        let y = next.forward(&met)?;
        Ok(vec![h, paths[1].clone(), met, y])
    })?;
    let fields: Vec<ReceptiveField> = works.iter().map(|work| work.1).collect();
    assert_eq!(fields, [PIXELS(3), PIXELS(5), PIXELS(7), PIXELS(9)]);
    assert_eq!(works[3].0, 144 * 6 * 9);
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
    let works = works(&x, |x| {
        let down = relu(&(b.forward(&relu(&a.forward(x)?)?)? + around.forward(x)?)?)?;
        let sum = (c.forward(&down)? + &down)?; // no report: told by what uses it
        let mean = global_avg_pool2d(&sum)?;
        Ok(vec![down, sum, mean])
    })?;
    let wanted = [
        (64 * 2 * 2 * (9 + 9 + 1), PIXELS(3 + 2 * 2)),
        (64 * 2 * 2 * 9, PIXELS(7 + 2 * 2)),
        (0, ReceptiveField::Whole),
    ];
    assert_eq!(works, wanted);
    Ok(())
}

#[test]
fn nobody_listens_outside_of_observed() -> Result<()> {
    let x = picture(4)?;
    relu(&x)?;
    let (inner, outer) = observed(|| {
        relu(&x)?;
        observed(|| relu(&x))
    })?;
    assert_eq!((inner.1.0.len(), outer.0.len()), (1, 1));
    assert!(!outer.has_windows());
    let failed = observed(|| max_pool2d(&x, &Pool2d::new(9)));
    assert!(failed.is_err());
    REPORTS.with_borrow(|reports| assert!(reports.is_none()));
    Ok(())
}
