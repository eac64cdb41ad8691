//! The positional encoding as figures, and a shift of position as a rotation, in numbers. D2L zh 10.6.3, en 11.6.3.
//!
//! `cargo run -p attention --example positions` draws in `target/figures`, or in the folder given after `--`.

use std::path::PathBuf;

use attention::position::{draw, encoding, frequency, rotation};
use clap::Parser;

/// The book's: 60 positions, 32 columns.
const POSITIONS: usize = 60;
const COLUMNS: usize = 32;

/// Draws the positional encoding, and shows that a shift of position is a rotation
#[derive(Parser)]
struct Args {
    /// Folder for the figures
    #[arg(default_value = "target/figures")]
    folder: PathBuf,
}

fn main() -> anyhow::Result<()> {
    let Args { folder } = Args::parse();
    draw(&folder, POSITIONS, COLUMNS)?;
    println!("drawn in {}\n", folder.display());

    let delta = 7.0;
    println!(
        "A shift by {delta} positions turns columns 2j and 2j + 1 by {delta} ω_j, wherever it starts:\n"
    );
    println!("  i   j    p_i                p_(i+7)            R p_i");
    for (i, j) in [(0, 0), (20, 0), (0, 3), (20, 3), (40, 3), (20, 8)] {
        let pair = |i: usize| match encoding(i, COLUMNS).chunks_exact(2).nth(j) {
            Some(&[sin, cos]) => [sin, cos],
            _ => [0.0; 2],
        };
        let [[a, b], [c, d]] = rotation(delta, j, COLUMNS);
        let [sin, cos] = pair(i);
        let turned = [a * sin + b * cos, c * sin + d * cos];
        let text = |[x, y]: [f64; 2]| format!("({x:>7.4}, {y:>7.4})");
        println!(
            "{i:>3} {j:>3}    {}  {}  {}",
            text(pair(i)),
            text(pair(i + delta as usize)),
            text(turned)
        );
    }
    let period = |j| std::f64::consts::TAU / frequency(j, COLUMNS);
    println!(
        "\nThe first pair is back after {:.1} positions, the last after {:.0}.",
        period(0),
        period(COLUMNS / 2 - 1)
    );
    Ok(())
}
