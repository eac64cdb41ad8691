//! Colours on a terminal: text is marked while it is laid out, and the marks become colours or nothing when it is
//! printed.
//!
//! The marks are Unicode's tag characters, which take no room, so a table's columns stay where they are.

use std::env;
use std::io::{self, IsTerminal};

/// The meaning of a text, shown as a colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// Good: green.
    Good,
    /// Worth a look: yellow.
    Odd,
    /// Wrong: red.
    Bad,
}

/// Marks and the terminal's commands that they stand for (ECMA-48).
const COMMANDS: [(char, &str); 4] = [
    (GOOD, "\u{1b}[32m"),
    (ODD, "\u{1b}[33m"),
    (BAD, "\u{1b}[31m"),
    (END, "\u{1b}[0m"),
];
const GOOD: char = '\u{e0067}';
const ODD: char = '\u{e006f}';
const BAD: char = '\u{e0062}';
const END: char = '\u{e007f}';

/// The text in a colour, if it will be printed on a terminal that shows colours.
pub fn paint(colour: Colour, text: &str) -> String {
    let mark = match colour {
        Colour::Good => GOOD,
        Colour::Odd => ODD,
        Colour::Bad => BAD,
    };
    format!("{mark}{text}{END}")
}

/// The text with its marks replaced by the terminal's commands, or removed.
pub(crate) fn marks_replaced(text: &str, coloured: bool) -> String {
    let mut text = text.to_string();
    for (mark, command) in COMMANDS {
        text = text.replace(mark, if coloured { command } else { "" });
    }
    text
}

/// Whether stdout is a terminal whose user wants colours (<https://no-color.org>).
pub(crate) fn is_wanted() -> bool {
    let refused = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let is_dumb = env::var_os("TERM").is_some_and(|name| name == "dumb");
    io::stdout().is_terminal() && !refused && !is_dumb
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_become_colours_or_nothing() {
        let text = format!("a {} b", paint(Colour::Bad, "failed"));
        assert_eq!(marks_replaced(&text, true), "a \u{1b}[31mfailed\u{1b}[0m b");
        assert_eq!(marks_replaced(&text, false), "a failed b");
    }
}
