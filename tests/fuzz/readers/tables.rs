//! Tables: the format itself, and the sets that are prepared from tables.

use std::fs;
use std::path::Path;

use anyhow::Result;
use d2l_data::table::{Columns, Format, Table};
use d2l_data::{
    Choice, Column, Dataset, DiabetesForm, HouseEdition, airfoil, diabetes, house_prices, titanic,
};

use super::images::unpacked;
use super::{folder, within};

/// The forms in which the sets' readers ask for tables.
const FORMATS: [Format<'static>; 4] = [
    Format {
        delimiter: b'\t',
        columns: Columns::Named(&["a", "b", "c"]),
        missing: &[""],
    },
    Format {
        delimiter: b',',
        columns: Columns::Named(&["a", "b"]),
        missing: &[""],
    },
    Format { delimiter: b',', columns: Columns::Header, missing: &[""] },
    Format {
        delimiter: b',',
        columns: Columns::Header,
        missing: &["", "NA", "None"],
    },
];
/// Bytes of memory for each byte of a table: a cell takes 24 and has a delimiter, and vectors double.
const PER_BYTE: usize = 96;

/// A table can be written down and read again. A row behind it is one row more: nothing in the table swallows it.
pub fn table(bytes: &[u8]) {
    for format in &FORMATS {
        let most = PER_BYTE * bytes.len();
        let Ok(table) = within(most, || Table::parse("table", bytes, format)) else {
            continue;
        };
        assert!(!table.is_empty() && !table.columns().is_empty());
        let again = Table::parse("again", &written(&table, format), format).expect("a table");
        assert_eq!(again.columns(), table.columns());
        assert_eq!(again.len(), table.len());
        for column in table.columns() {
            assert_eq!(
                again.texts(column).expect("a column"),
                table.texts(column).expect("a column")
            );
            if let Ok(numbers) = table.numbers(column) {
                assert!(numbers.into_iter().flatten().all(f64::is_finite));
            }
        }
        let row = vec!["0"; table.columns().len()].join(&char::from(format.delimiter).to_string());
        let longer = [bytes, b"\n", row.as_bytes()].concat();
        let longer = Table::parse("longer", &longer, format).expect("a row more");
        assert_eq!(longer.len(), table.len() + 1);
    }
}

/// The table with every cell in quotes.
fn written(table: &Table, format: &Format) -> Vec<u8> {
    let quoted = |cell: &str| format!("\"{}\"", cell.replace('"', "\"\""));
    let delimiter = char::from(format.delimiter).to_string();
    let columns = table.columns().iter();
    let cells: Vec<Vec<Option<&str>>> = columns
        .map(|column| table.texts(column).expect("a column"))
        .collect();
    let mut lines = Vec::new();
    if let Columns::Header = format.columns {
        let names: Vec<String> = table.columns().iter().map(|name| quoted(name)).collect();
        lines.push(names.join(&delimiter));
    }
    for row in 0..table.len() {
        let row = cells
            .iter()
            .map(|column| quoted(column[row].unwrap_or_default()));
        lines.push(row.collect::<Vec<_>>().join(&delimiter));
    }
    lines.join("\n").into_bytes()
}

/// The first line names a set; what follows are the first lines of its file. The last of them is repeated until the
/// file has as many rows as the published one. A set that is accepted has finite features.
pub fn tabular(bytes: &[u8]) {
    let mut parts = bytes.splitn(2, |&byte| byte == b'\n');
    let (Some(set), Some(lines)) = (parts.next(), parts.next()) else {
        return;
    };
    let sets: &[(&str, &str, usize)] = match set {
        b"airfoil" => &[("airfoil", "airfoil_self_noise.dat", 1503)],
        b"diabetes" => &[
            ("diabetes", "pima-indians-diabetes.csv", 768),
            ("diabetes", "diabetes.csv", 759),
        ],
        b"titanic" => &[("titanic", "train.csv", 892)],
        b"house-prices" => &[
            ("house-prices", "kaggle_house_pred_train.csv", 1461),
            ("house-prices", "kaggle_house_pred_test.csv", 1460),
        ],
        _ => return,
    };
    let folder = folder();
    let mut size = 0;
    for (set, file, length) in sets {
        let content = repeated(lines, *length);
        size += unpacked(&content);
        let set = folder.path().join(set);
        fs::create_dir_all(&set).expect("a folder");
        fs::write(set.join(file), content).expect("a file");
    }
    let _ = within(PER_BYTE * size, || load(set, folder.path()));
}

/// `lines` with the last one repeated until there are `length`.
fn repeated(lines: &[u8], length: usize) -> Vec<u8> {
    let mut content = lines.strip_suffix(b"\n").unwrap_or(lines).to_vec();
    let found = 1 + content.iter().filter(|&&byte| byte == b'\n').count();
    let last = content.iter().rposition(|&byte| byte == b'\n');
    let last = content[last.map_or(0, |end| end + 1)..].to_vec();
    for _ in found..length {
        content.push(b'\n');
        content.extend(&last);
    }
    content
}

fn load(set: &[u8], folder: &Path) -> Result<()> {
    match set {
        b"airfoil" => assert_finite(&airfoil(Choice::Real, folder)?.data.splits.train),
        b"diabetes" => {
            for form in [
                DiabetesForm::Raw,
                DiabetesForm::Filled,
                DiabetesForm::Scaled,
            ] {
                let set = diabetes(Choice::Real, folder, form)?.data;
                assert_finite(&set.splits.train);
                assert_finite(&set.splits.valid);
            }
        }
        b"titanic" => {
            let set = titanic(Choice::Real, folder)?.data;
            assert_finite(&set.splits.train);
            assert_finite(&set.splits.valid);
        }
        _ => {
            for edition in [HouseEdition::Zh, HouseEdition::En] {
                let houses = house_prices(Choice::Real, folder, edition)?.data;
                assert_finite(&houses.train);
                assert_finite(&houses.test);
                assert_eq!(houses.train.shape(0), [houses.feature_names.len()]);
            }
        }
    }
    Ok(())
}

fn assert_finite<const N: usize>(examples: &Dataset<N>) {
    for column in 0..N {
        if let Column::Floats { values, .. } = examples.column(column) {
            assert!(values.iter().all(|value| value.is_finite()));
        }
    }
}
