//! A surface over two parameters as lines of equal height, and the paths that optimizers take on it.

use crate::axis::{Axis, Kind};
use crate::curves::{Series, entry, is_marked};
use crate::frame::{Axes, Chart, write_chart_on};
use crate::legend::Legend;
use crate::sheet::{corners, font, stroke};
use crate::style::{
    CHART, CONTOUR, HAIRLINE, LEADING, LINE_WIDTH, MUTED, SMALL, line_colour, line_marker,
};
use crate::surface::{Point, Surface};
use crate::text;
use anyhow::{Result, ensure};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use std::path::Path;

/// The least space between a number on a line and everything else in the figure, in pixels.
const CLEAR: f64 = 22.0;

/// Draws `surface` as lines of equal height with their numbers, higher ground in a darker grey, and `paths` on top of
/// it, each a line with a marker at its points; writes the SVG to `path`. A path of one point is a marker alone. Paths
/// are cut off at the edge of the surface, and a point that is not finite leaves a gap.
///
/// # Errors
///
/// A surface without a finite height, a path without points, or a file that cannot be written.
pub fn contours(
    path: &Path,
    title: &str,
    x_label: &str,
    y_label: &str,
    surface: &Surface,
    paths: &[Series],
) -> Result<()> {
    ensure!(
        surface.heights.iter().any(|height| height.is_finite()),
        "the surface of \"{title}\" has no finite height; wanted at least one"
    );
    for (index, Series { name, points }) in paths.iter().enumerate() {
        ensure!(
            !points.is_empty(),
            "path {index} \"{name}\" of \"{title}\" has no points; leave it out"
        );
    }
    let axes = Axes {
        x: Axis::new(Kind::Surface, [surface.x.0, surface.x.1].into_iter())?,
        y: Axis::new(Kind::Surface, [surface.y.0, surface.y.1].into_iter())?,
        x_label,
        y_label,
    };
    let names = paths.iter().enumerate();
    let legend = Legend::new(names.map(|(index, line)| entry(index, &line.name)), CHART.0);
    let levels = surface.levels();
    let ground = surface.ground(&levels);
    write_chart_on(path, title, &axes, &legend, Some(ground), |chart| {
        draw_levels(chart, surface, &levels, paths)?;
        for (index, line) in paths.iter().enumerate() {
            draw_path(chart, &axes, index, &line.points)?;
        }
        let (x, y) = (axes.x.ends(), axes.y.ends());
        let frame = [(x.0, y.0), (x.1, y.0), (x.1, y.1), (x.0, y.1), (x.0, y.0)];
        chart.draw_series(LineSeries::new(frame, stroke(MUTED, HAIRLINE)))?;
        Ok(())
    })
}

/// The lines of equal height. Each has its number in the place with the most room, and a gap around it.
fn draw_levels(
    chart: &mut Chart,
    surface: &Surface,
    levels: &[(f64, String)],
    paths: &[Series],
) -> Result<()> {
    let mut taken: Vec<Point> = Vec::new();
    for pair in paths.iter().flat_map(|line| line.points.windows(2)) {
        if let Some((from, to)) = clip(pair[0], pair[1], surface.x, surface.y) {
            let (from, to) = (surface.pixel(from), surface.pixel(to));
            let pieces = ((to.0 - from.0).hypot(to.1 - from.1) / CLEAR)
                .ceil()
                .max(1.0);
            taken.extend((0..=pieces as usize).map(|piece| {
                let share = piece as f64 / pieces;
                (
                    from.0 + share * (to.0 - from.0),
                    from.1 + share * (to.1 - from.1),
                )
            }));
        }
    }
    let alone = paths.iter().filter(|line| line.points.len() == 1);
    taken.extend(
        alone
            .flat_map(|line| &line.points)
            .map(|point| surface.pixel(*point)),
    );
    for (level, label) in levels {
        let lines: Vec<Vec<Point>> = surface.grid().lines(*level);
        let lines: Vec<Vec<Point>> = lines
            .into_iter()
            .map(|line| line.into_iter().map(|place| surface.point(place)).collect())
            .collect();
        let half = (text::width(label, SMALL) / 2.0 + 2.0, SMALL * LEADING / 2.0);
        // The distance of a number at this point from everything else and from the frame.
        let room = |at: Point| {
            let taken = taken
                .iter()
                .map(|other| (other.0 - at.0).hypot(other.1 - at.1));
            let across = at.0.min(CHART.0 - at.0) - half.0;
            let up = at.1.min(CHART.1 - at.1) - half.1;
            taken
                .fold(f64::INFINITY, f64::min)
                .min(CLEAR + across.min(up))
        };
        let place = lines
            .iter()
            .flatten()
            .max_by(|one, other| {
                room(surface.pixel(**one)).total_cmp(&room(surface.pixel(**other)))
            })
            .filter(|point| room(surface.pixel(**point)) > CLEAR);
        let covered = |point: &Point| {
            place.is_some_and(|place| {
                let (at, centre) = (surface.pixel(*point), surface.pixel(*place));
                (at.0 - centre.0).abs() < half.0 && (at.1 - centre.1).abs() < half.1
            })
        };
        for line in &lines {
            for run in line.split(covered).filter(|run| run.len() > 1) {
                let style = stroke(CONTOUR, HAIRLINE);
                chart.draw_series(LineSeries::new(run.iter().copied(), style))?;
            }
        }
        if let Some(place) = place {
            let style = font(SMALL, FontStyle::Normal, MUTED);
            let style = style.pos(Pos::new(HPos::Center, VPos::Center));
            let text = Text::new(label.clone(), *place, style);
            chart.draw_series(std::iter::once(text))?;
            taken.push(surface.pixel(*place));
        }
    }
    Ok(())
}

fn draw_path(chart: &mut Chart, axes: &Axes, index: usize, points: &[Point]) -> Result<()> {
    let colour = line_colour(index);
    let (x, y) = (axes.x.ends(), axes.y.ends());
    let mut run: Vec<Point> = Vec::new();
    let mut runs: Vec<Vec<Point>> = Vec::new();
    for pair in points.windows(2) {
        let piece = clip(pair[0], pair[1], x, y);
        if let Some((from, to)) = piece {
            if run.last() != Some(&from) {
                runs.push(std::mem::take(&mut run));
                run.push(from);
            }
            run.push(to);
        }
    }
    runs.push(run);
    for run in runs.into_iter().filter(|run| run.len() > 1) {
        chart.draw_series(LineSeries::new(run, stroke(colour, LINE_WIDTH)))?;
    }
    let shape = corners(line_marker(index));
    let marked = points.iter().enumerate().filter(|(at, point)| {
        let is_end = *at == 0 || at + 1 == points.len();
        axes.holds(**point) && (is_end || is_marked(*at, points.len(), index))
    });
    chart.draw_series(marked.map(|(_, place)| {
        EmptyElement::at(*place) + Polygon::new(shape.clone(), colour.filled())
    }))?;
    Ok(())
}

/// The part of a straight line that lies within `x` and `y`, if there is one and both ends are finite. Liang and
/// Barsky 1984, doi:10.1145/357332.357333.
fn clip(from: Point, to: Point, x: Point, y: Point) -> Option<(Point, Point)> {
    let step = (to.0 - from.0, to.1 - from.1);
    if ![from.0, from.1, step.0, step.1]
        .iter()
        .all(|value| value.is_finite())
    {
        return None;
    }
    let (mut enter, mut leave) = (0.0, 1.0);
    for (start, step, (low, high)) in [(from.0, step.0, x), (from.1, step.1, y)] {
        if step == 0.0 {
            if !(low..=high).contains(&start) {
                return None;
            }
            continue;
        }
        let ends = [(low - start) / step, (high - start) / step];
        enter = f64::max(enter, ends[0].min(ends[1]));
        leave = f64::min(leave, ends[0].max(ends[1]));
    }
    let at = |share: f64| {
        // The ends stay as they are, so that the pieces of a path meet; rounding must not leave the view.
        match share {
            0.0 => from,
            1.0 => to,
            share => (
                (from.0 + share * step.0).clamp(x.0, x.1),
                (from.1 + share * step.1).clamp(y.0, y.1),
            ),
        }
    };
    (enter <= leave).then(|| (at(enter), at(leave)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const VIEW: (Point, Point) = ((0.0, 10.0), (0.0, 5.0));

    fn cut(from: Point, to: Point) -> Option<(Point, Point)> {
        clip(from, to, VIEW.0, VIEW.1)
    }

    #[test]
    fn a_line_is_cut_at_the_edge_of_the_view() {
        assert_eq!(cut((1.0, 1.0), (9.0, 4.0)), Some(((1.0, 1.0), (9.0, 4.0))));
        assert_eq!(
            cut((5.0, 2.0), (15.0, 2.0)),
            Some(((5.0, 2.0), (10.0, 2.0)))
        );
        assert_eq!(
            cut((-10.0, 2.5), (20.0, 2.5)),
            Some(((0.0, 2.5), (10.0, 2.5)))
        );
        assert_eq!(cut((5.0, 1.0), (5.0, 9.0)), Some(((5.0, 1.0), (5.0, 5.0))));
        assert_eq!(
            cut((5.0, 2.0), (5e200, 2.0)),
            Some(((5.0, 2.0), (10.0, 2.0)))
        );
    }

    #[test]
    fn a_line_outside_or_without_an_end_is_none() {
        assert_eq!(cut((11.0, 1.0), (12.0, 4.0)), None);
        assert_eq!(cut((11.0, 1.0), (11.0, 4.0)), None);
        assert_eq!(cut((9.0, -3.0), (13.0, 2.0)), None, "past the corner");
        assert_eq!(cut((1.0, 1.0), (f64::NAN, 1.0)), None);
        assert_eq!(cut((1.0, 1.0), (f64::INFINITY, 1.0)), None);
    }
}
