//! The names of a chart's lines, in rows above it, where they hide no data.

use crate::sheet::{Sheet, font, stroke};
use crate::style::{DOT_RADIUS, INK, LABEL, LEADING, LINE_WIDTH, Marker};
use crate::text;
use anyhow::Result;
use d2l_language::translated;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

/// Width of the sample of a line, the space after it, and the space before the next one.
const SAMPLE: f64 = 26.0;
const AFTER_SAMPLE: f64 = 6.0;
const BETWEEN: f64 = 20.0;

/// How the entry's data are drawn.
#[derive(Clone, Copy)]
pub(crate) enum Sign {
    MarkedLine(Marker),
    DashedLine(Marker),
    Line,
    Dot,
}

/// One name, and the colour and sign it stands for.
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) colour: RGBColor,
    pub(crate) sign: Sign,
}

/// Names with the places they were given.
pub(crate) struct Legend {
    entries: Vec<Entry>,
    /// Left edge and upper edge of each entry, and its lines of text.
    places: Vec<(f64, f64, Vec<String>)>,
    pub(crate) height: f64,
}

impl Legend {
    /// Fills rows of the given width from left to right. Entries without a name are left out.
    pub(crate) fn new(entries: impl IntoIterator<Item = Entry>, width: f64) -> Self {
        let entries: Vec<Entry> = entries
            .into_iter()
            .filter(|entry| !entry.name.is_empty())
            .collect();
        let (mut x, mut y, mut row_height) = (0.0, 0.0, 0.0);
        let mut places = Vec::new();
        for entry in &entries {
            let lines = text::wrap(
                &translated(&entry.name),
                width - SAMPLE - AFTER_SAMPLE,
                LABEL,
            );
            let entry_width =
                SAMPLE + AFTER_SAMPLE + text::widest(lines.iter().map(String::as_str), LABEL);
            if x > 0.0 && x + entry_width > width {
                y += row_height;
                (x, row_height) = (0.0, 0.0);
            }
            row_height = f64::max(row_height, text::height(lines.len(), LABEL) + 3.0);
            places.push((x, y, lines));
            x += entry_width + BETWEEN;
        }
        Self { entries, places, height: y + row_height }
    }

    /// Draws the rows with their upper left corner at `at`.
    pub(crate) fn draw(&self, sheet: &Sheet, at: (f64, f64)) -> Result<()> {
        let style = font(LABEL, FontStyle::Normal, INK);
        for (entry, (x, y, lines)) in self.entries.iter().zip(&self.places) {
            let (x, middle) = (at.0 + x, at.1 + y + LABEL * LEADING / 2.0);
            let centre = (x + SAMPLE / 2.0, middle);
            // Two dashes, with the marker between them.
            let dash = SAMPLE / 3.0;
            let strokes = match entry.sign {
                Sign::Dot => &[][..],
                Sign::DashedLine(_) => &[(0.0, dash), (SAMPLE - dash, SAMPLE)],
                Sign::MarkedLine(_) | Sign::Line => &[(0.0, SAMPLE)],
            };
            for (from, to) in strokes {
                let style = stroke(entry.colour, LINE_WIDTH);
                sheet.line((x + from, middle), (x + to, middle), style)?;
            }
            match entry.sign {
                Sign::MarkedLine(marker) | Sign::DashedLine(marker) => {
                    sheet.marker(marker, centre, entry.colour)?
                }
                Sign::Line => {}
                Sign::Dot => sheet.dot(centre, 1.5 * DOT_RADIUS, entry.colour.filled())?,
            }
            for (index, line) in lines.iter().enumerate() {
                let place = (
                    x + SAMPLE + AFTER_SAMPLE,
                    middle + text::height(index, LABEL),
                );
                sheet.text(line, place, &style, (HPos::Left, VPos::Center))?;
            }
        }
        Ok(())
    }
}
