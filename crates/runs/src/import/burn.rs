//! The folder that burn's `FileMetricLogger` writes: `train/epoch-1/Loss.log`, `valid/epoch-1/Accuracy.log`, … A line
//! has the value of one minibatch, followed by a comma and the number of its examples if the metric counts them.

use super::table::{Row, Table, Tables};
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

const SPLITS: [&str; 2] = ["train", "valid"];
const EPOCH: &str = "epoch-";
const EXTENSION: &str = "log";

/// Whether a folder is laid out like burn's.
pub(crate) fn is_one(folder: &Path) -> bool {
    let first = format!("{EPOCH}1");
    SPLITS
        .iter()
        .any(|split| folder.join(split).join(&first).is_dir())
}

/// Every metric's mean over the examples of an epoch.
pub(crate) fn read(folder: &Path) -> Result<Tables> {
    let mut epochs: BTreeMap<usize, Row> = BTreeMap::new();
    for split in SPLITS {
        for entry in fs::read_dir(folder.join(split))
            .into_iter()
            .flatten()
            .flatten()
        {
            let name = entry.file_name().to_string_lossy().into_owned();
            let Some(number) = name
                .strip_prefix(EPOCH)
                .and_then(|number| number.parse().ok())
            else {
                continue;
            };
            let row = epochs
                .entry(number)
                .or_insert_with(|| vec![("epoch".to_string(), number as f64)]);
            let mut files: Vec<_> = fs::read_dir(entry.path())?
                .flatten()
                .map(|file| file.path())
                .collect();
            files.sort();
            for file in files
                .iter()
                .filter(|file| file.extension().is_some_and(|found| found == EXTENSION))
            {
                let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
                let metric = file.file_stem().unwrap_or_default().to_string_lossy();
                row.extend(mean(&text).map(|mean| (format!("{split}/{metric}"), mean)));
            }
        }
    }
    let rows = epochs.into_values().collect();
    let table = Table { rows, ..Table::default() };
    Ok(Tables { tables: vec![table], notes: Vec::new() })
}

/// `None` if a line is no number: some metrics are words.
fn mean(text: &str) -> Option<f64> {
    let (mut sum, mut count) = (0.0, 0.0);
    for line in text.lines().filter(|line| !line.is_empty()) {
        let (value, examples) = line.split_once(',').unwrap_or((line, "1"));
        let examples: f64 = examples.trim().parse().ok()?;
        sum += value.trim().parse::<f64>().ok()? * examples;
        count += examples;
    }
    (count > 0.0).then_some(sum / count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minibatches_weigh_as_many_examples_as_they_have() {
        assert_eq!(mean("1.0,3\n2.0,1\n"), Some(1.25));
        assert_eq!(mean("1.0\n2.0\n"), Some(1.5));
        assert_eq!(mean("fast\n"), None);
        assert_eq!(mean(""), None);
    }
}
