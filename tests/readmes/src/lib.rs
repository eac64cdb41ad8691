//! The numbers in the READMEs are made by the commands beside them. This crate runs the commands and compares.
//!
//! `scripts/readme.sh --check` compares, `scripts/readme.sh --write` replaces the numbers with those that the commands
//! give. Comments, which a reader of the page doesn't see, say which numbers belong to which command:
//!
//! | comment | before | what it says |
//! |---|---|---|
//! | `<!-- run seconds -->` | an `sh` block | its commands are run in order; each takes under ten seconds |
//! | `<!-- run minutes -->` | an `sh` block | each takes under two minutes: only with `--all` |
//! | `<!-- run never: REASON -->` | an `sh` block | why they are not run |
//! | `<!-- output -->` | a block without a language | what the commands of the last `sh` block print |
//! | `<!-- output seconds: COMMAND -->` | a block without a language | what a command in the prose prints |
//! | `<!-- output never: REASON -->` | a block without a language | why it is not compared |
//! | `<!-- numbers seconds`, a line `COMMAND: METRIC, METRIC` for each command, `-->` | a paragraph or a table | the decimal numbers in it, in order of reading |
//! | `<!-- results CHAPTER`, a line `MODEL IMPLEMENTATION PRESET: LABEL` for each experiment, `-->` … `<!-- end -->` | | a table from `scripts/results/` and `bands.toml` |
//! | `<!-- overview`, a line `CHAPTER MODEL IMPLEMENTATION PRESET: METRIC` for each row, `-->` … `<!-- end -->` | | the table of page 1 |
//!
//! After `seconds` or `minutes` these words may follow: `real` (with the data of `D2L_DATA`; without them the commands are
//! passed over), `new` (in a new folder of runs; otherwise all commands of a page share one), `seeds=N` (train with
//! `--seeds N`: a number is the median; with `METRIC@SEED` it is one seed's, with `METRIC@each` there is one for each
//! seed), `numbers=METRIC,METRIC` (the meaning of the numbers in the commands' comments; `-` is one that is not
//! compared; a list for each command, with `;` between the lists, or one for all).
//!
//! `number` says what counts as a number, and how exactly it is compared; `mask`, which parts of an output depend on
//! the machine; `output`, how a shortened output is found in the whole one. A command that should fail says so in its
//! comment: `exit code 1`.
//!
//! Reading order: `markup` and `page` (what a README holds), `desk` (how commands run), `number`, `mask`, `output`, `check`
//! (one page), `definition` (its links to code), `pages` (all); `results` (the files of long runs), `machine`, `book`, `words`, `table`.

mod book;
mod check;
mod definition;
mod desk;
mod machine;
mod markup;
mod mask;
mod number;
mod output;
mod page;
mod pages;
mod results;
mod table;
mod words;

pub use pages::pages;
pub use results::results;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The workspace's root.
///
/// # Errors
/// If this crate is not two folders below it.
pub fn root() -> Result<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = here
        .ancestors()
        .nth(2)
        .context("tests/readmes lies in the root")?;
    Ok(root.to_path_buf())
}
