//! Houses sold in Ames, Iowa: many columns of numbers and words, with missing values. D2L zh 4.10, en 5.7; De Cock
//! 2011.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

use super::{Features, mean_and_std};
use crate::choice::Published;
use crate::drawn::tables;
use crate::table::{AGAIN, Columns, Format, Kind, MISSING, MISSING_BEFORE_2, Table};
use crate::table_forms::house_prices::{ID, PRICE, ROWS};
use crate::{Choice, Dataset, Loaded, Provenance};

const FILES: Published<2> = Published {
    set: "house-prices",
    files: ["kaggle_house_pred_train.csv", "kaggle_house_pred_test.csv"],
    twin: "drawn-houses",
};

/// The largest number of words in a column: ten times as many as in any published one. Without a limit, the memory for
/// features of a damaged file would grow with the square of its size.
const MOST_WORDS: usize = 256;

/// The edition whose features are made. The editions differ in the words that mean a missing value, and thus in one
/// feature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HouseEdition {
    /// zh 4.10, run with a pandas before 2.0: `NA`, the empty cell and other words are missing, but not `None`. 331
    /// features; `None` in `MasVnrType`, no masonry veneer, is a word like others.
    Zh,
    /// en 5.7, run with a later pandas, which reads the text `None` as missing too. 330 features; they don't
    /// distinguish houses without veneer from houses whose veneer is unknown.
    En,
}

/// Houses with their prices, and houses whose price is to be predicted.
#[derive(Clone, Debug)]
pub struct HousePrices {
    /// x `[B, D]` and y `[B, 1]`, the price in dollars, in the file's order. [`k_fold`](crate::k_fold) splits them.
    pub train: Dataset<2>,
    /// x `[B, D]` of the houses without a price.
    pub test: Dataset<1>,
    /// The numbers of these houses, which a submission to Kaggle states beside the predicted prices.
    pub test_ids: Vec<u32>,
    /// Names of the D features, in their order: `LotArea`, …, `MSZoning_RL`, …, `MSZoning_nan`.
    pub feature_names: Vec<String>,
    /// Where the houses came from.
    pub provenance: Provenance,
}

/// The Kaggle competition "House Prices", prepared as the book does. `Id` and `SalePrice` are no features; the other 79
/// columns become 331 (zh) or 330 (en):
///
/// 1. A column of numbers becomes (value - mean) / standard deviation, over the houses of *both* files, with n - 1 in
///    the variance's denominator; then a missing value becomes 0, the mean. The test file shows no prices, but a model
///    in use would not have its data.
/// 2. Any other column becomes one feature of 0 and 1 per word, in the order of the words' bytes, and one more for a
///    missing value, even if none is missing.
/// 3. The columns of numbers come first, then the others, each in the training file's order, as in
///    `pandas.get_dummies`. The test file may have its columns in another order.
///
/// The built-in set has the same form but fewer columns, so take the number of features from `feature_names`.
///
/// # Errors
///
/// If a file is damaged, even under [`Choice::Auto`]; under [`Choice::Real`] also if one is missing. A column with
/// numbers and words is one of words, as in pandas, and the notice says where the first word is; a column of numbers in
/// one file and of words in the other is damage.
pub fn house_prices(
    choice: Choice,
    folder: &Path,
    edition: HouseEdition,
) -> Result<Loaded<HousePrices>> {
    let loaded = FILES.tables(choice, folder, &format(edition), ROWS, tables::houses)?;
    let (tables, provenance) = loaded.data;
    let mixed = mixed_columns(&tables)?;
    let houses = prepare(&tables, provenance);
    let data = match mixed.is_empty() {
        true => houses?,
        false => houses.with_context(|| mixed.join("; "))?,
    };
    let notice: Vec<String> = loaded.notice.into_iter().chain(mixed).collect();
    Ok(Loaded {
        data,
        notice: (!notice.is_empty()).then(|| notice.join("\n")),
    })
}

pub(super) fn format(edition: HouseEdition) -> Format<'static> {
    Format {
        delimiter: b',',
        columns: Columns::Header,
        missing: match edition {
            HouseEdition::Zh => MISSING_BEFORE_2,
            HouseEdition::En => &MISSING,
        },
    }
}

pub(super) fn prepare([train, test]: &[Table; 2], provenance: Provenance) -> Result<HousePrices> {
    let columns = feature_columns(train);
    let sorted = |mut columns: Vec<String>| {
        columns.sort_unstable();
        columns
    };
    ensure!(
        sorted(columns.clone()) == sorted(feature_columns(test)),
        "found other columns in the test file than in the training file of {}, wanted the same but {PRICE}; get both \
         files again, see data/README.md",
        provenance.name
    );
    let prices = train.required_numbers(PRICE)?;
    if let Some(row) = prices.iter().position(|&price| price <= 0.0) {
        return Err(train.wrong(row, PRICE, "a price above 0"));
    }

    let mut features = Features::default();
    let mut words = Features::default();
    for name in columns {
        match (train.kind(&name)?, test.kind(&name)?) {
            // A column without any value counts as numbers, as in pandas.
            (Kind::Nothing | Kind::Numbers, Kind::Nothing | Kind::Numbers) => {
                let numbers = [train.numbers(&name)?, test.numbers(&name)?].concat();
                features.push(name, standardised(&numbers));
            }
            (Kind::Numbers, Kind::Words) | (Kind::Words, Kind::Numbers) => bail!(
                "{}: found words in column {name:?} of one file and numbers in the other, wanted the same; get both files \
                 again, see data/README.md",
                provenance.name
            ),
            _ => {
                let cells = [train.words(&name)?, test.words(&name)?].concat();
                one_hot(&name, &cells, &mut words)?;
            }
        }
    }
    features.names.append(&mut words.names);
    features.columns.append(&mut words.columns);

    let known: Vec<usize> = (0..train.len()).collect();
    let unknown: Vec<usize> = (train.len()..train.len() + test.len()).collect();
    Ok(HousePrices {
        train: features.examples(&known, &prices)?,
        test: Dataset::new([features.column(&unknown)])?,
        test_ids: ids(test)?,
        feature_names: features.names,
        provenance,
    })
}

/// The columns that are features.
fn feature_columns(table: &Table) -> Vec<String> {
    let columns = table.columns().iter();
    columns
        .filter(|&name| name != ID && name != PRICE)
        .cloned()
        .collect()
}

/// A notice for each column with numbers and words, whose every value becomes a feature.
fn mixed_columns(tables: &[Table; 2]) -> Result<Vec<String>> {
    let mut notices = Vec::new();
    for table in tables {
        for name in feature_columns(table) {
            if let Kind::Mixed(row) = table.kind(&name)? {
                notices.push(format!(
                    "{} among numbers: each value of the column becomes a feature, as in pandas",
                    table.found(row, &name)
                ));
            }
        }
    }
    Ok(notices)
}

/// Step 1.
fn standardised(numbers: &[Option<f64>]) -> Vec<f64> {
    let known: Vec<f64> = numbers.iter().copied().flatten().collect();
    let (mean, std) = mean_and_std(&known, 1.0);
    let standardised = |number: &Option<f64>| match number {
        Some(number) if std > 0.0 => (number - mean) / std,
        _ => 0.0,
    };
    numbers.iter().map(standardised).collect()
}

/// Step 2.
fn one_hot(name: &str, cells: &[Option<&str>], features: &mut Features) -> Result<()> {
    let is = |wanted| {
        cells
            .iter()
            .map(|&cell| f64::from(cell == wanted))
            .collect()
    };
    let words: BTreeSet<&str> = cells.iter().copied().flatten().collect();
    ensure!(
        words.len() <= MOST_WORDS,
        "column {name:?}: found {} different words, wanted at most {MOST_WORDS}, because each becomes a feature; {AGAIN}",
        words.len()
    );
    for word in words {
        features.push(format!("{name}_{word}"), is(Some(word)));
    }
    features.push(format!("{name}_nan"), is(None));
    Ok(())
}

fn ids(test: &Table) -> Result<Vec<u32>> {
    let ids = test.required_numbers(ID)?.into_iter().enumerate();
    ids.map(|(row, id)| {
        let whole = id.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&id);
        match whole {
            true => Ok(id as u32),
            false => Err(test.wrong(row, ID, "a whole number")),
        }
    })
    .collect()
}
