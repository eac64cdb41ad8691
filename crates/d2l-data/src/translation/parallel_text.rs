//! Pairs of sentences as numbers, all sequences equally long. D2L zh 9.5.3 and 9.5.4, en 10.5.3 and 10.5.4.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, ensure};

use super::sentence::{SentencePair, normalize, sentence_pairs, sentence_tokens};
use super::{BEGIN, END, PADDING};
use crate::{Column, Dataset, Provenance, Splits, TextEdition, Vocabulary};

/// How many pairs are read, and how they are prepared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TranslationOptions {
    /// How sentences are cut into tokens and numbered.
    pub edition: TextEdition,
    /// The number of training pairs, the first of the text.
    pub num_train: usize,
    /// The number of held-out pairs, which follow them.
    pub num_valid: usize,
    /// Time steps T of all sequences, including the end mark.
    pub num_steps: usize,
    /// Tokens that occur less often become `<unk>`.
    pub min_frequency: usize,
}

impl TranslationOptions {
    /// The options of the edition's translation models.
    ///
    /// The Chinese edition asks for 600 pairs and reads 601, in 10 time steps. It holds none out, so the 129 held-out
    /// pairs here are the next ones; the English edition has 129 too. Neither vocabulary knows them. The English
    /// edition trains on 512 pairs in 9 time steps; it asks for 128 held-out pairs and reads 129.
    pub const fn book(edition: TextEdition) -> Self {
        let (num_train, num_steps) = match edition {
            TextEdition::Zh => (601, 10),
            TextEdition::En => (512, 9),
        };
        Self {
            edition,
            num_train,
            num_valid: 129,
            num_steps,
            min_frequency: 2,
        }
    }
}

/// Pairs of sentences as numbers, and the vocabularies that turn them back into words.
#[derive(Clone, Debug)]
pub struct ParallelText {
    /// English tokens.
    pub source_vocabulary: Vocabulary,
    /// French tokens.
    pub target_vocabulary: Vocabulary,
    /// The columns: source `[N, T]`, its valid length `[N]`, target `[N, T]`, its valid length `[N]`, all u32.
    ///
    /// A sequence is a sentence's tokens and `<eos>`, cut off after T time steps or padded with `<pad>`. The valid
    /// length counts the tokens that aren't `<pad>`. [`super::decoder_input`] makes the decoder's input from the
    /// target.
    pub splits: Splits<4>,
    /// The training pairs as they are written, row by row.
    pub train_pairs: Vec<SentencePair>,
    /// The held-out pairs as they are written, row by row.
    pub valid_pairs: Vec<SentencePair>,
    /// The options that the text was prepared with.
    pub options: TranslationOptions,
}

/// A sentence to translate, and its correct translations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestSentence {
    /// The sentence as it is written.
    pub source: String,
    /// The tokens of its translations, one or more.
    pub references: Vec<Vec<String>>,
}

impl ParallelText {
    /// The pairs of `text`, one in a line, prepared as `options` say. If there are fewer than wanted, the last
    /// `num_valid` are still held out and fewer are trained on.
    ///
    /// The Chinese edition makes the vocabularies from the training sentences. The English edition makes them from all
    /// sentences, including the held-out ones, cut to T time steps. Both vocabularies of the Chinese edition have
    /// `<pad>`, `<bos>` and `<eos>`; in the English edition only the target's has `<bos>`.
    ///
    /// # Errors
    /// If sequences have no time steps, or no pair is left to train on.
    pub fn new(text: &str, provenance: Provenance, options: TranslationOptions) -> Result<Self> {
        let TranslationOptions { edition, num_train, num_valid, num_steps, .. } = options;
        ensure!(
            num_steps > 0,
            "found sequences of 0 time steps, wanted at least one"
        );
        let mut train_pairs = sentence_pairs(text, num_train.saturating_add(num_valid));
        let valid_from = train_pairs.len().saturating_sub(num_valid);
        ensure!(
            valid_from > 0,
            "found {num_train} sentence pairs to train on and {} in all, of which {num_valid} are held out; \
             wanted at least one to train on",
            train_pairs.len()
        );
        let valid_pairs = train_pairs.split_off(valid_from);

        let tokens = |side: fn(&SentencePair) -> &str| -> [Vec<Vec<String>>; 2] {
            [&train_pairs, &valid_pairs].map(|pairs| {
                let tokens = |pair| sentence_tokens(side(pair), edition);
                pairs.iter().map(tokens).collect()
            })
        };
        let sources = tokens(|pair| &pair.source);
        let targets = tokens(|pair| &pair.target);
        let reserved: [&[&str]; 2] = match edition {
            TextEdition::Zh => [&[PADDING, BEGIN, END]; 2],
            TextEdition::En => [&[PADDING, END], &[PADDING, BEGIN, END]],
        };
        let source_vocabulary = vocabulary(&sources, &options, reserved[0]);
        let target_vocabulary = vocabulary(&targets, &options, reserved[1]);

        let part = |i: usize| -> Result<Dataset<4>> {
            let [source, source_length] = columns(&sources[i], &source_vocabulary, num_steps);
            let [target, target_length] = columns(&targets[i], &target_vocabulary, num_steps);
            Dataset::new([source, source_length, target, target_length])
        };
        let splits = Splits { train: part(0)?, valid: part(1)?, provenance };
        Ok(Self {
            source_vocabulary,
            target_vocabulary,
            splits,
            train_pairs,
            valid_pairs,
            options,
        })
    }

    /// English sentences, normalized and ready for the encoder: tokens `[N, T]` and valid lengths `[N]`.
    ///
    /// # Errors
    /// None that depends on the sentences: unknown words become `<unk>`, and sentences that are too long are cut off.
    pub fn encode(&self, sentences: &[&str]) -> Result<Dataset<2>> {
        let tokens = |sentence: &&str| sentence_tokens(sentence, self.options.edition);
        let sentences: Vec<Vec<String>> = sentences.iter().map(tokens).collect();
        Dataset::new(columns(
            &sentences,
            &self.source_vocabulary,
            self.options.num_steps,
        ))
    }

    /// The French tokens of `ids` up to the first `<eos>`, which is left out.
    pub fn translation(&self, ids: &[u32]) -> Vec<&str> {
        let tokens = ids.iter().map(|&id| self.target_vocabulary.token(id));
        tokens.take_while(|&token| token != END).collect()
    }

    /// The sentences for a corpus BLEU: the held-out sentences that no training pair translates, each once and with all
    /// translations that held-out pairs give it.
    pub fn test_sentences(&self) -> Vec<TestSentence> {
        let trained = self.train_pairs.iter().map(|pair| normalize(&pair.source));
        let trained: BTreeSet<String> = trained.collect();
        let mut places: BTreeMap<String, usize> = BTreeMap::new();
        let mut sentences: Vec<TestSentence> = Vec::new();
        for pair in &self.valid_pairs {
            let normal = normalize(&pair.source);
            if trained.contains(&normal) {
                continue;
            }
            let place = *places.entry(normal).or_insert(sentences.len());
            let reference = sentence_tokens(&pair.target, self.options.edition);
            match sentences.get_mut(place) {
                Some(sentence) => sentence.references.push(reference),
                None => sentences.push(TestSentence {
                    source: pair.source.clone(),
                    references: vec![reference],
                }),
            }
        }
        sentences
    }
}

/// The vocabulary of the training and the held-out sentences `parts`.
fn vocabulary(
    parts: &[Vec<Vec<String>>; 2],
    options: &TranslationOptions,
    reserved: &[&str],
) -> Vocabulary {
    let (known, longest) = match options.edition {
        TextEdition::Zh => (&parts[..1], usize::MAX),
        TextEdition::En => (&parts[..], options.num_steps),
    };
    let sentences = known.iter().flatten();
    let tokens = sentences.flat_map(|sentence| sentence.iter().take(longest));
    let tokens = tokens.map(String::as_str);
    let edition = options.edition;
    edition.vocabulary(tokens, options.min_frequency, reserved)
}

/// The sentences as sequences of `num_steps` numbers `[N, T]`, and the valid length of each `[N]`.
fn columns(sentences: &[Vec<String>], vocabulary: &Vocabulary, num_steps: usize) -> [Column; 2] {
    let mut values = Vec::with_capacity(sentences.len() * num_steps);
    let mut lengths = Vec::with_capacity(sentences.len());
    for sentence in sentences {
        let tokens = sentence.iter().map(String::as_str);
        let padded = tokens.chain([END]).chain(std::iter::repeat(PADDING));
        values.extend(padded.take(num_steps).map(|token| vocabulary.id(token)));
        lengths.push(num_steps.min(sentence.len() + 1) as u32);
    }
    let column = |values, shape| Column::Tokens { values, shape };
    [column(values, vec![num_steps]), column(lengths, vec![])]
}
