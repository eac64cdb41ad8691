//! Dropout whose draws are a function of the place in the run. D2L zh 4.6, en 5.6; Srivastava et al. 2014.
//!
//! candle's own dropout draws from a generator that can't be seeded on the CPU (huggingface/candle#2651).

use std::sync::Arc;

use candle_core::backend::BackendStorage;
use candle_core::{CpuStorage, CustomOp1, DType, Device, Layout, Result, Shape, Tensor, bail};
use d2l_random::{Purpose, Rng, Stream};
use rayon::prelude::*;

use crate::kernel::{self, Real};
use crate::{Mode, Step};

/// Sets each element to zero with probability p while training, and scales the others by 1 / (1 - p), so that the
/// expectation stays. Leaves its input as it is in evaluation.
///
/// Which elements fall out depends on the run's seed, the layer's name, the epoch and the step, not on the device,
/// the number of threads or what was drawn before. Two layers need two names: equal names drop equal elements.
#[derive(Clone, Debug)]
pub struct Dropout {
    probability: f64,
    name: String,
}

impl Dropout {
    /// A layer that drops with `probability`, from 0 to 1. At 1 the output is zero, as in PyTorch.
    pub fn new(probability: f64, name: impl Into<String>) -> Result<Self> {
        let name = name.into();
        if !(0.0..=1.0).contains(&probability) {
            bail!("{name}: found dropout probability {probability}, wanted one from 0 to 1");
        }
        Ok(Self { probability, name })
    }

    /// The probability p that an element is set to zero.
    pub fn probability(&self) -> f64 {
        self.probability
    }

    /// Any shape to the same shape.
    ///
    /// The mask is drawn on the host by all threads. On other devices each call copies it there, one byte for an
    /// element.
    pub fn forward_t(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        let Mode::Train(step) = mode else {
            return Ok(x.clone());
        };
        if self.probability == 0.0 {
            return Ok(x.clone());
        }
        let dropped = Dropped {
            kept: Arc::new(self.kept(step, x.elem_count())),
            scale: self.scale(),
        };
        if kernel::has_kernel(x) {
            x.contiguous()?.apply_op1(dropped)
        } else {
            dropped.composed(x)
        }
    }

    /// The factor of the elements that stay.
    fn scale(&self) -> f64 {
        if self.probability == 1.0 {
            0.0
        } else {
            1.0 / (1.0 - self.probability)
        }
    }

    /// For each element of a tensor of `n`, in row-major order, whether it stays (1) or falls out (0).
    fn kept(&self, Step { seed, epoch, step }: Step, n: usize) -> Vec<u8> {
        // An element stays where its 32-bit word of the stream is at least p · 2³².
        let threshold = (self.probability * 2f64.powi(32)).round() as u64;
        let stream = Stream {
            seed,
            purpose: Purpose::Dropout,
            name: &self.name,
            epoch,
            step,
        };
        let start = stream.rng();
        let mut kept = vec![0; n];
        let draw = |(i, kept): (usize, &mut [u8])| {
            let mut rng = start.clone();
            rng.set_word_pos((i * kernel::CHUNK) as u128); // every thread seeks its own part of one stream
            let mut words = [0u32; 256];
            for kept in kept.chunks_mut(words.len()) {
                rng.fill(&mut words[..]);
                kept.iter_mut()
                    .zip(words)
                    .for_each(|(kept, word)| *kept = (u64::from(word) >= threshold) as u8);
            }
        };
        if kernel::pays_to_share(n) {
            kept.par_chunks_mut(kernel::CHUNK)
                .enumerate()
                .for_each(draw);
        } else {
            kept.chunks_mut(kernel::CHUNK).enumerate().for_each(draw);
        }
        kept
    }
}

/// Multiplication by a mask and a factor. It is linear, so that the gradient is the same operation.
#[derive(Clone)]
struct Dropped {
    kept: Arc<Vec<u8>>,
    scale: f64,
}

impl Dropped {
    /// The definition in candle's own operations: the reference of the kernel, and what other devices run.
    fn composed(&self, x: &Tensor) -> Result<Tensor> {
        let mask = Tensor::from_slice(&self.kept, x.shape(), &Device::Cpu)?;
        let mask = mask.to_device(x.device())?.to_dtype(x.dtype())?;
        x * (mask * self.scale)?
    }
}

impl CustomOp1 for Dropped {
    fn name(&self) -> &'static str {
        "dropout"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        fn forward<T: Real>(dropped: &Dropped, x: &[T]) -> CpuStorage {
            let scale = T::from_f64(dropped.scale);
            let y = kernel::map2(x, &dropped.kept, |x, kept| {
                if kept == 1 { x * scale } else { T::ZERO }
            });
            T::to_cpu_storage_owned(y)
        }
        let y = match x.dtype() {
            DType::F32 => forward::<f32>(self, kernel::elements(x, layout)?),
            DType::F64 => forward::<f64>(self, kernel::elements(x, layout)?),
            other => bail!("dropout: found {other:?}, wanted f32 or f64"),
        };
        Ok((y, layout.shape().clone()))
    }

    fn bwd(&self, _x: &Tensor, _y: &Tensor, dy: &Tensor) -> Result<Option<Tensor>> {
        Ok(Some(dy.contiguous()?.apply_op1_no_bwd(self)?))
    }
}
