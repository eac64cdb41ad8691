//! The width of the reader's terminal.

use std::env;

/// Narrower than this, no table is legible.
const NARROWEST: usize = 40;

/// The width if nobody knows the screen's, as when the output goes to a file.
const USUAL: usize = 80;

/// How many columns the output may use: the number in `COLUMNS`, else the terminal's, else 80.
pub fn screen_width() -> usize {
    let stated = env::var("COLUMNS")
        .ok()
        .and_then(|width| width.parse().ok());
    let size = || console::Term::stdout().size_checked();
    let terminal = || size().map(|(_, columns)| usize::from(columns));
    stated.or_else(terminal).unwrap_or(USUAL).max(NARROWEST)
}
