//! Where the gradient of a recurrent network ends on its way back through the time steps. D2L zh 8.7.1, en 9.7.1.
//!
//! In full, the gradient with respect to a weight w is a sum over all time steps before, through the recurrence
//!
//! dh_t/dw = ∂f(x_t, h_{t-1}, w)/∂w + ∂f(x_t, h_{t-1}, w)/∂h_{t-1} · dh_{t-1}/dw
//!
//! A truncation multiplies the second term by ξ_t. A regular one has ξ_t = 0 at every τ-th time step, and 1 at the others.
//! A randomised one draws: ξ_t = 0 with probability 1 - π, and 1/π with probability π, so that its mean is 1 and the
//! gradient has the right mean too (Tallec and Ollivier 2017, arXiv:1705.08209). Here π = 1 - 1/τ: a gradient goes back τ
//! time steps on average.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;
use d2l::nn::{Initializer, Mode, ParamStore};
use d2l::random::{Purpose, Rng, Stream};
use d2l::{Model, Preset, Run, at_least_one};
use serde::Serialize;

use crate::by_hand::{ByHand, Layer, unroll};
use crate::experiment;
use crate::hyperparameters::{self, QUICK, by_hand};
use crate::language_model::{Recurrent, State};
use crate::rnn::scratch::Rnn;
use crate::structure::Structure;

const SCRATCH: &[Preset<Options>] = &[Preset::quick(100, "zh 8.7", by_hand(QUICK), Options::FULL)];

/// Options of the network with truncated gradients.
#[derive(Clone, Debug, clap::Args, Serialize)]
pub struct Options {
    /// Those of every model in this chapter.
    #[command(flatten)]
    #[serde(flatten)]
    pub common: hyperparameters::Options,
    /// Where gradients end, beside the beginning of a minibatch
    #[arg(long, value_enum, help_heading = "Model")]
    pub truncation: Truncation,
    /// Time steps that a truncated gradient goes back: at most with --truncation regular, on average with randomised
    #[arg(long, value_name = "N", value_parser = at_least_one, help_heading = "Model")]
    pub truncate_after: usize,
}

/// Which gradients go on to the time step before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Truncation {
    /// All
    Full,
    /// None at every N-th time step, all at the others
    Regular,
    /// At each time step all or none, as a draw decides
    Randomised,
}

impl Options {
    const FULL: Self = Self {
        common: hyperparameters::Options::ZH_HALF,
        truncation: Truncation::Full,
        truncate_after: 5,
    };
}

/// The network in the chapter's list.
pub fn model() -> Model {
    let about = "Simple recurrent network whose gradients are truncated (D2L zh 8.7, en 9.7)";
    Model::new("rnn-truncated", about, train, SCRATCH, &[])
}

fn train(run: &mut Run, options: &Options) -> anyhow::Result<()> {
    let &Options { truncation, truncate_after, .. } = options;
    experiment::train(run, &options.common, |_, sizes, init, params| {
        network(truncation, truncate_after, sizes, init, params)
    })
}

/// The language model; by hand only.
pub fn network(
    truncation: Truncation,
    truncate_after: usize,
    sizes: (usize, Structure),
    init: &Initializer,
    params: &ParamStore,
) -> Result<Box<dyn Recurrent>> {
    let layer = |sizes, init: &_, vb: VarBuilder| {
        Ok(TruncatedRnn::new(
            Rnn::new(sizes, init, vb)?,
            truncation,
            truncate_after,
        ))
    };
    let model = ByHand::new(sizes, init, &params.builder(), layer)?;
    Ok(Box::new(model))
}

/// A simple recurrent layer that truncates gradients.
pub struct TruncatedRnn {
    rnn: Rnn,
    truncation: Truncation,
    truncate_after: usize,
}

impl TruncatedRnn {
    /// The layer with this truncation after `truncate_after` time steps.
    pub fn new(rnn: Rnn, truncation: Truncation, truncate_after: usize) -> Self {
        Self { rnn, truncation, truncate_after }
    }

    /// ξ_t of every time step.
    fn factors(&self, steps: usize, mode: Mode) -> Vec<f64> {
        let every = self.truncate_after;
        match (self.truncation, mode) {
            (Truncation::Full, _) | (_, Mode::Evaluate) => vec![1.0; steps],
            (Truncation::Regular, _) => (0..steps)
                .map(|t| if t % every == 0 { 0.0 } else { 1.0 })
                .collect(),
            (Truncation::Randomised, Mode::Train(step)) => {
                let (seed, epoch, step) = (step.seed, step.epoch, step.step);
                let purpose = Purpose::Truncation;
                let mut draws = Stream { seed, purpose, name: "rnn", epoch, step }.rng();
                let goes_on = 1.0 - 1.0 / every as f64; // π
                let factor = |_| match draws.random::<f64>() < goes_on {
                    true => 1.0 / goes_on,
                    false => 0.0,
                };
                (0..steps).map(factor).collect()
            }
        }
    }
}

impl Layer for TruncatedRnn {
    fn forward(
        &self,
        inputs: &[Tensor],
        state: Option<&[Tensor]>,
        mode: Mode,
    ) -> Result<(Vec<Tensor>, State)> {
        let factors = self.factors(inputs.len(), mode);
        unroll(&self.rnn, inputs, state, |t, state| {
            let factor = factors.get(t).copied().unwrap_or(1.0);
            state
                .iter()
                .map(|h| with_gradient_times(h, factor))
                .collect()
        })
    }
}

/// The same numbers; their gradient is multiplied by `factor`.
pub fn with_gradient_times(h: &Tensor, factor: f64) -> Result<Tensor> {
    match factor {
        1.0 => Ok(h.clone()),
        0.0 => Ok(h.detach()),
        factor => h.detach() + ((h - h.detach())? * factor)?,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::{Context, ensure};
    use candle_core::{DType, Device, Var};
    use d2l::nn::{Step, backward};

    fn layer(truncation: Truncation, truncate_after: usize) -> anyhow::Result<TruncatedRnn> {
        let params = ParamStore::with_dtype(0, DType::F64, &Device::Cpu);
        let rnn = Rnn::new((2, 3), &Initializer::PytorchDefault, params.builder())?;
        Ok(TruncatedRnn::new(rnn, truncation, truncate_after))
    }

    #[test]
    fn a_regular_truncation_ends_gradients_at_every_nth_step() -> anyhow::Result<()> {
        let train = Mode::Train(Step { seed: 0, epoch: 1, step: 1 });
        let regular = layer(Truncation::Regular, 3)?;
        assert_eq!(
            regular.factors(7, train),
            [0.0, 1.0, 1.0, 0.0, 1.0, 1.0, 0.0]
        );
        assert_eq!(regular.factors(2, Mode::Evaluate), [1.0, 1.0]);
        assert_eq!(layer(Truncation::Full, 3)?.factors(4, train), [1.0; 4]);
        Ok(())
    }

    /// π = 4/5: the factor is 5/4 in four of five time steps, so its mean is 1.
    #[test]
    fn a_randomised_truncation_has_a_mean_of_one() -> anyhow::Result<()> {
        let randomised = layer(Truncation::Randomised, 5)?;
        let of_step = |step| randomised.factors(100, Mode::Train(Step { seed: 0, epoch: 1, step }));
        let all: Vec<f64> = (0..200).flat_map(of_step).collect();
        assert!(all.iter().all(|factor| [0.0, 1.25].contains(factor)));
        let mean = all.iter().sum::<f64>() / all.len() as f64;
        assert!((mean - 1.0).abs() < 0.01, "{mean}");
        assert_eq!(of_step(1), of_step(1));
        assert_ne!(of_step(1), of_step(2));
        let always = layer(Truncation::Randomised, 1)?;
        assert_eq!(
            always.factors(2, Mode::Train(Step { seed: 0, epoch: 1, step: 1 })),
            [0.0; 2]
        );
        Ok(())
    }

    #[test]
    fn a_factor_changes_the_gradient_alone() -> anyhow::Result<()> {
        for factor in [0.0, 0.5, 1.0, 1.25] {
            let h = Var::new(&[0.1f32, -0.7, 3e-5], &Device::Cpu)?;
            let doubled = (h.as_tensor() * 2.0)?; // an operation, so that `detach` has something to cut
            let out = with_gradient_times(&doubled, factor)?;
            ensure!(
                out.to_vec1::<f32>()? == doubled.to_vec1::<f32>()?,
                "{factor}"
            );
            let loss = (out.sum_all()? + h.sum_all()?)?; // `h` has a gradient whatever the factor
            let gradient = backward(&loss)?;
            let gradient = gradient.get(&h).context("gradient")?.to_vec1::<f32>()?;
            ensure!(
                gradient == [2.0 * factor as f32 + 1.0; 3],
                "{factor}: {gradient:?}"
            );
        }
        Ok(())
    }
}
