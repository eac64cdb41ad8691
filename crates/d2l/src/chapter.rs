//! A chapter's program: its list of models, and how it carries out the flags.

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{ArgMatches, Args as _, Command, FromArgMatches};
use d2l_language::{left, right, translated};
use d2l_log::{BandResult, Status};

use crate::bands::Bands;
use crate::model::{Experiment, Model, Resolved};
use crate::run::DryRun;
use crate::settings::Settings;
use crate::terminal::{print, written};
use crate::{
    Args, Band, Interrupted, Recipe, Run, command_line, explain, interrupt, threads, usage,
};

/// How a chapter ended if nothing failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Everything was done.
    Done,
    /// `--verify`: a result is outside its band.
    OutsideBands,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Done => Self::SUCCESS,
            Outcome::OutsideBands => Self::FAILURE,
        }
    }
}

/// A chapter: its models, of which the first is trained if none is named, and the book's results for them.
pub struct Chapter {
    /// The chapter's name, which is that of its package.
    pub name: &'static str,
    /// One line for the help.
    pub about: &'static str,
    /// The models, in the order in which the chapter is read.
    pub models: Vec<Model>,
    /// The text of the chapter's `bands.toml`.
    pub bands: &'static str,
}

impl Chapter {
    /// Carries out the program's arguments. Errors are one line on stderr.
    pub fn main(&self) -> ExitCode {
        let explain = |error: &clap::Error| explain::explain(self, error);
        d2l_command::main_of(self.command(), explain, |matches| {
            let outcome = self.run(matches)?;
            written()?;
            Ok(outcome)
        })
    }

    /// Carries out these arguments; the first is the program's name.
    ///
    /// # Errors
    /// Those of the arguments, and of the training.
    pub fn run_with<T: Into<OsString> + Clone>(
        &self,
        arguments: impl IntoIterator<Item = T>,
    ) -> Result<Outcome> {
        self.run(&self.command().try_get_matches_from(arguments)?)
    }

    /// The command line: flags that all models share, which stand before or after a model's name, and a subcommand for
    /// each model.
    fn command(&self) -> Command {
        let command = Command::new(self.name).version(env!("CARGO_PKG_VERSION"));
        let shared = Recipe::augment_args_for_update(Args::augment_args(command));
        let first = self.models.first().map_or("", |model| model.name);
        shared
            .about(self.about)
            .mut_args(|arg| arg.global(true))
            .subcommand_value_name("MODEL")
            .subcommand_help_heading("Models")
            .after_help(format!(
                "Without a model, {first} is trained. A model's own flags: {} MODEL --help",
                self.name
            ))
            .disable_help_subcommand(true)
            .subcommands(self.models.iter().map(Model::command))
    }

    fn run(&self, matches: &ArgMatches) -> Result<Outcome> {
        let named = matches.subcommand();
        let flags = named.map_or(matches, |(_, flags)| flags);
        let args = Args::from_arg_matches(flags)?;
        if args.list {
            self.print_list(named.map(|(name, _)| name))?;
            return Ok(Outcome::Done);
        }
        let mut models = self.models.iter();
        let model = match named {
            Some((name, _)) => models.find(|model| model.name == name),
            None => models.next(),
        };
        let model = model.context("this chapter has no models")?;
        let experiment = model.experiment(args.implementation, args.preset)?;
        let mut recipe = experiment.recipe.clone();
        recipe.update_from_arg_matches(flags)?;
        let resolved = experiment.resolve(named.map(|(_, flags)| flags))?;
        let bands = self.bands_of(model.name, experiment)?;
        threads::set(args.threads, args.debug)?;
        interrupt::listen()?;
        threads::on_computing_thread(|| {
            let settings = |args: &Args, seed| {
                let names = (self.name, model.name);
                Settings::new(
                    names,
                    experiment,
                    (&recipe, &resolved),
                    &bands,
                    (args, seed),
                )
            };
            train_each(&args, &bands, &resolved, settings)
        })
    }

    /// The results that are expected of the experiment.
    fn bands_of(&self, model: &str, experiment: &Experiment) -> Result<Vec<Band>> {
        let bands = Bands::parse(self.bands)?;
        let found = bands.of(model, experiment.implementation, experiment.preset);
        Ok(found.map(|found| found.bands.clone()).unwrap_or_default())
    }

    /// Prints the chapter's experiments, or one model's, one per line.
    fn print_list(&self, model: Option<&str>) -> Result<()> {
        let bands = Bands::parse(self.bands)?;
        let row = |[
            model,
            implementation,
            preset,
            epochs,
            bands,
            device,
            section,
        ]: [&str; 7]| {
            print(&format!(
                "{}{}{}{}{}  {}{section}",
                left(model, 26),
                left(implementation, 16),
                left(preset, 8),
                right(epochs, 6),
                right(bands, 7),
                left(device, 8),
            ));
        };
        row([
            &translated("model"),
            &translated("implementation"),
            &translated("preset"),
            &translated("epochs"),
            &translated("bands"),
            &translated("device"),
            &translated("section"),
        ]);
        let models = self.models.iter();
        for model in models.filter(|one| model.is_none_or(|name| name == one.name)) {
            for one in &model.experiments {
                let found = bands.of(model.name, one.implementation, one.preset);
                row([
                    model.name,
                    &one.implementation.to_string(),
                    &one.preset.to_string(),
                    &one.recipe.epochs.to_string(),
                    &found.map_or(0, |found| found.bands.len()).to_string(),
                    match found.is_some_and(|found| found.wants_gpu) {
                        true => "gpu",
                        false => "cpu",
                    },
                    &translated(one.section),
                ]);
            }
        }
        Ok(())
    }
}

/// One run for each seed, and the verdict on all.
fn train_each(
    args: &Args,
    bands: &[Band],
    resolved: &Resolved,
    settings: impl Fn(&Args, u64) -> Result<Settings>,
) -> Result<Outcome> {
    let mut verdicts: Vec<Vec<BandResult>> = Vec::new();
    let Some(last) = args.seed.checked_add(args.seeds - 1) else {
        usage!(
            "--seed {} --seeds {}: the last seed would be larger than {}",
            args.seed,
            args.seeds,
            u64::MAX
        );
    };
    for seed in args.seed..=last {
        let mut args = args.clone();
        if args.seeds > 1 {
            args.name = args.name.map(|name| format!("{name}-s{seed}"));
        }
        let mut run = Run::new(settings(&args, seed)?);
        let precision = run.settings.recipe.precision;
        if let Err(error) = d2l_nn::in_precision(precision, || (resolved.train)(&mut run)) {
            if error.is::<DryRun>() {
                continue;
            }
            let was_interrupted = error.is::<Interrupted>();
            let status = match was_interrupted {
                true => Status::Interrupted,
                false => Status::Failed,
            };
            run.close_early(status, &format!("{error:#}"))?;
            if was_interrupted {
                // Several seeds are resumed together, each run by its own name.
                let run = run
                    .folder()
                    .and_then(Path::file_name)
                    .filter(|_| args.seeds == 1);
                let command = command_line::to_resume(run.map(|name| name.to_string_lossy()));
                return Err(Interrupted { command: Some(command) }.into());
            }
            return Err(error);
        }
        verdicts.push(run.close()?);
    }
    if args.dry_run {
        return Ok(Outcome::Done);
    }
    let within = print_verdict(bands, &verdicts, args.verify || !args.quiet);
    if !within && args.seeds < 3 {
        print("one seed is noisy: --seeds 3 judges the median of three");
    }
    Ok(if args.verify && !within {
        Outcome::OutsideBands
    } else {
        Outcome::Done
    })
}
/// Prints the bands beside the median over the runs. True if all medians lie within.
fn print_verdict(bands: &[Band], verdicts: &[Vec<BandResult>], shown: bool) -> bool {
    if verdicts.iter().any(|verdict| verdict.len() != bands.len()) {
        return true; // the flags changed the preset: its bands say nothing about these runs
    }
    let mut within = true;
    for (index, band) in bands.iter().enumerate() {
        let values: Vec<Option<f64>> = verdicts
            .iter()
            .map(|verdict| verdict.get(index).and_then(|result| result.value))
            .collect();
        let result = band.judge_median(&values);
        within &= result.within;
        if shown {
            let what = if values.len() > 1 {
                format!(" {}", translated(&format!("(median of {})", values.len())))
            } else {
                String::new()
            };
            print(&format!(
                "{} {}{what} {}: {} has {} .. {} .. {} over {} runs",
                if result.within { "within " } else { "OUTSIDE" },
                band.metric,
                result.value.map_or("missing".to_string(), d2l_log::shown),
                band.source,
                d2l_log::shown(band.low),
                d2l_log::shown(band.median),
                d2l_log::shown(band.high),
                band.runs
            ));
        }
    }
    within
}
