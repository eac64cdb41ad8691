//! Ten kinds of garment, seen from the front, shoes from their left.

use super::dice::Dice;
use super::raster::{Canvas, Picture, Pose, curve, ellipse, mirrored};
use super::shoes::{Shoe, sandal, shoe};
use super::tops::Top;

/// The upright line through the middle of the canvas.
pub(super) const MIDDLE: f32 = 14.0;

/// A picture of the garment `label`, an index into `ImageSet::FashionMnist.class_names()`.
pub(crate) fn picture(label: u8, dice: &mut Dice) -> Picture {
    let scale = dice.near(1.0, 0.07);
    let pose = Pose::new(
        dice.near(0.0, 0.08),
        [scale * dice.near(1.06, 0.12), scale * dice.near(1.04, 0.06)],
        dice.near(0.0, 0.08),
        [dice.near(0.0, 1.0), dice.near(0.0, 1.0)],
    );
    let mut canvas = Canvas::new(pose);
    let cloth = Cloth::new(dice);
    match label {
        1 => trouser(&mut canvas, &cloth, dice),
        5 => sandal(&mut canvas, &cloth, dice),
        7 => shoe(&mut canvas, &cloth, dice, Shoe::sneaker),
        8 => bag(&mut canvas, &cloth, dice),
        9 => shoe(&mut canvas, &cloth, dice, Shoe::boot),
        top => {
            // One in eight looks half like another kind: a long T-shirt, a shirt without buttons, a thin coat.
            let mut garment = Top::new(top, dice);
            if dice.chance(13.0) {
                let other = [0, 2, 4, 6, 3][dice.between(0.0, 4.99) as usize];
                garment = garment.towards(&Top::new(other, dice), dice.between(0.3, 0.6));
            }
            garment.draw(&mut canvas, &cloth, dice);
        }
    }
    let (blur, grain) = (dice.between(0.0, 0.4), dice.between(0.0, 0.12));
    canvas.develop(blur, grain, dice)
}

/// What a garment is made of: its grey value at each pixel.
pub(super) struct Cloth {
    grey: f32,
    /// How much lighter it is per pixel to the right and down.
    light: [f32; 2],
    /// Strength, waves per pixel to the right and down, and start of two sets of stripes.
    stripes: [(f32, [f32; 2], f32); 2],
}

impl Cloth {
    fn new(dice: &mut Dice) -> Self {
        let grey = dice.between(0.2, 1.0);
        let light = [dice.near(0.0, 0.02), dice.near(0.0, 0.02)];
        // Always a few soft folds; one garment in four has stripes or checks too.
        let folds = (
            dice.between(0.02, 0.1),
            [dice.near(0.0, 0.2), dice.near(0.0, 0.1)],
            dice.between(0.0, 1.0),
        );
        let printed = if dice.chance(25.0) {
            dice.between(0.1, 0.3)
        } else {
            0.0
        };
        let waves = dice.between(0.12, 0.4);
        let waves = if dice.chance(60.0) {
            [0.0, waves]
        } else {
            [waves, 0.0]
        };
        Self {
            grey,
            light,
            stripes: [folds, (printed, waves, dice.between(0.0, 1.0))],
        }
    }

    fn at(&self, x: f32, y: f32) -> f32 {
        let mut grey = self.grey + self.light[0] * (x - MIDDLE) + self.light[1] * (y - MIDDLE);
        for (strength, [right, down], start) in self.stripes {
            let turns = right * x + down * y + start;
            grey += strength * (4.0 * (turns - turns.floor() - 0.5).abs() - 1.0);
        }
        grey.clamp(0.12, 1.0)
    }

    /// The cloth in another shade, for seams, sleeves and soles.
    pub(super) fn shade(&self, by: f32) -> impl Fn(f32, f32) -> f32 {
        move |x, y| (self.at(x, y) + by).clamp(0.08, 1.0)
    }
}

fn trouser(canvas: &mut Canvas, cloth: &Cloth, dice: &mut Dice) {
    let (waist, hip) = (dice.near(4.2, 0.9), dice.near(5.2, 1.0));
    let (outer, inner) = (dice.near(5.3, 1.8), dice.between(0.2, 2.0));
    let (top, crotch) = (dice.near(1.6, 0.8), dice.near(9.5, 2.0));
    let bottom = if dice.chance(6.0) {
        dice.near(19.0, 4.0)
    } else {
        dice.near(26.6, 1.0)
    };
    let half = [
        [MIDDLE, top],
        [MIDDLE + waist, top],
        [MIDDLE + hip, top + 5.0],
        [MIDDLE + outer, bottom],
        [MIDDLE + inner, bottom],
        [MIDDLE, crotch],
    ];
    canvas.fill(&mirrored(MIDDLE, &half), cloth.shade(0.0));
    canvas.stroke(&[[MIDDLE, top], [MIDDLE, crotch]], 0.6, cloth.shade(-0.15));
    if dice.chance(60.0) {
        canvas.stroke(
            &[[MIDDLE - waist, top + 0.7], [MIDDLE + waist, top + 0.7]],
            1.2,
            cloth.shade(-0.2),
        );
    }
    if dice.chance(25.0) {
        // A skirt-like pair: wide legs that touch.
        let lap = [[MIDDLE, crotch], [MIDDLE + inner, bottom]];
        canvas.fill(&mirrored(MIDDLE, &lap), cloth.shade(-0.12));
    }
}

fn bag(canvas: &mut Canvas, cloth: &Cloth, dice: &mut Dice) {
    let (top, bottom) = (dice.near(9.0, 5.0), dice.near(24.0, 2.5));
    let (upper, lower) = (dice.near(8.8, 4.0), dice.near(10.0, 3.5));
    let handle = dice.between(0.0, 100.0);
    if handle < 80.0 {
        // A handle that stands up, or a strap that lies above the bag.
        let (reach, high) = (upper * dice.between(0.35, 0.95), dice.between(2.0, 8.5));
        let half = [
            [MIDDLE, (top - high).max(1.2)],
            [MIDDLE + reach * 0.8, (top - high * 0.8).max(2.0)],
            [MIDDLE + reach, top + 0.6],
        ];
        canvas.stroke(
            &curve(&mirrored(MIDDLE, &half)[..3]),
            1.2,
            cloth.shade(-0.05),
        );
        canvas.stroke(
            &curve(&half.map(|[x, y]| [2.0 * MIDDLE - x, y])),
            1.2,
            cloth.shade(-0.05),
        );
    }
    let round = dice.between(0.3, 2.5);
    let half = [
        [MIDDLE, top],
        [MIDDLE + upper - round, top],
        [MIDDLE + upper, top + round],
        [MIDDLE + lower, bottom - round],
        [MIDDLE + lower - round, bottom],
        [MIDDLE, bottom],
    ];
    canvas.fill(&mirrored(MIDDLE, &half), cloth.shade(0.0));
    let line = if dice.chance(60.0) { -0.25 } else { 0.25 };
    if dice.chance(55.0) {
        // A flap, with a clasp on some.
        let down = top + (bottom - top) * dice.between(0.25, 0.6);
        let flap = [
            [MIDDLE, top],
            [MIDDLE + upper - round, top + 0.3],
            [MIDDLE + upper * 0.9, down - 1.0],
            [MIDDLE, down],
        ];
        canvas.fill(&mirrored(MIDDLE, &flap), cloth.shade(line * 0.5));
        if dice.chance(60.0) {
            canvas.fill(
                &ellipse([MIDDLE, down], [1.1, 0.9]),
                cloth.shade(-line * 1.4),
            );
        }
    }
    if dice.chance(35.0) {
        let y = dice.between(top + 3.0, bottom - 2.0);
        canvas.stroke(
            &[[MIDDLE - upper, y], [MIDDLE + upper, y]],
            0.9,
            cloth.shade(line),
        );
    }
}
