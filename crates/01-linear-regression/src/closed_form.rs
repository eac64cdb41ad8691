//! The weights with the least squared error, computed by a formula instead of learned.
//!
//! D2L zh 3.1.1.3, en 3.1.1.3. The derivative of ‖y − Xw‖² with respect to w is zero where
//!
//! XᵀX w = Xᵀy,  so that  w* = (XᵀX)⁻¹ Xᵀy.
//!
//! A column of ones in X makes the bias one of the weights. Few models have such a formula. Here it shows how close
//! training comes to the best weights.

use anyhow::{Result, bail, ensure};
use d2l::data::{Column, Dataset};

/// A pivot below this share of its diagonal element is rounding error: the matrix has no inverse.
const SMALLEST_PIVOT: f64 = 1e-12;

/// The line with the least squared error.
#[derive(Clone, Debug, PartialEq)]
pub struct ClosedForm {
    /// Weight w*, one number per feature.
    pub weight: Vec<f64>,
    /// Bias b*.
    pub bias: f64,
}

impl ClosedForm {
    /// Solves XᵀX w = Xᵀy for features `[N, D]` and targets `[N, 1]`, in f64.
    ///
    /// # Errors
    /// If XᵀX has no inverse: fewer examples than unknowns, or a feature that is a weighted sum of others.
    pub fn of(data: &Dataset<2>) -> Result<Self> {
        let (x, y) = (floats(data, 0)?, floats(data, 1)?);
        ensure!(!y.is_empty(), "there are no examples to fit a line to");
        let features = x.len() / y.len();
        let unknowns = features + 1;
        // XᵀX with Xᵀy as its last column.
        let mut rows = vec![vec![0.0; unknowns + 1]; unknowns];
        for (x, &y) in x.chunks(features.max(1)).zip(&y) {
            let with_one = || x.iter().copied().chain([1.0]);
            for (row, a) in rows.iter_mut().zip(with_one()) {
                for (element, b) in row.iter_mut().zip(with_one().chain([y])) {
                    *element += a * b;
                }
            }
        }
        let Some(mut weight) = solve(rows) else {
            bail!(
                "XᵀX has no inverse: {} examples for {unknowns} unknowns; wanted at least as many, and no feature that \
                 is a weighted sum of others",
                y.len()
            )
        };
        let bias = weight.pop().unwrap_or_default();
        Ok(Self { weight, bias })
    }

    /// ‖(w, b) − (w*, b*)‖, the distance of other parameters from the best ones.
    pub fn distance(&self, weight: &[f64], bias: f64) -> f64 {
        let gaps = self.weight.iter().zip(weight).map(|(best, w)| best - w);
        let squares: f64 = gaps.chain([self.bias - bias]).map(|gap| gap * gap).sum();
        squares.sqrt()
    }
}

/// A column of the data as f64: sums over thousands of squares lose digits in f32.
fn floats(data: &Dataset<2>, column: usize) -> Result<Vec<f64>> {
    match data.column(column) {
        Column::Floats { values, .. } => Ok(values.iter().map(|&value| f64::from(value)).collect()),
        _ => bail!("column {column} of the data holds no floats; wanted features and targets"),
    }
}

/// Solves A w = b by Gaussian elimination for a symmetric positive definite A, which needs no exchange of rows; `None`
/// if A is singular. Each of `rows` is a row of A with its element of b as the last number.
fn solve(mut rows: Vec<Vec<f64>>) -> Option<Vec<f64>> {
    let diagonal: Vec<f64> = rows
        .iter()
        .enumerate()
        .filter_map(|(i, row)| row.get(i).copied())
        .collect();
    // The triangle: the first row has all unknowns, each further row has one less.
    let mut triangle: Vec<Vec<f64>> = Vec::new();
    for size in diagonal {
        let top = rows.remove(0);
        let (pivot, behind) = top.split_first()?;
        if pivot.is_nan() || *pivot <= SMALLEST_PIVOT * size {
            return None;
        }
        for row in &mut rows {
            let factor = row.remove(0) / pivot;
            for (element, above) in row.iter_mut().zip(behind) {
                *element -= factor * above;
            }
        }
        triangle.push(top);
    }
    let mut from_last: Vec<f64> = Vec::new();
    for row in triangle.iter().rev() {
        let [pivot, known @ .., b] = row.as_slice() else {
            return None;
        };
        let known = known.iter().zip(from_last.iter().rev());
        let rest = b - known.map(|(a, w)| a * w).sum::<f64>();
        from_last.push(rest / pivot);
    }
    from_last.reverse();
    Some(from_last)
}
