//! The learning rate from epoch to epoch. D2L zh 11.11, en 12.11.

use std::borrow::Cow;
use std::f64::consts::PI;
use std::fmt::{self, Display};
use std::str::FromStr;

use anyhow::{Context, Error, Result, bail, ensure};
use serde::{Deserialize, Serialize};

/// The learning rate η as a function of the number t of completed epochs and of η₀, the recipe's learning rate.
///
/// On the command line and in logs: a name, then settings as `key=value`: `constant`, `square-root`,
/// `exponential:factor=0.9,floor=0.01`, `step:every=10,factor=0.5`, `multi-step:at=15+30,factor=0.5`,
/// `cosine:epochs=20,end=0.01,warm-up=5,start=0`, `warm-up:epochs=5,start=0`.
///
/// The book's zh loop sets the rate of its own schedules one epoch late (after an epoch, from that epoch's number);
/// PyTorch's schedules and these don't.
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

fn joined(at: &[usize]) -> String {
    at.iter()
        .map(usize::to_string)
        .collect::<Vec<_>>()
        .join("+")
}

impl Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Constant => f.write_str("constant"),
            Self::SquareRoot => f.write_str("square-root"),
            Self::Exponential { factor, floor } => {
                write!(f, "exponential:factor={factor}")?;
                if *floor != 0.0 {
                    write!(f, ",floor={floor}")
                } else {
                    Ok(())
                }
            }
            Self::Step { every, factor } => write!(f, "step:every={every},factor={factor}"),
            Self::MultiStep { at, factor } => {
                write!(f, "multi-step:at={},factor={factor}", joined(at))
            }
            Self::Cosine {
                epochs,
                end,
                warm_up,
                start,
            } => {
                write!(f, "cosine:")?;
                if let Some(epochs) = epochs {
                    write!(f, "epochs={epochs},")?;
                }
                write!(f, "end={end}")?;
                if *warm_up != 0 {
                    write!(f, ",warm-up={warm_up},start={start}")
                } else {
                    Ok(())
                }
            }
            Self::WarmUp { epochs, start } => write!(f, "warm-up:epochs={epochs},start={start}"),
        }
    }
}

impl FromStr for Schedule {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (name, settings) = text.split_once(':').unwrap_or((text, ""));
        let mut settings = Settings::parse(settings).with_context(|| text.to_string())?;
        let schedule = settings.schedule(name).with_context(|| text.to_string())?;
        schedule.validate().with_context(|| text.to_string())?;
        Ok(schedule)
    }
}

/// The `key=value` pairs that have not been used yet.
struct Settings<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Settings<'a> {
    fn parse(text: &'a str) -> Result<Self> {
        let pairs = text.split(',').filter(|pair| !pair.is_empty());
        let pairs = pairs.map(|pair| {
            pair.split_once('=')
                .with_context(|| format!("found {pair}, wanted key=value"))
        });
        pairs.collect::<Result<_>>().map(Self)
    }

    fn schedule(&mut self, name: &str) -> Result<Schedule> {
        let schedule = match name {
            "constant" => Schedule::Constant,
            "square-root" => Schedule::SquareRoot,
            "exponential" => Schedule::Exponential {
                factor: self.required("factor")?,
                floor: self.or("floor", 0.0)?,
            },
            "step" => Schedule::Step {
                every: self.required("every")?,
                factor: self.required("factor")?,
            },
            "multi-step" => {
                let at: String = self.required("at")?;
                let at: Result<Vec<usize>, _> = at.split('+').map(str::parse).collect();
                let at = Cow::Owned(at.context("found at=…, wanted epochs as in 15+30")?);
                Schedule::MultiStep {
                    at,
                    factor: self.required("factor")?,
                }
            }
            "cosine" => Schedule::Cosine {
                epochs: self.optional("epochs")?,
                end: self.or("end", 0.0)?,
                warm_up: self.or("warm-up", 0)?,
                start: self.or("start", 0.0)?,
            },
            "warm-up" => Schedule::WarmUp {
                epochs: self.required("epochs")?,
                start: self.or("start", 0.0)?,
            },
            _ => bail!(
                "no such schedule; wanted constant, square-root, exponential, step, multi-step, cosine or warm-up"
            ),
        };
        match self.0.first() {
            Some((key, _)) => bail!("{name} has no setting {key}, or it is given twice"),
            None => Ok(schedule),
        }
    }

    fn optional<T: FromStr>(&mut self, key: &str) -> Result<Option<T>> {
        let Some(index) = self.0.iter().position(|(name, _)| *name == key) else {
            return Ok(None);
        };
        let (_, value) = self.0.remove(index);
        match value.parse() {
            Ok(value) => Ok(Some(value)),
            Err(_) => bail!("found {key}={value}, wanted a number"),
        }
    }

    fn required<T: FromStr>(&mut self, key: &str) -> Result<T> {
        self.optional(key)?
            .with_context(|| format!("{key}=… is missing"))
    }

    fn or<T: FromStr>(&mut self, key: &str, default: T) -> Result<T> {
        Ok(self.optional(key)?.unwrap_or(default))
    }
}

impl TryFrom<String> for Schedule {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Schedule> for String {
    fn from(schedule: Schedule) -> Self {
        schedule.to_string()
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

    #[test]
    fn every_notation_is_read_back() -> Result<()> {
        for text in [
            "constant",
            "square-root",
            "exponential:factor=0.9",
            "exponential:factor=0.9,floor=0.01",
            "step:every=10,factor=0.5",
            "multi-step:at=15+30,factor=0.5",
            "cosine:end=0",
            "cosine:epochs=20,end=0.01,warm-up=5,start=0",
            "warm-up:epochs=5,start=0.1",
        ] {
            let schedule: Schedule = text.parse()?;
            assert_eq!(schedule.to_string(), text);
            let json = serde_json::to_string(&schedule)?;
            assert_eq!(serde_json::from_str::<Schedule>(&json)?, schedule);
        }
        Ok(())
    }

    #[test]
    fn wrong_settings_are_refused_and_named() {
        for (text, message) in [
            ("", "no such schedule"),
            ("linear", "linear: no such schedule"),
            ("step", "every=… is missing"),
            (
                "step:every=0,factor=0.5",
                "found every=0, wanted 1 epoch or more",
            ),
            ("step:every=2,factor=-1", "found factor=-1"),
            ("step:every=2,factor=x", "found factor=x, wanted a number"),
            (
                "step:every=2,factor=0.5,floor=1",
                "step has no setting floor",
            ),
            ("step:every=2,every=3,factor=0.5", "given twice"),
            ("step:2,0.5", "found 2, wanted key=value"),
            ("multi-step:at=30+15,factor=0.5", "wanted rising epochs"),
            ("multi-step:at=,factor=0.5", "wanted epochs as in 15+30"),
            ("cosine:epochs=5,warm-up=5", "wanted epochs above warm-up"),
            ("cosine:end=nan", "found end=NaN"),
            ("warm-up:epochs=0", "found epochs=0"),
        ] {
            let error = format!("{:#}", text.parse::<Schedule>().expect_err(text));
            assert!(error.contains(message), "{text}: {error}");
        }
    }
}
