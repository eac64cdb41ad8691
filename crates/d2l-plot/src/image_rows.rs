//! Pictures in rows with names: each layer's feature maps of a picture.

use crate::colour_bar::Colours;
use crate::image_grid::{BETWEEN, Palette, Picture, Place, Scale, check, draw, fit};
use crate::sheet::{self, font};
use crate::style::{MUTED, SMALL};
use crate::text;
use anyhow::{Result, ensure};
use d2l_language::translated;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};
use std::path::Path;

/// The longer side of a picture.
const SIDE: f64 = 64.0;
/// Space between pictures in a row, and between a row's name and its pictures.
const NEXT: f64 = 6.0;
const TO_PICTURES: f64 = 12.0;

/// One row of pictures.
#[derive(Clone, Debug, PartialEq)]
pub struct PictureRow {
    /// The name before its pictures. Line breaks are kept.
    pub label: String,
    /// From left to right; their captions are not shown.
    pub pictures: Vec<Picture>,
    /// The meaning of their numbers.
    pub scale: Scale,
}

/// Draws the rows below one another and writes the SVG to `path`. Each row has its own colour scale, so that a layer of
/// small numbers shows as much as one of large numbers. With [`Scale::Diverging`] the largest absolute value stands
/// before the row; a bar below the rows shows that it is the strongest red, and its opposite the strongest blue.
///
/// # Errors
///
/// No rows, a row without pictures, a picture without pixels or with another number of them than it says, or a file
/// that cannot be written.
pub fn image_rows(path: &Path, title: &str, rows: &[PictureRow]) -> Result<()> {
    ensure!(
        !rows.is_empty(),
        "image rows \"{title}\" has no row; wanted at least one"
    );
    for row in rows {
        ensure!(
            !row.pictures.is_empty(),
            "row {:?} of \"{title}\" has no picture; wanted at least one",
            row.label
        );
        check(title, &row.pictures)?;
    }
    let labels: Vec<Vec<String>> = rows.iter().map(label).collect();
    let lines = || labels.iter().flatten().map(String::as_str);
    let start = text::widest(lines(), SMALL).ceil() + TO_PICTURES;

    let mut places: Vec<Vec<Place>> = Vec::new();
    let mut middles = Vec::new();
    let (mut top, mut width) = (0.0, 0.0f64);
    for (row, label) in rows.iter().zip(&labels) {
        let sizes: Vec<_> = row
            .pictures
            .iter()
            .map(|picture| fit(picture, SIDE))
            .collect();
        let highest = sizes.iter().map(|size| size.1).fold(0.0, f64::max);
        let height = highest.max(text::height(label.len(), SMALL));
        let mut left = start;
        let mut placed = Vec::new();
        for size in sizes {
            placed.push(Place {
                at: (left, top + (height - size.1) / 2.0),
                size,
                caption_at: (left, top),
                caption: Vec::new(),
            });
            left += size.0 + NEXT;
        }
        places.push(placed);
        middles.push(top + height / 2.0);
        width = width.max(left - NEXT);
        top += height + BETWEEN;
    }
    let has_bar = rows.iter().any(|row| row.scale == Scale::Diverging);
    let (bar_width, bar_height) = Colours::bar_size();
    let (width, height) = match has_bar {
        true => (width.max(start + bar_width), top + bar_height),
        false => (width, top - BETWEEN),
    };
    sheet::write(path, title, (width, height), |sheet| {
        let style = font(SMALL, FontStyle::Normal, MUTED);
        for (((row, places), label), middle) in rows.iter().zip(&places).zip(&labels).zip(&middles)
        {
            let upper = middle - text::height(label.len(), SMALL) / 2.0;
            for (index, line) in label.iter().enumerate() {
                let at = (start - TO_PICTURES, upper + text::height(index, SMALL));
                sheet.text(line, at, &style, (HPos::Right, VPos::Top))?;
            }
            let palette = Palette::new(row.scale, &row.pictures);
            for (picture, place) in row.pictures.iter().zip(places) {
                draw(sheet, picture, &palette, place)?;
            }
        }
        if has_bar {
            let texts = ["−", "0", "+"].map(String::from);
            Colours::about_zero([].into_iter()).draw_named_bar(sheet, (start, top), texts)?;
        }
        Ok(())
    })
}

/// The lines of text before a row.
fn label(row: &PictureRow) -> Vec<String> {
    let mut lines: Vec<String> = translated(&row.label).lines().map(String::from).collect();
    if row.scale == Scale::Diverging {
        lines.push(format!(
            "±{}",
            Palette::new(row.scale, &row.pictures).limit()
        ));
    }
    lines
}
