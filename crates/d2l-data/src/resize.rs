//! Resizing of pictures as torchvision's `Resize` does it: bilinear, antialiased, in whole numbers.
//!
//! Both editions of the book apply `transforms.Resize` before `ToTensor`. There it works on pictures of bytes and calls
//! Pillow (D2L zh 7.1.3 and 13.1, en 8.1.3 and 14.1). This is the arithmetic of Pillow before version 13, to the last
//! bit.

use anyhow::{Result, ensure};

/// Bits of a weight after the binary point: of 32 bits, a pixel takes eight, and two are kept free.
const BITS: u32 = 32 - 8 - 2;

/// Resizes pictures of `from` = (height, width) to `to`: first every row, then every column. Along a side, pixel x of
/// the result is
///
/// y(x) = Σ over i of w(i) · x(i) / Σ over i of w(i), with w(i) = max(0, 1 − |i + ½ − c| / s),
///
/// around the place of its centre in the original, c = (x + ½) · scale, with scale = from / to. If the picture gets
/// larger, s = 1 and two neighbours are mixed. If it gets smaller, s = scale, so that no pixel is skipped
/// ("antialias"). The weights are rounded to 22 binary digits, the result of each direction to a byte.
#[derive(Clone, Debug)]
pub struct Resize {
    from: [usize; 2],
    to: [usize; 2],
    vertical: Vec<Window>,
    horizontal: Vec<Window>,
}

/// The pixels from which one pixel of the result is computed, and their weights, times 2^[`BITS`].
#[derive(Clone, Debug)]
struct Window {
    start: usize,
    weights: Vec<i32>,
}

impl Resize {
    /// Resizes pictures of `from` = (height, width) to `to`.
    ///
    /// # Errors
    ///
    /// If a side is 0 or does not fit 16 bits.
    pub fn new(from: [usize; 2], to: [usize; 2]) -> Result<Self> {
        for [height, width] in [from, to] {
            ensure!(
                (1..=65_535).contains(&height) && (1..=65_535).contains(&width),
                "found pictures of {height} x {width}, wanted sides from 1 to 65,535 pixels"
            );
        }
        Ok(Self {
            from,
            to,
            vertical: windows(from[0], to[0]),
            horizontal: windows(from[1], to[1]),
        })
    }

    /// Height and width of the result.
    pub fn to(&self) -> [usize; 2] {
        self.to
    }

    /// The picture in its new size: planes `[C, H, W]`, one after another, to `[C, H', W']`. Incomplete planes are left
    /// out.
    pub fn apply(&self, picture: &[u8]) -> Vec<u8> {
        let [height, width] = self.from;
        let [new_height, new_width] = self.to;
        let mut resized =
            Vec::with_capacity(picture.len() / height / width * new_height * new_width);
        let mut wide = vec![0; height * new_width];
        let mut sums = vec![0; new_width];
        for plane in picture.chunks_exact(height * width) {
            for (row, wide) in plane
                .chunks_exact(width)
                .zip(wide.chunks_exact_mut(new_width))
            {
                for (pixel, window) in wide.iter_mut().zip(&self.horizontal) {
                    let seen = row[window.start..].iter().zip(&window.weights);
                    let sum: i32 = seen.map(|(&pixel, weight)| i32::from(pixel) * weight).sum();
                    *pixel = byte(sum);
                }
            }
            for window in &self.vertical {
                sums.fill(0);
                let rows = wide.chunks_exact(new_width).skip(window.start);
                for (row, &weight) in rows.zip(&window.weights) {
                    for (sum, &pixel) in sums.iter_mut().zip(row) {
                        *sum += i32::from(pixel) * weight;
                    }
                }
                resized.extend(sums.iter().map(|&sum| byte(sum)));
            }
        }
        resized
    }
}

/// The nearest byte to `sum` / 2^[`BITS`].
fn byte(sum: i32) -> u8 {
    ((sum + (1 << (BITS - 1))) >> BITS).clamp(0, 255) as u8
}

/// For each pixel of a side of `to` pixels, the pixels of the side of `from` pixels that it is computed from.
fn windows(from: usize, to: usize) -> Vec<Window> {
    let scale = from as f64 / to as f64;
    let support = scale.max(1.0);
    (0..to)
        .map(|x| {
            let centre = (x as f64 + 0.5) * scale;
            let start = (centre - support + 0.5).max(0.0) as usize;
            let end = ((centre + support + 0.5) as usize).min(from);
            // Pillow multiplies by the support's inverse; dividing would round differently.
            let inverse = 1.0 / support;
            let weight = |i: usize| (1.0 - ((i as f64 - centre + 0.5) * inverse).abs()).max(0.0);
            let total: f64 = (start..end).map(weight).sum();
            let fixed = |i| (0.5 + weight(i) / total * f64::from(1 << BITS)) as i32;
            Window { start, weights: (start..end).map(fixed).collect() }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_size_and_one_grey_stay_what_they_are() -> Result<()> {
        let picture: Vec<u8> = (0..2 * 5 * 7).map(|i| (i * 37 % 256) as u8).collect();
        assert_eq!(Resize::new([5, 7], [5, 7])?.apply(&picture), picture);
        for to in [[1, 1], [3, 9], [28, 50]] {
            let resized = Resize::new([5, 7], to)?.apply(&[201; 5 * 7]);
            assert_eq!(resized, vec![201; to[0] * to[1]]);
        }
        Ok(())
    }

    #[test]
    fn smaller_pictures_are_means_and_larger_ones_mixtures() -> Result<()> {
        // Half the width: 1/8, 3/8, 3/8, 1/8 of four neighbours, at the border 3/7, 3/7, 1/7 of three.
        let halved = Resize::new([1, 6], [1, 3])?.apply(&[0, 70, 140, 0, 0, 80]);
        assert_eq!(halved, [50, 61, 34]);
        // Twice the width: 3/4 and 1/4 of the two nearest.
        let doubled = Resize::new([1, 2], [1, 4])?.apply(&[0, 100]);
        assert_eq!(doubled, [0, 25, 75, 100]);
        Ok(())
    }

    #[test]
    fn sides_of_nothing_are_errors() {
        assert!(Resize::new([28, 28], [0, 28]).is_err());
        let error = Resize::new([28, 28], [28, 70_000]).unwrap_err().to_string();
        assert!(error.contains("found pictures of 28 x 70000"), "{error}");
    }
}
