//! A list of sizes as an option of a model: one for each layer, `6,16` on the command line and in the log.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;
use std::str::FromStr;

use anyhow::{Result, bail};
use serde::{Serialize, Serializer};

use crate::parse::{DEEPEST, at_least_one};

/// A size for each layer, from the first to the last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Widths(Cow<'static, [usize]>);

impl Widths {
    /// These sizes: a preset's.
    pub const fn new(sizes: &'static [usize]) -> Self {
        Self(Cow::Borrowed(sizes))
    }
}

impl Deref for Widths {
    type Target = [usize];

    fn deref(&self) -> &[usize] {
        &self.0
    }
}

impl FromStr for Widths {
    type Err = anyhow::Error;

    /// Reads `6,16`, or `none` for no layers.
    fn from_str(text: &str) -> Result<Self> {
        if text == NONE {
            return Ok(Self::new(&[]));
        }
        let sizes: Result<Vec<usize>, String> = text.split(',').map(at_least_one).collect();
        match sizes {
            Ok(sizes) if sizes.len() <= DEEPEST => Ok(Self(Cow::Owned(sizes))),
            Ok(sizes) => bail!("found {} layers, wanted at most {DEEPEST}", sizes.len()),
            Err(wanted) => bail!("{wanted} for each layer, with commas between them, or {NONE}"),
        }
    }
}

/// The word for no layers: an empty text would look like a missing value.
const NONE: &str = "none";

impl fmt::Display for Widths {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let sizes: Vec<String> = self.iter().map(ToString::to_string).collect();
        match sizes.is_empty() {
            true => f.write_str(NONE),
            false => f.write_str(&sizes.join(",")),
        }
    }
}

impl Serialize for Widths {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_are_written_as_they_are_read() -> Result<()> {
        for text in ["6,16", "120", "none"] {
            let widths: Widths = text.parse()?;
            assert_eq!(widths.to_string(), text);
            assert_eq!(serde_json::to_value(&widths)?, text);
        }
        assert_eq!(*"6,16".parse::<Widths>()?, [6, 16]);
        assert!("none".parse::<Widths>()?.is_empty());
        Ok(())
    }

    #[test]
    fn other_texts_are_refused_with_what_is_wanted() {
        for wrong in ["", "6,", "0", "6,x", "-1", "6 16", "99999999999"] {
            let error = wrong.parse::<Widths>().unwrap_err().to_string();
            assert!(
                error.contains("wanted a whole number from 1 to"),
                "{wrong}: {error}"
            );
        }
        let deep = ["1"; DEEPEST + 1].join(",");
        let error = deep.parse::<Widths>().unwrap_err().to_string();
        assert_eq!(error, "found 1001 layers, wanted at most 1000");
    }
}
