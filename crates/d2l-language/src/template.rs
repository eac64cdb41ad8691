//! Texts with values: a key such as `the run {} exists`, which recognises `the run a-2 exists`.

/// A text's key in the catalogue: a format string without what says how its values are shown.
///
/// `{loss:.4}` becomes `{loss}`, `{:>8}` becomes `{}`; spaces around the text are no part of the key.
pub fn key_of(format: &str) -> String {
    let mut key = String::new();
    let mut rest = format.trim();
    while let Some(start) = rest.find(['{', '}']) {
        let (before, from) = rest.split_at(start);
        key += before;
        if let Some(after) = from.strip_prefix("{{").or_else(|| from.strip_prefix("}}")) {
            key += &from[..2];
            rest = after;
            continue;
        }
        let end = from.find('}').map_or(from.len(), |end| end + 1);
        let (place, after) = from.split_at(end);
        let name = place.trim_matches(['{', '}']).split(':').next();
        key += &format!("{{{}}}", name.unwrap_or_default());
        rest = after;
    }
    key + rest
}

/// The name of a value that is a number, in keys that would fit other texts too: `{number} runs`.
const NUMBER: &str = "number";

/// What additions to a value begin with: `, 3 more`, ` (11 MB)`.
const ADDITIONS: [&str; 3] = [", ", "; ", " ("];

/// A part of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    /// Letters that stand in every text.
    Letters(String),
    /// The place of a value: its name, or its number if it has none.
    Value(String),
}

/// A text with places for values.
#[derive(Debug)]
pub(crate) struct Template(Vec<Part>);

impl Template {
    /// The template that a key or its translation spells out.
    pub fn new(text: &str) -> Self {
        let mut parts = Vec::new();
        let mut letters = String::new();
        let mut rest = text;
        let mut number = 0;
        while let Some(letter) = rest.chars().next() {
            let doubled = rest.strip_prefix("{{").or_else(|| rest.strip_prefix("}}"));
            if let Some(after) = doubled {
                letters.push(letter);
                rest = after;
            } else if let Some((name, after)) =
                rest.strip_prefix('{').and_then(|from| from.split_once('}'))
            {
                parts.push(Part::Letters(std::mem::take(&mut letters)));
                parts.push(Part::Value(match name {
                    "" => number.to_string(),
                    name => name.to_string(),
                }));
                number += usize::from(name.is_empty());
                rest = after;
            } else {
                letters.push(letter);
                rest = &rest[letter.len_utf8()..];
            }
        }
        parts.push(Part::Letters(letters));
        Self(parts)
    }

    /// The number of letters that a text must have: of two templates for one text, the one with more says more.
    pub fn letters(&self) -> usize {
        let letters = self.0.iter().map(|part| match part {
            Part::Letters(letters) => letters.len(),
            Part::Value(_) => 0,
        });
        letters.sum()
    }

    /// Whether nothing follows the last value.
    pub fn ends_with_value(&self) -> bool {
        self.0.len() > 1 && self.0.last() == Some(&Part::Letters(String::new()))
    }

    /// The names of the values, sorted, each as often as it occurs.
    pub fn names(&self) -> Vec<&str> {
        let names = self.0.iter().filter_map(|part| match part {
            Part::Value(name) => Some(name.as_str()),
            Part::Letters(_) => None,
        });
        let mut names: Vec<&str> = names.collect();
        names.sort_unstable();
        names
    }

    /// The values of a text that this template describes, with their names. A value is as short as what follows allows;
    /// before another value it goes up to what additions such as ` (11 MB)` begin with. The value of `{number}` is one.
    pub fn values<'a, 'b>(&'a self, text: &'b str) -> Option<Vec<(&'a str, &'b str)>> {
        let [Part::Letters(first), rest @ ..] = &self.0[..] else {
            return None;
        };
        let mut text = text.strip_prefix(first.as_str())?;
        let mut values = Vec::new();
        let mut places = rest;
        while let [Part::Value(name), Part::Letters(letters), further @ ..] = places {
            let end = match further {
                [_, Part::Letters(next), ..] if letters.is_empty() => {
                    let both = end_before(text, next, further.len() == 2)?;
                    end_before_addition(&text[..both])
                }
                _ => end_before(text, letters, further.is_empty())?,
            };
            let value = &text[..end];
            if name == NUMBER && !value.starts_with(|letter: char| letter.is_ascii_digit()) {
                return None;
            }
            values.push((name.as_str(), value));
            text = &text[end + letters.len()..];
            places = further;
        }
        text.is_empty().then_some(values)
    }

    /// The text with these values.
    pub fn filled(&self, values: &[(&str, String)]) -> String {
        let mut text = String::new();
        for part in &self.0 {
            match part {
                Part::Letters(letters) => text += letters,
                Part::Value(name) => {
                    let value = values.iter().find(|(of, _)| of == name);
                    text += value.map_or("", |(_, value)| value);
                }
            }
        }
        text
    }
}

/// Where these letters begin, or where the last letters of all begin.
fn end_before(text: &str, letters: &str, are_last: bool) -> Option<usize> {
    match are_last {
        true => text.strip_suffix(letters).map(str::len),
        false => text.find(letters),
    }
}

/// The end of a value that something is added to.
fn end_before_addition(text: &str) -> usize {
    let starts = ADDITIONS.iter().filter_map(|addition| text.find(addition));
    starts.min().unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_names_values_but_not_how_they_are_shown() {
        assert_eq!(key_of("  loss {loss:.4} of {:>8}, "), "loss {loss} of {},");
        assert_eq!(key_of("a {{kind}} and {0:?}"), "a {{kind}} and {0}");
    }

    #[test]
    fn a_template_finds_the_values_of_a_text() {
        let values = |template: &str, text: &str| -> Option<String> {
            let template = Template::new(template);
            let values = template.values(text)?;
            Some(
                values
                    .iter()
                    .map(|(name, value)| format!("{name}={value};"))
                    .collect(),
            )
        };
        assert_eq!(
            values("{} of {rest}", "1 of a of b"),
            Some("0=1;rest=a of b;".into())
        );
        assert_eq!(values("the end", "the end"), Some(String::new()));
        assert_eq!(values("the end", "the end."), None);
        assert_eq!(values("{}: none", "a: no: none"), Some("0=a: no;".into()));
        assert_eq!(values("{}{more} is", "x is"), Some("0=x;more=;".into()));
        assert_eq!(
            values("{}{more}", "x (3 more)"),
            Some("0=x;more= (3 more);".into())
        );
        assert_eq!(values("a line {{{}}}", "a line {7}"), Some("0=7;".into()));
        assert_eq!(values("{} ends here", "ends"), None);
        assert_eq!(values("{number} runs", "3 runs"), Some("number=3;".into()));
        assert_eq!(values("{number} runs", "he runs"), None);
    }

    #[test]
    fn a_translation_may_change_the_order() {
        let template = Template::new("{1}：第 {0} 轮，{名}");
        let values = [
            ("0", "3".to_string()),
            ("1", "a".to_string()),
            ("名", "b".to_string()),
        ];
        assert_eq!(template.filled(&values), "a：第 3 轮，b");
        assert_eq!(template.names(), ["0", "1", "名"]);
    }
}
