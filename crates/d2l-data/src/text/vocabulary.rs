//! The tokens of a text and their numbers. D2L zh 8.2.3, en 9.2.3.

use std::collections::BTreeMap;

/// The book's name for a token that is not in the vocabulary.
const UNKNOWN: &str = "<unk>";

/// Tokens and their numbers, which count from 0. A token that is not in the vocabulary has the number of `<unk>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vocabulary {
    /// By number.
    tokens: Vec<String>,
    ids: BTreeMap<String, u32>,
    /// All tokens by falling frequency, also those that are too rare for a number.
    frequencies: Vec<(String, usize)>,
}

impl Vocabulary {
    /// Numbers as in the Chinese edition: `<unk>` is 0, then `reserved`, then the tokens that occur at least
    /// `min_frequency` times, by falling frequency; of equally frequent ones the first seen comes first.
    pub fn by_frequency<'a>(
        tokens: impl IntoIterator<Item = &'a str>,
        min_frequency: usize,
        reserved: &[&str],
    ) -> Self {
        let frequencies = count(tokens);
        let names = frequent(&frequencies, min_frequency, reserved);
        Self::numbered(names, frequencies)
    }

    /// Numbers as in the English edition: all tokens in alphabetical order, `<unk>` and `reserved` among them.
    pub fn alphabetical<'a>(
        tokens: impl IntoIterator<Item = &'a str>,
        min_frequency: usize,
        reserved: &[&str],
    ) -> Self {
        let frequencies = count(tokens);
        let mut names = frequent(&frequencies, min_frequency, reserved);
        names.sort();
        Self::numbered(names, frequencies)
    }

    fn numbered(names: Vec<String>, frequencies: Vec<(String, usize)>) -> Self {
        let mut tokens: Vec<String> = Vec::new();
        let mut ids = BTreeMap::new();
        for name in names {
            if !ids.contains_key(&name) {
                ids.insert(name.clone(), tokens.len() as u32);
                tokens.push(name);
            }
        }
        Self { tokens, ids, frequencies }
    }

    /// The number of tokens, `<unk>` among them.
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Whether there are no tokens: never, since `<unk>` is one.
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// The number of `<unk>`.
    pub fn unknown(&self) -> u32 {
        self.ids.get(UNKNOWN).copied().unwrap_or_default()
    }

    /// The number of a token, or of `<unk>` if it has none.
    pub fn id(&self, token: &str) -> u32 {
        self.ids.get(token).copied().unwrap_or(self.unknown())
    }

    /// The token of a number, or `<unk>` if there is no such number.
    pub fn token(&self, id: u32) -> &str {
        self.tokens.get(id as usize).map_or(UNKNOWN, String::as_str)
    }

    /// All tokens of the text with their counts, by falling frequency; of equally frequent ones the first seen first.
    pub fn frequencies(&self) -> &[(String, usize)] {
        &self.frequencies
    }
}

/// `<unk>`, the reserved tokens, and those that occur often enough.
fn frequent(
    frequencies: &[(String, usize)],
    min_frequency: usize,
    reserved: &[&str],
) -> Vec<String> {
    let found = frequencies.iter().filter(|(_, n)| *n >= min_frequency);
    let found = found.map(|(token, _)| token.as_str());
    let all = [UNKNOWN].into_iter().chain(reserved.iter().copied());
    all.chain(found).map(str::to_string).collect()
}

/// How often each token occurs, in the order of Python's `Counter.most_common`.
fn count<'a>(tokens: impl IntoIterator<Item = &'a str>) -> Vec<(String, usize)> {
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    let mut counts: Vec<(String, usize)> = Vec::new();
    for token in tokens {
        let place = *places.entry(token).or_insert(counts.len());
        match counts.get_mut(place) {
            Some((_, n)) => *n += 1,
            None => counts.push((token.to_string(), 1)),
        }
    }
    counts.sort_by_key(|(_, n)| std::cmp::Reverse(*n)); // stable: ties stay in the order of the text
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_follow_frequency_and_then_the_text() {
        let text = ["b", "c", "a", "c", "b", "d"];
        let vocabulary = Vocabulary::by_frequency(text, 0, &["<pad>"]);
        let tokens: Vec<&str> = (0..6).map(|id| vocabulary.token(id)).collect();
        assert_eq!(tokens, ["<unk>", "<pad>", "b", "c", "a", "d"]);
        assert_eq!(vocabulary.len(), 6);
        assert_eq!((vocabulary.id("c"), vocabulary.id("z")), (3, 0));
        assert_eq!(vocabulary.token(99), "<unk>");
        assert_eq!(vocabulary.frequencies()[0], ("b".to_string(), 2));
    }

    #[test]
    fn rare_tokens_have_no_number() {
        let vocabulary = Vocabulary::by_frequency(["a", "b", "b"], 2, &[]);
        assert_eq!((vocabulary.len(), vocabulary.id("a")), (2, 0));
        assert_eq!(vocabulary.frequencies().len(), 2);
    }

    /// The space sorts before `<`, and `<` before all letters.
    #[test]
    fn the_english_edition_sorts() {
        let vocabulary = Vocabulary::alphabetical(["b", " ", "a", "b"], 0, &[]);
        let tokens: Vec<&str> = (0..4).map(|id| vocabulary.token(id)).collect();
        assert_eq!(tokens, [" ", "<unk>", "a", "b"]);
        assert_eq!((vocabulary.unknown(), vocabulary.id("q")), (1, 1));
    }
}
