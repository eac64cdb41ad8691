//! Pictures made of pixels inside an SVG: a PNG in base64.

use anyhow::{Result, ensure};
use plotters::style::RGBColor;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The pixels, row by row from the top left, as the address of an SVG `image` element: `data:image/png;base64,…`.
/// Each becomes a square of `times x times`.
pub(crate) fn data_address(
    pixels: &[RGBColor],
    (width, height): (usize, usize),
    times: usize,
) -> Result<String> {
    ensure!(
        width > 0 && width.checked_mul(height) == Some(pixels.len()),
        "a picture of {width} x {height} pixels came with {} of them",
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
    Ok(format!("data:image/png;base64,{}", base64(&file)))
}

/// Three bytes as four letters (RFC 4648, section 4), with `=` for what is missing in the last group.
fn base64(bytes: &[u8]) -> String {
    let mut letters = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let byte = |place: usize| u32::from(group.get(place).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            let letter = ALPHABET[(bits >> (18 - 6 * place) & 63) as usize];
            letters.push(if place > group.len() {
                '='
            } else {
                char::from(letter)
            });
        }
    }
    letters
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_gives_the_vectors_of_rfc_4648() {
        let pairs = [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ];
        for (text, code) in pairs {
            assert_eq!(base64(text.as_bytes()), code);
        }
    }
}
