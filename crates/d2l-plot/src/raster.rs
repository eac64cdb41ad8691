//! Pictures made of pixels inside an SVG: a PNG in base64.

use anyhow::{Result, ensure};
use base64::prelude::{BASE64_STANDARD, Engine};
use plotters::style::RGBColor;

/// The pixels, row by row from the top left, as the address of an SVG `image` element: `data:image/png;base64,…`.
/// Each becomes a square of `times x times`.
pub(crate) fn data_address(
    pixels: &[RGBColor],
    (width, height): (usize, usize),
    times: usize,
) -> Result<String> {
    ensure!(
        width > 0 && width.checked_mul(height) == Some(pixels.len()),
        "a picture of {width} x {height} pixels has {} of them",
        pixels.len()
    );
    let mut bytes = Vec::with_capacity(pixels.len() * times * times * 3);
    for row in pixels.chunks(width) {
        let row: Vec<u8> = row
            .iter()
            .flat_map(|&RGBColor(red, green, blue)| [red, green, blue].repeat(times))
            .collect();
        bytes.extend(row.repeat(times));
    }
    let mut file = Vec::new();
    let (width, height) = (
        u32::try_from(width * times)?,
        u32::try_from(height * times)?,
    );
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::High);
    encoder.write_header()?.write_image_data(&bytes)?;
    Ok(format!(
        "data:image/png;base64,{}",
        BASE64_STANDARD.encode(&file)
    ))
}
