//! Written lines stay, whole, and are read back unchanged.

use crate::{end, epoch, header, message, metrics, records, run_in};
use anyhow::Result;
use d2l_log::{BandResult, Best, End, Epoch, FILE_NAME, Header, Log, Mark, Record, Step, Writer};
use std::fs;
use tempfile::tempdir;

#[test]
fn a_log_comes_back_as_it_was_written() -> Result<()> {
    let runs = tempdir()?;
    let folder = run_in(runs.path(), "mlp/first", &records())?;
    let log = Log::read(&folder)?;
    assert_eq!(log, Log::read(&folder.join(FILE_NAME))?);
    assert_eq!(log.name, "mlp/first");
    assert_eq!(log.header, header());
    assert_eq!(
        log.epochs,
        [epoch(1, 0.1 + 0.2, 0.75), epoch(2, 1.0 / 3.0, 0.81)]
    );
    assert_eq!(log.end, Some(end(2)));
    Ok(())
}

#[test]
fn numbers_come_back_bit_for_bit() -> Result<()> {
    // The default float parser of serde_json is off by one bit for some of these.
    let mut values = vec![
        0.0,
        -0.0,
        0.1 + 0.2,
        f64::MIN_POSITIVE,
        5e-324,
        f64::MAX,
        f64::EPSILON,
        1e23,
        2.225e-308,
    ];
    let mut bits = 0x9e37_79b9_7f4a_7c15_u64;
    while values.len() < 20_000 {
        bits ^= bits << 13;
        bits ^= bits >> 7;
        bits ^= bits << 17;
        values.push(f64::from_bits(bits));
    }
    values.retain(|value| value.is_finite());
    let train = (0..)
        .map(|index| format!("{index:05}"))
        .zip(values.iter().copied())
        .collect();
    let runs = tempdir()?;
    let written = Epoch { train, ..epoch(1, 0.0, 0.0) };
    let folder = run_in(
        runs.path(),
        "mlp/bits",
        &[Record::Run(header()), Record::Epoch(written)],
    )?;
    let log = Log::read(&folder)?;
    let read: Vec<u64> = log.epochs[0]
        .train
        .values()
        .map(|value| value.to_bits())
        .collect();
    assert_eq!(
        read,
        values
            .iter()
            .map(|value| value.to_bits())
            .collect::<Vec<_>>()
    );
    Ok(())
}

#[test]
fn an_existing_log_is_not_overwritten() -> Result<()> {
    let runs = tempdir()?;
    let file = run_in(runs.path(), "mlp/first", &records())?.join(FILE_NAME);
    let before = fs::read(&file)?;
    let message = message(Writer::create(&file));
    assert!(
        message.contains("log.jsonl not created; wanted a new file"),
        "{message}"
    );
    assert_eq!(fs::read(&file)?, before);
    Ok(())
}

#[test]
fn each_record_is_in_the_file_when_write_returns() -> Result<()> {
    let runs = tempdir()?;
    let file = runs.path().join(FILE_NAME);
    let mut writer = Writer::create(&file)?;
    for (index, record) in records().iter().enumerate() {
        writer.write(record)?;
        let text = fs::read_to_string(&file)?;
        assert_eq!(text.lines().count(), index + 1);
        assert!(text.ends_with('\n'));
        assert_eq!(writer.mark().lines, index);
    }
    writer.sync()
}

#[test]
fn resuming_cuts_off_what_came_after_the_checkpoint() -> Result<()> {
    let runs = tempdir()?;
    let whole = fs::read(run_in(runs.path(), "mlp/whole", &records())?.join(FILE_NAME))?;
    let file = runs.path().join("cut.jsonl");
    let mut writer = Writer::create(&file)?;
    writer.write(&records()[0])?;
    writer.write(&records()[1])?;
    let checkpoint = writer.mark();
    writer.write(&Record::Epoch(epoch(2, 99.0, 0.0)))?;
    drop(writer);
    let mut text = fs::read(&file)?;
    text.extend(b"{damaged}\n{\"kind\":\"epo"); // the run was killed here
    fs::write(&file, text)?;
    assert_eq!(Log::read_to(&file, &checkpoint)?.epochs.len(), 1);
    let whole_file = Log::read(&file)?;
    assert_eq!(whole_file.epochs.len(), 2);
    let remarks = whole_file.remarks.expect("remarks on the damage");
    assert!(remarks.contains("line 4"), "{remarks}");

    let mut writer = Writer::resume(&file, &checkpoint, &header())?;
    assert_eq!(writer.mark(), checkpoint);
    assert_eq!(
        Log::read(&file)?.epochs.len(),
        1,
        "cut at once, not when the next record comes"
    );
    writer.write(&records()[2])?;
    writer.write(&records()[3])?;
    assert_eq!(fs::read(&file)?, whole);
    Writer::resume(&file, &writer.mark(), &header())?;
    assert_eq!(
        fs::read(&file)?,
        whole,
        "nothing stands behind the last line"
    );
    Ok(())
}

#[test]
fn a_lengthened_run_has_another_header_and_the_same_lines() -> Result<()> {
    let runs = tempdir()?;
    let file = run_in(runs.path(), "mlp/first", &records()[..3])?.join(FILE_NAME);
    let mark = |lines: usize| -> Result<Mark> {
        let mut writer = Writer::create(&runs.path().join(format!("{lines}.jsonl")))?;
        for record in &records()[..=lines] {
            writer.write(record)?;
        }
        Ok(writer.mark())
    };
    let longer = Header { lengthened: vec![2], ..header() };
    let mut writer = Writer::resume(&file, &mark(1)?, &longer)?;
    writer.write(&records()[2])?;
    assert_eq!(writer.mark(), mark(2)?);
    let log = Log::read(&file)?;
    assert_eq!((log.header, log.epochs.len()), (longer, 2));
    assert_eq!(fs::read_dir(file.parent().expect("a folder"))?.count(), 1);
    Ok(())
}

#[test]
fn resuming_refuses_lines_that_are_not_the_checkpoints() -> Result<()> {
    let runs = tempdir()?;
    let file = run_in(runs.path(), "mlp/first", &records())?.join(FILE_NAME);
    let before = fs::read(&file)?;
    let whole = Writer::resume(&file, &Mark::default(), &header());
    assert!(
        message(whole).contains("the log was changed"),
        "the digest of nothing is not empty"
    );
    let mark = |lines: usize| Mark { lines, sha256: "0".repeat(64) };
    for (lines, wanted) in [
        (4, "found 3 lines behind the header, wanted the 4"),
        (2, "the log was changed"),
    ] {
        for error in [
            message(Writer::resume(&file, &mark(lines), &header())),
            message(Log::read_to(&file, &mark(lines))),
        ] {
            assert!(
                error.contains(wanted) && error.contains("log.jsonl"),
                "{error}"
            );
        }
    }
    let missing = message(Writer::resume(
        &runs.path().join("none.jsonl"),
        &mark(0),
        &header(),
    ));
    assert!(missing.contains("none.jsonl not continued"), "{missing}");
    assert_eq!(fs::read(&file)?, before, "a refusal changes nothing");
    Ok(())
}

#[test]
fn a_log_that_is_gone_is_noticed() -> Result<()> {
    let runs = tempdir()?;
    let file = runs.path().join(FILE_NAME);
    let mut writer = Writer::create(&file)?;
    writer.write(&Record::Run(header()))?;
    fs::remove_file(&file)?;
    for _ in 0..2 {
        let error = message(writer.write(&records()[1]));
        assert!(
            error.contains("was removed or changed by somebody else"),
            "{error}"
        );
        fs::write(&file, "another one")?;
    }
    assert_eq!(fs::read(&file)?, b"another one");
    Ok(())
}

#[test]
fn a_number_that_is_not_finite_is_written_by_its_name() -> Result<()> {
    let (nan, infinite) = (f64::NAN, f64::INFINITY);
    let written = [
        Record::Run(header()),
        Record::Step(Step { loss: nan, learning_rate: infinite, ..Step::default() }),
        Record::Epoch(Epoch {
            more: [("train_after".to_string(), metrics([("loss", -infinite)]))].into(),
            learning_rate: nan,
            gradient_norm: infinite,
            seconds: -infinite,
            examples_per_second: nan,
            ..epoch(1, nan, infinite)
        }),
        Record::End(End {
            seconds: nan,
            last: metrics([("train.loss", nan)]),
            best: [("train.loss".to_string(), Best { value: infinite, epoch: 1 })].into(),
            bands: vec![BandResult {
                low: -infinite,
                median: Some(nan),
                high: infinite,
                value: Some(nan),
                ..end(1).bands.remove(0)
            }],
            ..end(1)
        }),
    ];
    let runs = tempdir()?;
    let folder = run_in(runs.path(), "mlp/diverged", &written)?;
    let text = fs::read_to_string(folder.join(FILE_NAME))?;
    for line in text.lines() {
        serde_json::from_str::<serde_json::Value>(line)?;
    }
    let names = ["NaN", "Infinity", "-Infinity"];
    let counts = names.map(|name| text.matches(&format!(":\"{name}\"")).count());
    assert_eq!(counts, [8, 5, 3], "{text}");
    let log = Log::read(&folder)?;
    assert_eq!(log.remarks, None);
    let read = [
        Record::Run(log.header),
        Record::Step(log.steps[0].clone()),
        Record::Epoch(log.epochs[0].clone()),
        Record::End(log.end.expect("an end")),
    ];
    // No number equals NaN, so the texts are compared.
    assert_eq!(format!("{read:?}"), format!("{written:?}"));
    Ok(())
}

#[test]
fn a_group_may_not_take_the_name_of_another_key() -> Result<()> {
    let runs = tempdir()?;
    let mut writer = Writer::create(&runs.path().join(FILE_NAME))?;
    for name in ["kind", "epoch", "train", "valid", "gradient_norm", "fold"] {
        let more = [(name.to_string(), metrics([("loss", 1.0)]))].into();
        let message = message(writer.write(&Record::Epoch(Epoch { more, ..epoch(1, 0.5, 0.5) })));
        assert!(message.contains(&format!("is called {name}")), "{message}");
    }
    Ok(())
}
