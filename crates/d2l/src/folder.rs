//! The folder of a run: a new one, or that of the run to resume. The process that has it holds its [`Lock`].

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, Result, bail};
use d2l_log::{Header, Outline, Status};

use crate::changes::is_plain;
use crate::identity;
use crate::lock::{self, Lock};
use crate::{Args, usage};

/// A run's folder, locked.
pub(crate) struct Folder {
    pub path: PathBuf,
    pub lock: Lock,
}

/// The outcome of an attempt to take a folder.
enum Claim {
    Ours(Lock),
    /// The folder already holds a run.
    Taken,
    /// Another process, which this names, writes there.
    Held(String),
    /// The folder holds something other than a run.
    Foreign,
}

/// Makes the run's folder. `--name` must be free unless `--overwrite` is given. A default name that is taken gets `-2`,
/// `-3`, …. A folder in which a run was killed before its log began counts as free.
pub(crate) fn create(args: &Args, chapter: &str, default_name: &str) -> Result<Folder> {
    let first = of_chapter(args, chapter).join(wanted_name(args, default_name)?);
    let runs = first.parent().unwrap_or(&first);
    std::fs::create_dir_all(runs).with_context(|| {
        format!(
            "cannot make the folder {} for the runs; choose another with --runs-dir",
            runs.display()
        )
    })?;
    for number in 1.. {
        let path = numbered(&first, number);
        let shown = path.display();
        match claim(&path, args.overwrite)? {
            Claim::Ours(lock) => return Ok(Folder { path, lock }),
            Claim::Held(holder) if args.overwrite || args.name.is_some() => {
                bail!(being_written(&path, &holder))
            }
            Claim::Foreign if args.overwrite => bail!(
                "{shown} holds no {}: not a run, so --overwrite leaves it alone",
                d2l_log::FILE_NAME
            ),
            Claim::Taken | Claim::Foreign if args.name.is_some() => bail!(
                "the run {shown} exists: choose another --name, or --overwrite to replace it, or --resume to continue it"
            ),
            Claim::Taken | Claim::Held(_) | Claim::Foreign => {}
        }
    }
    bail!("{}: no free name", first.display())
}

fn claim(folder: &Path, overwrite: bool) -> Result<Claim> {
    match std::fs::create_dir(folder) {
        Ok(()) => {}
        Err(cause) if cause.kind() == std::io::ErrorKind::AlreadyExists => {
            if !is_run(folder) {
                return Ok(Claim::Foreign);
            }
            if !overwrite && has_begun(folder) {
                return Ok(Claim::Taken);
            }
        }
        Err(cause) => {
            let folder = folder.display();
            let why =
                format!("cannot make the run's folder {folder}; choose another with --runs-dir");
            return Err(cause).context(why);
        }
    }
    match Lock::take(folder)? {
        Err(holder) => Ok(Claim::Held(holder)),
        // Another process may have been faster.
        Ok(_) if !overwrite && has_begun(folder) => Ok(Claim::Taken),
        Ok(lock) => {
            empty(folder).with_context(|| format!("cannot replace {}", folder.display()))?;
            Ok(Claim::Ours(lock))
        }
    }
}

/// Whether a run may be here. A process that is killed at once leaves an empty folder, or one with only the lock's
/// file.
fn is_run(folder: &Path) -> bool {
    let holds = |name: &str| folder.join(name).is_file();
    let is_empty = || std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none());
    holds(d2l_log::FILE_NAME) || holds(lock::FILE_NAME) || is_empty()
}

/// Whether the log has its first line.
fn has_begun(folder: &Path) -> bool {
    let log = std::fs::read(folder.join(d2l_log::FILE_NAME));
    log.is_ok_and(|bytes| bytes.contains(&b'\n'))
}

/// Removes everything but the lock's file: the folder is never without its lock.
fn empty(folder: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name() == lock::FILE_NAME {
            continue;
        }
        match entry.file_type()?.is_dir() {
            true => std::fs::remove_dir_all(entry.path())?,
            false => std::fs::remove_file(entry.path())?,
        }
    }
    Ok(())
}

fn being_written(folder: &Path, holder: &str) -> String {
    format!(
        "the run {} is being written by {holder}: wait for it, or stop it",
        folder.display()
    )
}

/// The folder of the run to resume: the one named by `--name`; otherwise, among the chapter's runs of the same
/// experiment, the last interrupted one, or if there is none, the last finished one. `None` if there is no such run.
pub(crate) fn find(args: &Args, asked: &Header, default_name: &str) -> Result<Option<Folder>> {
    let runs = of_chapter(args, &asked.chapter);
    if args.name.is_some() {
        let path = runs.join(wanted_name(args, default_name)?);
        if !has_begun(&path) {
            return Ok(None);
        }
        return match Lock::take(&path)? {
            Ok(lock) => Ok(Some(Folder { path, lock })),
            Err(holder) => bail!(being_written(&path, &holder)),
        };
    }
    let mut candidates = Vec::new();
    for (path, outline) in outlines(&runs) {
        if identity::differences(&outline.header, asked).is_empty() {
            let is_finished = outline.status == Some(Status::Finished);
            let log = path.join(d2l_log::FILE_NAME);
            let changed = log.metadata().and_then(|log| log.modified());
            candidates.push((is_finished, changed.unwrap_or(SystemTime::UNIX_EPOCH), path));
        }
    }
    candidates.sort_by(|a, b| (a.0, b.1, &a.2).cmp(&(b.0, a.1, &b.2)));
    let mut held = None;
    for (_, _, path) in candidates {
        match Lock::take(&path)? {
            Ok(lock) => return Ok(Some(Folder { path, lock })),
            Err(holder) => held = Some(being_written(&path, &holder)),
        }
    }
    match held {
        Some(why) => bail!(why),
        None => Ok(None),
    }
}

/// The folders of a chapter's runs, with the outlines of their logs. Damaged logs are left out; `runs list` names them.
fn outlines(runs: &Path) -> impl Iterator<Item = (PathBuf, Outline)> {
    let folders = std::fs::read_dir(runs).into_iter().flatten().flatten();
    folders.filter_map(|folder| {
        let path = folder.path();
        let outline = Outline::read(&path.join(d2l_log::FILE_NAME)).ok()?;
        Some((path, outline))
    })
}

/// The folder of the chapter's runs.
pub(crate) fn of_chapter(args: &Args, chapter: &str) -> PathBuf {
    args.runs_dir.join(chapter)
}

/// The name itself, then the name followed by `-2`, `-3`, ….
fn numbered(folder: &Path, number: usize) -> PathBuf {
    let mut name = folder.as_os_str().to_os_string();
    if number > 1 {
        name.push(format!("-{number}"));
    }
    name.into()
}

fn wanted_name<'a>(args: &'a Args, default_name: &'a str) -> Result<&'a str> {
    let name = args.name.as_deref().unwrap_or(default_name);
    if name.is_empty() || name.starts_with('.') || !name.chars().all(is_plain) {
        usage!(
            "--name {name:?}: wanted letters, digits and . - _ + only, not beginning with a dot"
        );
    }
    Ok(name)
}

/// The error if there is no run to resume. It says with which flags the nearest run was started.
pub(crate) fn nothing_to_resume(args: &Args, asked: &Header, default_name: &str) -> Result<Folder> {
    let runs = of_chapter(args, &asked.chapter);
    let first = runs.join(wanted_name(args, default_name)?);
    let of_model = outlines(&runs).filter(|(_, outline)| outline.header.model == asked.model);
    let compared =
        of_model.map(|(path, outline)| (path, identity::differences(&outline.header, asked)));
    match compared.min_by_key(|(_, differences)| differences.len()) {
        Some((path, differences)) if args.name.is_none() => usage!(
            "--resume: no run with these flags; the nearest is {}: {}",
            path.display(),
            differences.join(", ")
        ),
        _ => bail!(
            "no run {} to resume: wanted one that was started with the same flags",
            first.display()
        ),
    }
}
