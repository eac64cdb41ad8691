//! `runs import`: a log that another program wrote becomes a run beside ours.
//!
//! `csv`, `json_lines`, `events` and `burn` read a format into a `table`; `names` says what its columns mean; `entries`
//! reads the rows accordingly; `places` finds their epochs; `epochs` and `steps` make the lines of our log.

mod burn;
pub(crate) mod csv;
mod entries;
pub(crate) mod epochs;
pub(crate) mod events;
pub(crate) mod json_lines;
pub(crate) mod names;
mod places;
mod steps;
pub(crate) mod table;

use crate::Report;
use crate::text::count;
use anyhow::{Context, Result, bail};
use d2l_command::{usage, warn};
use d2l_log::{Best, End, Epoch, FILE_NAME, Header, Metrics, Record, SCHEMA, Status, Writer};
use epochs::Epochs;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use table::{Table, Tables};

/// The first second, counted from 1970, whose year has five digits.
const YEAR_10000: f64 = 253_402_300_800.0;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// A CSV file, a file of JSON lines, an event file of TensorBoard or a folder with those of one run, the folder of
    /// a burn run, or the folder that export --format csv wrote
    pub file: PathBuf,
    /// The meaning of a column, such as train_loss=train.loss, lr=learning_rate or it=step; may be repeated
    #[arg(long, value_name = "COLUMN=NAME")]
    pub map: Vec<String>,
    /// Name of the run; by default the file's, or its folder's for an event file
    #[arg(long)]
    pub name: Option<String>,
    /// Chapter to put the run in, such as mlp
    #[arg(long, default_value = "imported")]
    pub chapter: String,
    /// Model, such as mlp; by default the run's name
    #[arg(long)]
    pub model: Option<String>,
    /// What trained it, such as pytorch or burn
    #[arg(long, default_value = "imported")]
    pub implementation: String,
    /// Seed of the run; runs that differ in it alone are grouped
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
}

pub(crate) fn import(runs_dir: &Path, args: &Args) -> Result<Report> {
    let given = names::given(&args.map)?;
    let at = || args.file.display().to_string();
    let Tables { tables, notes } = read(&args.file).with_context(at)?;
    if tables.iter().all(|table| table.rows.is_empty()) {
        bail!("{} holds no numbers", at());
    }
    if tables.len() > 1 && args.name.is_some() {
        usage!(
            "--name: {} holds {}, which keep their names",
            at(),
            count(tables.len(), "run")
        );
    }
    notes.iter().for_each(|note| warn(note));
    let mut text = String::new();
    for table in tables {
        let run = run_of(&table, args)?;
        let found = epochs::collect(&table.rows, &given).with_context(at)?;
        found
            .notes
            .iter()
            .for_each(|note| warn(&format!("{run}: {note}")));
        for (column, name) in found.columns.iter().filter(|(column, name)| column != name) {
            text += &format!("  {column} is {name}\n");
        }
        let folder = runs_dir.join(&args.chapter).join(&run);
        let mut counts = count(found.epochs.len(), "epoch");
        if !found.steps.is_empty() {
            counts += &format!(", {}", count(found.steps.len(), "step"));
        }
        write(&folder, records(&run, table, &found, args))?;
        text += &format!("{}/{run} written, {counts}\n", args.chapter);
    }
    Ok(text.into())
}

fn read(path: &Path) -> Result<Tables> {
    if !path.exists() {
        bail!("no such file; wanted CSV, JSON lines or an event file of TensorBoard");
    }
    let extension = path
        .extension()
        .unwrap_or_default()
        .to_string_lossy()
        .to_lowercase();
    match extension.as_str() {
        _ if burn::is_one(path) => burn::read(path),
        _ if csv::is_export(path) => csv::read_export(path),
        _ if path.is_dir() || events::is_one(path) => events::read(path),
        "csv" => csv::read(path),
        "json" | "jsonl" | "ndjson" => json_lines::read(path),
        _ => bail!(
            "a name that ends in .csv or .jsonl, or contains tfevents, says what it is; rename it"
        ),
    }
}

/// The run's name as the name of a folder: the last part of the log's own name, or of the file's.
fn run_of(table: &Table, args: &Args) -> Result<String> {
    let file = match events::is_one(&args.file) {
        true => args
            .file
            .parent()
            .and_then(Path::file_name)
            .or(args.file.file_stem()),
        false => args.file.file_stem(),
    };
    let file = file.map(|file| file.to_string_lossy().into_owned());
    let own = table.run.as_deref().and_then(|run| run.rsplit('/').next());
    let name = args
        .name
        .clone()
        .or(own.map(String::from))
        .or(file)
        .unwrap_or_default();
    for (flag, text) in [("--name", &name), ("--chapter", &args.chapter)] {
        let is_plain = |c: char| c.is_alphanumeric() || "-_.+=".contains(c);
        if text.is_empty() || text.starts_with('.') || !text.chars().all(is_plain) {
            usage!(
                "{flag} {text:?}: wanted letters, digits and - _ . + = only, not beginning with a dot"
            );
        }
    }
    Ok(name)
}

fn records(run: &str, table: Table, found: &Epochs, args: &Args) -> Vec<Record> {
    let header = header(run, table, found.started, args);
    [Record::Run(header)]
        .into_iter()
        .chain(found.records())
        .chain([Record::End(end(&found.epochs))])
        .collect()
}

fn header(run: &str, table: Table, started: Option<f64>, args: &Args) -> Header {
    let modified = || fs::metadata(&args.file).and_then(|file| file.modified());
    let clock = started.and_then(time);
    let started = clock
        .or_else(|| modified().ok())
        .unwrap_or_else(SystemTime::now);
    Header {
        schema: SCHEMA,
        chapter: args.chapter.clone(),
        model: args.model.clone().unwrap_or_else(|| run.into()),
        implementation: args.implementation.clone(),
        preset: "imported".into(),
        device: "unknown".into(),
        gpu: None,
        threads: 0,
        seed: args.seed,
        recipe: table.recipe,
        data: None,
        parameters: 0,
        versions: [].into(),
        started: humantime::format_rfc3339_seconds(started).to_string(),
        lengthened: Vec::new(),
    }
}

/// A time, if RFC 3339 can write it; other numbers are no seconds since 1970.
fn time(seconds: f64) -> Option<SystemTime> {
    let is_time = (f64::MIN_POSITIVE..YEAR_10000).contains(&seconds);
    let since = Duration::try_from_secs_f64(seconds)
        .ok()
        .filter(|_| is_time);
    since.and_then(|since| UNIX_EPOCH.checked_add(since))
}

fn end(epochs: &[Epoch]) -> End {
    let mut names: Vec<String> = epochs
        .iter()
        .flat_map(Epoch::metrics)
        .map(|(name, _)| name)
        .collect();
    names.sort();
    names.dedup();
    let last = |name: &String| {
        let value = epochs.iter().rev().find_map(|epoch| epoch.metric(name));
        Some((name.clone(), value?))
    };
    let best = |name: &String| Some((name.clone(), Best::of(epochs, name)?));
    End {
        status: Status::Finished,
        reason: None,
        epochs: epochs.len(),
        seconds: epochs.iter().map(|epoch| epoch.seconds).sum(),
        peak_memory_bytes: None,
        last: names.iter().filter_map(last).collect::<Metrics>(),
        best: names.iter().filter_map(best).collect(),
        bands: Vec::new(),
    }
}

/// Writes a run's log. If that fails, nothing is left behind.
fn write(folder: &Path, records: Vec<Record>) -> Result<()> {
    if folder.exists() {
        usage!(
            "the run {} exists: choose another --name, or remove its folder",
            folder.display()
        );
    }
    let written = fs::create_dir_all(folder)
        .with_context(|| format!("folder {} not made", folder.display()))
        .and_then(|()| Writer::create(&folder.join(FILE_NAME)))
        .and_then(|mut log| records.iter().try_for_each(|record| log.write(record)));
    if written.is_err() {
        let _ = fs::remove_dir_all(folder);
    }
    written
}
