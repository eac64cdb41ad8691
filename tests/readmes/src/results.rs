//! `scripts/results/*.json`: the results of runs that take too long to be made again with every check, one file for each
//! chapter. `scripts/reproduce.sh` makes them.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::{Parser, Subcommand};
use d2l_log::{BandResult, Log, Status, judged};
use serde::{Deserialize, Serialize};

use crate::machine::Machine;
use crate::root;

/// Keeps the results of long runs in scripts/results, from which the READMEs' tables are written
#[derive(Parser)]
#[command(name = "results")]
pub struct Args {
    /// Folder of the files [default: scripts/results]
    #[arg(long)]
    folder: Option<PathBuf>,
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Add the runs of one experiment, one for each seed, made on this machine
    Add {
        /// The commit of the programs that trained them
        #[arg(long)]
        commit: String,
        /// Their logs
        #[arg(required = true)]
        logs: Vec<PathBuf>,
    },
    /// Print chapter, model, implementation and preset of each experiment that is there
    List {
        /// Only those of this commit
        #[arg(long)]
        commit: Option<String>,
        /// Only those with so many seeds
        #[arg(long)]
        seeds: Option<usize>,
    },
}

/// The file of a chapter.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Results {
    pub chapter: String,
    pub experiments: Vec<Experiment>,
}

/// A preset that was trained with several seeds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Experiment {
    pub model: String,
    pub implementation: String,
    pub preset: String,
    /// The last commit that changed the programs.
    pub commit: String,
    pub machine: Machine,
    pub device: String,
    pub threads: usize,
    /// The data set and its digest; data that are drawn from the seed have none.
    pub data: Option<(String, Option<String>)>,
    pub seeds: Vec<u64>,
    /// Of each run, as the following.
    pub seconds: Vec<f64>,
    pub peak_memory_bytes: Vec<Option<u64>>,
    pub results: Vec<Measured>,
}

/// What the book has a result for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// The value in it is the median.
    #[serde(flatten)]
    pub band: BandResult,
    /// In the order of the seeds.
    pub values: Vec<Option<f64>>,
}

/// Adds to the files, or lists them.
///
/// # Errors
/// If a log or a file can't be read or written; if logs are not those of one finished experiment.
pub fn results(args: &Args) -> Result<()> {
    let folder = match &args.folder {
        Some(folder) => folder.clone(),
        None => folder()?,
    };
    match &args.action {
        Action::Add { commit, logs } => {
            let logs = logs
                .iter()
                .map(|log| Log::read(log))
                .collect::<Result<Vec<_>>>()?;
            let (chapter, experiment) = Experiment::of(logs, commit)?;
            let mut results = Results::read(&folder, &chapter)?;
            results.add(experiment);
            results.write(&folder)
        }
        Action::List { commit, seeds } => {
            for results in Results::all(&folder)? {
                let experiments = results.experiments.iter().filter(|it| {
                    let of_commit = commit.as_ref().is_none_or(|commit| *commit == it.commit);
                    of_commit && seeds.is_none_or(|seeds| seeds == it.seeds.len())
                });
                for Experiment { model, implementation, preset, .. } in experiments {
                    let chapter = &results.chapter;
                    d2l_command::print(&format!("{chapter} {model} {implementation} {preset}\n"))?;
                }
            }
            Ok(())
        }
    }
}

/// The folder of the files.
pub fn folder() -> Result<PathBuf> {
    Ok(root()?.join("scripts/results"))
}

impl Results {
    /// The results of a chapter; none if it has no file.
    pub fn read(folder: &Path, chapter: &str) -> Result<Self> {
        let path = folder.join(format!("{chapter}.json"));
        if !path.exists() {
            return Ok(Self { chapter: chapter.to_string(), ..Self::default() });
        }
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        serde_json::from_str(&text).with_context(|| path.display().to_string())
    }

    fn all(folder: &Path) -> Result<Vec<Self>> {
        let mut chapters = Vec::new();
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry?.path();
            let is_one = path
                .extension()
                .is_some_and(|extension| extension == "json");
            let name = path.file_stem().filter(|_| is_one);
            chapters.extend(name.map(|name| name.to_string_lossy().into_owned()));
        }
        chapters.sort();
        chapters
            .iter()
            .map(|chapter| Self::read(folder, chapter))
            .collect()
    }

    fn write(&self, folder: &Path) -> Result<()> {
        fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        let path = folder.join(format!("{}.json", self.chapter));
        let text = serde_json::to_string_pretty(self)? + "\n";
        fs::write(&path, text).with_context(|| path.display().to_string())
    }

    /// Takes the place of the experiment's earlier results.
    fn add(&mut self, experiment: Experiment) {
        self.experiments.retain(|it| it.id() != experiment.id());
        self.experiments.push(experiment);
        self.experiments.sort_by_key(Experiment::id);
    }

    /// The experiment `MODEL IMPLEMENTATION PRESET`.
    pub fn find(&self, id: &str) -> Option<&Experiment> {
        self.experiments.iter().find(|it| it.id() == id)
    }
}

impl Experiment {
    fn id(&self) -> String {
        format!("{} {} {}", self.model, self.implementation, self.preset)
    }

    /// The chapter and the results of these runs.
    fn of(mut logs: Vec<Log>, commit: &str) -> Result<(String, Self)> {
        logs.sort_by_key(|log| log.header.seed);
        let first = logs.first().context("found no log")?;
        for log in &logs {
            let status = log.end.as_ref().map(|end| end.status);
            ensure!(
                status == Some(Status::Finished),
                "{}: found a run that is {}, wanted a finished one",
                log.path.display(),
                log.status()
            );
            ensure!(
                log.setting() == first.setting(),
                "{} and {} differ in more than their seed",
                first.path.display(),
                log.path.display()
            );
        }
        let all: Vec<&Log> = logs.iter().collect();
        let judged = judged(&all).into_iter();
        let results: Vec<_> = judged
            .map(|it| Measured { band: it.result, values: it.values })
            .collect();
        ensure!(
            !results.is_empty(),
            "{}: found a run without bands, wanted an unchanged preset on the real data",
            first.path.display()
        );
        let header = first.header.clone();
        let data = header.data.map(|data| {
            let digest = (data.source == "real").then_some(data.sha256);
            (data.name, digest)
        });
        let ends = || logs.iter().filter_map(|log| log.end.as_ref());
        let experiment = Self {
            model: header.model,
            implementation: header.implementation,
            preset: header.preset,
            commit: commit.to_string(),
            machine: Machine::here(),
            device: header.device,
            threads: header.threads,
            data,
            seeds: logs.iter().map(|log| log.header.seed).collect(),
            seconds: ends().map(|end| end.seconds).collect(),
            peak_memory_bytes: ends().map(|end| end.peak_memory_bytes).collect(),
            results,
        };
        Ok((header.chapter, experiment))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// A log of one epoch that ends with this value in a band from 0.8 to 0.9.
    fn log(folder: &Path, seed: u64, value: f64, status: &str) -> Result<PathBuf> {
        let lines = [
            json!({"kind": "run", "schema": 1, "schema_minor": 1, "chapter": "mlp", "model": "mlp",
                "implementation": "concise", "preset": "zh", "device": "cpu", "threads": 2, "seed": seed,
                "recipe": {}, "data": {"name": "fashion-mnist", "source": "real", "train": 6, "valid": 1, "sha256": "ab"},
                "parameters": 3, "versions": {}, "started": "2026-11-22T21:14:00Z"}),
            json!({"kind": "end", "status": status, "epochs": 1, "seconds": 2.5, "peak_memory_bytes": 7,
                "final": {"valid.accuracy": value}, "best": {}, "bands": [
                {"metric": "valid.accuracy", "low": 0.8, "high": 0.9, "runs": 30, "source": "book", "value": value,
                    "within": true}]}),
        ];
        let path = folder.join(format!("{seed}.jsonl"));
        let lines = lines.map(|line| format!("{line}\n"));
        fs::write(&path, lines.concat())?;
        Ok(path)
    }

    #[test]
    fn runs_become_an_entry_that_is_replaced_later() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let of_runs = |values: [f64; 3]| {
            let logs = values.iter().zip(0..);
            let logs =
                logs.map(|(value, seed)| Log::read(&log(folder.path(), seed, *value, "finished")?));
            Experiment::of(logs.collect::<Result<_>>()?, "abc1234")
        };
        let (chapter, first) = of_runs([0.7, 0.85, 0.86])?;
        assert_eq!(
            (chapter.as_str(), first.results[0].band.value),
            ("mlp", Some(0.85))
        );
        let mut results = Results::read(folder.path(), &chapter)?;
        results.add(first);
        results.add(of_runs([0.7, 0.71, 0.86])?.1);
        results.write(folder.path())?;
        let read = Results::read(folder.path(), "mlp")?;
        assert_eq!(read, results);
        let found = read.find("mlp concise zh").context("it was added")?;
        assert_eq!(
            (read.experiments.len(), found.results[0].band.within),
            (1, false)
        );
        assert_eq!(found.results[0].values, [Some(0.7), Some(0.71), Some(0.86)]);
        Ok(())
    }

    #[test]
    fn a_run_that_did_not_finish_is_refused() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let log = Log::read(&log(folder.path(), 0, 0.8, "interrupted")?)?;
        let refused = Experiment::of(vec![log], "abc1234");
        assert!(refused.is_err_and(|error| error.to_string().contains("wanted a finished one")));
        Ok(())
    }
}
