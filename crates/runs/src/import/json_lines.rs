//! One JSON object per line, nested ones with names such as `train.loss`.

use super::table::{Row, Tables};
use anyhow::{Context, Result, bail};
use d2l_log::{flattened, number_of_json};
use serde_json::{Map, Value};
use std::fs;
use std::path::Path;

pub(crate) fn read(path: &Path) -> Result<Tables> {
    let text = fs::read_to_string(path)?;
    let mut tables = Tables::default();
    for (index, line) in text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
    {
        let at = || format!("line {}", index + 1);
        let object: Map<String, Value> = serde_json::from_str(line)
            .with_context(at)
            .context("wanted one JSON object per line")?;
        if index == 0 && object.get("kind").is_some_and(|kind| kind == "run") {
            bail!("a log of this workspace already; copy its folder into the folder of the runs");
        }
        let numbers = flattened(&object).into_iter();
        let row: Row = numbers
            .filter_map(|(name, value)| Some((name, number_of_json(&value)?)))
            .collect();
        if !row.is_empty() {
            tables.of(None).rows.push(row);
        }
    }
    Ok(tables)
}
