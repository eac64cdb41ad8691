//! Noise of airfoils in a wind tunnel: a small regression for comparing optimizers. D2L zh 11.5, en 12.5.

use std::path::Path;

use anyhow::Result;

use super::{Features, Tabular, standardise};
use crate::choice::Published;
use crate::drawn::tables;
use crate::table::{Columns, Format, MISSING};
use crate::table_forms::airfoil::{COLUMNS, ROWS};
use crate::{Choice, Loaded};

/// The book trains on the first 1,500 of them.
const EXAMPLES: usize = 1500;

const FILES: Published<1> = Published {
    set: "airfoil",
    files: ["airfoil_self_noise.dat"],
    twin: "drawn-airfoils",
};
const FORMAT: Format = Format {
    delimiter: b'\t',
    columns: Columns::Named(&COLUMNS),
    missing: &MISSING,
};

/// Self-noise of NACA 0012 airfoils (Brooks, Pope, Marcolini 1989): x is `[B, 5]`, y `[B, 1]` the sound pressure level.
///
/// The preparation is the book's: every column, the target among them, becomes (value - mean) / standard deviation over
/// all 1,503 rows (n in the variance's denominator), and the first 1,500 rows are kept. `train` and `valid` are the
/// same rows, because the book evaluates on its training rows: the section compares optimizers, not models.
///
/// # Errors
///
/// If the file is damaged, even under [`Choice::Auto`]; under [`Choice::Real`] also if it is missing.
pub fn airfoil(choice: Choice, folder: &Path) -> Result<Loaded<Tabular>> {
    let twin = || [tables::airfoils()];
    let loaded = FILES.tables(choice, folder, &FORMAT, [ROWS], twin)?;
    let ([table], provenance) = loaded.data;
    let all: Vec<usize> = (0..table.len()).collect();
    let mut features = Features::default();
    let mut targets = Vec::new();
    for name in COLUMNS {
        let mut values = table.required_numbers(name)?;
        standardise(&mut values, &all, 0.0);
        match name {
            "sound" => targets = values,
            name => features.push(name, values),
        }
    }
    let rows: Vec<usize> = (0..EXAMPLES).collect();
    Ok(Loaded {
        data: features.splits(&[rows.clone(), rows], &targets, provenance)?,
        notice: loaded.notice,
    })
}
