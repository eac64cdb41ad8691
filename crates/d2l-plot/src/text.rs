//! The size of texts, and how they are broken into lines.
//!
//! The viewer chooses the font of an SVG. So widths are estimated for DejaVu Sans, the widest of the usual fonts; in
//! other fonts a text is a little shorter than the room for it.

use crate::style::LEADING;

/// Estimated width of a text in one line, in the unit of `size`.
pub(crate) fn width(text: &str, size: f64) -> f64 {
    text.chars().map(char_width).sum::<f64>() * size
}

/// The largest width among the lines, 0 for none.
pub(crate) fn widest<'a>(lines: impl IntoIterator<Item = &'a str>, size: f64) -> f64 {
    lines
        .into_iter()
        .map(|line| width(line, size))
        .fold(0.0, f64::max)
}

/// Height of this number of lines.
pub(crate) fn height(lines: usize, size: f64) -> f64 {
    lines as f64 * size * LEADING
}

/// Breaks a text at its line breaks, and within a line that is wider than `room` after a space, a slash, a hyphen
/// or an underscore; a piece that is still too wide is broken anywhere.
pub(crate) fn wrap(text: &str, room: f64, size: f64) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let mut line = String::new();
        for piece in breakable(paragraph) {
            if !line.is_empty() && width(&format!("{line}{}", piece.trim_end()), size) > room {
                lines.push(std::mem::take(&mut line));
            }
            for letter in piece.chars() {
                let too_wide = width(&line, size) + char_width(letter) * size > room;
                if too_wide && !line.is_empty() && letter != ' ' {
                    lines.push(std::mem::take(&mut line));
                }
                line.push(letter);
            }
        }
        lines.push(line);
    }
    lines.iter().map(|line| line.trim().to_string()).collect()
}

/// The parts of a text that stay in one line.
pub(crate) fn pieces(text: &str) -> impl Iterator<Item = &str> {
    text.lines().flat_map(breakable).map(str::trim_end)
}

fn breakable(line: &str) -> impl Iterator<Item = &str> {
    line.split_inclusive([' ', '/', '-', '_'])
}

/// Width of a letter in font sizes.
fn char_width(letter: char) -> f64 {
    match letter {
        'i' | 'j' | 'l' | 'I' | '|' | '\'' | '.' | ',' | ':' | ';' | ' ' => 0.33,
        'f' | 't' | 'r' | '/' | '\\' | '(' | ')' | '[' | ']' | '-' | '!' => 0.41,
        '⁰'..='⁹' | '¹' | '²' | '³' | '⁻' => 0.43,
        'm' | 'w' | 'M' | 'W' | '@' | '%' | '−' | '+' | '=' | '<' | '>' | '×' => 0.92,
        'A'..='Z' | '&' => 0.72,
        '\u{2e80}'.. => 1.0, // Chinese, Japanese, Korean, and what is as wide
        _ => 0.63,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_break_between_words_and_short_ones_stay_whole() {
        assert_eq!(wrap("Ankle boot", 50.0, 11.0), ["Ankle", "boot"]);
        assert_eq!(wrap("T-shirt/top", 50.0, 11.0), ["T-shirt/", "top"]);
        assert_eq!(wrap("Coat", 50.0, 11.0), ["Coat"]);
    }

    #[test]
    fn line_breaks_are_kept() {
        assert_eq!(wrap("true: Coat\npredicted: Bag", 200.0, 11.0).len(), 2);
        assert_eq!(wrap("a\n\nb", 200.0, 11.0), ["a", "", "b"]);
        assert!(wrap("", 200.0, 11.0).is_empty());
    }

    #[test]
    fn no_line_is_wider_than_the_room_and_no_letter_is_lost() {
        let name = "softmax-regression_concise-zh-cpu-s0/a_single_word_without_any_break_at_all 文字文字文字文字";
        let lines = wrap(name, 80.0, 12.0);
        assert!(
            lines.iter().all(|line| width(line, 12.0) <= 80.0),
            "{lines:?}"
        );
        assert_eq!(lines.concat().replace(' ', ""), name.replace(' ', ""));
    }
}
