//! Dropout whose draws are a function of the place in the run. D2L zh 4.6, en 5.6; Srivastava et al. 2014.
//!
//! candle's own dropout draws from a generator that can't be seeded on the CPU (huggingface/candle#2651).
//!
//! y = x ∘ m / (1 - p),   ∂l/∂x = ∂l/∂y ∘ m / (1 - p),   m_i = 0 with probability p, else 1
//!
//! The mask m is a byte for each element. The definition makes it a tensor of x's type first, four bytes.

use candle_core::{Result, Tensor, bail};
use d2l_kernels::dropout::Dropped;
use d2l_random::{Purpose, Rng, Stream};
use rayon::prelude::*;

use crate::graph::{self, Backward, Gradient, Input, Operation, Outputs, exactly};
use crate::kernel::{self, Kernels, Real};
use crate::observe::{Sees, report_layer};
use crate::{Mode, Step};

/// Sets each element to zero with probability p while training, and scales the others by 1 / (1 - p), so that the
/// expectation stays the same. In evaluation it leaves its input as it is.
///
/// Which elements are dropped depends on the run's seed, the layer's name, the epoch and the step, not on the device,
/// the number of threads or earlier draws. Two layers need two names: equal names drop equal elements.
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
    /// All threads draw the mask on the host. On other devices each call copies it there, one byte for each element.
    pub fn forward_t(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        let y = self.dropped(x, mode)?;
        report_layer(&self.name, x, &y, Sees::Same, 0);
        Ok(y)
    }

    /// The output without a report, for a layer that reports itself together with its dropout.
    pub(crate) fn dropped(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        let Some(dropped) = self.draw(mode, x.elem_count()) else {
            return Ok(graph::input(x));
        };
        if kernel::has_kernel(x) {
            graph::apply(dropped, &[x])
        } else {
            composed(dropped, x)
        }
    }

    /// What becomes of `n` elements, in row-major order; nothing where all stay as they are.
    pub(crate) fn draw(&self, mode: Mode, n: usize) -> Option<Dropped> {
        match mode {
            Mode::Train(step) if self.probability > 0.0 => {
                Some(Dropped { kept: self.kept(step, n), scale: self.scale() })
            }
            _ => None,
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

    /// For each element of a tensor of `n`, in row-major order, whether it stays (1) or is dropped (0).
    fn kept(&self, Step { seed, epoch, step }: Step, n: usize) -> Vec<u8> {
        // An element stays if its 32-bit word of the stream is at least p · 2³².
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

/// The definition in candle's own operations: the kernel's reference, and what other devices run.
fn composed(dropped: Dropped, x: &Tensor) -> Result<Tensor> {
    let Dropped { kept, scale } = dropped;
    let mask = Tensor::from_vec(kept, x.shape(), x.device())?;
    let factors = (mask.to_dtype(x.dtype())? * scale)?;
    let forward = |inputs: &[Tensor]| {
        let [x] = exactly(inputs)?;
        Ok(((x * &factors)?, [factors.clone()]))
    };
    graph::define("dropout", &[x], forward, |known| {
        let [factors] = known.kept;
        Ok(vec![Some((known.dy * factors)?)])
    })
}

impl Operation for Dropped {
    type Kept<T: Real> = ();

    fn name(&self) -> &'static str {
        "dropout"
    }

    fn forward<T: Kernels>(&self, inputs: &[Input<T>], _keeps: bool) -> Result<Outputs<T, ()>> {
        let [x] = exactly(inputs)?;
        Ok(Outputs::new(T::dropout(self, x.data), x.dims))
    }

    fn backward<T: Kernels>(&self, pass: Backward<T, ()>) -> Result<Vec<Gradient<T>>> {
        let Backward { dy, .. } = pass;
        Ok(vec![Gradient::New(T::dropout(self, dy))])
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device, Var};

    use super::*;
    use crate::testing::{check_gradients, filled};

    const HERE: Step = Step { seed: 7, epoch: 1, step: 2 };

    fn ones(n: usize) -> Result<Tensor> {
        Tensor::ones(n, DType::F32, &Device::Cpu)
    }

    #[test]
    fn the_mask_depends_on_seed_name_epoch_and_step_alone() -> Result<()> {
        let drop = |name: &str, step: Step| -> Result<Vec<f32>> {
            Dropout::new(0.5, name)?
                .forward_t(&ones(64)?, Mode::Train(step))?
                .to_vec1()
        };
        let base = drop("dropout1", HERE)?;
        assert_eq!(base, drop("dropout1", HERE)?);
        assert_ne!(base, drop("dropout2", HERE)?);
        for other in [
            Step { seed: 8, ..HERE },
            Step { epoch: 2, ..HERE },
            Step { step: 3, ..HERE },
        ] {
            assert_ne!(base, drop("dropout1", other)?, "{other:?}");
        }
        Ok(())
    }

    #[test]
    fn every_part_of_the_stream_is_found_by_seeking() -> Result<()> {
        // What one generator that never seeks draws, across several chunks and an odd rest.
        let n = 5 * kernel::CHUNK + 13;
        let stream = Stream {
            seed: 7,
            purpose: Purpose::Dropout,
            name: "d",
            epoch: 1,
            step: 2,
        };
        let mut rng = stream.rng();
        let wanted: Vec<u8> = (0..n)
            .map(|_| (rng.random::<u32>() >= 1 << 30) as u8)
            .collect();
        assert!(Dropout::new(0.25, "d")?.kept(HERE, n) == wanted);
        Ok(())
    }

    #[test]
    fn a_share_of_p_falls_out_and_the_mean_stays() -> Result<()> {
        let n = 100_000;
        for p in [0.1, 0.5, 0.9] {
            let y = Dropout::new(p, "d")?
                .forward_t(&ones(n)?, Mode::Train(HERE))?
                .to_vec1::<f32>()?;
            let zeros = y.iter().filter(|&&y| y == 0.0).count() as f64 / n as f64;
            // Four standard errors.
            assert!(
                (zeros - p).abs() < 4.0 * (p * (1.0 - p) / n as f64).sqrt(),
                "p = {p}: {zeros}"
            );
            let scale = (1.0 / (1.0 - p)) as f32;
            assert!(y.iter().all(|&y| y == 0.0 || y == scale));
        }
        Ok(())
    }

    #[test]
    fn nothing_falls_out_at_zero_or_in_evaluation_and_everything_at_one() -> Result<()> {
        let x = filled((3, 4), 1, 1.0, DType::F32, &Device::Cpu)?;
        let same = |y: Tensor| -> Result<bool> { Ok(y.to_vec2::<f32>()? == x.to_vec2::<f32>()?) };
        assert!(same(
            Dropout::new(0.5, "d")?.forward_t(&x, Mode::Evaluate)?
        )?);
        assert!(same(
            Dropout::new(0.0, "d")?.forward_t(&x, Mode::Train(HERE))?
        )?);
        let y = Dropout::new(1.0, "d")?.forward_t(&x, Mode::Train(HERE))?;
        assert_eq!(y.to_vec2::<f32>()?, [[0f32; 4]; 3]);
        for wrong in [-0.1, 1.1, f64::NAN] {
            assert!(Dropout::new(wrong, "d").is_err(), "{wrong}");
        }
        Ok(())
    }

    #[test]
    fn gradients_are_right_for_transposed_inputs_too() -> anyhow::Result<()> {
        let x = Var::from_tensor(&filled((4, 6), 1, 2.0, DType::F64, &Device::Cpu)?)?;
        let layer = Dropout::new(0.4, "d")?;
        let f = || {
            layer
                .forward_t(&x.t()?, Mode::Train(HERE))?
                .sqr()?
                .sum_all()
        };
        check_gradients(std::slice::from_ref(&x), f, 1e-8)
    }

    #[test]
    fn the_kernel_and_the_definition_agree() -> Result<()> {
        let x = filled((300, 257), 1, 2.0, DType::F32, &Device::Cpu)?;
        let layer = Dropout::new(0.3, "d")?;
        let dropped = Dropped { kept: layer.kept(HERE, x.elem_count()), scale: layer.scale() };
        let y = layer.forward_t(&x, Mode::Train(HERE))?;
        assert_eq!(
            y.to_vec2::<f32>()?,
            composed(dropped, &x)?.to_vec2::<f32>()?
        );
        Ok(())
    }
}
