//! Diabetes among Pima women, the first two-class set of many PyTorch courses: for logistic regression.

use std::path::Path;

use anyhow::{Result, bail};

use super::{Features, Tabular, held_out_quarter, labels, median, standardise};
use crate::choice::Published;
use crate::drawn::tables;
use crate::table::{Columns, Format, Table};
use crate::{Choice, Loaded};

/// The columns of the files, which name none: pregnancies, glucose in the blood after two hours of a tolerance test,
/// diastolic blood pressure in mm Hg, thickness of the skin fold at the triceps in mm, insulin in µU/ml, body mass
/// index in kg/m², a score of diabetes in the family, age in years, and the label.
pub(crate) const COLUMNS: [&str; 9] = [
    "pregnancies",
    "glucose",
    "pressure",
    "skin",
    "insulin",
    "bmi",
    "pedigree",
    "age",
    "label",
];
/// The features in which 0 means that nobody measured.
const ZERO_IS_MISSING: [&str; 5] = ["glucose", "pressure", "skin", "insulin", "bmi"];
/// Rows of the original file and of the scaled one.
pub(crate) const ROWS: [usize; 2] = [768, 759];

pub(super) const FORMAT: Format = Format {
    delimiter: b',',
    columns: Columns::Named(&COLUMNS),
    missing: &[""],
};
const ORIGINAL: Published<1> = Published {
    set: "diabetes",
    files: ["pima-indians-diabetes.csv"],
    twin: "drawn-patients",
};
const SCALED: Published<1> = Published {
    files: ["diabetes.csv"],
    ..ORIGINAL
};

/// Which file, and what is done about values that nobody measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DiabetesForm {
    /// The original 768 rows. The label is 1 for the 268 women with diabetes. Features are standardised; a zero stays a
    /// zero before that, also where it means that nobody measured.
    #[default]
    Raw,
    /// As [`DiabetesForm::Raw`], but such zeros become the median of the training rows that were measured: nobody lives
    /// with a blood pressure of 0, and half of the insulin column would be such zeros. They are 5 of glucose, 35 of
    /// blood pressure, 227 of the skin fold, 374 of insulin and 11 of the body mass index.
    Filled,
    /// The file `diabetes.csv.gz` of the courses by Sung Kim and Liu Er, taken as it is: 759 of the rows, each feature
    /// in [-1, 1]. Three things in it surprise. **The label is the other way round**: 1 stands for the 496 women
    /// *without* diabetes, so that always saying 1 is right for 65 in 100. Each feature is
    /// 2 (x - min) / (max - min) - 1, but the smallest value is 0 instead of -1, which puts what nobody measured in the
    /// middle. And five rows with diabetes and four without are not in it.
    Scaled,
}

impl DiabetesForm {
    /// As on the command line and in the log: `raw`, `filled`, `scaled`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Filled => "filled",
            Self::Scaled => "scaled",
        }
    }
}

impl std::str::FromStr for DiabetesForm {
    type Err = anyhow::Error;

    fn from_str(word: &str) -> Result<Self> {
        match [Self::Raw, Self::Filled, Self::Scaled]
            .into_iter()
            .find(|form| form.name() == word)
        {
            Some(form) => Ok(form),
            None => bail!("found form {word:?}, wanted raw, filled or scaled"),
        }
    }
}

/// Whether a Pima woman of 21 or older has diabetes (Smith et al. 1988): x is `[B, 8]`, y `[B, 1]`, 0 or 1.
///
/// A quarter of the rows is held out, the same in every run: 192 of 768, as in the paper, though not the same ones.
/// Means, standard deviations (n in the variance's denominator) and medians come from the training rows alone, since a
/// model in use has no other; [`DiabetesForm::Scaled`] is neither standardised nor filled.
///
/// # Errors
///
/// Where the file is damaged, also under [`Choice::Auto`]; under [`Choice::Real`] also where it is missing.
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
