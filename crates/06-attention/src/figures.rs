//! Figures of attention: which words of a sentence the decoder looked at.

use anyhow::Result;
use candle_core::{DType, Tensor};
use d2l::Run;
use d2l::plot::{Matrix, heat_map};

use crate::translation::Translation;

/// Draws the weights `[1, Q, K]` of each attention layer for each translation, as `figures/alignment1.svg`, …
pub fn draw_alignments(run: &Run, translations: &[Translation]) -> Result<()> {
    for (number, translation) in (1..).zip(translations) {
        for (_, weights) in &translation.attention {
            let Some(path) = run.figure(&format!("alignment{number}"))? else {
                return Ok(());
            };
            let title = format!(
                "{} → {}",
                translation.source.join(" "),
                translation.target.join(" ")
            );
            let rows = &translation.target;
            let values = cells(&weights.squeeze(0)?, rows.len(), translation.source.len())?;
            let matrix = Matrix { values: &values, rows, columns: &translation.source };
            heat_map(&path, &title, "written", "looked at", &matrix, true)?;
        }
    }
    Ok(())
}

/// The first rows and columns of `[Q, K]`, row by row: the rest is padding.
fn cells(weights: &Tensor, rows: usize, columns: usize) -> Result<Vec<f64>> {
    let counted = weights.narrow(0, 0, rows)?.narrow(1, 0, columns)?;
    Ok(counted.to_dtype(DType::F64)?.flatten_all()?.to_vec1()?)
}
