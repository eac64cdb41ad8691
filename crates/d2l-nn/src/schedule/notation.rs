//! How schedules are written on the command line and in logs: a name, then settings as `key=value`.

use std::borrow::Cow;
use std::fmt::{self, Display};
use std::str::FromStr;

use anyhow::{Context, Error, Result, bail};

use super::{Curve, Schedule};

pub(super) fn joined(at: &[usize]) -> String {
    at.iter()
        .map(usize::to_string)
        .collect::<Vec<_>>()
        .join("+")
}

impl Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let (name, mut settings) = written(&self.curve);
        if self.warm_up != 0 {
            settings.push(format!("warm-up={}", self.warm_up));
            settings.push(format!("start={}", self.start));
        }
        f.write_str(name)?;
        if !settings.is_empty() {
            write!(f, ":{}", settings.join(","))?;
        }
        Ok(())
    }
}

/// A curve's name and its settings.
fn written(curve: &Curve) -> (&'static str, Vec<String>) {
    let set = |key: &str, value: &dyn Display| format!("{key}={value}");
    let until = |epochs: &Option<usize>| epochs.map(|epochs| set("epochs", &epochs));
    match curve {
        Curve::Constant => ("constant", vec![]),
        Curve::SquareRoot => ("square-root", vec![]),
        Curve::InversePower { rate, power } => (
            "inverse-power",
            vec![set("rate", rate), set("power", power)],
        ),
        Curve::Exponential { factor, floor } => {
            let mut settings = vec![set("factor", factor)];
            if *floor != 0.0 {
                settings.push(set("floor", floor));
            }
            ("exponential", settings)
        }
        Curve::Step { every, factor } => ("step", vec![set("every", every), set("factor", factor)]),
        Curve::MultiStep { at, factor } => (
            "multi-step",
            vec![set("at", &joined(at)), set("factor", factor)],
        ),
        Curve::Plateau { factor } => ("plateau", vec![set("factor", factor)]),
        Curve::Polynomial { power, epochs, end } => {
            let mut settings = vec![set("power", power)];
            settings.extend(until(epochs));
            settings.push(set("end", end));
            ("polynomial", settings)
        }
        Curve::Cosine { epochs, end } => {
            let mut settings = Vec::from_iter(until(epochs));
            settings.push(set("end", end));
            ("cosine", settings)
        }
        Curve::OneCycle { rise, start_divisor, end_divisor } => (
            "one-cycle",
            vec![
                set("rise", rise),
                set("start-divisor", start_divisor),
                set("end-divisor", end_divisor),
            ],
        ),
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
        let (curve, warm_up) = match name {
            "warm-up" => (Curve::Constant, self.required("epochs")?),
            name => (self.curve(name)?, self.or("warm-up", 0)?),
        };
        if (name, warm_up) == ("warm-up", 0) {
            bail!("found epochs=0, wanted 1 or more");
        }
        let start = self.optional("start")?;
        if start.is_some() && warm_up == 0 {
            bail!("start=… sets where a warm-up begins: wanted warm-up=… with it");
        }
        match self.0.first() {
            Some((key, _)) => bail!("{name} has no setting {key}, or it is given twice"),
            None => Ok(Schedule { curve, warm_up, start: start.unwrap_or(0.0) }),
        }
    }

    fn curve(&mut self, name: &str) -> Result<Curve> {
        Ok(match name {
            "constant" => Curve::Constant,
            "square-root" => Curve::SquareRoot,
            "inverse-power" => {
                Curve::InversePower { rate: self.required("rate")?, power: self.required("power")? }
            }
            "exponential" => Curve::Exponential {
                factor: self.required("factor")?,
                floor: self.or("floor", 0.0)?,
            },
            "step" => Curve::Step {
                every: self.required("every")?,
                factor: self.required("factor")?,
            },
            "multi-step" => {
                let at: String = self.required("at")?;
                let at: Result<Vec<usize>, _> = at.split('+').map(str::parse).collect();
                Curve::MultiStep {
                    at: Cow::Owned(at.context("found at=…, wanted epochs as in 15+30")?),
                    factor: self.required("factor")?,
                }
            }
            "plateau" => Curve::Plateau { factor: self.required("factor")? },
            "polynomial" => Curve::Polynomial {
                power: self.or("power", 1.0)?,
                epochs: self.optional("epochs")?,
                end: self.or("end", 0.0)?,
            },
            "cosine" => {
                Curve::Cosine { epochs: self.optional("epochs")?, end: self.or("end", 0.0)? }
            }
            "one-cycle" => Curve::OneCycle {
                rise: self.or("rise", 0.3)?,
                start_divisor: self.or("start-divisor", 25.0)?,
                end_divisor: self.or("end-divisor", 1e4)?,
            },
            _ => bail!(
                "no such schedule; wanted constant, square-root, inverse-power, exponential, step, multi-step, \
                 plateau, polynomial, cosine, one-cycle or warm-up"
            ),
        })
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
            "inverse-power:rate=0.1,power=0.5",
            "polynomial:power=2,epochs=20,end=0.01",
            "plateau:factor=0.25",
            "one-cycle:rise=0.3,start-divisor=25,end-divisor=10000",
            "step:every=10,factor=0.5,warm-up=5,start=0.1",
            "constant:warm-up=5,start=0.1",
        ] {
            let schedule: Schedule = text.parse()?;
            assert_eq!(schedule.to_string(), text);
            let json = serde_json::to_string(&schedule)?;
            assert_eq!(serde_json::from_str::<Schedule>(&json)?, schedule);
        }
        Ok(())
    }

    #[test]
    fn a_warm_up_alone_is_a_constant_with_one() -> Result<()> {
        let short: Schedule = "warm-up:epochs=5,start=0.1".parse()?;
        assert_eq!(short, "constant:warm-up=5,start=0.1".parse()?);
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
            ("cosine:start=0.1", "wanted warm-up=…"),
            ("constant:warm-up=5,start=-1", "found start=-1"),
            (
                "plateau:factor=0",
                "found factor=0, wanted a number above 0",
            ),
            ("polynomial:power=0", "found power=0"),
            ("inverse-power:power=1", "rate=… is missing"),
            ("one-cycle:rise=1.5", "wanted a share from 0 to 1"),
            ("one-cycle:end-divisor=0", "found end-divisor=0"),
        ] {
            let error = format!("{:#}", text.parse::<Schedule>().expect_err(text));
            assert!(error.contains(message), "{text}: {error}");
        }
    }
}
