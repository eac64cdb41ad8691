//! What each head of each layer looks at, as heat maps with tokens on the axes. D2L zh 10.7.6, en 11.7.6.

use anyhow::Result;
use attention::translation::Translation;
use candle_core::Tensor;
use d2l::Run;
use d2l::plot::{Matrix, heat_map};

/// Empty rows or columns between two heat maps.
const GAP: usize = 1;

/// Draws the attention of a translation as `figures/encoder-self-attention.svg`, `figures/decoder-self-attention.svg` and
/// `figures/cross-attention.svg`: blocks from top to bottom, heads from left to right.
pub fn draw(run: &Run, translation: &Translation) -> Result<()> {
    let read = &translation.source;
    // The decoder reads what it wrote, one token later and after the mark of the beginning.
    let begin = [d2l::data::translation::BEGIN.to_string()];
    let written = begin.iter().chain(&translation.target);
    let written: Vec<String> = written.take(translation.target.len()).cloned().collect();
    for (kind, name, queries, keys) in [
        ("encoder.blocks", "encoder-self-attention", read, read),
        ("attention1", "decoder-self-attention", &written, &written),
        ("attention2", "cross-attention", &written, read),
    ] {
        let Some(path) = run.figure(name)? else {
            return Ok(());
        };
        let layers = translation.attention.iter();
        let layers = layers.filter(|(layer, _)| layer.contains(kind));
        let weights = |(_, weights): &(String, Tensor)| heads(weights, queries.len(), keys.len());
        let layers: Vec<Vec<Vec<f64>>> = layers.map(weights).collect::<Result<_>>()?;
        let num_heads = layers.first().map_or(0, Vec::len);
        let title = format!("{}: {}", name.replace('-', " "), read.join(" "));
        let rows = format!("query (blocks 1 to {} from top to bottom)", layers.len());
        let columns = format!("key (heads 1 to {num_heads} from left to right)");
        let matrix = Matrix {
            values: &grid(&layers, queries.len(), keys.len()),
            rows: &repeated(queries, layers.len()),
            columns: &repeated(keys, num_heads),
        };
        heat_map(&path, &title, &rows, &columns, &matrix, false)?;
    }
    Ok(())
}

/// Each head's weights `[queries, keys]`, row by row, from `[1, N, Q, K]`. The rest is padding.
fn heads(weights: &Tensor, queries: usize, keys: usize) -> Result<Vec<Vec<f64>>> {
    let counted = weights.get(0)?.narrow(1, 0, queries)?.narrow(2, 0, keys)?;
    let rows: Vec<Vec<f32>> = counted.flatten_from(1)?.to_vec2()?;
    let wide = |row: Vec<f32>| row.into_iter().map(f64::from).collect();
    Ok(rows.into_iter().map(wide).collect())
}

/// All heads' weights as one matrix, row by row.
fn grid(layers: &[Vec<Vec<f64>>], queries: usize, keys: usize) -> Vec<f64> {
    let mut values = Vec::new();
    for (number, heads) in layers.iter().enumerate() {
        let width = heads.len() * (keys + GAP) - GAP;
        if number > 0 {
            values.extend(std::iter::repeat_n(0.0, GAP * width));
        }
        for query in 0..queries {
            for (number, weights) in heads.iter().enumerate() {
                let gap = if number > 0 { GAP } else { 0 };
                values.extend(std::iter::repeat_n(0.0, gap));
                values.extend(&weights[query * keys..(query + 1) * keys]);
            }
        }
    }
    values
}

/// The tokens, repeated, with empty names between the repetitions.
fn repeated(tokens: &[String], times: usize) -> Vec<String> {
    let gap = vec![String::new(); GAP];
    let all = vec![tokens; times];
    all.join(&gap[..])
}
