//! Pictures with captions in rows: predictions with their true classes, learned weights.

use crate::colour::ink;
use crate::colour_bar::Colours;
use crate::sheet::{self, Sheet, font, stroke};
use crate::style::{BOLD, HAIRLINE, INK, OUTLINE, SMALL, WARNING};
use crate::text;
use anyhow::{Result, ensure};
use plotters::prelude::*;
use std::path::Path;

/// Width in pixels that the pictures of a row share, and width that their captions may take.
const ROW: f64 = 720.0;
const CAPTIONED_ROW: f64 = 900.0;
/// The longer side of a picture.
const SIDE: (f64, f64) = (48.0, 112.0);
/// Space between neighbours, and between a picture and its caption.
const BETWEEN: f64 = 14.0;
const TO_CAPTION: f64 = 5.0;
/// Width of the frame of a highlighted picture.
const HIGHLIGHT: f64 = 2.0;

/// One picture of a grid, in one channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    /// `height x width` values, row by row from the top left.
    pub pixels: Vec<f32>,
    /// Pixels in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Text below the picture. Line breaks are kept; a line too wide for its place is broken.
    pub caption: String,
    /// Caption and frame in the warning colour: a wrong prediction.
    pub highlight: bool,
}

/// What the numbers of a picture mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// From 0, white paper, to 1, black ink; what is outside takes the nearer end. MNIST's digits look as they were
    /// written. Fashion-MNIST's photographs of clothes were negated when the set was made (Xiao et al. 2017,
    /// arXiv:1708.07747), so that ink on paper shows them as they were taken.
    Unit,
    /// Blue below zero, white at zero, red above: learned weights. One scale for all pictures, up to the largest
    /// absolute value among them, so that their strengths compare; a bar below names it.
    Diverging,
}

/// Draws the pictures in rows of `columns`, each with its caption, and writes the SVG to `path`. Each pixel is shown
/// as a square with sharp edges; one that is not finite has the warning colour. Up to six columns leave room for
/// captions as long as `predicted: Ankle boot` in one line.
///
/// # Errors
///
/// No pictures, zero columns, a picture without pixels or with another number of them than `width x height`, or a
/// file that cannot be written.
pub fn image_grid(
    path: &Path,
    title: &str,
    pictures: &[Picture],
    columns: usize,
    scale: Scale,
) -> Result<()> {
    ensure!(
        !pictures.is_empty(),
        "image grid \"{title}\" came without a picture; wanted one at least"
    );
    ensure!(
        columns > 0,
        "image grid \"{title}\" has 0 columns; wanted one at least"
    );
    for (index, picture) in pictures.iter().enumerate() {
        let Picture {
            pixels,
            width,
            height,
            ..
        } = picture;
        ensure!(
            !pixels.is_empty() && width.checked_mul(*height) == Some(pixels.len()),
            "picture {index} of \"{title}\" is {width} wide and {height} high but has {} pixels",
            pixels.len()
        );
    }
    let grid = Grid::new(pictures, columns.min(pictures.len()));
    let bar = match scale {
        Scale::Unit => None,
        Scale::Diverging => {
            let pixels = pictures.iter().flat_map(|picture| &picture.pixels);
            Some(Colours::about_zero(pixels.map(|&pixel| f64::from(pixel))))
        }
    };
    let (bar_width, bar_height) = bar.map_or((0.0, 0.0), |_| Colours::bar_size());
    let size = (
        grid.width.max(bar_width),
        grid.height + bar.map_or(0.0, |_| BETWEEN + bar_height),
    );
    sheet::write(path, title, size, |sheet| {
        for (picture, place) in pictures.iter().zip(&grid.places) {
            let colour = |&pixel: &f32| {
                bar.map_or_else(|| ink(pixel.into()), |scale| scale.of(pixel.into()))
            };
            let colours: Vec<RGBColor> = picture.pixels.iter().map(colour).collect();
            draw(sheet, picture, &colours, place)?;
        }
        let left = (size.0 - bar_width) / 2.0;
        bar.map_or(Ok(()), |bar| {
            bar.draw_bar(sheet, (left, grid.height + BETWEEN))
        })
    })
}

/// Where the pictures stand and how large the grid is.
struct Grid {
    places: Vec<Place>,
    width: f64,
    height: f64,
}

struct Place {
    /// Upper left corner and size of the picture.
    at: (f64, f64),
    size: (f64, f64),
    /// Middle of the caption's upper edge, and its lines.
    caption_at: (f64, f64),
    caption: Vec<String>,
}

impl Grid {
    fn new(pictures: &[Picture], columns: usize) -> Self {
        let share = |row: f64| (row + BETWEEN) / columns as f64 - BETWEEN;
        let side = share(ROW).clamp(SIDE.0, SIDE.1);
        let sizes: Vec<_> = pictures.iter().map(|picture| fit(picture, side)).collect();
        let box_width = sizes.iter().map(|size| size.0).fold(0.0, f64::max);
        let box_height = sizes.iter().map(|size| size.1).fold(0.0, f64::max);
        let caption_width = pictures
            .iter()
            .map(|picture| text::widest(picture.caption.lines(), caption_size(picture)))
            .fold(0.0, f64::max);
        let cell = caption_width
            .min(share(CAPTIONED_ROW))
            .max(box_width)
            .ceil();
        let captions: Vec<_> = pictures
            .iter()
            .map(|picture| text::wrap(&picture.caption, cell, caption_size(picture)))
            .collect();

        let mut places = Vec::new();
        let mut top = 0.0;
        for (sizes, captions) in sizes.chunks(columns).zip(captions.chunks(columns)) {
            for (column, (size, caption)) in sizes.iter().zip(captions).enumerate() {
                let middle = column as f64 * (cell + BETWEEN) + cell / 2.0;
                places.push(Place {
                    at: (middle - size.0 / 2.0, top + (box_height - size.1) / 2.0),
                    size: *size,
                    caption_at: (middle, top + box_height + TO_CAPTION),
                    caption: caption.clone(),
                });
            }
            let lines = captions.iter().map(Vec::len).max().unwrap_or(0);
            let room = if lines > 0 {
                TO_CAPTION + text::height(lines, SMALL)
            } else {
                0.0
            };
            top += box_height + room + BETWEEN;
        }
        let width = columns as f64 * (cell + BETWEEN) - BETWEEN;
        Self {
            places,
            width,
            height: top - BETWEEN,
        }
    }
}

/// The font size by which a caption is measured: a highlighted one is bold and so wider.
fn caption_size(picture: &Picture) -> f64 {
    if picture.highlight {
        SMALL * BOLD
    } else {
        SMALL
    }
}

/// Size of a picture whose longer side is about `side`: a whole number of screen pixels for each of its own, where
/// it has few enough.
fn fit(picture: &Picture, side: f64) -> (f64, f64) {
    let longer = picture.width.max(picture.height) as f64;
    let factor = if longer <= side {
        (side / longer).floor()
    } else {
        side / longer
    };
    // A line one pixel thin beside a long side would vanish.
    let shown = |pixels: usize| (pixels as f64 * factor).max(1.0);
    (shown(picture.width), shown(picture.height))
}

fn draw(sheet: &Sheet, picture: &Picture, colours: &[RGBColor], place: &Place) -> Result<()> {
    sheet.image(
        place.at,
        place.size,
        colours,
        (picture.width, picture.height),
    )?;
    let (colour, width, weight) = match picture.highlight {
        true => (WARNING, HIGHLIGHT, FontStyle::Bold),
        false => (INK, HAIRLINE, FontStyle::Normal),
    };
    let frame = if picture.highlight { WARNING } else { OUTLINE };
    sheet.outline(place.at, place.size, stroke(frame, width))?;
    sheet.centred(
        &place.caption,
        place.caption_at,
        SMALL,
        &font(SMALL, weight, colour),
    )
}
