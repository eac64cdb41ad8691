//! The lines of the epochs on the terminal, aligned as a table and no wider than the screen.

use d2l_language::{right, translated, width};
use d2l_log::{Epoch, shown};
use indicatif::HumanCount;

/// Width of the epoch's number, such as `500/500`.
const LABEL: usize = 7;
/// Width of a metric, unless its name is longer.
const NUMBER: usize = 8;
/// Least width of the columns that every epoch has besides its metrics: `12345.6` seconds.
const SECONDS: usize = 7;
/// Room before each column.
const GAP: &str = "  ";

/// A table that grows by a line per epoch.
pub(crate) struct EpochTable {
    width: usize,
    /// The metrics of the heading that was printed last; a model that is trained after a cross-validation has fewer.
    metrics: Vec<String>,
}

impl EpochTable {
    /// An empty table for a screen of `width` columns.
    pub fn new(width: usize) -> Self {
        Self { width, metrics: Vec::new() }
    }

    /// The epoch's line, after a heading if one is needed. Columns for which the screen has no room are left out from
    /// the right; the log has them.
    pub fn lines(&mut self, epoch: &Epoch, epochs: usize) -> Vec<String> {
        let values = epoch.metrics();
        let names: Vec<String> = values.iter().map(|(name, _)| name.clone()).collect();
        let columns = columns(&names);
        let mut lines = Vec::new();
        if names != self.metrics {
            lines.push(self.line("", columns.iter().map(Column::group).collect()));
            let heads = columns.iter().map(|column| column.right(&column.name));
            lines.push(self.line(&translated("epoch"), heads.collect()));
            self.metrics = names.clone();
        }
        let label = match epoch.fold {
            None => format!("{}/{epochs}", epoch.epoch),
            Some(fold) => translated(&format!("fold {fold}")),
        };
        let speed = HumanCount(epoch.examples_per_second.round() as u64).to_string();
        let cells = values.iter().map(|(_, value)| shown(*value));
        let cells = cells.chain([speed, format!("{:.1}", epoch.seconds)]);
        let cells = columns
            .iter()
            .zip(cells)
            .map(|(column, cell)| column.right(&cell));
        lines.push(self.line(&label, cells.collect()));
        lines
    }

    fn line(&self, label: &str, cells: Vec<String>) -> String {
        let mut line = right(label, LABEL);
        for cell in cells {
            if width(&line) + width(&cell) > self.width {
                break;
            }
            line += &cell;
        }
        line.trim_end().to_string()
    }
}

/// A column, and where it stands in its group: `train` has loss and accuracy side by side.
struct Column<'a> {
    group: &'a str,
    name: String,
    place: Place,
    width: usize,
}

/// A column's place in its group.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Alone,
    First,
    Further,
}

fn columns(metrics: &[String]) -> Vec<Column<'_>> {
    let groups: Vec<(&str, &str)> = metrics
        .iter()
        .map(|metric| metric.split_once('.').unwrap_or(("", metric)))
        .collect();
    let of_metrics = groups.iter().enumerate().map(|(index, &(group, name))| {
        let is_beside = |other: Option<&(&str, &str)>| other.is_some_and(|other| other.0 == group);
        let before = index.checked_sub(1).and_then(|index| groups.get(index));
        let place = match (is_beside(before), is_beside(groups.get(index + 1))) {
            (true, _) => Place::Further,
            (false, true) => Place::First,
            (false, false) => Place::Alone,
        };
        let label = if place == Place::Alone { group } else { "" };
        let width = name.len().max(label.len()).max(NUMBER);
        Column { group, name: name.to_string(), place, width }
    });
    let of_all = [translated("examples/s"), translated("seconds")].map(|name| Column {
        group: "",
        place: Place::Alone,
        width: width(&name).max(SECONDS),
        name,
    });
    of_metrics.chain(of_all).collect()
}

impl Column<'_> {
    fn right(&self, text: &str) -> String {
        format!("{GAP}{}", right(text, self.width))
    }

    /// The column's part of the line above the names: the group's name, and a rule over all of its columns.
    fn group(&self) -> String {
        let width = self.width;
        match self.place {
            Place::Alone => self.right(self.group),
            Place::First => format!("{GAP}{:─<width$}", format!("{} ", self.group)),
            Place::Further => "─".repeat(GAP.len() + width),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn epoch(groups: &[(&str, &[(&str, f64)])]) -> Epoch {
        let mut epoch = Epoch {
            epoch: 3,
            seconds: 0.61,
            examples_per_second: 98_312.4,
            ..Epoch::default()
        };
        for (group, metrics) in groups {
            let metrics = metrics
                .iter()
                .map(|(name, value)| (name.to_string(), *value));
            let metrics: BTreeMap<_, _> = metrics.collect();
            match *group {
                "train" => epoch.train = metrics,
                "valid" => epoch.valid = metrics,
                other => _ = epoch.more.insert(other.into(), metrics),
            }
        }
        epoch
    }

    const SCORES: [(&str, f64); 2] = [("accuracy", 0.75), ("loss", 0.6123)];

    #[test]
    fn a_heading_names_the_groups_once() {
        let mut table = EpochTable::new(80);
        let both = epoch(&[("train", &SCORES), ("valid", &SCORES)]);
        assert_eq!(
            table.lines(&both, 10),
            [
                "         train ────────────  valid ────────────",
                "  epoch  accuracy      loss  accuracy      loss  examples/s  seconds",
                "   3/10    0.7500    0.6123    0.7500    0.6123      98,312      0.6",
            ]
        );
        assert_eq!(table.lines(&both, 10).len(), 1);
        let fewer = epoch(&[("train", &SCORES)]);
        assert_eq!(table.lines(&fewer, 10).len(), 3);
    }

    #[test]
    fn a_group_of_one_column_has_room_for_its_name() {
        let one = epoch(&[
            ("train", &[("loss", 0.5)]),
            ("train_after", &[("loss", 0.25)]),
        ]);
        let lines = EpochTable::new(80).lines(&one, 10);
        assert_eq!(lines[0], "            train  train_after");
        assert_eq!(
            lines[2],
            "   3/10    0.5000       0.2500      98,312      0.6"
        );
    }

    #[test]
    fn no_line_is_wider_than_the_screen() {
        let all = epoch(&[
            ("train", &SCORES),
            ("valid", &SCORES),
            ("train_after", &SCORES),
        ]);
        for width in [40, 60, 80] {
            let lines = EpochTable::new(width).lines(&all, 10);
            for line in &lines {
                assert!(line.chars().count() <= width, "{line}");
            }
        }
        let lines = EpochTable::new(80).lines(&all, 10);
        assert!(lines[1].ends_with("examples/s"), "{}", lines[1]);
    }
}
