//! Killed runs keep every whole line; errors name the damage.

use crate::{header, message, records, run_in};
use anyhow::Result;
use d2l_log::{FILE_NAME, Log, Outline, Record, Status};
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

/// The lines of [`records`].
fn lines() -> Result<[String; 4]> {
    let lines: Vec<String> = records()
        .iter()
        .map(serde_json::to_string)
        .collect::<Result<_, _>>()?;
    let four = lines.try_into();
    four.map_err(|lines| anyhow::anyhow!("wanted four lines, found {lines:?}"))
}

#[test]
fn a_damaged_line_is_passed_over_and_said() -> Result<()> {
    let [run, first, second, end] = &lines()?;
    let null = first.replace("\"gradient_norm\":0.42", "\"gradient_norm\":null");
    let python = first.replace("\"gradient_norm\":0.42", "\"gradient_norm\":NaN");
    let runs = tempdir()?;
    let file = runs.path().join(FILE_NAME);
    for (damage, wanted) in [
        (
            "{\"kind\":\"epoch\"",
            "line 2 is passed over: EOF while parsing an object",
        ),
        ("", "line 2 is passed over: EOF while parsing a value"),
        ("\u{0}\u{0}", "line 2 is passed over: expected value"),
        ("Epoch 1: loss 0.5", "line 2 is passed over: expected value"),
        (
            "{\"kind\":\"epoch\",\"epoch\":2}",
            "line 2 is passed over: missing field `step`",
        ),
        (
            "{\"kind\":\"novelty\",\"a\":1}",
            "line 2 is passed over: the unknown kind `novelty`",
        ),
        ("[1]", "line 2 is passed over: "),
        (
            &null,
            "line 2 is passed over: invalid type: null, expected a number, \"NaN\"",
        ),
        (&python, "line 2 is passed over: expected value"),
        (
            "x\ny\nz",
            "line 2 is passed over: expected value (and 2 more lines)",
        ),
    ] {
        fs::write(&file, [run, damage, second, end].join("\n") + "\n")?;
        let log = Log::read(&file)?;
        assert_eq!((log.epochs.len(), log.end.is_some()), (1, true), "{damage}");
        let remarks = log.remarks.expect("a remark");
        assert!(remarks.starts_with(wanted), "{remarks}: wanted {wanted}");
        assert!(!remarks.contains('\n'), "{remarks}");
    }
    Ok(())
}

#[test]
fn an_editors_marks_and_line_ends_change_nothing() -> Result<()> {
    let runs = tempdir()?;
    let file = run_in(runs.path(), "mlp/first", &records())?.join(FILE_NAME);
    let (plain, text) = (Log::read(&file)?, fs::read_to_string(&file)?);
    assert_eq!(plain.remarks, None);
    fs::write(&file, format!("\u{feff}{}", text.replace('\n', "\r\n")))?;
    let edited = Log::read(&file)?;
    let wanted = "it begins with a byte-order mark; its lines end as on Windows";
    assert_eq!(edited.remarks.as_deref(), Some(wanted));
    assert_eq!(Log { remarks: None, ..edited }, plain);
    Ok(())
}

/// The status is in the last line that is whole, after which an editor or a crash may have left something.
#[test]
fn an_outline_passes_over_what_a_log_passes_over() -> Result<()> {
    let text = lines()?.join("\n");
    for text in [
        format!("{text}\n"),
        format!("\u{feff}{text}\n"),
        format!("{text}\n{{\"kind\":\"epo"),
        format!("{text}\ngarbage\n"),
    ] {
        let outline = Outline::parse(text.as_bytes())?;
        let log = Log::parse(text.as_bytes(), FILE_NAME.into())?;
        assert_eq!(outline.header, log.header);
        assert_eq!(outline.status, Some(Status::Finished), "{text}");
        assert_eq!(log.end.map(|end| end.status), outline.status);
    }
    Ok(())
}

#[test]
fn a_newer_minor_schema_is_read() -> Result<()> {
    let [run, first, second, end] = lines()?;
    let newer = [
        run.replace("\"schema_minor\":2", "\"schema_minor\":7,\"mood\":\"good\""),
        "{\"kind\":\"weather\",\"sun\":true}".into(),
        first.replacen(
            '{',
            "{\"note\":\"a\",\"list\":[1],\"odd\":{\"x\":true},\"flat\":1,",
            1,
        ),
        second,
        end.replacen('{', "{\"energy\":{\"joules\":5}, ", 1),
    ];
    let runs = tempdir()?;
    let file = runs.path().join(FILE_NAME);
    fs::write(&file, newer.join("\n") + "\n")?;
    let log = Log::read(&file)?;
    assert_eq!(log.header.schema.minor, 7);
    let plain = records();
    assert_eq!(Record::Epoch(log.epochs[0].clone()), plain[1]);
    assert_eq!(log.end.map(Record::End).as_ref(), plain.last());
    let remarks = log.remarks.expect("a remark on the unknown line");
    assert_eq!(remarks, "line 2 is passed over: the unknown kind `weather`");
    Ok(())
}

#[test]
fn what_is_no_log_or_two_logs_is_an_error() -> Result<()> {
    let [run, first, second, end] = &lines()?;
    let table = "epoch,loss\n1,0.5".to_string();
    let cases = [
        (
            vec![first, second],
            "begins with the kind \"epoch\": its first line is missing",
        ),
        (
            vec![&table],
            "is a table with the columns epoch, loss; `runs import` reads",
        ),
        (vec![run, first, run], "line 3: a second `run` line"),
        (
            vec![run, first, end, second],
            "line 4: a line after the `end` line",
        ),
        (vec![run, first, second, second], "epoch 2 follows epoch 2"),
        (vec![run, second, first], "epoch 1 follows epoch 2"),
    ];
    let runs = tempdir()?;
    let file = runs.path().join(FILE_NAME);
    for (lines, wanted) in cases {
        let lines: Vec<&str> = lines.into_iter().map(String::as_str).collect();
        fs::write(&file, lines.join("\n") + "\n")?;
        let message = message(Log::read(&file));
        assert!(message.contains(&file.display().to_string()), "{message}");
        assert!(message.contains(wanted), "{message}: wanted {wanted}");
        assert!(!message.contains('\n'), "{message}");
    }
    Ok(())
}

#[test]
fn a_header_with_a_wrong_field_is_named() -> Result<()> {
    let runs = tempdir()?;
    let file = runs.path().join(FILE_NAME);
    let [run, ..] = lines()?;
    fs::write(
        &file,
        run.replace("\"seed\":18446744073709551615", "\"seed\":-1") + "\n",
    )?;
    let message = message(Log::read(&file));
    assert!(
        message.contains("log.jsonl, line 1: invalid value: integer `-1`"),
        "{message}"
    );
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
