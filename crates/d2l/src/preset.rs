//! Named experiments: how a model is trained, and the values of its own options.

use std::fmt;

use crate::Recipe;
use crate::changes::name_of;

/// By hand or with the library.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Implementation {
    /// Tensors and gradients only; never what the section teaches
    Scratch,
    /// The library's layers and losses
    Concise,
}

/// Which of a model's experiments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum PresetName {
    /// A real result in under a minute on two CPU cores
    Quick,
    /// A better result in minutes; a few models have it
    Small,
    /// The hyperparameters of 动手学深度学习, 2nd edition
    Zh,
    /// The hyperparameters of Dive into Deep Learning, English 2nd edition
    En,
    /// The settings of the PyTorch tutorial that the model comes from; a few models have it
    Tutorial,
    /// The whole data set or a model whose size needs a GPU, with its own hyperparameters; a few models have it
    Full,
}

/// One experiment of a model with its own options `O`.
#[derive(Clone, Debug)]
pub struct Preset<O = ()> {
    /// The experiment's name.
    pub name: PresetName,
    /// The book's section, such as `zh 3.6`, or another source.
    pub section: &'static str,
    /// How it is trained.
    pub recipe: Recipe,
    /// The model's own options: its width, its dropout, its data. Each is a flag of the model.
    pub options: O,
    /// How many of the first examples of each split it takes; `None` for all of them.
    pub examples: Option<usize>,
}

impl<O> Preset<O> {
    /// An experiment of a model with options.
    pub const fn new(name: PresetName, section: &'static str, recipe: Recipe, options: O) -> Self {
        Self { name, section, recipe, options, examples: None }
    }

    /// The same on the first `examples` examples of each split: where an epoch over all of them takes minutes.
    pub const fn on_first(mut self, examples: usize) -> Self {
        self.examples = Some(examples);
        self
    }

    /// The quick preset: a recipe with this number of epochs.
    pub const fn quick(
        epochs: usize,
        section: &'static str,
        mut recipe: Recipe,
        options: O,
    ) -> Self {
        recipe.epochs = epochs;
        Self::new(PresetName::Quick, section, recipe, options)
    }
}

impl Preset {
    /// An experiment of a model without options.
    pub const fn plain(name: PresetName, section: &'static str, recipe: Recipe) -> Self {
        Self::new(name, section, recipe, ())
    }
}

impl fmt::Display for Implementation {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&name_of(self))
    }
}

impl fmt::Display for PresetName {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&name_of(self))
    }
}
