//! What a run trains and how: the preset with the changes of the flags. Nothing here changes during the run.

use std::path::Path;

use anyhow::Result;
use candle_core::{DType, Device};
use d2l_data::{Choice, ImageClasses, ImageSet, Loaded, Splits, first_image_classes};
use d2l_log::{Data, Header};
use d2l_nn::{Optimizer, ParamStore};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::changes::{self, Change};
use crate::device::memory_bytes;
use crate::model::{Experiment, Resolved};
use crate::terminal::print;
use crate::{Args, Band, DeviceChoice, Implementation, PresetName, Recipe, usage};

/// The resolved settings of a run.
pub struct Settings {
    /// The chapter's name, which is that of its package.
    pub chapter: &'static str,
    /// The chapter's model.
    pub model: &'static str,
    /// By hand or with the library.
    pub implementation: Implementation,
    /// Which of the model's experiments.
    pub preset: PresetName,
    /// The book's section, such as `zh 3.6`, or another source.
    pub section: &'static str,
    /// How the model is trained.
    pub recipe: Recipe,
    /// The number that decides every random draw.
    pub seed: u64,
    /// The device that computes.
    pub device: Device,
    pub(crate) device_choice: DeviceChoice,
    gpu: Option<String>,
    /// The model's own options.
    options: Map<String, Value>,
    /// How many of the first examples of each split are taken; `None` for all of them.
    examples: Option<usize>,
    /// The flags that changed the preset.
    pub(crate) changes: Vec<Change>,
    /// The expected results of the preset.
    pub(crate) bands: Vec<Band>,
    pub(crate) args: Args,
}

impl Settings {
    /// The settings of `experiment` under the flags; opens the device.
    pub(crate) fn new(
        (chapter, model): (&'static str, &'static str),
        experiment: &Experiment,
        (recipe, resolved): (&Recipe, &Resolved),
        bands: &[Band],
        (args, seed): (&Args, u64),
    ) -> Result<Self> {
        recipe.validate()?;
        if !recipe.precision.is_f32() && experiment.implementation == Implementation::Scratch {
            usage!(
                "--precision {}: a model written by hand multiplies in f32 only; wanted --implementation concise, if the \
                 model has one",
                recipe.precision
            );
        }
        let of = |recipe| changes::fields(recipe);
        let mut changes = changes::between(&of(&experiment.recipe), &of(recipe));
        let asked = args.examples.map(|examples| examples as usize);
        let examples = asked.or(experiment.examples);
        if let Some(asked) = asked.filter(|_| asked != experiment.examples) {
            changes.push(Change::new("examples", asked));
        }
        if args.no_shuffle {
            changes.push(Change::new("no-shuffle", ""));
        }
        if let Some(init) = &args.init {
            let stem = init.file_stem().unwrap_or_default().to_string_lossy();
            changes.push(Change::new("init", stem));
        }
        changes.extend(resolved.changes.iter().cloned());
        let opened = args.device.open()?;
        Ok(Self {
            chapter,
            model,
            implementation: experiment.implementation,
            preset: experiment.preset,
            section: experiment.section,
            recipe: recipe.clone(),
            seed,
            device: opened.device,
            device_choice: opened.choice,
            gpu: opened.gpu,
            options: resolved.options.clone(),
            examples,
            changes,
            bands: bands.to_vec(),
            args: args.clone(),
        })
    }

    /// An empty store, whose initial values are drawn from `seed`. It refuses parameters larger than half of the
    /// machine's memory, because gradients take as much again.
    pub(crate) fn parameters(&self, seed: u64) -> ParamStore {
        let half = memory_bytes().map_or(u64::MAX, |memory| memory / 2);
        ParamStore::limited(seed, DType::F32, &self.device, half)
    }

    /// The optimizer that the recipe names, over all parameters made so far.
    pub fn optimizer(&self, params: &ParamStore) -> Result<Box<dyn Optimizer>> {
        self.recipe.optimizer(params)
    }

    /// The pictures of `set`, real or built-in as `--data` says, cut to `--examples`, or to as many as the preset takes.
    pub fn images(&self, set: ImageSet) -> Result<ImageClasses> {
        self.load(|choice, folder| first_image_classes(set, choice, folder, self.limit()))
    }

    /// The data that `loader` reads from the data folder or draws, as `--data` says. Prints the loader's notice.
    pub fn load<T>(&self, loader: impl FnOnce(Choice, &Path) -> Result<Loaded<T>>) -> Result<T> {
        let loaded = loader(self.args.data, &self.args.data_dir)?;
        if let (Some(notice), false) = (&loaded.notice, self.args.quiet) {
            print(notice);
        }
        Ok(loaded.data)
    }

    /// The first `--examples` examples of each split; without that flag as many as the preset takes, or all of them.
    pub fn first_examples<const N: usize>(&self, splits: Splits<N>) -> Splits<N> {
        let limit = self.limit();
        Splits {
            train: splits.train.first(limit),
            valid: splits.valid.first(limit),
            ..splits
        }
    }

    fn limit(&self) -> usize {
        self.examples.unwrap_or(usize::MAX)
    }

    /// Refuses flags that have no effect on this implementation of the model.
    ///
    /// # Errors
    /// A usage error that names the first of `flags` that changed the preset, and gives the reason.
    pub fn refuse(&self, flags: &[&str], why: &str) -> Result<()> {
        let mut changed = self.changes.iter().map(|change| change.flag.as_str());
        match changed.find(|flag| flags.contains(flag)) {
            Some(flag) => usage!("--{flag}: {why}"),
            None => Ok(()),
        }
    }

    /// Whether the log has the further group `group`, such as `train_after`, because the preset's bands need it.
    pub fn logs(&self, group: &str) -> bool {
        self.bands.iter().any(|band| band.group() == group)
    }

    /// `<model>-<implementation>-<preset>-<device>-s<seed>`, then the flags that changed the preset.
    pub(crate) fn default_name(&self) -> String {
        let mut name = format!(
            "{}-{}-{}-{}-s{}",
            self.model, self.implementation, self.preset, self.device_choice, self.seed
        );
        for change in &self.changes {
            name.push('-');
            name += &change.in_name();
        }
        shortened(name)
    }

    /// With `--verify`: a usage error if there is nothing to verify.
    pub(crate) fn check_verifiable(&self, on_builtin_data: bool) -> Result<()> {
        let flags: Vec<String> = self
            .changes
            .iter()
            .map(|change| format!("--{}", change.flag))
            .collect();
        let reason = if self.bands.is_empty() {
            format!(
                "preset {} of {} {} has no bands",
                self.preset, self.model, self.implementation
            )
        } else if !flags.is_empty() {
            format!("{} changed the preset", flags.join(", "))
        } else if on_builtin_data {
            "this run uses built-in data, and the bands are for the real data".to_string()
        } else {
            return Ok(());
        };
        usage!("--verify: nothing to verify: {reason}")
    }

    /// The preset's bands, if this run is the preset's experiment: the same recipe on the same data.
    pub(crate) fn judged_bands(&self, on_builtin_data: bool) -> &[Band] {
        match self.changes.is_empty() && !on_builtin_data {
            true => &self.bands,
            false => &[],
        }
    }

    /// The log's first line.
    pub(crate) fn header(&self, data: Option<Data>, parameters: usize) -> Header {
        let mut recipe = changes::fields(&self.recipe);
        recipe.extend(self.options.clone());
        recipe.insert("shuffle".into(), (!self.args.no_shuffle).into());
        if let Some(init) = &self.args.init {
            recipe.insert("init".into(), init.display().to_string().into());
        }
        let version = |name: &str, number: &str| (name.to_string(), number.to_string());
        Header {
            schema: d2l_log::SCHEMA,
            chapter: self.chapter.into(),
            model: self.model.into(),
            implementation: self.implementation.to_string(),
            preset: self.preset.to_string(),
            device: self.device_choice.to_string(),
            gpu: self.gpu.clone(),
            threads: rayon::current_num_threads(),
            seed: self.seed,
            recipe,
            data,
            parameters,
            versions: [
                version("d2l", env!("CARGO_PKG_VERSION")),
                version("candle", CANDLE),
            ]
            .into(),
            started: humantime::format_rfc3339_seconds(std::time::SystemTime::now()).to_string(),
            lengthened: Vec::new(),
        }
    }
}

/// A name that every file system accepts, even with a number added. The end of a longer name is replaced by its digest.
fn shortened(name: String) -> String {
    const LONGEST: usize = 200;
    if name.len() <= LONGEST {
        return name;
    }
    let digest = format!("{:x}", Sha256::digest(&name));
    let plain: String = name.chars().take(LONGEST - 17).collect();
    format!("{plain}-{}", &digest[..16])
}

/// The candle release that the workspace's lock file holds; a test in `tests/` compares the two.
const CANDLE: &str = "0.11.1";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_stay_apart_and_short_ones_as_they_are() {
        assert_eq!(shortened("a-b".to_string()), "a-b");
        let (one, other) = ("x".repeat(300), "x".repeat(301));
        let (one, other) = (shortened(one), shortened(other));
        assert!(
            one.len() == 200 && other.len() == 200 && one != other,
            "{one} {other}"
        );
    }
}
