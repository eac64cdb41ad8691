//! No data set: an agent on a line learns by policy gradients to walk to the right. D2L en 17; Williams 1992.
//!
//! The environment keeps the agent's place, so a checkpoint holds the environment as it holds the optimizer. An epoch
//! is a number of steps.

use std::collections::BTreeMap;

use anyhow::Result;
use candle_core::{Device, Module, Tensor, bail};
use d2l::nn::{Linear, Mode, Network, State, backward, linear, log_softmax};
use d2l::random::{Purpose, Rng, Stream};
use d2l::{Evaluation, Model, Plan, Preset, PresetName, Recipe, Run};

const RECIPE: Recipe = Recipe { epochs: 20, batch_size: 1, learning_rate: 0.1, ..Recipe::SGD };
const PRESETS: &[Preset] = &[Preset::plain(PresetName::Quick, "en 17", RECIPE)];

/// The model's entry in the list.
pub fn model() -> Model {
    let about = "An agent in an environment, without a data set (D2L en 17)";
    Model::new("walk", about, train, &[], PRESETS)
}

/// Steps of an epoch, and places on the line.
const STEPS: usize = 200;
const PLACES: u32 = 10;

/// The line, and the agent's place on it.
struct Line {
    place: u32,
}

impl Line {
    /// One step to the left (0) or to the right (1); returns the reward. The right end pays and sends the agent back.
    fn act(&mut self, action: u32) -> f64 {
        self.place = match action {
            0 => self.place.saturating_sub(1),
            _ => self.place + 1,
        };
        if self.place == PLACES {
            self.place = 0;
            return 1.0;
        }
        if action == 0 { -0.1 } else { 0.0 }
    }
}

impl State for Line {
    fn state(&self) -> BTreeMap<String, Tensor> {
        let place = Tensor::new(self.place, &Device::Cpu);
        place
            .map(|place| ("place".to_string(), place))
            .into_iter()
            .collect()
    }

    fn load_state(&mut self, state: &BTreeMap<String, Tensor>) -> candle_core::Result<()> {
        match state.get("place") {
            Some(place) => self.place = place.to_scalar()?,
            None => bail!("found no place in the environment's state, wanted one"),
        }
        Ok(())
    }
}

/// The policy: logits of the two actions at a place.
struct Policy(Linear);

impl Network for Policy {
    /// `[B, 1] -> [B, 2]`
    fn forward(&self, x: &Tensor, _: Mode) -> candle_core::Result<Tensor> {
        self.0.forward(x)
    }
}

fn train(run: &mut Run, _: &()) -> Result<()> {
    let initializer = run.settings.recipe.initializer;
    let policy = Policy(linear(
        1,
        2,
        &initializer,
        run.params.builder().pp("policy"),
    )?);
    let mut learner = (run.settings.optimizer(&run.params)?, Line { place: 0 });

    run.start(Plan::steps(STEPS), &mut learner)?;
    while run.next_epoch() {
        for _ in run.batches_to_come() {
            let step = run.step();
            let (optimizer, line) = &mut learner;
            let place = line.place as f32 / PLACES as f32;
            let x = Tensor::new(&[[place]], &run.settings.device)?;
            let log_p = log_softmax(&policy.forward(&x, Mode::Train(step))?, 1)?; // [1, 2]
            let chances: Vec<f32> = log_p.flatten_all()?.exp()?.to_vec1()?;
            let stream = Stream {
                seed: step.seed,
                purpose: Purpose::Sample,
                name: "action",
                epoch: step.epoch,
                step: step.step,
            };
            let action = u32::from(stream.rng().random::<f32>() >= chances[0]);
            let reward = line.act(action);
            // ∇ of -reward · log p(action): actions that pay become more likely.
            let taken = log_p.narrow(1, action as usize, 1)?.sum_all()?;
            let loss = (taken * -(reward + 0.01))?;
            optimizer.step(&backward(&loss)?)?;
            run.scores().add_value("reward", reward, 1);
            run.record_step(&loss, 1, &learner)?;
        }
        run.record_epoch(&Evaluation::default(), &learner)?;
    }
    run.finish()
}
