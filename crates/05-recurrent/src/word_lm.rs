//! A language model of words on WikiText-2, as in PyTorch's example word_language_model; Merity et al. 2017,
//! arXiv:1708.02182; Press and Wolf 2017, arXiv:1608.05859, on the shared weight.
//!
//! With 33,278 words most of the time goes into the output layer. Its weight may be the embedding's too (tied), which
//! saves a third of the parameters but no time. An adaptive softmax saves time: it computes the outputs of rare words only
//! where such a word follows.

use anyhow::Result;
use candle_core::{Module, Tensor};
use candle_nn::Init;
use d2l::data::{WordText, wikitext2};
use d2l::nn::{
    AdaptiveSoftmax, Curve, Dropout, Embedding, Initializer, Linear, Mode, Network, ParamStore,
    RecurrentOptions, Schedule, adaptive_softmax,
};
use d2l::{
    Model, Preset, PresetName, Recipe, Run, at_least_one, depth, next_token_loss, probability,
    usage,
};
use serde::Serialize;

use crate::language_model::{Recurrent, State};
use crate::minibatches::{HELD_OUT, Minibatches, Parts, Sampling};
use crate::rnn_model::{Cell, Layer};
use crate::training;
use crate::word_writing::{WordWriting, write};

/// The output layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Output {
    /// A dense layer with the embedding's weight
    Tied,
    /// A dense layer with a weight of its own
    Untied,
    /// An adaptive softmax: rare words in two groups
    Adaptive,
}

/// Sizes of a [`WordModel`].
#[derive(Clone, Copy, Debug, clap::Args, Serialize)]
pub struct Size {
    /// The recurrent layers
    #[arg(long, value_enum, help_heading = "Model")]
    pub cell: Cell,
    /// Numbers of a word's vector
    #[arg(long, value_name = "N", value_parser = at_least_one, help_heading = "Model")]
    pub embedding_dim: usize,
    /// Hidden units of each layer
    #[arg(long, value_name = "N", value_parser = at_least_one, help_heading = "Model")]
    pub num_hiddens: usize,
    /// Recurrent layers
    #[arg(long, value_name = "N", value_parser = depth, help_heading = "Model")]
    pub num_layers: usize,
    /// Probability of dropout, before, between and behind the recurrent layers
    #[arg(long, value_name = "P", value_parser = probability, help_heading = "Model")]
    pub dropout: f64,
    /// The output layer
    #[arg(long, value_enum, help_heading = "Model")]
    pub output: Output,
}

/// Options of the model.
#[derive(Clone, Debug, clap::Args, Serialize)]
pub struct Options {
    /// Its sizes.
    #[command(flatten)]
    #[serde(flatten)]
    size: Size,
    /// Time steps: words in a text window
    #[arg(long, value_name = "N", value_parser = at_least_one, help_heading = "Data")]
    num_steps: usize,
    /// Train on the first N words, and evaluate on a quarter as many [default: all]
    #[arg(long, value_name = "N", help_heading = "Data")]
    max_tokens: Option<usize>,
    /// Know the N most frequent words only; the others count as unknown [default: all]
    #[arg(long, value_name = "N", value_parser = at_least_one, help_heading = "Data")]
    vocab_size: Option<usize>,
    /// What the trained model writes.
    #[command(flatten)]
    #[serde(skip)]
    writing: WordWriting,
}

/// The example's recipe; its 40 epochs take hours.
const FULL: Recipe = Recipe {
    epochs: 1,
    batch_size: 20,
    learning_rate: 20.0,
    clip_norm: Some(0.25),
    schedule: Schedule::new(Curve::Plateau { factor: 0.25 }),
    ..Recipe::SGD
};
const FULL_OPTIONS: Options = Options {
    size: Size {
        cell: Cell::Lstm,
        embedding_dim: 200,
        num_hiddens: 200,
        num_layers: 2,
        dropout: 0.2,
        output: Output::Tied,
    },
    num_steps: 35,
    max_tokens: None,
    vocab_size: None,
    writing: WordWriting::EXAMPLE,
};
const QUICK_OPTIONS: Options = Options {
    max_tokens: Some(100_000),
    vocab_size: Some(5_000),
    ..FULL_OPTIONS
};
const CONCISE: &[Preset<Options>] = &[
    Preset::quick(3, SOURCE, FULL, QUICK_OPTIONS),
    Preset::new(PresetName::Full, SOURCE, FULL, FULL_OPTIONS),
];
const SOURCE: &str = "PyTorch's example word_language_model";

/// The language model in the chapter's list.
pub fn model() -> Model {
    let about = "A language model of words on WikiText-2 (PyTorch's example)";
    Model::new("word-lm", about, train, &[], CONCISE)
}

/// Embedding, recurrent layers and output layer, with dropout between them.
pub struct WordModel {
    embedding: Embedding,
    before: Dropout,
    rnn: Layer,
    behind: Dropout,
    head: Head,
}

enum Head {
    Dense(Linear),
    Adaptive(AdaptiveSoftmax),
}

impl WordModel {
    /// `embedding.weight` `[V, E]`, `rnn.…`, and `linear.bias` `[V]`, with `linear.weight` if it is not tied, or
    /// `adaptive.…`. `init` is for the recurrent layers and the adaptive softmax.
    ///
    /// # Errors
    /// If the weight is tied but a word's vector and the state differ in size.
    pub fn new(
        size: Size,
        vocab_size: usize,
        init: &Initializer,
        params: &ParamStore,
    ) -> candle_core::Result<Self> {
        // The example draws embedding and output layer from U(-0.1, 0.1).
        const UNIFORM: Init = Init::Uniform { lo: -0.1, up: 0.1 };
        let vb = params.builder();
        let (embedding_dim, num_hiddens) = (size.embedding_dim, size.num_hiddens);
        let shape = (vocab_size, embedding_dim);
        let weight = vb
            .pp("embedding")
            .get_with_hints(shape, "weight", UNIFORM)?;
        let options = RecurrentOptions {
            num_layers: size.num_layers,
            dropout: size.dropout,
            batch_first: true,
            ..RecurrentOptions::default()
        };
        let dense = |weight: Tensor| {
            let bias = vb
                .pp("linear")
                .get_with_hints(vocab_size, "bias", Init::Const(0.0))?;
            Ok::<_, candle_core::Error>(Head::Dense(Linear::new(weight, Some(bias))?))
        };
        let sizes = (embedding_dim, num_hiddens);
        Ok(Self {
            before: Dropout::new(size.dropout, "before")?,
            rnn: Layer::new(size.cell, sizes, options, init, vb.pp("rnn"))?,
            behind: Dropout::new(size.dropout, "behind")?,
            head: match size.output {
                Output::Tied => dense(weight.clone())?,
                Output::Untied => {
                    let shape = (vocab_size, num_hiddens);
                    dense(vb.pp("linear").get_with_hints(shape, "weight", UNIFORM)?)?
                }
                Output::Adaptive => Head::Adaptive(adaptive_softmax(
                    (num_hiddens, vocab_size),
                    &cutoffs(vocab_size),
                    DIVISOR,
                    init,
                    vb.pp("adaptive"),
                )?),
            },
            embedding: Embedding::new(weight, None)?,
        })
    }

    /// The outputs of the recurrent layers: `[B, T] -> [B, T, H]`, and the state after them.
    fn hidden(
        &self,
        x: &Tensor,
        state: Option<&[Tensor]>,
        mode: Mode,
    ) -> candle_core::Result<(Tensor, State)> {
        let x = self.before.forward_t(&self.embedding.forward(x)?, mode)?; // [B, T, E]
        let (h, state) = self.rnn.forward(&x, state, mode)?;
        Ok((self.behind.forward_t(&h, mode)?, state))
    }
}

/// PyTorch's default: the rarer group has vectors of a sixteenth of the state's size, the other of a quarter.
const DIVISOR: usize = 4;

/// A sixteenth of the words is frequent; the first group of the others ends at a quarter.
fn cutoffs(vocab_size: usize) -> Vec<usize> {
    match [vocab_size / 16, vocab_size / 4] {
        [0, _] => Vec::new(), // a vocabulary that needs no groups
        cutoffs => cutoffs.to_vec(),
    }
}

impl Recurrent for WordModel {
    /// With an adaptive softmax the logits are logarithms of probabilities.
    fn forward_from(
        &self,
        x: &Tensor,
        state: Option<&[Tensor]>,
        mode: Mode,
    ) -> candle_core::Result<(Tensor, State)> {
        let (h, state) = self.hidden(x, state, mode)?;
        let o = match &self.head {
            Head::Dense(linear) => linear.forward(&h)?, // [B, T, V]
            Head::Adaptive(softmax) => {
                let (batch, steps, _) = h.dims3()?;
                let p = softmax.log_probabilities(&h.flatten_to(1)?)?; // [B T, V]
                p.reshape((batch, steps, ()))?
            }
        };
        Ok((o, state))
    }

    fn loss_from(
        &self,
        [x, y]: [&Tensor; 2],
        state: Option<&[Tensor]>,
        mode: Mode,
    ) -> candle_core::Result<(Tensor, State)> {
        let (h, state) = self.hidden(x, state, mode)?;
        let loss = match &self.head {
            Head::Dense(linear) => next_token_loss(&linear.forward(&h)?, y)?,
            Head::Adaptive(softmax) => softmax.loss(&h.flatten_to(1)?, &y.flatten_all()?)?,
        };
        Ok((loss, state))
    }
}

fn train(run: &mut Run, options: &Options) -> Result<()> {
    options.writing.decoding.check()?;
    let size = options.size;
    if size.output == Output::Tied && size.embedding_dim != size.num_hiddens {
        usage!(
            "--embedding-dim {} and --num-hiddens {}: an output layer with the embedding's weight needs both equal, or \
             --output untied",
            size.embedding_dim,
            size.num_hiddens
        );
    }
    let settings = &run.settings;
    let mut text = settings.load(wikitext2)?;
    let vocab_size = limit_vocabulary(&mut text, options.vocab_size);
    let initializer = &settings.recipe.initializer;
    let model = WordModel::new(size, vocab_size, initializer, &run.params)?;
    let first = |words: &mut Vec<u32>, share: usize| {
        words.truncate(options.max_tokens.map_or(usize::MAX, |most| most / share));
    };
    first(&mut text.train, 1);
    first(&mut text.valid, HELD_OUT);
    let parts = Parts {
        train: &text.train,
        held_out: &text.valid,
        provenance: &text.provenance,
    };
    let cut = (Sampling::Sequential, options.num_steps);
    let (minibatches, splits) = Minibatches::of(&parts, cut, settings)?;
    let [x, _] = splits.train.batch(&[0], &settings.device)?;
    let network: &dyn Recurrent = &model;
    if run.shows_summary(&[&x], || network.forward(&x, Mode::Evaluate))? {
        return Ok(());
    }
    let mut optimizer = run.settings.optimizer(&run.params)?;
    training::fit(network, &minibatches, &splits, &mut optimizer, run)?;
    write(network, &text.vocabulary, vocab_size, &options.writing, run)
}

/// Makes all but the `limit` most frequent words `<unk>`, which is 0; the number of words that remain.
fn limit_vocabulary(text: &mut WordText, limit: Option<usize>) -> usize {
    let all = text.vocabulary.len();
    let vocab_size = limit.map_or(all, |limit| limit.min(all));
    let words = text.train.iter_mut().chain(&mut text.valid);
    for word in words.filter(|word| **word as usize >= vocab_size) {
        *word = text.vocabulary.unknown();
    }
    vocab_size
}
