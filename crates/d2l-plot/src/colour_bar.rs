//! The scale from numbers to colours, and the bar that explains it.

use crate::axis::minus;
use crate::colour::{diverging, sequential};
use crate::sheet::{Sheet, font, stroke};
use crate::style::{HAIRLINE, LEADING, MUTED, OUTLINE, SMALL};
use anyhow::Result;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

/// Size of the bar, and space between it and its numbers.
const BAR: (f64, f64) = (160.0, 9.0);
const TO_NUMBERS: f64 = 4.0;
/// Number of colours in the bar; it is odd, so that one of them is the middle.
const STEPS: usize = 65;

/// A scale that holds all finite values.
#[derive(Clone, Copy)]
pub(crate) struct Colours {
    /// Whether zero is in the middle.
    symmetric: bool,
    /// The largest absolute value.
    limit: f64,
}

impl Colours {
    /// From zero, white, to the largest value, dark blue.
    pub(crate) fn from_zero(values: impl Iterator<Item = f64>) -> Self {
        Self { symmetric: false, limit: largest(values) }
    }

    /// From blue through white, at zero, to red.
    pub(crate) fn about_zero(values: impl Iterator<Item = f64>) -> Self {
        Self { symmetric: true, limit: largest(values) }
    }

    /// The colour of a value.
    pub(crate) fn of(&self, value: f64) -> RGBColor {
        let share = value / self.limit;
        if self.symmetric {
            diverging(share)
        } else {
            sequential(share)
        }
    }

    /// The largest absolute value, as the bar shows it.
    pub(crate) fn limit(&self) -> String {
        number(self.limit)
    }

    /// A value as light: zero in the middle between dark, 0, and bright, 1.
    pub(crate) fn brightness(&self, value: f64) -> f64 {
        0.5 + 0.5 * value / self.limit
    }

    /// Width of the bar, and its height with the numbers.
    pub(crate) fn bar_size() -> (f64, f64) {
        (BAR.0, BAR.1 + TO_NUMBERS + SMALL * LEADING)
    }

    /// Draws the colours with the numbers below them; `at` is the upper left corner.
    pub(crate) fn draw_bar(&self, sheet: &Sheet, at: (f64, f64)) -> Result<()> {
        let middle = if self.symmetric {
            0.0
        } else {
            self.limit / 2.0
        };
        self.draw_named_bar(sheet, at, [self.low(), middle, self.limit].map(number))
    }

    /// The same with other texts for its two ends and, if zero is there, its middle.
    pub(crate) fn draw_named_bar(
        &self,
        sheet: &Sheet,
        at: (f64, f64),
        [left, centre, right]: [String; 3],
    ) -> Result<()> {
        let value = |share: f64| self.low() + share * (self.limit - self.low());
        let colours: Vec<_> = (0..STEPS)
            .map(|step| self.of(value(step as f64 / (STEPS - 1) as f64)))
            .collect();
        sheet.image(at, BAR, &colours, (STEPS, 1))?;
        sheet.outline(at, BAR, stroke(OUTLINE, HAIRLINE))?;
        let style = font(SMALL, FontStyle::Normal, MUTED);
        let middle = self.symmetric.then_some((0.5, HPos::Center, centre));
        for (share, side, text) in [(0.0, HPos::Left, left), (1.0, HPos::Right, right)]
            .into_iter()
            .chain(middle)
        {
            let place = (at.0 + share * BAR.0, at.1 + BAR.1 + TO_NUMBERS);
            sheet.text(&text, place, &style, (side, VPos::Top))?;
        }
        Ok(())
    }

    fn low(&self) -> f64 {
        if self.symmetric { -self.limit } else { 0.0 }
    }
}

/// The largest absolute value among the finite ones; 1 if all are zero, so that zero stays white.
fn largest(values: impl Iterator<Item = f64>) -> f64 {
    let largest = values
        .filter(|value| value.is_finite())
        .map(f64::abs)
        .fold(0.0, f64::max);
    if largest > 0.0 { largest } else { 1.0 }
}

/// Three significant digits, without the zeros at their end.
fn number(value: f64) -> String {
    let size = value.abs();
    let text = if value == 0.0 {
        "0".into()
    } else if !(1e-3..1e6).contains(&size) {
        format!("{value:.1e}")
    } else {
        let digits = (2.0 - size.log10().floor()).max(0.0) as usize;
        let text = format!("{value:.digits$}");
        match text.contains('.') {
            true => text.trim_end_matches('0').trim_end_matches('.').to_string(),
            false => text,
        }
    };
    minus(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_the_bar_are_short() {
        let cases = [
            (0.0, "0"),
            (0.5, "0.5"),
            (-0.12345, "−0.123"),
            (982.0, "982"),
            (491.5, "492"),
            (1e-7, "1.0e−7"),
            (1.0, "1"),
            (100.0, "100"),
            (12345.6, "12346"),
        ];
        for (value, text) in cases {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn the_largest_finite_value_sets_the_scale() {
        let values = [-0.5, f64::NAN, f64::INFINITY, 0.25];
        let colours = Colours::about_zero(values.into_iter());
        assert_eq!(colours.of(-0.5), diverging(-1.0));
        assert_eq!(colours.of(0.25), diverging(0.5));
        assert_eq!(
            Colours::from_zero([0.0].into_iter()).of(0.0),
            sequential(0.0)
        );
    }
}
