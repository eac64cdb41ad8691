//! How far back a loss is felt: the norm of ∂ℓ/∂h at each earlier time step, for three recurrent layers by hand.
//!
//! D2L zh 8.7, 9.1 and 9.2, en 9.7, 10.1 and 10.2; Bengio et al. 1994. For the loss ℓ_T of the last time step
//!
//! ∂ℓ_T/∂h_{T-k} = J_{T-k+1}ᵀ … J_Tᵀ ∂ℓ_T/∂h_T,  J_t = ∂h_t/∂h_{t-1}
//!
//! is a product of k matrices. In a simple network each is diag(1 - h_t²) W_hhᵀ, so the norm falls or grows about
//! exponentially with k. Gates learn a J near the identity where something is to be remembered. The memory c of an LSTM
//! has ∂c_t/∂c_{t-1} = f_t, beside what the gates see.

use anyhow::{Context, Result};
use candle_core::{D, DType, Tensor, Var};
use clap::builder::RangedU64ValueParser;
use d2l::data::{Corpus, Splits, TextEdition, windows};
use d2l::nn::{Mode, Network, ParamStore, Step, backward, boundary};
use d2l::plot::{AxisScale, Curve, CurvePlot};
use d2l::{
    Model, OptimizerKind, Preset, Recipe, Run, Scores, Task, at_least_one, at_least_zero, fit,
    next_token_loss,
};
use serde::Serialize;

use crate::by_hand::ByHand;
use crate::language_model::{Recurrent, State};
use crate::structure::Structure;
use crate::text::Reading;
use crate::{gru, inspect, lstm, rnn};

const QUICK: Recipe = Recipe {
    batch_size: 32,
    learning_rate: 0.005,
    optimizer: OptimizerKind::Adam,
    ..Recipe::SGD
};
/// Text windows that the norms are the mean of.
const MEASURED: usize = 32;
/// The tensors of the networks' states in the figure.
const LINES: [&str; 4] = ["rnn h", "gru h", "lstm h", "lstm c"];
const SCRATCH: &[Preset<Options>] = &[Preset::quick(6, "zh 8.7", QUICK, Options::QUICK)];

/// What the three networks have in common.
#[derive(Clone, Debug, clap::Args, Serialize)]
pub struct Options {
    /// Hidden units of each network
    #[arg(long, value_name = "N", value_parser = at_least_one, help_heading = "Model")]
    pub num_hiddens: usize,
    /// Multiply the initial recurrent weights by this: gradients vanish far below 1 and explode far above
    #[arg(long, value_name = "S", value_parser = at_least_zero, help_heading = "Model")]
    pub recurrent_scale: f64,
    /// Time steps: tokens in a text window
    #[arg(long, value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(3..=1000),
          help_heading = "Data")]
    pub num_steps: usize,
    /// Train on the first N tokens, in text windows side by side; a tenth as many that follow are held out
    #[arg(long, value_name = "N", value_parser = at_least_one, help_heading = "Data")]
    pub max_tokens: usize,
    /// Which text, and as which tokens.
    #[command(flatten)]
    #[serde(flatten)]
    pub reading: Reading,
    /// Show a minibatch as text beside its numbers, and exit
    #[arg(long, help_heading = "Data")]
    #[serde(skip)]
    pub inspect: bool,
}

impl Options {
    const QUICK: Self = Self {
        num_hiddens: 64,
        recurrent_scale: 1.0,
        num_steps: 50,
        max_tokens: 130_000,
        reading: Reading::BOOK,
        inspect: false,
    };
}

/// The experiment in the chapter's list.
pub fn model() -> Model {
    let about = "Gradients through time of a simple network, GRU and LSTM (D2L zh 8.7, en 9.7)";
    Model::new("gradients-through-time", about, train, SCRATCH, &[])
}

/// Three networks that learn the same text side by side and share nothing.
struct Networks([Box<dyn Recurrent>; 3]);

/// The networks' names in parameters, and what the log calls their perplexities.
const NAMES: [(&str, &str); 3] = [
    ("rnn", "rnn_perplexity"),
    ("gru", "gru_perplexity"),
    ("lstm", "lstm_perplexity"),
];

impl Networks {
    fn new(sizes: (usize, Structure), run: &Run) -> candle_core::Result<Self> {
        let (init, vb) = (&run.settings.recipe.initializer, run.params.builder());
        let [rnn, gru, lstm] = NAMES.map(|(name, _)| vb.pp(name));
        Ok(Self([
            Box::new(ByHand::new(sizes, init, &rnn, rnn::scratch::Rnn::new)?),
            Box::new(ByHand::new(sizes, init, &gru, gru::scratch::Gru::new)?),
            Box::new(ByHand::new(sizes, init, &lstm, lstm::scratch::Lstm::new)?),
        ]))
    }

    /// The sum of the three losses, so that each network gets the gradient of its own.
    fn loss(
        &self,
        [x, y]: &[Tensor; 2],
        mode: Mode,
        scores: &mut Scores,
    ) -> candle_core::Result<Tensor> {
        let mut losses = Vec::new();
        for ((_, metric), network) in NAMES.into_iter().zip(&self.0) {
            let (y_hat, _) = network.forward_from(x, None, mode)?;
            let loss = next_token_loss(&y_hat, y)?;
            scores.add_mean_logarithm(metric, &loss, x.dim(0)?)?;
            losses.push(loss);
        }
        Tensor::stack(&losses, 0)?.sum_all()
    }
}

impl Task<2> for Networks {
    fn training_loss(
        &self,
        batch: &[Tensor; 2],
        step: Step,
        scores: &mut Scores,
    ) -> candle_core::Result<Tensor> {
        self.loss(batch, Mode::Train(step), scores)
    }

    fn evaluate(&self, batch: &[Tensor; 2], scores: &mut Scores) -> candle_core::Result<()> {
        let loss = self.loss(batch, Mode::Evaluate, scores)?;
        scores.add_mean("loss", &loss, batch[0].dim(0)?)
    }
}

fn train(run: &mut Run, options: &Options) -> Result<()> {
    let text = options.reading.load(&run.settings)?;
    let corpus = options.reading.corpus(text, TextEdition::Zh);
    let structure = Structure::new(options.num_hiddens, 1);
    let sizes = (corpus.vocabulary.len(), structure);
    let task = Networks::new(sizes, run)?;
    let splits = run.settings.first_examples(side_by_side(&corpus, options)?);
    if options.inspect {
        let ([network, ..], device) = (&task.0, &run.settings.device);
        let batches = inspect::first_epoch_of(run, splits.train.len());
        let rows = batches.first().map_or(&[][..], Vec::as_slice);
        let batch = splits.train.batch(rows, device)?;
        return inspect::show_tensors(run, &corpus.vocabulary, &batch, (&**network, None));
    }
    let examples = splits.valid.len().min(MEASURED);
    let measured = splits
        .valid
        .batch(&(0..examples).collect::<Vec<_>>(), &run.settings.device)?;
    let [x, _] = &measured;
    let forward = || {
        let outputs = task
            .0
            .iter()
            .map(|network| network.forward(x, Mode::Evaluate));
        Tensor::stack(&outputs.collect::<candle_core::Result<Vec<_>>>()?, 1)
    };
    if run.shows_summary(&[x], forward)? {
        return Ok(());
    }
    scale_recurrent_weights(&run.params, options.recurrent_scale)?;
    run.load_init()?;
    let before = norms_of_all(&task, &measured)?;
    let mut optimizer = run.settings.optimizer(&run.params)?;
    fit(&task, &splits, &mut optimizer, run)?;
    let after = norms_of_all(&task, &measured)?;
    report(run, &before, &after)
}

/// Text windows side by side: the first ones to train on, a tenth as many that follow to validate on.
fn side_by_side(corpus: &Corpus, options: &Options) -> Result<Splits<2>> {
    let steps = options.num_steps;
    let count = options.max_tokens / steps;
    let part = |numbers: std::ops::Range<usize>| {
        let starts: Vec<usize> = numbers.map(|window| window * steps).collect();
        windows(&corpus.tokens, &starts, steps)
    };
    Ok(Splits {
        train: part(0..count)?,
        valid: part(count..count + (count / 10).max(1))?,
        provenance: corpus.provenance.clone(),
    })
}

/// Multiplies the initial values of W_hh and of the gates' W_h…
fn scale_recurrent_weights(params: &ParamStore, scale: f64) -> candle_core::Result<()> {
    let recurrent = |name: &str| name.contains(".rnn.w_h");
    for (_, weight) in params
        .parameters()
        .iter()
        .filter(|(name, _)| recurrent(name))
    {
        weight.set(&(weight.as_detached_tensor() * scale)?)?;
    }
    Ok(())
}

/// For each tensor of the state, h or h and c, the norm of ∂ℓ_T/∂h_{T-k} for k = 1, 2, …: the mean over the examples of
/// a minibatch `[B, T]`.
///
/// A zero is added to the state between two time steps: the gradient with respect to that zero is the gradient with
/// respect to the state.
pub fn norms(model: &dyn Recurrent, [x, y]: &[Tensor; 2]) -> Result<Vec<Vec<f64>>> {
    let (batch, steps) = x.dims2()?;
    let mut zeros: Vec<Vec<Var>> = Vec::new();
    let mut state: Option<State> = None;
    for t in 0..steps.saturating_sub(1) {
        let x_t = x.narrow(1, t, 1)?;
        let (_, after) = model.forward_from(&x_t, state.as_deref(), Mode::Evaluate)?;
        let added = after
            .iter()
            .map(|h| Var::zeros(h.shape(), h.dtype(), h.device()));
        let added = added.collect::<candle_core::Result<Vec<_>>>()?;
        let shifted = after
            .iter()
            .zip(&added)
            .map(|(h, zero)| boundary(&(h + zero.as_tensor())?));
        state = Some(shifted.collect::<candle_core::Result<_>>()?);
        zeros.push(added);
    }
    let last = x.narrow(1, steps - 1, 1)?;
    let (y_hat, _) = model.forward_from(&last, state.as_deref(), Mode::Evaluate)?;
    let loss = next_token_loss(&y_hat, &y.narrow(1, steps - 1, 1)?)?;
    let gradients = backward(&loss)?;
    let parts = zeros.first().map_or(0, Vec::len);
    let mut norms = vec![Vec::new(); parts];
    for zero in zeros.iter().rev() {
        for (norms, zero) in norms.iter_mut().zip(zero) {
            let gradient = gradients.get(zero).context("a state without a gradient")?;
            // The loss is the mean over the examples, so its gradient has a factor 1/B for each.
            let of_examples = gradient
                .reshape((batch, ()))?
                .sqr()?
                .sum(D::Minus1)?
                .sqrt()?;
            let sum = of_examples.sum_all()?.to_dtype(DType::F64)?;
            norms.push(sum.to_scalar::<f64>()?);
        }
    }
    Ok(norms)
}

/// The norms of all networks, each with a name.
fn norms_of_all(task: &Networks, batch: &[Tensor; 2]) -> Result<Vec<(&'static str, Vec<f64>)>> {
    let mut all = Vec::new();
    for network in &task.0 {
        all.extend(norms(&**network, batch)?);
    }
    Ok(LINES.into_iter().zip(all).collect())
}

/// Logs by which factor each norm changes from one time step to the one before, and draws the norms:
/// `figures/gradients-through-time.svg`.
fn report(
    run: &mut Run,
    before: &[(&'static str, Vec<f64>)],
    after: &[(&'static str, Vec<f64>)],
) -> Result<()> {
    let mut curves = Vec::new();
    for (when, lines, dashed) in [("start", before, true), ("trained", after, false)] {
        if !dashed && run.settings.recipe.epochs == 0 {
            continue; // nothing was trained
        }
        for (colour, (name, norms)) in lines.iter().enumerate() {
            // Smaller numbers than f32 has are 0, larger ones infinite.
            let seen: Vec<f64> = norms
                .iter()
                .copied()
                .take_while(|norm| *norm > 0.0 && norm.is_finite())
                .collect();
            let [first, .., last] = seen[..] else {
                continue;
            };
            let factor = (last / first).powf(1.0 / (seen.len() - 1) as f64);
            let key = name.replace(' ', "_");
            run.record_final(&format!("factor.{when}.{key}"), factor);
            run.say(&format!(
                "{when:<8}{name:<7} norm {first:.1e} one step back, {last:.1e} {} steps back: times {factor:.3} a step",
                seen.len()
            ));
            curves.push(Curve {
                name: format!(
                    "{name}, {}",
                    if dashed { "before training" } else { "trained" }
                ),
                points: (1..).map(f64::from).zip(norms.iter().copied()).collect(),
                colour,
                dashed,
                ..Curve::default()
            });
        }
    }
    let Some(figure) = run.figure("gradients-through-time")? else {
        return Ok(());
    };
    let plot = CurvePlot {
        title: &run.title("how far back the loss of one time step is felt"),
        x_label: "time steps back",
        y_label: "norm of the gradient with respect to the state",
        x_scale: AxisScale::Linear,
        y_scale: AxisScale::Logarithmic,
        curves: &curves,
    };
    plot.write(&figure)
}
