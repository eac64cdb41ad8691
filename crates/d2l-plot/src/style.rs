//! The look of all figures: colours, sizes and markers, in one place.
//!
//! Lengths are in CSS pixels, as a browser shows the figure at its own size. The colours of the lines are those that
//! Okabe and Ito chose to stay apart for colour-blind readers (*Color Universal Design*, 2008), without their yellow,
//! which is too pale on white. Lines differ in their marker too, so that a black-and-white print can be read.

use d2l_language::Language;
use plotters::style::RGBColor;

/// The figure's page is white whatever surrounds it, so that a figure reads the same on a dark page.
pub(crate) const PAPER: RGBColor = RGBColor(255, 255, 255);
/// Text.
pub(crate) const INK: RGBColor = RGBColor(34, 34, 34);
/// Axes, tick labels, and the names of rows and columns.
pub(crate) const MUTED: RGBColor = RGBColor(90, 90, 90);
/// Thin outlines of pictures and colour bars.
pub(crate) const OUTLINE: RGBColor = RGBColor(190, 190, 190);
/// Lines of equal height.
pub(crate) const CONTOUR: RGBColor = RGBColor(150, 150, 150);
/// Grid lines.
pub(crate) const GRID: RGBColor = RGBColor(226, 226, 226);
/// Grid lines between two labelled ones, on a logarithmic axis.
pub(crate) const FAINT_GRID: RGBColor = RGBColor(240, 240, 240);
/// The warning colour, for what the reader should see first: a wrong prediction, a number that is NaN.
pub(crate) const WARNING: RGBColor = RGBColor(178, 34, 24);

/// The lines of a chart, in order.
const LINES: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(230, 159, 0),
    RGBColor(64, 64, 64),
];

/// The shape that marks the points of a line.
#[derive(Clone, Copy)]
pub(crate) enum Marker {
    Circle,
    Square,
    Triangle,
    Diamond,
}

/// Seven colours and four shapes have no common factor, so that 28 lines differ in one or the other.
const MARKERS: [Marker; 4] = [
    Marker::Circle,
    Marker::Square,
    Marker::Triangle,
    Marker::Diamond,
];

/// The colour of the line with this index.
pub(crate) fn line_colour(index: usize) -> RGBColor {
    LINES[index % LINES.len()]
}

/// The marker of the line with this index.
pub(crate) fn line_marker(index: usize) -> Marker {
    MARKERS[index % MARKERS.len()]
}

/// The viewer takes the first of these fonts that it has. Text is laid out for the widest of them, so that none
/// overlaps.
const FONTS: &str = "Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif";
/// The same with the Chinese fonts of macOS, Windows and Linux, for a figure in Chinese.
const CHINESE_FONTS: &str = "Helvetica, Arial, 'Liberation Sans', 'PingFang SC', 'Microsoft YaHei', \
    'Noto Sans CJK SC', 'Source Han Sans SC', 'WenQuanYi Micro Hei', 'DejaVu Sans', sans-serif";

/// The fonts of a figure in the reader's language.
pub(crate) fn fonts() -> &'static str {
    match d2l_language::current() {
        Language::English => FONTS,
        Language::Chinese => CHINESE_FONTS,
    }
}

/// Size of a figure's title.
pub(crate) const TITLE: f64 = 15.0;
/// Size of axis names and legends.
pub(crate) const LABEL: f64 = 12.0;
/// Size of tick labels, captions and the numbers in cells.
pub(crate) const SMALL: f64 = 11.0;
/// How much wider bold text is.
pub(crate) const BOLD: f64 = 1.13;
/// From one line of text to the next, in font sizes.
pub(crate) const LEADING: f64 = 1.3;

/// Space between the figure and the edge of the page.
pub(crate) const MARGIN: f64 = 14.0;
/// Space between parts of a figure.
pub(crate) const GAP: f64 = 8.0;
/// Width and height of the area in which a chart's lines are drawn.
pub(crate) const CHART: (f64, f64) = (520.0, 300.0);

/// Width of a chart's lines, and of those with so many points that they may be noisy.
pub(crate) const LINE_WIDTH: f64 = 1.8;
pub(crate) const THIN_LINE: f64 = 1.1;
pub(crate) const THIN_FROM: usize = 200;
/// Length of a dashed line's dashes and of the gaps between them.
pub(crate) const DASHES: [f64; 2] = [6.0, 4.0];
/// The opacity of the band around a line, and of the line behind a smoothed one.
pub(crate) const RANGE_OPACITY: f64 = 0.16;
pub(crate) const BEHIND_OPACITY: f64 = 0.35;
/// Width of axes, grid lines and frames.
pub(crate) const HAIRLINE: f64 = 0.8;
/// Half the width of a marker.
pub(crate) const MARKER_RADIUS: f64 = 3.2;
/// Radius of a data point among many.
pub(crate) const DOT_RADIUS: f64 = 2.0;
/// Length of a tick mark.
pub(crate) const TICK: f64 = 4.0;
