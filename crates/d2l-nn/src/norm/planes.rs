//! The CPU kernel of batch normalisation: each channel is one thread's work, read twice while it is in the cache.

use std::sync::{Arc, Mutex};

use candle_core::backend::BackendStorage;
use candle_core::{CpuStorage, CustomOp3, DType, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

use super::moments::Moments;
use crate::kernel::{self, Real, elements, sum_pairs, wide};

/// Mean and variance (divided by n) of a channel.
pub(super) type MeanAndVariance = (f64, f64);

/// y = (x - mean) / √(variance + ε) · weight + bias: x `[N, C, …]`, weight and bias `[C]`.
pub(super) struct Planes {
    /// The statistics to normalise by in evaluation; in training, the batch's own are used.
    pub(super) given: Option<Vec<MeanAndVariance>>,
    pub(super) eps: f64,
    /// Whether max(y, 0) is wanted.
    pub(super) relu: bool,
    /// The statistics that were used.
    pub(super) used: Arc<Mutex<Vec<MeanAndVariance>>>,
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
    fn forward<T: Real>(&self, x: &[T], weight: &[T], bias: &[T], inner: usize) -> Result<Vec<T>> {
        let channels = weight.len();
        let mut y = vec![T::ZERO; x.len()];
        let one = |(channel, planes, &weight, &bias): (usize, Vec<&mut [T]>, &T, &T)| {
            wide(
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
        let used: Vec<MeanAndVariance> = if kernel::pays_to_share(x.len()) {
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
        match self.used.lock() {
            Ok(mut slot) => *slot = used,
            Err(_) => bail!("batch_norm: a thread ended early"),
        }
        Ok(y)
    }

    /// ∂l/∂x (empty if it is not wanted), ∂l/∂weight and ∂l/∂bias.
    fn backward<T: Real>(
        &self,
        [x, dy, weight, bias]: [&[T]; 4],
        inner: usize,
        wants_dx: bool,
    ) -> Result<[Vec<T>; 3]> {
        let used = match self.used.lock() {
            Ok(used) => used.clone(),
            Err(_) => bail!("batch_norm: a thread ended early"),
        };
        let channels = weight.len();
        let n = (x.len() / channels.max(1)) as f64;
        let mut dx = vec![T::ZERO; if wants_dx { x.len() } else { 0 }];
        let one = |channel: usize, planes: Vec<&mut [T]>, used: MeanAndVariance, weight, bias| {
            wide(
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
        let parameters: Vec<_> = used.into_iter().zip(weight.iter().zip(bias)).collect();
        let work = |((channel, planes), (used, (&weight, &bias)))| {
            one(channel, planes, used, weight, bias)
        };
        let (dw, db) = if kernel::pays_to_share(x.len()) {
            let planes = planes.into_par_iter().enumerate();
            planes.zip(parameters).map(work).unzip()
        } else {
            let planes = planes.into_iter().enumerate();
            planes.zip(parameters).map(work).unzip()
        };
        Ok([dx, dw, db])
    }

    fn gradients<T: Real>(
        &self,
        tensors: [&Tensor; 4],
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let x = tensors[0];
        let (channels, inner) = (x.dim(1)?, inner(x.shape()));
        let wants_dx = x.track_op();
        let gradients =
            kernel::read_each::<T, _, 4>(tensors, |all| self.backward(all, inner, wants_dx));
        let [dx, dw, db] = gradients??;
        let dx = match wants_dx {
            true => Some(Tensor::from_vec(dx, x.shape(), x.device())?),
            false => None,
        };
        let tensor = |values| Tensor::from_vec(values, channels, x.device());
        Ok((dx, Some(tensor(dw)?), Some(tensor(db)?)))
    }
}

/// Elements of a plane: x is `[N, C, …]`.
fn inner(shape: &Shape) -> usize {
    shape.dims().iter().skip(2).product()
}

impl CustomOp3 for Planes {
    fn name(&self) -> &'static str {
        "batch_norm"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
        bias: &CpuStorage,
        bias_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        fn typed<T: Real>(op: &Planes, all: [(&CpuStorage, &Layout); 3]) -> Result<CpuStorage> {
            let [x, weight, bias] = all;
            let inner = inner(x.1.shape());
            let y = op.forward::<T>(
                elements(x.0, x.1)?,
                elements(weight.0, weight.1)?,
                elements(bias.0, bias.1)?,
                inner,
            )?;
            Ok(T::to_cpu_storage_owned(y))
        }
        let all = [(x, x_layout), (weight, weight_layout), (bias, bias_layout)];
        let y = match x.dtype() {
            DType::F32 => typed::<f32>(self, all)?,
            DType::F64 => typed::<f64>(self, all)?,
            other => bail!("batch_norm: found {other:?}, wanted f32 or f64"),
        };
        Ok((y, x_layout.shape().clone()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        bias: &Tensor,
        _y: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let dy = dy.contiguous()?;
        match x.dtype() {
            DType::F64 => self.gradients::<f64>([x, &dy, weight, bias]),
            _ => self.gradients::<f32>([x, &dy, weight, bias]),
        }
    }
}
