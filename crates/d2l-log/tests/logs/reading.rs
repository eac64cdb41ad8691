//! Killed runs keep every whole line; errors name the damage.

use crate::{header, message, records, run_in};
use anyhow::Result;
use d2l_log::{FILE_NAME, Log};
use std::fs;
use tempfile::tempdir;

#[test]
fn a_log_that_is_cut_anywhere_keeps_every_complete_record() -> Result<()> {
    let runs = tempdir()?;
    let whole = fs::read(run_in(runs.path(), "mlp/whole", &records())?.join(FILE_NAME))?;
    let file = runs.path().join("cut.jsonl");
    // A record is complete when its closing brace is there, with or without the line break.
    let ends: Vec<usize> = whole
        .iter()
        .enumerate()
        .filter(|(_, byte)| **byte == b'\n')
        .map(|(at, _)| at)
        .collect();
    for length in 0..=whole.len() {
        fs::write(&file, &whole[..length])?;
        let complete = ends.iter().filter(|&&end| end <= length).count();
        match Log::read(&file) {
            Ok(log) => {
                let found = 1 + log.epochs.len() + usize::from(log.end.is_some());
                assert_eq!(found, complete, "{length} bytes");
            }
            Err(error) => {
                assert_eq!(complete, 0, "{length} bytes: {error:#}");
                assert!(
                    error
                        .to_string()
                        .contains("cut.jsonl holds no complete `run` line"),
                    "{error:#}"
                );
            }
        }
    }
    Ok(())
}

#[test]
fn letters_of_several_bytes_may_be_cut_in_two() -> Result<()> {
    let runs = tempdir()?;
    let file = runs.path().join(FILE_NAME);
    let line = serde_json::to_string(&records()[0])? + "\n";
    let mut text = line.clone().into_bytes();
    text.extend("{\"kind\":\"end\",\"reason\":\"磁盘".bytes().take(28));
    fs::write(&file, text)?;
    assert_eq!(Log::read(&file)?.header, header());
    Ok(())
}

#[test]
fn a_newer_schema_is_refused_in_one_line() -> Result<()> {
    let runs = tempdir()?;
    let file = runs.path().join(FILE_NAME);
    // A newer header may look like anything else.
    fs::write(
        &file,
        "{\"kind\":\"run\",\"schema\":2,\"topic\":\"mlp\"}\n{\"kind\":\"novelty\"}\n",
    )?;
    let message = message(Log::read(&file));
    assert!(
        message.contains("line 1: schema 2 is newer than this program, which reads up to 1"),
        "{message}"
    );
    assert!(!message.contains('\n'));
    Ok(())
}

#[test]
fn a_bad_line_is_named_with_file_number_and_reason() -> Result<()> {
    let lines: Vec<String> = records()
        .iter()
        .map(serde_json::to_string)
        .collect::<Result<_, _>>()?;
    let [run, first, second, end] = &lines[..] else {
        panic!("wanted four lines")
    };
    let cases = [
        (
            vec![run, "{\"kind\":\"epoch\"", second],
            "line 2: EOF while parsing",
        ),
        (vec![run, "", first], "line 2: EOF while parsing"),
        (vec![run, "\u{0}\u{0}", first], "line 2: expected value"),
        (
            vec![run, first, "{\"kind\":\"epoch\",\"epoch\":2}"],
            "line 3: missing field `step`",
        ),
        (
            vec![run, first, "{\"kind\":\"novelty\"}"],
            "line 3: unknown variant `novelty`",
        ),
        (vec![run, "[1]"], "line 2: "),
        (vec![first, second], "line 1: not a `run` line"),
        (vec![run, first, run], "line 3: a second `run` line"),
        (
            vec![run, first, end, second],
            "line 4: a line after the `end` line",
        ),
        (vec![run, first, second, second], "epoch 2 follows epoch 2"),
        (vec![run, second, first], "epoch 1 follows epoch 2"),
    ];
    let null = first.replace("\"gradient_norm\":0.42", "\"gradient_norm\":null");
    let python = first.replace("\"gradient_norm\":0.42", "\"gradient_norm\":NaN");
    let not_finite = [
        (
            vec![run.as_str(), &null],
            "line 2: invalid type: null, expected f64",
        ),
        (vec![run.as_str(), &python], "line 2: expected value"),
    ];
    let runs = tempdir()?;
    let file = runs.path().join(FILE_NAME);
    let cases = cases
        .into_iter()
        .map(|(lines, wanted)| (lines.into_iter().map(|line| line as &str).collect(), wanted));
    for (lines, wanted) in cases.chain(not_finite) {
        let lines: Vec<&str> = lines;
        fs::write(&file, lines.join("\n") + "\n")?;
        let message = message(Log::read(&file));
        assert!(message.contains(&file.display().to_string()), "{message}");
        assert!(message.contains(wanted), "{message}: wanted {wanted}");
        assert!(!message.contains('\n'), "{message}");
    }
    Ok(())
}

#[test]
fn folds_count_their_epochs_anew() -> Result<()> {
    let runs = tempdir()?;
    let records = records();
    let mut lines = vec![serde_json::to_string(&records[0])?];
    for fold in 0..2 {
        for record in &records[1..3] {
            let line = serde_json::to_string(record)?;
            lines.push(line.replacen("{", &format!("{{\"fold\":{fold},"), 1));
        }
    }
    let file = runs.path().join(FILE_NAME);
    fs::write(&file, lines.join("\n"))?;
    let folds: Vec<_> = Log::read(&file)?
        .epochs
        .iter()
        .map(|epoch| (epoch.fold, epoch.epoch))
        .collect();
    assert_eq!(
        folds,
        [(Some(0), 1), (Some(0), 2), (Some(1), 1), (Some(1), 2)]
    );
    Ok(())
}

#[test]
fn a_missing_log_is_named() -> Result<()> {
    let runs = tempdir()?;
    let message = message(Log::read(&runs.path().join("none")));
    assert!(message.contains("none not read: No such file"), "{message}");
    Ok(())
}
