//! Drawing the view: a line for each run, and the curves of the chosen one.

use super::Watched;
use super::progress::{Steps, duration, epochs_wanted, rate, share, steps, time_left};
use crate::text::{optional, quantity, status};
use d2l_language::translated;
use d2l_log::{Log, higher_is_better, metric_names, shown};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::symbols::Marker;
use ratatui::text::Line;
use ratatui::widgets::{
    Axis, Block, Chart, Dataset, GraphType, LegendPosition, Paragraph, Row, Table, TableState,
};
use std::slice;
use std::time::SystemTime;

/// Below this width or height, there are no curves, and the columns are short.
const NARROW: u16 = 60;
const FLAT: u16 = 12;
/// From this width on there is a column for the steps of the epoch in progress, if a log has lines for steps.
const ROOMY: u16 = 90;
/// From this width on two metrics stand side by side.
const WIDE: u16 = 120;
/// The place of the steps' column: after that of the epochs.
const PLACE_OF_STEPS: usize = 3;
/// Rows of the table at most; it scrolls.
const ROWS: u16 = 8;
/// For the groups of a metric, in order.
const COLOURS: [Color; 4] = [Color::Blue, Color::Yellow, Color::Green, Color::Magenta];
const KEYS: &str = "q quit   \u{2191}\u{2193} run   \u{2190}\u{2192} metric";

/// What is on the screen.
pub(crate) struct View {
    pub(crate) runs: Vec<Watched>,
    run: usize,
    metric: usize,
}

impl View {
    pub(crate) fn new(runs: Vec<Watched>) -> Self {
        Self { runs, run: 0, metric: 0 }
    }

    pub(crate) fn next_run(&mut self) {
        self.run = (self.run + 1).min(self.runs.len().saturating_sub(1));
    }

    pub(crate) fn previous_run(&mut self) {
        self.run = self.run.saturating_sub(1);
    }

    pub(crate) fn next_metric(&mut self) {
        self.metric = (self.metric + 1) % self.kinds().len().max(1);
    }

    pub(crate) fn previous_metric(&mut self) {
        let kinds = self.kinds().len().max(1);
        self.metric = (self.metric + kinds - 1) % kinds;
    }

    fn chosen(&self) -> Option<&Log> {
        self.runs.get(self.run).map(|run| &run.log)
    }

    /// The chosen run's metrics without their groups: `loss`, `accuracy`.
    fn kinds(&self) -> Vec<String> {
        let mut kinds: Vec<String> = Vec::new();
        for name in self
            .chosen()
            .map(|log| metric_names(slice::from_ref(log)))
            .unwrap_or_default()
        {
            let kind = name.split_once('.').map_or(name.as_str(), |(_, kind)| kind);
            if !kinds.iter().any(|known| known == kind) {
                kinds.push(kind.into());
            }
        }
        // The loss first: it is what falls.
        kinds.sort_by_key(|kind| kind != "loss");
        kinds
    }

    pub(crate) fn draw(&self, frame: &mut Frame, now: SystemTime) {
        let area = frame.area();
        let rows = self.runs.len().min(usize::from(ROWS)) as u16 + 1;
        let parts = Layout::vertical([
            Constraint::Length(rows),
            Constraint::Min(0),
            Constraint::Length(1),
        ]);
        let [top, middle, bottom] = parts.areas(area);
        self.draw_runs(frame, top, now);
        frame.render_widget(
            Paragraph::new(translated(KEYS)).style(Style::new().add_modifier(Modifier::DIM)),
            bottom,
        );
        if area.width < NARROW || middle.height < FLAT.min(area.height / 2) {
            return self.draw_values(frame, middle);
        }
        let kinds = self.kinds();
        if kinds.is_empty() {
            return frame.render_widget(Paragraph::new(self.beginning()), middle);
        }
        let side_by_side = if area.width >= WIDE { 2 } else { 1 }.min(kinds.len());
        let charts = Layout::horizontal(vec![Constraint::Fill(1); side_by_side]).split(middle);
        for (place, chart) in charts.iter().enumerate() {
            if let Some(kind) = kinds.get((self.metric + place) % kinds.len()) {
                self.draw_curves(frame, *chart, kind);
            }
        }
    }

    /// The text about the chosen run before its first epoch is complete.
    fn beginning(&self) -> String {
        let step = self.chosen().and_then(|log| log.steps.last());
        let step = step.map(|step| format!("; loss {} in step {}", shown(step.loss), step.step));
        translated(&format!(
            "no epoch is complete yet{}",
            step.unwrap_or_default()
        ))
    }

    fn draw_runs(&self, frame: &mut Frame, area: Rect, now: SystemTime) {
        let is_narrow = area.width < NARROW;
        let has_steps =
            area.width >= ROOMY && self.runs.iter().any(|run| steps(&run.log).is_some());
        let rows = self.runs.iter().map(|run| {
            let log = &run.log;
            let status = translated(if run.is_gone { "killed" } else { running(log) });
            let epochs = match epochs_wanted(log) {
                Some(wanted) => translated(&format!("{} of {wanted}", log.epochs.len())),
                None => log.epochs.len().to_string(),
            };
            let percent = optional(share(log), |share| format!("{:.0}%", share * 100.0));
            let left = optional(time_left(log, run.changed, now), duration);
            let row = match is_narrow {
                true => vec![log.run().to_string(), percent, left],
                false => {
                    let rate = optional(rate(log), |rate| format!("{}/s", quantity(rate)));
                    let mut row = vec![log.name.clone(), status, epochs, percent, rate, left];
                    if has_steps {
                        row.insert(PLACE_OF_STEPS, optional(steps(log), in_epoch));
                    }
                    row
                }
            };
            Row::new(row)
        });
        let (headings, widths): (Vec<&str>, Vec<Constraint>) = match is_narrow {
            true => (
                vec!["run", "done", "left"],
                [
                    Constraint::Min(10),
                    Constraint::Length(4),
                    Constraint::Length(10),
                ]
                .into(),
            ),
            false => {
                let lengths = [11, 12, 4, 10, 12].map(Constraint::Length);
                let widths = [Constraint::Min(16)].into_iter().chain(lengths);
                let mut headings = vec!["run", "status", "epochs", "done", "examples", "left"];
                let mut widths: Vec<Constraint> = widths.collect();
                if has_steps {
                    headings.insert(PLACE_OF_STEPS, "step");
                    widths.insert(PLACE_OF_STEPS, Constraint::Length(14));
                }
                (headings, widths)
            }
        };
        let headings = headings.into_iter().map(translated);
        let table = Table::new(rows, widths)
            .header(Row::new(headings).style(Style::new().add_modifier(Modifier::BOLD)))
            .row_highlight_style(Style::new().add_modifier(Modifier::REVERSED));
        let chosen = (self.runs.len() > 1).then_some(self.run);
        let mut state = TableState::new().with_selected(chosen);
        frame.render_stateful_widget(table, area, &mut state);
    }

    /// The chosen run's newest values, shown if there is no room for curves.
    fn draw_values(&self, frame: &mut Frame, area: Rect) {
        let Some(log) = self.chosen() else { return };
        let names = metric_names(slice::from_ref(log)).into_iter();
        let lines = names
            .filter_map(|name| Some(Line::from(format!("{name} {}", shown(log.last(&name)?)))));
        frame.render_widget(Paragraph::new(lines.collect::<Vec<_>>()), area);
    }

    /// The curves of one metric, a line for each group that has it.
    fn draw_curves(&self, frame: &mut Frame, area: Rect, kind: &str) {
        let Some(log) = self.chosen() else { return };
        let lines = lines(log, kind);
        let points = || lines.iter().flat_map(|(_, points)| points);
        let ends = |value: fn(&(f64, f64)) -> f64| {
            let values = || points().map(value);
            [
                values().fold(f64::INFINITY, f64::min),
                values().fold(f64::NEG_INFINITY, f64::max),
            ]
        };
        let (across, up) = (ends(|point| point.0), ends(|point| point.1));
        let datasets = lines.iter().enumerate().map(|(place, (name, points))| {
            Dataset::default()
                .name(name.as_str())
                .marker(Marker::Braille)
                .graph_type(GraphType::Line)
                .style(Style::new().fg(COLOURS[place % COLOURS.len()]))
                .data(points)
        });
        let axis = |ends: [f64; 2], text: fn(f64) -> String| {
            let room = if ends[0] == ends[1] { 0.5 } else { 0.0 };
            Axis::default()
                .bounds([ends[0] - room, ends[1] + room])
                .labels(ends.map(text))
        };
        // The legend is placed away from the curves: losses fall, scores rise.
        let legend = match higher_is_better(kind) {
            true => LegendPosition::BottomRight,
            false => LegendPosition::TopRight,
        };
        let chart = Chart::new(datasets.collect())
            .legend_position(Some(legend))
            .block(Block::bordered().title(format!(" {kind} ")))
            .x_axis(axis(across, |value| format!("{value:.0}")))
            .y_axis(axis(up, shown));
        frame.render_widget(chart, area);
    }
}

/// A run's status. A run without an end counts as running, unless the caller knows better.
fn running(log: &Log) -> &'static str {
    if log.end.is_none() {
        "running"
    } else {
        status(log)
    }
}

/// Steps of the epoch in progress; how many it takes is known from the epoch before.
fn in_epoch(Steps { done, wanted }: Steps) -> String {
    match wanted {
        Some(wanted) => translated(&format!("{done} of {wanted}")),
        None => done.to_string(),
    }
}

/// A line.
type Named = (String, Vec<(f64, f64)>);

/// The groups that have the metric, with the points over the epochs; the folds of a cross-validation follow one another.
fn lines(log: &Log, kind: &str) -> Vec<Named> {
    let names = metric_names(slice::from_ref(log)).into_iter();
    let names = names.filter(|name| {
        name == kind || name.split_once('.').is_some_and(|(_, found)| found == kind)
    });
    names
        .map(|name| {
            let values = (1..).zip(&log.epochs);
            let points =
                values.filter_map(|(place, epoch)| Some((f64::from(place), epoch.metric(&name)?)));
            let points = points.collect();
            (name, points)
        })
        .collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use d2l_log::{End, Epoch, Header, Metrics, SCHEMA, Status, Step};
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    /// A log with `done` of `wanted` epochs of 2 s.
    pub(crate) fn log(name: &str, done: usize, wanted: usize) -> Log {
        let recipe = serde_json::json!({ "epochs": wanted });
        let header = Header {
            schema: SCHEMA,
            chapter: "mlp".into(),
            model: "mlp".into(),
            implementation: "concise".into(),
            preset: "quick".into(),
            device: "cpu".into(),
            gpu: None,
            threads: 1,
            seed: 0,
            recipe: recipe.as_object().cloned().unwrap_or_default(),
            data: None,
            parameters: 1,
            versions: [].into(),
            started: "2026-11-22T21:14:00Z".into(),
            lengthened: Vec::new(),
        };
        let epochs = (1..=done).map(|epoch| Epoch {
            epoch,
            train: Metrics::from([("loss".to_string(), 1.0 / epoch as f64)]),
            valid: Metrics::from([
                ("loss".to_string(), 2.0 / epoch as f64),
                ("accuracy".into(), 0.5),
            ]),
            seconds: 2.0,
            examples_per_second: 1234.0,
            ..Epoch::default()
        });
        let (name, path) = (format!("mlp/{name}"), "none".into());
        Log {
            name,
            path,
            header,
            steps: Vec::new(),
            epochs: epochs.collect(),
            end: None,
            remarks: None,
        }
    }

    /// A log of four epochs that ended so.
    pub(crate) fn ended(name: &str, status: Status, reason: Option<&str>) -> Log {
        let end = End {
            status,
            reason: reason.map(String::from),
            epochs: 4,
            seconds: 8.0,
            peak_memory_bytes: None,
            last: [].into(),
            best: [].into(),
            bands: Vec::new(),
        };
        Log { end: Some(end), ..log(name, 4, 10) }
    }

    fn view(logs: impl IntoIterator<Item = Log>) -> View {
        let started = humantime::parse_rfc3339("2026-11-22T21:14:00Z").expect("a time");
        let changed = started + std::time::Duration::from_secs(12);
        let watched = |log| Watched { log, changed, length: 0, is_gone: false };
        View::new(logs.into_iter().map(watched).collect())
    }

    fn screen(view: &View, width: u16, height: u16) -> String {
        let mut terminal =
            Terminal::new(TestBackend::new(width, height)).expect("a test's terminal");
        let now = view
            .runs
            .first()
            .map_or(SystemTime::UNIX_EPOCH, |run| run.changed);
        terminal
            .draw(|frame| view.draw(frame, now))
            .expect("it draws");
        terminal.backend().to_string()
    }

    #[test]
    fn a_run_is_shown_with_its_progress_and_curves() {
        let text = screen(&view([log("first", 4, 10)]), 100, 24);
        for wanted in [
            "mlp/first",
            "running",
            "4 of 10",
            "40%",
            "1234/s",
            "18 s",
            " loss ",
            "train.loss",
            "2.0000",
            "q quit",
        ] {
            assert!(text.contains(wanted), "no {wanted} in\n{text}");
        }
        assert!(
            text.chars().any(|c| ('\u{2801}'..='\u{28ff}').contains(&c)),
            "no curve in\n{text}"
        );
    }

    #[test]
    fn steps_within_an_epoch_are_shown_if_the_log_has_them() {
        let step = |step, epoch| Step { step, epoch, loss: 0.93, ..Step::default() };
        let mut known = log("known", 1, 10);
        known.epochs[0].step = 235;
        known.steps = vec![step(355, 2)];
        let mut first = log("first", 0, 10);
        first.steps = vec![step(120, 1)];
        let text = screen(&view([first, known, log("none", 1, 10)]), 100, 24);
        for wanted in [
            "step",
            "120 of 235",
            "15%",
            "no epoch is complete yet; loss 0.9300 in step 120",
        ] {
            assert!(text.contains(wanted), "no {wanted} in\n{text}");
        }
        let line = |name: &str| text.lines().find(|line| line.contains(name));
        assert!(
            line("mlp/none").is_some_and(|line| !line.contains("235")),
            "{text}"
        );
        assert!(!screen(&view([log("none", 1, 10)]), 100, 24).contains("step"));
    }

    #[test]
    fn keys_choose_run_and_metric() {
        let mut view = view([log("first", 4, 10), log("second", 2, 10)]);
        view.next_run();
        view.next_run();
        assert_eq!(view.chosen().map(Log::run), Some("second"));
        view.next_metric();
        let text = screen(&view, 100, 24);
        assert!(
            text.contains(" accuracy ") && !text.contains(" loss "),
            "{text}"
        );
        view.previous_metric();
        view.previous_run();
        let text = screen(&view, 140, 24);
        assert!(
            text.contains(" accuracy ") && text.contains(" loss "),
            "both fit side by side:\n{text}"
        );
    }

    #[test]
    fn a_narrow_terminal_has_the_values() {
        let text = screen(&view([log("first", 4, 10)]), 36, 10);
        for wanted in [
            "first",
            "40%",
            "18 s",
            "train.loss 0.2500",
            "valid.accuracy 0.5000",
        ] {
            assert!(text.contains(wanted), "no {wanted} in\n{text}");
        }
    }

    #[test]
    fn no_size_is_too_small() {
        let view = view([log("first", 4, 10), log("second", 0, 10)]);
        for (width, height) in [(1, 1), (2, 40), (200, 1), (60, 3), (60, 13), (500, 200)] {
            screen(&view, width, height);
        }
    }

    #[test]
    fn runs_that_ended_or_have_no_epoch_say_so() {
        let text = screen(
            &view([
                log("fresh", 0, 10),
                ended("ended", Status::Interrupted, None),
            ]),
            100,
            24,
        );
        for wanted in ["0 of 10", "no epoch is complete yet", "interrupted"] {
            assert!(text.contains(wanted), "no {wanted} in\n{text}");
        }
    }
}
