//! The norm of each layer's gradient before the first step: whether gradients vanish or explode on their way down the
//! network. D2L zh 4.8.1, en 5.4.1.
//!
//! δₗ, the gradient with respect to the sum in layer l, is a product of the Jacobians of all layers above it. With
//! factors below 1, such as the sigmoid's derivative of at most ¼, it shrinks exponentially from layer to layer; with
//! large weights it grows exponentially. The bias's gradient is Σ δₗ over the batch. That of the weights is Σ δₗ times
//! the layer's input, and large weights make that input grow from layer to layer too.

use anyhow::Result;
use candle_core::Tensor;
use d2l::Run;
use d2l::data::ImageClasses;
use d2l::nn::{
    Initializer, Mode, Network, ParamStore, backward, cross_entropy, gradient_norm, observed,
};
use d2l::plot::{Series, curves};

use crate::activation::Activation;
use crate::concise::Mlp;

/// The rules that [`draw_initializers`] compares.
const RULES: [Initializer; 4] = [
    Initializer::Normal { std: 0.01 },
    Initializer::Xavier,
    Initializer::Kaiming,
    Initializer::Normal { std: 1.0 },
];

/// L2 norms of the gradients of one layer's parameters.
#[derive(Clone, Debug)]
pub struct LayerGradient {
    /// The layer's name.
    pub layer: String,
    /// The norm for its weights.
    pub weight: f64,
    /// The norm for its biases.
    pub bias: f64,
}

impl LayerGradient {
    /// The norm for weights and biases as one vector.
    pub fn norm(&self) -> f64 {
        self.weight.hypot(self.bias)
    }
}

/// Measures the gradients of the loss on the first batch of training examples, and records each layer's norm as
/// `gradient.<layer>` in the log's `final`, if it is a finite number. The parameters are those from which training
/// starts; with `--init`, those in the file.
pub fn record(
    run: &mut Run,
    images: &ImageClasses,
    network: &impl Network,
) -> Result<Vec<LayerGradient>> {
    run.load_init()?;
    let layers = by_layer(network, &first_batch(run, images)?, &run.params)?;
    for layer in layers.iter().filter(|layer| layer.norm().is_finite()) {
        run.record_final(&format!("gradient.{}", layer.layer), layer.norm());
    }
    Ok(layers)
}

fn first_batch(run: &Run, images: &ImageClasses) -> Result<[Tensor; 2]> {
    let (train, settings) = (&images.splits.train, &run.settings);
    let rows: Vec<usize> = (0..settings.recipe.batch_size.min(train.len())).collect();
    Ok(train.batch(&rows, &settings.device)?)
}

/// The norms of all layers with parameters, from the first to the last.
pub fn by_layer(
    network: &impl Network,
    [x, y]: &[Tensor; 2],
    params: &ParamStore,
) -> Result<Vec<LayerGradient>> {
    let (logits, observations) = observed(|| network.forward(x, Mode::Evaluate))?;
    let gradients = backward(&cross_entropy(&logits, y)?)?;
    let norm_of = |wanted: String| {
        let mut parameters = params.parameters();
        parameters.retain(|(name, _)| *name == wanted);
        gradient_norm(&parameters, &gradients)
    };
    let mut layers = Vec::new();
    for layer in observations.rows(&[x]) {
        if params.count_under(&layer.name) > 0 {
            layers.push(LayerGradient {
                weight: norm_of(format!("{}.weight", layer.name))?,
                bias: norm_of(format!("{}.bias", layer.name))?,
                layer: layer.name,
            });
        }
    }
    Ok(layers)
}

/// Draws the norms from the first layer to the last: `figures/gradients.svg`.
pub fn draw(run: &Run, layers: &[LayerGradient]) -> Result<()> {
    let Some(figure) = run.figure("gradients")? else {
        return Ok(());
    };
    let line = |name: &str, norm: fn(&LayerGradient) -> f64| Series {
        name: name.to_string(),
        points: (1..).map(f64::from).zip(layers.iter().map(norm)).collect(),
    };
    let series = [
        line("weights", |layer| layer.weight),
        line("biases", |layer| layer.bias),
    ];
    curves(
        &figure,
        &run.title("gradient of each layer before the first step"),
        "layer",
        "norm of the gradient",
        &series,
    )
}

/// Draws the weights' gradients of the same network under several rules for initial values, from vanishing to
/// exploding: `figures/initial-gradients.svg`.
pub fn draw_initializers(
    run: &Run,
    images: &ImageClasses,
    widths: &[usize],
    activation: Activation,
) -> Result<()> {
    let Some(figure) = run.figure("initial-gradients")? else {
        return Ok(());
    };
    let batch = first_batch(run, images)?;
    let mut series = Vec::new();
    for rule in RULES {
        let params = ParamStore::new(run.settings.seed, &run.settings.device);
        let network = Mlp::new(widths, activation, &rule, &params)?;
        let norms = by_layer(&network, &batch, &params)?;
        series.push(Series {
            name: rule.to_string(),
            points: (1..)
                .map(f64::from)
                .zip(norms.iter().map(|layer| layer.weight))
                .collect(),
        });
    }
    curves(
        &figure,
        &run.title(&format!(
            "gradients before the first step by initial values, {activation}"
        )),
        "layer",
        "norm of the weights' gradient",
        &series,
    )
}
