//! Pictures as torchvision makes them, byte for byte. Made by scripts/pytorch/golden_resize.py and golden_augment.py.

use anyhow::{Context, Result, ensure};
use d2l_data::Resize;
use d2l_data::augment::{self, colour};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// Whole numbers of a list.
fn numbers<const N: usize>(list: &Value) -> Result<[usize; N]> {
    let list = list.as_array().context("found no list")?;
    let numbers: Option<Vec<usize>> = list
        .iter()
        .map(|n| n.as_u64().map(|n| n as usize))
        .collect();
    let numbers = numbers.context("found something else than whole numbers")?;
    numbers
        .try_into()
        .ok()
        .context("found another number of numbers")
}

/// The picture of the script: planes `[C, H, W]`.
fn picture([channels, height, width]: [usize; 3]) -> Vec<u8> {
    (0..channels * height * width)
        .map(|i| ((i * i * 7 + i * 31) / 3 % 256) as u8)
        .collect()
}

/// Compares bytes with the script's: always their digest, and the values themselves if the script stored them.
fn check(found: &[u8], stored: &Value) -> Result<()> {
    if let Some(values) = stored["values"].as_array() {
        let values: Vec<Option<u64>> = values.iter().map(Value::as_u64).collect();
        let found: Vec<Option<u64>> = found.iter().map(|&byte| Some(u64::from(byte))).collect();
        ensure!(
            found == values,
            "found {found:?}, torchvision has {values:?}"
        );
    }
    let digest = format!("{:x}", Sha256::digest(found));
    ensure!(
        stored["sha256"].as_str() == Some(&digest),
        "another digest than torchvision's"
    );
    Ok(())
}

fn stored() -> Result<Value> {
    Ok(serde_json::from_str(include_str!("pictures/resize.json"))?)
}

#[test]
fn resized_pictures_are_torchvisions() -> Result<()> {
    let stored = stored()?;
    let cases = stored["resized"].as_array().context("no cases")?;
    ensure!(cases.len() == 12);
    for case in cases {
        let (from, to) = (numbers::<3>(&case["from"])?, numbers::<2>(&case["to"])?);
        let resize = Resize::new([from[1], from[2]], to)?;
        check(&resize.apply(&picture(from)), case)
            .with_context(|| format!("{from:?} to {to:?}"))?;
    }
    Ok(())
}

#[test]
fn changed_pictures_are_torchvisions() -> Result<()> {
    let stored: Value = serde_json::from_str(include_str!("pictures/augment.json"))?;
    let cases = stored["cases"].as_array().context("no cases")?;
    ensure!(cases.len() == 3 * (1 + 4 + 18 + 7));
    for case in cases {
        let shape = numbers::<3>(&case["shape"])?;
        let mut x = picture(shape);
        let factor =
            || Ok::<_, anyhow::Error>(case["factor"].as_f64().context("no factor")? as f32);
        match case["function"].as_str() {
            Some("flip") => augment::flip(&mut x, shape),
            Some("crop") => {
                let padding = case["padding"].as_u64().context("no padding")? as usize;
                x = augment::crop(&x, shape, padding, numbers::<2>(&case["corner"])?);
            }
            Some("brightness") => colour::brightness(&mut x, factor()?),
            Some("contrast") => colour::contrast(&mut x, shape, factor()?),
            Some("saturation") => colour::saturation(&mut x, shape, factor()?),
            Some("hue") => colour::hue(&mut x, shape, factor()?),
            other => anyhow::bail!("found {other:?}"),
        }
        check(&x, case).with_context(|| case.to_string())?;
    }
    // Every step of hue, one after the other.
    let mut turned = Vec::new();
    for step in -127i32..128 {
        let mut x = picture([3, 32, 32]);
        let turn = (f64::from(step) + 0.5 * f64::from(step.signum())) / 255.0;
        colour::hue(&mut x, [3, 32, 32], turn as f32);
        turned.extend(x);
    }
    check(&turned, &stored["colours"])
}
