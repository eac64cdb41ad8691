//! The learning rate from epoch to epoch. D2L zh 11.11, en 12.11.

mod curve;
mod notation;

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};

pub use curve::Curve;

/// The learning rate η as a function of the number t of completed epochs and of η₀, the recipe's learning rate: a
/// warm-up, then a curve.
///
/// On the command line and in logs: the curve's name, then settings as `key=value`: `constant`, `square-root`,
/// `inverse-power:rate=0.1,power=0.5`, `exponential:factor=0.9,floor=0.01`, `step:every=10,factor=0.5`,
/// `multi-step:at=15+30,factor=0.5`, `plateau:factor=0.25`, `polynomial:power=2,epochs=20,end=0.01`, `cosine:epochs=20,end=0.01`,
/// `one-cycle:rise=0.3,start-divisor=25,end-divisor=10000`. Any of them takes `warm-up=5,start=0` too, and
/// `warm-up:epochs=5,start=0` is short for `constant:warm-up=5,start=0`.
///
/// The book's loop sets the learning rate of its own schedules one epoch late (after an epoch, from that epoch's
/// number). PyTorch's schedules and these are not late.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Schedule {
    /// What follows the warm-up.
    pub curve: Curve,
    /// Epochs of warm-up, a straight line from `start` to η₀: PyTorch's `LinearLR`. 0 for none.
    pub warm_up: usize,
    /// η at the start of the warm-up, as a learning rate, not as a share of η₀.
    pub start: f64,
}

impl Schedule {
    /// η = η₀.
    // Not `Self::new(…)`: a preset is a constant, and the compiler must see that nothing in it needs to be dropped.
    pub const CONSTANT: Self = Self { curve: Curve::Constant, warm_up: 0, start: 0.0 };

    /// A curve without warm-up.
    pub const fn new(curve: Curve) -> Self {
        Self { curve, warm_up: 0, start: 0.0 }
    }

    /// η for the epoch that follows `epoch` completed ones, in a run of `epochs`. Of a [`Curve::Plateau`] it is the part that
    /// time decides; [`Schedule::after_stalls`] is the rest.
    pub fn learning_rate(&self, base: f64, epoch: usize, epochs: usize) -> f64 {
        if epoch < self.warm_up {
            return self.start + (base - self.start) * epoch as f64 / self.warm_up as f64;
        }
        self.curve.learning_rate(base, epoch, self.warm_up, epochs)
    }

    /// What η is multiplied by after `stalled` epochs whose validation loss was not below those of all epochs before them;
    /// 1 for all curves but [`Curve::Plateau`].
    pub fn after_stalls(&self, stalled: usize) -> f64 {
        self.curve.after_stalls(stalled)
    }

    /// Whether the rates of the same epochs are others in a longer run.
    pub fn depends_on_length(&self) -> bool {
        self.curve.depends_on_length()
    }

    /// Refuses settings that no training can use.
    pub fn validate(&self) -> Result<()> {
        ensure!(
            self.start.is_finite() && self.start >= 0.0,
            "found start={}, wanted a learning rate of 0 or more",
            self.start
        );
        self.curve.validate(self.warm_up)
    }
}

impl Default for Schedule {
    fn default() -> Self {
        Self::CONSTANT
    }
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
    fn a_schedule_knows_whether_its_rates_depend_on_the_length() -> Result<()> {
        for text in [
            "constant",
            "square-root",
            "exponential:factor=0.9",
            "step:every=2,factor=0.5",
            "plateau:factor=0.5",
            "cosine",
            "cosine:epochs=3",
            "polynomial:power=2",
            "polynomial:power=2,epochs=3",
            "one-cycle:rise=0.3,start-divisor=25,end-divisor=10",
        ] {
            let schedule: Schedule = text.parse()?;
            let differs = rates(text, 0.1, 9)?[..6] != rates(text, 0.1, 6)?;
            assert_eq!(schedule.depends_on_length(), differs, "{text}");
        }
        Ok(())
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
        // the book's polynomial_lr: (1 + 0.1 t) ** (-0.5)
        assert_eq!(
            rates("inverse-power:rate=0.1,power=0.5", 1.0, 11)?[10],
            2f64.powf(-0.5)
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

    #[test]
    fn points_in_time_count_from_the_start_of_the_run_and_durations_from_the_warm_up() -> Result<()>
    {
        let plain = rates("multi-step:at=4+6,factor=0.5", 1.0, 8)?;
        let warm = rates("multi-step:at=4+6,factor=0.5,warm-up=2", 1.0, 8)?;
        assert_eq!((&warm[..2], &warm[2..]), (&[0.0, 0.5][..], &plain[2..]));
        let plain = rates("step:every=2,factor=0.5", 1.0, 6)?;
        let warm = rates("step:every=2,factor=0.5,warm-up=2", 1.0, 8)?;
        assert_eq!(warm[2..], plain);
        Ok(())
    }

    #[test]
    fn one_cycle_rises_falls_and_never_divides_by_zero() -> Result<()> {
        for epochs in 1..40 {
            for text in [
                "one-cycle",
                "one-cycle:rise=0.5",
                "one-cycle:rise=0.25,warm-up=2",
            ] {
                let rates = rates(text, 1.0, epochs)?;
                assert!(
                    rates.iter().all(|rate| (0.0..=1.0).contains(rate)),
                    "{text} {rates:?}"
                );
            }
        }
        let rates = rates(
            "one-cycle:rise=0.5,start-divisor=10,end-divisor=100",
            1.0,
            10,
        )?;
        assert!(
            (rates[0] - 0.1).abs() < 1e-15 && rates[4] == 1.0,
            "{rates:?}"
        );
        assert!((rates[9] - 0.001).abs() < 1e-15, "{rates:?}");
        Ok(())
    }
}
