//! The names of a matrix's rows and columns, laid out so that none overlaps.

use crate::sheet::{Sheet, font};
use crate::style::{LEADING, MUTED, SMALL};
use crate::text;
use anyhow::Result;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

/// Room for a row's name, or a turned column's, before it is broken into lines.
const ROOM: f64 = 160.0;
/// Space around a name below its column.
const AROUND: f64 = 3.0;

/// The names of the rows or the columns, broken into lines that do not overlap.
pub(crate) struct Names {
    lines: Vec<Vec<String>>,
    /// One name in this many is written.
    every: usize,
    /// Whether they are turned to read from bottom to top.
    turned: bool,
    /// How far the names reach from the matrix.
    pub(crate) extent: f64,
}

impl Names {
    pub(crate) fn of_rows(names: &[String], cell: f64) -> Self {
        let lines: Vec<_> = names
            .iter()
            .map(|name| text::wrap(name, ROOM, SMALL))
            .collect();
        let highest = lines.iter().map(Vec::len).max().unwrap_or(0);
        let every = (text::height(highest, SMALL) / cell).ceil().max(1.0) as usize;
        let extent = text::widest(lines.iter().flatten().map(String::as_str), SMALL);
        Self { lines, every, turned: false, extent }
    }

    /// Upright if each piece of a name fits below its column, otherwise turned.
    pub(crate) fn of_columns(names: &[String], cell: f64) -> Self {
        let room = cell - AROUND;
        if names
            .iter()
            .any(|name| text::widest(text::pieces(name), SMALL) > room)
        {
            return Self { turned: true, ..Self::of_rows(names, cell) };
        }
        let lines: Vec<_> = names
            .iter()
            .map(|name| text::wrap(name, room, SMALL))
            .collect();
        let extent = text::height(lines.iter().map(Vec::len).max().unwrap_or(0), SMALL);
        Self { lines, every: 1, turned: false, extent }
    }

    pub(crate) fn draw_rows(&self, sheet: &Sheet, right: f64, cell: f64) -> Result<()> {
        let style = font(SMALL, FontStyle::Normal, MUTED);
        for (row, lines) in self.lines.iter().enumerate().step_by(self.every) {
            let first = (row as f64 + 0.5) * cell - text::height(lines.len(), SMALL) / 2.0
                + SMALL * LEADING / 2.0;
            for (index, line) in lines.iter().enumerate() {
                let at = (right, first + text::height(index, SMALL));
                sheet.text(line, at, &style, (HPos::Right, VPos::Center))?;
            }
        }
        Ok(())
    }

    pub(crate) fn draw_columns(&self, sheet: &Sheet, at: (f64, f64), cell: f64) -> Result<()> {
        let style = font(SMALL, FontStyle::Normal, MUTED);
        let turned = style.transform(FontTransform::Rotate270);
        for (column, lines) in self.lines.iter().enumerate().step_by(self.every) {
            let middle = at.0 + (column as f64 + 0.5) * cell;
            if !self.turned {
                sheet.centred(lines, (middle, at.1), SMALL, &style)?;
                continue;
            }
            let first = middle - text::height(lines.len(), SMALL) / 2.0 + SMALL * LEADING / 2.0;
            for (index, line) in lines.iter().enumerate() {
                let end = (first + text::height(index, SMALL), at.1);
                sheet.text(line, end, &turned, (HPos::Right, VPos::Center))?;
            }
        }
        Ok(())
    }
}
