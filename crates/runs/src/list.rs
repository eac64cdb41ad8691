//! `runs list`: one entry per run, oldest first.

use crate::args::Format;
use crate::condition::{Condition, order};
use crate::table::{self, Table};
use crate::text::{self, minute, quantity, width};
use crate::{Report, select};
use anyhow::Result;
use clap::ValueEnum;
use d2l_command::{Colour, paint};
use d2l_language::translated;
use d2l_log::{Log, check_field, number_of_json, shown};
use serde_json::{Map, Value};
use std::path::Path;

#[derive(Debug, clap::Args)]
pub struct List {
    /// Only the runs of this chapter, by the name of its package
    #[arg(long, value_name = "NAME")]
    pub chapter: Option<String>,
    /// Only the runs of this model
    #[arg(long, value_name = "NAME")]
    pub model: Option<String>,
    /// Only the runs that ended like this; running includes those that were killed
    #[arg(long, value_enum)]
    pub status: Option<Status>,
    /// Only the runs that meet a condition, such as 'recipe.learning_rate>0.1': a field of the header or a metric, one
    /// of = != < <= > >=, and a value; repeat it for several, which must all hold
    #[arg(long = "where", value_name = "CONDITION")]
    pub conditions: Vec<Condition>,
    /// Sort by a field, smallest first; with a minus sign before it, as in -valid.accuracy, largest first
    #[arg(long, value_name = "[-]FIELD", allow_hyphen_values = true)]
    pub sort: Option<String>,
    /// Only the N newest of these runs
    #[arg(long, value_name = "N")]
    pub last: Option<usize>,
    /// Tables, or JSON with every field of every run
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Status {
    Finished,
    Interrupted,
    Failed,
    Running,
}

/// The columns besides the run's name and those that the call asks for, in the table's order: the field, its heading,
/// and its rank when there isn't room for all.
const COLUMNS: [(&str, &str, usize); 9] = [
    ("started", "started", 6),
    ("status", "status", 0),
    ("epochs", "epochs", 1),
    ("seconds", "seconds", 5),
    ("train.loss", "train loss", 4),
    ("valid.loss", "valid loss", 3),
    ("best.valid.loss", "(best)", 8),
    ("valid.accuracy", "valid accuracy", 2),
    ("best.valid.accuracy", "(best)", 7),
];

pub(crate) fn list(runs_dir: &Path, args: &List) -> Result<Report> {
    let logs = select::list(runs_dir)?;
    let held = logs.len();
    let runs = chosen(&logs, args)?;
    if args.format == Format::Json {
        return Report::json(&runs);
    }
    if runs.is_empty() {
        let folder = runs_dir.display();
        return Ok(match held {
            0 => format!("{folder} holds no runs yet; train a chapter first\n"),
            _ => format!("None of the {held} runs in {folder} meets the conditions.\n"),
        }
        .into());
    }
    Ok(entries(&runs, asked(args), width()).into())
}

/// The fields of the runs that the call asks for, in its order.
fn chosen(logs: &[Log], args: &List) -> Result<Vec<Map<String, Value>>> {
    let mut runs: Vec<Map<String, Value>> = logs.iter().map(Log::fields).collect();
    let sort = args
        .sort
        .as_deref()
        .map(|sort| match sort.strip_prefix('-') {
            Some(field) => (field, true),
            None => (sort, false),
        });
    if let Some((field, _)) = sort {
        check_field(field, &runs)?;
    }
    let mut met = select::meet(&runs, &args.conditions)?.into_iter();
    runs.retain(|_| met.next().unwrap_or_default());
    let equals = |run: &Map<String, Value>, field: &str, wanted: &Option<String>| match wanted {
        Some(wanted) => run.get(field).is_some_and(|found| found == wanted.as_str()),
        None => true,
    };
    let status = args.status.and_then(|status| status.to_possible_value());
    let status = status.map(|status| status.get_name().to_string());
    runs.retain(|run| {
        equals(run, "chapter", &args.chapter)
            && equals(run, "model", &args.model)
            && equals(run, "status", &status)
    });
    if let Some(last) = args.last {
        runs.drain(..runs.len().saturating_sub(last));
    }
    if let Some((field, largest_first)) = sort {
        runs.sort_by(|one, other| {
            let (one, other) = (one.get(field), other.get(field));
            match largest_first && one.is_some() && other.is_some() {
                true => order(other, one),
                false => order(one, other),
            }
        });
    }
    Ok(runs)
}

/// The fields by which the call filters and sorts. They are always shown.
fn asked(args: &List) -> Vec<String> {
    let sort = args
        .sort
        .iter()
        .map(|sort| sort.trim_start_matches('-').to_string());
    let mut asked: Vec<String> = Vec::new();
    for field in sort.chain(
        args.conditions
            .iter()
            .map(|condition| condition.field.clone()),
    ) {
        if field != "run" && !asked.contains(&field) {
            asked.push(field);
        }
    }
    asked
}

/// A column: its heading, the texts below it, and its rank.
struct Column {
    heading: String,
    cells: Vec<String>,
    rank: usize,
}

impl Column {
    fn width(&self) -> usize {
        let words = self.heading.split(' ').map(table::width);
        let cells = self.cells.iter().map(|cell| table::width(cell));
        words.chain(cells).max().unwrap_or_default()
    }
}

/// The table, in as many columns as fit.
fn entries(runs: &[Map<String, Value>], asked: Vec<String>, width: usize) -> String {
    let mut columns = columns(runs, asked);
    let names: Vec<String> = runs.iter().map(|run| cell("run", run.get("run"))).collect();
    let longest = names.iter().map(|name| table::width(name)).max();
    let longest = longest.unwrap_or_default();
    let gap = usize::from(table::GAP);
    let used = |columns: &[Column]| {
        columns
            .iter()
            .map(|column| gap + column.width())
            .sum::<usize>()
    };
    let in_one_line = longest + used(&columns) <= width;
    let mut left_out = Vec::new();
    while !in_one_line && used(&columns) > width {
        let worst = columns
            .iter()
            .enumerate()
            .max_by_key(|(_, column)| column.rank);
        let Some(worst) = worst
            .filter(|(_, column)| column.rank > 0)
            .map(|(at, _)| at)
        else {
            break;
        };
        left_out.push(columns.remove(worst).heading);
    }
    let headings = columns.iter().map(|column| column.heading.clone());
    let first = in_one_line.then(|| "run".to_string());
    let mut table = Table::of_words(first.into_iter().chain(headings));
    for (row, name) in names.iter().enumerate() {
        let cells = columns
            .iter()
            .filter_map(|column| column.cells.get(row).cloned());
        let name = in_one_line.then(|| name.clone());
        table.row(name.into_iter().chain(cells));
    }
    let text = match in_one_line {
        true => table.render_whole(),
        false => below_names(&table.render_whole(), &names),
    };
    match left_out.is_empty() {
        true => text,
        false => {
            text + &format!(
                "left out for lack of room: {}; --format json has every field\n",
                left_out.join(", ")
            )
        }
    }
}

/// Each run's line below a line with its name.
fn below_names(table: &str, names: &[String]) -> String {
    let headings = table.lines().count() - names.len();
    let mut text: String = table
        .lines()
        .take(headings)
        .map(|line| format!("  {line}\n"))
        .collect();
    for (name, line) in names.iter().zip(table.lines().skip(headings)) {
        text += &format!("{name}\n  {line}\n");
    }
    text
}

/// The usual columns in which a run has a value, and the columns that the call asks for.
fn columns(runs: &[Map<String, Value>], asked: Vec<String>) -> Vec<Column> {
    let usual = COLUMNS.iter().map(|(field, heading, rank)| {
        let rank = if asked.iter().any(|asked| asked == field) {
            0
        } else {
            *rank
        };
        (field.to_string(), heading.to_string(), rank)
    });
    let is_usual = |field: &String| COLUMNS.iter().any(|(usual, _, _)| usual == field);
    let more = asked.iter().filter(|field| !is_usual(field));
    let heading = |field: &str| {
        let name = field.strip_prefix("recipe.").unwrap_or(field);
        name.replace(['.', '_'], " ")
    };
    let more = more.map(|field| (field.clone(), heading(field), 0));
    let all = usual
        .chain(more)
        .filter(|(field, _, _)| runs.iter().any(|run| run.contains_key(field)));
    let column = |(field, heading, rank): (String, String, usize)| {
        let cells = runs
            .iter()
            .map(|run| cell(&field, run.get(&field)))
            .collect();
        Column { heading: translated(&heading), cells, rank }
    };
    all.map(column).collect()
}

fn cell(field: &str, value: Option<&Value>) -> String {
    let Some(value) = value else {
        return text::NONE.into();
    };
    let text = text::field(value);
    match (field, number_of_json(value)) {
        ("started", _) => minute(&text),
        ("status", _) => match text.as_str() {
            "finished" => paint(Colour::Good, &translated(&text)),
            "failed" => paint(Colour::Bad, &translated(&text)),
            "running" => paint(Colour::Odd, &translated(text::RUNNING)),
            _ => paint(Colour::Odd, &translated(&text)),
        },
        ("seconds" | "examples_per_second", Some(value)) => quantity(value),
        ("peak_memory_bytes", Some(value)) => text::memory(value as u64),
        // A metric; the header's values are shown as they were given.
        (field, Some(value)) if is_metric(field) => shown(value),
        _ => text,
    }
}

fn is_metric(field: &str) -> bool {
    let of_header = ["recipe.", "data.", "versions."];
    field.contains('.') && !of_header.iter().any(|group| field.starts_with(group))
}
