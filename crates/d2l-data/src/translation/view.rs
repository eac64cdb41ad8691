//! A minibatch of sentence pairs as text: tokens above their ids, padding marked, every axis with its name and size.

use candle_core::{Result, Tensor};
use unicode_width::UnicodeWidthStr;

use super::{BEGIN, ParallelText, decoder_input};
use crate::Vocabulary;

/// Terminal columns of a label.
const LABEL: usize = 15;
/// Terminal columns between two time steps.
const GAP: usize = 2;

impl ParallelText {
    /// A minibatch of [`ParallelText::splits`] for a person to read: the inputs of the encoder and the decoder, the
    /// decoder's targets, and which of them count. Columns are as wide as a terminal shows their letters.
    ///
    /// # Errors
    /// If the tensors aren't source `[B, T]`, valid length `[B]`, target `[B, T]`, valid length `[B]`, all u32.
    pub fn view(&self, batch: &[Tensor; 4]) -> Result<String> {
        let [source, source_length, target, target_length] = batch;
        let (pairs, steps) = source.dims2()?;
        for (tensor, shape) in [
            (source_length, &[pairs][..]),
            (target, &[pairs, steps]),
            (target_length, &[pairs]),
        ] {
            if tensor.dims() != shape {
                candle_core::bail!(
                    "found a tensor {:?} in a minibatch whose source is {:?}, wanted {shape:?}",
                    tensor.dims(),
                    source.dims()
                );
            }
        }
        let input = decoder_input(target, self.target_vocabulary.id(BEGIN))?;

        let mut text = format!(
            "source               [B = {pairs}, T = {steps}]\n\
             source valid length  [B = {pairs}]\n\
             decoder input        [B = {pairs}, T = {steps}]\n\
             target               [B = {pairs}, T = {steps}]\n\
             target valid length  [B = {pairs}]\n\
             B sentence pairs, T time steps; mask: 1 up to the valid length, 0 for padding\n"
        );
        let (source, input) = (source.to_vec2::<u32>()?, input.to_vec2::<u32>()?);
        let target = target.to_vec2::<u32>()?;
        let source_length = source_length.to_vec1::<u32>()?;
        let target_length = target_length.to_vec1::<u32>()?;
        let sources = source.iter().zip(source_length);
        let targets = input.iter().zip(target.iter().zip(target_length));
        for (b, (source, (input, target))) in sources.zip(targets).enumerate() {
            let ((source, source_length), (target, target_length)) = (source, target);
            text.push('\n');
            text.push_str(&table(&[
                Line::new(format!("b = {b}, t ="), 0..steps),
                Line::tokens("source", source, &self.source_vocabulary).valid(source_length),
                Line::new("  id", source),
                Line::mask(source_length, steps),
                Line::tokens("decoder input", input, &self.target_vocabulary),
                Line::new("  id", input),
                Line::tokens("target", target, &self.target_vocabulary).valid(target_length),
                Line::new("  id", target),
                Line::mask(target_length, steps),
            ]));
        }
        Ok(text)
    }
}

/// A line of a table: a label, a cell for each time step, a remark.
struct Line {
    label: String,
    cells: Vec<String>,
    remark: String,
}

impl Line {
    fn new<T: ToString>(label: impl Into<String>, cells: impl IntoIterator<Item = T>) -> Self {
        Self {
            label: label.into(),
            cells: cells.into_iter().map(|cell| cell.to_string()).collect(),
            remark: String::new(),
        }
    }

    fn tokens(label: &str, ids: &[u32], vocabulary: &Vocabulary) -> Self {
        Self::new(label, ids.iter().map(|&id| vocabulary.token(id)))
    }

    fn mask(length: u32, steps: usize) -> Self {
        let counts = (0..steps).map(|t| u32::from(t < length as usize));
        Self::new("  mask", counts)
    }

    fn valid(mut self, length: u32) -> Self {
        self.remark = format!("valid length {length}");
        self
    }
}

/// The lines with their cells one below the other.
fn table(lines: &[Line]) -> String {
    let steps = lines.iter().map(|line| line.cells.len()).max();
    let width = |t: usize| {
        let cells = lines.iter().filter_map(|line| line.cells.get(t));
        cells.map(|cell| cell.as_str().width()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..steps.unwrap_or(0)).map(width).collect();
    let mut text = String::new();
    for line in lines {
        let mut row = padded(&line.label, LABEL);
        for (cell, width) in line.cells.iter().zip(&widths) {
            row.push_str(&padded(cell, width + GAP));
        }
        row.push_str(&line.remark);
        text.push_str(row.trim_end());
        text.push('\n');
    }
    text
}

/// `text` and spaces up to this number of terminal columns.
fn padded(text: &str, columns: usize) -> String {
    let spaces = columns.saturating_sub(text.width());
    format!("{text}{}", " ".repeat(spaces))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A combining accent takes no column, a Chinese character takes two.
    #[test]
    fn columns_are_counted_as_a_terminal_shows_them() {
        let cells = ["e\u{301}te\u{301}", "d'été", "词元"];
        let lines = [Line::new("a", cells), Line::new("b", [1, 2, 3]).valid(3)];
        let wanted = format!(
            "a{0}e\u{301}te\u{301}  d'été  词元\nb{0}1    2      3     valid length 3\n",
            " ".repeat(LABEL - 1)
        );
        assert_eq!(table(&lines), wanted);
    }
}
