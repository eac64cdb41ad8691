//! The lines of a log as they are found, before they become records. They may be damaged, foreign, or from a newer
//! program.

use crate::{Record, SCHEMA};
use anyhow::{Result, anyhow, ensure};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::borrow::Cow;

/// The byte-order mark, which editors on Windows put before the text.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The beginning of every header, as all programs of this workspace write it.
const HEADER: &[u8] = br#"{"kind":"run""#;

/// A line that follows the schema.
#[expect(
    clippy::large_enum_variant,
    reason = "one at a time, and most are records"
)]
pub(crate) enum Line {
    Record(Record),
    /// A kind of line that only a newer program knows.
    Unknown(String),
}

/// The keys that decide how a line is read.
#[derive(Deserialize)]
struct Kind<'a> {
    #[serde(borrow)]
    kind: Cow<'a, str>,
    schema: Option<u32>,
}

/// One line's record. The schema's version is checked first, because a newer one may have changed anything else.
pub(crate) fn record(line: &[u8]) -> Result<Line> {
    let Kind { kind, schema } = serde_json::from_slice(line).map_err(described)?;
    let (schema, known) = (schema.unwrap_or_default(), SCHEMA.major);
    ensure!(
        schema <= known,
        "schema {schema} is newer than this program, which reads up to {known}; wanted an older log: update the program"
    );
    // Reading the kinds one by one spares serde a copy of each line.
    Ok(Line::Record(match kind.as_ref() {
        "run" => Record::Run(content(line)?),
        "step" => Record::Step(content(line)?),
        "epoch" => Record::Epoch(content(line)?),
        "end" => Record::End(content(line)?),
        other => return Ok(Line::Unknown(other.into())),
    }))
}

fn content<T: DeserializeOwned>(line: &[u8]) -> Result<T> {
    serde_json::from_slice(line).map_err(described)
}

/// The error without its column, which helps nobody in so long a line.
fn described(error: serde_json::Error) -> anyhow::Error {
    let message = error.to_string();
    anyhow!(
        "{}",
        message.split(" at line ").next().unwrap_or_default().trim()
    )
}

/// Whether a line says that it is a header.
pub(crate) fn is_header(line: &[u8]) -> bool {
    serde_json::from_slice::<Kind>(line).is_ok_and(|line| line.kind == "run")
}

/// Whether the text may be the beginning of a header.
pub(crate) fn may_become_header(text: &[u8]) -> bool {
    let shared = text.len().min(HEADER.len());
    text.get(..shared) == HEADER.get(..shared)
}

/// The text after a byte-order mark, and remarks on what was passed over. JSON itself allows Windows line ends.
pub(crate) fn plain(bytes: &[u8]) -> (&[u8], Remarks) {
    let mut remarks = Remarks::default();
    let text = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    if text.len() < bytes.len() {
        remarks.add("it begins with a byte-order mark");
    }
    let first = text.split_inclusive(|&byte| byte == b'\n').next();
    if first.is_some_and(|line| line.ends_with(b"\r\n")) {
        remarks.add("its lines end as on Windows");
    }
    (text, remarks)
}

/// What a reader should know about a log that was not read in full.
#[derive(Default)]
pub(crate) struct Remarks {
    others: Vec<String>,
    /// Number of lines that were passed over, and what is wrong with the first.
    passed_over: usize,
    first: String,
}

impl Remarks {
    pub(crate) fn add(&mut self, remark: &str) {
        self.others.push(remark.into());
    }

    pub(crate) fn pass_over(&mut self, line: usize, why: &str) {
        self.passed_over += 1;
        if self.passed_over == 1 {
            self.first = format!("line {line} is passed over: {why}");
        }
    }

    /// All remarks as one sentence, if there are any.
    pub(crate) fn into_sentence(self) -> Option<String> {
        let Self { others, passed_over, first } = self;
        let lines = match passed_over {
            0 => None,
            1 => Some(first),
            several => Some(format!("{first} (and {} more lines)", several - 1)),
        };
        let all: Vec<String> = lines.into_iter().chain(others).collect();
        (!all.is_empty()).then(|| all.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::bail;

    #[test]
    fn every_record_says_its_kind_first() -> Result<()> {
        let step = Record::Step(crate::Step::default());
        let line = serde_json::to_vec(&step)?;
        match record(&line)? {
            Line::Record(found) => assert_eq!(found, step),
            Line::Unknown(kind) => bail!("found the kind {kind}, wanted a step"),
        }
        Ok(())
    }
}
