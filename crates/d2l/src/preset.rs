//! Named experiments: hyperparameters with the results that they should give.

use anyhow::Result;
use std::fmt;

use crate::band::Band;
use crate::{Recipe, usage};

/// By hand or with the library.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Implementation {
    /// Tensors and gradients only; never what the section teaches.
    Scratch,
    /// The library's layers and losses.
    Concise,
}

/// Which of a model's experiments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum PresetName {
    /// A real result in under a minute on two CPU cores.
    Quick,
    /// A better one, in minutes.
    Small,
    /// The hyperparameters of 动手学深度学习, 2nd edition.
    Zh,
    /// The hyperparameters of Dive into Deep Learning, English 2nd edition.
    En,
}

/// One experiment, keyed by model, implementation and name.
#[derive(Clone, Debug)]
pub struct Preset {
    /// The chapter's model, as `--model` names it.
    pub model: &'static str,
    /// By hand or with the library.
    pub implementation: Implementation,
    /// The experiment's name.
    pub name: PresetName,
    /// The book's section, such as `zh 3.6`, or another source.
    pub section: &'static str,
    /// How it is trained.
    pub recipe: Recipe,
    /// What it should reach; empty where nobody has published a distribution.
    pub bands: &'static [Band],
}

impl Preset {
    /// The preset of a chapter for these three keys; a usage error names what there is instead.
    pub fn find<'a>(
        presets: &'a [Self],
        model: Option<&str>,
        implementation: Implementation,
        name: PresetName,
    ) -> Result<&'a Self> {
        let mut models: Vec<&str> = Vec::new();
        for preset in presets {
            if !models.contains(&preset.model) {
                models.push(preset.model);
            }
        }
        let Some(model) = model.or(models.first().copied()) else {
            usage!("this chapter has no presets");
        };
        if !models.contains(&model) {
            usage!(
                "no model `{model}` in this chapter: choose from {}",
                models.join(", ")
            );
        }
        let of_model = || presets.iter().filter(|preset| preset.model == model);
        let found = of_model()
            .find(|preset| preset.implementation == implementation && preset.name == name);
        let Some(preset) = found else {
            let there: Vec<String> = of_model()
                .map(|preset| format!("{} {}", preset.implementation, preset.name))
                .collect();
            usage!(
                "`{model}` has no preset {implementation} {name}: choose from {}",
                there.join(", ")
            );
        };
        Ok(preset)
    }
}

impl fmt::Display for Implementation {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Self::Scratch => "scratch",
            Self::Concise => "concise",
        })
    }
}

impl fmt::Display for PresetName {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Self::Quick => "quick",
            Self::Small => "small",
            Self::Zh => "zh",
            Self::En => "en",
        })
    }
}
