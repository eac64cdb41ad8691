//! The CPU kernel of batch normalisation: each channel is one thread's work.
//!
//! ```text
//!    x [N, C, H W]:   image 0   | channel 0 | channel 1 | channel 2 |
//!                     image 1   | channel 0 | channel 1 | channel 2 |      μ, σ² of a channel: over a column of these
//! ```
//!
//! y = (x - μ) s + β with s = γ / √(σ² + ε)
//!
//! The definition writes a tensor of x's size for each of its operations; the kernel reads x twice, for the moments and
//! for y, and may write max(y, 0) at once: 0.51 of PyTorch's time (one thread; table in d2l-nn's README).

use rayon::prelude::*;

use super::moments::Moments;
use crate::{Real, pays_to_share, sum_pairs, widest};

/// Mean and variance (divided by n) of a channel.
pub type MeanAndVariance = (f64, f64);

/// y = (x - mean) / √(variance + ε) · weight + bias: x `[N, C, …]`, weight and bias `[C]`.
pub struct Planes {
    /// The statistics to normalise by in evaluation; in training, the batch's own are used.
    pub given: Option<Vec<MeanAndVariance>>,
    /// ε
    pub eps: f64,
    /// Whether max(y, 0) is wanted.
    pub relu: bool,
}

/// A channel's map from x to y.
#[derive(Clone, Copy)]
struct Line<T> {
    mean: T,
    scale: T,
    bias: T,
}

impl<T: Real> Line<T> {
    fn new((mean, variance): MeanAndVariance, eps: f64, weight: T, bias: T) -> Self {
        Self {
            mean: T::from_f64(mean),
            scale: T::from_f64(weight.to_f64() / (variance + eps).sqrt()),
            bias,
        }
    }

    #[inline(always)]
    fn at(self, x: T) -> T {
        (x - self.mean) * self.scale + self.bias
    }
}

/// The planes of each channel, to be written.
fn by_channel<T>(y: &mut [T], channels: usize, inner: usize) -> Vec<Vec<&mut [T]>> {
    let images = y.len() / (channels * inner).max(1);
    let mut all: Vec<Vec<&mut [T]>> = Vec::new();
    all.resize_with(channels, || Vec::with_capacity(images));
    for (number, plane) in y.chunks_mut(inner).enumerate() {
        if let Some(planes) = all.get_mut(number % channels) {
            planes.push(plane);
        }
    }
    all
}

impl Planes {
    /// y, and the statistics of each channel.
    pub fn normalised<T: Real>(
        &self,
        [x, weight, bias]: [&[T]; 3],
        inner: usize,
    ) -> (Vec<T>, Vec<MeanAndVariance>) {
        let channels = weight.len();
        let mut y = vec![T::ZERO; x.len()];
        let one = |(channel, planes, &weight, &bias): (usize, Vec<&mut [T]>, &T, &T)| {
            widest(
                #[inline(always)]
                || {
                    let of_channel = || x.chunks(inner).skip(channel).step_by(channels);
                    let given = self.given.as_ref().and_then(|given| given.get(channel));
                    let used = match given {
                        Some(given) => *given,
                        None => {
                            let mut moments = Moments::default();
                            of_channel().for_each(|x| moments.add(x));
                            (moments.mean, moments.variance())
                        }
                    };
                    let line = Line::new(used, self.eps, weight, bias);
                    for (y, x) in planes.into_iter().zip(of_channel()) {
                        if self.relu {
                            y.iter_mut().zip(x).for_each(|(y, &x)| {
                                let value = line.at(x);
                                *y = if value <= T::ZERO { T::ZERO } else { value };
                            });
                        } else {
                            y.iter_mut().zip(x).for_each(|(y, &x)| *y = line.at(x));
                        }
                    }
                    used
                },
            )
        };
        let planes = by_channel(&mut y, channels, inner);
        let used: Vec<MeanAndVariance> = if pays_to_share(x.len()) {
            let work = planes.into_par_iter().enumerate();
            work.zip(weight)
                .zip(bias)
                .map(|(((channel, planes), weight), bias)| one((channel, planes, weight, bias)))
                .collect()
        } else {
            let work = planes.into_iter().enumerate();
            work.zip(weight)
                .zip(bias)
                .map(|(((channel, planes), weight), bias)| one((channel, planes, weight, bias)))
                .collect()
        };
        (y, used)
    }

    /// ∂l/∂x (empty if it is not wanted), ∂l/∂weight and ∂l/∂bias.
    pub fn gradients<T: Real>(
        &self,
        [x, dy, weight, bias]: [&[T]; 4],
        inner: usize,
        used: &[MeanAndVariance],
        wants_dx: bool,
    ) -> [Vec<T>; 3] {
        let channels = weight.len();
        let n = (x.len() / channels.max(1)) as f64;
        let mut dx = vec![T::ZERO; if wants_dx { x.len() } else { 0 }];
        let one = |channel: usize, planes: Vec<&mut [T]>, used: MeanAndVariance, weight, bias| {
            widest(
                #[inline(always)]
                || {
                    let line = Line::new(used, self.eps, weight, bias);
                    let inverse = 1.0 / (used.1 + self.eps).sqrt();
                    // 0 where the ReLU let nothing through. y is computed again, which is less work than reading it.
                    let through = |x: T, dy: T| {
                        if self.relu && line.at(x) <= T::ZERO {
                            T::ZERO
                        } else {
                            dy
                        }
                    };
                    let pairs = || {
                        let x = x.chunks(inner).skip(channel).step_by(channels);
                        x.zip(dy.chunks(inner).skip(channel).step_by(channels))
                    };
                    let (mut sum, mut product) = (0.0, 0.0);
                    for (x, dy) in pairs() {
                        let sums = sum_pairs(x, dy, |x, dy| {
                            let dy = through(x, dy);
                            (dy, dy * (x - line.mean))
                        });
                        sum += sums.0;
                        product += sums.1;
                    }
                    // In evaluation mean and variance are constants.
                    let (shift, slope) = match self.given {
                        Some(_) => (T::ZERO, T::ZERO),
                        None => (
                            T::from_f64(sum / n),
                            T::from_f64(product * inverse * inverse / n),
                        ),
                    };
                    for (dx, (x, dy)) in planes.into_iter().zip(pairs()) {
                        for ((dx, &x), &dy) in dx.iter_mut().zip(x).zip(dy) {
                            let dy = through(x, dy);
                            *dx = (dy - shift - (x - line.mean) * slope) * line.scale;
                        }
                    }
                    (T::from_f64(product * inverse), T::from_f64(sum))
                },
            )
        };
        let planes = by_channel(&mut dx, channels, inner);
        let parameters: Vec<_> = used.iter().zip(weight.iter().zip(bias)).collect();
        let work = |((channel, planes), (&used, (&weight, &bias)))| {
            one(channel, planes, used, weight, bias)
        };
        let (dw, db) = if pays_to_share(x.len()) {
            let planes = planes.into_par_iter().enumerate();
            planes.zip(parameters).map(work).unzip()
        } else {
            let planes = planes.into_iter().enumerate();
            planes.zip(parameters).map(work).unzip()
        };
        [dx, dw, db]
    }
}
