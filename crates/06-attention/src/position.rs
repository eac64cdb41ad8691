//! Positional encoding: a vector of sines and cosines for each position, because attention knows nothing about order.
//! D2L zh 10.6.3, en 11.6.3; Vaswani et al. 2017, arXiv:1706.03762.
//!
//! p_{i, 2j} = sin(i ω_j),   p_{i, 2j+1} = cos(i ω_j),   ω_j = 1 / 10000^{2j / d}
//!
//! The first columns change from position to position, the last ones over thousands of positions, like the bits of a
//! binary number. A shift by δ positions turns each pair of columns by the angle δ ω_j, wherever it starts:
//!
//! (p_{i+δ, 2j}, p_{i+δ, 2j+1}) = R (p_{i, 2j}, p_{i, 2j+1}),   R = [[cos δ ω_j, sin δ ω_j], [-sin δ ω_j, cos δ ω_j]]

use std::path::Path;

use candle_core::{Result, Tensor, bail};
use candle_nn::VarBuilder;
use d2l::nn::{Dropout, Mode, Sees, report_function};
use d2l::plot::{Matrix, Series, curves, heat_map};

/// The longest sequence in the book.
pub const MAX_LEN: usize = 1000;

/// ω_j for vectors of `d` numbers: radians per position.
pub fn frequency(j: usize, d: usize) -> f64 {
    10_000f64.powf(-2.0 * j as f64 / d as f64)
}

/// p_i, the `d` numbers of position i. If d is odd, the last sine has no cosine beside it.
pub fn encoding(i: usize, d: usize) -> Vec<f64> {
    let number = |column: usize| {
        let angle = i as f64 * frequency(column / 2, d);
        match column % 2 {
            0 => angle.sin(),
            _ => angle.cos(),
        }
    };
    (0..d).map(number).collect()
}

/// R for a shift by δ positions, which turns columns 2j and 2j + 1 of `d`.
pub fn rotation(delta: f64, j: usize, d: usize) -> [[f64; 2]; 2] {
    let (sin, cos) = (delta * frequency(j, d)).sin_cos();
    [[cos, sin], [-sin, cos]]
}

/// Adds its encoding to each position of a sequence, then drops numbers in training.
#[derive(Clone, Debug)]
pub struct PositionalEncoding {
    /// `[positions, H]`
    p: Tensor,
    dropout: Dropout,
}

impl PositionalEncoding {
    /// For up to `max_len` positions of `num_hiddens` numbers, in the type and on the device of `vb`, whose prefix names the
    /// dropout. It has no parameters.
    pub fn new(num_hiddens: usize, max_len: usize, dropout: f64, vb: VarBuilder) -> Result<Self> {
        let rows = (0..max_len).flat_map(|i| encoding(i, num_hiddens));
        let p = Tensor::from_vec(rows.collect(), (max_len, num_hiddens), vb.device())?;
        Ok(Self {
            p: p.to_dtype(vb.dtype())?,
            dropout: Dropout::new(dropout, vb.pp("dropout").prefix())?,
        })
    }

    /// `[B, T, H] -> [B, T, H]`. The sequence begins at position `first`: after a cache, this is the number of
    /// positions in it.
    ///
    /// # Errors
    /// If the sequence ends after the last position.
    pub fn forward(&self, x: &Tensor, first: usize, mode: Mode) -> Result<Tensor> {
        let (_, steps, _) = x.dims3()?;
        let positions = self.p.dim(0)?;
        if first + steps > positions {
            bail!(
                "found a sequence of positions {first} to {}, wanted positions below {positions}",
                first + steps
            );
        }
        let sum = x.broadcast_add(&self.p.narrow(0, first, steps)?)?;
        report_function("positional_encoding", &[x], &sum, Sees::Same);
        self.dropout.forward_t(&sum, mode)
    }
}

/// Draws the encoding of `positions` positions by `d` numbers as a heat map, and columns 6 to 9 as curves, in `folder`.
/// zh 10.6.3, en 11.6.3.
///
/// # Errors
/// If a file cannot be written, or there are fewer than 10 columns.
pub fn draw(folder: &Path, positions: usize, d: usize) -> anyhow::Result<()> {
    let rows: Vec<Vec<f64>> = (0..positions).map(|i| encoding(i, d)).collect();
    let names = |n: usize| -> Vec<String> { (0..n).map(|i| i.to_string()).collect() };
    let matrix = Matrix {
        values: &rows.concat(),
        rows: &names(positions),
        columns: &names(d),
    };
    heat_map(
        &folder.join("positional-encoding.svg"),
        "Positional encoding",
        "position",
        "column",
        &matrix,
        false,
    )?;
    let series = |column: usize| {
        let numbers = rows.iter().filter_map(|row| row.get(column).copied());
        Series {
            name: format!("column {column}"),
            points: (0..).map(f64::from).zip(numbers).collect(),
        }
    };
    let path = folder.join("positional-encoding-columns.svg");
    let lines: Vec<Series> = (6..10).map(series).collect();
    curves(
        &path,
        "Four columns of the positional encoding",
        "position",
        "number",
        &lines,
    )
}
