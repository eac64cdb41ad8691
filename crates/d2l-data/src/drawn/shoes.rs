//! Sneaker, ankle boot and sandal, pointing to the left.

use super::dice::Dice;
use super::garments::Cloth;
use super::raster::{Canvas, Point, curve};

/// A closed shoe that points to the left.
pub(super) struct Shoe {
    /// Row of the upper rim, and its columns.
    rim: f32,
    front: f32,
    back: f32,
    /// Rows that the toe is high, and the heel under the shoe.
    toe: f32,
    heel: f32,
    laces: f32,
    stripe: f32,
    /// How much lighter the sole is.
    sole: f32,
}

impl Shoe {
    pub(super) fn sneaker(dice: &mut Dice) -> Self {
        let high = dice.chance(12.0);
        Self {
            rim: if high {
                dice.near(8.0, 2.0)
            } else {
                dice.near(12.0, 1.8)
            },
            front: dice.near(15.5, 2.0),
            back: dice.near(25.8, 0.8),
            toe: dice.near(3.8, 1.2),
            heel: if dice.chance(8.0) {
                dice.between(1.0, 2.0)
            } else {
                0.0
            },
            laces: if dice.chance(75.0) {
                dice.between(0.4, 1.0)
            } else {
                0.0
            },
            stripe: if dice.chance(55.0) {
                dice.between(0.4, 1.0)
            } else {
                0.0
            },
            sole: if dice.chance(70.0) {
                dice.between(0.1, 0.5)
            } else {
                -0.2
            },
        }
    }

    pub(super) fn boot(dice: &mut Dice) -> Self {
        let low = dice.chance(15.0);
        Self {
            rim: if low {
                dice.near(9.5, 1.6)
            } else {
                dice.near(5.0, 2.6)
            },
            front: dice.near(16.0, 2.0),
            back: dice.near(25.2, 0.9),
            toe: dice.near(4.6, 1.2),
            heel: if dice.chance(70.0) {
                dice.between(1.0, 4.5)
            } else {
                0.0
            },
            laces: if dice.chance(35.0) {
                dice.between(0.4, 1.0)
            } else {
                0.0
            },
            stripe: 0.0,
            sole: if dice.chance(30.0) {
                dice.between(0.0, 0.3)
            } else {
                -0.2
            },
        }
    }
}

pub(super) fn shoe(
    canvas: &mut Canvas,
    cloth: &Cloth,
    dice: &mut Dice,
    kind: fn(&mut Dice) -> Shoe,
) {
    let shoe = kind(dice);
    let ground = 21.5 + (14.0 - shoe.rim) * 0.3;
    let tip = dice.near(2.2, 0.8);
    let base = ground - 1.4;
    let dip = dice.between(0.0, 1.5);
    let outline = curve(&[
        [shoe.back, base],
        [tip + 1.0, base],
        [tip, base - shoe.toe * 0.5],
        [tip + 2.5, base - shoe.toe],
        [8.5, base - shoe.toe - 1.2],
        [shoe.front - 1.5, shoe.rim + 2.0],
        [shoe.front, shoe.rim],
        [(shoe.front + shoe.back) / 2.0, shoe.rim + dip],
        [shoe.back, shoe.rim],
        [shoe.back + 0.4, (shoe.rim + base) / 2.0],
        [shoe.back, base],
    ]);
    canvas.fill(&outline, cloth.shade(0.0));
    if shoe.stripe > 0.2 {
        for stripe in 0..2 {
            let x = dice.near(15.0, 2.0) + 2.5 * stripe as f32;
            let line = [[x, base - 1.0], [x + 2.2, base - 5.0]];
            canvas.stroke(&line, 1.1, cloth.shade(0.4 * shoe.stripe));
        }
    }
    if shoe.laces > 0.2 {
        for lace in 0..3 {
            let part = 0.15 + 0.3 * lace as f32;
            let x = 8.5 + part * (shoe.front - 9.0);
            let y = base - shoe.toe - 0.6 + part * (shoe.rim + 1.5 - base + shoe.toe);
            canvas.stroke(
                &[[x, y], [x + 2.2, y + 1.2]],
                0.7,
                cloth.shade(-0.35 * shoe.laces),
            );
        }
    }
    let sole = [
        [tip, base - 0.2],
        [shoe.back + 0.4, base - 0.2],
        [shoe.back + 0.4, ground],
        [tip + 0.8, ground],
    ];
    canvas.fill(&sole, cloth.shade(shoe.sole));
    if shoe.heel > 0.0 {
        let block = dice.between(3.0, 7.0);
        let heel = [
            [shoe.back + 0.3, ground - 0.3],
            [shoe.back, ground + shoe.heel],
            [shoe.back - block, ground + shoe.heel],
            [shoe.back - block - 1.0, ground - 0.3],
        ];
        canvas.fill(&heel, cloth.shade(-0.15));
    }
}

pub(super) fn sandal(canvas: &mut Canvas, cloth: &Cloth, dice: &mut Dice) {
    let ground = dice.near(21.5, 1.2);
    // Flat, or on a heel: the foot then falls from right to left.
    let heel = if dice.chance(45.0) {
        dice.between(2.0, 7.0)
    } else {
        dice.between(0.0, 0.8)
    };
    let foot = |x: f32, up: f32| -> Point {
        let along = ((x - 9.0) / 15.0).clamp(0.0, 1.0);
        [x, ground - heel * along - up]
    };
    let sole = curve(&[
        foot(2.2, 0.0),
        foot(6.0, 0.0),
        foot(10.0, 0.0),
        foot(17.0, 0.0),
        foot(25.5, 0.0),
    ]);
    canvas.stroke(&sole, dice.between(1.0, 2.4), cloth.shade(-0.05));
    if heel > 2.0 {
        let (under, width) = (foot(24.0, 0.0), dice.between(1.0, 4.5));
        let block = [
            [under[0] - width, under[1]],
            [under[0] + 1.4, under[1]],
            [under[0] + 1.2, ground + 0.6],
            [under[0] + 0.4 - width * 0.6, ground + 0.6],
        ];
        canvas.fill(&block, cloth.shade(-0.1));
    }
    let width = dice.between(0.8, 2.0);
    let height = dice.near(3.6, 1.5);
    let straps = dice.between(1.0, 3.99) as usize;
    for strap in 0..straps {
        // Over the foot, one behind the other and rising with it.
        let x = dice.near(5.0, 2.0) + 3.8 * strap as f32;
        let (up, span) = (height + 1.2 * strap as f32, dice.between(4.0, 8.0));
        let line = curve(&[
            foot(x, 0.0),
            foot(x + 0.25 * span, up * 0.8),
            foot(x + 0.6 * span, up),
            foot(x + span, up * dice.between(0.0, 0.6)),
        ]);
        canvas.stroke(&line, width, cloth.shade(dice.near(0.0, 0.15)));
    }
    if dice.chance(65.0) {
        // Round the ankle.
        let up = dice.near(8.5, 2.5);
        let line = curve(&[
            foot(25.2, 0.5),
            foot(25.6, up),
            foot(21.0, up + 0.8),
            foot(17.0, up - 1.5),
        ]);
        canvas.stroke(&line, width * 0.8, cloth.shade(0.0));
    }
    if dice.chance(25.0) {
        // Closed above the toes, as a shoe is.
        let toes = [
            foot(2.5, 0.0),
            foot(3.0, height * 0.6),
            foot(9.0, height),
            foot(12.0, 0.0),
        ];
        canvas.fill(&toes, cloth.shade(0.0));
    }
}
