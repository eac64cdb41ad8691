//! What an output owes to the machine and not to the code.
//!
//! Left out of every output: the columns `examples/s` and `seconds` of a run's table, and spaces at the end of a line.
//! Compared as equal, whatever numbers stand there: seconds and other times (`7.4 s`, `12 ms`), a run's peak memory, the
//! number of threads, and the lines of `compare` that begin with one of [`COSTS`].

use crate::number;

/// The heading of the first column that is left out.
const SPEED: &str = "examples/s";
/// Spaces between two columns.
const BETWEEN: usize = 2;
/// Beginnings of lines about time and memory.
const COSTS: [&str; 4] = [
    "seconds ",
    "  over A's",
    "examples per second",
    "peak memory",
];
/// Units of time.
const TIMES: [&str; 5] = [" s", " ms", " µs", " min", " minutes"];
/// What stands for a number.
const ANY: &str = "#";

/// The lines of an output, without the columns of times.
pub fn lines(output: &str) -> Vec<String> {
    let mut width = None;
    let lines = output.lines().map(|line| {
        let line = line.trim_end();
        let first = line.split_whitespace().next().unwrap_or_default();
        if first == "epoch" && line.contains(SPEED) {
            width = line.find(SPEED).map(|begin| begin - BETWEEN);
        } else if !(first.contains('/') || first == "fold") {
            width = None;
        }
        let kept: String = line.chars().take(width.unwrap_or(usize::MAX)).collect();
        kept.trim_end().to_string()
    });
    lines.collect()
}

/// A line with what depends on the machine replaced.
pub fn masked(line: &str) -> String {
    if COSTS.iter().any(|cost| line.starts_with(cost)) {
        return replaced(line, |_, _| true);
    }
    replaced(line, |before, after| {
        let is_time = TIMES.iter().any(|unit| {
            let rest = after.strip_prefix(unit);
            rest.is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
        });
        is_time || before.ends_with("peak memory ") || after.starts_with(" thread")
    })
}

/// A line with all its numbers replaced, whatever stands between its columns.
pub fn shape(line: &str) -> String {
    let words: Vec<String> = line
        .split_whitespace()
        .map(|word| replaced(word, |_, _| true))
        .collect();
    words.join(" ")
}

/// The text with those numbers replaced that stand between such texts.
fn replaced(text: &str, is_wanted: impl Fn(&str, &str) -> bool) -> String {
    let mut found = number::decimals(text);
    found.extend(number::integers(text));
    found.sort_by_key(|range| range.start);
    let mut written = text.to_string();
    for range in found.into_iter().rev() {
        if is_wanted(&text[..range.start], &text[range.end..]) {
            written.replace_range(range, ANY);
        }
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_of_times_are_left_out() {
        let output = "  epoch  train.loss  examples/s  seconds\n    1/3      2.8624   2,111,326      0.0\n\nlearned y = 1.9";
        assert_eq!(
            lines(output),
            [
                "  epoch  train.loss",
                "    1/3      2.8624",
                "",
                "learned y = 1.9"
            ]
        );
    }

    #[test]
    fn times_memory_and_threads_are_equal_on_all_machines() {
        let finished =
            |seconds, memory| format!("finished in {seconds} s, peak memory {memory} MB");
        assert_eq!(masked(&finished("7.4", "71")), masked(&finished("12", "9")));
        assert_eq!(
            masked("device  cpu, 2 threads, seed 0"),
            "device  cpu, # threads, seed 0"
        );
        assert_eq!(
            masked("peak memory   20 MB     22 MB"),
            "peak memory   # MB     # MB"
        );
        for line in ["about 2.70 MB", "3 steps of 0.5", "loss 0.8"] {
            assert_eq!(masked(line), line, "does not depend on the machine");
        }
    }

    #[test]
    fn a_shape_has_no_numbers() {
        assert_eq!(shape("  epoch 1   0.6750  -6e-3"), "epoch # # #");
    }
}
