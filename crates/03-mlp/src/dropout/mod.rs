//! Dropout: hidden layers, two or more, whose units are dropped at random in training, so that none can rely on another.
//!
//! D2L zh 4.6, en 5.6; Srivastava et al. 2014.
//!
//! Reading order: [`scratch`] (dropout by its definition), [`concise`] (the library's layer).

pub mod concise;
pub mod scratch;

use anyhow::Result;
use d2l::data::ImageSet;
use d2l::nn::{Mode, Network};
use d2l::{
    Classifier, Implementation, Model, Run, as_text, at_least_one, depth, draw_classification, fit,
    probability,
};
use serde::Serialize;

use crate::NUM_HIDDENS;

/// The entry in the chapter's list.
pub fn model() -> Model {
    let about = "Dropout: two hidden layers whose units are dropped at random (D2L zh 4.6, en 5.6)";
    Model::new("dropout", about, train, scratch::PRESETS, concise::PRESETS)
}

/// The options, which the book's exercises change.
#[derive(Clone, Debug, clap::Args, Serialize)]
#[command(next_help_heading = "Model")]
pub struct Options {
    /// Hidden layers
    #[arg(long, value_name = "N", value_parser = depth)]
    pub num_layers: usize,
    /// Units of each hidden layer
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub num_hiddens: usize,
    /// Probability that a unit of the first hidden layer is dropped
    #[arg(long, value_name = "P", value_parser = probability)]
    pub dropout1: f64,
    /// Probability that a unit of the second hidden layer, or of one behind it, is dropped
    #[arg(long, value_name = "P", value_parser = probability)]
    pub dropout2: f64,
    /// Data set
    #[arg(long, value_name = "fashion-mnist|mnist|cifar-10")]
    #[serde(serialize_with = "as_text")]
    pub data_set: ImageSet,
}

impl Options {
    /// zh 4.6.4.2.
    pub const ZH: Self = Self {
        num_layers: 2,
        num_hiddens: NUM_HIDDENS,
        dropout1: 0.2,
        dropout2: 0.5,
        data_set: ImageSet::FashionMnist,
    };
    /// en 5.6.2.1.
    pub const EN: Self = Self { dropout1: 0.5, ..Self::ZH };

    /// For each hidden layer.
    fn probabilities(&self) -> Vec<f64> {
        let first = std::iter::once(self.dropout1);
        let all = first.chain(std::iter::repeat(self.dropout2));
        all.take(self.num_layers).collect()
    }
}

fn train(run: &mut Run, options: &Options) -> Result<()> {
    let images = run.settings.images(options.data_set)?;
    let sizes = [
        images.pixels(),
        options.num_hiddens,
        images.class_names.len(),
    ];
    let probabilities = options.probabilities();
    let (initializer, params) = (&run.settings.recipe.initializer, &run.params);
    let network: Box<dyn Network> = match run.settings.implementation {
        Implementation::Scratch => {
            let new = scratch::DropoutMlp::new;
            Box::new(new(sizes, &probabilities, initializer, params)?)
        }
        Implementation::Concise => {
            let new = concise::DropoutMlp::new;
            Box::new(new(sizes, &probabilities, initializer, params)?)
        }
    };
    let [x, _] = images.splits.train.batch(&[0], &run.settings.device)?;
    if run.shows_summary(&[&x], || network.forward(&x, Mode::Evaluate))? {
        return Ok(());
    }
    let task = Classifier::new(network);
    let mut optimizer = run.settings.optimizer(&run.params)?;
    fit(&task, &images.splits, &mut optimizer, run)?;
    draw_classification(run, &task, &images)
}
