//! The output on the terminal: a progress bar on stderr while training, one aligned line per epoch on stdout.

use std::path::Path;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use d2l_language::{left, translated};
use d2l_log::{End, Epoch, Header, shown};
use indicatif::{HumanCount, HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::Value;

use crate::Scores;
use crate::epoch_table::EpochTable;

/// The width to use if the screen's is unknown.
const WIDTH: usize = 80;
/// The width of the label before a line of the heading: `recipe  `.
const LABEL: usize = 8;
/// For a run that takes less time than this in all, no estimate of the remaining time is shown.
const WORTH_TELLING: Duration = Duration::from_secs(30);
/// A longer run has no line for some epochs.
const MOST_LINES: usize = 50;

/// The terminal of one run.
pub(crate) struct Terminal {
    quiet: bool,
    /// indicatif hides it if stderr is no terminal.
    bar: Option<ProgressBar>,
    width: usize,
    table: EpochTable,
    /// When the first epoch began, until its time is told.
    first_epoch: Option<Instant>,
    has_told: bool,
}

/// The first line that could not be written.
static UNWRITTEN: OnceLock<String> = OnceLock::new();

/// Writes a line to stdout, in the reader's language. The log has the results, so an error of stdout, such as a full disk, ends no training; it is
/// an error when all is done.
pub(crate) fn print(line: &str) {
    print_as_it_is(&translated(line));
}

fn print_as_it_is(line: &str) {
    if let Err(error) = d2l_command::print(&format!("{line}\n")) {
        UNWRITTEN.get_or_init(|| format!("{error:#}"));
    }
}

/// An error if a line could not be written.
pub(crate) fn written() -> Result<()> {
    match UNWRITTEN.get() {
        Some(why) => bail!("{why}"),
        None => Ok(()),
    }
}

impl Terminal {
    pub fn new(quiet: bool) -> Self {
        let width = d2l_command::screen_width(WIDTH);
        Self {
            quiet,
            bar: None,
            width,
            table: EpochTable::new(width),
            first_epoch: None,
            has_told: false,
        }
    }

    /// A line that `--quiet` silences.
    pub fn line(&self, line: &str) {
        self.line_as_it_is(&translated(line));
    }

    /// A text that is no message, such as a generated one, behind a label in the reader's language.
    pub fn labelled(&self, label: &str, text: &str) {
        self.line_as_it_is(&format!("{}{text}", left(&translated(label), LABEL)));
    }

    fn line_as_it_is(&self, line: &str) {
        if !self.quiet {
            match &self.bar {
                Some(bar) => bar.suspend(|| print_as_it_is(line)),
                None => print_as_it_is(line),
            }
        }
    }

    pub fn started(&self, header: &Header, section: &str, folder: Option<&Path>) {
        let threads = match header.threads {
            1 => "1 thread".to_string(),
            threads => format!("{threads} threads"),
        };
        self.line(&format!(
            "model   {} {}, preset {} ({}), {} parameters",
            header.model,
            header.implementation,
            header.preset,
            source(section),
            HumanCount(header.parameters as u64)
        ));
        if let Some(data) = &header.data {
            self.line(&format!(
                "data    {} ({}): {} to train, {} to validate",
                data.name,
                data.source,
                HumanCount(data.train as u64),
                HumanCount(data.valid as u64)
            ));
        }
        let recipe: Vec<String> = header
            .recipe
            .iter()
            .filter_map(|(key, value)| setting(value).map(|value| format!("{key} {value}")))
            .collect();
        for (number, line) in wrapped(&recipe, self.width - LABEL).iter().enumerate() {
            self.labelled(if number == 0 { "recipe" } else { "" }, line);
        }
        let gpu = header.gpu.as_ref().map(|gpu| format!(" ({gpu})"));
        self.line(&format!(
            "device  {}{}, {threads}, seed {}",
            header.device,
            gpu.unwrap_or_default(),
            header.seed
        ));
        if let Some(folder) = folder {
            self.labelled("run", &folder.display().to_string());
        }
        self.line("");
    }

    pub fn epoch_begins(&mut self, epoch: usize, epochs: usize, batches: usize, done: usize) {
        self.clear();
        if self.quiet {
            return;
        }
        if done == 0 && !self.has_told {
            self.first_epoch.get_or_insert_with(Instant::now);
        }
        let bar = ProgressBar::with_draw_target(
            Some(batches as u64),
            ProgressDrawTarget::stderr_with_hz(10),
        );
        if let Ok(style) =
            ProgressStyle::with_template("{prefix} {wide_bar} {pos}/{len}  {msg}  {eta}")
        {
            bar.set_style(style);
        }
        bar.set_prefix(translated(&format!("epoch {epoch}/{epochs}")));
        bar.set_position(done as u64);
        self.bar = Some(bar);
    }

    pub fn step(&self, train: &Scores) {
        let Some(bar) = &self.bar else { return };
        bar.inc(1);
        if !bar.is_hidden() && bar.position() % 10 == 0 {
            let loss = train.means().get("loss").copied().unwrap_or(f64::NAN);
            bar.set_message(translated(&format!("loss {loss:.4}")));
        }
    }

    pub fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    /// Prints a line per epoch, but of a fold only the last epoch's; `is_last` marks the last.
    pub fn epoch(&mut self, epoch: &Epoch, epochs: usize, is_last: bool) {
        self.clear();
        let is_due = is_shown(epoch.epoch, epochs) && epoch.fold.is_none();
        if !(is_last || is_due) {
            return;
        }
        for line in self.table.lines(epoch, epochs) {
            self.line(&line);
        }
        if let Some(began) = self.first_epoch.take() {
            self.has_told = true;
            let left = epochs.saturating_sub(epoch.epoch);
            let whole = began.elapsed() * u32::try_from(left).unwrap_or(u32::MAX);
            if epoch.fold.is_none() && whole > WORTH_TELLING {
                self.line(&format!("        about {} to go", HumanDuration(whole)));
            }
        }
    }

    /// The result, also under `--quiet`.
    pub fn finished(&mut self, end: &End, epochs: &[Epoch], folder: Option<&Path>) {
        self.clear();
        self.line("");
        for name in ["train.loss", "valid.loss"] {
            let values: Vec<f64> = epochs
                .iter()
                .filter_map(|epoch| epoch.metric(name))
                .collect();
            if values.len() > 2 {
                self.line(&format!(
                    "{name:<16}{}",
                    d2l_plot::sparkline(&thinned(values, self.width - 20))
                ));
            }
        }
        let memory = end
            .peak_memory_bytes
            .map(|bytes| format!(", peak memory {} MB", bytes / 1_000_000));
        self.line(&format!(
            "finished in {:.1} s{}",
            end.seconds,
            memory.unwrap_or_default()
        ));
        // The folds' own results stand above, and in the log.
        let is_shown = |name: &str| !name.starts_with("fold") || name.starts_with("folds.");
        let last: Vec<_> = end.last.iter().filter(|(name, _)| is_shown(name)).collect();
        let width = last
            .iter()
            .map(|(name, _)| name.len())
            .max()
            .unwrap_or(0)
            .max(24);
        for (name, value) in last {
            let best = end.best.get(name).filter(|best| best.value != *value);
            let best =
                best.map(|best| format!("best {} in epoch {}", shown(best.value), best.epoch));
            let best = best.map(|best| format!("   {}", translated(&best)));
            print(&format!(
                "{name:<width$}{:>12}{}",
                shown(*value),
                best.unwrap_or_default()
            ));
        }
        if let Some(folder) = folder {
            self.line(&format!(
                "log, parameters and figures are in {}",
                folder.display()
            ));
        }
    }
}

/// Whether an epoch has a line on the terminal: of more than [`MOST_LINES`] the first, the last and every tenth as in the
/// book, or every hundredth, and so on. The log has all epochs.
fn is_shown(epoch: usize, epochs: usize) -> bool {
    let mut every = 1;
    while epochs / every > MOST_LINES {
        every *= 10;
    }
    epoch == 1 || epoch == epochs || epoch.is_multiple_of(every)
}

/// At most `width` values, as many as fit beside a name: evenly spaced ones, the first and the last among them.
fn thinned(values: Vec<f64>, width: usize) -> Vec<f64> {
    if values.len() <= width {
        return values;
    }
    (0..width)
        .filter_map(|place| values.get(place * (values.len() - 1) / (width - 1)))
        .copied()
        .collect()
}

/// The words with commas between them, in lines of at most `width` columns where that is possible.
fn wrapped(words: &[String], width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for (number, word) in words.iter().enumerate() {
        let comma = if number + 1 < words.len() { "," } else { "" };
        match lines.last_mut() {
            Some(line) if line.len() + 1 + word.len() + comma.len() <= width => {
                *line += &format!(" {word}{comma}");
            }
            _ => lines.push(format!("{word}{comma}")),
        }
    }
    lines
}

/// The source of an experiment: `D2L zh 4.3`, or another source unchanged.
fn source(section: &str) -> String {
    if section.starts_with("zh ") || section.starts_with("en ") {
        format!("D2L {section}")
    } else {
        section.to_string()
    }
}

/// A recipe's value as text; `None` if it is switched off.
fn setting(value: &Value) -> Option<String> {
    match value {
        Value::Null | Value::Bool(false) => None,
        Value::String(text) => Some(text.clone()),
        Value::Number(number) if number.as_f64() == Some(0.0) => None,
        other => Some(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_run_shows_some_epochs_and_always_the_last() {
        let shown = |epochs| -> Vec<usize> {
            (1..=epochs)
                .filter(|&epoch| is_shown(epoch, epochs))
                .collect()
        };
        assert_eq!(shown(50).len(), 50);
        assert_eq!(shown(100)[..3], [1, 10, 20]);
        assert_eq!(shown(500)[..3], [1, 10, 20]);
        assert_eq!(shown(1501).last(), Some(&1501));
        assert!((1..2000).all(|epochs| shown(epochs).len() <= MOST_LINES + 2));
    }

    #[test]
    fn a_sparkline_keeps_the_ends_of_a_long_run() {
        let long = thinned((0..1500).map(f64::from).collect(), 60);
        assert_eq!((long.len(), long[0], long.last()), (60, 0.0, Some(&1499.0)));
        assert_eq!(thinned(vec![3.0, 2.0, 1.0], 60), [3.0, 2.0, 1.0]);
    }

    #[test]
    fn a_long_recipe_goes_on_in_the_next_line() {
        let words = ["epochs 10", "batch_size 256", "learning_rate 0.1"].map(String::from);
        let one = "epochs 10, batch_size 256, learning_rate 0.1";
        assert_eq!(wrapped(&words, one.len()), [one]);
        let two = ["epochs 10, batch_size 256,", "learning_rate 0.1"];
        assert_eq!(wrapped(&words, one.len() - 1), two);
        assert_eq!(wrapped(&words, 5).len(), 3);
    }
}
