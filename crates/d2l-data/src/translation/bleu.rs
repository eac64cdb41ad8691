//! BLEU: how many of a translation's runs of n tokens (n-grams) are in a reference. D2L zh 9.7.6, en 10.7.6;
//! Papineni et al. 2002.
//!
//! p_n is the share of a translation's n-grams that its reference has too. Each occurrence of an n-gram in the
//! reference matches once. [`bleu`] is the book's score of one sentence, [`corpus_bleu`] the usual score of many
//! sentences together.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};

/// The longest n-grams of the corpus score.
const ORDERS: usize = 4;

/// The book's score of one translation, from 0 to 1:
///
/// exp(min(0, 1 - len_reference / len_prediction)) · Π_{n = 1 … k} p_n^(1/2ⁿ)
///
/// n ends at the length of the prediction if that is below k, as in the English edition; the Chinese edition would then
/// divide by zero. A prediction without tokens has the score 0.
///
/// ```
/// let [prediction, reference] = ["il est riche .", "il est calme ."].map(|s| s.split(' ').collect::<Vec<_>>());
/// // p_1 = 3/4, p_2 = 1/3
/// let score = d2l_data::translation::bleu(&prediction, &reference, 2);
/// assert_eq!(format!("{score:.3}"), "0.658");
/// ```
pub fn bleu(prediction: &[impl AsRef<str>], reference: &[impl AsRef<str>], k: usize) -> f64 {
    let [prediction, reference] = [words(prediction), words(reference)];
    if prediction.is_empty() {
        return 0.0;
    }
    let excess = 1.0 - reference.len() as f64 / prediction.len() as f64;
    (1..=k.min(prediction.len())).fold(excess.min(0.0).exp(), |score, n| {
        let matches = matches(&prediction, &ngrams(&reference, n), n);
        let precision = matches as f64 / total(&prediction, n) as f64;
        score * precision.powf(0.5f64.powi(n as i32))
    })
}

/// How a p_n of 0 is smoothed; without smoothing the score would be 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Smoothing {
    /// It stays 0.
    None,
    /// The i-th zero among p_1 … p_4 becomes 1 / (2^i · the number of n-grams): sacreBLEU's default, `exp`.
    #[default]
    Exponential,
}

/// The score of many translations together, and its parts.
#[derive(Clone, Debug, PartialEq)]
pub struct CorpusBleu {
    /// From 0 to 1. sacreBLEU prints a hundred times as much.
    pub score: f64,
    /// p_1 … p_4, smoothed.
    pub precisions: [f64; ORDERS],
    /// exp(min(0, 1 - reference_len / prediction_len))
    pub brevity_penalty: f64,
    /// Tokens of all predictions.
    pub prediction_len: usize,
    /// Tokens of one reference for each prediction: the one nearest in length, or of two equally near ones the shorter.
    pub reference_len: usize,
}

/// The score of `predictions`, each with one or more `references`, from the n-grams of all of them together:
///
/// brevity penalty · (p_1 p_2 p_3 p_4)^(1/4)
///
/// An n-gram of a prediction counts at most as often as it occurs in one of the references. sacreBLEU computes the same
/// for sentences that are tokens already, `corpus_bleu(…, tokenize="none")`. A corpus with no matching n-gram has the
/// score 0, and so has one in which no prediction has four tokens.
///
/// # Errors
/// If there are not as many lists of references as predictions, or such a list is empty.
pub fn corpus_bleu<P: AsRef<str>, R: AsRef<str>>(
    predictions: &[Vec<P>],
    references: &[Vec<Vec<R>>],
    smoothing: Smoothing,
) -> Result<CorpusBleu> {
    ensure!(
        predictions.len() == references.len(),
        "found {} predictions and {} lists of references, wanted equally many",
        predictions.len(),
        references.len()
    );
    let [mut matched, mut totals] = [[0; ORDERS]; 2];
    let [mut prediction_len, mut reference_len] = [0, 0];
    for (row, (prediction, references)) in predictions.iter().zip(references).enumerate() {
        let prediction = words(prediction);
        let references: Vec<Vec<&str>> = references.iter().map(|one| words(one)).collect();
        let lengths = references.iter().map(Vec::len);
        let nearest = lengths.min_by_key(|&len| (len.abs_diff(prediction.len()), len));
        ensure!(
            nearest.is_some(),
            "found no reference for prediction {row}, wanted one or more"
        );
        prediction_len += prediction.len();
        reference_len += nearest.unwrap_or_default();
        for (n, (matched, totals)) in (1..).zip(matched.iter_mut().zip(&mut totals)) {
            let mut most = BTreeMap::new();
            for (ngram, times) in references.iter().flat_map(|one| ngrams(one, n)) {
                let entry = most.entry(ngram).or_insert(times);
                *entry = times.max(*entry);
            }
            *matched += matches(&prediction, &most, n);
            *totals += total(&prediction, n);
        }
    }

    let brevity_penalty = match prediction_len {
        0 => 0.0,
        len => (1.0 - reference_len as f64 / len as f64).min(0.0).exp(),
    };
    let precisions = precisions(&matched, &totals, smoothing);
    let mean = precisions.iter().product::<f64>().powf(1.0 / ORDERS as f64);
    Ok(CorpusBleu {
        score: brevity_penalty * mean,
        precisions,
        brevity_penalty,
        prediction_len,
        reference_len,
    })
}

/// p_1 … p_4. Without any match nothing is smoothed.
fn precisions(
    matched: &[usize; ORDERS],
    totals: &[usize; ORDERS],
    smoothing: Smoothing,
) -> [f64; ORDERS] {
    let smooths = smoothing == Smoothing::Exponential && matched.iter().any(|&n| n > 0);
    let mut precisions = [0.0; ORDERS];
    let mut smoothed = 1.0;
    for ((precision, &matched), &total) in precisions.iter_mut().zip(matched).zip(totals) {
        *precision = match (matched, total) {
            (_, 0) => break,
            (0, total) if smooths => {
                smoothed *= 2.0;
                1.0 / (smoothed * total as f64)
            }
            (matched, total) => matched as f64 / total as f64,
        };
    }
    precisions
}

fn words(tokens: &[impl AsRef<str>]) -> Vec<&str> {
    tokens.iter().map(AsRef::as_ref).collect()
}

/// How often each n-gram occurs in `tokens`.
fn ngrams<'a, 'b>(tokens: &'b [&'a str], n: usize) -> BTreeMap<&'b [&'a str], usize> {
    let mut counts = BTreeMap::new();
    for ngram in tokens.windows(n) {
        *counts.entry(ngram).or_default() += 1;
    }
    counts
}

/// The number of n-grams of `prediction` that are in `reference`, each at most as often as it occurs there.
fn matches(prediction: &[&str], reference: &BTreeMap<&[&str], usize>, n: usize) -> usize {
    let counts = ngrams(prediction, n);
    let counts = counts.into_iter();
    counts
        .map(|(ngram, times)| times.min(reference.get(ngram).copied().unwrap_or(0)))
        .sum()
}

/// The number of n-grams of `tokens`.
fn total(tokens: &[&str], n: usize) -> usize {
    (tokens.len() + 1).saturating_sub(n)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(sentence: &str) -> Vec<&str> {
        sentence.split_whitespace().collect()
    }

    /// By hand. Reference A B C D E F: zh 9.7.6 has p_1 = 4/5, p_2 = 3/4, p_3 = 1/3, p_4 = 0 for A B B C D.
    #[test]
    fn the_score_is_the_books_formula() {
        let reference = tokens("A B C D E F");
        let score = |prediction, k| bleu(&tokens(prediction), &reference, k);
        let brevity = (1.0f64 - 6.0 / 5.0).exp();
        let wanted = [
            1.0,
            0.8f64.sqrt(),
            0.8f64.sqrt() * 0.75f64.powf(0.25),
            0.8f64.sqrt() * 0.75f64.powf(0.25) * (1.0f64 / 3.0).powf(0.125),
            0.0,
        ];
        for (k, wanted) in wanted.into_iter().enumerate() {
            let found = score("A B B C D", k);
            assert!((found - brevity * wanted).abs() < 1e-15, "{k}: {found}");
        }
        assert_eq!(score("A B C D E F", 4), 1.0);
        assert_eq!(score("x y z", 2), 0.0);
        // Longer than the reference: no reward, and precisions below 1.
        let longer = (6.0f64 / 7.0).sqrt() * (5.0f64 / 6.0).powf(0.25);
        assert!((score("A B C D E F G", 2) - longer).abs() < 1e-15);
    }

    /// 0.658 is what many builds of the book print for its third sentence.
    #[test]
    fn scores_print_as_in_the_book() {
        for (prediction, reference, printed) in [
            ("il est calme .", "il est calme .", "1.000"),
            ("il est riche .", "il est calme .", "0.658"),
            ("je suis .", "je suis chez moi .", "0.432"),
            ("va .", "va !", "0.000"),
        ] {
            let score = bleu(&tokens(prediction), &tokens(reference), 2);
            assert_eq!(format!("{score:.3}"), printed, "{prediction}");
        }
    }

    #[test]
    fn a_prediction_of_one_token_has_no_pairs_and_of_none_no_score() {
        assert_eq!(bleu(&["va"], &["va"], 2), 1.0);
        let brevity = (1.0f64 - 2.0).exp();
        assert_eq!(bleu(&["va"], &["va", "!"], 2), brevity);
        assert_eq!(bleu(&[] as &[&str], &["va"], 2), 0.0);
        assert_eq!(bleu(&["va"], &[] as &[&str], 2), 0.0);
    }

    #[test]
    fn a_corpus_wants_references_for_every_prediction() {
        let none = corpus_bleu(&[vec!["a"]], &[] as &[Vec<Vec<&str>>], Smoothing::None);
        let message = none.unwrap_err().to_string();
        assert!(
            message.contains("found 1 predictions and 0 lists"),
            "{message}"
        );
        let empty = corpus_bleu(&[vec!["a"]], &[Vec::<Vec<&str>>::new()], Smoothing::None);
        let message = empty.unwrap_err().to_string();
        assert!(
            message.contains("no reference for prediction 0"),
            "{message}"
        );
    }

    #[test]
    fn a_corpus_without_sentences_or_without_matches_has_the_score_0() -> Result<()> {
        let nothing = corpus_bleu(
            &[] as &[Vec<&str>],
            &[] as &[Vec<Vec<&str>>],
            Smoothing::None,
        )?;
        assert_eq!((nothing.score, nothing.brevity_penalty), (0.0, 0.0));
        let other = corpus_bleu(
            &[tokens("a b c d")],
            &[vec![tokens("e f g h")]],
            Smoothing::Exponential,
        )?;
        assert_eq!((other.score, other.precisions), (0.0, [0.0; 4]));
        Ok(())
    }
}
