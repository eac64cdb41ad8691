//! Between images `[channels, height, width]` and pixels `[pixels, images, channels]`.

use std::array::from_fn;

use crate::conv::transform::{LANES, Lanes, for_each_column, load, transpose};
use crate::{Real, wide};

/// The order of an image's pixels.
pub(super) struct Pixels {
    pub channels: usize,
    /// Pixels of an image.
    pub count: usize,
    /// Where each pixel lies.
    positions: Vec<usize>,
}

impl Pixels {
    /// Row by row; within a row first the columns 0, s, 2s, …, then 1, s + 1, …
    pub fn dealt(channels: usize, height: usize, width: usize, stride: usize) -> Self {
        let mut columns = vec![0; width];
        let order = (0..stride).flat_map(|first| (first..width).step_by(stride));
        order
            .enumerate()
            .for_each(|(position, column)| columns[column] = position);
        let rows = 0..height;
        Self {
            channels,
            count: height * width,
            positions: rows
                .flat_map(|row| columns.iter().map(move |column| row * width + column))
                .collect(),
        }
    }

    pub fn position(&self, pixel: usize) -> usize {
        self.positions[pixel]
    }

    /// Numbers of an image.
    pub fn len(&self) -> usize {
        self.channels * self.count
    }
}

/// Images `[images, channels, pixels]` to `[pixels, images, channels]`.
pub(super) fn channels_last<T: Real>(pixels: &Pixels, x: &[T], images: usize) -> Vec<T> {
    let (channels, area) = (pixels.channels, pixels.count);
    if area == 1 {
        return x.to_vec();
    }
    let mut target = vec![T::ZERO; x.len()];
    wide(
        #[inline(always)]
        || {
            for (image, x) in x.chunks_exact(pixels.len()).enumerate() {
                for channel in (0..channels).step_by(LANES) {
                    let planes = &x[channel * area..];
                    if channels - channel >= LANES {
                        for_each_column(planes, area, area, |pixel, lanes| {
                            let row = pixels.positions[pixel] * images + image;
                            let start = row * channels + channel;
                            target[start..start + LANES].copy_from_slice(&lanes);
                        });
                    } else {
                        for (lane, plane) in planes.chunks_exact(area).enumerate() {
                            for (value, position) in plane.iter().zip(&pixels.positions) {
                                let start = (position * images + image) * channels + channel;
                                target[start + lane] = *value;
                            }
                        }
                    }
                }
            }
        },
    );
    target
}

/// One image of some channels, `[pixels, images, channels]` to `[channels, pixels]`, plus the bias.
pub(super) fn channels_first<T: Real>(
    pixels: &Pixels,
    sums: &[T],
    (image, images): (usize, usize),
    bias: Option<&[T]>,
    y: &mut [T],
) {
    let area = pixels.count;
    let channels = y.len() / area;
    wide(
        #[inline(always)]
        || {
            let rows =
                |pixel: usize| &sums[(pixels.positions[pixel] * images + image) * channels..];
            let whole = area / LANES * LANES;
            for first in (0..channels / LANES * LANES).step_by(LANES) {
                let bias: Lanes<T> = bias.map_or([T::ZERO; LANES], |bias| load(bias, first));
                let planes = &mut y[first * area..][..LANES * area];
                for pixel in (0..whole).step_by(LANES) {
                    let block = transpose(from_fn(|i| load(rows(pixel + i), first)));
                    for (lane, (line, bias)) in block.into_iter().zip(bias).enumerate() {
                        let line: Lanes<T> = from_fn(|i| line[i] + bias);
                        planes[lane * area + pixel..][..LANES].copy_from_slice(&line);
                    }
                }
                for pixel in whole..area {
                    let lanes = load(rows(pixel), first);
                    for (lane, (value, bias)) in lanes.into_iter().zip(bias).enumerate() {
                        planes[lane * area + pixel] = value + bias;
                    }
                }
            }
            for channel in channels / LANES * LANES..channels {
                let bias = bias.map_or(T::ZERO, |bias| bias[channel]);
                for (pixel, y) in y[channel * area..][..area].iter_mut().enumerate() {
                    *y = rows(pixel)[channel] + bias;
                }
            }
        },
    );
}
