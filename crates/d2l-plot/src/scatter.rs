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

/// Draws `points` as dots and `fit` as lines on top of them, and writes the SVG to `path`. The legend calls the dots
/// `data`. Points with a coordinate that is not finite are left out; in a line they leave a gap.
///
/// # Errors
///
/// No points, no finite one among points and lines, a line without points, or a file that cannot be written.
pub fn scatter_with_fit(
    path: &Path,
    title: &str,
    x_label: &str,
    y_label: &str,
    points: &[(f64, f64)],
    fit: &[Series],
) -> Result<()> {
    ensure!(
        !points.is_empty(),
        "scatter \"{title}\" has no data points; wanted at least one"
    );
    for (index, Series { name, points }) in fit.iter().enumerate() {
        ensure!(
            !points.is_empty(),
            "line {index} \"{name}\" of \"{title}\" has no points; leave it out"
        );
    }
    let lines = fit.iter().flat_map(|line| &line.points);
    let all = points
        .iter()
        .chain(lines)
        .filter(|(x, y)| x.is_finite() && y.is_finite());
    let axes = Axes {
        x: Axis::new(Kind::Data, all.clone().map(|point| point.0))?,
        y: Axis::new(Kind::Data, all.map(|point| point.1))?,
        x_label,
        y_label,
    };
    let data = Entry { name: "data".into(), colour: line_colour(0), sign: Sign::Dot };
    let lines = fit.iter().enumerate().map(|(index, line)| Entry {
        name: line.name.clone(),
        colour: line_colour(index + 1),
        sign: Sign::Line,
    });
    let legend = Legend::new(std::iter::once(data).chain(lines), CHART.0);
    write_chart(path, title, &axes, &legend, |chart| {
        let style = line_colour(0).mix(OPACITY).filled();
        let points = points.iter().copied().filter(|point| axes.holds(*point));
        chart.draw_series(points.map(|point| Circle::new(point, fine(DOT_RADIUS), style)))?;
        for (index, line) in fit.iter().enumerate() {
            let style = stroke(line_colour(index + 1), 1.3 * LINE_WIDTH);
            for (_, run) in axes.runs(&line.points) {
                chart.draw_series(LineSeries::new(run.iter().copied(), style))?;
            }
        }
        Ok(())
    })
}
