//! A matrix as coloured cells: confusion matrices, attention weights.

use crate::axis::minus;
use crate::colour::is_dark;
use crate::colour_bar::Colours;
use crate::names::Names;
use crate::sheet::{self, Sheet, font, stroke};
use crate::style::{GAP, HAIRLINE, INK, LABEL, OUTLINE, PAPER, SMALL};
use crate::text;
use anyhow::{Result, ensure};
use d2l_language::translated;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};
use std::path::Path;

/// The longer side of the matrix, as far as the limits for the side of a cell allow.
const SIDE: f64 = 520.0;
const CELL: (f64, f64) = (4.0, 52.0);
/// If there are more cells than this, they are drawn as one picture instead of a rectangle each.
const RECTANGLES: usize = 2_500;
/// Space between cells, if they are this large.
const SEAM: f64 = 1.0;
const SEAM_FROM: f64 = 10.0;
/// Space around a number in its cell.
const AROUND_NUMBER: f64 = 10.0;
/// Least room for the name of an axis before it is broken into lines.
const AXIS_NAME: f64 = 160.0;

/// A matrix with names for its rows and columns.
#[derive(Clone, Copy, Debug)]
pub struct Matrix<'a> {
    /// `rows x columns` values, row by row.
    pub values: &'a [f64],
    /// Names of the rows, from top to bottom.
    pub rows: &'a [String],
    /// Names of the columns, from left to right.
    pub columns: &'a [String],
}

/// Draws the matrix as square cells and a bar that explains their colours, and writes the SVG to `path`. `row_axis`
/// names the rows (`true class`, `query`), `column_axis` the columns (`predicted class`, `key`).
///
/// The scale goes from zero, white, to the largest value, dark blue; with values below zero it is symmetric, from blue
/// through white to red. With `numbers` each cell shows its value: as a whole number if all are whole, otherwise with
/// two decimals. A value that is not finite has the warning colour. If names of rows or columns would overlap, they are
/// broken into lines, turned, or thinned out.
///
/// # Errors
///
/// A matrix without rows or columns, one whose values are not `rows x columns`, or a file that cannot be written.
pub fn heat_map(
    path: &Path,
    title: &str,
    row_axis: &str,
    column_axis: &str,
    matrix: &Matrix,
    numbers: bool,
) -> Result<()> {
    let (rows, columns) = (matrix.rows.len(), matrix.columns.len());
    ensure!(
        rows > 0 && columns > 0,
        "heat map \"{title}\" is {rows} x {columns}; wanted one row and column at least"
    );
    ensure!(
        rows.checked_mul(columns) == Some(matrix.values.len()),
        "heat map \"{title}\" has {rows} names of rows and {columns} of columns but {} values",
        matrix.values.len()
    );
    let texts = if numbers {
        cell_texts(matrix.values)
    } else {
        Vec::new()
    };
    let widest = text::widest(texts.iter().map(String::as_str), SMALL);
    let cell = (SIDE / rows.max(columns) as f64).clamp(CELL.0, CELL.1);
    let cell = if numbers {
        cell.max(widest + AROUND_NUMBER)
    } else {
        cell
    };
    let cell = cell.floor();

    let row_names = Names::of_rows(matrix.rows, cell);
    let column_names = Names::of_columns(matrix.columns, cell);
    let (width, height) = (columns as f64 * cell, rows as f64 * cell);
    let (bar_width, bar_height) = Colours::bar_size();
    let row_axis = text::wrap(&translated(row_axis), height.max(AXIS_NAME), LABEL);
    let column_axis = text::wrap(&translated(column_axis), width.max(AXIS_NAME), LABEL);
    let left = text::height(row_axis.len(), LABEL) + GAP + row_names.extent + GAP;
    let foot = height + GAP / 2.0 + column_names.extent + GAP / 2.0;
    let bar_top = foot + text::height(column_axis.len(), LABEL) + 1.5 * GAP;
    // A name wider than a narrow matrix reaches beyond it on both sides.
    let beyond =
        (text::widest(column_axis.iter().map(String::as_str), LABEL) - width).max(0.0) / 2.0;
    let size = (
        left + (width + beyond).max(bar_width),
        (bar_top + bar_height).max(height),
    );

    let any_below_zero = matrix
        .values
        .iter()
        .any(|value| value.is_finite() && *value < 0.0);
    let values = matrix.values.iter().copied();
    let colours = if any_below_zero {
        Colours::about_zero(values)
    } else {
        Colours::from_zero(values)
    };
    sheet::write(path, title, size, |sheet| {
        draw_cells(sheet, (left, 0.0), cell, matrix, &colours)?;
        draw_numbers(sheet, (left, 0.0), cell, matrix, &colours, &texts)?;
        row_names.draw_rows(sheet, left - GAP, cell)?;
        column_names.draw_columns(sheet, (left, height + GAP / 2.0), cell)?;
        let style = font(LABEL, FontStyle::Normal, INK);
        sheet.centred(&column_axis, (left + width / 2.0, foot), LABEL, &style)?;
        sheet.turned(&row_axis, (0.0, height / 2.0), LABEL, &style)?;
        colours.draw_bar(sheet, (left + (width - bar_width).max(0.0) / 2.0, bar_top))
    })
}

/// The texts in the cells.
fn cell_texts(values: &[f64]) -> Vec<String> {
    let whole = values
        .iter()
        .filter(|value| value.is_finite())
        .all(|value| value.fract() == 0.0);
    let text = |&value: &f64| {
        if !value.is_finite() {
            "×".into()
        } else if value.abs() >= 1e6 {
            format!("{value:.1e}")
        } else if whole || value.abs() >= 1000.0 {
            format!("{value:.0}")
        } else {
            format!("{value:.2}")
        }
    };
    values.iter().map(text).map(minus).collect()
}

fn draw_cells(
    sheet: &Sheet,
    at: (f64, f64),
    cell: f64,
    matrix: &Matrix,
    colours: &Colours,
) -> Result<()> {
    let (rows, columns) = (matrix.rows.len(), matrix.columns.len());
    let size = (columns as f64 * cell, rows as f64 * cell);
    if matrix.values.len() > RECTANGLES {
        let pixels: Vec<_> = matrix
            .values
            .iter()
            .map(|value| colours.of(*value))
            .collect();
        sheet.image(at, size, &pixels, (columns, rows))?;
    } else {
        let seam = if cell < SEAM_FROM { 0.0 } else { SEAM };
        for (row, values) in matrix.values.chunks(columns).enumerate() {
            for (column, value) in values.iter().enumerate() {
                let corner = (at.0 + column as f64 * cell, at.1 + row as f64 * cell);
                sheet.fill(corner, (cell - seam, cell - seam), colours.of(*value))?;
            }
        }
    }
    sheet.outline(at, size, stroke(OUTLINE, HAIRLINE))
}

/// Writes each cell's number in a readable colour.
fn draw_numbers(
    sheet: &Sheet,
    at: (f64, f64),
    cell: f64,
    matrix: &Matrix,
    colours: &Colours,
    texts: &[String],
) -> Result<()> {
    let dark = font(SMALL, FontStyle::Normal, INK);
    let light = font(SMALL, FontStyle::Normal, PAPER);
    for (index, (text, value)) in texts.iter().zip(matrix.values).enumerate() {
        let (row, column) = (index / matrix.columns.len(), index % matrix.columns.len());
        let centre = (
            at.0 + (column as f64 + 0.5) * cell,
            at.1 + (row as f64 + 0.5) * cell,
        );
        let style = if is_dark(colours.of(*value)) {
            &light
        } else {
            &dark
        };
        sheet.text(text, centre, style, (HPos::Center, VPos::Center))?;
    }
    Ok(())
}
