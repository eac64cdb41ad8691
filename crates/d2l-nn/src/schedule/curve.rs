//! The curves that a schedule follows after its warm-up.

use std::borrow::Cow;
use std::f64::consts::PI;

use anyhow::{Result, ensure};

use super::notation::joined;

/// How the learning rate η comes from η₀, with t completed epochs, warm-up not counted.
///
/// Points in time, `at` and `epochs`, count from the start of the run, warm-up included.
#[derive(Clone, Debug, PartialEq)]
pub enum Curve {
    /// η = η₀.
    Constant,
    /// η = η₀ / √(t + 1).
    SquareRoot,
    /// η = η₀ (β t + 1)^-α: the book's polynomial decay. D2L zh 11.4.3, en 12.4.3.
    InversePower {
        /// β, above 0.
        rate: f64,
        /// α, above 0.
        power: f64,
    },
    /// η = max(floor, η₀ · factorᵗ): the book's factor schedule, PyTorch's `ExponentialLR` if the floor is 0.
    Exponential {
        /// What each epoch multiplies η by.
        factor: f64,
        /// The lowest η.
        floor: f64,
    },
    /// η is multiplied by `factor` after every `every` epochs: PyTorch's `StepLR`.
    Step {
        /// Epochs between two steps.
        every: usize,
        /// What a step multiplies η by.
        factor: f64,
    },
    /// η is multiplied by `factor` at each of `at`: PyTorch's `MultiStepLR`.
    MultiStep {
        /// Numbers of completed epochs, rising.
        at: Cow<'static, [usize]>,
        /// What a step multiplies η by.
        factor: f64,
    },
    /// η = end + (η₀ - end) (1 - t / T)^power, then `end`: PyTorch's `PolynomialLR` if the end is 0.
    Polynomial {
        /// 1 for a straight line.
        power: f64,
        /// Completed epochs at the end; `None` for the whole run.
        epochs: Option<usize>,
        /// η at the end, as a learning rate, not as a share of η₀.
        end: f64,
    },
    /// Half a cosine, then `end`: η = end + (η₀ - end) (1 + cos(π t / T)) / 2. PyTorch's `CosineAnnealingLR`.
    /// Loshchilov and Hutter 2017, arXiv:1608.03983.
    Cosine {
        /// Completed epochs at the end of the cosine; `None` for the whole run.
        epochs: Option<usize>,
        /// η at the end, as a learning rate, not as a share of η₀.
        end: f64,
    },
    /// η is multiplied by `factor` after each epoch that doesn't lower the validation loss: PyTorch's `ReduceLROnPlateau`
    /// without patience.
    Plateau {
        /// What such an epoch multiplies η by.
        factor: f64,
    },
    /// Half a cosine up to η₀, then half a cosine down, over the whole run: PyTorch's `OneCycleLR`, but with a constant
    /// momentum. Smith and Topin 2018, arXiv:1708.07120.
    OneCycle {
        /// Share of the epochs in which η rises, from 0 to 1.
        rise: f64,
        /// η begins at η₀ / start_divisor.
        start_divisor: f64,
        /// η ends at η₀ / start_divisor / end_divisor.
        end_divisor: f64,
    },
}

impl Curve {
    /// η for the epoch that follows `epoch` completed ones, of which `warm_up` were warm-up, in a run of `epochs`.
    pub(super) fn learning_rate(
        &self,
        base: f64,
        epoch: usize,
        warm_up: usize,
        epochs: usize,
    ) -> f64 {
        let t = epoch.saturating_sub(warm_up) as f64;
        // T, and the part of it that is done
        let length = |epochs: usize| epochs.saturating_sub(warm_up) as f64;
        let done = |last: &Option<usize>| {
            let length = length(last.unwrap_or(epochs));
            if t < length { t / length } else { 1.0 }
        };
        match self {
            Self::Constant | Self::Plateau { .. } => base,
            Self::SquareRoot => base / (t + 1.0).sqrt(),
            Self::InversePower { rate, power } => base * (rate * t + 1.0).powf(-power),
            Self::Exponential { factor, floor } => (base * factor.powf(t)).max(*floor),
            Self::Step { every, factor } => base * factor.powf((t / *every as f64).floor()),
            Self::MultiStep { at, factor } => {
                base * factor.powf(at.iter().filter(|&&step| epoch >= step).count() as f64)
            }
            Self::Polynomial { power, epochs, end } => {
                end + (base - end) * (1.0 - done(epochs)).powf(*power)
            }
            Self::Cosine { epochs, end } => cosine(base, *end, done(epochs)),
            Self::OneCycle { rise, start_divisor, end_divisor } => {
                let start = base / start_divisor;
                let last = length(epochs) - 1.0;
                let peak = rise * length(epochs) - 1.0;
                if t < peak {
                    cosine(start, base, t / peak)
                } else if last > peak {
                    cosine(base, start / end_divisor, (t - peak) / (last - peak))
                } else {
                    base
                }
            }
        }
    }

    /// What η is multiplied by after `stalled` epochs that didn't lower the validation loss.
    pub(super) fn after_stalls(&self, stalled: usize) -> f64 {
        match self {
            Self::Plateau { factor } => factor.powf(stalled as f64),
            _ => 1.0,
        }
    }

    /// Whether the rates of the same epochs are others in a longer run.
    pub(super) fn depends_on_length(&self) -> bool {
        match self {
            Self::Polynomial { epochs, .. } | Self::Cosine { epochs, .. } => epochs.is_none(),
            Self::OneCycle { .. } => true,
            Self::Constant
            | Self::SquareRoot
            | Self::InversePower { .. }
            | Self::Exponential { .. }
            | Self::Step { .. }
            | Self::MultiStep { .. }
            | Self::Plateau { .. } => false,
        }
    }

    /// Refuses settings that no training can use.
    pub(super) fn validate(&self, warm_up: usize) -> Result<()> {
        let above_zero = |key: &str, number: f64| {
            ensure!(
                number.is_finite() && number > 0.0,
                "found {key}={number}, wanted a number above 0"
            );
            Ok(())
        };
        let rate = |key: &str, rate: f64| {
            ensure!(
                rate.is_finite() && rate >= 0.0,
                "found {key}={rate}, wanted a learning rate of 0 or more"
            );
            Ok(())
        };
        let end = |epochs: &Option<usize>, end: f64| {
            if let Some(epochs) = epochs {
                ensure!(
                    *epochs > warm_up,
                    "found epochs={epochs},warm-up={warm_up}, wanted epochs above warm-up"
                );
            }
            rate("end", end)
        };
        match self {
            Self::Constant | Self::SquareRoot => Ok(()),
            Self::InversePower { rate, power } => {
                above_zero("rate", *rate).and_then(|()| above_zero("power", *power))
            }
            Self::Plateau { factor } => above_zero("factor", *factor),
            Self::Exponential { factor, floor } => {
                above_zero("factor", *factor).and_then(|()| rate("floor", *floor))
            }
            Self::Step { every, factor } => {
                ensure!(*every > 0, "found every=0, wanted 1 epoch or more");
                above_zero("factor", *factor)
            }
            Self::MultiStep { at, factor } => {
                let rising = at.windows(2).all(|pair| pair.first() < pair.last());
                ensure!(
                    rising && !at.is_empty(),
                    "found at={}, wanted rising epochs as in 15+30",
                    joined(at)
                );
                above_zero("factor", *factor)
            }
            Self::Polynomial { power, epochs, end: last } => {
                above_zero("power", *power).and_then(|()| end(epochs, *last))
            }
            Self::Cosine { epochs, end: last } => end(epochs, *last),
            Self::OneCycle { rise, start_divisor, end_divisor } => {
                ensure!(
                    (0.0..=1.0).contains(rise),
                    "found rise={rise}, wanted a share from 0 to 1"
                );
                above_zero("start-divisor", *start_divisor)?;
                above_zero("end-divisor", *end_divisor)
            }
        }
    }
}

/// Half a cosine from `from` to `to`, at the share `done` of the way.
fn cosine(from: f64, to: f64, done: f64) -> f64 {
    to + (from - to) * (1.0 + (PI * done).cos()) / 2.0
}
