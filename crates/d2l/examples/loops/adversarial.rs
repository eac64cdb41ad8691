//! Two optimizers in turn: a generator learns to draw points that a discriminator mistakes for real ones. D2L en 20.1;
//! Goodfellow et al. 2014, arXiv:1406.2661.

use anyhow::Result;
use candle_core::{DType, Module, Tensor};
use d2l::data::{Column, Dataset, Provenance, Splits};
use d2l::nn::{
    Linear, Mode, Network, Optimizer, ParamGroup, ParamStore, backward, binary_cross_entropy,
    linear, tanh,
};
use d2l::random::{Purpose, Stream};
use d2l::{Evaluation, Model, OptimizerKind, Preset, PresetName, Recipe, Run};

const RECIPE: Recipe = Recipe {
    epochs: 20,
    batch_size: 8,
    learning_rate: 0.02,
    optimizer: OptimizerKind::Adam,
    ..Recipe::SGD
};
const PRESETS: &[Preset] = &[Preset::plain(PresetName::Quick, "en 20.1", RECIPE)];

/// The model's entry in the list.
pub fn model() -> Model {
    let about = "A generator and a discriminator, trained in turn (D2L en 20.1)";
    Model::new("adversarial", about, train, &[], PRESETS)
}

/// Points in the set.
const POINTS: usize = 1000;

/// Dense layers with tanh between them.
struct Perceptron(Vec<Linear>);

impl Perceptron {
    fn new(name: &str, widths: &[usize], run: &Run) -> Result<Self> {
        let vb = run.params.builder().pp(name);
        let initializer = &run.settings.recipe.initializer;
        let pairs = widths.iter().zip(widths.iter().skip(1)).enumerate();
        let layers = pairs.map(|(number, (&inputs, &outputs))| {
            linear(inputs, outputs, initializer, vb.pp(number.to_string()))
        });
        Ok(Self(layers.collect::<Result<_, _>>()?))
    }
}

impl Network for Perceptron {
    /// `[B, inputs] -> [B, outputs]`
    fn forward(&self, x: &Tensor, _: Mode) -> candle_core::Result<Tensor> {
        let mut h = x.clone();
        for (number, layer) in self.0.iter().enumerate() {
            h = if number == 0 { h } else { tanh(&h)? };
            h = layer.forward(&h)?;
        }
        Ok(h)
    }
}

/// `count` points from N(0, 1), as rows of two.
fn noise(stream: Stream, count: usize) -> Vec<f32> {
    use d2l::random::Rng;
    let mut rng = stream.rng();
    let mut normal = || {
        let (u, v): (f32, f32) = (1.0 - rng.random::<f32>(), rng.random());
        (-2.0 * u.ln()).sqrt() * (std::f32::consts::TAU * v).cos() // Box and Muller 1958
    };
    (0..2 * count).map(|_| normal()).collect()
}

/// Points x = zA + b with z from N(0, 1).
fn real_points(seed: u64) -> Result<Splits<1>> {
    let stream = Stream::once(seed, Purpose::Data, "points");
    let z = noise(stream, POINTS);
    let point = |z: &[f32]| [z[0] - 0.1 * z[1] + 1.0, 2.0 * z[0] + 0.5 * z[1] + 2.0];
    let train = Dataset::new([Column::Floats {
        values: z.chunks_exact(2).flat_map(point).collect(),
        shape: vec![2],
    }])?;
    Ok(Splits {
        provenance: Provenance::synthetic("gaussian points", &[&train]),
        valid: train.clone().first(0),
        train,
    })
}

/// The parameters of one of the networks, with their own optimizer.
fn optimizer_of(network: &str, run: &Run) -> Result<Box<dyn Optimizer>> {
    let params: &ParamStore = &run.params;
    let mut parameters = params.parameters();
    parameters.retain(|(name, _)| name.starts_with(network));
    let group = ParamGroup::new(parameters);
    run.settings.recipe.optimizer_over(vec![group])
}

fn train(run: &mut Run, _: &()) -> Result<()> {
    let data = run.settings.first_examples(real_points(run.settings.seed)?);
    let generator = Perceptron::new("generator", &[2, 2], run)?;
    let discriminator = Perceptron::new("discriminator", &[2, 5, 3, 1], run)?;
    let mut optimizers = (
        optimizer_of("discriminator", run)?,
        optimizer_of("generator", run)?,
    );

    run.start(&data, &mut optimizers)?;
    while run.next_epoch() {
        let (device, batch_size) = (run.settings.device.clone(), run.settings.recipe.batch_size);
        for batch in data.train.batches(run.order(), batch_size, &device) {
            let [real] = batch?;
            let (step, examples) = (run.step(), real.dim(0)?);
            let stream = Stream {
                seed: step.seed,
                purpose: Purpose::Sample,
                name: "noise",
                epoch: step.epoch,
                step: step.step,
            };
            let z = Tensor::from_vec(noise(stream, examples), (examples, 2), &device)?;
            let drawn = generator.forward(&z, Mode::Train(step))?;
            let judge = |x: &Tensor, answer: f64| {
                let logits = discriminator.forward(x, Mode::Train(step))?;
                let wanted = Tensor::full(answer, logits.shape(), &device)?.to_dtype(DType::F32)?;
                binary_cross_entropy(&logits, &wanted)
            };
            // The discriminator learns to tell real points from drawn ones; to it, the generator is a constant.
            let loss = ((judge(&real, 1.0)? + judge(&drawn.detach(), 0.0)?)? / 2.0)?;
            optimizers.0.step(&backward(&loss)?)?;
            // The generator learns to pass for real; its optimizer leaves the discriminator alone.
            let generator_loss = judge(&drawn, 1.0)?;
            optimizers.1.step(&backward(&generator_loss)?)?;
            run.scores()
                .add_mean("generator_loss", &generator_loss, examples)?;
            run.record_step(&loss, examples, &optimizers)?;
        }
        run.record_epoch(&Evaluation::default(), &optimizers)?;
    }
    run.finish()
}
