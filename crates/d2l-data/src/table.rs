//! Delimited text: comma or tab separated values, with or without a header, as named columns of cells.
//!
//! A [`Table`] is read whole. An error names the file, the line and the column, and says what was found, what was
//! wanted and what to do.
//!
//! ```
//! # fn main() -> anyhow::Result<()> {
//! use d2l_data::table::{Columns, Format, Table};
//!
//! let format = Format { delimiter: b',', columns: Columns::Header, missing: &["", "NA"] };
//! let table = Table::parse("houses.csv", b"area,street\n1200,Pave\nNA,\"Pave, old\"\n", &format)?;
//! assert_eq!(table.numbers("area")?, [Some(1200.0), None]);
//! assert_eq!(table.texts("street")?, [Some("Pave"), Some("Pave, old")]);
//! # Ok(())
//! # }
//! ```

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use anyhow::{Context, Error, Result, anyhow, bail, ensure};
use csv::{ByteRecord, ReaderBuilder};
use flate2::bufread::MultiGzDecoder;
use sha2::{Digest, Sha256};

use crate::idx::{GZIP, fill};

/// Largest content of a table, so that an archive that unpacks without end doesn't take all memory.
const LARGEST: usize = 1 << 28;
/// The words that pandas reads as a missing value, from version 2.0 on.
pub const MISSING: [&str; 19] = [
    "None", "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND",
    "1.#QNAN", "<NA>", "N/A", "NA", "NULL", "NaN", "n/a", "nan", "null",
];
/// The same words before version 2.0, which kept the text `None`.
pub const MISSING_BEFORE_2: &[&str] = MISSING.split_at(1).1;
/// A line that is appended to the content before it is read. A quote that is not closed swallows it.
const BEHIND: &[u8] = b"\nbehind";
/// The advice for a damaged file.
pub(crate) const AGAIN: &str = "get the file again, see data/README.md";

/// How a file is to be read.
#[derive(Clone, Copy, Debug)]
pub struct Format<'a> {
    /// The byte between two cells: `b','`, `b'\t'`.
    pub delimiter: u8,
    /// Where the names of the columns come from.
    pub columns: Columns<'a>,
    /// The cells that mean a missing value, for instance `NA` and the empty cell.
    pub missing: &'a [&'a str],
}

/// Where the names of the columns come from. Every row must have as many cells as there are names.
#[derive(Clone, Copy, Debug)]
pub enum Columns<'a> {
    /// The first line.
    Header,
    /// The file has no names; these are its columns.
    Named(&'a [&'a str]),
}

/// The kind of a column, as pandas sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Every value is missing.
    Nothing,
    /// Numbers, or truth values of which none is missing.
    Numbers,
    /// Words.
    Words,
    /// Numbers and words, the first word in this row. pandas reads these numbers as words too.
    Mixed(usize),
}

/// Rows of cells in named columns.
#[derive(Clone, Debug)]
pub struct Table {
    /// The file's name, for messages.
    file: String,
    columns: Vec<String>,
    /// The line on which each row begins, from 1.
    lines: Vec<u64>,
    /// The cells row by row; `None` for a missing value.
    cells: Vec<Option<String>>,
    sha256: [u8; 32],
}

impl Table {
    /// Reads the file at `path`, plain or gzipped (as its content shows, not its name).
    ///
    /// # Errors
    ///
    /// If the file cannot be read, is damaged or empty, holds no rows, or if [`Table::parse`] refuses its content.
    pub fn read(path: &Path, format: &Format) -> Result<Self> {
        let content = content(path, LARGEST)?;
        Self::parse(&path.display().to_string(), &content, format)
    }

    /// The table that `content` holds. Cells may be quoted (`"a, b"`, with `""` for a quote); empty lines are skipped.
    /// `file` is the name for messages.
    ///
    /// # Errors
    ///
    /// If there are no rows, a row has too few or too many cells, a cell is not UTF-8, a quote is not closed, or
    /// two columns have one name.
    pub fn parse(file: &str, content: &[u8], format: &Format) -> Result<Self> {
        let mut table = Self {
            file: file.to_string(),
            columns: Vec::new(),
            lines: Vec::new(),
            cells: Vec::new(),
            sha256: Sha256::digest(content).into(),
        };
        match table.fill(content, format) {
            Ok(()) => Ok(table),
            Err(error) => Err(anyhow!("{file}: {error:#}; {AGAIN}")),
        }
    }

    /// [`Table::parse`], with errors that don't name the file.
    fn fill(&mut self, content: &[u8], format: &Format) -> Result<()> {
        if let Columns::Named(names) = format.columns {
            self.columns = names.iter().map(|name| name.to_string()).collect();
        }
        let mut reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(format.delimiter)
            .from_reader(content.chain(BEHIND));
        let mut record = ByteRecord::new();
        while reader.read_byte_record(&mut record)? {
            let line = line_of(&record, content);
            if reader.position().byte() as usize == content.len() + BEHIND.len() {
                ensure!(
                    record.iter().eq([&BEHIND[1..]]),
                    "line {line}: found a quote that is not closed, wanted a second one after the cell"
                );
                break;
            }
            if self.columns.is_empty() {
                self.columns = names(&record).with_context(|| format!("line {line}"))?;
                continue;
            }
            self.check_width(record.len())
                .with_context(|| format!("line {line}"))?;
            for (cell, column) in record.iter().zip(&self.columns) {
                let cell = utf8(cell).with_context(|| format!("line {line}, column {column:?}"))?;
                let missing = format.missing.contains(&cell);
                self.cells.push((!missing).then(|| cell.to_string()));
            }
            self.lines.push(line);
        }
        ensure!(
            !self.columns.is_empty(),
            "found an empty file, wanted a line with the names of the columns and rows below it"
        );
        ensure!(
            !self.is_empty(),
            "found no rows, wanted rows of the columns {}",
            self.columns.join(", ")
        );
        Ok(())
    }

    fn check_width(&self, found: usize) -> Result<()> {
        let wanted = self.columns.len();
        match self.columns.get(found) {
            Some(next) => {
                bail!("found {found} columns, wanted {wanted}: the row ends before column {next:?}")
            }
            None => ensure!(
                found == wanted,
                "found {found} columns, wanted {wanted}: the row continues after column {:?}",
                self.columns.last().map_or("", String::as_str)
            ),
        }
        Ok(())
    }

    /// The number of rows, without the header.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether there are no rows; [`Table::parse`] refuses such a table.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// The names of the columns, in the file's order.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// SHA-256 of the decompressed content.
    pub fn sha256(&self) -> [u8; 32] {
        self.sha256
    }

    /// The kind of the column, as pandas sees it.
    ///
    /// # Errors
    ///
    /// If there is no such column.
    pub fn kind(&self, column: &str) -> Result<Kind> {
        let cells = self.texts(column)?;
        let mut known = cells.iter().flatten();
        let first_word = cells
            .iter()
            .position(|cell| cell.is_some_and(|cell| !is_number(cell)));
        Ok(match first_word {
            None if known.next().is_none() => Kind::Nothing,
            None => Kind::Numbers,
            Some(_) if known.clone().all(|cell| truth(cell).is_some()) => {
                match cells.iter().all(Option::is_some) {
                    true => Kind::Numbers,
                    false => Kind::Words,
                }
            }
            Some(row) if known.any(|cell| is_number(cell)) => Kind::Mixed(row),
            Some(_) => Kind::Words,
        })
    }

    /// The words of a column, `None` for a missing value. As in pandas, `true` and `TRUE` become `True` if the column
    /// has nothing but truth values.
    ///
    /// # Errors
    ///
    /// If there is no such column.
    pub fn words(&self, column: &str) -> Result<Vec<Option<&str>>> {
        let mut cells = self.texts(column)?;
        if cells.iter().flatten().all(|cell| truth(cell).is_some()) {
            for cell in cells.iter_mut().flatten() {
                *cell = match truth(cell) {
                    Some(true) => "True",
                    _ => "False",
                };
            }
        }
        Ok(cells)
    }

    /// The cells of a column as text, `None` for a missing value.
    ///
    /// # Errors
    ///
    /// If there is no such column.
    pub fn texts(&self, column: &str) -> Result<Vec<Option<&str>>> {
        let Some(index) = self.columns.iter().position(|name| name == column) else {
            bail!(
                "{}: found no column {column:?} among {}; {AGAIN}",
                self.file,
                self.columns.join(", ")
            );
        };
        let cells = self.cells.iter().skip(index).step_by(self.columns.len());
        Ok(cells.map(Option::as_deref).collect())
    }

    /// The cells of a column as finite numbers, `None` for a missing value; `True` is 1, `False` is 0.
    ///
    /// # Errors
    ///
    /// If there is no such column, or a cell is something else than a number.
    pub fn numbers(&self, column: &str) -> Result<Vec<Option<f64>>> {
        let cells = self.texts(column)?.into_iter().enumerate();
        cells
            .map(|(row, cell)| match cell {
                None => Ok(None),
                Some(text) => match number(text) {
                    Some(number) => Ok(Some(number)),
                    None => Err(self.wrong(row, column, "a number")),
                },
            })
            .collect()
    }

    /// The cells of a column that must be a number in every row.
    ///
    /// # Errors
    ///
    /// If there is no such column, or a cell is missing or something else than a number.
    pub fn required_numbers(&self, column: &str) -> Result<Vec<f64>> {
        let cells = self.numbers(column)?.into_iter().enumerate();
        cells
            .map(|(row, cell)| cell.ok_or_else(|| self.wrong(row, column, "a number")))
            .collect()
    }

    /// The error for a cell in this row and column that is not what was `wanted`.
    pub fn wrong(&self, row: usize, column: &str, wanted: &str) -> Error {
        anyhow!("{}, wanted {wanted}; {AGAIN}", self.found(row, column))
    }

    /// Where a cell is and what it holds: `train.csv: line 3, column "Age": found "old"`.
    pub fn found(&self, row: usize, column: &str) -> String {
        let line = self.lines.get(row).copied().unwrap_or_default();
        let cells = self.texts(column).unwrap_or_default();
        let found = match cells.get(row).copied().flatten() {
            Some(text) => format!("{text:?}"),
            None => "a missing value".to_string(),
        };
        format!(
            "{}: line {line}, column {column:?}: found {found}",
            self.file
        )
    }

    /// Checks that there are `wanted` rows, because a file that was cut at the end of a line looks whole.
    ///
    /// # Errors
    ///
    /// If there are fewer or more.
    pub fn check_len(&self, wanted: usize) -> Result<()> {
        ensure!(
            self.len() == wanted,
            "{}: line {}: found the end of the file after {} rows, wanted {wanted} rows; {AGAIN}",
            self.file,
            self.lines.last().copied().unwrap_or_default(),
            self.len()
        );
        Ok(())
    }
}

/// The whole content, decompressed if it is gzipped: an error if it has more than `largest` bytes.
pub(crate) fn content(path: &Path, largest: usize) -> Result<Vec<u8>> {
    let name = path.display();
    let file = File::open(path).with_context(|| format!("{name}: cannot be opened"))?;
    decompressed(BufReader::new(file), largest)
        .map_err(|error| anyhow!("{name}: {error:#}; {AGAIN}"))
}

/// [`content`], with errors that don't name the file.
fn decompressed(mut file: impl BufRead, largest: usize) -> Result<Vec<u8>> {
    let mut content = Vec::new();
    let gzipped = file.fill_buf()?.starts_with(&GZIP);
    if gzipped {
        fill(&mut MultiGzDecoder::new(file), largest + 1, &mut content)?;
    } else {
        fill(&mut file, largest + 1, &mut content)?;
    }
    ensure!(
        content.len() <= largest,
        "found more than {largest} bytes, wanted at most as many"
    );
    Ok(content)
}

/// The line on which the record begins, from 1. The reader's position is the end of the record before it, which may be
/// some empty lines above.
fn line_of(record: &ByteRecord, content: &[u8]) -> u64 {
    let Some(position) = record.position() else {
        return 0;
    };
    let rest = content.get(position.byte() as usize..).unwrap_or_default();
    let ends = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
    position.line() + ends.filter(|&&byte| byte == b'\n').count() as u64
}

/// The names in the header.
fn names(record: &ByteRecord) -> Result<Vec<String>> {
    let mut names = Vec::with_capacity(record.len());
    let mut seen = BTreeSet::new();
    for (index, cell) in record.iter().enumerate() {
        let name = utf8(cell).with_context(|| format!("column {}", index + 1))?;
        ensure!(
            seen.insert(name),
            "column {}: found the name {name:?} a second time, wanted one column of each name",
            index + 1
        );
        names.push(name.to_string());
    }
    Ok(names)
}

fn utf8(cell: &[u8]) -> Result<&str> {
    match std::str::from_utf8(cell) {
        Ok(text) => Ok(text),
        Err(error) => bail!(
            "found bytes that are not UTF-8 after {:?}, wanted UTF-8",
            String::from_utf8_lossy(cell.get(..error.valid_up_to()).unwrap_or_default())
        ),
    }
}

/// The cell as a number that is finite as f32 too, which features are; `None` for infinities and NaN.
fn number(cell: &str) -> Option<f64> {
    if let Some(truth) = truth(cell) {
        return Some(f64::from(truth));
    }
    let number: f64 = cell.trim().parse().ok()?;
    (number.abs() <= f64::from(f32::MAX)).then_some(number)
}

/// Whether pandas reads the cell as a number, infinities among them.
fn is_number(cell: &str) -> bool {
    cell.trim().parse::<f64>().is_ok()
}

/// The cell as a truth value, in the spellings of pandas.
fn truth(cell: &str) -> Option<bool> {
    match cell {
        "True" | "TRUE" | "true" => Some(true),
        "False" | "FALSE" | "false" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
