//! `mlp`, the chapter's first model: its options, and how it is trained on pictures of ten classes.

use anyhow::Result;
use d2l::data::ImageSet;
use d2l::nn::{Mode, Network};
use d2l::{
    Classifier, Implementation, Model, Run, as_text, at_least_one, at_least_zero, depth,
    draw_classification, fit,
};
use serde::Serialize;

use crate::activation::{self, Activation};
use crate::regularization::Penalized;
use crate::{NUM_HIDDENS, concise, gradients, scratch};

/// The entry in the chapter's list.
pub fn model() -> Model {
    let about = "Multilayer perceptron: one hidden layer and ReLU (D2L zh 4.2-4.3, en 5.2)";
    Model::new("mlp", about, train, scratch::PRESETS, concise::PRESETS)
}

/// The options, which the book's exercises change.
#[derive(Clone, Debug, clap::Args, Serialize)]
#[command(next_help_heading = "Model")]
pub struct Options {
    /// Units of each hidden layer
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub num_hiddens: usize,
    /// Hidden layers. If there are several, each layer's gradient before the first step is logged and drawn
    #[arg(long, value_name = "N", value_parser = depth)]
    pub num_layers: usize,
    /// Activation function of the hidden layers. If it is not the book's, all functions are drawn with their
    /// derivatives
    #[arg(long, value_enum)]
    pub activation: Activation,
    /// λ of a penalty λ Σ |w| on the weights, added to the training loss
    #[arg(long, value_name = "LAMBDA", value_parser = at_least_zero)]
    pub l1: f64,
    /// λ of a penalty λ/2 Σ w² on the weights, added to the training loss
    #[arg(long, value_name = "LAMBDA", value_parser = at_least_zero)]
    pub l2: f64,
    /// Data set
    #[arg(long, value_name = "fashion-mnist|mnist|cifar-10")]
    #[serde(serialize_with = "as_text")]
    pub data_set: ImageSet,
}

impl Options {
    /// The book's.
    pub const BOOK: Self = Self {
        num_hiddens: NUM_HIDDENS,
        num_layers: 1,
        activation: Activation::Relu,
        l1: 0.0,
        l2: 0.0,
        data_set: ImageSet::FashionMnist,
    };
}

fn train(run: &mut Run, options: &Options) -> Result<()> {
    let initializer = run.settings.recipe.initializer;
    let images = run.settings.images(options.data_set)?;
    let (num_inputs, num_outputs) = (images.pixels(), images.class_names.len());
    let hidden = vec![options.num_hiddens; options.num_layers];
    let widths = [vec![num_inputs], hidden, vec![num_outputs]].concat();
    let network: Box<dyn Network> = match run.settings.implementation {
        Implementation::Scratch => {
            let of_concise = ["num-layers", "activation", "l1", "l2"];
            let why = "belongs to --implementation concise";
            run.settings.refuse(&of_concise, why)?;
            let sizes = [num_inputs, options.num_hiddens, num_outputs];
            Box::new(scratch::Mlp::new(sizes, &initializer, &run.params)?)
        }
        Implementation::Concise => {
            let new = concise::Mlp::new;
            Box::new(new(&widths, options.activation, &initializer, &run.params)?)
        }
    };
    let [x, _] = images.splits.train.batch(&[0], &run.settings.device)?;
    if run.shows_summary(&[&x], || network.forward(&x, Mode::Evaluate))? {
        return Ok(());
    }
    let layers = match options.num_layers {
        1 => None,
        _ => Some(gradients::record(run, &images, &network)?),
    };
    let task = Classifier::new(network);
    let task = Penalized::new(task, &run.params, options.l1, options.l2);
    let mut optimizer = run.settings.optimizer(&run.params)?;
    let trained = fit(&task, &images.splits, &mut optimizer, run);
    if let Some(layers) = layers {
        // Drawn even if the gradients exploded and training failed: the figures show why.
        gradients::draw(run, &layers)?;
        gradients::draw_initializers(run, &images, &widths, options.activation)?;
    }
    trained?;
    if task.has_penalty() {
        let (norm, zeros) = task.norm_and_zeros()?;
        run.record_final("weight.norm", norm);
        run.record_final("weight.zeros", zeros);
    }
    if options.activation != Options::BOOK.activation {
        activation::draw(run)?;
    }
    draw_classification(run, &task.task, &images)
}
