//! A shortened output in a README, found in what the program prints.
//!
//! A README may leave lines out. Where it does so between two others, a line `…` says it (of empty lines nothing does); what it leaves out at the
//! beginning and at the end goes without saying. A line that ends in `…` shows a beginning. To find out which line stands
//! for which after numbers have changed, the two texts are aligned: an equal line counts most, then one of the same
//! shape, then one that shares words.

use crate::mask::{masked, shape};

/// What stands for lines, or for the rest of a line, that are left out.
pub const GAP: &str = "…";

/// What a block should show.
pub struct Fitted {
    pub lines: Vec<String>,
    /// The lines that the program doesn't print any more.
    pub lost: Vec<String>,
}

/// What the block that shows `shown` should show of `printed`.
pub fn fit(shown: &[String], printed: &[String]) -> Fitted {
    let rows: Vec<&String> = shown.iter().filter(|line| line.trim() != GAP).collect();
    let partners = align(&rows, printed);
    let (mut lines, mut lost, mut last) = (Vec::new(), Vec::new(), None);
    if shown.first().is_some_and(|line| line.trim() == GAP) {
        lines.push(GAP.to_string());
    }
    for (row, partner) in rows.iter().zip(&partners) {
        let Some(partner) = *partner else {
            if !row.trim().is_empty() {
                lost.push((*row).clone());
            }
            continue;
        };
        let is_text = |line: &String| !line.is_empty();
        if last.is_some_and(|last: usize| printed[last + 1..partner].iter().any(is_text)) {
            lines.push(GAP.to_string());
        }
        last = Some(partner);
        lines.push(instead(row, &printed[partner]));
    }
    let ends_in_gap = shown.last().is_some_and(|line| line.trim() == GAP);
    if ends_in_gap && last.is_some_and(|last| last + 1 < printed.len()) {
        lines.push(GAP.to_string());
    }
    Fitted { lines, lost }
}

/// The printed line, or what stands there if that says the same on another machine; as short as what stands there.
fn instead(row: &str, printed: &str) -> String {
    if masked(row) == masked(printed) {
        return row.to_string();
    }
    let Some(beginning) = row.strip_suffix(GAP) else {
        return printed.to_string();
    };
    let words = beginning.split_whitespace().count();
    let ends = printed.match_indices(' ').map(|(end, _)| end);
    let mut ends = ends.filter(|end| printed[..*end].split_whitespace().count() == words);
    match ends.next_back() {
        Some(end) => format!("{} {GAP}", printed[..end].trim_end()),
        None => printed.to_string(),
    }
}

/// For each row the line that it stands for, in order.
fn align(rows: &[&String], printed: &[String]) -> Vec<Option<usize>> {
    let width = printed.len() + 1;
    // best[i][j]: the highest score of the first i rows and the first j lines, and whether the last two are a pair.
    let mut best = vec![vec![0.0; width]; rows.len() + 1];
    let mut pairs = vec![vec![false; width]; rows.len() + 1];
    for (i, row) in rows.iter().enumerate() {
        for (j, line) in printed.iter().enumerate() {
            let follows = i > 0 && j > 0 && pairs[i][j];
            let score = match score(row, line) {
                0.0 => 0.0,
                score => best[i][j] + score + if follows { ADJACENT } else { 0.0 },
            };
            let without = f64::max(best[i][j + 1], best[i + 1][j]);
            pairs[i + 1][j + 1] = score > without;
            best[i + 1][j + 1] = f64::max(score, without);
        }
    }
    let mut partners = vec![None; rows.len()];
    let (mut i, mut j) = (rows.len(), printed.len());
    while i > 0 && j > 0 {
        if pairs[i][j] {
            (i, j) = (i - 1, j - 1);
            partners[i] = Some(j);
        } else if best[i - 1][j] >= best[i][j - 1] {
            i -= 1;
        } else {
            j -= 1;
        }
    }
    partners
}

/// Equal lines, lines of one shape, lines that share all their words, empty lines, and two pairs side by side.
const EQUAL: f64 = 4.0;
const SHAPE: f64 = 2.0;
const WORDS: f64 = 1.5;
const EMPTY: f64 = 0.1;
const ADJACENT: f64 = 0.2;

/// How well a printed line fits a row; 0 if not at all.
fn score(row: &str, line: &str) -> f64 {
    match (row.trim().is_empty(), line.trim().is_empty()) {
        (true, true) => return EMPTY,
        (false, false) => {}
        _ => return 0.0,
    }
    if let Some(beginning) = row.strip_suffix(GAP)
        && line.starts_with(beginning.trim_end())
    {
        return EQUAL;
    }
    if masked(row) == masked(line) {
        return EQUAL;
    }
    let of_shape = if shape(row) == shape(line) {
        SHAPE
    } else {
        0.0
    };
    let words = |text: &str| -> Vec<String> { text.split_whitespace().map(String::from).collect() };
    let (own, mut others) = (words(row), words(line));
    let count = own.len().max(others.len());
    let shared = own.iter().filter(|word| {
        let place = others.iter().position(|other| other == *word);
        place.map(|place| others.swap_remove(place)).is_some()
    });
    of_shape + WORDS * shared.count() as f64 / count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(String::from).collect()
    }

    #[test]
    fn numbers_that_changed_are_taken_from_the_program() {
        let printed =
            lines("model   mlp\n\n  epoch  loss\n    1/2  0.81\n    2/2  0.75\n\nfinished in 3 s");
        let shown = lines("model   mlp\n\n  epoch  loss\n    1/2  0.80\n    2/2  0.75");
        let wanted = lines("model   mlp\n\n  epoch  loss\n    1/2  0.81\n    2/2  0.75");
        assert_eq!(fit(&shown, &printed).lines, wanted);
    }

    #[test]
    fn what_is_left_out_between_lines_is_marked() {
        let printed = lines("a 1\nb 2\nc 3\nd 4\ne 5");
        assert_eq!(fit(&lines("b 2\nd 4"), &printed).lines, ["b 2", GAP, "d 4"]);
        assert_eq!(fit(&lines("b 2\n…\nc 3"), &printed).lines, ["b 2", "c 3"]);
        assert_eq!(fit(&lines("…\nb 2\n…"), &printed).lines, [GAP, "b 2", GAP]);
    }

    #[test]
    fn a_table_is_found_among_others_of_its_shape() {
        let printed =
            lines("train.loss  A\n  epoch 1  1.0  9e0\n\nvalid.loss  A\n  epoch 1  2.1  8e0");
        let shown = lines("valid.loss  A\n  epoch 1  2.0");
        assert_eq!(
            fit(&shown, &printed).lines,
            ["valid.loss  A", "  epoch 1  2.1  8e0"]
        );
    }

    #[test]
    fn a_beginning_stays_a_beginning() {
        let printed = lines("error: at step 40: the rate is too large");
        assert_eq!(
            fit(&lines("error: at step 39: …"), &printed).lines,
            ["error: at step 40: …"]
        );
    }

    #[test]
    fn a_program_may_shorten_its_lines_itself() {
        let printed = lines("number  2   1  …");
        assert_eq!(fit(&printed, &printed).lines, printed);
    }

    #[test]
    fn a_line_that_is_gone_is_lost() {
        let fitted = fit(&lines("a 1\nentirely different"), &lines("a 1\nb 2"));
        assert_eq!(fitted.lines, ["a 1"]);
        assert_eq!(fitted.lost, ["entirely different"]);
    }

    #[test]
    fn times_of_another_machine_stay() {
        let shown = lines("finished in 7.4 s, peak memory 71 MB");
        let printed = lines("finished in 99.1 s, peak memory 72 MB");
        assert_eq!(fit(&shown, &printed).lines, shown);
    }
}
