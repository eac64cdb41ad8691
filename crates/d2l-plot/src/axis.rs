//! One axis of a chart: its range, its scale, and the numbers written along it.

use crate::AxisScale;
use anyhow::{Result, ensure};
use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};
use std::ops::Range;

/// A loss that falls by more than this factor is drawn on a logarithmic axis: on a linear one its end is flat.
const LOGARITHMIC_FROM: f64 = 1e3;
/// Beyond this, differences and margins no longer fit a 64-bit number.
const LARGEST: f64 = 1e300;

/// The kind of an axis decides its margins and scale.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    /// The horizontal axis of curves: epochs, steps. Many tick marks, little room at the ends.
    Across,
    /// The measured values of curves: includes zero if it is near, logarithmic over three decades.
    Measured,
    /// Coordinates of data points, unchanged.
    Data,
    /// The sides of a surface, which fills its chart: no room at the ends.
    Surface,
}

/// Range and tick marks, as a coordinate of plotters: values in, plotters' unit out.
#[derive(Clone)]
pub(crate) struct Axis {
    low: f64,
    high: f64,
    logarithmic: bool,
    /// Values with a label, in ascending order.
    pub(crate) ticks: Vec<(f64, String)>,
    /// Values with a faint line, between them.
    minor: Vec<f64>,
}

impl Axis {
    /// An axis that holds all finite values, of which there must be one.
    pub(crate) fn new(kind: Kind, values: impl Iterator<Item = f64> + Clone) -> Result<Self> {
        Self::scaled(kind, AxisScale::Automatic, values)
    }

    /// An axis with a scale that the caller chooses. A logarithmic axis holds the values above zero.
    pub(crate) fn scaled(
        kind: Kind,
        scale: AxisScale,
        values: impl Iterator<Item = f64> + Clone,
    ) -> Result<Self> {
        let from_one = scale == AxisScale::LogarithmicFromOne;
        let is_logarithmic = from_one || scale == AxisScale::Logarithmic;
        let has_place = |value: &f64| !is_logarithmic || *value > 0.0;
        let finite = values.filter(|value| value.is_finite()).filter(has_place);
        let low = finite.clone().fold(f64::INFINITY, f64::min);
        let high = finite.clone().fold(f64::NEG_INFINITY, f64::max);
        ensure!(
            low <= high,
            "no point has two finite coordinates{}; wanted at least one",
            if is_logarithmic {
                " above zero for the logarithmic axis"
            } else {
                ""
            }
        );
        ensure!(
            low.abs().max(high.abs()) <= LARGEST,
            "values from {low:e} to {high:e} cannot be drawn; wanted at most {LARGEST:e} in size"
        );
        let is_wide = kind == Kind::Measured && low > 0.0 && high / low > LOGARITHMIC_FROM;
        if from_one && low >= 1.0 {
            return Ok(Self::logarithmic(1.0, high, 0.0)); // 1 is on the axis itself
        }
        if is_logarithmic || scale == AxisScale::Automatic && is_wide {
            return Ok(Self::logarithmic(low, high, 1.0));
        }
        let (mut start, mut end) = (low, high);
        if kind == Kind::Measured && low >= 0.0 && low < 0.3 * high {
            start = 0.0;
        }
        if start == end {
            let half = if start == 0.0 { 1.0 } else { start.abs() / 2.0 };
            (start, end) = (start - half, end + half);
        }
        let (share, count) = match kind {
            Kind::Across => (0.025, 10.0),
            Kind::Measured | Kind::Data => (0.05, 6.0),
            Kind::Surface => (0.0, 6.0),
        };
        let room = share * (end - start);
        // A curve's zero is on the axis itself; all other values keep a distance from the frame.
        let below = if start == 0.0 && kind == Kind::Measured {
            0.0
        } else {
            room
        };
        let whole = kind == Kind::Across && finite.clone().all(|value| value.fract() == 0.0);
        let (axis_low, axis_high) = (start - below, end + room);
        let ticks = ticks(axis_low, axis_high, count, whole);
        Ok(Self {
            low: axis_low,
            high: axis_high,
            ticks,
            minor: Vec::new(),
            logarithmic: false,
        })
    }

    /// `below` is the room below the lowest value, as a share of that above the highest.
    fn logarithmic(low: f64, high: f64, below: f64) -> Self {
        let (first, last) = (low.log10(), high.log10());
        // A single value has a whole decade around it.
        let room = if low == high {
            0.5
        } else {
            0.05 * (last - first)
        };
        let (first, last) = (first - below * room, last + room);
        // At the end of a number's range the margin may be rounded away.
        let low = low.min(10f64.powf(first).max(f64::MIN_POSITIVE));
        let high = high.max(10f64.powf(last));
        let (first, last) = (first.ceil() as i32, last.floor() as i32);
        let every = (last - first) / 8 + 1;
        let decades = (first..=last).filter(|decade| decade % every == 0);
        let decades = decades.map(|decade| (10f64.powi(decade), power_of_ten(decade)));
        // The smallest powers are rounded to 0.
        let decades = decades.filter(|(at, _)| (low..=high).contains(at));
        let decades: Vec<_> = decades.collect();
        // A few powers of ten alone say too little.
        let ticks = match decades.len() {
            0..3 => between_decades(low, high),
            _ => decades,
        };
        let digits = if every == 1 { 2..10 } else { 1..2 };
        let minor = (first - 1..=last)
            .flat_map(|decade| {
                digits
                    .clone()
                    .map(move |digit| f64::from(digit) * 10f64.powi(decade))
            })
            .filter(|value| (low..=high).contains(value))
            .collect();
        Self { low, high, logarithmic: true, ticks, minor }
    }

    /// Lowest and highest value.
    pub(crate) fn ends(&self) -> (f64, f64) {
        (self.low, self.high)
    }

    /// Whether a value has a place on the axis.
    pub(crate) fn holds(&self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }
}

impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (start, end): (i32, i32)) -> i32 {
        let scale = |value: f64| {
            if self.logarithmic {
                value.log10()
            } else {
                value
            }
        };
        let (low, high) = (scale(self.low), scale(self.high));
        let share = (scale(*value) - low) / (high - low);
        start + (share * f64::from(end - start)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        if hint.weight().allow_light_points() {
            self.minor.clone()
        } else {
            self.ticks.iter().map(|(value, _)| *value).collect()
        }
    }

    fn range(&self) -> Range<f64> {
        self.low..self.high
    }
}

impl ValueFormatter<f64> for Axis {
    fn format_ext(&self, value: &f64) -> String {
        let tick = self.ticks.iter().find(|(at, _)| at == value);
        tick.map(|(_, label)| label.clone()).unwrap_or_default()
    }
}

/// Round values on a logarithmic axis of few decades: 1, 2 and 5 times the powers of ten, or equal steps if there is not
/// even one.
fn between_decades(low: f64, high: f64) -> Vec<(f64, String)> {
    let (first, last) = (low.log10().floor() as i32, high.log10().floor() as i32);
    let round = (first..=last).flat_map(|decade| {
        [1.0, 2.0, 5.0].map(|digit| (digit * 10f64.powi(decade), 10f64.powi(decade)))
    });
    let round = round.filter(|(value, _)| (low..=high).contains(value));
    let round: Vec<_> = round
        .map(|(value, step)| (value, number(value, step)))
        .collect();
    match round.len() {
        0..3 => ticks(low, high, 6.0, false),
        _ => round,
    }
}

/// About `count` multiples of 1, 2 or 5 times a power of ten within the range; whole numbers if asked for.
fn ticks(low: f64, high: f64, count: f64, whole: bool) -> Vec<(f64, String)> {
    let rough = (high - low) / count;
    let power = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|factor| factor * power)
        .find(|step| *step >= rough * 0.999)
        .unwrap_or(10.0 * power);
    let step = if whole { step.max(1.0) } else { step };
    let (first, last) = ((low / step).ceil(), (high / step).floor());
    (0..=((last - first).max(0.0) as usize).min(100))
        .map(|index| (first + index as f64) * step)
        .filter(|at| (low..=high).contains(at))
        .map(|at| (at, number(at, step)))
        .collect()
}

/// A number with as many digits as steps of this size need.
pub(crate) fn number(value: f64, step: f64) -> String {
    let size = value.abs().max(step);
    if value != 0.0 && (size >= 1e6 || step < 1e-4) {
        let exponent = value.abs().log10().floor() as i32;
        let digits = (exponent - (step * 1.001).log10().floor() as i32).max(0) as usize;
        let factor = format!("{:.digits$}", value / 10f64.powi(exponent));
        let power = power_of_ten(exponent);
        return match factor.as_str() {
            "1" => power,
            "-1" => format!("−{power}"),
            _ => minus(format!("{factor}×{power}")),
        };
    }
    let digits = (-(step * 1.001).log10().floor()).max(0.0) as usize;
    let text = if value == 0.0 {
        "0".into()
    } else {
        format!("{value:.digits$}")
    };
    minus(text)
}

/// Replaces the hyphen by the minus sign, which is as wide as a digit.
pub(crate) fn minus(number: String) -> String {
    number.replace('-', "−")
}

/// `10⁻³`.
fn power_of_ten(exponent: i32) -> String {
    let raised = |letter: char| match letter {
        '-' => '⁻',
        '1' => '¹',
        '2' => '²',
        '3' => '³',
        digit => digit
            .to_digit(10)
            .and_then(|digit| char::from_u32(0x2070 + digit))
            .unwrap_or(digit),
    };
    match exponent {
        0 => "1".into(),
        1 => "10".into(),
        _ => format!(
            "10{}",
            exponent.to_string().chars().map(raised).collect::<String>()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(kind: Kind, values: &[f64]) -> Vec<String> {
        let axis = Axis::new(kind, values.iter().copied()).unwrap();
        axis.ticks.into_iter().map(|(_, label)| label).collect()
    }

    #[test]
    fn epochs_are_counted_in_whole_numbers() {
        assert_eq!(labels(Kind::Across, &[1.0, 2.0, 3.0]), ["1", "2", "3"]);
        assert_eq!(labels(Kind::Across, &[1.0]), ["1"]);
        let ten: Vec<f64> = (1..=10).map(f64::from).collect();
        assert_eq!(labels(Kind::Across, &ten).len(), 10);
    }

    #[test]
    fn losses_include_zero_when_it_is_near() {
        assert_eq!(
            labels(Kind::Measured, &[0.4, 2.3]),
            ["0", "0.5", "1.0", "1.5", "2.0"]
        );
        assert_eq!(
            labels(Kind::Measured, &[0.82, 0.86]),
            ["0.82", "0.83", "0.84", "0.85", "0.86"]
        );
    }

    #[test]
    fn more_than_three_decades_are_drawn_by_their_logarithms() {
        assert_eq!(
            labels(Kind::Measured, &[1e-1, 1e-4]),
            ["0", "0.02", "0.04", "0.06", "0.08", "0.10"]
        );
        assert_eq!(
            labels(Kind::Measured, &[1e-1, 1e-5]),
            ["10⁻⁵", "10⁻⁴", "10⁻³", "10⁻²", "10⁻¹"]
        );
        assert_eq!(
            labels(Kind::Measured, &[0.5, 5000.0]),
            ["1", "10", "10²", "10³"]
        );
        assert_eq!(
            labels(Kind::Measured, &[0.9, 1000.0]),
            ["1", "10", "10²", "10³"]
        );
        let axis = Axis::new(Kind::Measured, [1e-1, 1e-5].into_iter()).unwrap();
        let places = [1e-1, 1e-3, 1e-5].map(|value| axis.map(&value, (0, 11_000)));
        assert_eq!(
            places,
            [10_500, 5_500, 500],
            "equal factors, equal distances"
        );
        assert!(!axis.holds(0.0) && !axis.holds(-1.0) && !axis.holds(f64::NAN));
    }

    /// Ten to the power of -323 is rounded to 0, whose logarithm has no place.
    #[test]
    fn the_smallest_numbers_have_ticks_within_the_axis() {
        let axis = Axis::new(Kind::Measured, [5e-324, 2.0].into_iter()).unwrap();
        assert!(axis.ticks.len() > 3);
        for (at, label) in &axis.ticks {
            assert!(axis.holds(*at), "{label} is at {at:e}");
        }
    }

    #[test]
    fn a_logarithmic_axis_of_few_decades_has_ticks_between_them() {
        let labels = |values: &[f64]| -> Vec<String> {
            let values = values.iter().copied();
            let axis = Axis::scaled(Kind::Across, AxisScale::Logarithmic, values).unwrap();
            axis.ticks.into_iter().map(|(_, label)| label).collect()
        };
        assert_eq!(labels(&[1.0, 10.0]), ["1", "2", "5", "10"]);
        assert_eq!(labels(&[0.3, 3.0]), ["0.5", "1", "2"]);
        assert_eq!(
            labels(&[0.82, 0.86]),
            ["0.82", "0.83", "0.84", "0.85", "0.86"]
        );
        assert_eq!(
            labels(&[-1.0, 0.0, 5.0]),
            ["2", "5", "10"],
            "only what has a logarithm"
        );
        let none = Axis::scaled(
            Kind::Across,
            AxisScale::Logarithmic,
            [0.0, -1.0].into_iter(),
        );
        assert!(none.err().unwrap().to_string().contains("above zero"));
        let linear = Axis::scaled(Kind::Measured, AxisScale::Linear, [1e-5, 1.0].into_iter());
        assert!(linear.unwrap().holds(0.0));
    }

    #[test]
    fn perplexities_begin_at_one() {
        let axis = |values: &[f64]| {
            let scale = AxisScale::LogarithmicFromOne;
            Axis::scaled(Kind::Measured, scale, values.iter().copied()).unwrap()
        };
        for values in [[3.0, 900.0], [1.05, 1.2], [1.0, 1.0]] {
            let axis = axis(&values);
            assert_eq!(axis.ends().0, 1.0, "{values:?}");
            assert_eq!(axis.ticks[0].0, 1.0, "{values:?}");
            assert!(axis.ticks.iter().all(|(at, _)| axis.holds(*at)));
        }
        assert!(
            axis(&[0.5, 2.0]).ends().0 < 0.5,
            "no perplexity, but drawn all the same"
        );
        assert_eq!(
            AxisScale::of_metric("valid.perplexity"),
            AxisScale::LogarithmicFromOne
        );
        assert_eq!(AxisScale::of_metric("train.loss"), AxisScale::Automatic);
    }

    #[test]
    fn very_small_and_very_large_numbers_are_short() {
        assert_eq!(
            labels(Kind::Data, &[0.0, 4e-5]),
            ["0", "10⁻⁵", "2×10⁻⁵", "3×10⁻⁵", "4×10⁻⁵"]
        );
        assert_eq!(
            labels(Kind::Data, &[-2e7, 2e7]),
            ["−2×10⁷", "−10⁷", "0", "10⁷", "2×10⁷"]
        );
    }

    #[test]
    fn every_value_is_inside_and_every_range_has_a_tick() {
        let ranges = [
            [0.0, 0.0],
            [5.0, 5.0],
            [-3.0, -3.0],
            [1e-300, 2e-300],
            [9e299, 1e300],
            [1e-310, 1.0],
            [-1e-9, 1e9],
            [0.1, 0.1 + 1e-15],
            [1e16, 1e16 + 4.0],
        ];
        for [low, high] in ranges {
            for kind in [Kind::Across, Kind::Measured, Kind::Data, Kind::Surface] {
                let axis = Axis::new(kind, [low, high, f64::NAN].into_iter()).unwrap();
                assert!(
                    axis.holds(low) && axis.holds(high) && axis.low < axis.high,
                    "{low} {high}"
                );
                let (from, to) = (axis.map(&low, (0, 1000)), axis.map(&high, (0, 1000)));
                assert!(
                    0 <= from && from <= to && to <= 1000,
                    "{low} {high}: {from} {to}"
                );
                assert!(
                    !axis.ticks.is_empty() && axis.ticks.len() <= 14,
                    "{low} {high}: {:?}",
                    axis.ticks
                );
                assert!(
                    axis.ticks
                        .iter()
                        .all(|(at, _)| axis.low <= *at && *at <= axis.high)
                );
            }
        }
    }

    #[test]
    fn ranges_that_cannot_be_drawn_are_errors() {
        assert!(Axis::new(Kind::Data, [].into_iter()).is_err());
        assert!(Axis::new(Kind::Data, [f64::NAN].into_iter()).is_err());
        assert!(Axis::new(Kind::Data, [-f64::MAX, f64::MAX].into_iter()).is_err());
    }
}
