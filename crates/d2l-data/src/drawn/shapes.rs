//! Ten kinds of coloured shapes and textures in all colours, places and turns, in place of photographs.

use super::dice::Dice;
use super::raster::{Canvas, Point, Pose, ellipse};
use crate::image_set::COLOUR;

/// Height and width of a picture.
const SIDE: usize = COLOUR[1];
/// Red, green and blue, from 0 to 1.
type Colour = [f32; 3];
/// How much of each pixel is covered, row by row.
type Mask = Vec<f32>;

/// A picture of the shape `label`, an index into `ImageSet::Cifar10.builtin_class_names()`: its red, its green and its
/// blue plane.
pub(crate) fn picture(label: u8, dice: &mut Dice) -> Vec<u8> {
    let mut painting = Painting::new(dice);
    for _ in 0..dice.pick(&[0, 1, 2, 3]) {
        let crumb = crumb(dice);
        let colour = any_colour(dice);
        painting.paint(&crumb, colour);
    }
    // The colour is only a hint: each class has one colour more often than the others.
    let mut colour = if dice.chance(30.0) {
        let hue = f32::from(label) / 10.0 + dice.near(0.0, 0.06);
        of_hue(hue, dice.between(0.6, 1.0), dice.between(0.55, 1.0))
    } else {
        any_colour(dice)
    };
    painting.stand_out(&mut colour);
    painting.paint(&shape(label, dice), colour);
    painting.develop(dice)
}

/// The covered pixels of shape `label`, in a pose of its own.
fn shape(label: u8, dice: &mut Dice) -> Mask {
    let radius = dice.between(5.5, 12.0);
    let place = Place {
        centre: [dice.near(16.0, 7.0), dice.near(16.0, 7.0)],
        turn: turn(dice),
        scale: [radius, radius * dice.between(0.7, 1.0)],
    };
    match label {
        0 => filled(&[place.all(&circle())]),
        1 => {
            let mut around = circle();
            around.extend(around.first().copied());
            stroked(&place.all(&around), radius * dice.between(0.25, 0.45))
        }
        2 => filled(&[place.all(&square(0.85))]),
        3 => {
            let low = dice.between(0.6, 0.9);
            filled(&[place.all(&[[0.0, -1.0], [0.9, low], [-0.9, low]])])
        }
        4 => filled(&[place.all(&star(dice.between(0.3, 0.5)))]),
        5 => {
            let half = dice.between(0.16, 0.32);
            let bar = [[-1.0, -half], [1.0, -half], [1.0, half], [-1.0, half]];
            let other = bar.map(|[x, y]| [y, x]);
            either(filled(&[place.all(&bar)]), &filled(&[place.all(&other)]))
        }
        6 => {
            let bite = dice.between(0.35, 0.7);
            let other = circle().into_iter().map(|[x, y]| [0.9 * x + bite, 0.9 * y]);
            let other = filled(&[place.all(&other.collect::<Vec<_>>())]);
            let disc = filled(&[place.all(&circle())]);
            disc.iter()
                .zip(&other)
                .map(|(a, b)| a * (1.0 - b))
                .collect()
        }
        texture => {
            // A patch of the texture, about as large as a shape.
            let patch = if dice.chance(50.0) {
                filled(&[place.all(&circle())])
            } else {
                filled(&[place.all(&square(0.9))])
            };
            let woven = self::texture(texture, &place, dice);
            patch.iter().zip(&woven).map(|(a, b)| a * b).collect()
        }
    }
}

/// Stripes, checks or dots over the whole picture.
fn texture(label: u8, place: &Place, dice: &mut Dice) -> Mask {
    let period = dice.between(3.6, 5.2);
    let grid = Place { scale: [period, period], ..*place };
    let cells = || (-8i16..8).map(f32::from);
    let outlines: Vec<Vec<Point>> = match label {
        7 => cells()
            .map(|x| grid.all(&[[x, -9.0], [x + 0.5, -9.0], [x + 0.5, 9.0], [x, 9.0]]))
            .collect(),
        8 => cells()
            .flat_map(|y| cells().map(move |x| (x, y)))
            .filter(|(x, y)| (x + y) % 2.0 == 0.0)
            .map(|(x, y)| [[x, y], [x + 1.0, y], [x + 1.0, y + 1.0], [x, y + 1.0]])
            .map(|square| grid.all(&square.map(|[x, y]| [x * 0.7, y * 0.7])))
            .collect(),
        _ => cells()
            .flat_map(|y| cells().map(move |x| [x, y]))
            .map(|centre| grid.all(&ellipse(centre, [0.31, 0.31])))
            .collect(),
    };
    filled(&outlines)
}

/// Something small and thin that belongs to no class.
fn crumb(dice: &mut Dice) -> Mask {
    let mut at = || [dice.between(0.0, 32.0), dice.between(0.0, 32.0)];
    let (from, to) = (at(), at());
    let share = dice.between(0.1, 0.5);
    let to = [
        from[0] + (to[0] - from[0]) * share,
        from[1] + (to[1] - from[1]) * share,
    ];
    stroked(&[from, to], dice.between(1.0, 2.5))
}

/// Where a shape is, which way it looks, and how large it is.
#[derive(Clone, Copy)]
struct Place {
    centre: Point,
    /// Cosine and sine of its turn.
    turn: [f32; 2],
    /// Along its own axes.
    scale: [f32; 2],
}

impl Place {
    /// The outline in its place.
    fn all(&self, outline: &[Point]) -> Vec<Point> {
        let ([cos, sin], [right, down]) = (self.turn, self.scale);
        let put = |&[x, y]: &Point| {
            let (x, y) = (x * right, y * down);
            [
                self.centre[0] + x * cos - y * sin,
                self.centre[1] + x * sin + y * cos,
            ]
        };
        outline.iter().map(put).collect()
    }
}

/// Cosine and sine of any turn: the direction of a point in the unit circle, drawn until it is in there.
fn turn(dice: &mut Dice) -> [f32; 2] {
    loop {
        let (x, y) = (dice.between(-1.0, 1.0), dice.between(-1.0, 1.0));
        let square = x * x + y * y;
        if (0.01..1.0).contains(&square) {
            let length = square.sqrt();
            return [x / length, y / length];
        }
    }
}

fn circle() -> Vec<Point> {
    ellipse([0.0, 0.0], [1.0, 1.0])
}

fn square(half: f32) -> Vec<Point> {
    vec![[-half, -half], [half, -half], [half, half], [-half, half]]
}

/// Five points, with corners `inner` away from the middle between them.
fn star(inner: f32) -> Vec<Point> {
    // Cosine and sine of a tenth of a turn.
    let [cos, sin] = [0.809_017, 0.587_785_24];
    let mut at = [0.0, -1.0];
    (0..10)
        .map(|corner| {
            let radius = if corner % 2 == 0 { 1.0 } else { inner };
            let point = [at[0] * radius, at[1] * radius];
            at = [at[0] * cos - at[1] * sin, at[0] * sin + at[1] * cos];
            point
        })
        .collect()
}

fn filled(outlines: &[Vec<Point>]) -> Mask {
    let mut canvas = Canvas::new(Pose::still(SIDE));
    canvas.fills(outlines, |_, _| 1.0);
    canvas.pixels().to_vec()
}

fn stroked(line: &[Point], width: f32) -> Mask {
    let mut canvas = Canvas::new(Pose::still(SIDE));
    canvas.stroke(line, width, |_, _| 1.0);
    canvas.pixels().to_vec()
}

/// What either covers.
fn either(a: Mask, b: &Mask) -> Mask {
    a.iter().zip(b).map(|(a, b)| a + b - a * b).collect()
}

/// A colour of `hue`, of which only the fractional part counts: 0 is red, 1/3 green, 2/3 blue. With `saturation` 0 the
/// colour is grey, with `value` 0 black.
fn of_hue(hue: f32, saturation: f32, value: f32) -> Colour {
    [0.0, 2.0 / 3.0, 1.0 / 3.0].map(|shift| {
        let place = hue + shift;
        let sixth = 6.0 * (place - place.floor());
        let strength = ((sixth - 3.0).abs() - 1.0).clamp(0.0, 1.0);
        value * (1.0 - saturation * (1.0 - strength))
    })
}

fn any_colour(dice: &mut Dice) -> Colour {
    let (hue, saturation) = (dice.between(0.0, 1.0), dice.between(0.1, 1.0));
    of_hue(hue, saturation, dice.between(0.15, 1.0))
}

/// Three planes of colour.
struct Painting {
    planes: [Vec<f32>; 3],
    /// The ground's mean colour.
    ground: Colour,
}

impl Painting {
    /// A ground that goes from one colour to another near it.
    fn new(dice: &mut Dice) -> Self {
        let from = any_colour(dice);
        let to = from.map(|part| part + dice.near(0.0, 0.35));
        let [cos, sin] = turn(dice);
        let plane = |channel: usize| {
            let at = |pixel: usize| {
                let (x, y) = ((pixel % SIDE) as f32 - 15.5, (pixel / SIDE) as f32 - 15.5);
                let way = 0.5 + (x * cos + y * sin) / 44.0;
                from[channel] + (to[channel] - from[channel]) * way
            };
            (0..SIDE * SIDE).map(at).collect()
        };
        Self {
            planes: [0, 1, 2].map(plane),
            ground: [0, 1, 2].map(|channel| 0.5 * (from[channel] + to[channel])),
        }
    }

    /// Moves a colour away from the ground's if the two are hard to distinguish.
    fn stand_out(&self, colour: &mut Colour) {
        let distance = |colour: &Colour| -> f32 {
            let parts = colour.iter().zip(&self.ground);
            parts.map(|(a, b)| (a - b).abs()).sum()
        };
        if distance(colour) < 0.6 {
            let bright = self.ground.iter().sum::<f32>() > 1.5;
            let step = if bright { -0.3 } else { 0.3 };
            *colour = colour.map(|part| (part + step).clamp(0.0, 1.0));
        }
    }

    fn paint(&mut self, mask: &Mask, colour: Colour) {
        for (plane, colour) in self.planes.iter_mut().zip(colour) {
            for (pixel, covered) in plane.iter_mut().zip(mask) {
                *pixel += covered * (colour - *pixel);
            }
        }
    }

    /// The three planes as bytes, under one light and with grain.
    fn develop(&self, dice: &mut Dice) -> Vec<u8> {
        let (light, grain) = (dice.between(0.75, 1.1), dice.between(0.02, 0.12));
        let mut bytes = Vec::with_capacity(3 * SIDE * SIDE);
        for plane in &self.planes {
            for &pixel in plane {
                let value = pixel * light + dice.between(-grain, grain);
                bytes.push((value.clamp(0.0, 1.0) * 255.0 + 0.5) as u8);
            }
        }
        bytes
    }
}
