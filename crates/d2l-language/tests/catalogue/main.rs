//! The catalogue has everything that the programs say, and nothing else.
//!
//! `sources` finds the texts in the workspace's sources, so a new message or a new flag needs no list: without a Chinese
//! entry the test fails and prints what is to be added to `zh.po`.

// Tests may panic, and so may functions that only tests call.
#![allow(clippy::expect_used)]

mod sources;

use std::collections::{BTreeMap, BTreeSet};

use d2l_language::{Entry, Language, entries};
use sources::Texts;

/// Texts that nobody reads in Chinese, one a line, below a comment with the reason.
const NOT_SHOWN: &str = include_str!("not_shown.txt");

/// A text of fewer letters could be met by chance: by a line of a generated text, for instance.
const FEWEST_LETTERS: usize = 2;

fn catalogue() -> Vec<Entry> {
    entries().expect("zh.po is a catalogue in gettext's format")
}

fn not_shown() -> BTreeSet<&'static str> {
    let lines = NOT_SHOWN.lines().filter(|line| !line.starts_with('#'));
    lines.filter(|line| !line.is_empty()).collect()
}

#[test]
fn every_text_has_a_chinese_entry() {
    let texts = Texts::of_workspace();
    let entries = catalogue();
    let known: BTreeSet<&str> = entries.iter().map(|entry| entry.english.as_str()).collect();
    let not_shown = not_shown();
    let missing = texts
        .to_be_translated
        .iter()
        .filter(|(text, _)| !known.contains(text.as_str()) && !not_shown.contains(text.as_str()));
    let missing: Vec<String> = missing
        .map(|(text, file)| format!("# {file}\nmsgid {}\nmsgstr \"\"\n", quoted(text)))
        .collect();
    assert!(
        missing.is_empty(),
        "{} texts have no Chinese entry. Translate them in crates/d2l-language/zh.po, or, if no reader sees them, put them \
         into tests/catalogue/not_shown.txt:\n\n{}",
        missing.len(),
        missing.join("\n")
    );
}

#[test]
fn every_entry_is_used() {
    let texts = Texts::of_workspace();
    let entries = catalogue();
    let unused = entries
        .iter()
        .filter(|entry| entry.speaker.is_empty() && !texts.all.contains(&entry.english));
    let unused: Vec<&str> = unused.map(|entry| entry.english.as_str()).collect();
    assert!(
        unused.is_empty(),
        "nothing says these any more; remove them from zh.po:\n{}",
        unused.join("\n")
    );
    let gone = not_shown().into_iter();
    let gone: Vec<&str> = gone.filter(|text| !texts.all.contains(*text)).collect();
    assert!(
        gone.is_empty(),
        "remove from not_shown.txt:\n{}",
        gone.join("\n")
    );
}

#[test]
fn every_entry_is_translated_once_and_keeps_its_values() {
    let entries = catalogue();
    let mut times: BTreeMap<&str, usize> = BTreeMap::new();
    for entry in &entries {
        *times.entry(&entry.english).or_default() += 1;
        assert!(
            !entry.chinese.is_empty(),
            "no Chinese for {:?}",
            entry.english
        );
        assert!(
            entry.has_equal_places(),
            "{:?} and {:?} have different values",
            entry.english,
            entry.chinese
        );
        assert_eq!(
            entry.english,
            entry.english.trim(),
            "spaces belong to no key"
        );
    }
    let twice: Vec<_> = times.iter().filter(|(_, times)| **times > 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
}

/// Of several entries that fit a text, the right one is found.
#[test]
fn every_entry_is_found_by_its_text() {
    let entries = catalogue().into_iter().filter(|entry| !entry.is_part);
    let wrong = entries.filter_map(|entry| {
        let behind_another = behind_another(&entry.english);
        let text = |template: &str| with_values(template, &behind_another);
        let found = Language::Chinese.translated(&text(&entry.english));
        (found != text(&entry.chinese)).then(|| format!("{:?} becomes {found:?}", entry.english))
    });
    let wrong: Vec<String> = wrong.collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_entry_is_met_by_chance() {
    let fits_too_much = |entry: &Entry| {
        let outside = entry
            .english
            .split(['{', '}'])
            .step_by(2)
            .collect::<String>();
        let letters = outside
            .chars()
            .filter(|letter| letter.is_alphabetic())
            .count();
        let has_values = entry.english.contains('{');
        has_values && letters < FEWEST_LETTERS && !entry.english.starts_with(char::is_alphabetic)
    };
    let entries = catalogue().into_iter();
    let found: Vec<String> = entries
        .filter(|entry| !entry.is_part && fits_too_much(entry))
        .map(|entry| entry.english)
        .collect();
    assert!(
        found.is_empty(),
        "give them msgctxt \"part\":\n{}",
        found.join("\n")
    );
}

/// The names of values that follow another value at once, such as `{more}` in `{high}{more}`.
fn behind_another(template: &str) -> Vec<String> {
    let mut unnamed = 0;
    let mut found = Vec::new();
    let mut before = "";
    for part in template.split('{').skip(1) {
        let (name, after) = part.split_once('}').unwrap_or((part, ""));
        let number = unnamed.to_string();
        unnamed += usize::from(name.is_empty());
        if before == "}" {
            found.push(if name.is_empty() {
                number
            } else {
                name.to_string()
            });
        }
        before = if after.is_empty() { "}" } else { "" };
    }
    found
}

/// The text with a value in each place: that of `{}` and of `{0}` is `«0»`. A value behind another begins as additions do.
fn with_values(template: &str, behind_another: &[String]) -> String {
    let mut text = String::new();
    let mut number: usize = 0;
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        if let Some(after) = after.strip_prefix('{') {
            text += &format!("{before}{{");
            rest = after;
            continue;
        }
        let (name, after) = after.split_once('}').expect("a place is closed");
        let name = match name {
            "" => {
                number += 1;
                (number - 1).to_string()
            }
            name => name.to_string(),
        };
        let value = match name.as_str() {
            "number" => "7".to_string(),
            _ if behind_another.contains(&name) => format!(" («{name}»)"),
            _ => format!("«{name}»"),
        };
        text += &format!("{}{value}", before.replace("}}", "}"));
        rest = after;
    }
    text + &rest.replace("}}", "}")
}

/// As gettext writes it.
fn quoted(text: &str) -> String {
    let text = text.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{}\"", text.replace('\n', "\\n"))
}
