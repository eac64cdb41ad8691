//! Positional encodings.

use anyhow::{Context, Result, ensure};
use attention::position::{PositionalEncoding, encoding, rotation};
use candle_core::{DType, Tensor};

use crate::{DEVICE, EVALUATE, ensure_equal, f64_params, numbers};

/// zh 10.6.3, en 11.6.3; an odd width ends with a sine.
#[test]
fn positions_have_sines_and_cosines_of_any_width() -> Result<()> {
    ensure!(encoding(0, 5) == [0.0, 1.0, 0.0, 1.0, 0.0]);
    for d in [4, 5] {
        let found = encoding(3, d);
        for (column, number) in found.iter().enumerate() {
            let angle = 3.0 / 10_000f64.powf((2 * (column / 2)) as f64 / d as f64);
            let wanted = if column % 2 == 0 {
                angle.sin()
            } else {
                angle.cos()
            };
            ensure!((number - wanted).abs() < 1e-15, "{d} {column}: {number}");
        }
    }
    for d in [32, 33] {
        let layer = PositionalEncoding::new(d, 60, 0.0, f64_params().builder().pp("p"))?;
        let zeros = Tensor::zeros((2, 60, d), DType::F64, &DEVICE)?;
        let p = layer.forward(&zeros, 0, EVALUATE)?;
        ensure!(p.dims() == [2, 60, d]);
        ensure_equal("batch", &p.get(0)?, &p.get(1)?)?;
        let found: Vec<f64> = p.get(0)?.get(7)?.to_vec1()?;
        ensure!(found == encoding(7, d));
    }
    Ok(())
}

#[test]
fn a_shift_of_position_is_a_rotation() -> Result<()> {
    for (d, delta) in [(32, 5), (32, 100), (33, 7)] {
        for j in 0..d / 2 {
            let [[a, b], [c, e]] = rotation(delta as f64, j, d);
            for i in [0, 1, 50, 700] {
                let (from, to) = (encoding(i, d), encoding(i + delta, d));
                let [sin, cos] = [from[2 * j], from[2 * j + 1]];
                let turned = [a * sin + b * cos, c * sin + e * cos];
                let gap = (turned[0] - to[2 * j]).hypot(turned[1] - to[2 * j + 1]);
                ensure!(gap < 1e-12, "d {d}, δ {delta}, j {j}, i {i}: {gap}");
            }
        }
    }
    Ok(())
}

#[test]
fn a_part_of_a_sequence_has_its_own_positions() -> Result<()> {
    let layer = PositionalEncoding::new(6, 8, 0.0, f64_params().builder().pp("p"))?;
    let x = numbers((1, 8, 6), 1)?;
    let whole = layer.forward(&x, 0, EVALUATE)?;
    let part = layer.forward(&x.narrow(1, 5, 2)?, 5, EVALUATE)?;
    ensure_equal("part", &whole.narrow(1, 5, 2)?, &part)?;
    let beyond = layer.forward(&x.narrow(1, 0, 4)?, 5, EVALUATE);
    let message = beyond.err().context("9 positions of 8")?.to_string();
    ensure!(message.contains("wanted positions below 8"), "{message}");
    Ok(())
}
