//! TensorBoard's event files: one file, or a folder of files of one run.

use super::entries::without_fold;
use super::table::{Row, Tables};
use crate::tensorboard::message::{
    Content, Event, HyperparametersData, Kind, Session, Value, What,
};
use crate::tensorboard::{FILE_NAME, SESSION_START, record};
use anyhow::{Context, Result, bail};
use prost::Message;
use serde_json::Map;
use std::fs;
use std::path::{Path, PathBuf};

/// The column of the event's step.
pub(crate) const STEP: &str = "step";
/// The column of the event's time, in seconds since 1970.
pub(crate) const TIME: &str = "wall_time";

/// Whether a file has the name of an event file.
pub(crate) fn is_one(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| name.to_string_lossy().contains(FILE_NAME))
}

pub(crate) fn read(path: &Path) -> Result<Tables> {
    let mut tables = Tables::default();
    let mut events = Vec::new();
    for file in files(path)? {
        let at = || file.display().to_string();
        let bytes = fs::read(&file).with_context(at)?;
        let (more, is_cut) = record::events(&bytes).with_context(at)?;
        if is_cut {
            tables
                .notes
                .push(format!("{}: the last record is cut and left out", at()));
        }
        events.extend(more);
    }
    let mut others = 0;
    let table = tables.of(None);
    let mut newest = None;
    for Event { wall_time, step, what } in events {
        let Some(What::Summary(summary)) = what else {
            continue;
        };
        let mut numbers = Row::new();
        for value in summary.values {
            if value.tag == SESSION_START {
                table.recipe = hyperparameters(&value).unwrap_or_default();
            } else if let Some(number) = number(&value) {
                numbers.push((value.tag, number));
            } else if !value.tag.starts_with("_hparams_") {
                others += 1;
            }
        }
        let Some((tag, _)) = numbers.first() else {
            continue;
        };
        let place = Some((without_fold(tag).0, step));
        // Most programs write an event for each number: those of one step of a fold make a row.
        match table.rows.last_mut() {
            Some(row) if newest == place => row.extend(numbers),
            _ => {
                let mut row = vec![
                    (STEP.to_string(), step as f64),
                    (TIME.to_string(), wall_time),
                ];
                row.extend(numbers);
                table.rows.push(row);
            }
        }
        newest = place;
    }
    if others > 0 {
        tables.notes.push(format!(
            "{others} values that are no numbers (pictures, histograms, texts) are left out"
        ));
    }
    Ok(tables)
}

/// The files of a run, in order of their names, which begin with the time.
fn files(path: &Path) -> Result<Vec<PathBuf>> {
    if path.is_file() {
        return Ok(vec![path.to_path_buf()]);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(path)? {
        let file = entry?.path();
        if file.is_file() && is_one(&file) {
            files.push(file);
        }
    }
    if files.is_empty() {
        bail!(
            "the folder holds no event files; wanted the folder of one run, with events.out.{FILE_NAME}.…"
        );
    }
    files.sort();
    Ok(files)
}

fn number(value: &Value) -> Option<f64> {
    match value.content.as_ref()? {
        Content::Simple(number) => Some(shortest(*number)),
        Content::Tensor(tensor) => tensor.number(),
        Content::Image(_) => None,
    }
}

/// A 32-bit number as the 64-bit one that is written with the same digits: 0.1, not 0.10000000149.
fn shortest(number: f32) -> f64 {
    number.to_string().parse().unwrap_or(f64::from(number))
}

fn hyperparameters(value: &Value) -> Option<Map<String, serde_json::Value>> {
    let content = &value.metadata.as_ref()?.plugin.as_ref()?.content;
    let Session::Start(start) = HyperparametersData::decode(content.as_slice())
        .ok()?
        .session?
    else {
        return None;
    };
    let fields = start
        .hyperparameters
        .into_iter()
        .filter_map(|(name, value)| {
            let value = match value.kind? {
                Kind::Number(number) => number.into(),
                Kind::Text(text) => text.into(),
                Kind::Truth(truth) => truth.into(),
            };
            Some((name, value))
        });
    Some(fields.collect())
}
