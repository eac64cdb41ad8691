//! Columns on a terminal, where a Chinese letter takes two.

use unicode_width::UnicodeWidthStr;

/// The columns that a text takes on a terminal.
pub fn width(text: &str) -> usize {
    UnicodeWidthStr::width(text)
}

/// The text at the left of so many columns.
pub fn left(text: &str, columns: usize) -> String {
    format!("{text}{}", room(text, columns))
}

/// The text at the right of so many columns.
pub fn right(text: &str, columns: usize) -> String {
    format!("{}{text}", room(text, columns))
}

fn room(text: &str, columns: usize) -> String {
    " ".repeat(columns.saturating_sub(width(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chinese_letter_takes_two_columns() {
        assert_eq!(left("模型", 6) + "|", "模型  |");
        assert_eq!(right("轮", 4), "  轮");
        assert_eq!(right("too long", 4), "too long");
    }
}
