//! A small canvas: filled outlines and pen strokes with soft edges.
//!
//! It uses only sums, products, quotients and square roots. Their results are the same on every machine, unlike the
//! last bit of a library's sine. So the drawings and their digest are the same everywhere.

use super::dice::Dice;
use crate::image_set::SIDE;

/// A place on the canvas: to the right, and down, in pixels from the upper left corner.
pub(crate) type Point = [f32; 2];
/// One grey picture, row by row.
pub(crate) type Picture = [u8; SIDE * SIDE];

/// Number of pieces of a curve between two of its points.
const PIECES: usize = 4;
/// Cosine and sine of 1/16 of a turn.
const SIXTEENTH: [f32; 2] = [0.923_879_5, 0.382_683_43];
/// Number of cells in a row of coverage beyond its pixels, for edges on the right border.
const BESIDE: usize = 2;

/// Turns, stretches, slants and shifts a drawing about the centre of the canvas.
#[derive(Clone, Copy)]
pub(crate) struct Pose {
    /// Height and width of the canvas.
    side: usize,
    matrix: [[f32; 2]; 2],
    centre: Point,
}

impl Pose {
    /// `turn` in radians (exact for small angles), `scale` to the right and down, `slant` as the shift to the right of
    /// a point one pixel higher, `shift` in pixels.
    pub(crate) fn new(turn: f32, scale: [f32; 2], slant: f32, shift: Point) -> Self {
        let half = turn / 2.0; // tan(turn / 2), nearly
        let norm = 1.0 + half * half;
        let (cos, sin) = ((1.0 - half * half) / norm, 2.0 * half / norm);
        let [right, down] = scale;
        let centre = SIDE as f32 / 2.0;
        Self {
            side: SIDE,
            matrix: [
                [cos * right, (-sin - slant * cos) * down],
                [sin * right, (cos - slant * sin) * down],
            ],
            centre: [centre + shift[0], centre + shift[1]],
        }
    }

    /// On a canvas of another size, drawings stay where they are.
    pub(crate) fn still(side: usize) -> Self {
        let centre = side as f32 / 2.0;
        Self {
            side,
            matrix: [[1.0, 0.0], [0.0, 1.0]],
            centre: [centre, centre],
        }
    }

    fn apply(&self, [x, y]: Point) -> Point {
        let centre = self.side as f32 / 2.0;
        let (x, y) = (x - centre, y - centre);
        let [[a, b], [c, d]] = self.matrix;
        [
            a * x + b * y + self.centre[0],
            c * x + d * y + self.centre[1],
        ]
    }
}

/// A smooth line through `points` (a Catmull-Rom spline), as short straight pieces.
pub(crate) fn curve(points: &[Point]) -> Vec<Point> {
    let at = |i: isize| points[i.clamp(0, points.len() as isize - 1) as usize];
    let mut line = Vec::with_capacity(points.len() * PIECES);
    for i in 0..points.len() as isize - 1 {
        let [before, from, to, after] = [at(i - 1), at(i), at(i + 1), at(i + 2)];
        for piece in 0..PIECES {
            let t = piece as f32 / PIECES as f32;
            line.push([0, 1].map(|k| {
                let (a, b, c, d) = (before[k], from[k], to[k], after[k]);
                let (linear, square) = (c - a, 2.0 * a - 5.0 * b + 4.0 * c - d);
                let cube = 3.0 * (b - c) + d - a;
                b + 0.5 * t * (linear + t * (square + t * cube))
            }));
        }
    }
    line.extend(points.last());
    line
}

/// An ellipse, as an outline of 16 pieces.
pub(crate) fn ellipse([x, y]: Point, [right, down]: [f32; 2]) -> Vec<Point> {
    let mut at = [1.0, 0.0];
    let mut outline = Vec::with_capacity(16);
    for _ in 0..16 {
        outline.push([x + right * at[0], y + down * at[1]]);
        let [cos, sin] = SIXTEENTH;
        at = [at[0] * cos - at[1] * sin, at[0] * sin + at[1] * cos];
    }
    outline
}

/// The points and, in reverse, their mirror images left of the upright line at `middle`.
pub(crate) fn mirrored(middle: f32, right: &[Point]) -> Vec<Point> {
    let left = right.iter().rev().map(|&[x, y]| [2.0 * middle - x, y]);
    right.iter().copied().chain(left).collect()
}

/// Grey values from 0 to 1 and what is being drawn onto them.
pub(crate) struct Canvas {
    pixels: Vec<f32>,
    /// Change of the coverage from one pixel to the next, row by row.
    cover: Vec<f32>,
    pose: Pose,
}

impl Canvas {
    /// A black canvas; all that is drawn takes `pose`.
    pub(crate) fn new(pose: Pose) -> Self {
        Self {
            pixels: vec![0.0; pose.side * pose.side],
            cover: vec![0.0; pose.side * (pose.side + BESIDE)],
            pose,
        }
    }

    /// Fills a closed outline with `paint`, a grey value at a pixel's column and row.
    pub(crate) fn fill(&mut self, outline: &[Point], paint: impl Fn(f32, f32) -> f32) {
        self.outline(outline);
        self.paint(paint);
    }

    /// Fills several closed outlines that do not overlap.
    pub(crate) fn fills(&mut self, outlines: &[Vec<Point>], paint: impl Fn(f32, f32) -> f32) {
        for outline in outlines {
            self.outline(outline);
        }
        self.paint(paint);
    }

    /// Draws a line with a round pen.
    pub(crate) fn stroke(&mut self, line: &[Point], width: f32, paint: impl Fn(f32, f32) -> f32) {
        self.trace(line, width);
        self.paint(paint);
    }

    /// Draws several lines with one round pen; where they cross, the ink is no brighter.
    pub(crate) fn strokes(
        &mut self,
        lines: &[Vec<Point>],
        width: f32,
        paint: impl Fn(f32, f32) -> f32,
    ) {
        for line in lines {
            self.trace(line, width);
        }
        self.paint(paint);
    }

    /// Adds the coverage of a line. Every part turns the same way round, so that parts that overlap add up.
    fn trace(&mut self, line: &[Point], width: f32) {
        let half = width / 2.0;
        for piece in line.windows(2) {
            let ([ax, ay], [bx, by]) = (piece[0], piece[1]);
            let (dx, dy) = (bx - ax, by - ay);
            let length = (dx * dx + dy * dy).sqrt().max(1e-6);
            let (nx, ny) = (-dy / length * half, dx / length * half);
            self.outline(&[
                [ax - nx, ay - ny],
                [bx - nx, by - ny],
                [bx + nx, by + ny],
                [ax + nx, ay + ny],
            ]);
        }
        for &end in line {
            self.outline(&ellipse(end, [half, half]));
        }
    }

    /// Adds the coverage of a closed outline.
    fn outline(&mut self, outline: &[Point]) {
        let Some(&last) = outline.last() else { return };
        let mut from = self.pose.apply(last);
        for &point in outline {
            let to = self.pose.apply(point);
            self.edge(from, to);
            from = to;
        }
    }

    /// Adds what one edge changes: in each row it passes, the area to its right, upward edges taken away.
    fn edge(&mut self, from: Point, to: Point) {
        let (sign, [mut x, top], [x_end, bottom]) = if from[1] < to[1] {
            (1.0, from, to)
        } else {
            (-1.0, to, from)
        };
        if bottom - top < 1e-6 {
            return;
        }
        let side = self.pose.side as f32;
        let row_length = self.pose.side + BESIDE;
        let slope = (x_end - x) / (bottom - top);
        let (first, last) = (top.max(0.0), bottom.min(side));
        x += (first - top) * slope;
        let mut y = first;
        while y < last {
            let row = y as usize;
            let next = last.min((row + 1) as f32);
            let x_next = x + (next - y) * slope;
            let (left, right) = (
                x.min(x_next).clamp(0.0, side),
                x.max(x_next).clamp(0.0, side),
            );
            let cells = &mut self.cover[row * row_length..(row + 1) * row_length];
            let per_pixel = sign * (next - y) / (right - left).max(1e-6);
            // Column by column: the share of the height passed in it, and the part of the pixel right of the edge.
            let (mut from, whole) = (left, sign * (next - y));
            loop {
                let column = from as usize;
                let until = right.min((column + 1) as f32);
                let share = if right - left < 1e-6 {
                    whole
                } else {
                    (until - from) * per_pixel
                };
                let right_part = (column + 1) as f32 - (from + until) / 2.0;
                cells[column] += share * right_part;
                cells[column + 1] += share * (1.0 - right_part);
                from = until;
                if from >= right {
                    break;
                }
            }
            (x, y) = (x_next, next);
        }
    }

    /// What has been drawn, row by row: how much of each pixel is covered, where the paint is 1 everywhere.
    pub(crate) fn pixels(&self) -> &[f32] {
        &self.pixels
    }

    /// Mixes `paint` into the pixels by their coverage, and clears it.
    fn paint(&mut self, paint: impl Fn(f32, f32) -> f32) {
        for (row, (pixels, cells)) in self
            .pixels
            .chunks_exact_mut(self.pose.side)
            .zip(self.cover.chunks_exact_mut(self.pose.side + BESIDE))
            .enumerate()
        {
            let mut sum = 0.0;
            for (column, (pixel, cell)) in pixels.iter_mut().zip(&*cells).enumerate() {
                sum += cell;
                let covered = f32::min(sum.abs(), 1.0);
                if covered > 1e-3 {
                    *pixel += covered * (paint(column as f32, row as f32) - *pixel);
                }
            }
            cells.fill(0.0);
        }
    }

    /// The picture of 28 × 28, blurred (`blur` is the weight of each pixel's four neighbours together, below 1) and
    /// with grain: every pixel is lighter or darker by at most the part `grain` of its own value, so that the ground
    /// stays black.
    pub(crate) fn develop(&self, blur: f32, grain: f32, dice: &mut Dice) -> Picture {
        let at = |row: usize, column: usize| {
            // Rows and columns outside wrap to numbers far too large.
            if row < SIDE && column < SIDE {
                self.pixels[row * SIDE + column]
            } else {
                0.0
            }
        };
        let mut picture = [0; SIDE * SIDE];
        for (i, value) in picture.iter_mut().enumerate() {
            let (row, column) = (i / SIDE, i % SIDE);
            let around = at(row.wrapping_sub(1), column)
                + at(row + 1, column)
                + at(row, column.wrapping_sub(1))
                + at(row, column + 1);
            let grey = (1.0 - blur) * self.pixels[i] + blur / 4.0 * around;
            let grey = grey * (1.0 + dice.between(-grain, grain));
            *value = (grey.clamp(0.0, 1.0) * 255.0 + 0.5) as u8;
        }
        picture
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STILL: [f32; 2] = [0.0, 0.0];

    fn canvas() -> Canvas {
        Canvas::new(Pose::new(0.0, [1.0, 1.0], 0.0, STILL))
    }

    fn area(canvas: &Canvas) -> f32 {
        canvas.pixels.iter().sum()
    }

    #[test]
    fn a_pixel_is_as_bright_as_the_part_of_it_that_is_covered() {
        let mut canvas = canvas();
        canvas.fill(
            &[[3.5, 2.25], [6.0, 2.25], [6.0, 4.0], [3.5, 4.0]],
            |_, _| 1.0,
        );
        let row = |row: usize| canvas.pixels[row * SIDE + 2..row * SIDE + 7].to_vec();
        assert_eq!(row(1), [0.0; 5]);
        assert_eq!(row(2), [0.0, 0.375, 0.75, 0.75, 0.0]);
        assert_eq!(row(3), [0.0, 0.5, 1.0, 1.0, 0.0]);
        assert_eq!(row(4), [0.0; 5]);
    }

    #[test]
    fn areas_are_those_of_geometry() {
        // A 16-sided polygon in a circle of radius 6 has 8 r² sin(π/8).
        let mut disc = canvas();
        disc.fill(&ellipse([14.3, 13.6], [6.0, 6.0]), |_, _| 1.0);
        assert!(
            (area(&disc) - 8.0 * 36.0 * SIXTEENTH[1]).abs() < 0.05,
            "{}",
            area(&disc)
        );
        // A slanted triangle, both ways round.
        for outline in [
            [[3.1, 4.2], [20.7, 9.9], [8.4, 25.3]],
            [[8.4, 25.3], [20.7, 9.9], [3.1, 4.2]],
        ] {
            let mut triangle = canvas();
            triangle.fill(&outline, |_, _| 1.0);
            let wanted = ((20.7 - 3.1) * (25.3 - 4.2) - (8.4 - 3.1) * (9.9 - 4.2)) / 2.0;
            assert!(
                (area(&triangle) - wanted).abs() < 0.05,
                "{} against {wanted}",
                area(&triangle)
            );
        }
        // A straight stroke with its two round ends; where soft edges of its parts meet it is up to 3% too large.
        let mut stroke = canvas();
        stroke.stroke(&[[5.0, 5.0], [17.0, 21.0]], 3.0, |_, _| 1.0);
        let wanted = 20.0 * 3.0 + 8.0 * 1.5 * 1.5 * SIXTEENTH[1];
        let ratio = area(&stroke) / wanted;
        assert!((0.99..1.03).contains(&ratio), "{ratio}");
    }

    #[test]
    fn a_pose_moves_what_is_drawn() {
        let pose = Pose::new(0.1, [2.0, 1.0], 0.0, [1.0, -2.0]);
        let centre = pose.apply([14.0, 14.0]);
        assert_eq!(centre, [15.0, 12.0]);
        let [x, y] = pose.apply([17.0, 14.0]);
        let (x, y) = (x - centre[0], y - centre[1]);
        assert!(
            (x.hypot(y) - 6.0).abs() < 1e-5,
            "turning keeps lengths: {x} {y}"
        );
        assert!(
            (y / x - 0.1f32.tan()).abs() < 1e-3,
            "turned by 0.1: {x} {y}"
        );
        let slanted = Pose::new(0.0, [1.0, 1.0], 0.5, STILL).apply([14.0, 10.0]);
        assert_eq!(slanted, [16.0, 10.0]);
    }

    #[test]
    fn what_lies_outside_is_cut_off() {
        let mut canvas = canvas();
        canvas.fill(
            &[[-50.0, -50.0], [90.0, -50.0], [90.0, 90.0], [-50.0, 90.0]],
            |_, _| 1.0,
        );
        assert!(
            canvas
                .pixels
                .iter()
                .all(|&pixel| (pixel - 1.0).abs() < 1e-5)
        );
        canvas.stroke(&[[-30.0, 5.0], [-20.0, 40.0], [60.0, 27.9]], 2.0, |_, _| {
            0.0
        });
        canvas.fill(&[], |_, _| 1.0);
        assert!(canvas.pixels.iter().all(|pixel| pixel.is_finite()));
    }

    #[test]
    fn a_curve_passes_through_its_points() {
        let points = [[1.0, 2.0], [5.0, 8.0], [9.0, 3.0]];
        let line = curve(&points);
        assert_eq!(line.len(), 2 * PIECES + 1);
        assert_eq!([line[0], line[PIECES], line[2 * PIECES]], points);
    }

    #[test]
    fn grain_leaves_the_ground_black() {
        let mut canvas = canvas();
        canvas.fill(
            &[[8.0, 8.0], [20.0, 8.0], [20.0, 20.0], [8.0, 20.0]],
            |_, _| 0.5,
        );
        let stream = d2l_random::Stream::once(0, d2l_random::Purpose::Data, "test");
        let picture = canvas.develop(0.0, 0.5, &mut Dice(stream.rng()));
        assert_eq!(picture[0], 0);
        let inside = &picture[14 * SIDE + 9..14 * SIDE + 19];
        assert!(
            inside.iter().all(|&value| (63..=192).contains(&value)),
            "{inside:?}"
        );
        assert!(inside.iter().any(|&value| value != inside[0]), "{inside:?}");
    }
}
