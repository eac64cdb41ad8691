//! Numbers as colours: ink on paper, one-sided and two-sided scales.

use crate::style::{INK, PAPER, WARNING};
use plotters::style::colors::colormaps::{ColorMap, DerivedColorMap};
use plotters::style::{BLACK, RGBColor, WHITE};

/// From zero (white) to the largest value (dark blue), each darker than the one before.
const SEQUENTIAL: [RGBColor; 5] = [
    RGBColor(255, 255, 255),
    RGBColor(184, 212, 238),
    RGBColor(107, 166, 214),
    RGBColor(30, 106, 172),
    RGBColor(8, 44, 92),
];

/// From the most negative (blue) through zero (white) to the most positive (red).
const DIVERGING: [RGBColor; 5] = [
    RGBColor(18, 62, 138),
    RGBColor(108, 156, 212),
    RGBColor(255, 255, 255),
    RGBColor(234, 134, 110),
    RGBColor(156, 20, 28),
];

/// A grey: 0 is white paper, 1 is black ink. Numbers outside get the colour of the nearer end, numbers that are not
/// finite the warning colour.
pub(crate) fn ink(value: f64) -> RGBColor {
    blend(&[WHITE, BLACK], value)
}

/// The light of red, green and blue, each from 0 to 1; numbers outside are taken for the nearer end. Where one is not
/// finite, the warning colour.
pub(crate) fn light(parts: [f64; 3]) -> RGBColor {
    if !parts.iter().all(|part| part.is_finite()) {
        return WARNING;
    }
    let [red, green, blue] = parts.map(|part| (part.clamp(0.0, 1.0) * 255.0).round() as u8);
    RGBColor(red, green, blue)
}

/// The colour of a number from 0 to 1 on a scale with one end at zero.
pub(crate) fn sequential(value: f64) -> RGBColor {
    blend(&SEQUENTIAL, value)
}

/// The colour of a number from -1 to 1 on a scale with zero in the middle.
pub(crate) fn diverging(value: f64) -> RGBColor {
    blend(&DIVERGING, (value + 1.0) / 2.0)
}

/// Whether white text reads better than dark text on this colour: by the contrast ratio of WCAG 2, the lighter of two
/// luminances over the darker one, each with 0.05 added for stray light.
pub(crate) fn is_dark(colour: RGBColor) -> bool {
    let [paper, ground, ink] = [PAPER, colour, INK].map(|colour| luminance(colour) + 0.05);
    paper / ground > ground / ink
}

/// Relative luminance of an sRGB colour, from 0 to 1 (IEC 61966-2-1).
fn luminance(RGBColor(red, green, blue): RGBColor) -> f64 {
    let linear = |channel: u8| {
        let share = f64::from(channel) / 255.0;
        if share <= 0.04045 {
            share / 12.92
        } else {
            ((share + 0.055) / 1.055).powf(2.4)
        }
    };
    0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue)
}

/// Straight lines between stops at equal distances from 0 to 1; numbers outside are taken for the nearer end.
fn blend(stops: &[RGBColor], value: f64) -> RGBColor {
    if value.is_finite() {
        DerivedColorMap::new(stops).get_color(value)
    } else {
        WARNING
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_and_middle_are_what_the_scales_promise() {
        assert_eq!(ink(0.0), RGBColor(255, 255, 255));
        assert_eq!(ink(1.0), RGBColor(0, 0, 0));
        assert_eq!(ink(7.0), ink(1.0));
        assert_eq!(diverging(0.0), RGBColor(255, 255, 255));
        assert_eq!(sequential(0.0), RGBColor(255, 255, 255));
        assert!(diverging(-1.0).2 > diverging(-1.0).0, "negative is blue");
        assert!(diverging(1.0).0 > diverging(1.0).2, "positive is red");
        assert_eq!(sequential(f64::NAN), WARNING);
    }

    #[test]
    fn text_turns_white_on_the_dark_half_only() {
        assert!(!is_dark(sequential(0.0)) && !is_dark(sequential(0.5)));
        assert!(is_dark(sequential(0.75)) && is_dark(sequential(1.0)));
        assert!(is_dark(diverging(-1.0)) && is_dark(diverging(1.0)) && !is_dark(diverging(0.0)));
    }
}
