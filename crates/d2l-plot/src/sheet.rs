//! The page that a figure is drawn on, in CSS pixels from its top left.

use crate::file;
use crate::raster;
use crate::style::{BOLD, GAP, INK, MARGIN, MARKER_RADIUS, Marker, PAPER, TITLE, fonts};
use crate::text;
use anyhow::{Context, Result, ensure};
use d2l_language::translated;
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use std::cell::RefCell;
use std::f64::consts::TAU;
use std::path::Path;

/// The number of plotters' units in a pixel. plotters' coordinates are whole numbers, and whole pixels are too coarse
/// for curves.
const FINE: f64 = 10.0;
/// plotters divides font sizes by this number when it writes SVG.
const FONT_FACTOR: f64 = 1.24;

/// A part of the page in plotters' terms.
pub(crate) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Pixels in plotters' unit.
pub(crate) fn fine(pixels: f64) -> i32 {
    (pixels * FINE).round() as i32
}

/// A line of this width in pixels, or the inside of a shape.
pub(crate) fn stroke(colour: RGBColor, width: f64) -> ShapeStyle {
    colour.stroke_width(fine(width) as u32)
}

/// A font of this size in pixels.
pub(crate) fn font(size: f64, weight: FontStyle, colour: RGBColor) -> TextStyle<'static> {
    let size = size * FINE * FONT_FACTOR;
    FontDesc::new(FontFamily::Name(fonts()), size, weight).color(&colour)
}

/// The part of the page below the title. Positions are pixels from its top left.
pub(crate) struct Sheet<'a> {
    area: Area<'a>,
    offset: (f64, f64),
    images: &'a RefCell<String>,
}

impl<'a> Sheet<'a> {
    /// A rectangle of the sheet, for a chart.
    pub(crate) fn part(&self, at: (f64, f64), size: (f64, f64)) -> Area<'a> {
        let area = self.area.clone();
        area.shrink((fine(at.0), fine(at.1)), (fine(size.0), fine(size.1)))
    }

    /// One line of text.
    pub(crate) fn text(
        &self,
        text: &str,
        at: (f64, f64),
        style: &TextStyle,
        pos: (HPos, VPos),
    ) -> Result<()> {
        let style = style.pos(Pos::new(pos.0, pos.1));
        self.area.draw_text(text, &style, point(at))?;
        Ok(())
    }

    /// Lines of text of this size below one another, each centred on `at`, whose second number is the upper edge.
    pub(crate) fn centred(
        &self,
        lines: &[String],
        at: (f64, f64),
        size: f64,
        style: &TextStyle,
    ) -> Result<()> {
        for (index, line) in lines.iter().enumerate() {
            let y = at.1 + text::height(index, size);
            self.text(line, (at.0, y), style, (HPos::Center, VPos::Top))?;
        }
        Ok(())
    }

    /// Lines of text turned to read from bottom to top, each centred on `at`, whose first number is the left edge.
    pub(crate) fn turned(
        &self,
        lines: &[String],
        at: (f64, f64),
        size: f64,
        style: &TextStyle,
    ) -> Result<()> {
        let style = style.transform(FontTransform::Rotate270);
        for (index, line) in lines.iter().enumerate() {
            let x = at.0 + text::height(index, size);
            self.text(line, (x, at.1), &style, (HPos::Center, VPos::Top))?;
        }
        Ok(())
    }

    /// A straight line.
    pub(crate) fn line(&self, from: (f64, f64), to: (f64, f64), style: ShapeStyle) -> Result<()> {
        self.area
            .draw(&PathElement::new(vec![point(from), point(to)], style))?;
        Ok(())
    }

    /// A filled rectangle.
    pub(crate) fn fill(&self, at: (f64, f64), size: (f64, f64), colour: RGBColor) -> Result<()> {
        let corners = [point(at), point((at.0 + size.0, at.1 + size.1))];
        self.area.draw(&Rectangle::new(corners, colour.filled()))?;
        Ok(())
    }

    /// The outline of a rectangle.
    pub(crate) fn outline(
        &self,
        at: (f64, f64),
        size: (f64, f64),
        style: ShapeStyle,
    ) -> Result<()> {
        let (right, bottom) = (at.0 + size.0, at.1 + size.1);
        let corners = [at, (right, at.1), (right, bottom), (at.0, bottom), at];
        self.area
            .draw(&PathElement::new(corners.map(point).to_vec(), style))?;
        Ok(())
    }

    /// A marker of a line.
    pub(crate) fn marker(&self, shape: Marker, at: (f64, f64), colour: RGBColor) -> Result<()> {
        let marker = EmptyElement::at(point(at)) + Polygon::new(corners(shape), colour.filled());
        self.area.draw(&marker)?;
        Ok(())
    }

    /// A filled circle.
    pub(crate) fn dot(&self, at: (f64, f64), radius: f64, style: ShapeStyle) -> Result<()> {
        self.area
            .draw(&Circle::new(point(at), fine(radius), style))?;
        Ok(())
    }

    /// A picture of `pixels.0 x pixels.1` pixels with sharp edges, below everything else in the figure.
    pub(crate) fn image(
        &self,
        at: (f64, f64),
        size: (f64, f64),
        colours: &[RGBColor],
        pixels: (usize, usize),
    ) -> Result<()> {
        // Some viewers smooth a picture that they enlarge, so the picture has the size in which it is shown.
        let times = (size.0 / pixels.0 as f64)
            .max(size.1 / pixels.1 as f64)
            .ceil();
        let address = raster::data_address(colours, pixels, times.max(1.0) as usize)?;
        let (x, y) = (fine(at.0 + self.offset.0), fine(at.1 + self.offset.1));
        let (width, height) = (fine(size.0), fine(size.1));
        self.images.borrow_mut().push_str(&format!(
            "<image x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" preserveAspectRatio=\"none\" \
             style=\"image-rendering: pixelated\" href=\"{address}\"/>\n"
        ));
        Ok(())
    }
}

/// The outline of a marker around its point, in plotters' unit. The shapes are of about equal area.
pub(crate) fn corners(shape: Marker) -> Vec<(i32, i32)> {
    let corner = |right: f64, down: f64| (fine(right * MARKER_RADIUS), fine(down * MARKER_RADIUS));
    match shape {
        Marker::Circle => (0..24)
            .map(|step| TAU * f64::from(step) / 24.0)
            .map(|angle| corner(angle.cos(), angle.sin()))
            .collect(),
        Marker::Square => vec![
            corner(-0.9, -0.9),
            corner(0.9, -0.9),
            corner(0.9, 0.9),
            corner(-0.9, 0.9),
        ],
        Marker::Triangle => vec![corner(0.0, -1.3), corner(1.2, 0.9), corner(-1.2, 0.9)],
        Marker::Diamond => vec![
            corner(0.0, -1.3),
            corner(1.3, 0.0),
            corner(0.0, 1.3),
            corner(-1.3, 0.0),
        ],
    }
}

/// Draws a figure whose body, all below the title, is `size` wide and high, and writes it to `path`.
pub(crate) fn write(
    path: &Path,
    title: &str,
    size: (f64, f64),
    paint: impl FnOnce(&Sheet) -> Result<()>,
) -> Result<()> {
    let svg = render(title, size, paint)
        .with_context(|| format!("figure {} not drawn", path.display()))?;
    file::save(path, &svg).with_context(|| format!("figure {} not written", path.display()))
}

fn render(
    title: &str,
    size: (f64, f64),
    paint: impl FnOnce(&Sheet) -> Result<()>,
) -> Result<String> {
    let title = translated(title);
    let lines = text::wrap(&title, size.0, TITLE * BOLD);
    let heading = if lines.is_empty() {
        0.0
    } else {
        text::height(lines.len(), TITLE) + GAP
    };
    let page = (size.0 + 2.0 * MARGIN, size.1 + heading + 2.0 * MARGIN);
    ensure!(
        page.0.max(page.1) < 50_000.0,
        "it would be {:.0} x {:.0} pixels; wanted at most 50000: draw fewer items",
        page.0,
        page.1
    );
    let mut drawn = String::new();
    let images = RefCell::new(String::new());
    {
        let area = SVGBackend::with_string(&mut drawn, (fine(page.0) as u32, fine(page.1) as u32))
            .into_drawing_area();
        let style = font(TITLE, FontStyle::Bold, INK);
        for (index, line) in lines.iter().enumerate() {
            let at = (MARGIN, MARGIN + text::height(index, TITLE));
            area.draw_text(line, &style, point(at))?;
        }
        let offset = (MARGIN, MARGIN + heading);
        let body = area.clone().shrink(point(offset), point(size));
        let sheet = Sheet { area: body, offset, images: &images };
        paint(&sheet)?;
        area.present()?;
    }
    // plotters' first line is the page in its own unit. Ours adds the size in pixels, the title for screen readers
    // and the paper, and puts pictures below what plotters drew.
    let (_, drawn) = drawn.split_once('\n').context("plotters drew nothing")?;
    let RGBColor(red, green, blue) = PAPER;
    Ok(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{}\" height=\"{}\" viewBox=\"0 0 {} {}\" role=\"img\" \
         stroke-linejoin=\"round\">\n<title>{}</title>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#{red:02X}{green:02X}{blue:02X}\"/>\n{}{drawn}",
        page.0.ceil(),
        page.1.ceil(),
        fine(page.0.ceil()),
        fine(page.1.ceil()),
        escape(&title),
        images.borrow(),
    ))
}

/// Text as it is written between two tags.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

fn point((x, y): (f64, f64)) -> (i32, i32) {
    (fine(x), fine(y))
}
