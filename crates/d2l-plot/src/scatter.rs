//! Data as dots, and the lines fitted to them.

use crate::axis::{Axis, Kind};
use crate::curves::Series;
use crate::frame::{Axes, write_chart};
use crate::legend::{Entry, Legend, Sign};
use crate::sheet::{fine, stroke};
use crate::style::{CHART, DOT_RADIUS, LINE_WIDTH, line_colour};
use anyhow::{Result, ensure};
use plotters::prelude::*;
use std::path::Path;

/// Dots are transparent, so that a dense crowd is darker than its edge.
const OPACITY: f64 = 0.45;

/// Draws `points` as dots and `fit` as lines on top of them; see [`scatter`]. The legend calls the dots `data`.
///
/// # Errors
///
/// As [`scatter`].
pub fn scatter_with_fit(
    path: &Path,
    title: &str,
    x_label: &str,
    y_label: &str,
    points: &[(f64, f64)],
    fit: &[Series],
) -> Result<()> {
    let data = Series { name: "data".into(), points: points.to_vec() };
    scatter(path, title, x_label, y_label, &[data], fit)
}

/// Draws the `sets` as dots, each in its own colour, and the `lines` on top of them, and writes the SVG to `path`.
/// Points with a coordinate that is not finite are left out; in a line they leave a gap.
///
/// # Errors
///
/// No sets, a set or a line without points, no finite point among them, or a file that cannot be written.
pub fn scatter(
    path: &Path,
    title: &str,
    x_label: &str,
    y_label: &str,
    sets: &[Series],
    lines: &[Series],
) -> Result<()> {
    ensure!(
        !sets.is_empty(),
        "scatter \"{title}\" has no data points; wanted at least one"
    );
    for (index, Series { name, points }) in sets.iter().chain(lines).enumerate() {
        ensure!(
            !points.is_empty(),
            "set or line {index} \"{name}\" of \"{title}\" has no points; leave it out"
        );
    }
    let all = sets.iter().chain(lines).flat_map(|series| &series.points);
    let all = all.filter(|(x, y)| x.is_finite() && y.is_finite());
    let axes = Axes {
        x: Axis::new(Kind::Data, all.clone().map(|point| point.0))?,
        y: Axis::new(Kind::Data, all.map(|point| point.1))?,
        x_label,
        y_label,
    };
    let signs = std::iter::repeat_n(Sign::Dot, sets.len()).chain(std::iter::repeat(Sign::Line));
    let entries = sets.iter().chain(lines).zip(signs).enumerate();
    let entries = entries.map(|(index, (series, sign))| Entry {
        name: series.name.clone(),
        colour: line_colour(index),
        sign,
    });
    let legend = Legend::new(entries, CHART.0);
    write_chart(path, title, &axes, &legend, |chart| {
        for (index, set) in sets.iter().enumerate() {
            let style = line_colour(index).mix(OPACITY).filled();
            let points = set.points.iter().copied();
            let points = points.filter(|point| axes.holds(*point));
            chart.draw_series(points.map(|point| Circle::new(point, fine(DOT_RADIUS), style)))?;
        }
        for (index, line) in (sets.len()..).zip(lines) {
            let style = stroke(line_colour(index), 1.3 * LINE_WIDTH);
            for (_, run) in axes.runs(&line.points) {
                chart.draw_series(LineSeries::new(run.iter().copied(), style))?;
            }
        }
        Ok(())
    })
}
