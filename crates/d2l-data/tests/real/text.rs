//! Texts: names, words, characters, byte pairs.

use anyhow::Result;
use d2l_data::{
    BytePairs, Choice, Column, Level, TextEdition, names, time_machine, time_machine_text,
    wikitext2,
};

use crate::{data_folder, weighted_sum};

const SHA256_NAMES: &str = "526c41535fa73de8552401bae4329b9b7583d6be42829544278da166d559aea7";
const SHA256_WIKITEXT: &str = "6fa607207d992ce53216b1e13be004701d4fbafb031d677e76c66e44f353522d";
const SHA256_TIME_MACHINE: &str =
    "8d6ce2c235e112898b80945d385f6ee7133f283b656155cb1314846ed0f0d6a2";

/// Counts and sums are Python's, with `unicodedata.normalize` and `Counter.most_common`.
#[test]
fn the_names_and_the_words_are_the_published_ones() -> Result<()> {
    if let Some(folder) = data_folder("names") {
        let names = names(Choice::Real, &folder)?.data;
        assert_eq!(names.languages.len(), 18);
        assert_eq!(names.languages[14], "Russian");
        let splits = names.for_classification()?;
        assert_eq!((splits.train.len(), splits.valid.len()), (17_042, 3_008));
        let Column::Tokens { values, shape } = splits.train.column(0) else {
            panic!("wanted tokens");
        };
        assert_eq!((weighted_sum(values), &shape[..]), (63_394_481, &[21][..]));
        let Column::Labels(languages) = splits.valid.column(1) else {
            panic!("wanted labels");
        };
        let count = |number| languages.iter().filter(|&&label| label == number).count();
        assert_eq!([14, 4, 0, 17].map(count), [1407, 550, 300, 11]);
        assert_eq!(names.provenance.sha256, SHA256_NAMES);
    }
    if let Some(folder) = data_folder("wikitext-2") {
        let text = wikitext2(Choice::Real, &folder)?.data;
        let counts = (text.train.len(), text.valid.len(), text.vocabulary.len());
        assert_eq!(counts, (2_088_628, 217_646, 33_278));
        let frequent: Vec<&str> = (0..4).map(|id| text.vocabulary.token(id)).collect();
        assert_eq!(frequent, ["<unk>", "the", ",", "."]);
        assert_eq!(weighted_sum(&text.train), 18_553_118_683);
        assert_eq!(weighted_sum(&text.valid), 1_721_373_898);
        assert_eq!(text.provenance.sha256, SHA256_WIKITEXT);
    }
    Ok(())
}

/// Counts and sums are Python's: the book's cleaning by its regular expression, and `Counter.most_common`.
#[test]
fn the_time_machine_is_the_books() -> Result<()> {
    let Some(folder) = data_folder("time-machine") else {
        return Ok(());
    };
    let read = |edition, level| -> Result<_> {
        Ok(time_machine(edition, level, Choice::Real, &folder)?.data)
    };
    let characters = read(TextEdition::Zh, Level::Character)?;
    assert_eq!(
        (characters.tokens.len(), characters.vocabulary.len()),
        (170_580, 28)
    );
    let in_order: String = (1..28).map(|id| characters.vocabulary.token(id)).collect();
    assert_eq!(in_order, " etainoshrdlmucfwgypbvkxzjq");
    let begins: String = characters.tokens[..35]
        .iter()
        .map(|&id| characters.vocabulary.token(id))
        .collect();
    assert_eq!(begins, "the time machine by h g wellsithe t");
    assert_eq!(weighted_sum(&characters.tokens), 4_887_153);
    assert_eq!(characters.provenance.sha256, SHA256_TIME_MACHINE);

    let english = read(TextEdition::En, Level::Character)?;
    assert_eq!(
        (english.tokens.len(), english.vocabulary.len()),
        (173_428, 28)
    );
    let numbers = [" ", "<unk>", "a", "z"].map(|token| english.vocabulary.id(token));
    assert_eq!(numbers, [0, 1, 2, 27]);
    assert_eq!(weighted_sum(&english.tokens), 7_086_211);

    let words = read(TextEdition::Zh, Level::Word)?;
    assert_eq!(
        (words.tokens.len(), words.vocabulary.len()),
        (32_775, 4_580)
    );
    let most_common: Vec<(&str, usize)> = words.vocabulary.frequencies()[..5]
        .iter()
        .map(|(word, count)| (word.as_str(), *count))
        .collect();
    assert_eq!(
        most_common,
        [
            ("the", 2261),
            ("i", 1267),
            ("and", 1245),
            ("of", 1155),
            ("a", 816)
        ]
    );
    assert_eq!(weighted_sum(&words.tokens), 65_223_323);
    Ok(())
}

/// Counts and sums are those of Hugging Face's tokenizers 0.23.3 in Python:
///
/// ```text
/// tokens = ByteLevelBPETokenizer()
/// tokens.train_from_iterator([text], vocab_size=512, min_frequency=0)
/// ids = tokens.encode(text).ids
/// ```
#[test]
fn byte_pairs_of_the_time_machine_are_those_of_python() -> Result<()> {
    let Some(folder) = data_folder("time-machine") else {
        return Ok(());
    };
    let text = time_machine_text(Choice::Real, &folder)?.data.text;
    assert_eq!(text.len(), 178_979);
    for (size, count, sum) in [(512, 84_155, 82_450_670), (1024, 65_744, 96_533_048)] {
        let tokens = BytePairs::train(&text, size)?;
        let ids = tokens.encode(&text)?;
        assert_eq!((tokens.len(), ids.len()), (size, count));
        assert_eq!(weighted_sum(&ids), sum);
        assert_eq!(tokens.decode(&ids)?, text);
        let first: Result<Vec<String>> = (256..264).map(|id| tokens.decode(&[id])).collect();
        assert_eq!(first?, [" t", "he", " a", "in", " the", " s", "re", " o"]);
    }
    Ok(())
}
