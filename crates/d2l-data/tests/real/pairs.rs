//! Pairs of sentences: the book's sequences.

use anyhow::{Context, Result};
use candle_core::Device;
use d2l_data::translation::{TranslationOptions, english_french};
use d2l_data::{Choice, TextEdition};

use crate::{data_folder, weighted_sum, whole};

const SHA256_FRA_ENG: &str = "823b6a8be8a9c098cb2180229cb44fe2cefad4d2987e4d03088d081ddf7c8fce";

/// The pairs as Python prepares them; made by scripts/pytorch/golden_translation.py.
const PAIRS: &str = include_str!("../translation/pairs.json");

/// Sizes, vocabularies and all numbers, with the book's options and with larger ones.
#[test]
fn english_french_pairs_are_the_books_sequences() -> Result<()> {
    let Some(folder) = data_folder("fra-eng") else {
        return Ok(());
    };
    let golden: serde_json::Value = serde_json::from_str(PAIRS)?;
    let cases = golden["cases"].as_array().context("no cases")?;
    assert_eq!(cases.len(), 4);
    for case in cases {
        let number = |key: &str| -> Result<usize> {
            Ok(case[key].as_u64().with_context(|| format!("no {key}"))? as usize)
        };
        let edition = match case["edition"].as_str() {
            Some("zh") => TextEdition::Zh,
            _ => TextEdition::En,
        };
        let options = TranslationOptions {
            edition,
            num_train: number("train")?,
            num_valid: number("valid")?,
            num_steps: number("steps")?,
            min_frequency: number("min_frequency")?,
        };
        let text = english_french(options, Choice::Real, &folder)?.data;
        for (vocabulary, key) in [
            (&text.source_vocabulary, "source"),
            (&text.target_vocabulary, "target"),
        ] {
            assert_eq!(Some(vocabulary.len() as u64), case[key]["tokens"].as_u64());
            let first: Vec<&str> = (0..12).map(|id| vocabulary.token(id)).collect();
            let wanted: Vec<String> = serde_json::from_value(case[key]["first"].clone())?;
            assert_eq!(first, wanted);
        }
        for (part, key) in [(&text.splits.train, "train"), (&text.splits.valid, "valid")] {
            assert_eq!(part.len(), number(key)?);
            let sums: Vec<u64> = (0..4)
                .map(|i| weighted_sum(whole(part.column(i))))
                .collect();
            let wanted: Vec<u64> = serde_json::from_value(case["sums"][key].clone())?;
            assert_eq!(sums, wanted, "{key} of {options:?}");
        }
        assert_eq!(text.splits.provenance.name, "fra-eng");
        assert_eq!(text.splits.provenance.sha256, SHA256_FRA_ENG);
    }
    Ok(())
}

/// The pairs that the book's models train on, and the sentences that they translate in the end. Ids are Python's.
#[test]
fn the_books_first_pairs_and_four_sentences_are_known() -> Result<()> {
    let Some(folder) = data_folder("fra-eng") else {
        return Ok(());
    };
    // Pairs 0 and 3: go . / va !, run ! / courez !, each with its end mark, then padding.
    for (edition, sizes, sources, targets, padding, new) in [
        (
            TextEdition::Zh,
            (184, 201),
            [[9, 4, 3], [54, 5, 3]],
            [[16, 5, 3], [93, 5, 3]],
            [1, 1],
            129,
        ),
        (
            TextEdition::En,
            (194, 214),
            [[59, 2, 3], [135, 0, 3]],
            [[201, 0, 4], [54, 0, 4]],
            [4, 5],
            128,
        ),
    ] {
        let options = TranslationOptions::book(edition);
        let text = english_french(options, Choice::Real, &folder)?.data;
        let found = (text.source_vocabulary.len(), text.target_vocabulary.len());
        assert_eq!(found, sizes);
        let [source, source_length, target, target_length] =
            text.splits.train.batch(&[0, 3], &Device::Cpu)?;
        for (tensor, begins, padding) in
            [(source, sources, padding[0]), (target, targets, padding[1])]
        {
            let wanted =
                begins.map(|ids| [&ids[..], &vec![padding; options.num_steps - 3]].concat());
            assert_eq!(tensor.to_vec2::<u32>()?, wanted);
        }
        assert_eq!(source_length.to_vec1::<u32>()?, [3, 3]);
        assert_eq!(target_length.to_vec1::<u32>()?, [3, 3]);

        for sentence in ["go .", "i lost .", "he's calm .", "i'm home ."] {
            let [ids, length] = text.encode(&[sentence])?.batch(&[0], &Device::Cpu)?;
            let ids = ids.flatten_all()?.to_vec1::<u32>()?;
            let length = length.to_vec1::<u32>()?[0] as usize;
            let words = ids[..length]
                .iter()
                .map(|&id| text.source_vocabulary.token(id));
            assert_eq!(
                words.collect::<Vec<_>>().join(" "),
                format!("{sentence} <eos>")
            );
        }
        // Of the 129 held-out pairs one of the English edition translates a training sentence.
        let sentences = text.test_sentences();
        assert_eq!(sentences.len(), 77);
        assert_eq!(
            sentences
                .iter()
                .map(|one| one.references.len())
                .sum::<usize>(),
            new
        );
    }
    // The Chinese edition's loss is a mean over so many target tokens.
    let text = english_french(
        TranslationOptions::book(TextEdition::Zh),
        Choice::Real,
        &folder,
    )?;
    let lengths = whole(text.data.splits.train.column(3));
    assert_eq!(lengths.iter().sum::<u32>(), 2541);
    Ok(())
}
