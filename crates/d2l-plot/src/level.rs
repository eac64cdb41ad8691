//! Lines along which a surface has one height, by marching squares: each cell of a grid is crossed by straight pieces,
//! and pieces that end on the same edge of two cells belong to one line. Lorensen and Cline 1987 do it in space,
//! doi:10.1145/37401.37422.

use std::collections::BTreeMap;

/// Heights over a grid; the rows follow one another.
#[derive(Clone, Copy)]
pub(crate) struct Grid<'a> {
    pub(crate) values: &'a [f64],
    pub(crate) columns: usize,
}

/// An edge of a cell: the column and row of its lower end, and whether it goes up or to the right.
type Edge = (usize, usize, bool);

impl Grid<'_> {
    pub(crate) fn rows(&self) -> usize {
        self.values.len() / self.columns
    }

    pub(crate) fn at(&self, column: usize, row: usize) -> f64 {
        let found = self.values.get(row * self.columns + column);
        found.copied().unwrap_or(f64::NAN)
    }

    /// The height between the points of the grid, in units of its cells.
    pub(crate) fn between(&self, x: f64, y: f64) -> f64 {
        let column = (x as usize).min(self.columns.saturating_sub(2));
        let row = (y as usize).min(self.rows().saturating_sub(2));
        let (across, up) = (x - column as f64, y - row as f64);
        let mix = |from: f64, to: f64, share: f64| from * (1.0 - share) + to * share;
        mix(
            mix(self.at(column, row), self.at(column + 1, row), across),
            mix(
                self.at(column, row + 1),
                self.at(column + 1, row + 1),
                across,
            ),
            up,
        )
    }

    /// The lines of this height, in units of the grid's cells. A closed line ends where it began. Cells with a corner
    /// that is not finite have no line.
    pub(crate) fn lines(&self, level: f64) -> Vec<Vec<(f64, f64)>> {
        let mut neighbours: BTreeMap<Edge, Vec<Edge>> = BTreeMap::new();
        for row in 0..self.rows().saturating_sub(1) {
            for column in 0..self.columns.saturating_sub(1) {
                for (one, other) in self.pieces(column, row, level) {
                    neighbours.entry(one).or_default().push(other);
                    neighbours.entry(other).or_default().push(one);
                }
            }
        }
        let mut lines = Vec::new();
        // A line that leaves the grid is followed from one of its ends; what is left then are closed ones.
        for open in [true, false] {
            let edges: Vec<Edge> = neighbours.keys().copied().collect();
            for edge in edges {
                let ends_here = neighbours.get(&edge).is_some_and(|next| next.len() == 1);
                if ends_here || (!open && neighbours.contains_key(&edge)) {
                    let line = follow(edge, &mut neighbours);
                    lines.push(
                        line.iter()
                            .map(|edge| self.crossing(*edge, level))
                            .collect(),
                    );
                }
            }
        }
        lines
    }

    /// The pieces of the line within a cell, each from one of its edges to another.
    fn pieces(&self, column: usize, row: usize, level: f64) -> Vec<(Edge, Edge)> {
        let corners =
            [(0, 0), (1, 0), (1, 1), (0, 1)].map(|(right, up)| self.at(column + right, row + up));
        if corners.iter().any(|corner| !corner.is_finite()) {
            return Vec::new();
        }
        let [bottom, right, top, left] = [
            (column, row, false),
            (column + 1, row, true),
            (column, row + 1, false),
            (column, row, true),
        ];
        let above = corners.map(|corner| corner > level);
        let centre_is_above = corners.iter().sum::<f64>() / 4.0 > level;
        match above {
            [a, b, c, d] if a == b && b == c && c == d => Vec::new(),
            [a, b, c, d] if a == c && b == d => {
                // A saddle: the middle of the cell decides which two corners belong together.
                if a == centre_is_above {
                    vec![(bottom, right), (top, left)]
                } else {
                    vec![(left, bottom), (right, top)]
                }
            }
            [a, b, c, d] => {
                let crossed = [(a, b, bottom), (b, c, right), (c, d, top), (d, a, left)];
                let mut crossed = crossed.iter().filter(|(one, other, _)| one != other);
                match (crossed.next(), crossed.next()) {
                    (Some((_, _, one)), Some((_, _, other))) => vec![(*one, *other)],
                    _ => Vec::new(),
                }
            }
        }
    }

    /// Where the level is reached on an edge, between its two ends.
    fn crossing(&self, (column, row, up): Edge, level: f64) -> (f64, f64) {
        let from = self.at(column, row);
        let to = self.at(column + usize::from(!up), row + usize::from(up));
        let share = ((level - from) / (to - from)).clamp(0.0, 1.0);
        let (x, y) = (column as f64, row as f64);
        if up { (x, y + share) } else { (x + share, y) }
    }
}

/// Takes the line that starts at an edge out of the neighbours, edge after edge.
fn follow(start: Edge, neighbours: &mut BTreeMap<Edge, Vec<Edge>>) -> Vec<Edge> {
    let mut line = vec![start];
    let mut edge = start;
    while let Some(next) = neighbours.get_mut(&edge).and_then(Vec::pop) {
        if let Some(back) = neighbours.get_mut(&next)
            && let Some(place) = back.iter().position(|found| *found == edge)
        {
            back.remove(place);
        }
        line.push(next);
        edge = next;
    }
    for edge in &line {
        neighbours.remove(edge);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIDE: usize = 41;

    fn grid(height: impl Fn(f64, f64) -> f64) -> Vec<f64> {
        let at = |index: usize| (index as f64 - 20.0) / 10.0; // from -2 to 2
        (0..SIDE * SIDE)
            .map(|index| height(at(index % SIDE), at(index / SIDE)))
            .collect()
    }

    fn lines(values: &[f64], level: f64) -> Vec<Vec<(f64, f64)>> {
        let grid = Grid { values, columns: SIDE };
        let at = |place: f64| place / 10.0 - 2.0;
        grid.lines(level)
            .into_iter()
            .map(|line| line.into_iter().map(|(x, y)| (at(x), at(y))).collect())
            .collect()
    }

    #[test]
    fn a_bowl_has_one_closed_circle() {
        let lines = lines(&grid(|x, y| x * x + y * y), 1.0);
        assert_eq!(lines.len(), 1);
        let circle = &lines[0];
        assert_eq!(circle.first(), circle.last());
        let length: f64 = circle
            .windows(2)
            .map(|pair| (pair[1].0 - pair[0].0).hypot(pair[1].1 - pair[0].1))
            .sum();
        assert!((length - std::f64::consts::TAU).abs() < 0.01, "{length}");
        for (x, y) in circle {
            // Heights between two points of the grid lie at most step²/4 above the bowl.
            assert!((x.hypot(*y) - 1.0).abs() < 0.1 * 0.1 / 4.0, "{x} {y}");
        }
    }

    #[test]
    fn a_slope_has_one_straight_line_from_side_to_side() {
        let lines = lines(&grid(|x, y| x + 2.0 * y), 0.53);
        assert_eq!(lines.len(), 1);
        assert!(
            lines[0]
                .iter()
                .all(|(x, y)| (x + 2.0 * y - 0.53).abs() < 1e-12)
        );
        let ends = [lines[0].first(), lines[0].last()].map(|end| end.unwrap().0.abs());
        assert_eq!(ends, [2.0, 2.0]);
    }

    #[test]
    fn a_saddle_has_two_lines_on_either_side_of_its_height() {
        let saddle = grid(|x, y| x * y);
        for level in [-0.5, 0.5] {
            let lines = lines(&saddle, level);
            assert_eq!(lines.len(), 2, "at {level}");
            for (x, y) in lines.iter().flatten() {
                assert!((x * y - level).abs() < 0.01, "{x} {y}");
            }
        }
    }

    #[test]
    fn no_line_crosses_a_hole_and_none_is_outside_the_heights() {
        let bowl = |x: f64, y: f64| {
            if x > 0.05 {
                f64::INFINITY
            } else {
                x * x + y * y
            }
        };
        let half = lines(&grid(bowl), 1.0);
        assert!(half.len() == 1 && half[0].iter().all(|(x, _)| *x <= 0.0));
        for level in [-1.0, 9.0] {
            assert!(lines(&grid(|x, y| x * x + y * y), level).is_empty());
        }
    }
}
