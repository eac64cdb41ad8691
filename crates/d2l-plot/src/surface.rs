//! A surface over two parameters: its view, its heights and the ground that a figure draws.

use crate::axis::number;
use crate::colour::ink;
use crate::frame::Ground;
use crate::level::Grid;
use crate::style::{CHART, PAPER};
use anyhow::{Result, ensure};

/// Points of the grid, across and up.
const POINTS: (usize, usize) = (209, 121);
/// Pixels of the ground, across and down.
const PIXELS: (usize, usize) = (780, 450);
/// The number of heights that have a line.
const LEVELS: usize = 9;
/// The grey of the highest ground; the lowest is white. Pale, so that the paths stand out.
const DARKEST: f64 = 0.2;
/// The share of the view's width and height that stays free around the points.
const ROOM: f64 = 0.12;
pub(crate) type Point = (f64, f64);

/// Heights over a rectangle of two parameters.
#[derive(Clone, Debug)]
pub struct Surface {
    pub(crate) x: Point,
    pub(crate) y: Point,
    /// Row by row from the lowest y.
    pub(crate) heights: Vec<f64>,
}

impl Surface {
    /// The surface `height(x, y)` around `points`, all of which are in view. Both axes have the same unit, so that the
    /// steepest way down is seen at right angles to the lines.
    ///
    /// # Errors
    ///
    /// If there are no points, or one is not finite.
    pub fn around(points: &[Point], height: impl Fn(f64, f64) -> f64) -> Result<Self> {
        ensure!(
            !points.is_empty(),
            "a surface has no points to show; wanted at least one"
        );
        ensure!(
            points.iter().all(|(x, y)| x.is_finite() && y.is_finite()),
            "a point of a surface is not finite; leave it out"
        );
        let ends = |values: &dyn Fn(&Point) -> f64| {
            let values = points.iter().map(values);
            let low = values.clone().fold(f64::INFINITY, f64::min);
            (low, values.fold(f64::NEG_INFINITY, f64::max))
        };
        let (x, y) = (ends(&|point| point.0), ends(&|point| point.1));
        // Parameters per pixel: the larger of what width and height need; a single point gets a unit around it.
        let unit = f64::max((x.1 - x.0) / CHART.0, (y.1 - y.0) / CHART.1) / (1.0 - 2.0 * ROOM);
        let unit = if unit > 0.0 { unit } else { 1.0 / CHART.1 };
        let about = |(low, high): Point, pixels: f64| {
            let (middle, half) = ((low + high) / 2.0, unit * pixels / 2.0);
            (middle - half, middle + half)
        };
        let (x, y) = (about(x, CHART.0), about(y, CHART.1));
        let place = |(low, high): Point, index: usize, points: usize| {
            low + (high - low) * index as f64 / (points - 1) as f64
        };
        let heights = (0..POINTS.0 * POINTS.1)
            .map(|index| {
                let (column, row) = (index % POINTS.0, index / POINTS.0);
                height(place(x, column, POINTS.0), place(y, row, POINTS.1))
            })
            .collect();
        Ok(Self { x, y, heights })
    }

    pub(crate) fn grid(&self) -> Grid<'_> {
        Grid { values: &self.heights, columns: POINTS.0 }
    }

    /// The heights that have a line, each with its number: closer together where the surface is low, so that the
    /// lines of a bowl are equally far apart.
    pub(crate) fn levels(&self) -> Vec<(f64, String)> {
        let finite = self.heights.iter().filter(|height| height.is_finite());
        let low = finite.clone().copied().fold(f64::INFINITY, f64::min);
        let high = finite.copied().fold(f64::NEG_INFINITY, f64::max);
        let share = |level: usize| (level as f64 / (LEVELS + 1) as f64).powi(2);
        let step = 10f64.powf(((high - low) * share(1)).log10().floor());
        (1..=LEVELS)
            .map(|level| low + (high - low) * share(level))
            .map(|level| (level / step).round() * step)
            .filter(|level| low < *level && *level < high)
            .map(|level| (level, number(level, step)))
            .collect()
    }

    /// A place in units of the grid's cells as a point.
    pub(crate) fn point(&self, (column, row): Point) -> Point {
        let along = |(low, high): Point, place: f64, points: usize| {
            low + (high - low) * place / (points - 1) as f64
        };
        (
            along(self.x, column, POINTS.0),
            along(self.y, row, POINTS.1),
        )
    }

    /// A point in pixels from the lower left corner of the chart.
    pub(crate) fn pixel(&self, (x, y): Point) -> Point {
        let along =
            |(low, high): Point, value: f64, pixels: f64| (value - low) / (high - low) * pixels;
        (along(self.x, x, CHART.0), along(self.y, y, CHART.1))
    }

    /// The ground: one grey between two lines, darker the higher.
    pub(crate) fn ground(&self, levels: &[(f64, String)]) -> Ground {
        let grid = self.grid();
        let colour = |index: usize| {
            let (column, row) = (index % PIXELS.0, PIXELS.1 - 1 - index / PIXELS.0);
            let place = |index: usize, pixels: usize, points: usize| {
                (index as f64 + 0.5) / pixels as f64 * (points - 1) as f64
            };
            let height = grid.between(
                place(column, PIXELS.0, POINTS.0),
                place(row, PIXELS.1, POINTS.1),
            );
            if height.is_finite() {
                let below = levels.iter().filter(|(level, _)| *level < height).count();
                ink(DARKEST * below as f64 / LEVELS as f64)
            } else {
                PAPER
            }
        };
        (
            (0..PIXELS.0 * PIXELS.1).map(colour).collect(),
            PIXELS.0,
            PIXELS.1,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_axes_have_the_same_unit_and_all_points_are_inside() -> Result<()> {
        for points in [
            vec![(0.0, 0.0), (1.0, 0.1)],
            vec![(0.0, 0.0), (0.1, 1.0), (-3.0, 7.0)],
            vec![(5.0, 5.0)],
        ] {
            let surface = Surface::around(&points, |x, y| x + y)?;
            let units = [
                (surface.x.1 - surface.x.0) / CHART.0,
                (surface.y.1 - surface.y.0) / CHART.1,
            ];
            assert!((units[0] / units[1] - 1.0).abs() < 1e-9, "{units:?}");
            for (x, y) in points {
                assert!(surface.x.0 < x && x < surface.x.1 && surface.y.0 < y && y < surface.y.1);
            }
        }
        Ok(())
    }

    #[test]
    fn levels_are_round_numbers_within_the_heights() -> Result<()> {
        let bowl = Surface::around(&[(-1.0, -1.0), (1.0, 1.0)], |x, y| 0.25 + x * x + y * y)?;
        let levels = bowl.levels();
        assert_eq!(levels.len(), LEVELS);
        assert!(levels.windows(2).all(|pair| pair[0].0 < pair[1].0));
        for (level, label) in &levels {
            assert!((label.parse::<f64>()? - level).abs() < 1e-9, "{label}");
        }
        let flat = Surface::around(&[(0.0, 0.0)], |_, _| 3.0)?;
        assert!(flat.levels().is_empty());
        Ok(())
    }
}
