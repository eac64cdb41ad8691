//! `--dry-run` says what a run would be and trains nothing; `runs sweep` trains what it says.

use crate::support::{Desk, chapters, program};
use anyhow::{Context, Result, ensure};
use d2l_log::{Header, Log, Record};

const SMALL: [&str; 4] = ["--data", "builtin", "--examples", "64"];

/// The header that a call with `--dry-run` prints.
fn dry(desk: &Desk, chapter: &str, arguments: &[&str]) -> Result<Header> {
    let printed = desk.succeed(chapter, &[arguments, &["--dry-run", "--quiet"]].concat())?;
    let mut headers = printed
        .lines()
        .filter_map(|line| match serde_json::from_str(line) {
            Ok(Record::Run(header)) => Some(header),
            _ => None,
        });
    headers
        .next_back()
        .with_context(|| format!("{chapter}: no header in {printed:?}"))
}

#[test]
fn a_dry_run_prints_the_header_and_writes_nothing() -> Result<()> {
    for chapter in chapters() {
        let desk = Desk::new()?;
        dry(&desk, chapter.name, &SMALL)?;
        ensure!(!desk.path().join("runs").exists(), "{} wrote", chapter.name);
    }
    let desk = Desk::new()?;
    let arguments = [&SMALL[..], &["--epochs", "1", "--seed", "3"]].concat();
    let wanted = dry(&desk, "mlp", &arguments)?;
    let folder = desk.train("mlp", "trained", &arguments)?;
    let found = Log::read(&folder)?.header;
    let started = found.started.clone();
    ensure!(
        Header { started, ..wanted.clone() } == found,
        "{wanted:?} instead of {found:?}"
    );
    Ok(())
}

#[test]
fn a_sweep_over_a_real_chapter_trains_every_setting_once() -> Result<()> {
    let desk = Desk::new()?;
    let mlp = program("mlp").display().to_string();
    let lists = [
        "sweep",
        "--program",
        &mlp,
        "--learning-rate",
        "0.1,0.3",
        "--seeds",
        "2",
        "--",
        "mlp",
    ];
    let arguments = [&lists[..], &SMALL, &["--epochs", "1", "--quiet"]].concat();
    let text = desk.succeed("runs", &arguments)?;
    ensure!(text.contains("best mean of valid.accuracy"), "{text}");
    let logs = Log::list(&desk.path().join("runs"))?.logs;
    let mut names: Vec<&str> = logs.iter().map(Log::run).collect();
    names.sort_unstable();
    // The preset's own learning rate is 0.1.
    let wanted = [
        "s0-epochs1-examples64",
        "s0-epochs1-learning-rate0.3",
        "s1-epochs1-examples64",
        "s1-epochs1-learning-rate0.3",
    ];
    for (name, wanted) in names.iter().zip(wanted) {
        ensure!(name.contains(wanted), "{name} instead of {wanted}");
    }
    let again = desk.succeed("runs", &arguments)?;
    ensure!(again.matches("finished already").count() == 4, "{again}");
    ensure!(
        Log::list(&desk.path().join("runs"))?.logs.len() == 4,
        "nothing is trained twice"
    );
    Ok(())
}
