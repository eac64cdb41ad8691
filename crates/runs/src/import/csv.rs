//! Tables as CSV: names of columns in the first line, numbers below. A column `run` names the runs if there are several.

use super::table::{Row, Tables};
use anyhow::{Context, Result, bail};
use std::collections::BTreeSet;
use std::path::Path;

/// The column that tells runs apart.
const RUN: &str = "run";

pub(crate) fn read(path: &Path) -> Result<Tables> {
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .trim(csv::Trim::All)
        .from_path(path)?;
    let columns: Vec<String> = reader.headers()?.iter().map(String::from).collect();
    if columns.iter().any(|name| name.parse::<f64>().is_ok()) {
        bail!("the first line has numbers; wanted the names of the columns");
    }
    let mut tables = Tables::default();
    let mut words = BTreeSet::new();
    for (index, record) in reader.records().enumerate() {
        let record = record.with_context(|| format!("row {}", index + 1))?;
        let mut row = Row::new();
        let mut run = None;
        for (name, cell) in columns.iter().zip(&record) {
            match cell.parse::<f64>() {
                _ if name == RUN => run = Some(cell),
                Ok(value) => row.push((name.clone(), value)),
                Err(_) if cell.is_empty() => {}
                Err(_) => {
                    words.insert(name.clone());
                }
            }
        }
        tables.of(run).rows.push(row);
    }
    let words = words.into_iter();
    tables
        .notes
        .extend(words.map(|name| format!("column {name} has words: these are left out")));
    Ok(tables)
}
