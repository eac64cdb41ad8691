//! The catalogue `zh.po`, and how a text is found in it.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::LazyLock;

use polib::po_file;

use crate::template::Template;

/// What the programs say, in English and in Chinese. Poedit and other programs for gettext edit such a file.
const CHINESE: &str = include_str!("../zh.po");

/// What joins an error and its cause.
const CAUSE: &str = ": ";
const CHINESE_CAUSE: &str = "：";

/// A text of the catalogue and its translation.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The English text, with `{}` or `{name}` in the places of values.
    pub english: String,
    /// The Chinese text, with the same places.
    pub chinese: String,
    /// Who says it, if the sources don't: clap, or the system.
    pub speaker: String,
    /// Whether it is said only as a value in another text.
    pub is_part: bool,
}

impl Entry {
    /// Whether both texts have the same places for values.
    pub fn has_equal_places(&self) -> bool {
        Template::new(&self.english).names() == Template::new(&self.chinese).names()
    }
}

/// All entries of the Chinese catalogue, or the reason why it cannot be read.
pub fn entries() -> Result<Vec<Entry>, String> {
    let catalogue =
        po_file::parse_from_reader(CHINESE.as_bytes()).map_err(|cause| cause.to_string())?;
    let entries = catalogue.messages().map(|message| {
        Ok(Entry {
            english: message.msgid().to_string(),
            chinese: message
                .msgstr()
                .map_err(|cause| cause.to_string())?
                .to_string(),
            speaker: message.extracted_comments().trim().to_string(),
            is_part: message.msgctxt() == Some("part"),
        })
    });
    entries.collect()
}

/// The catalogue as texts are looked up in it.
pub(crate) struct Catalogue {
    /// Texts without values, their translations, and whether they are parts of others only.
    whole: HashMap<String, (String, bool)>,
    /// Texts with values: the one with the most letters comes first.
    templates: Vec<Pair>,
}

/// A text with values and its translation.
struct Pair {
    english: Template,
    chinese: Template,
    is_part: bool,
}

/// The Chinese catalogue. A test reads it, so a program that cannot doesn't come to be; without it texts stay English.
pub(crate) fn chinese() -> &'static Catalogue {
    static CATALOGUE: LazyLock<Catalogue> =
        LazyLock::new(|| Catalogue::new(entries().unwrap_or_default()));
    &CATALOGUE
}

impl Catalogue {
    pub fn new(entries: Vec<Entry>) -> Self {
        let (with_values, whole): (Vec<Entry>, Vec<Entry>) = entries
            .into_iter()
            .partition(|entry| !Template::new(&entry.english).names().is_empty());
        let whole = whole.into_iter().map(|entry| {
            let text = |template: &str| Template::new(template).filled(&[]);
            (text(&entry.english), (text(&entry.chinese), entry.is_part))
        });
        let templates = with_values.into_iter().map(|entry| Pair {
            english: Template::new(&entry.english),
            chinese: Template::new(&entry.chinese),
            is_part: entry.is_part,
        });
        let mut templates: Vec<Pair> = templates.collect();
        templates.sort_by_key(|pair| Reverse(pair.english.letters()));
        Self { whole: whole.collect(), templates }
    }

    /// The translation of a text without values.
    pub fn fixed(&self, text: &str) -> Option<&str> {
        self.whole.get(text).map(|(chinese, _)| chinese.as_str())
    }

    /// The text as a whole, else line by line; spaces around a line stay.
    pub fn lines(&self, text: &str) -> String {
        if let Some(whole) = self.fixed(text) {
            return whole.to_string();
        }
        let line = |line: &str| within_spaces(line, |text| self.message(text, false));
        text.split_inclusive('\n').map(line).collect()
    }

    /// An error and its causes, each translated for itself if the catalogue doesn't have the whole.
    pub fn error(&self, text: &str) -> String {
        within_spaces(text, |text| self.chain(text))
    }

    /// A message that the catalogue has.
    fn message(&self, text: &str, is_value: bool) -> Option<String> {
        // A single word among the values is a name: `loss` is a metric there, not a heading.
        if let Some((chinese, is_part)) = self.whole.get(text)
            && (!is_value || *is_part || text.contains(' '))
        {
            return Some(chinese.clone());
        }
        let templates = self.templates.iter();
        let mut fitting = templates.filter(|pair| is_value || !pair.is_part);
        fitting.find_map(|pair| {
            let values = pair.english.values(text)?.into_iter();
            let values = values.map(|(name, value)| (name, self.value(value)));
            Some(pair.chinese.filled(&Vec::from_iter(values)))
        })
    }

    /// A value, which may be a message itself; not if it stands in quotes.
    fn value(&self, text: &str) -> String {
        match text.trim_start().starts_with(['"', '`']) {
            true => text.to_string(),
            false => within_spaces(text, |text| self.chain(text)),
        }
    }

    /// `a: b: c`, where some of the three are messages.
    fn chain(&self, text: &str) -> Option<String> {
        let effect_and_cause = |at: usize| (&text[..at], &text[at + CAUSE.len()..]);
        let ends = text.match_indices(CAUSE).map(|(at, _)| at);
        let ends: Vec<usize> = ends.collect();
        // What ends with a value would take the causes for a part of it, so the longest message without one comes first.
        if !self.whole.contains_key(text) && !self.ends_as_said(text) {
            for (effect, cause) in ends.iter().rev().map(|&at| effect_and_cause(at)) {
                if let Some(effect) = self.message(effect, true) {
                    return Some(format!("{effect}{CHINESE_CAUSE}{}", self.value(cause)));
                }
            }
        }
        self.message(text, true).or_else(|| {
            let (name, cause) = ends.first().map(|&at| effect_and_cause(at))?;
            Some(format!("{name}{CHINESE_CAUSE}{}", self.chain(cause)?))
        })
    }

    /// Whether a message describes the text to its end, without a cause in its last value.
    fn ends_as_said(&self, text: &str) -> bool {
        self.templates.iter().any(|Pair { english, .. }| {
            let values = english.values(text);
            let last = values.and_then(|values| values.last().map(|(_, value)| *value));
            last.is_some_and(|last| !english.ends_with_value() || !last.contains(CAUSE))
        })
    }
}

/// The text with what `translate` makes of it between its leading and trailing spaces.
fn within_spaces(text: &str, translate: impl FnOnce(&str) -> Option<String>) -> String {
    let inner = text.trim();
    match translate(inner) {
        None => text.to_string(),
        Some(translation) => {
            let start = text.len() - text.trim_start().len();
            let end = text.trim_end().len().max(start);
            format!("{}{translation}{}", &text[..start], &text[end..])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalogue() -> Catalogue {
        let entry = |english: &str, chinese: &str| Entry {
            english: english.into(),
            chinese: chinese.into(),
            speaker: String::new(),
            is_part: english == "{one} and {other}",
        };
        Catalogue::new(vec![
            entry("epoch", "轮"),
            entry("no data set", "没有数据集"),
            entry("{file} not read", "无法读取 {file}"),
            entry("line {line}", "第 {line} 行"),
            entry("the gradient of {what} is 0", "{what} 的梯度为 0"),
            entry("{one} and {other}", "{one} 和 {other}"),
            entry("the end", "结束"),
        ])
    }

    #[test]
    fn a_text_is_found_as_a_whole_and_by_its_lines() {
        let catalogue = catalogue();
        assert_eq!(catalogue.lines("epoch"), "轮");
        assert_eq!(
            catalogue.lines("  a not read\n\nno data set\n"),
            "  无法读取 a\n\n没有数据集\n"
        );
        assert_eq!(catalogue.lines("something else\n"), "something else\n");
    }

    #[test]
    fn causes_are_translated_one_by_one() {
        let catalogue = catalogue();
        assert_eq!(
            catalogue.error("a: b not read: line 3: no data set"),
            "无法读取 a: b：第 3 行：没有数据集"
        );
        assert_eq!(catalogue.error("a.csv: line 3: x"), "a.csv：第 3 行：x");
        assert_eq!(catalogue.error("a: b: c"), "a: b: c");
    }

    #[test]
    fn a_value_may_be_a_message_but_a_word_is_a_name() {
        let catalogue = catalogue();
        assert_eq!(
            catalogue.lines("the gradient of a and b is 0"),
            "a 和 b 的梯度为 0"
        );
        assert_eq!(
            catalogue.lines("the gradient of epoch is 0"),
            "epoch 的梯度为 0"
        );
        assert_eq!(
            catalogue.lines("the gradient of \"a and b\" is 0"),
            "\"a and b\" 的梯度为 0"
        );
        assert_eq!(catalogue.lines("he and she"), "he and she");
    }
}
