//! Columns of text.

use crate::text::WIDTH;

/// Space between columns.
const GAP: &str = "  ";
/// Up to so many rows are printed whole.
const MANY: usize = 24;
/// Of more, so many, evenly spread.
const SPREAD: usize = 16;

/// A table whose first column names the rows.
///
/// Numbers stand right-aligned below headings that break between words. A table that is too wide goes on below
/// itself, each part with the first column.
pub(crate) struct Table {
    headings: Vec<String>,
    rows: Vec<Vec<String>>,
    /// Whether the first column is aligned to the left, as words are.
    words: bool,
}

impl Table {
    /// A table whose rows are named by words.
    pub(crate) fn of_words(headings: impl IntoIterator<Item = String>) -> Self {
        Self {
            headings: headings.into_iter().collect(),
            rows: Vec::new(),
            words: true,
        }
    }

    /// A table whose rows are named by numbers.
    pub(crate) fn of_numbers(headings: impl IntoIterator<Item = String>) -> Self {
        Self {
            words: false,
            ..Self::of_words(headings)
        }
    }

    /// Adds a row, with one text per heading.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// The table as lines, each at most [`WIDTH`] wide unless a single column is wider.
    pub(crate) fn render(&self) -> String {
        let widths: Vec<usize> = (0..self.headings.len())
            .map(|column| self.width(column))
            .collect();
        let first = widths.first().copied().unwrap_or_default();
        let mut parts: Vec<Vec<usize>> = Vec::new();
        let mut used = usize::MAX;
        for (column, width) in widths.iter().enumerate().skip(1) {
            if used.saturating_add(GAP.len() + width) > WIDTH {
                parts.push(vec![0]);
                used = first;
            }
            used += GAP.len() + width;
            if let Some(part) = parts.last_mut() {
                part.push(column);
            }
        }
        let parts: Vec<String> = parts.iter().map(|part| self.part(part, &widths)).collect();
        parts.join("\n")
    }

    fn part(&self, columns: &[usize], widths: &[usize]) -> String {
        let empty = String::new();
        let line = |cells: &dyn Fn(usize) -> String| {
            let mut line = String::new();
            for &column in columns {
                let width = widths.get(column).copied().unwrap_or_default();
                let cell = cells(column);
                match column {
                    0 if self.words => line += &format!("{cell:<width$}"),
                    0 => line += &format!("{cell:>width$}"),
                    _ => line += &format!("{GAP}{cell:>width$}"),
                }
            }
            line.trim_end().to_string() + "\n"
        };
        let headings: Vec<Vec<String>> = (0..self.headings.len())
            .map(|column| self.broken(column))
            .collect();
        let height = columns
            .iter()
            .filter_map(|&column| headings.get(column))
            .map(Vec::len)
            .max()
            .unwrap_or_default();
        let mut text = String::new();
        for row in 0..height {
            text += &line(&|column| {
                let heading = headings.get(column).map(Vec::as_slice).unwrap_or_default();
                (row + heading.len())
                    .checked_sub(height)
                    .and_then(|at| heading.get(at))
                    .unwrap_or(&empty)
                    .clone()
            });
        }
        for row in &self.rows {
            text += &line(&|column| row.get(column).unwrap_or(&empty).clone());
        }
        text
    }

    fn width(&self, column: usize) -> usize {
        let heading = self.broken(column);
        heading
            .iter()
            .map(|line| line.chars().count())
            .max()
            .unwrap_or_default()
            .max(self.body_width(column))
    }

    fn body_width(&self, column: usize) -> usize {
        self.rows
            .iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or_default()
    }

    /// The heading in lines as wide as the cells below it, or as its longest word.
    fn broken(&self, column: usize) -> Vec<String> {
        let Some(heading) = self.headings.get(column) else {
            return Vec::new();
        };
        let longest = heading
            .split(' ')
            .map(|word| word.chars().count())
            .max()
            .unwrap_or_default();
        wrap(
            heading.split(' '),
            " ",
            longest.max(self.body_width(column)),
        )
    }
}

/// Joins texts into lines of at most this width, where a single one is not wider.
pub(crate) fn wrap<'a>(
    texts: impl IntoIterator<Item = &'a str>,
    between: &str,
    width: usize,
) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for text in texts {
        match lines.last_mut() {
            Some(line) if line.chars().count() + between.len() + text.chars().count() <= width => {
                *line += between;
                *line += text;
            }
            _ => lines.push(text.into()),
        }
    }
    lines
}

/// Which of so many rows to print: all, or the first, the last and some between, and the one that matters.
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

/// What to say below a table that does not hold all rows.
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
        assert_eq!(table.render(), wanted.join("\n"));
    }

    #[test]
    fn a_wide_table_goes_on_below_with_its_first_column() {
        let columns = 20;
        let mut table = Table::of_words((0..columns).map(|column| format!("h{column}")));
        table.row((0..columns).map(|column| format!("value{column:05}")));
        let text = table.render();
        assert!(
            text.lines().all(|line| line.chars().count() <= WIDTH),
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
