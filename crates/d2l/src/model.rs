//! An entry of a chapter's list of models: its name, its experiments, its own flags, and the function that trains it.

use anyhow::Result;
use clap::{Arg, ArgMatches, Command};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::changes::{self, Change};
use crate::{Implementation, Preset, PresetName, Recipe, Run, usage};

/// A model of a chapter. On the command line it is a subcommand with its own flags.
pub struct Model {
    /// The subcommand.
    pub name: &'static str,
    /// One line for the chapter's help.
    pub about: &'static str,
    /// Its experiments, in order.
    pub experiments: Vec<Experiment>,
    /// Adds the flags of the model's options to a command.
    flags: fn(Command) -> Command,
}

/// One preset of one implementation of a model.
pub struct Experiment {
    /// By hand or with the library.
    pub implementation: Implementation,
    /// Its name among the implementation's presets.
    pub preset: PresetName,
    /// The book's section, such as `zh 3.6`, or another source.
    pub section: &'static str,
    /// How it is trained.
    pub recipe: Recipe,
    /// How many of the first examples of each split it takes; `None` for all of them.
    pub examples: Option<usize>,
    /// The model's options with the preset's values.
    pub options: Map<String, Value>,
    /// Applies the flags' changes to the options, and gives the training with them.
    resolve: Box<Resolve>,
}

type Resolve = dyn Fn(Option<&ArgMatches>) -> Result<Resolved> + Send + Sync;
type Train = dyn Fn(&mut Run) -> Result<()> + Send + Sync;

/// An experiment's options with the flags' changes.
pub(crate) struct Resolved {
    /// The options, as they go into the log.
    pub options: Map<String, Value>,
    /// The flags that changed them.
    pub changes: Vec<Change>,
    /// Trains the model with these options.
    pub train: Box<Train>,
}

/// The trait bounds of a model's options: clap reads them as flags, and their fields go into the log.
pub trait Options: clap::Args + Clone + Serialize + Send + Sync + 'static {}

impl<O: clap::Args + Clone + Serialize + Send + Sync + 'static> Options for O {}

impl Model {
    /// A model that `train` trains. Its presets are those of the implementation by hand, or none.
    pub fn new<O: Options>(
        name: &'static str,
        about: &'static str,
        train: fn(&mut Run, &O) -> Result<()>,
        scratch: &[Preset<O>],
        concise: &[Preset<O>],
    ) -> Self {
        let of = |implementation, presets: &[Preset<O>]| -> Vec<Experiment> {
            let experiment = |preset: &Preset<O>| Experiment::new(implementation, preset, train);
            presets.iter().map(experiment).collect()
        };
        let mut experiments = of(Implementation::Scratch, scratch);
        experiments.extend(of(Implementation::Concise, concise));
        Self { name, about, experiments, flags: O::augment_args_for_update }
    }

    /// The experiment of this implementation and name; a usage error lists the existing ones.
    pub(crate) fn experiment(
        &self,
        implementation: Option<Implementation>,
        preset: PresetName,
    ) -> Result<&Experiment> {
        let of = |wanted| {
            let mut all = self.experiments.iter();
            all.find(|one| one.implementation == wanted && one.preset == preset)
        };
        let found = match implementation {
            Some(implementation) => of(implementation),
            None => of(Implementation::Concise).or_else(|| of(Implementation::Scratch)),
        };
        let Some(experiment) = found else {
            let there = self.experiments.iter();
            let there: Vec<String> = there
                .map(|one| format!("{} {}", one.implementation, one.preset))
                .collect();
            let asked = implementation.map(|asked| format!("{asked} "));
            usage!(
                "`{}` has no preset {}{preset}: choose from {}",
                self.name,
                asked.unwrap_or_default(),
                there.join(", ")
            );
        };
        Ok(experiment)
    }

    /// The subcommand, whose help shows the presets' values.
    pub(crate) fn command(&self) -> Command {
        let command = (self.flags)(Command::new(self.name))
            .about(self.about) // in place of the options' own description
            .long_about(None)
            .allow_negative_numbers(true); // so that `--batch-size -1` is a wrong number, not an unknown flag
        let own: Vec<_> = command
            .get_arguments()
            .map(|arg| arg.get_id().clone())
            .collect();
        own.into_iter().fold(command, |command, id| {
            let default = self.default_of(id.as_str());
            command.mut_arg(id, |arg| match default {
                Some(default) => with_default(arg, &default),
                None => arg,
            })
        })
    }

    /// The presets' value of an option, if all have the same; `None` for a switch.
    fn default_of(&self, option: &str) -> Option<String> {
        let mut values = self.experiments.iter().map(|one| one.options.get(option));
        let first = values.next()??;
        match first {
            Value::Null | Value::Bool(_) => None,
            first if values.all(|value| value == Some(first)) => Some(changes::text(first)),
            _ => Some("the preset's".to_string()),
        }
    }
}

/// A flag whose help ends with its default value, unless it says that itself.
pub fn with_default(flag: Arg, default: &str) -> Arg {
    match flag.get_help() {
        Some(help) if !help.to_string().contains("[default: ") => {
            let help = format!("{help} [default: {default}]");
            flag.help(help)
        }
        _ => flag,
    }
}

impl Experiment {
    fn new<O: Options>(
        implementation: Implementation,
        preset: &Preset<O>,
        train: fn(&mut Run, &O) -> Result<()>,
    ) -> Self {
        let before = changes::fields(&preset.options);
        let (defaults, fields) = (preset.options.clone(), before.clone());
        let resolve = move |flags: Option<&ArgMatches>| {
            let mut options = defaults.clone();
            if let Some(flags) = flags {
                options.update_from_arg_matches(flags)?;
            }
            let after = changes::fields(&options);
            Ok(Resolved {
                changes: changes::between(&fields, &after),
                options: after,
                train: Box::new(move |run| train(run, &options)),
            })
        };
        Self {
            implementation,
            preset: preset.name,
            section: preset.section,
            recipe: preset.recipe.clone(),
            examples: preset.examples,
            options: before,
            resolve: Box::new(resolve),
        }
    }

    /// The options with the changes of `flags`, which are those of the model's subcommand if it was named.
    pub(crate) fn resolve(&self, flags: Option<&ArgMatches>) -> Result<Resolved> {
        (self.resolve)(flags)
    }
}
