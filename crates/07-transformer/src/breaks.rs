//! `--break`: the models without one of their parts. The paper and the book give the reason for each part; such a run
//! shows what happens without it.

use std::fmt;
use std::str::FromStr;

use anyhow::{Error, Result, bail};
use clap::ValueEnum;
use d2l::nn::Schedule;
use d2l::{as_text, name_of, usage};
use serde::Serialize;

/// A part that is left out or replaced by another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Break {
    /// No causal mask: in training, a token sees those that are to be predicted.
    NoMask,
    /// No positions: attention sees which tokens there are, not where.
    NoPosition,
    /// Scores q · k without the factor 1/√d.
    NoScale,
    /// The full learning rate from the first epoch on.
    NoWarmup,
    /// Normalization after each sum, in a model that has it before each layer.
    PostNorm,
    /// Normalization before each layer, in a model that has it after each sum.
    PreNorm,
}

/// The option: what a run leaves out.
#[derive(Clone, Copy, Debug, Default, clap::Args, Serialize)]
pub struct BreakOptions {
    /// Leave out a part: no-mask, no-position, no-scale, no-warmup, post-norm or pre-norm, or several, separated by
    /// commas
    #[arg(
        id = "break",
        long = "break",
        value_name = "PART,…",
        help_heading = "Model"
    )]
    #[serde(
        rename = "break",
        serialize_with = "as_text",
        skip_serializing_if = "Breaks::is_nothing"
    )]
    pub parts: Breaks,
}

impl BreakOptions {
    /// The model as it is.
    pub const NOTHING: Self = Self { parts: Breaks(0) };
}

/// A set of [`Break`]s: a bit for each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Breaks(u8);

impl Breaks {
    /// Whether `part` is among them.
    pub fn has(self, part: Break) -> bool {
        self.0 & bit(part) != 0
    }

    /// Whether there are none.
    pub fn is_nothing(&self) -> bool {
        self.0 == 0
    }

    /// A usage error with the reason `why`, if `part` is among them.
    pub fn refuse(self, part: Break, why: &str) -> Result<()> {
        if self.has(part) {
            usage!("--break {}: {why}", name_of(&part));
        }
        Ok(())
    }

    /// Takes the warm-up out of a schedule, if `--break` asks for it.
    ///
    /// # Errors
    /// A usage error if it has none.
    pub fn change(self, schedule: &mut Schedule) -> Result<()> {
        if schedule.warm_up == 0 {
            self.refuse(Break::NoWarmup, "the schedule has no warm-up")?;
        }
        if self.has(Break::NoWarmup) {
            schedule.warm_up = 0;
        }
        Ok(())
    }
}

fn bit(part: Break) -> u8 {
    1 << part as u8
}

impl FromStr for Breaks {
    type Err = Error;

    /// Reads names, separated by commas.
    fn from_str(text: &str) -> Result<Self> {
        let mut breaks = Self::default();
        for name in text.split(',') {
            match Break::from_str(name, false) {
                Ok(part) => breaks.0 |= bit(part),
                Err(_) => {
                    let all: Vec<String> = Break::value_variants().iter().map(name_of).collect();
                    bail!("found {name:?}, wanted one or more of {}", all.join(", "));
                }
            }
        }
        Ok(breaks)
    }
}

impl fmt::Display for Breaks {
    /// The names in a fixed order, with + between them.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let named = Break::value_variants()
            .iter()
            .filter(|&&part| self.has(part));
        let names: Vec<String> = named.map(name_of).collect();
        f.write_str(&names.join("+"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_in_any_order_and_written_in_one() -> Result<()> {
        let breaks: Breaks = "post-norm,no-warmup".parse()?;
        assert!(breaks.has(Break::PostNorm) && breaks.has(Break::NoWarmup));
        assert!(!breaks.has(Break::NoMask) && !breaks.is_nothing());
        assert_eq!(breaks.to_string(), "no-warmup+post-norm");
        let error = "no-masks"
            .parse::<Breaks>()
            .expect_err("no such part")
            .to_string();
        assert!(error.contains("no-mask, no-position"), "{error}");
        Ok(())
    }
}
