//! T-shirt, pullover, dress, coat and shirt: one outline with sleeves in different proportions, and its details.

use super::dice::Dice;
use super::garments::{Cloth, MIDDLE};
use super::raster::{Canvas, Point, ellipse, mirrored};

/// An upper garment: T-shirt, pullover, dress, coat, shirt. Widths are from the middle, all in pixels.
#[derive(Clone, Copy)]
pub(super) struct Top {
    shoulder: f32,
    chest: f32,
    waist: f32,
    hem: f32,
    /// Row of the lower end.
    bottom: f32,
    neck: f32,
    neck_depth: f32,
    sleeve: f32,
    sleeve_width: f32,
    /// The part of its length that a sleeve goes sideways.
    sleeve_out: f32,
    /// How clearly each of these can be seen, from 0 to 1.
    collar: f32,
    buttons: f32,
    opening: f32,
    rib: f32,
    print: f32,
}

impl Top {
    /// A T-shirt (0), pullover (2), dress (3), coat (4) or shirt (6).
    pub(super) fn new(label: u8, dice: &mut Dice) -> Self {
        let mut some = |percent: f32| {
            if dice.chance(percent) {
                dice.between(0.5, 1.0)
            } else {
                0.0
            }
        };
        let [collar, buttons, opening, rib, print] = match label {
            0 => [some(3.0), some(3.0), 0.0, some(5.0), some(45.0)],
            2 => [some(6.0), some(3.0), some(3.0), some(85.0), some(25.0)],
            3 => [some(5.0), some(8.0), 0.0, 0.0, some(10.0)],
            4 => [some(80.0), some(12.0), some(92.0), some(5.0), 0.0],
            _ => [some(85.0), some(88.0), some(4.0), some(5.0), some(8.0)],
        };
        let long = match label {
            0 => dice.chance(6.0),
            2 => dice.chance(94.0),
            3 => dice.chance(18.0),
            4 => dice.chance(97.0),
            _ => dice.chance(65.0),
        };
        let [shoulder, chest, waist, hem, bottom] = match label {
            0 => [7.6, 7.0, 6.8, 7.0, 25.5],
            2 => [7.2, 6.8, 6.6, 6.6, 25.2],
            3 => [4.6, 4.2, 3.6, 5.6, 27.2],
            4 => [7.2, 6.9, 6.7, 7.2, 26.6],
            _ => [7.0, 6.6, 6.2, 6.7, 25.8],
        };
        let size = dice.near(0.0, 1.6);
        let sleeveless = label == 3 && dice.chance(55.0);
        let sleeve = if sleeveless {
            0.0
        } else if long {
            dice.near(18.5, 3.0)
        } else {
            dice.near(7.0, 3.0)
        };
        Self {
            shoulder: size + dice.near(shoulder, 0.8),
            chest: size + dice.near(chest, 0.8),
            waist: size + dice.near(waist, if label == 3 { 0.9 } else { 0.8 }),
            hem: size + dice.near(hem, if label == 3 { 2.5 } else { 0.9 }),
            bottom: dice.near(bottom, 1.4),
            neck: dice.near(3.2, 1.2),
            neck_depth: dice.between(0.5, if label == 3 { 6.0 } else { 4.5 }),
            sleeve,
            sleeve_width: dice.near(if long { 3.0 } else { 4.2 }, 0.8),
            sleeve_out: if long {
                dice.near(0.2, 0.14)
            } else {
                dice.near(0.6, 0.3)
            },
            collar,
            buttons,
            opening,
            rib,
            print,
        }
    }

    /// The garment `part` of the way from this one to another.
    pub(super) fn towards(&self, other: &Self, part: f32) -> Self {
        let mix = |a: f32, b: f32| a + part * (b - a);
        Self {
            shoulder: mix(self.shoulder, other.shoulder),
            chest: mix(self.chest, other.chest),
            waist: mix(self.waist, other.waist),
            hem: mix(self.hem, other.hem),
            bottom: mix(self.bottom, other.bottom),
            neck: mix(self.neck, other.neck),
            neck_depth: mix(self.neck_depth, other.neck_depth),
            sleeve: mix(self.sleeve, other.sleeve),
            sleeve_width: mix(self.sleeve_width, other.sleeve_width),
            sleeve_out: mix(self.sleeve_out, other.sleeve_out),
            collar: mix(self.collar, other.collar),
            buttons: mix(self.buttons, other.buttons),
            opening: mix(self.opening, other.opening),
            rib: mix(self.rib, other.rib),
            print: mix(self.print, other.print),
        }
    }

    pub(super) fn draw(&self, canvas: &mut Canvas, cloth: &Cloth, dice: &mut Dice) {
        let right = |x: f32, y: f32| [MIDDLE + x, y];
        let (top, armpit) = (2.6, 10.0);
        if self.sleeve > 0.5 {
            self.sleeves(canvas, cloth, dice, armpit);
        }
        let body = mirrored(
            MIDDLE,
            &[
                right(0.0, top + self.neck_depth),
                right(self.neck * 0.7, top + self.neck_depth * 0.7),
                right(self.neck, top),
                right(self.shoulder, top + 2.0),
                right(self.chest, armpit),
                right(self.waist, 16.5),
                right(self.hem, self.bottom),
            ],
        );
        canvas.fill(&body, cloth.shade(0.0));
        let dark = dice.chance(60.0);
        let line = if dark { -0.3 } else { 0.3 };
        if self.collar > 0.2 {
            for side in [-1.0, 1.0] {
                let flap = [
                    [MIDDLE + side * self.neck, top - 0.3],
                    [MIDDLE + side * (self.neck + 1.2), top + 2.2],
                    [MIDDLE + side * 1.2, top + self.neck_depth + 3.0],
                    [MIDDLE, top + self.neck_depth],
                ];
                // A mirrored outline has the opposite direction, which makes no difference to a fill.
                canvas.fill(&flap, cloth.shade(line * self.collar));
            }
        }
        let front = [
            right(0.2, top + self.neck_depth),
            right(0.2, self.bottom - 0.2),
        ];
        if self.opening > 0.2 {
            canvas.stroke(
                &front,
                1.0 + self.opening,
                cloth.shade(1.6 * line * self.opening),
            );
        }
        if self.buttons > 0.2 {
            canvas.stroke(&front, 2.6, cloth.shade(0.5 * line * self.buttons));
            for button in 0..5 {
                let at = right(0.2, top + self.neck_depth + 1.8 + 3.8 * button as f32);
                canvas.fill(&ellipse(at, [0.9, 0.7]), cloth.shade(-line * self.buttons));
            }
        }
        if self.rib > 0.2 {
            let band = |canvas: &mut Canvas, from: Point, to: Point| {
                canvas.stroke(&[from, to], 1.8, cloth.shade(0.8 * line * self.rib));
            };
            let y = self.bottom - 1.0;
            band(canvas, right(0.8 - self.hem, y), right(self.hem - 0.8, y));
            band(
                canvas,
                right(-self.neck * 0.6, top + self.neck_depth * 0.8),
                right(0.0, top + self.neck_depth + 0.4),
            );
            band(
                canvas,
                right(0.0, top + self.neck_depth + 0.4),
                right(self.neck * 0.6, top + self.neck_depth * 0.8),
            );
        }
        if self.print > 0.2 {
            let size = [dice.between(1.5, self.chest * 0.6), dice.between(1.2, 3.5)];
            canvas.fill(
                &ellipse(right(0.0, dice.between(10.0, 15.0)), size),
                cloth.shade(line * self.print),
            );
        }
    }

    fn sleeves(&self, canvas: &mut Canvas, cloth: &Cloth, dice: &mut Dice, armpit: f32) {
        let shade = dice.near(-0.06, 0.12);
        for side in [-1.0, 1.0] {
            let out = (self.sleeve_out + dice.near(0.0, 0.06)).clamp(0.02, 0.95);
            let down = (1.0 - out * out).sqrt();
            let shoulder = [self.shoulder, 4.6];
            let cuff = [
                shoulder[0] + out * self.sleeve,
                shoulder[1] + down * self.sleeve,
            ];
            // The sleeve hangs outside the body, from the shoulder to the cuff and back to the armpit.
            let inner = [
                cuff[0] - down * self.sleeve_width,
                cuff[1] + out * self.sleeve_width,
            ];
            let elbow = [
                (shoulder[0] + cuff[0]) / 2.0 + 0.5,
                (shoulder[1] + cuff[1]) / 2.0,
            ];
            let shift = if self.sleeve > 12.0 { 1.6 } else { 0.0 };
            let points = [
                [shoulder[0] - 1.5, shoulder[1] - 0.6],
                [shoulder[0] + 0.4 + shift * 0.5, shoulder[1] + 0.5],
                [elbow[0] + shift, elbow[1]],
                [cuff[0] + shift, cuff[1]],
                [inner[0] + shift, inner[1]],
                [self.chest - 0.2, armpit + 1.5],
                [self.chest - 1.0, armpit - 2.0],
            ];
            let points = points.map(|[x, y]| [MIDDLE + side * x, y]);
            canvas.fill(&points, cloth.shade(shade));
            // The gap or shadow between sleeve and body.
            if self.sleeve > 12.0 {
                canvas.stroke(&[points[5], points[4]], 0.7, cloth.shade(-0.3));
            }
        }
    }
}
