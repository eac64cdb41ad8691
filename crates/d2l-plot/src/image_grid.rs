//! Pictures with captions in rows: predictions with their true classes, learned weights.

use crate::colour::{ink, light};
use crate::colour_bar::Colours;
use crate::sheet::{self, Sheet, font, stroke};
use crate::style::{BOLD, HAIRLINE, INK, OUTLINE, SMALL, WARNING};
use crate::text;
use anyhow::{Result, ensure};
use d2l_language::translated;
use plotters::prelude::*;
use std::path::Path;

/// Width in pixels that the pictures of a row share, and width that their captions may take.
const ROW: f64 = 720.0;
const CAPTIONED_ROW: f64 = 900.0;
/// The longer side of a picture.
const SIDE: (f64, f64) = (48.0, 112.0);
/// Space between neighbours, and between a picture and its caption.
pub(crate) const BETWEEN: f64 = 14.0;
const TO_CAPTION: f64 = 5.0;
/// Width of the frame of a highlighted picture.
const HIGHLIGHT: f64 = 2.0;

/// One picture of a grid, in one channel or in three.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    /// `height x width` values, row by row from the top left; or three such planes, red, green and blue.
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

impl Picture {
    /// One or three.
    fn planes(&self) -> usize {
        self.pixels.len() / (self.width * self.height).max(1)
    }
}

/// The meaning of a picture's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// From 0, white paper, to 1, black ink; numbers outside get the colour of the nearer end. MNIST's digits look as
    /// they were written. Fashion-MNIST's photographs of clothes were negated when the set was made (Xiao et al. 2017,
    /// arXiv:1708.07747), so that ink on paper shows them as they were taken. Three planes are light, as on a screen: 1
    /// is the brightest.
    Unit,
    /// Blue below zero, white at zero, red above: learned weights. One scale for all pictures, up to the largest
    /// absolute value among them, so that their strengths can be compared; a bar below shows it. Three planes are
    /// light: zero in all of them is a middle grey, and a value above zero makes its colour brighter.
    Diverging,
}

/// Draws the pictures in rows of `columns`, each with its caption, and writes the SVG to `path`. Each pixel is shown as
/// a square with sharp edges; a pixel that is not finite has the warning colour. In up to six columns, captions as long
/// as `predicted: Ankle boot` fit in one line.
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
        "image grid \"{title}\" has no picture; wanted at least one"
    );
    ensure!(
        columns > 0,
        "image grid \"{title}\" has 0 columns; wanted at least one"
    );
    check(title, pictures)?;
    let grid = Grid::new(pictures, columns.min(pictures.len()));
    let palette = Palette::new(scale, pictures);
    let size = palette.below((grid.width, grid.height));
    sheet::write(path, title, size, |sheet| {
        for (picture, place) in pictures.iter().zip(&grid.places) {
            draw(sheet, picture, &palette, place)?;
        }
        palette.draw_bar(sheet, (size.0, grid.height))
    })
}

/// Whether every picture has the number of values that its size says.
pub(crate) fn check(title: &str, pictures: &[Picture]) -> Result<()> {
    for (index, picture) in pictures.iter().enumerate() {
        let Picture { pixels, width, height, .. } = picture;
        let size = width.checked_mul(*height);
        let sizes = [size, size.and_then(|size| size.checked_mul(3))];
        ensure!(
            !pixels.is_empty() && sizes.contains(&Some(pixels.len())),
            "picture {index} of \"{title}\" is {width} wide and {height} high but has {} pixels",
            pixels.len()
        );
    }
    Ok(())
}

/// The colours of all pictures of a figure.
pub(crate) struct Palette {
    /// The scale of learned weights.
    weights: Option<Colours>,
    /// Whether its bar is drawn below the pictures, which it is if one of them has a single channel.
    has_bar: bool,
}

impl Palette {
    pub(crate) fn new<'a>(
        scale: Scale,
        pictures: impl IntoIterator<Item = &'a Picture> + Clone,
    ) -> Self {
        let is_grey = |picture: &Picture| picture.planes() == 1;
        let pixels = pictures.clone().into_iter().flat_map(|p| &p.pixels);
        let weights = Colours::about_zero(pixels.map(|&pixel| f64::from(pixel)));
        Self {
            weights: (scale == Scale::Diverging).then_some(weights),
            has_bar: scale == Scale::Diverging && pictures.into_iter().any(is_grey),
        }
    }

    /// The size of the figure, pictures and bar.
    pub(crate) fn below(&self, (width, height): (f64, f64)) -> (f64, f64) {
        let (bar_width, bar_height) = Colours::bar_size();
        match self.has_bar {
            true => (width.max(bar_width), height + BETWEEN + bar_height),
            false => (width, height),
        }
    }

    /// Draws the bar below pictures that are `height` high, in the middle of the figure's width.
    pub(crate) fn draw_bar(&self, sheet: &Sheet, (width, height): (f64, f64)) -> Result<()> {
        let left = (width - Colours::bar_size().0) / 2.0;
        match &self.weights {
            Some(weights) if self.has_bar => weights.draw_bar(sheet, (left, height + BETWEEN)),
            _ => Ok(()),
        }
    }

    /// The number whose colour is the strongest; 1 if there is none.
    pub(crate) fn limit(&self) -> String {
        self.weights
            .map_or("1".to_string(), |weights| weights.limit())
    }

    /// The colour of each pixel.
    fn of(&self, picture: &Picture) -> Vec<RGBColor> {
        let size = picture.width * picture.height;
        let grey = |&pixel: &f32| match &self.weights {
            Some(weights) => weights.of(pixel.into()),
            None => ink(pixel.into()),
        };
        let planes: Vec<&[f32]> = picture.pixels.chunks_exact(size).collect();
        let [red, green, blue] = planes[..] else {
            return picture.pixels.iter().map(grey).collect();
        };
        let bright = |pixel: f32| match &self.weights {
            Some(weights) => weights.brightness(pixel.into()),
            None => f64::from(pixel),
        };
        let planes = red.iter().zip(green).zip(blue);
        planes
            .map(|((&red, &green), &blue)| light([red, green, blue].map(bright)))
            .collect()
    }
}

/// The places of the pictures and the size of the grid.
struct Grid {
    places: Vec<Place>,
    width: f64,
    height: f64,
}

pub(crate) struct Place {
    /// Upper left corner and size of the picture.
    pub(crate) at: (f64, f64),
    pub(crate) size: (f64, f64),
    /// Middle of the caption's upper edge, and its lines.
    pub(crate) caption_at: (f64, f64),
    pub(crate) caption: Vec<String>,
}

impl Grid {
    fn new(pictures: &[Picture], columns: usize) -> Self {
        let share = |row: f64| (row + BETWEEN) / columns as f64 - BETWEEN;
        let side = share(ROW).clamp(SIDE.0, SIDE.1);
        let sizes: Vec<_> = pictures.iter().map(|picture| fit(picture, side)).collect();
        let box_width = sizes.iter().map(|size| size.0).fold(0.0, f64::max);
        let box_height = sizes.iter().map(|size| size.1).fold(0.0, f64::max);
        let captions = pictures.iter().map(|picture| translated(&picture.caption));
        let captions: Vec<String> = captions.collect();
        let with_captions = || pictures.iter().zip(&captions);
        let caption_width = with_captions()
            .map(|(picture, caption)| text::widest(caption.lines(), caption_size(picture)))
            .fold(0.0, f64::max);
        let cell = caption_width
            .min(share(CAPTIONED_ROW))
            .max(box_width)
            .ceil();
        let captions: Vec<_> = with_captions()
            .map(|(picture, caption)| text::wrap(caption, cell, caption_size(picture)))
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
        Self { places, width, height: top - BETWEEN }
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

/// Size of a picture whose longer side is about `side`: a whole number of screen pixels for each of its own, if it has
/// few enough.
pub(crate) fn fit(picture: &Picture, side: f64) -> (f64, f64) {
    let longer = picture.width.max(picture.height) as f64;
    let factor = if longer <= side {
        (side / longer).floor()
    } else {
        side / longer
    };
    // A side of one pixel beside a long one would vanish.
    let shown = |pixels: usize| (pixels as f64 * factor).max(1.0);
    (shown(picture.width), shown(picture.height))
}

/// Draws a picture and its caption.
pub(crate) fn draw(
    sheet: &Sheet,
    picture: &Picture,
    palette: &Palette,
    place: &Place,
) -> Result<()> {
    sheet.image(
        place.at,
        place.size,
        &palette.of(picture),
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
