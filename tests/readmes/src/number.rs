//! Numbers in prose: which characters are one, and how a value looks if it is written like another.

use std::ops::Range;

use d2l_log::shown;

/// In front of a section of one of the book's editions: `zh 3.2`, `en §3.4`.
const EDITIONS: [&str; 3] = ["zh ", "en ", "§"];
/// What stands in front of the exit code of a command that fails, in the READMEs' languages.
const EXIT_CODE: [&str; 2] = ["exit code ", "退出码 "];

/// The decimal numbers of a text, in their order: those with a point or an exponent, outside of backticks. A section of the
/// book (`zh 3.2`) is none.
pub fn decimals(text: &str) -> Vec<Range<usize>> {
    let mut all = numbers(text);
    all.retain(|range| text[range.clone()].contains(['.', 'e']));
    all
}

/// The numbers that so many names belong to: the decimal ones, or else all of them.
pub fn named(text: &str, names: usize) -> Option<Vec<Range<usize>>> {
    let found = [decimals(text), numbers(text)];
    found.into_iter().find(|found| found.len() == names)
}

/// The exit code that a comment names, and what stands before it.
pub fn exit_code(comment: &str) -> Option<(i32, &str)> {
    EXIT_CODE.iter().find_map(|phrase| {
        let (before, after) = comment.split_once(phrase)?;
        let digits = after.split(|c: char| !c.is_ascii_digit()).next()?;
        Some((digits.parse().ok()?, before))
    })
}

/// The whole numbers of a text, in their order.
pub fn integers(text: &str) -> Vec<Range<usize>> {
    let mut all = numbers(text);
    all.retain(|range| !text[range.clone()].contains(['.', 'e']));
    all
}

/// All numbers of a text. One that letters, underscores or further points touch is part of a name.
fn numbers(text: &str) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let at = |place: usize| bytes.get(place).copied().unwrap_or(b' ');
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let (mut found, mut place, mut is_code) = (Vec::new(), 0, false);
    while place < bytes.len() {
        if at(place) == b'`' {
            is_code = !is_code;
        }
        if is_code || !at(place).is_ascii_digit() {
            place += 1;
            continue;
        }
        let end = end_of_number(bytes, place);
        let before = place.checked_sub(1).map_or(b' ', at);
        let before_sign = place.checked_sub(2).map_or(b' ', at);
        let is_negative = before == b'-' && !is_name(before_sign);
        let begin = place - usize::from(is_negative);
        let touches = is_name(before) || before == b'.' || (before == b'-' && !is_negative);
        let goes_on = is_name(at(end)) || (at(end) == b'.' && at(end + 1).is_ascii_digit());
        let is_section = EDITIONS
            .iter()
            .any(|edition| text[..begin].ends_with(edition));
        if !touches && !goes_on && !is_section {
            found.push(begin..end);
        }
        place = end;
    }
    found
}

/// Behind digits, commas between groups of three, decimals and exponent.
fn end_of_number(bytes: &[u8], begin: usize) -> usize {
    let is_digit = |place: usize| bytes.get(place).is_some_and(u8::is_ascii_digit);
    let digits = |mut place: usize| {
        while is_digit(place) {
            place += 1;
        }
        place
    };
    let mut end = digits(begin);
    while bytes.get(end) == Some(&b',') && digits(end + 1) == end + 4 {
        end += 4;
    }
    if bytes.get(end) == Some(&b'.') && is_digit(end + 1) {
        end = digits(end + 1);
    }
    if bytes.get(end) == Some(&b'e') {
        let sign = usize::from(bytes.get(end + 1) == Some(&b'-'));
        if is_digit(end + 1 + sign) {
            end = digits(end + 1 + sign);
        }
    }
    end
}

/// A value with as many decimals as the number that stands there has, with or without an exponent as that one.
pub fn like(pattern: &str, value: f64) -> String {
    let (mantissa, exponent) = pattern.split_once('e').unwrap_or((pattern, ""));
    let decimals = mantissa
        .split_once('.')
        .map_or(0, |(_, digits)| digits.len());
    match exponent {
        "" => format!("{value:.decimals$}"),
        _ => format!("{value:.decimals$e}"),
    }
}

/// What takes the place of a number that is not right any more: the value written like it, unless its size has changed so
/// much that hardly a digit of it would be left, or an exponent says nothing.
pub fn instead(pattern: &str, value: f64) -> String {
    let written = like(pattern, value);
    let digits = written.chars().filter(|c| ('1'..='9').contains(c)).count();
    let is_ordinary = (0.01..1e4).contains(&value.abs());
    match pattern.contains('e') {
        true if is_ordinary => shown(value),
        false if digits < 2 && value != 0.0 && pattern.contains('.') && !is_ordinary => {
            shown(value)
        }
        _ => written,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts<'a>(text: &'a str, found: &[Range<usize>]) -> Vec<&'a str> {
        found.iter().map(|range| &text[range.clone()]).collect()
    }

    #[test]
    fn decimal_numbers_are_found_in_prose() {
        let text = "0.8123 (0.447), norm -9.1, 3e-11 and 1.97e33: zh 4.2, en §5.2.1, zh §4.10; `0.5`, 28x28, v1.2.3, 12 to 1,000.5.";
        let wanted = ["0.8123", "0.447", "-9.1", "3e-11", "1.97e33", "1,000.5"];
        assert_eq!(texts(text, &decimals(text)), wanted);
    }

    #[test]
    fn whole_numbers_count_if_the_names_say_so() {
        let text = "24 epochs; 0.8782, loss 0.3400";
        let named = |names| named(text, names).map(|found| texts(text, &found).join(" "));
        assert_eq!(named(2).as_deref(), Some("0.8782 0.3400"));
        assert_eq!(named(3).as_deref(), Some("24 0.8782 0.3400"));
        assert_eq!(named(1), None);
        assert_eq!(
            texts("10 steps: 157", &integers("10 steps: 157")),
            ["10", "157"]
        );
    }

    #[test]
    fn a_value_is_written_like_what_stood_there() {
        assert_eq!(like("0.81", 0.8349), "0.83");
        assert_eq!(like("1.04e-4", 1.0449e-4), "1.04e-4");
        assert_eq!(like("157", 158.6), "159");
        assert_eq!(instead("0.81", 0.00012), "1.200e-4");
        assert_eq!(instead("1.04e-4", 0.5), "0.5000");
        assert_eq!(instead("0.000", 0.0), "0.000");
    }

    #[test]
    fn a_comment_names_its_exit_code() {
        let comment = "stops at step 144, exit code 1; 0.5 is fine";
        assert_eq!(exit_code(comment), Some((1, "stops at step 144, ")));
        assert_eq!(exit_code("停止，退出码 2"), Some((2, "停止，")));
        assert_eq!(exit_code("0.81"), None);
    }
}
