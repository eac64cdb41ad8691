//! Tables as CSV: names of columns in the first line, numbers below. If there are several runs, a column `run` names
//! them.

use super::table::{Row, Tables};
use crate::tables::{EPOCHS, STEPS};
use anyhow::{Context, Result, bail};
use std::collections::BTreeSet;
use std::path::Path;

/// The column that tells runs apart.
const RUN: &str = "run";

/// Whether a folder holds an export of ours.
pub(crate) fn is_export(folder: &Path) -> bool {
    folder.join(EPOCHS).is_file()
}

/// The epochs of an export, with their steps if it has some.
pub(crate) fn read_export(folder: &Path) -> Result<Tables> {
    let mut tables = Tables::default();
    for file in [EPOCHS, STEPS].map(|name| folder.join(name)) {
        if file.is_file() {
            add(&mut tables, &file).with_context(|| file.display().to_string())?;
        }
    }
    Ok(tables)
}

pub(crate) fn read(path: &Path) -> Result<Tables> {
    let mut tables = Tables::default();
    add(&mut tables, path)?;
    Ok(tables)
}

fn add(tables: &mut Tables, path: &Path) -> Result<()> {
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .trim(csv::Trim::All)
        .from_path(path)?;
    let columns: Vec<String> = reader.headers()?.iter().map(String::from).collect();
    if columns.iter().any(|name| name.parse::<f64>().is_ok()) {
        bail!("the first line has numbers; wanted the names of the columns");
    }
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
    Ok(())
}
