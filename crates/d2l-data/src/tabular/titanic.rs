//! Who survived the Titanic: a table of numbers, words and gaps, for logistic regression.

use std::path::Path;

use anyhow::Result;

use super::{Features, Tabular, held_out_quarter, labels, median, standardise};
use crate::choice::Published;
use crate::drawn::tables;
use crate::table::{Columns, Format, MISSING, Table};
use crate::table_forms::titanic::ROWS;
use crate::{Choice, Loaded};

/// Where passengers came on board: Cherbourg, Queenstown, Southampton.
const PORTS: [&str; 3] = ["C", "Q", "S"];
/// The features that are not 0 or 1.
const STANDARDISED: [&str; 5] = ["Pclass", "Age", "SibSp", "Parch", "Fare"];

const FILES: Published<1> = Published {
    set: "titanic",
    files: ["train.csv"],
    twin: "drawn-passengers",
};
pub(super) const FORMAT: Format =
    Format { delimiter: b',', columns: Columns::Header, missing: &MISSING };

/// Passengers of the Titanic: x is `[B, 10]`, y `[B, 1]`, 1 for those who survived.
///
/// The ten features, in this order:
///
/// 1. `Pclass`, the class of the ticket, 1 to 3, as a number, because the order has a meaning.
/// 2. `Sex_female`, 1 or 0.
/// 3. `Age` in years; the 177 of unknown age get the median age of the training rows …
/// 4. … and `Age_missing`, 1 or 0, tells the model so: an age was easier to find out for survivors.
/// 5. `SibSp`, brothers, sisters, husband or wife on board.
/// 6. `Parch`, parents and children on board.
/// 7. `Fare` as ln(1 + fare): a few tickets cost a hundred times the usual one and would drown the rest.
/// 8. `Embarked_C`, `Embarked_Q`, `Embarked_S`, one-hot: Cherbourg, Queenstown, Southampton. The two passengers whose
///    port is unknown have 0 in all three.
///
/// `Pclass`, `Age`, `SibSp`, `Parch` and `Fare` are then standardised. `PassengerId`, `Name`, `Ticket` and `Cabin` are
/// left out: they name a person rather than describe one, and three in four cabins are unknown.
///
/// A quarter of the rows, 222 of 891, is held out, the same in every run. Medians, means and standard deviations (n in
/// the variance's denominator) come from the training rows alone.
///
/// # Errors
///
/// If the file is damaged, even under [`Choice::Auto`]; under [`Choice::Real`] also if it is missing.
pub fn titanic(choice: Choice, folder: &Path) -> Result<Loaded<Tabular>> {
    let twin = || [tables::passengers()];
    let loaded = FILES.tables(choice, folder, &FORMAT, [ROWS], twin)?;
    let ([table], provenance) = loaded.data;
    let rows = held_out_quarter("titanic", table.len());
    let features = prepare(&table, &rows[0])?;
    let targets = labels(&table, "Survived")?;
    Ok(Loaded {
        data: features.splits(&rows, &targets, provenance)?,
        notice: loaded.notice,
    })
}

/// Steps 1 to 8, with medians, means and standard deviations of the rows `train`.
pub(super) fn prepare(table: &Table, train: &[usize]) -> Result<Features> {
    let ages = table.numbers("Age")?;
    let known = train.iter().filter_map(|&row| ages[row]).collect();
    let median = median(known);
    let age = ages.iter().map(|age| age.unwrap_or(median)).collect();
    let age_missing = ages.iter().map(|age| f64::from(age.is_none())).collect();
    let sex = words(table, "Sex", &["female", "male"])?;
    let embarked = words(table, "Embarked", &PORTS)?;
    if let Some(row) = sex.iter().position(Option::is_none) {
        return Err(table.wrong(row, "Sex", "female or male"));
    }
    let is = |words: &[Option<&str>], wanted| {
        let found = words.iter().map(|&word| word == Some(wanted));
        found.map(f64::from).collect::<Vec<f64>>()
    };

    let mut features = Features::default();
    features.push("Pclass", table.required_numbers("Pclass")?);
    features.push("Sex_female", is(&sex, "female"));
    features.push("Age", age);
    features.push("Age_missing", age_missing);
    features.push("SibSp", table.required_numbers("SibSp")?);
    features.push("Parch", table.required_numbers("Parch")?);
    features.push("Fare", log_fares(table)?);
    for port in PORTS {
        features.push(format!("Embarked_{port}"), is(&embarked, port));
    }
    for (name, values) in features.names.iter().zip(&mut features.columns) {
        if STANDARDISED.contains(&name.as_str()) {
            standardise(values, train, 0.0);
        }
    }
    Ok(features)
}

/// The cells of a column that holds only these words and missing values.
fn words<'a>(table: &'a Table, column: &str, wanted: &[&str]) -> Result<Vec<Option<&'a str>>> {
    let cells = table.texts(column)?;
    let known = |cell: &Option<&str>| cell.is_none_or(|word| wanted.contains(&word));
    match cells.iter().position(|cell| !known(cell)) {
        None => Ok(cells),
        Some(row) => Err(table.wrong(row, column, &wanted.join(" or "))),
    }
}

/// ln(1 + fare).
fn log_fares(table: &Table) -> Result<Vec<f64>> {
    let fares = table.required_numbers("Fare")?;
    match fares.iter().position(|&fare| fare < 0.0) {
        None => Ok(fares.into_iter().map(f64::ln_1p).collect()),
        Some(row) => Err(table.wrong(row, "Fare", "a fare of 0 or more")),
    }
}
