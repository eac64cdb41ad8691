//! The CPU kernel of layer, group and RMS normalisation, whose values lie side by side.
//!
//! y = x̂ γ + β with x̂ = (x - μ) / √(σ² + ε),   ∂l/∂x = (g - mean g - x̂ mean(g x̂)) / √(σ² + ε) with g = γ ∂l/∂y
//!
//! The definition writes a tensor of x's size for each of its operations; the kernel does all of them to one row while
//! it is in the cache. Layer normalisation takes 0.80 of PyTorch's time (one thread; table in d2l-nn's README).

use rayon::prelude::*;

use super::moments::Moments;
use crate::{Real, pays_to_share, sum_of, sum_pairs, widest};

/// Elements between two partial sums of the parameters' gradients: fixed, whatever the number of threads.
const BLOCK: usize = 1 << 15;

/// Mean and 1 / √(variance + ε) of a row.
pub type Used = (f64, f64);

/// y = (x - mean) / √(variance + ε) · weight + bias, row by row: x of any shape, read as rows of `dim`, weight and bias
/// `[C]`. Row r has the weights of its group, r modulo the number of groups; each weight belongs to `segment` elements.
pub struct Rows {
    /// ε
    pub eps: f64,
    /// Whether the mean is subtracted; if not, the mean square takes the variance's place.
    pub centered: bool,
    /// Numbers in a row.
    pub dim: usize,
    /// Numbers that share a weight.
    pub segment: usize,
}

impl Rows {
    #[inline(always)] // into `widest`
    fn statistics<T: Real>(&self, row: &[T]) -> Used {
        let (mean, variance) = if self.centered {
            let mut moments = Moments::default();
            moments.add(row);
            (moments.mean, moments.variance())
        } else {
            (0.0, sum_of(row, |x| x * x) / row.len() as f64)
        };
        (mean, 1.0 / (variance + self.eps).sqrt())
    }

    /// y, and the statistics of each row.
    pub fn normalised<T: Real>(&self, [x, weight, bias]: [&[T]; 3]) -> (Vec<T>, Vec<Used>) {
        let dim = self.dim;
        let of_row = dim / self.segment; // weights
        let mut y = vec![T::ZERO; x.len()];
        let mut used = vec![(0.0, 0.0); x.len() / dim];
        let rows = (BLOCK / dim).max(1);
        // A block of rows begins with some group's row.
        let one = |(block, y, x, used): (usize, &mut [T], &[T], &mut [Used])| {
            widest(
                #[inline(always)]
                || {
                    let parameters = weight.chunks(of_row).zip(bias.chunks(of_row)).cycle();
                    let groups = (weight.len() / of_row).max(1);
                    let parameters = parameters.skip(block * rows % groups);
                    let pairs = y.chunks_mut(dim).zip(x.chunks(dim));
                    for (((y, x), used), (weight, bias)) in pairs.zip(used).zip(parameters) {
                        *used = self.statistics(x);
                        let (mean, inverse) = (T::from_f64(used.0), T::from_f64(used.1));
                        if self.segment == 1 {
                            let all = y.iter_mut().zip(x).zip(weight).zip(bias);
                            all.for_each(|(((y, &x), &w), &b)| *y = (x - mean) * inverse * w + b);
                        } else {
                            let pairs = y.chunks_mut(self.segment).zip(x.chunks(self.segment));
                            for (((y, x), &w), &b) in pairs.zip(weight).zip(bias) {
                                let scale = inverse * w;
                                let pairs = y.iter_mut().zip(x);
                                pairs.for_each(|(y, &x)| *y = (x - mean) * scale + b);
                            }
                        }
                    }
                },
            );
        };
        let size = rows * dim;
        if pays_to_share(x.len()) {
            (
                y.par_chunks_mut(size),
                x.par_chunks(size),
                used.par_chunks_mut(rows),
            )
                .into_par_iter()
                .enumerate()
                .for_each(|(block, (y, x, used))| one((block, y, x, used)));
        } else {
            let blocks = y.chunks_mut(size).zip(x.chunks(size));
            let blocks = blocks.zip(used.chunks_mut(rows)).enumerate();
            blocks.for_each(|(block, ((y, x), used))| one((block, y, x, used)));
        }
        (y, used)
    }

    /// ∂l/∂x, ∂l/∂weight and ∂l/∂bias.
    pub fn gradients<T: Real>(&self, [x, dy, weight]: [&[T]; 3], used: &[Used]) -> [Vec<T>; 3] {
        let dim = self.dim;
        let of_row = dim / self.segment;
        let mut dx = vec![T::ZERO; x.len()];
        let rows = (BLOCK / dim).max(1);
        let groups = (weight.len() / of_row).max(1);
        let one = |(block, dx, x, dy, used): (usize, &mut [T], &[T], &[T], &[Used])| {
            widest(
                #[inline(always)]
                || {
                    let mut sums = (vec![T::ZERO; weight.len()], vec![T::ZERO; weight.len()]);
                    let triples = dx.chunks_mut(dim).zip(x.chunks(dim)).zip(dy.chunks(dim));
                    for (row, (((dx, x), dy), used)) in triples.zip(used).enumerate() {
                        let group = (block * rows + row) % groups;
                        let of_group = group * of_row..(group + 1) * of_row;
                        let parts = (
                            weight.get(of_group.clone()),
                            sums.0.get_mut(of_group.clone()),
                            sums.1.get_mut(of_group),
                        );
                        if let (Some(weight), Some(dw), Some(db)) = parts {
                            if self.segment == 1 {
                                self.row(*used, [x, dy, weight], [dx, dw, db]);
                            } else {
                                self.row_of_segments(*used, [x, dy, weight], [dx, dw, db]);
                            }
                        }
                    }
                    sums
                },
            )
        };
        let size = rows * dim;
        let blocks: Vec<(Vec<T>, Vec<T>)> = if pays_to_share(x.len()) {
            (
                dx.par_chunks_mut(size),
                x.par_chunks(size),
                dy.par_chunks(size),
                used.par_chunks(rows),
            )
                .into_par_iter()
                .enumerate()
                .map(|(block, (dx, x, dy, used))| one((block, dx, x, dy, used)))
                .collect()
        } else {
            let blocks = dx.chunks_mut(size).zip(x.chunks(size));
            let blocks = blocks.zip(dy.chunks(size)).zip(used.chunks(rows));
            let blocks = blocks.enumerate();
            blocks
                .map(|(block, (((dx, x), dy), used))| one((block, dx, x, dy, used)))
                .collect()
        };
        let mut total = (vec![0f64; weight.len()], vec![0f64; weight.len()]);
        for (dw, db) in &blocks {
            let add = |(sum, part): (&mut f64, &T)| *sum += part.to_f64();
            total.0.iter_mut().zip(dw).for_each(add);
            total.1.iter_mut().zip(db).for_each(add);
        }
        let numbers = |sums: Vec<f64>| sums.into_iter().map(T::from_f64).collect();
        [dx, numbers(total.0), numbers(total.1)]
    }

    /// dx = (g - mean(g) - x̂ mean(g x̂)) / √(variance + ε) with g = dy · weight, where each element has a weight.
    #[inline(always)]
    fn row<T: Real>(
        &self,
        (mean, inverse): Used,
        [x, dy, weight]: [&[T]; 3],
        [dx, dw, db]: [&mut [T]; 3],
    ) {
        let (n, inverse) = (x.len() as f64, T::from_f64(inverse));
        let mean = T::from_f64(mean);
        let all = x.iter().zip(dy).zip(weight);
        let outputs = dx.iter_mut().zip(dw).zip(db);
        for (((&x, &dy), &weight), ((dx, dw), db)) in all.zip(outputs) {
            *dx = dy * weight; // g
            *dw += dy * ((x - mean) * inverse);
            *db += dy;
        }
        let (sum, product) = sum_pairs(x, dx, |x, g| (g, g * (x - mean)));
        let shift = T::from_f64(if self.centered { sum / n } else { 0.0 });
        let slope = T::from_f64(product / n) * inverse * inverse;
        for (dx, &x) in dx.iter_mut().zip(x) {
            *dx = (*dx - shift - (x - mean) * slope) * inverse;
        }
    }

    /// As [`Rows::row`], where `segment` elements share a weight.
    #[inline(always)]
    fn row_of_segments<T: Real>(
        &self,
        (mean, inverse): Used,
        [x, dy, weight]: [&[T]; 3],
        [dx, dw, db]: [&mut [T]; 3],
    ) {
        let n = x.len() as f64;
        let center = T::from_f64(mean);
        let (mut sum, mut product) = (0.0, 0.0);
        let segments = x.chunks(self.segment).zip(dy.chunks(self.segment));
        for (((x, dy), weight), (dw, db)) in segments.zip(weight).zip(dw.iter_mut().zip(db)) {
            let sums = sum_pairs(x, dy, |x, dy| (dy, dy * (x - center)));
            sum += sums.0 * weight.to_f64();
            product += sums.1 * weight.to_f64();
            *db += T::from_f64(sums.0);
            *dw += T::from_f64(sums.1 * inverse);
        }
        let shift = T::from_f64(if self.centered { sum / n } else { 0.0 });
        let slope = T::from_f64(product / n * inverse * inverse);
        let inverse = T::from_f64(inverse);
        let segments = x.chunks(self.segment).zip(dy.chunks(self.segment));
        for ((dx, (x, dy)), &weight) in dx.chunks_mut(self.segment).zip(segments).zip(weight) {
            for ((dx, &x), &dy) in dx.iter_mut().zip(x).zip(dy) {
                *dx = (dy * weight - shift - (x - center) * slope) * inverse;
            }
        }
    }
}
