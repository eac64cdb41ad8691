//! Tables, on the terminal and in markdown.

use comfy_table::{CellAlignment, ColumnConstraint, presets};
use d2l_language::translated;
pub(crate) use d2l_language::width;
use std::ops::Range;

/// Space between columns.
pub(crate) const GAP: u16 = 2;
/// The largest number of rows for which all are printed.
const MANY: usize = 24;
/// The number of evenly spread rows that are printed of a longer table.
const SPREAD: usize = 16;

/// A table whose first column names the rows.
///
/// Numbers are right-aligned; headings are in the reader's language and have one word in a line. A table that is too wide is split into parts below one
/// another, each with the first column.
pub(crate) struct Table(comfy_table::Table);

impl Table {
    /// A table whose rows are named by words.
    pub(crate) fn of_words(headings: impl IntoIterator<Item = String>) -> Self {
        Self::new(headings, CellAlignment::Left)
    }

    /// A table whose rows are named by numbers.
    pub(crate) fn of_numbers(headings: impl IntoIterator<Item = String>) -> Self {
        Self::new(headings, CellAlignment::Right)
    }

    fn new(headings: impl IntoIterator<Item = String>, first: CellAlignment) -> Self {
        let headings = headings.into_iter().map(|heading| translated(&heading));
        let mut headings: Vec<String> = headings.collect();
        for heading in headings.iter_mut().skip(1) {
            *heading = heading.replace(' ', "\n");
        }
        // Empty lines on top align the last lines.
        let lines = |heading: &String| heading.split('\n').count();
        let highest = headings.iter().map(lines).max().unwrap_or_default();
        for heading in &mut headings {
            heading.insert_str(0, &"\n".repeat(highest.saturating_sub(lines(heading))));
        }
        let mut table = comfy_table::Table::new();
        table.load_style(presets::NOTHING).set_header(headings);
        for (index, column) in table.column_iter_mut().enumerate() {
            let (alignment, gap) = match index {
                0 => (first, 0),
                _ => (CellAlignment::Right, GAP),
            };
            column.set_padding((gap, 0)).set_cell_alignment(alignment);
        }
        Self(table)
    }

    /// Adds a row, with one text per heading.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.0.add_row(cells);
    }

    /// The table as lines, each at most as wide as the output unless a single column is wider.
    pub(crate) fn render(self) -> String {
        self.render_within(crate::text::width())
    }

    /// The table as lines, however wide they are.
    pub(crate) fn render_whole(self) -> String {
        self.render_within(usize::MAX)
    }

    fn render_within(mut self, width: usize) -> String {
        let parts = self.parts(width);
        let parts: Vec<String> = parts.into_iter().map(|part| self.part(part)).collect();
        parts.join("\n")
    }

    /// The columns of each part, besides the first.
    fn parts(&self, most: usize) -> Vec<Range<usize>> {
        let widths = self.0.column_max_content_widths();
        let width = |column: usize| usize::from(widths.get(column).copied().unwrap_or_default());
        let mut parts = Vec::new();
        let mut used = width(0);
        let mut start = 1;
        for column in 1..widths.len() {
            let wanted = usize::from(GAP) + width(column);
            if used + wanted > most && start < column {
                parts.push(start..column);
                (start, used) = (column, width(0));
            }
            used += wanted;
        }
        parts.push(start..widths.len());
        parts
    }

    fn part(&mut self, columns: Range<usize>) -> String {
        for (index, column) in self.0.column_iter_mut().enumerate() {
            if index == 0 || columns.contains(&index) {
                column.remove_constraint();
            } else {
                column.set_constraint(ColumnConstraint::Hidden);
            }
        }
        // A part with only short headings starts with empty lines, which the other parts need.
        format!("{}\n", self.0.trim_fmt().trim_start_matches('\n'))
    }
}

/// A table in markdown.
pub(crate) fn markdown<const N: usize>(headings: [&str; N], rows: Vec<[String; N]>) -> String {
    let mut table = comfy_table::Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_header(headings).add_rows(rows);
    format!("{table}\n")
}

/// The rows to print: all, or the first, the last and some between, and the given one.
pub(crate) fn spread(rows: usize, all: bool, matters: Option<usize>) -> Vec<usize> {
    if all || rows <= MANY {
        return (0..rows).collect();
    }
    let mut chosen: Vec<usize> = (0..SPREAD)
        .map(|index| index * (rows - 1) / (SPREAD - 1))
        .collect();
    chosen.extend(matters.filter(|row| *row < rows));
    chosen.sort_unstable();
    chosen.dedup();
    chosen
}

/// The note below a table that does not hold all rows.
pub(crate) fn spread_note(shown: usize, rows: usize) -> String {
    if shown == rows {
        String::new()
    } else {
        format!("{shown} of {rows} epochs; --all prints each\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_below_broken_headings() {
        let mut table =
            Table::of_numbers(["epoch", "train loss", "gradient norm"].map(String::from));
        table.row(["1", "2.3026", "0.4200"].map(String::from));
        table.row(["10", "0.5", "12.0000"].map(String::from));
        let wanted = [
            "        train  gradient",
            "epoch    loss      norm",
            "    1  2.3026    0.4200",
            "   10     0.5   12.0000",
            "",
        ];
        assert_eq!(table.render_whole(), wanted.join("\n"));
    }

    #[test]
    fn colours_take_no_room() {
        let mut table = Table::of_words(["run", "status"].map(String::from));
        let painted = d2l_command::paint(d2l_command::Colour::Bad, "failed");
        table.row(["a".to_string(), painted.clone()]);
        table.row(["b".to_string(), "finished".to_string()]);
        let wanted = format!("run    status\na      {painted}\nb    finished\n");
        assert_eq!(table.render_whole(), wanted);
    }

    #[test]
    fn a_wide_table_goes_on_below_with_its_first_column() {
        let columns = 20;
        let mut table = Table::of_words((0..columns).map(|column| format!("h{column}")));
        table.row((0..columns).map(|column| format!("value{column:05}")));
        let text = table.render_within(100);
        assert!(
            text.lines().all(|line| line.chars().count() <= 100),
            "{text}"
        );
        assert_eq!(text.matches("value00000").count(), 3, "{text}");
        for column in 1..columns {
            assert_eq!(
                text.matches(&format!("value{column:05}")).count(),
                1,
                "{text}"
            );
        }
    }

    #[test]
    fn long_runs_are_thinned_but_keep_both_ends_and_what_matters() {
        assert_eq!(spread(24, false, None).len(), 24);
        let rows = spread(1000, false, Some(777));
        assert_eq!(
            (rows.first(), rows.last(), rows.len()),
            (Some(&0), Some(&999), SPREAD + 1)
        );
        assert!(rows.contains(&777) && rows.is_sorted());
        assert_eq!(spread(1000, true, None).len(), 1000);
    }
}
