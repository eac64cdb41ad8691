//! Training logs: any program may have written them.

use std::fs;
use std::path::Path;

use d2l_log::{FILE_NAME, Log, Mark, Outline, Record, Writer, compare};
use sha2::{Digest, Sha256};

use super::{folder, within};

/// Bytes of memory for each byte of a log: a value of JSON takes 72 with its place in an object, and vectors double.
const PER_BYTE: usize = 256;
/// The largest number of lines after which a log is resumed.
const LINES: usize = 3;

/// A log that reads can be written and read again; it doesn't differ from itself.
pub fn log(bytes: &[u8]) {
    let path = Path::new(FILE_NAME);
    let most = PER_BYTE * bytes.len();
    let read = within(most, || Log::parse(bytes, path.to_path_buf()));
    let outline = within(most, || Outline::parse(bytes));
    let Ok(log) = read else {
        return;
    };
    let outline = outline.expect("a log has an outline");
    assert_eq!(outline.header, log.header);
    let again = Log::parse(&written(&log), path.to_path_buf()).expect("a log that was written");
    // What was passed over is not written again.
    let log = Log { remarks: None, ..log };
    assert_eq!(again, log);
    assert_eq!(outline.status, log.end.as_ref().map(|end| end.status));

    let comparison = compare(&[log.clone(), log]);
    assert!(comparison.header.is_empty());
    for table in comparison.metrics {
        assert!(table.gap.is_none_or(|gap| gap.size() == 0.0));
    }
}

/// The lines of a log.
fn written(log: &Log) -> Vec<u8> {
    let mut lines = Vec::new();
    let mut add = |record: Record| {
        serde_json::to_writer(&mut lines, &record).expect("a record is JSON");
        lines.push(b'\n');
    };
    add(Record::Run(log.header.clone()));
    for step in &log.steps {
        add(Record::Step(step.clone()));
    }
    for epoch in &log.epochs {
        add(Record::Epoch(epoch.clone()));
    }
    if let Some(end) = &log.end {
        add(Record::End(end.clone()));
    }
    lines
}

/// A log that is read up to a mark can be continued there, and then holds what was read. Otherwise it stays as it is.
pub fn log_resume(bytes: &[u8]) {
    let folder = folder();
    let file = folder.path().join(FILE_NAME);
    for count in 0..LINES {
        let mut lines = bytes.split_inclusive(|&byte| byte == b'\n').skip(1);
        let kept: Vec<u8> = lines.by_ref().take(count).flatten().copied().collect();
        let sha256 = format!("{:x}", Sha256::digest(&kept));
        let mark = Mark { lines: count, sha256 };
        fs::write(&file, bytes).expect("a file");
        let read = within(PER_BYTE * bytes.len(), || Log::read_to(&file, &mark));
        let Ok(log) = read else {
            assert!(fs::read(&file).expect("a file") == bytes);
            continue;
        };
        let writer = Writer::resume(&file, &mark, &log.header).expect("a log that was read");
        assert_eq!(writer.mark(), mark);
        assert!(fs::read(&file).expect("a file").ends_with(&kept));
        assert_eq!(Log::read(&file).expect("a log that was continued"), log);
        let other = Mark { sha256: String::new(), ..mark };
        assert!(Log::read_to(&file, &other).is_err());
    }
}
