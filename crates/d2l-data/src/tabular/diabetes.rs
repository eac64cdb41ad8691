//! Diabetes among Pima women, the first two-class set of many PyTorch courses: for logistic regression.

use std::path::Path;

use anyhow::Result;
use clap::builder::PossibleValue;

use super::{Features, Tabular, held_out_quarter, labels, median, standardise};
use crate::choice::Published;
use crate::drawn::tables;
use crate::table::{Columns, Format, MISSING, Table};
use crate::table_forms::diabetes::{COLUMNS, ROWS};
use crate::{Choice, Loaded};

/// The features in which 0 means that the value was not measured.
const ZERO_IS_MISSING: [&str; 5] = ["glucose", "pressure", "skin", "insulin", "bmi"];

pub(super) const FORMAT: Format = Format {
    delimiter: b',',
    columns: Columns::Named(&COLUMNS),
    missing: &MISSING,
};
const ORIGINAL: Published<1> = Published {
    set: "diabetes",
    files: ["pima-indians-diabetes.csv"],
    twin: "drawn-patients",
};
const SCALED: Published<1> = Published { files: ["diabetes.csv"], ..ORIGINAL };

/// Which file, and how values that were not measured are treated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DiabetesForm {
    /// The original 768 rows. The label is 1 for the 268 women with diabetes. Features are standardised. Zeros are kept
    /// before that, even if they mean that the value was not measured.
    #[default]
    Raw,
    /// As [`DiabetesForm::Raw`], but such zeros become the median of the measured training rows: nobody lives with a
    /// blood pressure of 0, and half of the insulin column would be such zeros. There are 5 for glucose, 35 for blood
    /// pressure, 227 for the skin fold, 374 for insulin and 11 for the body mass index.
    Filled,
    /// The file `diabetes.csv.gz` of the courses by Sung Kim and Liu Er, taken as it is: 759 of the rows, each feature
    /// in [-1, 1]. Three things in it may surprise. **The label is inverted**: 1 stands for the 496 women *without*
    /// diabetes, so a model that always says 1 is right for 65 in 100. Each feature is 2 (x - min) / (max - min) - 1,
    /// but the smallest value is 0 instead of -1, which puts values that were not measured in the middle. And the file
    /// lacks five rows with diabetes and four without.
    Scaled,
}

impl DiabetesForm {
    /// The name on the command line and in the log: `raw`, `filled`, `scaled`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Filled => "filled",
            Self::Scaled => "scaled",
        }
    }
}

impl std::fmt::Display for DiabetesForm {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl clap::ValueEnum for DiabetesForm {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Raw, Self::Filled, Self::Scaled]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.name()))
    }
}

/// Whether a Pima woman of 21 or older has diabetes (Smith et al. 1988): x is `[B, 8]`, y `[B, 1]`, 0 or 1.
///
/// A quarter of the rows is held out, the same in every run: 192 of 768, as in the paper, though not the same ones.
/// Means, standard deviations (n in the variance's denominator) and medians come from the training rows alone, because
/// a model in use has no others. [`DiabetesForm::Scaled`] is neither standardised nor filled.
///
/// # Errors
///
/// If the file is damaged, even under [`Choice::Auto`]; under [`Choice::Real`] also if it is missing.
pub fn diabetes(choice: Choice, folder: &Path, form: DiabetesForm) -> Result<Loaded<Tabular>> {
    let scaled = form == DiabetesForm::Scaled;
    let loaded = if scaled {
        SCALED.tables(choice, folder, &FORMAT, [ROWS[1]], || {
            [tables::scaled_patients()]
        })?
    } else {
        ORIGINAL.tables(choice, folder, &FORMAT, [ROWS[0]], || [tables::patients()])?
    };
    let ([table], mut provenance) = loaded.data;
    if scaled {
        provenance.name.push_str("-scaled");
    }
    let rows = held_out_quarter("diabetes", table.len());
    let features = prepare(&table, &rows[0], form)?;
    let targets = labels(&table, "label")?;
    Ok(Loaded {
        data: features.splits(&rows, &targets, provenance)?,
        notice: loaded.notice,
    })
}

/// The features of all rows, with medians, means and standard deviations of the rows `train`.
pub(super) fn prepare(table: &Table, train: &[usize], form: DiabetesForm) -> Result<Features> {
    let mut features = Features::default();
    for name in COLUMNS.into_iter().filter(|&name| name != "label") {
        let mut values = table.required_numbers(name)?;
        if form == DiabetesForm::Filled && ZERO_IS_MISSING.contains(&name) {
            let measured = train.iter().map(|&row| values[row]);
            let median = median(measured.filter(|&value| value != 0.0).collect());
            let zeros = values.iter_mut().filter(|value| **value == 0.0);
            zeros.for_each(|value| *value = median);
        }
        if form != DiabetesForm::Scaled {
            standardise(&mut values, train, 0.0);
        }
        features.push(name, values);
    }
    Ok(features)
}
