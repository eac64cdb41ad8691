//! The width of the reader's terminal.

use std::env;

/// Narrower than this, no table is legible.
const NARROWEST: usize = 40;

/// How many columns the output may use: the number in `COLUMNS`, else the terminal's, else `unknown`.
pub fn screen_width(unknown: usize) -> usize {
    let stated = env::var("COLUMNS")
        .ok()
        .and_then(|width| width.parse().ok());
    let size = || console::Term::stdout().size_checked();
    let terminal = || size().map(|(_, columns)| usize::from(columns));
    stated.or_else(terminal).unwrap_or(unknown).max(NARROWEST)
}
