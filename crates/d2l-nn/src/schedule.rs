//! The learning rate from epoch to epoch. D2L zh 11.11, en 12.11.

mod notation;

use std::borrow::Cow;
use std::f64::consts::PI;

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};

use notation::joined;

/// The learning rate η as a function of the number t of completed epochs and of η₀, the recipe's learning rate.
///
/// On the command line and in logs: a name, then settings as `key=value`: `constant`, `square-root`,
/// `exponential:factor=0.9,floor=0.01`, `step:every=10,factor=0.5`, `multi-step:at=15+30,factor=0.5`,
/// `cosine:epochs=20,end=0.01,warm-up=5,start=0`, `warm-up:epochs=5,start=0`.
///
/// The loop of the book's section sets the rate of its own schedules one epoch late (after an epoch, from that epoch's
/// number); PyTorch's schedules and these don't.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Schedule {
    /// η = η₀.
    #[default]
    Constant,
    /// η = η₀ / √(t + 1).
    SquareRoot,
    /// η = max(floor, η₀ · factorᵗ): the book's factor schedule, PyTorch's `ExponentialLR` where the floor is 0.
    Exponential {
        /// What each epoch multiplies η by.
        factor: f64,
        /// Where it stops.
        floor: f64,
    },
    /// η is multiplied by `factor` after every `every` epochs: PyTorch's `StepLR`.
    Step {
        /// Epochs between two steps.
        every: usize,
        /// What a step multiplies η by.
        factor: f64,
    },
    /// η is multiplied by `factor` when t reaches each of `at`: PyTorch's `MultiStepLR`.
    MultiStep {
        /// Numbers of completed epochs, rising.
        at: Cow<'static, [usize]>,
        /// What a step multiplies η by.
        factor: f64,
    },
    /// A straight line from `start` to η₀ over `warm_up` epochs, then half a cosine from η₀ to `end` at `epochs`,
    /// then `end`: η = end + (η₀ - end) (1 + cos(π (t - warm_up) / (epochs - warm_up))) / 2. Without warm-up this is
    /// PyTorch's `CosineAnnealingLR`. Loshchilov and Hutter 2017, arXiv:1608.03983.
    Cosine {
        /// Completed epochs at the end of the cosine; `None` for all of the run.
        epochs: Option<usize>,
        /// η at the end, as a learning rate, not as a share of η₀.
        end: f64,
        /// Epochs of warm-up.
        warm_up: usize,
        /// η at the start of the warm-up.
        start: f64,
    },
    /// A straight line from `start` to η₀ over `epochs` epochs, then η₀: PyTorch's `LinearLR`.
    WarmUp {
        /// Epochs of warm-up.
        epochs: usize,
        /// η at the start.
        start: f64,
    },
}

impl Schedule {
    /// η for the epoch that follows `epoch` completed ones, in a run of `epochs`.
    pub fn learning_rate(&self, base: f64, epoch: usize, epochs: usize) -> f64 {
        let t = epoch as f64;
        match self {
            Self::Constant => base,
            Self::SquareRoot => base / (t + 1.0).sqrt(),
            Self::Exponential { factor, floor } => (base * factor.powf(t)).max(*floor),
            Self::Step { every, factor } => base * factor.powf((epoch / every.max(&1)) as f64),
            Self::MultiStep { at, factor } => {
                base * factor.powf(at.iter().filter(|&&step| epoch >= step).count() as f64)
            }
            Self::Cosine { warm_up, start, .. } if epoch < *warm_up => {
                line(*start, base, t, *warm_up)
            }
            Self::Cosine {
                epochs: last,
                end,
                warm_up,
                ..
            } => {
                let last = last.unwrap_or(epochs);
                if epoch >= last {
                    return *end;
                }
                let done = (epoch - warm_up) as f64 / (last - warm_up) as f64;
                end + (base - end) * (1.0 + (PI * done).cos()) / 2.0
            }
            Self::WarmUp { epochs, start } if epoch < *epochs => line(*start, base, t, *epochs),
            Self::WarmUp { .. } => base,
        }
    }

    /// Refuses settings that no training can use.
    pub fn validate(&self) -> Result<()> {
        let factor = |factor: f64| {
            ensure!(
                factor.is_finite() && factor > 0.0,
                "found factor={factor}, wanted a number above 0"
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
        match self {
            Self::Constant | Self::SquareRoot => Ok(()),
            Self::Exponential { factor: by, floor } => {
                factor(*by).and_then(|()| rate("floor", *floor))
            }
            Self::Step { every, factor: by } => {
                ensure!(*every > 0, "found every=0, wanted 1 epoch or more");
                factor(*by)
            }
            Self::MultiStep { at, factor: by } => {
                let rising = at.windows(2).all(|pair| pair.first() < pair.last());
                ensure!(
                    rising && !at.is_empty(),
                    "found at={}, wanted rising epochs as in 15+30",
                    joined(at)
                );
                factor(*by)
            }
            Self::Cosine {
                epochs,
                end,
                warm_up,
                start,
            } => {
                if let Some(epochs) = epochs {
                    ensure!(
                        epochs > warm_up,
                        "found epochs={epochs},warm-up={warm_up}, wanted epochs above warm-up"
                    );
                }
                rate("end", *end).and_then(|()| rate("start", *start))
            }
            Self::WarmUp { epochs, start } => {
                ensure!(*epochs > 0, "found epochs=0, wanted 1 or more");
                rate("start", *start)
            }
        }
    }
}

/// The point t / n of the way from `start` to `end`.
fn line(start: f64, end: f64, t: f64, n: usize) -> f64 {
    start + (end - start) * t / n as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(text: &str, base: f64, epochs: usize) -> Result<Vec<f64>> {
        let schedule: Schedule = text.parse()?;
        Ok((0..epochs)
            .map(|epoch| schedule.learning_rate(base, epoch, epochs))
            .collect())
    }

    #[test]
    fn the_books_schedules_give_the_books_rates() -> Result<()> {
        assert_eq!(rates("constant", 0.3, 2)?, [0.3, 0.3]);
        assert_eq!(
            rates("square-root", 0.1, 4)?,
            [0.1, 0.1 / 2f64.sqrt(), 0.1 / 3f64.sqrt(), 0.05]
        );
        // FactorScheduler with a floor
        assert_eq!(
            rates("exponential:factor=0.5,floor=0.3", 1.0, 4)?,
            [1.0, 0.5, 0.3, 0.3]
        );
        // CosineScheduler(20, warmup_steps=5, base_lr=0.3, final_lr=0.01): at 0, 4, 5, 12.5 between, 20 and after
        let cosine = rates("cosine:epochs=20,end=0.01,warm-up=5", 0.3, 23)?;
        let wanted = [(0, 0.0), (4, 0.24), (5, 0.3), (20, 0.01), (22, 0.01)];
        for (epoch, wanted) in wanted {
            assert!(
                (cosine[epoch] - wanted).abs() < 1e-15,
                "{epoch}: {}",
                cosine[epoch]
            );
        }
        assert!(
            (cosine[12] + cosine[13] - 0.31).abs() < 1e-15,
            "symmetric about the middle"
        );
        Ok(())
    }

    #[test]
    fn a_cosine_without_a_length_takes_the_runs() -> Result<()> {
        let whole = rates("cosine", 1.0, 4)?;
        assert_eq!(whole, rates("cosine:epochs=4", 1.0, 4)?);
        // a run that is shorter than the warm-up never leaves it
        assert_eq!(rates("cosine:warm-up=5", 1.0, 3)?, [0.0, 0.2, 0.4]);
        Ok(())
    }
}
