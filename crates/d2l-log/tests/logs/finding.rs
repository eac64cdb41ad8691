//! Runs are listed by age and found by name.

use crate::{epoch, header, message, records, run_in};
use anyhow::Result;
use d2l_log::{FILE_NAME, Header, Log, Record};
use std::fs;
use tempfile::{TempDir, tempdir};

/// Three runs in two chapters, and files that are not runs.
fn runs() -> Result<TempDir> {
    let runs = tempdir()?;
    for (name, started) in [
        ("mlp/mlp-concise-quick-cpu-s0", "2026-11-22T21:14:02Z"),
        ("mlp/shared", "2026-11-22T21:14:01Z"),
        ("softmax-regression/shared", "2026-11-22T21:14:00Z"),
    ] {
        let chapter = name.split('/').next().unwrap_or_default().to_string();
        let header = Header { chapter, started: started.into(), ..header() };
        run_in(
            runs.path(),
            name,
            &[Record::Run(header), Record::Epoch(epoch(1, 0.5, 0.5))],
        )?;
    }
    fs::create_dir_all(runs.path().join("mlp/shared/figures/deeper"))?;
    fs::write(
        runs.path().join("mlp/shared/figures/log.jsonl"),
        "not a run: a level too deep",
    )?;
    fs::create_dir_all(runs.path().join("mlp/without-log"))?;
    fs::write(runs.path().join("notes.txt"), "not a chapter")?;
    Ok(runs)
}

fn names(logs: &[Log]) -> Vec<&str> {
    logs.iter().map(|log| log.name.as_str()).collect()
}

#[test]
fn runs_are_listed_oldest_first() -> Result<()> {
    let runs = runs()?;
    let listing = Log::list(runs.path())?;
    assert_eq!(
        names(&listing.logs),
        [
            "softmax-regression/shared",
            "mlp/shared",
            "mlp/mlp-concise-quick-cpu-s0"
        ]
    );
    assert!(listing.damaged.is_empty(), "{:?}", listing.damaged);
    Ok(())
}

#[test]
fn a_damaged_log_does_not_hide_the_others() -> Result<()> {
    let runs = runs()?;
    fs::write(runs.path().join("mlp/without-log").join(FILE_NAME), "{}\n")?;
    let listing = Log::list(runs.path())?;
    assert_eq!(listing.logs.len(), 3);
    let [damage] = &listing.damaged[..] else {
        panic!("{:?}", listing.damaged)
    };
    assert!(
        format!("{damage:#}")
            .contains("without-log/log.jsonl is one JSON value, not a line for each"),
        "{damage:#}"
    );
    Ok(())
}

#[test]
fn a_run_is_found_by_its_name_its_bare_name_and_its_path() -> Result<()> {
    let runs = runs()?;
    let name = "mlp/mlp-concise-quick-cpu-s0";
    let folder = runs.path().join(name);
    let file = folder.join(FILE_NAME);
    let elsewhere = runs.path().join("nowhere");
    for (runs_dir, given) in [
        (runs.path(), name.to_string()),
        (runs.path(), format!("{name}/")),
        (runs.path(), "mlp-concise-quick-cpu-s0".to_string()),
        (&elsewhere, folder.display().to_string()),
        (&elsewhere, file.display().to_string()),
    ] {
        let log = Log::find(runs_dir, &given)?;
        assert_eq!(
            (log.name.as_str(), log.run()),
            (name, "mlp-concise-quick-cpu-s0"),
            "{given}"
        );
    }
    Ok(())
}

#[test]
fn a_bare_name_of_two_runs_is_ambiguous() -> Result<()> {
    let runs = runs()?;
    let message = message(Log::find(runs.path(), "shared"));
    assert_eq!(
        message,
        "2 runs are called shared; wanted one of mlp/shared, softmax-regression/shared"
    );
    assert_eq!(
        Log::find(runs.path(), "softmax-regression/shared")?
            .header
            .chapter,
        "softmax-regression"
    );
    Ok(())
}

#[test]
fn an_unknown_name_gets_the_nearest_ones() -> Result<()> {
    let runs = runs()?;
    let nearest = |name: &str| -> String {
        let message = message(Log::find(runs.path(), name));
        message
            .split("nearest: ")
            .nth(1)
            .unwrap_or(&message)
            .to_string()
    };
    assert!(nearest("mlp-concise-quick-cpu-s1").starts_with("mlp/mlp-concise-quick-cpu-s0, "));
    assert!(
        nearest("quick").starts_with("mlp/mlp-concise-quick-cpu-s0, "),
        "a part of the name is nearer"
    );
    assert!(nearest("softmax-regresion/sharde").starts_with("softmax-regression/shared, "));
    assert!(nearest("").contains("mlp/shared"));
    Ok(())
}

#[test]
fn an_empty_or_missing_folder_says_to_train_first() -> Result<()> {
    let empty = tempdir()?;
    assert!(Log::list(empty.path())?.logs.is_empty());
    let message_empty = message(Log::find(empty.path(), "mlp"));
    assert!(
        message_empty.contains("holds none yet; train one first"),
        "{message_empty}"
    );
    let missing = empty.path().join("runs");
    for message in [
        message(Log::list(&missing)),
        message(Log::find(&missing, "mlp")),
    ] {
        assert!(
            message.contains("runs not read; train a chapter first"),
            "{message}"
        );
    }
    Ok(())
}

#[test]
fn a_log_of_another_name_is_called_after_its_file() -> Result<()> {
    let folder = tempdir()?;
    let file = folder.path().join("pytorch.jsonl");
    let lines: Vec<String> = records()
        .iter()
        .map(serde_json::to_string)
        .collect::<Result<_, _>>()?;
    fs::write(&file, lines.join("\n"))?;
    assert_eq!(Log::read(&file)?.name, "mlp/pytorch");
    Ok(())
}
