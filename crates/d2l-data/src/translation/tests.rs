use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Result;
use candle_core::{Device, Tensor};

use super::parallel_text::ParallelText;
use super::sentence::sentence_pairs;
use super::*;
use crate::{Choice, Column, Provenance, Source, TextEdition, Vocabulary};

const EDITIONS: [TextEdition; 2] = [TextEdition::Zh, TextEdition::En];
/// Three pairs to train on, one to hold out. The spaces before `!` are U+202F and U+00A0.
const TEXT: &str = "Go.\tVa\u{202f}!\nGo, Tom!\tVa, Tom\u{a0}!\nTom won.\tTom a gagné.\nTom won!\tTom a vite gagné !\n";

/// `TEXT` in four time steps; tokens that occur once stay.
fn text(edition: TextEdition) -> Result<ParallelText> {
    let provenance = Provenance {
        name: "four pairs".to_string(),
        source: Source::Builtin,
        sha256: String::new(),
    };
    let options = TranslationOptions {
        edition,
        num_train: 3,
        num_valid: 1,
        num_steps: 4,
        min_frequency: 1,
    };
    ParallelText::new(TEXT, provenance, options)
}

fn tokens(vocabulary: &Vocabulary) -> Vec<&str> {
    let ids = 0..vocabulary.len() as u32;
    ids.map(|id| vocabulary.token(id)).collect()
}

fn builtin(edition: TextEdition) -> Result<ParallelText> {
    let options = TranslationOptions::book(edition);
    Ok(english_french(options, Choice::Builtin, Path::new(""))?.data)
}

#[test]
fn punctuation_is_a_token_of_its_own() {
    // A point at the start and one after a space stay as they are.
    assert_eq!(normalize("Oh...  No .5 ?!"), "oh . . .  no .5 ? !");
    assert_eq!(normalize(".5 À\u{a0}ÉTÉ\u{202f}!"), ".5 à été !");
    assert_eq!(normalize(""), "");
    // No other space and no other mark is touched.
    assert_eq!(normalize("A\u{2009}b; l’eau"), "a\u{2009}b; l’eau");
}

#[test]
fn empty_tokens_stay_in_the_chinese_edition() {
    assert_eq!(
        sentence_tokens("Elle  va\u{202f} ?", TextEdition::Zh),
        ["elle", "", "va", "", "?"]
    );
    assert_eq!(
        sentence_tokens("Elle  va\u{202f} ?", TextEdition::En),
        ["elle", "va", "?"]
    );
}

#[test]
fn a_line_with_other_than_one_tab_is_no_pair() {
    let pairs = sentence_pairs("a\tb\nc\nd\te\tf\n\ng\th", 9);
    let pairs: Vec<(&str, &str)> = pairs
        .iter()
        .map(|pair| (&pair.source[..], &pair.target[..]))
        .collect();
    assert_eq!(pairs, [("a", "b"), ("g", "h")]);
    assert_eq!(sentence_pairs("a\tb\nc\td\n", 1).len(), 1);
}

/// zh numbers by frequency: of the training source go, `.` and tom are there twice, `,` `!` won once. The held-out
/// pair's vite isn't known.
#[test]
fn the_chinese_editions_vocabularies_are_of_the_training_pairs() -> Result<()> {
    let text = text(TextEdition::Zh)?;
    assert_eq!(
        tokens(&text.source_vocabulary),
        [
            "<unk>", "<pad>", "<bos>", "<eos>", "go", ".", "tom", ",", "!", "won"
        ]
    );
    assert_eq!(
        tokens(&text.target_vocabulary),
        [
            "<unk>", "<pad>", "<bos>", "<eos>", "va", "!", "tom", ",", "a", "gagné", "."
        ]
    );
    Ok(())
}

/// en sorts. Of the held-out `tom a vite gagné !` four steps keep all but the mark.
#[test]
fn the_english_editions_vocabularies_are_of_all_pairs_cut_to_t_steps() -> Result<()> {
    let text = text(TextEdition::En)?;
    assert_eq!(
        tokens(&text.source_vocabulary),
        ["!", ",", ".", "<eos>", "<pad>", "<unk>", "go", "tom", "won"]
    );
    assert_eq!(
        tokens(&text.target_vocabulary),
        [
            "!", ",", ".", "<bos>", "<eos>", "<pad>", "<unk>", "a", "gagné", "tom", "va", "vite"
        ]
    );
    Ok(())
}

#[test]
fn sequences_end_with_the_end_mark_or_are_cut_off() -> Result<()> {
    let text = text(TextEdition::Zh)?;
    let [source, source_length, target, target_length] =
        text.splits.train.batch(&[0, 1, 2], &Device::Cpu)?;
    assert_eq!(
        source.to_vec2::<u32>()?,
        [[4, 5, 3, 1], [4, 7, 6, 8], [6, 9, 5, 3]]
    );
    assert_eq!(source_length.to_vec1::<u32>()?, [3, 4, 4]);
    assert_eq!(
        target.to_vec2::<u32>()?,
        [[4, 5, 3, 1], [4, 7, 6, 5], [6, 8, 9, 10]]
    );
    assert_eq!(target_length.to_vec1::<u32>()?, [3, 4, 4]);
    // Held out: tom a <unk> gagné, and the mark is cut off.
    let [_, _, target, _] = text.splits.valid.batch(&[0], &Device::Cpu)?;
    assert_eq!(target.to_vec2::<u32>()?, [[6, 8, 0, 9]]);
    Ok(())
}

#[test]
fn the_decoder_reads_the_target_one_step_later() -> Result<()> {
    let target = Tensor::new(&[[4u32, 5, 3], [6, 3, 1]], &Device::Cpu)?;
    let input = decoder_input(&target, 2)?;
    assert_eq!(input.to_vec2::<u32>()?, [[2, 4, 5], [2, 6, 3]]);
    let one = decoder_input(&target.narrow(1, 0, 1)?, 2)?;
    assert_eq!(one.to_vec2::<u32>()?, [[2], [2]]);
    let none = decoder_input(&target.narrow(1, 0, 0)?, 2).unwrap_err();
    assert!(none.to_string().contains("0 time steps"), "{none}");
    Ok(())
}

#[test]
fn a_sentence_is_encoded_as_the_data_are_and_read_back_up_to_its_end() -> Result<()> {
    for edition in EDITIONS {
        let text = text(edition)?;
        let encoded = text.encode(&["go .", "Go, Tom!", "He won."])?;
        let [source, length] = encoded.batch(&[0, 1, 2], &Device::Cpu)?;
        let [wanted, _, target, _] = text.splits.train.batch(&[0, 1], &Device::Cpu)?;
        assert_eq!(
            source.narrow(0, 0, 2)?.to_vec2::<u32>()?,
            wanted.to_vec2::<u32>()?
        );
        assert_eq!(length.to_vec1::<u32>()?, [3, 4, 4]);
        let unknown = source.get(2)?.get(0)?.to_scalar::<u32>()?;
        assert_eq!(unknown, text.source_vocabulary.unknown());
        let target = target.to_vec2::<u32>()?;
        assert_eq!(text.translation(&target[0]), ["va", "!"]);
        assert_eq!(text.translation(&target[1]), ["va", ",", "tom", "!"]);
    }
    Ok(())
}

#[test]
fn test_sentences_are_new_and_have_all_their_translations() -> Result<()> {
    let pairs = "Run.\tCours.\nGo.\tVa.\nGo.\tPars.\nRUN .\tCourez.\nEat.\tMange.\nGo.\tAllez.\n";
    let provenance = text(TextEdition::En)?.splits.provenance;
    let options = TranslationOptions {
        num_train: 1,
        num_valid: 5,
        ..TranslationOptions::book(TextEdition::En)
    };
    let found = ParallelText::new(pairs, provenance, options)?.test_sentences();
    let reference = |word: &str| vec![word.to_string(), ".".to_string()];
    let sentence = |source: &str, words: &[&str]| TestSentence {
        source: source.to_string(),
        references: words.iter().map(|word| reference(word)).collect(),
    };
    assert_eq!(
        found,
        [
            sentence("Go.", &["va", "pars", "allez"]),
            sentence("Eat.", &["mange"])
        ]
    );
    Ok(())
}

#[test]
fn where_pairs_are_few_the_last_are_still_held_out() -> Result<()> {
    let mut options = TranslationOptions {
        num_train: 100_000,
        ..TranslationOptions::book(TextEdition::En)
    };
    let read = |options| {
        Ok::<_, anyhow::Error>(english_french(options, Choice::Builtin, Path::new(""))?.data)
    };
    let all = read(options)?;
    let lines = all.train_pairs.len() + 129;
    assert_eq!(
        (all.splits.train.len(), all.splits.valid.len()),
        (lines - 129, 129)
    );
    assert_eq!(all.valid_pairs.len(), 129);
    options.num_valid = lines;
    let error = read(options).unwrap_err().to_string();
    assert!(error.contains("wanted at least one to train on"), "{error}");
    options.num_steps = 0;
    let error = read(options).unwrap_err().to_string();
    assert!(error.contains("found sequences of 0 time steps"), "{error}");
    Ok(())
}

#[test]
fn a_minibatch_is_shown_with_its_axes_ids_and_masks() -> Result<()> {
    let text = text(TextEdition::Zh)?;
    let batch = text.splits.train.batch(&[0, 2], &Device::Cpu)?;
    let wanted = "\
source               [B = 2, T = 4]
source valid length  [B = 2]
decoder input        [B = 2, T = 4]
target               [B = 2, T = 4]
target valid length  [B = 2]
B sentence pairs, T time steps; mask: 1 up to the valid length, 0 for padding

b = 0, t =     0      1   2      3
source         go     .   <eos>  <pad>  valid length 3
  id           4      5   3      1
  mask         1      1   1      0
decoder input  <bos>  va  !      <eos>
  id           2      4   5      3
target         va     !   <eos>  <pad>  valid length 3
  id           4      5   3      1
  mask         1      1   1      0

b = 1, t =     0      1    2      3
source         tom    won  .      <eos>  valid length 4
  id           6      9    5      3
  mask         1      1    1      1
decoder input  <bos>  tom  a      gagné
  id           2      6    8      9
target         tom    a    gagné  .      valid length 4
  id           6      8    9      10
  mask         1      1    1      1
";
    assert_eq!(text.view(&batch)?, wanted);
    let [source, length, target, _] = &batch;
    let wrong = [source, length, target, source].map(Tensor::clone);
    let error = text.view(&wrong).unwrap_err().to_string();
    assert!(
        error.contains("found a tensor [2, 4] in a minibatch whose source is [2, 4], wanted [2]"),
        "{error}"
    );
    Ok(())
}

#[test]
fn the_built_in_pairs_are_as_many_as_the_editions_train_on() -> Result<()> {
    for edition in EDITIONS {
        let text = builtin(edition)?;
        let options = TranslationOptions::book(edition);
        assert_eq!(
            (text.splits.train.len(), text.splits.valid.len()),
            (options.num_train, options.num_valid)
        );
        assert_eq!(text.splits.provenance.name, "written-sentences");
        assert_eq!(text.splits.provenance.source, Source::Builtin);
        // As data/README.md says.
        let sizes = [&text.source_vocabulary, &text.target_vocabulary].map(Vocabulary::len);
        let wanted = match edition {
            TextEdition::Zh => [182, 199],
            TextEdition::En => [189, 206],
        };
        assert_eq!(sizes, wanted);
        assert_eq!(
            text.splits.provenance.sha256,
            "e51355bf66a2797ae56ecdcf4f0b2112ef5654a89bb78bd8df7cf58a8ca516c4"
        );
        // No sequence is cut off.
        for column in [1, 3] {
            for part in [&text.splits.train, &text.splits.valid] {
                let Column::Tokens { values, .. } = part.column(column) else {
                    panic!("wanted lengths");
                };
                assert!(values.iter().all(|&length| (2..=9).contains(&length)));
            }
        }
        // Every held-out sentence is new, and has one translation.
        let sentences = text.test_sentences();
        assert_eq!(sentences.len(), options.num_valid);
        assert!(
            sentences
                .iter()
                .all(|sentence| sentence.references.len() == 1)
        );
    }
    Ok(())
}

#[test]
fn the_built_in_pairs_are_well_formed() {
    let lines: Vec<&str> = include_str!("sentences.tsv").lines().collect();
    let pairs = sentence_pairs(include_str!("sentences.tsv"), usize::MAX);
    assert!(pairs.len() >= 730, "{}", pairs.len());
    assert_eq!(pairs.len(), lines.len());
    let sources: BTreeSet<String> = pairs.iter().map(|pair| normalize(&pair.source)).collect();
    assert_eq!(sources.len(), pairs.len(), "no sentence is there twice");
    assert!(
        pairs.is_sorted_by_key(|pair| (pair.source.chars().count(), &pair.source)),
        "the shortest comes first"
    );
    for pair in &pairs {
        assert!(pair.source.is_ascii(), "{pair:?}");
        for (sentence, spaces) in [(&pair.source, " "), (&pair.target, " \u{202f}")] {
            assert!(sentence.ends_with(['.', '!', '?']), "{pair:?}");
            assert!(
                sentence.chars().next().is_some_and(char::is_uppercase),
                "{pair:?}"
            );
            let words = sentence.trim_end_matches(['.', '!', '?']);
            let allowed = |c: char| c.is_alphabetic() || "',-".contains(c) || spaces.contains(c);
            assert!(words.chars().all(allowed), "{pair:?}");
            assert!(
                !sentence.contains("  ") && sentence.trim() == sentence.as_str(),
                "{pair:?}"
            );
        }
        // French has a narrow non-breaking space before ! and ?, and nowhere else; none before a point.
        let places = pair.target.matches('\u{202f}').count();
        let marks =
            pair.target.matches("\u{202f}!").count() + pair.target.matches("\u{202f}?").count();
        let ends = usize::from(pair.target.ends_with(['!', '?']));
        assert_eq!((places, marks), (ends, ends), "{pair:?}");
        // A question stays one.
        assert_eq!(
            pair.source.ends_with('?'),
            pair.target.ends_with('?'),
            "{pair:?}"
        );
    }
}

/// As in the published file: three of the book's sentences are learned, the third is made of learned words.
#[test]
fn the_books_four_sentences_can_be_translated_by_the_built_in_pairs() -> Result<()> {
    for edition in EDITIONS {
        let text = builtin(edition)?;
        for (english, french, learned) in [
            ("go .", "va !", true),
            ("i lost .", "j'ai perdu .", true),
            ("he's calm .", "il est calme .", false),
            ("i'm home .", "je suis chez moi .", true),
        ] {
            for (sentence, vocabulary) in [
                (english, &text.source_vocabulary),
                (french, &text.target_vocabulary),
            ] {
                let unknown = sentence
                    .split(' ')
                    .find(|word| vocabulary.id(word) == vocabulary.unknown());
                assert_eq!(unknown, None, "{sentence}");
            }
            let pairs = text.train_pairs.iter();
            let mut pairs = pairs.map(|pair| (normalize(&pair.source), normalize(&pair.target)));
            assert_eq!(
                pairs.any(|pair| pair == (english.to_string(), french.to_string())),
                learned
            );
        }
    }
    Ok(())
}

#[test]
fn another_file_under_the_name_is_an_error() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let options = TranslationOptions::book(TextEdition::Zh);
    let load = |choice| english_french(options, choice, folder.path());
    let notice = load(Choice::Auto)?.notice.unwrap_or_default();
    assert!(
        notice
            .contains("using the built-in written sentences (`cargo run -p fetch-data -- fra-eng"),
        "{notice}"
    );
    std::fs::create_dir(folder.path().join("fra-eng"))?;
    std::fs::write(folder.path().join("fra-eng/fra.txt"), TEXT)?;
    for choice in [Choice::Auto, Choice::Real] {
        let error = load(choice).unwrap_err().to_string();
        assert!(error.contains("wanted the book's 11669748"), "{error}");
    }
    Ok(())
}
