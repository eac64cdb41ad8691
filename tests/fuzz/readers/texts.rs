//! Texts: the book's copies, characters and words, byte pairs, pairs of sentences, names.

use std::fs;
use std::sync::OnceLock;

use d2l_data::translation::{
    END, ParallelText, TranslationOptions, english_french, normalize, sentence_tokens,
};
use d2l_data::{
    BytePairs, Choice, Column, Corpus, Level, NAME_END, NAME_IGNORED, Provenance, RawText, Source,
    TextEdition, letters, names, time_machine_text, tokenize, wikitext2,
};

use super::{folder, within};

const EDITIONS: [TextEdition; 2] = [TextEdition::Zh, TextEdition::En];
/// Bytes of memory for each byte of a text: a token of one character takes some hundred in a vocabulary.
const PER_BYTE: usize = 512;

/// No text but the book's is taken for the book's. Any text can be cut into tokens, and they make up the text again.
pub fn text(bytes: &[u8]) {
    other_copies_are_refused(bytes);
    let text = String::from_utf8_lossy(bytes).into_owned();
    within(PER_BYTE * text.len(), || {
        let cleaned = letters(&text);
        assert_eq!(letters(&cleaned), cleaned);
        assert_eq!(tokenize(&cleaned, Level::Character).concat(), cleaned);
        for edition in EDITIONS {
            for level in [Level::Character, Level::Word] {
                let raw = RawText { text: text.clone(), provenance: provenance() };
                let corpus = Corpus::new(raw, edition, level);
                let ids = corpus.tokens.iter();
                let tokens: Vec<&str> = ids.map(|&id| corpus.vocabulary.token(id)).collect();
                if (edition, level) == (TextEdition::En, Level::Character) {
                    assert_eq!(tokens.concat(), cleaned);
                }
                assert!(!tokens.contains(&"<unk>"));
            }
        }
    });
    let byte_pairs = byte_pairs();
    let ids = byte_pairs.encode(&text).expect("any text has byte pairs");
    assert_eq!(byte_pairs.decode(&ids).expect("a text"), text);
}

/// The readers of the texts of which only the book's copy counts. They decompress no more than that copy has.
fn other_copies_are_refused(bytes: &[u8]) {
    const BOOKS: [usize; 3] = [178_979, 11_669_748, 10_797_148];
    let folder = folder();
    for (set, file, size) in [
        ("time-machine", "timemachine.txt", BOOKS[0]),
        ("fra-eng", "fra.txt", BOOKS[1]),
        ("wikitext-2", "wiki.train.tokens", BOOKS[2]),
    ] {
        fs::create_dir_all(folder.path().join(set)).expect("a folder");
        fs::write(folder.path().join(set).join(file), bytes).expect("a file");
        let most = 2 * super::images::unpacked(bytes).min(size);
        let found = within(most, || match set {
            "fra-eng" => {
                let options = TranslationOptions::book(TextEdition::Zh);
                english_french(options, Choice::Real, folder.path()).map(|_| ())
            }
            "wikitext-2" => {
                let second = folder.path().join(set).join("wiki.valid.tokens");
                fs::write(second, "").expect("a file");
                wikitext2(Choice::Real, folder.path()).map(|_| ())
            }
            _ => time_machine_text(Choice::Real, folder.path()).map(|_| ()),
        });
        let message = format!(
            "{:#}",
            found.expect_err("the book's copy is not in the corpus")
        );
        assert!(message.contains(file), "{message}");
    }
}

/// Any pairs that are accepted become sequences of one length, whose tokens are known.
pub fn pairs(bytes: &[u8]) {
    const STEPS: usize = 7;
    let text = String::from_utf8_lossy(bytes);
    for edition in EDITIONS {
        let options = TranslationOptions {
            edition,
            num_train: 5,
            num_valid: 3,
            num_steps: STEPS,
            min_frequency: 1,
        };
        let read = || ParallelText::new(&text, provenance(), options);
        let Ok(pairs) = within(PER_BYTE * text.len(), read) else {
            continue;
        };
        let sentences: Vec<&str> = pairs.train_pairs.iter().map(|pair| &*pair.source).collect();
        assert!(!sentences.is_empty() && pairs.splits.train.len() == sentences.len());
        assert!(pairs.valid_pairs.len() <= options.num_valid);
        let encoded = pairs.encode(&sentences).expect("its own sentences");
        assert!(tokens(encoded.column(0)) == tokens(pairs.splits.train.column(0)));
        for (column, vocabulary) in [(0, &pairs.source_vocabulary), (2, &pairs.target_vocabulary)] {
            let ids = tokens(pairs.splits.train.column(column));
            assert_eq!(ids.len(), STEPS * sentences.len());
            assert!(ids.iter().all(|&id| (id as usize) < vocabulary.len()));
            let lengths = tokens(pairs.splits.train.column(column + 1));
            assert!(
                lengths
                    .iter()
                    .all(|&length| (1..=STEPS as u32).contains(&length))
            );
        }
        for (row, pair) in pairs.train_pairs.iter().enumerate() {
            let normal = normalize(&pair.target);
            assert_eq!(normalize(&normal), normal);
            let ids = &tokens(pairs.splits.train.column(2))[row * STEPS..][..STEPS];
            let words = sentence_tokens(&pair.target, edition);
            let known = words.iter().take(STEPS).take_while(|word| *word != END);
            assert!(pairs.translation(ids).iter().eq(known));
        }
        pairs.test_sentences();
    }
}

/// Lists of names: those that are accepted become symbols of one length, of which each name ends.
pub fn names_by_language(bytes: &[u8]) {
    const LANGUAGES: [&str; 18] = [
        "Arabic",
        "Chinese",
        "Czech",
        "Dutch",
        "English",
        "French",
        "German",
        "Greek",
        "Irish",
        "Italian",
        "Japanese",
        "Korean",
        "Polish",
        "Portuguese",
        "Russian",
        "Scottish",
        "Spanish",
        "Vietnamese",
    ];
    let folder = folder();
    let set = folder.path().join("names");
    fs::create_dir_all(&set).expect("a folder");
    for language in LANGUAGES {
        fs::write(set.join(language).with_extension("txt"), bytes).expect("a file");
    }
    let most = LANGUAGES.len() * PER_BYTE * super::images::unpacked(bytes).min(1 << 20);
    let read = || -> anyhow::Result<_> {
        let names = names(Choice::Real, folder.path())?.data;
        Ok((names.for_classification()?, names.for_generation()?))
    };
    match within(most, read) {
        Ok((read, written)) => {
            let steps = read.train.shape(0)[0];
            for name in tokens(read.train.column(0)).chunks(steps) {
                assert!(name[0] < NAME_END && name[steps - 1] == NAME_END);
            }
            assert_eq!(
                read.train.len() + read.valid.len(),
                written.train.len() + written.valid.len()
            );
            for name in tokens(written.train.column(1)).chunks(steps) {
                assert_eq!(name.iter().filter(|&&symbol| symbol == NAME_END).count(), 1);
                assert!(name.iter().all(|&symbol| symbol <= NAME_IGNORED));
            }
        }
        Err(error) => {
            let message = format!("{error:#}");
            assert!(message.contains("Arabic.txt"), "{message}");
            assert_eq!(message.lines().count(), 1, "{message}");
        }
    }
}

fn tokens(column: &Column) -> &[u32] {
    match column {
        Column::Tokens { values, .. } => values,
        _ => panic!("wanted tokens"),
    }
}

fn provenance() -> Provenance {
    Provenance {
        name: "any".to_string(),
        source: Source::Synthetic,
        sha256: String::new(),
    }
}

/// Tokens of a small text.
fn byte_pairs() -> &'static BytePairs {
    static TOKENS: OnceLock<BytePairs> = OnceLock::new();
    TOKENS.get_or_init(|| BytePairs::train("ab ab ab abab cd  cd", 260).expect("a vocabulary"))
}
