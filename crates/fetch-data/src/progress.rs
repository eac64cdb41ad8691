//! A bar on stderr while a file is fetched, if stderr is a terminal.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressStyle};

const BYTES: &str = "{msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}";
const UNKNOWN: &str = "{msg} {spinner} {bytes} {bytes_per_sec}";

/// Draws bars, or nothing.
#[derive(Clone, Copy)]
pub(crate) struct Progress {
    shown: bool,
}

impl Progress {
    pub(crate) fn new(quiet: bool) -> Self {
        Self { shown: !quiet && std::io::stderr().is_terminal() }
    }

    /// A bar from `done` to `total` bytes, or a count if the total is unknown. It disappears when dropped.
    pub(crate) fn bytes(self, what: &str, done: u64, total: Option<u64>) -> Bar {
        let template = if total.is_some() { BYTES } else { UNKNOWN };
        let bar = self.bar(what, template, total);
        bar.0.set_position(done);
        bar.0.reset_eta();
        bar
    }

    /// A spinner, if nothing can be counted: for the Hub.
    #[cfg(any(test, feature = "candle-datasets"))]
    pub(crate) fn waiting(self, what: &str) -> Bar {
        let bar = self.bar(what, "{msg} {spinner} {elapsed}", None);
        if self.shown {
            bar.0
                .enable_steady_tick(std::time::Duration::from_millis(100));
        }
        bar
    }

    fn bar(self, what: &str, template: &str, total: Option<u64>) -> Bar {
        if !self.shown {
            return Bar(ProgressBar::hidden());
        }
        let bar = total.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_message(what.to_string());
        Bar(bar)
    }
}

/// A bar that leaves no trace when it is dropped.
pub(crate) struct Bar(ProgressBar);

impl Bar {
    /// Adds `bytes` to the bytes that are done.
    pub(crate) fn advance(&self, bytes: u64) {
        self.0.inc(bytes);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
