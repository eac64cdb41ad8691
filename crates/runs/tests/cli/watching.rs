//! `runs watch`; what it draws is tested beside the code.

use crate::{FIRST, refused, write};
use anyhow::Result;
use tempfile::tempdir;

#[test]
fn without_a_terminal_there_is_nothing_to_watch() -> Result<()> {
    let runs = tempdir()?;
    write(runs.path(), &FIRST)?;
    for arguments in [&["watch", "first"][..], &["watch", "--all"]] {
        let error = refused(runs.path(), arguments, 2)?;
        assert_eq!(
            error,
            "watch needs a terminal; `runs show RUN` prints what a log holds"
        );
    }
    Ok(())
}

#[test]
fn a_run_must_be_named() -> Result<()> {
    let runs = tempdir()?;
    assert!(refused(runs.path(), &["watch"], 2)?.contains("RUN"));
    Ok(())
}
