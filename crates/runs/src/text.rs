//! Numbers, times and names as text.

use d2l_log::{Log, Place};
use serde_json::Value;

/// The width of all output but names if the reader's terminal has no known width.
const WIDTH: usize = 100;

/// The word for a run without an end: its log can't tell whether it is running or was killed.
pub(crate) const RUNNING: &str = "running or killed";

/// The text for a missing value.
pub(crate) const NONE: &str = "-";

/// Bars of a curve.
const BARS: usize = 32;

/// Values longer than this are cut in their middle.
const LONGEST: usize = 24;

/// The width of the output.
pub(crate) fn width() -> usize {
    d2l_command::screen_width(WIDTH)
}

/// A distance between metrics, of which only the size matters.
pub(crate) fn distance(value: f64) -> String {
    if value == 0.0 {
        "0".into()
    } else {
        format!("{value:.1e}")
    }
}

/// Seconds or a speed: three digits or more, whatever the size.
pub(crate) fn quantity(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// A curve as a line of bars; a long curve is reduced to evenly spread values with both ends.
pub(crate) fn bars(values: &[f64]) -> String {
    let bars = values.len().min(BARS);
    let place = |bar: usize| bar * (values.len() - 1) / (bars - 1).max(1);
    let shown: Vec<f64> = (0..bars)
        .filter_map(|bar| values.get(place(bar)).copied())
        .collect();
    d2l_plot::sparkline(&shown)
}

/// Bytes in the most readable unit.
pub(crate) fn memory(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{:.0} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.0} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}

/// The value if there is one.
pub(crate) fn optional<T>(value: Option<T>, text: impl Fn(T) -> String) -> String {
    value.map_or_else(|| NONE.into(), text)
}

/// A field of the header, whole.
pub(crate) fn field(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "none".into(),
        other => other.to_string(),
    }
}

/// A text that fits a column.
pub(crate) fn shortened(text: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    if letters.len() <= LONGEST {
        return text.into();
    }
    let head = letters.iter().take(LONGEST / 2);
    let tail = letters.iter().skip(letters.len() + 1 - LONGEST / 2);
    head.chain(['…'].iter()).chain(tail).collect()
}

/// `2026-11-22T21:14:00Z` as `2026-11-22 21:14`.
pub(crate) fn minute(time: &str) -> String {
    match time.split_once('T') {
        Some((day, time)) => format!("{day} {}", time.get(..5).unwrap_or(time)),
        None => time.into(),
    }
}

/// A point in training, for a sentence.
pub(crate) fn place(place: Option<Place>) -> String {
    match place {
        None => "at the end".into(),
        Some(Place { fold: None, epoch }) => format!("in epoch {epoch}"),
        Some(Place { fold: Some(fold), epoch }) => format!("in epoch {epoch} of fold {fold}"),
    }
}

/// How a run ended, as its log says.
pub(crate) fn status(log: &Log) -> &'static str {
    match log.end {
        Some(_) => log.status(),
        None => RUNNING,
    }
}

/// `1 epoch`, `2 epochs`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well_at_every_size() {
        assert_eq!([0.0, 1.2e-7, 0.5].map(distance), ["0", "1.2e-7", "5.0e-1"]);
        assert_eq!(
            [0.123, 33.04, 19300.4].map(quantity),
            ["0.12", "33.0", "19300"]
        );
        assert_eq!(
            [999_400, 210_000_000, 1_500_000_000].map(memory),
            ["999 kB", "210 MB", "1.5 GB"]
        );
    }

    #[test]
    fn long_values_keep_both_ends() {
        let hash = "9f86d081884c7d659a2feaa0c55ad015";
        assert_eq!(
            shortened(hash),
            "9f86d081884c…feaa0c55ad0".replace("feaa0c55ad0", "aa0c55ad015")
        );
        assert_eq!(shortened(hash).chars().count(), LONGEST);
        assert_eq!(shortened("cuda:0"), "cuda:0");
    }

    #[test]
    fn times_are_cut_to_the_minute_where_they_are_times() {
        assert_eq!(minute("2026-11-22T21:14:59Z"), "2026-11-22 21:14");
        assert_eq!(minute("today"), "today");
        assert_eq!(minute("2026-11-22T21"), "2026-11-22 21");
    }
}
