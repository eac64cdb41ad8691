//! Ten digits as pen strokes.

use super::dice::Dice;
use super::raster::{Canvas, Picture, Point, Pose, curve};

/// A picture of the digit `label`.
pub(crate) fn picture(label: u8, dice: &mut Dice) -> Picture {
    let pose = Pose::new(
        dice.near(0.0, 0.45),
        [dice.between(0.72, 1.22), dice.between(0.78, 1.12)],
        dice.near(0.15, 0.5),
        [dice.near(0.0, 2.6), dice.near(0.0, 2.2)],
    );
    let hand = Hand::new(dice);
    let lines: Vec<Vec<Point>> = lines(label, dice)
        .into_iter()
        .map(|line| {
            let line: Vec<Point> = line
                .into_iter()
                .map(|point| hand.place(point, dice))
                .collect();
            curve(&line)
        })
        .collect();
    let (width, ink) = (dice.between(1.5, 3.4), dice.between(0.9, 1.0));
    let mut canvas = Canvas::new(pose);
    canvas.strokes(&lines, width, |_, _| ink);
    let (blur, grain) = (dice.between(0.1, 0.4), dice.between(0.0, 0.08));
    canvas.develop(blur, grain, dice)
}

/// How one handwriting differs from the model of a digit.
struct Hand {
    /// How far each point may be off by itself, in pixels.
    wobble: f32,
    /// Bends to the right and down, and the parts of a digit that grow to the right and down.
    bend: [f32; 2],
    grow: [f32; 2],
}

impl Hand {
    fn new(dice: &mut Dice) -> Self {
        Self {
            wobble: dice.between(0.4, 2.1),
            bend: [dice.near(0.0, 3.4), dice.near(0.0, 2.7)],
            grow: [dice.near(0.0, 3.2), dice.near(0.0, 3.2)],
        }
    }

    fn place(&self, [x, y]: Point, dice: &mut Dice) -> Point {
        let (right, down) = ((x - 14.0) / 6.0, (y - 14.0) / 9.0); // -1 to 1 in the digit's box
        let x = x + self.bend[0] * (down * down - 0.5) + self.grow[0] * right * down;
        let y = y + self.bend[1] * (right * right - 0.5) + self.grow[1] * right * down;
        [dice.near(x, self.wobble), dice.near(y, self.wobble)]
    }
}

/// The strokes of a digit, in a box of 11 x 18 pixels around the centre (14, 14). A point that is given twice makes a
/// corner. The strokes vary as handwriting does: how far a 4 is open, whether a 7 has a bar.
fn lines(label: u8, dice: &mut Dice) -> Vec<Vec<Point>> {
    match label {
        0 => {
            let gap = dice.near(0.0, 1.5);
            let r = dice.between(3.5, 5.5);
            vec![vec![
                [14.0 + gap, 5.2],
                [14.0 - r * 0.75, 7.5],
                [14.0 - r, 14.0],
                [14.0 - r * 0.75, 20.5],
                [14.0, 23.0],
                [14.0 + r * 0.8, 20.5],
                [14.0 + r, 14.0],
                [14.0 + r * 0.75, 7.5],
                [14.0, 5.0],
            ]]
        }
        1 => {
            let mut lines = vec![vec![[14.0, 5.0], [14.0, 14.0], [14.0, 23.0]]];
            if dice.chance(35.0) {
                let flag = dice.between(1.5, 5.0);
                lines.push(vec![
                    [14.0, 5.0],
                    [14.0 - flag, 5.0 + flag * dice.between(0.4, 1.1)],
                ]);
            }
            if dice.chance(12.0) {
                let foot = dice.between(2.0, 4.5);
                lines.push(vec![[14.0 - foot, 23.0], [14.0 + foot, 23.0]]);
            }
            lines
        }
        2 => {
            let mut line = vec![
                [9.0, 9.0],
                [11.0, 5.8],
                [14.5, 5.0],
                [18.5, 8.0],
                [17.0, 13.0],
                [12.5, 18.5],
            ];
            if dice.chance(40.0) {
                // A loop in the lower corner.
                line.extend([
                    [9.5, 22.0],
                    [9.0, 20.0],
                    [12.0, 20.5],
                    [15.5, 22.8],
                    [19.5, 21.5],
                ]);
            } else {
                line.extend([
                    [8.8, 22.6],
                    [8.8, 22.6],
                    [14.0, 22.6],
                    [19.5, dice.near(22.4, 1.2)],
                ]);
            }
            vec![line]
        }
        3 => {
            // How far the ends come back to the left: far back it looks like an 8.
            let back = dice.between(8.5, 11.0);
            let waist = dice.between(10.5, 14.5);
            vec![vec![
                [back, 7.5],
                [13.5, 5.0],
                [18.0, 8.5],
                [16.5, 12.0],
                [waist, 13.6],
                [waist, 13.6],
                [17.5, 15.0],
                [18.8, 19.0],
                [14.0, 23.0],
                [back - 0.5, dice.between(19.0, 21.5)],
            ]]
        }
        4 => {
            // Where the two uprights begin; close together on top it looks like a 9.
            let (left, right) = (dice.between(8.8, 13.8), dice.between(15.0, 18.0));
            let bar = dice.between(14.0, 17.0);
            let far = dice.between(17.5, 20.5);
            vec![
                vec![
                    [left, 5.2],
                    [9.0, bar],
                    [9.0, bar],
                    [14.0, bar],
                    [far, bar - 0.3],
                ],
                vec![[right, dice.between(5.0, 9.0)], [16.4, 14.0], [16.0, 23.2]],
            ]
        }
        5 => {
            let top = dice.between(16.0, 19.5);
            let end = dice.between(18.0, 21.5);
            vec![vec![
                [top, 5.4],
                [10.5, 5.6],
                [10.5, 5.6],
                [9.6, 12.5],
                [9.6, 12.5],
                [14.0, 11.2],
                [18.5, 14.5],
                [17.8, 20.0],
                [13.5, 23.0],
                [8.8, end],
            ]]
        }
        6 => {
            let loop_top = dice.between(11.5, 15.5);
            vec![vec![
                [dice.between(14.5, 18.0), 5.0],
                [11.8, 9.0],
                [9.6, 15.0],
                [10.2, 20.5],
                [14.0, 23.0],
                [18.2, 20.0],
                [17.5, loop_top + 2.2],
                [14.0, loop_top],
                [10.4, loop_top + 4.0],
            ]]
        }
        7 => {
            let left = dice.between(8.5, 10.5);
            let mut lines = vec![vec![
                [left, dice.between(5.4, 7.2)],
                [14.0, 5.6],
                [18.8, 5.6],
                [18.8, 5.6],
                [15.4, 13.0],
                [dice.between(11.0, 14.5), 23.0],
            ]];
            if dice.chance(30.0) {
                lines[0].insert(0, [left, 8.5]);
            }
            if dice.chance(25.0) {
                lines.push(vec![[11.5, 14.2], [18.0, 13.6]]);
            }
            lines
        }
        8 => {
            let (upper, lower) = (dice.between(2.2, 4.2), dice.between(3.0, 4.8));
            // The last point falls short of the first if the pen was lifted early: then it looks like a 3 or 6.
            let end = [14.0 + dice.between(0.0, upper), dice.between(5.0, 7.5)];
            vec![vec![
                [14.0 + upper * 0.7, 6.0],
                [14.0 - upper * 0.2, 5.0],
                [14.0 - upper, 8.6],
                [14.0, 13.2],
                [14.0 + lower, 18.5],
                [14.0, 23.0],
                [14.0 - lower, 18.8],
                [14.0, 13.6],
                [14.0 + upper, 9.2],
                end,
            ]]
        }
        _ => {
            let r = dice.between(3.0, 4.4);
            // How far the loop closes; open it looks like a 4.
            let open = dice.near(0.0, 2.0).abs();
            vec![vec![
                [17.4, 7.5 + open],
                [14.5 + open * 0.3, 5.2],
                [14.0 - r, 9.5],
                [13.6, 13.5],
                [17.0, 11.0],
                [17.6, 7.4],
                [17.4, 13.0],
                [dice.between(14.0, 17.5), 23.2],
            ]]
        }
    }
}
