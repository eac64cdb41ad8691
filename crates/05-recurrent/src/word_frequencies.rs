//! `--inspect`: how often the words of a text occur, alone and in sequences of two and three. D2L zh 8.3.3, en 9.2.5.
//!
//! Zipf's law: the i-th most frequent word occurs about n_i ∝ 1 / i^α times, a line on two logarithmic axes. Sequences of
//! words follow it too, with a smaller α, and most of the possible ones never occur.

use anyhow::Result;
use d2l::Run;
use d2l::data::{Corpus, Level, Vocabulary};
use d2l::plot::{AxisScale, Curve, CurvePlot};

use crate::inspect::visible;

/// What a sequence of one, two and three words is called.
const N_GRAMS: [&str; 3] = ["unigrams", "bigrams", "trigrams"];
/// Words and sequences that are shown of each length.
const SHOWN: usize = 10;
/// A curve has this many points at most: neighbours far down the list have almost the same place on a logarithmic axis.
const POINTS: usize = 200;

/// All sequences of `n` words, joined by `space`, with their counts, by falling frequency.
pub fn n_grams(words: &[&str], n: usize, space: &str) -> Vec<(String, usize)> {
    let sequences = words.windows(n).map(|words| words.join(space));
    let sequences: Vec<String> = sequences.collect();
    let counted = Vocabulary::by_frequency(sequences.iter().map(String::as_str), 0, &[]);
    counted.frequencies().to_vec()
}

/// Shows the most frequent words and sequences of words, and draws all frequencies: `figures/n-grams.svg` beside the
/// chapter's runs. Of a text whose tokens are characters these are counted.
pub fn show(run: &Run, corpus: &Corpus, level: Level) -> Result<()> {
    let (tokens, space) = match level {
        Level::Character => ("characters", ""),
        Level::Word => ("words", " "),
    };
    let words: Vec<&str> = corpus
        .tokens
        .iter()
        .map(|&id| corpus.vocabulary.token(id))
        .collect();
    run.show(&format!("\nThe text's {} {tokens}", words.len()));
    let mut curves = Vec::new();
    for (colour, (n, name)) in (1..).zip(N_GRAMS).enumerate() {
        let counts = n_grams(&words, n, space);
        let most: Vec<String> = counts
            .iter()
            .take(SHOWN)
            .map(|(words, count)| match level {
                Level::Character => format!("{} {count}", visible(words)),
                Level::Word => format!("{words} {count}"),
            })
            .collect();
        run.show(&format!(
            "  {name:<9}{:>6} different; most frequent: {}",
            counts.len(),
            most.join(", ")
        ));
        if !counts.is_empty() {
            let (name, points) = (name.to_string(), thinned(&counts));
            curves.push(Curve { name, points, colour, ..Curve::default() });
        }
    }
    let Some(figure) = run.figure_without_run("n-grams") else {
        return Ok(());
    };
    let plot = CurvePlot {
        title: &format!("{}: frequencies of {tokens}", corpus.provenance.name),
        x_label: "rank",
        y_label: "occurrences",
        x_scale: AxisScale::Logarithmic,
        y_scale: AxisScale::Logarithmic,
        curves: &curves,
    };
    plot.write(&figure)?;
    run.show(&format!("  drawn in {}", figure.display()));
    Ok(())
}

/// Rank and count, at places that are evenly spread on a logarithmic axis.
fn thinned(counts: &[(String, usize)]) -> Vec<(f64, f64)> {
    let last = (counts.len() as f64).ln();
    let mut ranks: Vec<usize> = (0..POINTS)
        .map(|i| (last * i as f64 / (POINTS - 1) as f64).exp().round() as usize)
        .collect();
    ranks.dedup();
    let at = |&rank: &usize| Some((rank as f64, counts.get(rank - 1)?.1 as f64));
    ranks.iter().filter_map(at).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_overlap_and_the_most_frequent_come_first() {
        let words = ["a", "b", "a", "b", "c", "a"];
        let of = |n| n_grams(&words, n, " ");
        let pairs = |wanted: &[(&str, usize)]| -> Vec<(String, usize)> {
            let owned = wanted.iter().map(|&(words, n)| (words.to_string(), n));
            owned.collect()
        };
        assert_eq!(of(1), pairs(&[("a", 3), ("b", 2), ("c", 1)]));
        assert_eq!(
            of(2),
            pairs(&[("a b", 2), ("b a", 1), ("b c", 1), ("c a", 1)])
        );
        assert_eq!(of(3).len(), 4);
        assert!(of(7).is_empty());
    }

    #[test]
    fn a_thinned_curve_keeps_both_ends_and_the_first_ranks() {
        let counts: Vec<(String, usize)> = (0..5000).map(|i| (String::new(), 5000 - i)).collect();
        let points = thinned(&counts);
        assert!(points.len() <= POINTS, "{}", points.len());
        let ranks: Vec<f64> = points.iter().map(|point| point.0).collect();
        assert_eq!(ranks[..5], [1.0, 2.0, 3.0, 4.0, 5.0]);
        assert_eq!(points.last(), Some(&(5000.0, 1.0)));
    }
}
