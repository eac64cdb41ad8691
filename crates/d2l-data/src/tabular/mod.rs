//! Data sets of the first and the third chapter that are published as tables: read, prepared, and split.
//!
//! Each file of this module prepares one set and says how, step by step. The built-in sets (`drawn::tables`) are text
//! with the same columns and go through the same preparation.

use std::path::Path;

use anyhow::{Result, anyhow};
use d2l_random::{Purpose, Stream};

use crate::choice::Published;
use crate::splits::digest;
use crate::table::{Format, Table};
use crate::{Choice, Column, Dataset, Loaded, Provenance, Source, Splits};

pub use airfoil::airfoil;
pub use diabetes::{DiabetesForm, diabetes};
pub use house_prices::{HouseEdition, HousePrices, house_prices};
pub use titanic::titanic;

mod airfoil;
mod diabetes;
mod house_prices;
mod titanic;

/// Examples with named features: x is `[B, D]`, y `[B, 1]`.
#[derive(Clone, Debug)]
pub struct Tabular {
    /// Features and targets.
    pub splits: Splits<2>,
    /// Names of the D features, in their order.
    pub feature_names: Vec<String>,
}

impl<const N: usize> Published<N> {
    /// The set's files as tables of `rows` rows, real or drawn as `choice` says, and where they came from.
    fn tables(
        &self,
        choice: Choice,
        folder: &Path,
        format: &Format,
        rows: [usize; N],
        twin: impl FnOnce() -> [String; N],
    ) -> Result<Loaded<([Table; N], Provenance)>> {
        let whole = |source, tables: Result<Vec<Table>>| {
            let tables = tables?;
            for (table, rows) in tables.iter().zip(rows) {
                table.check_len(rows)?;
            }
            let parts: Vec<[u8; 32]> = tables.iter().map(Table::sha256).collect();
            let provenance = Provenance {
                name: if source == Source::Real {
                    self.set
                } else {
                    self.twin
                }
                .to_string(),
                source,
                sha256: digest(&parts),
            };
            let tables = tables.try_into();
            Ok((
                tables.map_err(|_| anyhow!("as many tables as files"))?,
                provenance,
            ))
        };
        self.load(
            choice,
            folder,
            |files| {
                let tables = files.iter().map(|file| Table::read(file, format));
                whole(Source::Real, tables.collect())
            },
            || {
                let tables = twin();
                let tables = tables
                    .iter()
                    .map(|text| Table::parse(self.twin, text.as_bytes(), format));
                whole(Source::Builtin, tables.collect())
            },
        )
    }
}

/// Columns of numbers on their way to becoming features.
#[derive(Default)]
struct Features {
    names: Vec<String>,
    /// One value per row each.
    columns: Vec<Vec<f64>>,
}

impl Features {
    fn push(&mut self, name: impl Into<String>, values: Vec<f64>) {
        self.names.push(name.into());
        self.columns.push(values);
    }

    /// The features of `rows`, which all exist. `[rows, D]`
    fn column(&self, rows: &[usize]) -> Column {
        let value = |row: usize| self.columns.iter().map(move |column| column[row] as f32);
        Column::Floats {
            values: rows.iter().flat_map(|&row| value(row)).collect(),
            shape: vec![self.columns.len()],
        }
    }

    /// Features and targets of `rows`, which all exist: x `[rows, D]`, y `[rows, 1]`.
    fn examples(&self, rows: &[usize], targets: &[f64]) -> Result<Dataset<2>> {
        let y = Column::Floats {
            values: rows.iter().map(|&row| targets[row] as f32).collect(),
            shape: vec![1],
        };
        Dataset::new([self.column(rows), y])
    }

    /// Both parts of `rows`.
    fn splits(
        self,
        [train, valid]: &[Vec<usize>; 2],
        targets: &[f64],
        provenance: Provenance,
    ) -> Result<Tabular> {
        Ok(Tabular {
            splits: Splits {
                train: self.examples(train, targets)?,
                valid: self.examples(valid, targets)?,
                provenance,
            },
            feature_names: self.names,
        })
    }
}

/// The training rows, and a quarter of all rows for evaluation, each in the file's order. The draw is the same for
/// every run, whatever its seed, so that scores can be compared.
fn held_out_quarter(set: &str, rows: usize) -> [Vec<usize>; 2] {
    let stream = format!("{set} held out");
    let mut valid = Stream::once(0, Purpose::Data, &stream).permutation(rows);
    let mut train = valid.split_off(rows / 4);
    train.sort_unstable();
    valid.sort_unstable();
    [train, valid]
}

/// (x - mean) / standard deviation, both over `rows`, with n - `correction` in the variance's denominator. A feature
/// that is the same everywhere becomes 0.
fn standardise(values: &mut [f64], rows: &[usize], correction: f64) {
    let known: Vec<f64> = rows.iter().map(|&row| values[row]).collect();
    let (mean, std) = mean_and_std(&known, correction);
    for value in values {
        *value = if std > 0.0 {
            (*value - mean) / std
        } else {
            0.0
        };
    }
}

fn mean_and_std(values: &[f64], correction: f64) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (mean, (squares / (n - correction)).sqrt())
}

/// The middle value, or the mean of the two middle ones; 0 if there are no values.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.get(middle) {
        None => 0.0,
        Some(&upper) if values.len() % 2 == 1 => upper,
        Some(&upper) => (values[middle - 1] + upper) / 2.0,
    }
}

/// A column of labels, each 0 or 1.
fn labels(table: &Table, column: &str) -> Result<Vec<f64>> {
    let labels = table.required_numbers(column)?;
    match labels
        .iter()
        .position(|&label| label != 0.0 && label != 1.0)
    {
        None => Ok(labels),
        Some(row) => Err(table.wrong(row, column, "0 or 1")),
    }
}

#[cfg(test)]
mod tests;
