//! How the commands of the READMEs are run: the programs are built once and called in temporary folders.

use std::collections::BTreeMap;
use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::time::{Instant, SystemTime};

use anyhow::{Context, Result, bail, ensure};
use d2l_log::{FILE_NAME, Log, check_field, median};
use tempfile::TempDir;

use crate::root;

/// Where the programs are, where the data are, and what has been run so far.
pub struct Desk {
    /// Once they are built.
    programs: Option<PathBuf>,
    data: Option<PathBuf>,
    sessions: Vec<Session>,
}

/// A folder with runs, and the calls that made them.
struct Session {
    folder: TempDir,
    done: Vec<(Call, Rc<Outcome>)>,
}

/// A command, and how it is called.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    pub command: String,
    pub real: bool,
    pub seeds: Option<usize>,
}

/// What a command did.
pub struct Outcome {
    /// stdout and stderr as they came.
    pub text: String,
    pub code: i32,
    /// The runs that it made, one per seed.
    pub logs: Vec<Log>,
    pub seconds: f64,
}

impl Outcome {
    /// The median of a metric over the runs: a name of the log, as bands have them too (`valid.accuracy.best`). With `@` and
    /// a seed, the value of that run.
    pub fn value(&self, metric: &str) -> Result<f64> {
        let (metric, seed) = metric.split_once('@').unwrap_or((metric, ""));
        let logs = self.logs.iter();
        let logs = logs.filter(|log| seed.is_empty() || log.header.seed.to_string() == seed);
        let values = logs.map(|log| {
            let fields = log.fields();
            let field = || fields.get(metric)?.as_f64();
            if let Some(value) = log.result(metric).or_else(field) {
                return Ok(value);
            }
            check_field(metric, [&fields])?;
            bail!("{}: {metric} is no number", log.name)
        });
        let values = values.collect::<Result<Vec<f64>>>()?;
        median(&values).with_context(|| format!("no run that would have {metric}"))
    }

    /// The step at which training failed, by the program's message.
    pub fn step(&self) -> Option<u64> {
        let (_, rest) = self.text.rsplit_once(", step ")?;
        rest.split(|c: char| !c.is_ascii_digit())
            .next()?
            .parse()
            .ok()
    }
}

impl Desk {
    /// # Errors
    /// If `D2L_DATA` names no folder.
    pub fn new() -> Result<Self> {
        let data = env::var_os("D2L_DATA").map(PathBuf::from);
        let data = data.map(fs::canonicalize).transpose();
        let data = data.context("D2L_DATA: wanted the folder of the data sets")?;
        Ok(Self { programs: None, data, sessions: Vec::new() })
    }

    /// Whether there are real data.
    pub fn has_data(&self) -> bool {
        self.data.is_some()
    }

    /// Runs the last of these commands, after the others in the same folder of runs. What has been run in this order before
    /// is not run again: the Chinese page has the English page's commands.
    ///
    /// # Errors
    /// If the last command is no call of a program of this workspace, or can't be started.
    pub fn run(&mut self, calls: &[Call]) -> Result<Rc<Outcome>> {
        let begins = |session: &Session| {
            let done = session.done.iter().map(|(call, _)| call);
            session.done.len() >= calls.len() && done.zip(calls).all(|(one, other)| one == other)
        };
        let place = match self.sessions.iter().position(begins) {
            Some(place) => place,
            None => self.extended(calls)?,
        };
        let last = calls.len().checked_sub(1).context("no command")?;
        Ok(self.sessions[place].done[last].1.clone())
    }

    /// The session in which all calls have been made, after those that are missing.
    fn extended(&mut self, calls: &[Call]) -> Result<usize> {
        let is_begun = |session: &Session| {
            let done: Vec<&Call> = session.done.iter().map(|(call, _)| call).collect();
            calls.len() > done.len() && done.iter().zip(calls).all(|(one, other)| *one == other)
        };
        let begun = self
            .sessions
            .iter()
            .enumerate()
            .filter(|(_, session)| is_begun(session));
        let place = match begun.max_by_key(|(_, session)| session.done.len()) {
            Some((place, _)) => place,
            None => {
                let folder = tempfile::tempdir().context("no temporary folder")?;
                self.sessions.push(Session { folder, done: Vec::new() });
                self.sessions.len() - 1
            }
        };
        let programs = match &self.programs {
            Some(folder) => folder.clone(),
            None => self.programs.insert(built()?).clone(),
        };
        let already = self.sessions[place].done.len();
        for call in &calls[already..] {
            let folder = self.sessions[place].folder.path();
            let outcome = self.call(&programs, folder, call)?;
            self.sessions[place]
                .done
                .push((call.clone(), Rc::new(outcome)));
        }
        Ok(place)
    }

    fn call(&self, programs: &Path, folder: &Path, call: &Call) -> Result<Outcome> {
        let (program, mut arguments) = program(programs, &call.command)?;
        let seeds = call.seeds.map(|seeds| seeds.to_string());
        arguments.extend(
            seeds
                .into_iter()
                .flat_map(|seeds| ["--seeds".into(), seeds]),
        );
        let mut command = Command::new(&program);
        for name in ["D2L_DATA", "D2L_RUNS", "RUST_BACKTRACE", "COLUMNS"] {
            command.env_remove(name);
        }
        command.env("D2L_LANG", "en"); // on the Chinese pages too
        if call.real {
            let data = self.data.as_ref().context("D2L_DATA names no folder")?;
            command.env("D2L_DATA", data);
        }
        let before = logs(folder)?;
        let output = tempfile::NamedTempFile::new().context("no temporary file")?;
        let file = || -> Result<File> { Ok(output.as_file().try_clone()?) };
        command
            .args(arguments)
            .current_dir(folder)
            .stdin(Stdio::null());
        command.stdout(file()?).stderr(file()?);
        let began = Instant::now();
        let status = command
            .status()
            .with_context(|| program.display().to_string())?;
        let seconds = began.elapsed().as_secs_f64();
        let text = fs::read(output.path()).context("output not read")?;
        let new = logs(folder)?.into_iter();
        let new = new.filter(|(path, changed)| before.get(path) != Some(changed));
        Ok(Outcome {
            text: String::from_utf8_lossy(&text).into_owned(),
            code: status
                .code()
                .with_context(|| format!("{}: {status}", call.command))?,
            logs: new
                .map(|(path, _)| Log::read(&path))
                .collect::<Result<_>>()?,
            seconds,
        })
    }
}

/// Builds the programs and returns their folder.
fn built() -> Result<PathBuf> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    // `runs` by itself, so that its features stay away from the chapters'.
    for selection in [&["--bins", "--examples"][..], &["--package", "runs"]] {
        let mut build = Command::new(&cargo);
        build
            .args(["build", "--quiet"])
            .args(selection)
            .current_dir(root()?);
        let status = build.status().context("cargo not started")?;
        ensure!(status.success(), "cargo build {selection:?}: {status}");
    }
    let own = env::current_exe().context("a program knows its path")?;
    let folder = own.parent().context("a program has a folder")?;
    Ok(folder.to_path_buf())
}

/// The program that `cargo run -p PACKAGE … -- ARGUMENTS` runs, and its arguments.
fn program(programs: &Path, command: &str) -> Result<(PathBuf, Vec<String>)> {
    let words = shlex::split(command).with_context(|| format!("`{command}`: quotes"))?;
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let (cargo, arguments) = match words.iter().position(|word| *word == "--") {
        Some(place) => (&words[..place], &words[place + 1..]),
        None => (&words[..], &[][..]),
    };
    let mut path = programs.to_path_buf();
    match cargo {
        ["cargo", "run", "-p", package] => path.push(package),
        ["cargo", "run", "-p", _, "--example", name] => path.extend(["examples", name]),
        _ => bail!(
            "found `{command}`, wanted `cargo run -p PACKAGE -- …`; other commands are marked \
             `<!-- run never: REASON -->`"
        ),
    }
    path.set_extension(env::consts::EXE_EXTENSION);
    Ok((
        path,
        arguments.iter().map(|word| word.to_string()).collect(),
    ))
}

/// The logs in a folder, each with the time of its last change.
fn logs(folder: &Path) -> Result<BTreeMap<PathBuf, SystemTime>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.join("runs")];
    while let Some(folder) = folders.pop().filter(|folder| folder.is_dir()) {
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            match path.is_dir() {
                true => folders.push(path),
                false if path.ends_with(FILE_NAME) => {
                    found.insert(path.clone(), fs::metadata(&path)?.modified()?);
                }
                false => {}
            }
        }
    }
    Ok(found)
}
