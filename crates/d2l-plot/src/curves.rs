//! Lines over epochs, steps or another axis: the figure that every training run draws at its end.

use crate::axis::{Axis, Kind};
use crate::frame::{Axes, Chart, write_chart};
use crate::legend::{Entry, Legend, Sign};
use crate::sheet::{corners, stroke};
use crate::style::{CHART, LINE_WIDTH, THIN_FROM, THIN_LINE, line_colour, line_marker};
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

/// Draws the series as lines over a common pair of axes, with a legend above them, and writes the SVG to `path`.
///
/// The vertical axis is logarithmic if all finite values are above zero and the largest is more than 1000 times the
/// smallest; a loss that falls that far looks like zero on a linear one. Points with a coordinate that is not finite
/// leave a gap; a point between two gaps is shown by its marker.
///
/// # Errors
///
/// No series, a series without points, no finite point in any of them, or a file that cannot be written.
pub fn curves(
    path: &Path,
    title: &str,
    x_label: &str,
    y_label: &str,
    series: &[Series],
) -> Result<()> {
    ensure!(
        !series.is_empty(),
        "curves \"{title}\" has no series; wanted at least one"
    );
    for (index, Series { name, points }) in series.iter().enumerate() {
        ensure!(
            !points.is_empty(),
            "series {index} \"{name}\" of \"{title}\" has no points; leave it out"
        );
    }
    let drawable = || {
        series
            .iter()
            .flat_map(|line| &line.points)
            .filter(|(x, y)| x.is_finite() && y.is_finite())
    };
    let axes = Axes {
        x: Axis::new(Kind::Across, drawable().map(|point| point.0))?,
        y: Axis::new(Kind::Measured, drawable().map(|point| point.1))?,
        x_label,
        y_label,
    };
    let legend = Legend::new(
        series
            .iter()
            .enumerate()
            .map(|(index, line)| entry(index, &line.name)),
        CHART.0,
    );
    write_chart(path, title, &axes, &legend, |chart| {
        for (index, line) in series.iter().enumerate() {
            draw_line(chart, &axes, index, &line.points)?;
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

fn draw_line(chart: &mut Chart, axes: &Axes, index: usize, points: &[(f64, f64)]) -> Result<()> {
    let colour = line_colour(index);
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
            chart.draw_series(LineSeries::new(run.iter().copied(), stroke(colour, width)))?;
            let run = (first..).zip(run);
            marked.extend(
                run.filter(|(at, _)| is_marked(*at, points.len(), index))
                    .map(|(_, point)| *point),
            );
        }
    }
    let shape = corners(line_marker(index));
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
