//! How schedules are written on the command line and in logs: a name, then settings as `key=value`.

use std::borrow::Cow;
use std::fmt::{self, Display};
use std::str::FromStr;

use anyhow::{Context, Error, Result, bail};

use super::Schedule;

pub(super) fn joined(at: &[usize]) -> String {
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
