//! The logit lens: what the model would predict after each block. nostalgebraist 2020, "interpreting GPT: the logit
//! lens".
//!
//! A block adds to its input, so the output of every block can be read as if it were the last one's. The first rows
//! mostly repeat the token itself; the answer forms from block to block.

use anyhow::Result;
use candle_core::{D, Device, Tensor};
use d2l::Run;
use d2l::nn::{no_grad, softmax};
use d2l::plot::{Matrix, heat_map};

use super::network::Gpt;
use super::tokens::Tokens;

/// What one layer would predict at one position.
#[derive(Clone, Debug, PartialEq)]
pub struct Guess {
    /// The most likely next token.
    pub token: u32,
    /// The probability of the token that actually follows.
    pub right: f64,
}

/// A row for the embedding and for each block: their guesses at all positions of `tokens` but the last.
pub fn look(model: &Gpt, tokens: &[u32], device: &Device) -> Result<Vec<Vec<Guess>>> {
    let steps = tokens.len().saturating_sub(1);
    let x = Tensor::new(&tokens[..steps], device)?.unsqueeze(0)?; // [1, T]
    let next = Tensor::new(&tokens[1..], device)?.reshape((1, steps, 1))?;
    let row = |logits: Tensor| -> Result<Vec<Guess>> {
        let best: Vec<u32> = logits.argmax(D::Minus1)?.flatten_all()?.to_vec1()?;
        let right = softmax(&logits, 2)?.gather(&next, 2)?.flatten_all()?;
        let right: Vec<f32> = right.to_vec1()?;
        let both = best.into_iter().zip(right);
        let guess = |(token, right)| Guess { token, right: f64::from(right) };
        Ok(both.map(guess).collect())
    };
    let layers = no_grad(|| model.logit_lens(&x))?;
    layers.into_iter().map(row).collect()
}

/// Prints the guesses below the tokens of a text and draws the probabilities of the right ones as
/// `figures/logit-lens.svg`.
pub fn show(model: &Gpt, text: &[u32], tokens: &Tokens, run: &Run) -> Result<()> {
    let rows = look(model, text, &run.settings.device)?;
    let names =
        |ids: &[u32]| -> Result<Vec<String>> { ids.iter().map(|&id| tokens.name(id)).collect() };
    let seen = names(&text[..text.len() - 1])?;
    let label = |layer: usize| match layer {
        0 => "embedding".to_string(),
        block => format!("block {block}"),
    };
    let labels: Vec<String> = (0..rows.len()).map(label).collect();
    let mut table = vec![("token".to_string(), seen.clone())];
    for (label, row) in labels.iter().zip(&rows) {
        let guesses: Vec<u32> = row.iter().map(|guess| guess.token).collect();
        table.push((label.clone(), names(&guesses)?));
    }
    table.push(("next".to_string(), names(&text[1..])?));
    run.say("lens    the most likely next token after each layer, below the token that was read:");
    for line in lines(&table) {
        run.say(&line);
    }
    let Some(path) = run.figure("logit-lens")? else {
        return Ok(());
    };
    let values: Vec<f64> = rows.iter().flatten().map(|guess| guess.right).collect();
    let matrix = Matrix { values: &values, rows: &labels, columns: &seen };
    let title = "Logit lens: probability of the token that follows";
    heat_map(&path, title, "after", "token", &matrix, false)
}

/// The rows with their cells one below the other.
fn lines(table: &[(String, Vec<String>)]) -> Vec<String> {
    let width = |text: &str| text.chars().count();
    let columns = table
        .iter()
        .map(|(_, cells)| cells.len())
        .max()
        .unwrap_or(0);
    let widest = |column: usize| {
        let cells = table.iter().filter_map(|(_, cells)| cells.get(column));
        cells.map(|cell| width(cell)).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(widest).collect();
    let line = |(label, cells): &(String, Vec<String>)| {
        let mut line = format!("{label:<11}");
        for (cell, widest) in cells.iter().zip(&widths) {
            line += cell;
            line += &" ".repeat(widest + 1 - width(cell));
        }
        line.trim_end().to_string()
    };
    table.iter().map(line).collect()
}
