//! What `--resume` reads of a run's folder: the log's header, the checkpoint's progress, the log up to its mark.
//!
//! It stands apart from `readers`, because `d2l` brings its own allocator, and a program has one.

use std::fs;

use d2l_log::{FILE_NAME, Mark, Outline};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// The first line is the checkpoint's progress, and the rest is the log. The mark of the progress gets the digest of as
/// many lines as it counts, because a fuzzer doesn't find digests. Reading changes nothing.
pub fn resume(bytes: &[u8]) {
    let mut parts = bytes.splitn(2, |&byte| byte == b'\n');
    let (Some(progress), Some(log)) = (parts.next(), parts.next()) else {
        return;
    };
    let Ok(outline) = Outline::parse(log) else {
        return;
    };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join(FILE_NAME);
    fs::write(&file, log).expect("a file");
    let progress = with_digest(progress, log);
    let read = d2l::testing::read_checkpoint(folder.path(), &outline.header, &progress);
    if let Ok(header) = read {
        assert_eq!(header, outline.header);
    }
    assert!(fs::read(file).expect("a file") == log);
}

fn with_digest(progress: &[u8], log: &[u8]) -> String {
    let text = String::from_utf8_lossy(progress).into_owned();
    let Ok(Value::Object(mut fields)) = serde_json::from_str(&text) else {
        return text;
    };
    let lines = fields
        .get("log")
        .and_then(|mark| mark.get("lines")?.as_u64());
    if let Some(lines) = lines.and_then(|lines| usize::try_from(lines).ok()) {
        let kept = log
            .split_inclusive(|&byte| byte == b'\n')
            .skip(1)
            .take(lines);
        let kept: Vec<u8> = kept.flatten().copied().collect();
        let sha256 = format!("{:x}", Sha256::digest(&kept));
        fields.insert("log".to_string(), json!(Mark { lines, sha256 }));
    }
    Value::Object(fields).to_string()
}
