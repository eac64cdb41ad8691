//! `runs watch`: a live view of training in the terminal.
//!
//! `progress` says how far a run is, `view` draws, and this file reads logs and keys. The view only reads: it changes
//! neither runs nor logs.

mod progress;
mod view;

use crate::Report;
use crate::text::{count, quantity, status};
use anyhow::{Context, Result};
use d2l_command::usage;
use d2l_log::{FILE_NAME, Log, Status, shown};
use progress::is_written;
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use std::fs;
use std::io::{self, IsTerminal};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};
use view::View;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// <chapter>/<run>, <run>, or a path
    #[arg(required_unless_present = "all")]
    pub run: Option<String>,
    /// All runs in progress, also those that begin later
    #[arg(long, conflicts_with = "run")]
    pub all: bool,
}

/// Time between two checks of keys and logs.
const TICK: Duration = Duration::from_millis(250);
/// Time between two searches for new runs.
const SEARCH: Duration = Duration::from_secs(5);
/// A log that has not changed for this long may belong to a killed run.
const STILL: Duration = Duration::from_secs(10);

/// A run on the screen.
pub(crate) struct Watched {
    pub(crate) log: Log,
    /// When its log last grew.
    pub(crate) changed: SystemTime,
    length: u64,
    /// Whether its process is known to have ended.
    pub(crate) is_gone: bool,
}

impl Watched {
    fn new(log: Log) -> Self {
        let (length, changed) = stamp(&log).unwrap_or((0, SystemTime::UNIX_EPOCH));
        let is_gone = log.end.is_none() && !is_written(&log);
        Self { log, changed, length, is_gone }
    }

    /// Whether its log is complete.
    fn is_over(&self) -> bool {
        self.is_gone || self.log.end.is_some()
    }

    /// Reads the log again if it grew.
    fn look(&mut self) -> Result<()> {
        let (length, changed) = stamp(&self.log)?;
        if (length, changed) != (self.length, self.changed) {
            let log = Log::read(&self.log.path)?;
            self.log = Log { name: std::mem::take(&mut self.log.name), ..log };
            (self.length, self.changed, self.is_gone) = (length, changed, false);
        } else if self.log.end.is_none() && changed.elapsed().is_ok_and(|still| still > STILL) {
            self.is_gone = !is_written(&self.log);
        }
        Ok(())
    }

    /// The line that remains when the view is closed.
    fn line(&self) -> String {
        let log = &self.log;
        let status = match (&log.end, self.is_gone) {
            (Some(_), _) => status(log),
            (None, true) => "was killed",
            (None, false) => "goes on",
        };
        let metrics = ["train.loss", "valid.loss", "valid.accuracy"];
        let values = metrics
            .into_iter()
            .filter_map(|name| Some(format!(", {name} {}", shown(log.last(name)?))));
        let values: String = values.collect();
        let epochs = count(log.epochs.len(), "epoch");
        let failure = log.end.as_ref().filter(|end| end.status == Status::Failed);
        let reason = failure.and_then(|end| end.reason.as_ref());
        let reason = reason
            .map(|reason| format!(": {reason}"))
            .unwrap_or_default();
        format!(
            "{} {status} after {epochs} and {} s{values}{reason}\n",
            log.name,
            quantity(log.seconds())
        )
    }
}

pub(crate) fn watch(runs_dir: &Path, args: &Args) -> Result<Report> {
    if !io::stdout().is_terminal() || !io::stdin().is_terminal() {
        usage!("watch needs a terminal; `runs show RUN` prints what a log holds");
    }
    let runs = match &args.run {
        Some(run) => vec![Watched::new(Log::find(runs_dir, run)?)],
        None => in_progress(runs_dir, &[])?,
    };
    if runs.is_empty() {
        return Ok(format!("no run in {} is in progress\n", runs_dir.display()).into());
    }
    let mut view = View::new(runs);
    if view.runs.iter().any(|run| !run.is_over()) {
        let mut terminal = ratatui::try_init().context("the terminal cannot be drawn on")?;
        let shown = show(&mut terminal, &mut view, args.all.then_some(runs_dir));
        ratatui::restore();
        shown?;
    }
    Ok(view
        .runs
        .iter()
        .map(Watched::line)
        .collect::<String>()
        .into())
}

/// Draws until all runs have ended or the reader leaves. Further runs may begin in the folder `search`.
fn show(terminal: &mut DefaultTerminal, view: &mut View, search: Option<&Path>) -> Result<()> {
    let mut searched = Instant::now();
    loop {
        view.runs.iter_mut().try_for_each(Watched::look)?;
        if let Some(runs_dir) = search.filter(|_| searched.elapsed() > SEARCH) {
            let more = in_progress(runs_dir, &view.runs)?;
            view.runs.extend(more);
            searched = Instant::now();
        }
        terminal.draw(|frame| view.draw(frame, SystemTime::now()))?;
        if view.runs.iter().all(Watched::is_over) {
            return Ok(());
        }
        if event::poll(TICK)? && leaves(view, &event::read()?) {
            return Ok(());
        }
    }
}

/// Acts on a key; true if it closes the view.
fn leaves(view: &mut View, event: &Event) -> bool {
    let Event::Key(key) = event else { return false };
    if key.kind == KeyEventKind::Release {
        return false;
    }
    match key.code {
        KeyCode::Char('q') | KeyCode::Esc => return true,
        KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => return true,
        KeyCode::Down | KeyCode::Char('j') => view.next_run(),
        KeyCode::Up | KeyCode::Char('k') => view.previous_run(),
        KeyCode::Right | KeyCode::Tab => view.next_metric(),
        KeyCode::Left | KeyCode::BackTab => view.previous_metric(),
        _ => {}
    }
    false
}

/// The runs that a process is writing, without those that are known.
fn in_progress(runs_dir: &Path, known: &[Watched]) -> Result<Vec<Watched>> {
    let is_new = |log: &Log| log.end.is_none() && known.iter().all(|run| run.log.name != log.name);
    let logs = Log::list(runs_dir)?.logs.into_iter().filter(is_new);
    let runs = logs.map(Watched::new);
    Ok(runs.filter(|run| !run.is_gone).collect())
}

/// Length of a log's file, and when it changed.
fn stamp(log: &Log) -> Result<(u64, SystemTime)> {
    let file = fs::metadata(&log.path).and_then(|file| Ok((file.len(), file.modified()?)));
    file.with_context(|| format!("{FILE_NAME} of {} is gone", log.name))
}

#[cfg(test)]
mod tests {
    use super::view::tests::{ended, log};
    use super::*;
    use ratatui::crossterm::event::KeyEvent;

    fn watched(log: Log) -> Watched {
        Watched {
            log,
            changed: SystemTime::UNIX_EPOCH,
            length: 0,
            is_gone: false,
        }
    }

    #[test]
    fn a_plain_line_stays_for_each_run() {
        assert_eq!(
            watched(ended("run", Status::Finished, None)).line(),
            "mlp/run finished after 4 epochs and 8.00 s, train.loss 0.2500, valid.loss 0.5000, valid.accuracy 0.5000\n"
        );
        let failed = watched(ended("run", Status::Failed, Some("the loss is not finite"))).line();
        assert!(
            failed.contains("failed after 4 epochs")
                && failed.ends_with(": the loss is not finite\n"),
            "{failed}"
        );
        let gone = Watched { is_gone: true, ..watched(log("run", 4, 10)) };
        assert!(gone.line().starts_with("mlp/run was killed after 4 epochs"));
    }

    #[test]
    fn q_escape_and_control_c_leave() {
        let mut view = View::new(Vec::new());
        let mut leaves =
            |code, modifiers| super::leaves(&mut view, &Event::Key(KeyEvent::new(code, modifiers)));
        assert!(leaves(KeyCode::Char('q'), KeyModifiers::NONE));
        assert!(leaves(KeyCode::Esc, KeyModifiers::NONE));
        assert!(leaves(KeyCode::Char('c'), KeyModifiers::CONTROL));
        assert!(!leaves(KeyCode::Char('c'), KeyModifiers::NONE));
        assert!(!leaves(KeyCode::Down, KeyModifiers::NONE));
    }
}
