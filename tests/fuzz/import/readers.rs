//! What `runs import` reads: tables, event files of TensorBoard, JSON lines. What it makes of them is a log that reads back
//! line by line.

use std::fs;
use std::path::Path;

use anyhow::Result;
use d2l_log::{FILE_NAME, Log, MOST_STEPS, Record, Writer};
use prost::Message;

use crate::import::table::Tables;
use crate::import::{csv, epochs, events, json_lines, names::Given};
use crate::tensorboard::message::Event;
use crate::tensorboard::record;

const HEADER: &str = r#"{"kind":"run","schema":1,"schema_minor":1,"chapter":"c","model":"m","implementation":"i","preset":"p","device":"cpu","threads":1,"seed":0,"recipe":{},"parameters":1,"versions":{},"started":"2026-11-22T21:14:00Z"}"#;
/// Stands between the events of an input that has no checksums.
const BETWEEN: u8 = 0xff;

pub fn import_csv(bytes: &[u8]) {
    imported(bytes, csv::read);
}

pub fn import_json_lines(bytes: &[u8]) {
    imported(bytes, json_lines::read);
}

/// The bytes as they are, and as events to which the checksums are added: no fuzzer guesses these.
pub fn import_events(bytes: &[u8]) {
    imported(bytes, events::read);
    let mut file = Vec::new();
    let pieces = bytes.split(|&byte| byte == BETWEEN);
    for event in pieces.filter_map(|piece| Event::decode(piece).ok()) {
        record::append(&mut file, &event);
    }
    imported(&file, events::read);
}

/// Every run that is found becomes a log that holds what was found.
fn imported(bytes: &[u8], read: fn(&Path) -> Result<Tables>) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("file");
    fs::write(&file, bytes).expect("a file");
    let Ok(tables) = read(&file) else {
        return;
    };
    let header: Record = serde_json::from_str(HEADER).expect("a header");
    for (number, table) in tables.tables.iter().enumerate() {
        let Ok(found) = epochs::collect(&table.rows, &Given::new()) else {
            continue;
        };
        assert!(found.steps.len() <= MOST_STEPS);
        let place = folder.path().join(number.to_string());
        fs::create_dir(&place).expect("a folder");
        let path = place.join(FILE_NAME);
        let mut writer = Writer::create(&path).expect("a new log");
        let records = [vec![header.clone()], found.records()].concat();
        for record in &records {
            writer.write(record).expect("a record");
        }
        let log = Log::read(&path).expect("a log that was written");
        assert_eq!(log.remarks, None);
        // As lines: a number that is not one equals nothing.
        let steps = log.steps.iter().cloned().map(Record::Step);
        let epochs = log.epochs.iter().cloned().map(Record::Epoch);
        assert_eq!(
            lines(steps),
            lines(found.steps.into_iter().map(Record::Step))
        );
        assert_eq!(
            lines(epochs),
            lines(found.epochs.into_iter().map(Record::Epoch))
        );
    }
}

fn lines(records: impl Iterator<Item = Record>) -> Vec<String> {
    let lines = records.map(|record| serde_json::to_string(&record).expect("a record is JSON"));
    lines.collect()
}
