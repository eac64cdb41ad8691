//! Lines over epochs, steps or another axis: the figure that every training run draws at its end.

use crate::axis::{Axis, Kind};
use crate::frame::{Axes, Chart, write_charts};
use crate::legend::{Entry, Legend, Sign};
use crate::sheet::{corners, fine, stroke};
use crate::style::{
    BEHIND_OPACITY, CHART, DASHES, LINE_WIDTH, RANGE_OPACITY, THIN_FROM, THIN_LINE, line_colour,
    line_marker,
};
use anyhow::{Result, ensure};
use plotters::prelude::*;
use std::path::Path;

/// The largest number of points of which each is marked; a longer line has about [`MARKS`] markers.
const ALL_MARKED: usize = 25;
/// The number of markers on a long line.
const MARKS: usize = 8;

/// One line of a chart.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Its name in the legend; a line without a name is not in the legend.
    pub name: String,
    /// Its points (x, y) in the order in which they are joined. A point that is not finite leaves a gap.
    pub points: Vec<(f64, f64)>,
}

/// A line with all that may be drawn with it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Curve {
    /// Its name in the legend; a line without a name is not in the legend.
    pub name: String,
    /// Its points (x, y) in the order in which they are joined. A point that is not finite leaves a gap.
    pub points: Vec<(f64, f64)>,
    /// A band around the line, as (x, lowest, highest): what the line is the mean of.
    pub range: Vec<(f64, f64, f64)>,
    /// A faint line behind it: the values that the line smooths.
    pub behind: Vec<(f64, f64)>,
    /// Number of its colour and its marker. Lines that belong together share one.
    pub colour: usize,
    /// Whether it is dashed, which tells two lines of one colour apart.
    pub dashed: bool,
}

/// The scale of an axis.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AxisScale {
    /// Linear; for measured values logarithmic if all are above zero and the largest is more than 1000 times the
    /// smallest: a loss that falls that far looks like zero on a linear axis.
    #[default]
    Automatic,
    /// Equal distances for equal differences.
    Linear,
    /// Equal distances for equal factors. Values that are not above zero have no place on it.
    Logarithmic,
    /// The same from 1 on: a perplexity, which is 1 if every token is foreseen.
    LogarithmicFromOne,
}

impl AxisScale {
    /// The scale for a metric of the log, such as `perplexity` or `valid.loss`.
    pub fn of_metric(name: &str) -> Self {
        match name.rsplit('.').next() {
            Some("perplexity") => Self::LogarithmicFromOne,
            _ => Self::Automatic,
        }
    }
}

/// Curves over a common pair of axes, with a legend above them.
#[derive(Clone, Debug)]
pub struct CurvePlot<'a> {
    /// What the figure shows.
    pub title: &'a str,
    /// The horizontal axis.
    pub x_label: &'a str,
    /// The vertical axis.
    pub y_label: &'a str,
    /// The scale of the horizontal axis.
    pub x_scale: AxisScale,
    /// The scale of the vertical axis.
    pub y_scale: AxisScale,
    /// The lines.
    pub curves: &'a [Curve],
}

/// Draws the series as lines, each in its own colour; see [`CurvePlot`].
///
/// # Errors
///
/// As [`CurvePlot::write`].
pub fn curves(
    path: &Path,
    title: &str,
    x_label: &str,
    y_label: &str,
    series: &[Series],
) -> Result<()> {
    let curves = series.iter().enumerate().map(|(colour, line)| Curve {
        name: line.name.clone(),
        points: line.points.clone(),
        colour,
        ..Curve::default()
    });
    let (x_scale, y_scale) = (AxisScale::Automatic, AxisScale::Automatic);
    let curves: Vec<Curve> = curves.collect();
    CurvePlot { title, x_label, y_label, x_scale, y_scale, curves: &curves }.write(path)
}

impl CurvePlot<'_> {
    /// Writes the SVG to `path`.
    ///
    /// Points with a coordinate that is not finite, or has no place on a logarithmic axis, leave a gap; a point between
    /// two gaps is shown by its marker.
    ///
    /// # Errors
    ///
    /// No curves, a curve without points, no point with a place in any of them, or a file that cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        panels(path, self.title, std::slice::from_ref(self))
    }

    fn check(&self) -> Result<()> {
        let Self { title, curves, .. } = *self;
        ensure!(
            !curves.is_empty(),
            "curves \"{title}\" has no series; wanted at least one"
        );
        for (index, Curve { name, points, .. }) in curves.iter().enumerate() {
            ensure!(
                !points.is_empty(),
                "series {index} \"{name}\" of \"{title}\" has no points; leave it out"
            );
        }
        Ok(())
    }

    fn axes(&self) -> Result<Axes<'_>> {
        let drawable = || {
            let ranges = self.curves.iter().flat_map(|curve| &curve.range);
            let edges = ranges.flat_map(|&(x, low, high)| [(x, low), (x, high)]);
            let lines = self
                .curves
                .iter()
                .flat_map(|curve| curve.points.iter().chain(&curve.behind));
            lines
                .copied()
                .chain(edges)
                .filter(|(x, y)| x.is_finite() && y.is_finite())
        };
        let (across, up) = (
            drawable().map(|point| point.0),
            drawable().map(|point| point.1),
        );
        Ok(Axes {
            x: Axis::scaled(Kind::Across, self.x_scale, across)?,
            y: Axis::scaled(Kind::Measured, self.y_scale, up)?,
            x_label: self.x_label,
            y_label: self.y_label,
        })
    }
}

/// Writes plots below one another, each with its own axes, under one title and one legend: what has the same name has the
/// same colour in all of them.
///
/// # Errors
///
/// Those of [`CurvePlot::write`], of any plot.
pub fn panels(path: &Path, title: &str, plots: &[CurvePlot]) -> Result<()> {
    ensure!(
        !plots.is_empty(),
        "figure \"{title}\" has no plot; wanted at least one"
    );
    plots.iter().try_for_each(CurvePlot::check)?;
    let axes: Vec<Axes> = plots.iter().map(CurvePlot::axes).collect::<Result<_>>()?;
    let mut named: Vec<&Curve> = Vec::new();
    for curve in plots.iter().flat_map(|plot| plot.curves) {
        if !named.iter().any(|other| other.name == curve.name) || plots.len() == 1 {
            named.push(curve);
        }
    }
    let entries = named.into_iter().map(|curve| Entry {
        sign: match curve.dashed {
            true => Sign::DashedLine(line_marker(curve.colour)),
            false => Sign::MarkedLine(line_marker(curve.colour)),
        },
        ..entry(curve.colour, &curve.name)
    });
    let legend = Legend::new(entries, CHART.0);
    write_charts(path, title, &axes, &legend, |index, chart| {
        let (curves, axes) = (plots[index].curves, &axes[index]);
        for curve in curves {
            draw_range(chart, axes, curve)?;
        }
        for curve in curves {
            draw_behind(chart, axes, curve)?;
        }
        for curve in curves {
            draw_line(chart, axes, curve)?;
        }
        Ok(())
    })
}

/// How the legend shows the line with this index.
pub(crate) fn entry(index: usize, name: &str) -> Entry {
    Entry {
        name: name.to_string(),
        colour: line_colour(index),
        sign: Sign::MarkedLine(line_marker(index)),
    }
}

/// The band around a line, cut off at the edge of the chart.
fn draw_range(chart: &mut Chart, axes: &Axes, curve: &Curve) -> Result<()> {
    let (bottom, top) = axes.y.ends();
    let has_place = |(x, low, high): &(f64, f64, f64)| {
        axes.x.holds(*x) && low.is_finite() && high.is_finite() && *high >= bottom
    };
    for part in curve.range.split(|edge| !has_place(edge)) {
        let upper = part.iter().map(|(x, _, high)| (*x, high.min(top)));
        let lower = part.iter().rev().map(|(x, low, _)| (*x, low.max(bottom)));
        let outline: Vec<(f64, f64)> = upper.chain(lower).collect();
        let fill = line_colour(curve.colour).mix(RANGE_OPACITY).filled();
        if part.len() > 1 {
            chart.draw_series([Polygon::new(outline, fill)])?;
        }
    }
    Ok(())
}

fn draw_behind(chart: &mut Chart, axes: &Axes, curve: &Curve) -> Result<()> {
    let faint = line_colour(curve.colour).mix(BEHIND_OPACITY);
    let style = faint.stroke_width(fine(THIN_LINE) as u32);
    for (_, run) in axes.runs(&curve.behind) {
        chart.draw_series(LineSeries::new(run.iter().copied(), style))?;
    }
    Ok(())
}

fn draw_line(chart: &mut Chart, axes: &Axes, curve: &Curve) -> Result<()> {
    let Curve { points, colour: index, .. } = curve;
    let colour = line_colour(*index);
    let width = if points.len() < THIN_FROM {
        LINE_WIDTH
    } else {
        THIN_LINE
    };
    let mut marked = Vec::new();
    for (first, run) in axes.runs(points) {
        if let &[alone] = run {
            marked.push(alone);
        } else {
            let (line, style) = (run.iter().copied(), stroke(colour, width));
            if curve.dashed {
                let [dash, gap] = DASHES.map(|length| fine(length) as u32);
                chart.draw_series(DashedLineSeries::new(line, dash, gap, style))?;
            } else {
                chart.draw_series(LineSeries::new(line, style))?;
            }
            let run = (first..).zip(run);
            marked.extend(
                run.filter(|(at, _)| is_marked(*at, points.len(), *index))
                    .map(|(_, point)| *point),
            );
        }
    }
    let shape = corners(line_marker(*index));
    chart.draw_series(
        marked
            .into_iter()
            .map(|place| EmptyElement::at(place) + Polygon::new(shape.clone(), colour.filled())),
    )?;
    Ok(())
}

/// Whether the point carries a marker. Lines start theirs at different points, so that markers do not pile up.
pub(crate) fn is_marked(point: usize, points: usize, line: usize) -> bool {
    let every = if points <= ALL_MARKED {
        1
    } else {
        points.div_ceil(MARKS)
    };
    (point + line * every / 3) % every == every / 2
}
