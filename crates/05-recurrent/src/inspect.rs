//! `--inspect`: minibatches of a text beside the tensors that they become. D2L zh 8.3.4, en 9.3.3.
//!
//! All three ways of sampling are shown for the same text, so that they can be compared; the model's own is then shown
//! token by token.

use anyhow::Result;
use candle_core::{Device, Tensor};
use clap::ValueEnum;
use d2l::data::{Corpus, Vocabulary};
use d2l::language::{left, translated};
use d2l::nn::{Mode, no_grad};
use d2l::{Run, name_of, next_token_loss};
use unicode_width::UnicodeWidthStr;

use crate::hyperparameters::Options;
use crate::language_model::Recurrent;
use crate::minibatches::{Minibatches, Sampling, overlapping_windows};

/// Minibatches that are shown of each way of sampling, and rows of each.
const SHOWN: (usize, usize) = (2, 2);
/// Time steps that are shown token by token: as many as have room in a line of so many characters.
const SHOWN_STEPS: usize = 20;
const LINE: usize = 80;
/// Tokens of the vocabulary that are shown.
const SHOWN_TOKENS: usize = 40;

/// The minibatches of an epoch.
struct Epoch {
    /// Where the text windows start in each of the first minibatches.
    starts: Vec<Vec<usize>>,
    /// How many minibatches there are.
    count: usize,
    /// Inputs and targets of the first one, `[B, T]` each.
    first: [Tensor; 2],
}

/// Shows the first minibatches that the run would train on.
pub fn show(run: &Run, corpus: &Corpus, options: &Options, model: &dyn Recurrent) -> Result<()> {
    let vocabulary = &corpus.vocabulary;
    run.show(&format!(
        "text        {} ({}): {} {}s",
        corpus.provenance.name,
        corpus.provenance.source,
        corpus.tokens.len(),
        options.reading.token_name()
    ));
    let ids = (0..vocabulary.len() as u32).take(SHOWN_TOKENS);
    let tokens: Vec<String> = ids.map(|id| visible(vocabulary.token(id))).collect();
    run.show(&format!(
        "vocabulary  {} tokens, numbered from 0: {}{}",
        vocabulary.len(),
        tokens.join(" "),
        if vocabulary.len() > SHOWN_TOKENS {
            " …"
        } else {
            ""
        }
    ));
    for &sampling in Sampling::value_variants() {
        let is_own = sampling == options.sampling;
        let of_sampling = Options { sampling, ..options.clone() };
        match first_epoch(run, corpus, &of_sampling) {
            Err(cause) if is_own => return Err(cause),
            Err(cause) => run.show(&format!("\n{}: {cause:#}", name_of(&sampling))),
            Ok(epoch) => {
                show_rows(run, corpus, &of_sampling, &epoch, is_own);
            }
        }
    }
    let Epoch { first, .. } = first_epoch(run, corpus, options)?;
    show_tensors(
        run,
        vocabulary,
        &first,
        (model, options.structure.embedding_dim),
    )
}

/// The minibatches of the first epoch, as the training loop will cut them.
fn first_epoch(run: &Run, corpus: &Corpus, options: &Options) -> Result<Epoch> {
    let (settings, device) = (&run.settings, &run.settings.device);
    if options.sampling != Sampling::Windows {
        let (text, splits) = Minibatches::new(corpus, options, settings)?;
        let mut starts = text.all_of_epoch(run);
        let rows = starts.first().map_or(1, Vec::len);
        let first = text.batch(starts.first().map_or(&[][..], Vec::as_slice), device)?;
        starts.truncate(SHOWN.0);
        return Ok(Epoch { starts, count: splits.train.len() / rows, first });
    }
    let splits = overlapping_windows(corpus, options.max_tokens, options.num_steps)?;
    let windows = settings.first_examples(splits).train;
    let batches = first_epoch_of(run, windows.len());
    let first = windows.batch(batches.first().map_or(&[][..], Vec::as_slice), device)?;
    let count = batches.len();
    Ok(Epoch {
        starts: batches.into_iter().take(SHOWN.0).collect(),
        count,
        first,
    })
}

/// The minibatches of the first epoch of a set of so many examples, as `d2l::fit` takes them.
pub fn first_epoch_of(run: &Run, examples: usize) -> Vec<Vec<usize>> {
    let order = match run.shuffle("train") {
        Some(stream) => stream.permutation(examples),
        None => (0..examples).collect(),
    };
    let batches = order.chunks(run.settings.recipe.batch_size);
    batches.map(<[usize]>::to_vec).collect()
}

/// The first rows of the first minibatches as text.
fn show_rows(run: &Run, corpus: &Corpus, options: &Options, epoch: &Epoch, is_own: bool) {
    let (reading, token) = (&options.reading, options.reading.token_name());
    let state = match options.sampling {
        Sampling::Sequential => {
            "each row goes on where it ended, from the state it ended with".to_string()
        }
        Sampling::Random => "text windows side by side, each from a state of zeros".to_string(),
        Sampling::Windows => {
            format!("a text window at every {token}, each from a state of zeros")
        }
    };
    run.show(&format!(
        "\n--sampling {}{}: {} minibatches in an epoch; {state}",
        name_of(&options.sampling),
        if is_own { ", this model's" } else { "" },
        epoch.count
    ));
    for (number, starts) in (1..).zip(&epoch.starts) {
        for (row, &start) in (1..).zip(starts.iter().take(SHOWN.1)) {
            let window = corpus.tokens.get(start..start + options.num_steps);
            let text = reading.text_of(window.unwrap_or_default(), &corpus.vocabulary);
            run.show(&format!(
                "  minibatch {number}, row {row}, from {token} {start:>5}: {text:?}"
            ));
        }
    }
}

/// The axes of the first minibatch's tensors, and its first row token by token. A model whose tokens are not one-hot has
/// vectors of `embedding_dim` numbers.
pub fn show_tensors(
    run: &Run,
    vocabulary: &Vocabulary,
    [x, y]: &[Tensor; 2],
    (model, embedding_dim): (&dyn Recurrent, Option<usize>),
) -> Result<()> {
    let (batch, steps) = x.dims2()?;
    let (name, width, axes) = match embedding_dim {
        None => (
            "one-hot",
            vocabulary.len(),
            "time steps, batch, vocabulary: 1 at the token's number, else 0",
        ),
        Some(dim) => (
            "vectors",
            dim,
            "time steps, batch, numbers of the token's learned vector",
        ),
    };
    let (logits, _) = no_grad(|| model.forward_from(x, None, Mode::Evaluate))?;
    let perplexity = next_token_loss(&logits, y)?.to_scalar::<f32>()?.exp();
    run.show("\nThe first minibatch as tensors");
    for (name, shape, axes) in [
        ("input", x.dims(), "batch, time steps: a token's number"),
        (
            "target",
            y.dims(),
            "batch, time steps: the number of the token one step later",
        ),
        (name, &[steps, batch, width], axes),
        (
            "logits",
            logits.dims(),
            "batch, time steps, vocabulary: how likely each token comes next",
        ),
    ] {
        let shape = format!("{shape:?}");
        let (name, axes) = (left(&translated(name), 8), translated(axes));
        run.show(&format!("  {name} {shape:<16} {axes}"));
    }
    run.show(&format!(
        "  perplexity of the logits before training: {perplexity:.2}; {} for equal probabilities",
        vocabulary.len()
    ));

    run.show("\nIts first row: the target of a time step is the input of the next");
    let mut lines = vec![(
        "time step",
        (1..=steps).map(|step| step.to_string()).collect(),
    )];
    for (name, tensor) in [("input", x), ("target", y)] {
        let ids: Vec<u32> = tensor.get(0)?.to_device(&Device::Cpu)?.to_vec1()?;
        let tokens = ids.iter().map(|&id| visible(vocabulary.token(id)));
        lines.push((name, tokens.collect::<Vec<_>>()));
        lines.push(("  number", ids.iter().map(u32::to_string).collect()));
    }
    for line in table(&lines) {
        run.show(&line);
    }
    Ok(())
}

/// Rows of cells under each other, as many of each as have room.
fn table(rows: &[(&str, Vec<String>)]) -> Vec<String> {
    let cells = rows
        .iter()
        .flat_map(|(_, cells)| cells.iter().take(SHOWN_STEPS));
    let widest = cells.map(|cell| cell.width()).max().unwrap_or_default();
    let width = (widest + 2).max(LINE / SHOWN_STEPS);
    let shown = (LINE / width).max(1);
    let line = |(name, cells): &(&str, Vec<String>)| {
        let row: String = cells
            .iter()
            .take(shown)
            .map(|cell| format!("{}{cell}", " ".repeat(width.saturating_sub(cell.width()))))
            .collect();
        let rest = if cells.len() > shown { "  …" } else { "" };
        format!("  {}{row}{rest}", left(&translated(name), 9))
    };
    rows.iter().map(line).collect()
}

/// A token or a sequence of them in which white space can be seen.
pub fn visible(token: &str) -> String {
    token
        .replace(' ', "␣")
        .replace('\n', "↵")
        .replace('\t', "⇥")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_as_wide_as_the_widest_and_as_many_as_have_room() {
        let row = |cell: &str| ("input", vec![cell.to_string(); 30]);
        let characters = table(&[row("a")]);
        assert_eq!(characters, [format!("  input    {}  …", "   a".repeat(20))]);
        let words = table(&[row("traveller"), row("be")]);
        assert_eq!(
            words[0],
            format!("  input    {}  …", "  traveller".repeat(7))
        );
        assert_eq!(words[1].chars().count(), words[0].chars().count());
        assert_eq!(
            table(&[("input", vec!["a".to_string()])]),
            ["  input       a"]
        );
        // A Chinese character takes the room of two letters.
        assert_eq!(
            table(&[("input", vec!["道".to_string()])]),
            ["  input      道"]
        );
    }

    #[test]
    fn white_space_can_be_seen() {
        assert_eq!(visible("a b\n\t"), "a␣b↵⇥");
    }
}
