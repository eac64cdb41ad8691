//! Other activations and more layers than the book's: values, derivatives, and gradients that vanish or explode.

use anyhow::{Context, Result, ensure};
use candle_core::{DType, Device, Tensor, Var};
use clap::ValueEnum;
use d2l::nn::testing::{check_gradients, every_parameter_has_a_gradient, filled};
use d2l::nn::{Initializer, Mode, Network, ParamStore, backward, cross_entropy, observed};
use mlp::activation::{Activation, value_and_derivative};
use mlp::concise::Mlp;
use mlp::gradients::{self, LayerGradient};

const DEVICE: Device = Device::Cpu;

/// Values and derivatives at the five points of `values_and_derivatives_are_pytorchs`.
type Row = (Activation, [f64; 5], [f64; 5]);

const PYTORCH: [Row; 5] = [
    (
        Activation::Sigmoid,
        [
            0.119202922022118,
            0.377540668798145,
            0.5,
            0.622459331201855,
            0.880797077977882,
        ],
        [
            0.104993585403507,
            0.235003712201594,
            0.25,
            0.235003712201594,
            0.104993585403507,
        ],
    ),
    (
        Activation::Tanh,
        [
            -0.964027580075817,
            -0.46211715726001,
            0.0,
            0.46211715726001,
            0.964027580075817,
        ],
        [
            0.070650824853164,
            0.786447732965927,
            1.0,
            0.786447732965927,
            0.070650824853164,
        ],
    ),
    (
        Activation::Relu,
        [0.0, 0.0, 0.0, 0.5, 2.0],
        [0.0, 0.0, 0.0, 1.0, 1.0],
    ),
    (
        Activation::LeakyRelu,
        [-0.02, -0.005, 0.0, 0.5, 2.0],
        [0.01, 0.01, 0.01, 1.0, 1.0],
    ),
    (
        Activation::Gelu,
        [
            -0.045500263896358,
            -0.154268769362993,
            0.0,
            0.345731230637007,
            1.954499736103642,
        ],
        [
            -0.085231801078197,
            0.132504875343837,
            0.5,
            0.867495124656163,
            1.085231801078197,
        ],
    ),
];

fn batch() -> Result<[Tensor; 2]> {
    let classes: Vec<u32> = (0..16).map(|row| row % 10).collect();
    Ok([
        (filled((16, 1, 28, 28), 1, 1.0, DType::F64, &DEVICE)? + 0.5)?, // pixels from 0 to 1
        Tensor::new(classes, &DEVICE)?,
    ])
}

/// Widths of a network with `num_layers` hidden layers of `num_hiddens` units.
fn widths(num_hiddens: usize, num_layers: usize) -> Vec<usize> {
    [vec![784], vec![num_hiddens; num_layers], vec![10]].concat()
}

/// Each layer's gradient before the first step.
fn layers(num_layers: usize, activation: Activation, rule: &str) -> Result<Vec<LayerGradient>> {
    let params = ParamStore::with_dtype(0, DType::F64, &DEVICE);
    let rule: Initializer = rule.parse()?;
    let model = Mlp::new(&widths(64, num_layers), activation, &rule, &params)?;
    gradients::by_layer(&model, &batch()?, &params)
}

#[test]
fn values_and_derivatives_are_pytorchs() -> Result<()> {
    // x = torch.tensor([-2., -.5, 0., .5, 2.], dtype=torch.float64, requires_grad=True)
    // y = f(x); y.sum().backward(); y, x.grad
    // for f in torch.sigmoid, torch.tanh, F.relu, F.leaky_relu, F.gelu
    let x = [-2.0, -0.5, 0.0, 0.5, 2.0];
    for (activation, values, derivatives) in PYTORCH {
        let (y, slope) = value_and_derivative(activation, &x)?;
        for (what, ours, theirs) in [("value", y, values), ("derivative", slope, derivatives)] {
            for ((x, ours), theirs) in x.iter().zip(ours).zip(theirs) {
                ensure!(
                    (ours - theirs).abs() < 1e-12,
                    "{activation}: {what} at {x} is {ours}, PyTorch has {theirs}"
                );
            }
        }
    }
    Ok(())
}

#[test]
fn derivatives_are_those_of_the_functions() -> Result<()> {
    let x = Var::from_tensor(&filled((3, 7), 5, 6.0, DType::F64, &DEVICE)?)?;
    for &activation in Activation::value_variants() {
        let f = || activation.apply(&x)?.sum_all();
        check_gradients(std::slice::from_ref(&x), f, 1e-8).context(activation)?;
    }
    Ok(())
}

#[test]
fn activations_are_named_in_logs_as_on_the_command_line() -> Result<()> {
    for activation in Activation::value_variants() {
        let value = activation
            .to_possible_value()
            .context("it can be asked for")?;
        ensure!(serde_json::to_value(activation)? == value.get_name());
        ensure!(activation.to_string() == value.get_name());
    }
    Ok(())
}

#[test]
fn every_parameter_of_a_deep_network_has_a_gradient() -> Result<()> {
    let [x, y] = batch()?;
    for &activation in Activation::value_variants() {
        let params = ParamStore::with_dtype(0, DType::F64, &DEVICE);
        let model = Mlp::new(&widths(32, 3), activation, &Initializer::Xavier, &params)?;
        let gradients = backward(&cross_entropy(&model.forward(&x, Mode::Evaluate)?, &y)?)?;
        every_parameter_has_a_gradient(&params, &gradients).context(activation)?;
    }
    Ok(())
}

#[test]
fn layers_are_named_and_shaped_by_their_number() -> Result<()> {
    let named = |num_layers| -> Result<Vec<(String, Vec<usize>)>> {
        let params = ParamStore::with_dtype(0, DType::F64, &DEVICE);
        let rule = Initializer::PytorchDefault;
        let model = Mlp::new(&widths(64, num_layers), Activation::Tanh, &rule, &params)?;
        let [x, _] = batch()?;
        let (_, observations) = observed(|| model.forward(&x, Mode::Evaluate))?;
        let layers = observations.rows(&[&x]).into_iter();
        Ok(layers
            .map(|layer| (layer.name, layer.output.dims().to_vec()))
            .collect())
    };
    let wanted = |names: &[(&str, usize)]| -> Vec<(String, Vec<usize>)> {
        let rows = names.iter();
        rows.map(|&(name, width)| (name.to_string(), vec![16, width]))
            .collect()
    };
    ensure!(named(1)? == wanted(&[("hidden", 64), ("tanh", 64), ("output", 10)]));
    ensure!(
        named(2)?
            == wanted(&[
                ("hidden1", 64),
                ("tanh1", 64),
                ("hidden2", 64),
                ("tanh2", 64),
                ("output", 10)
            ])
    );
    Ok(())
}

#[test]
fn sigmoids_gradient_vanishes_and_large_weights_make_it_explode() -> Result<()> {
    let vanishing = layers(8, Activation::Sigmoid, "normal:0.01")?;
    let names: Vec<&str> = vanishing.iter().map(|layer| layer.layer.as_str()).collect();
    ensure!(names.len() == 9 && names[0] == "hidden1" && names[8] == "output");
    // A layer further down δ is multiplied by about √64 · 0.01 · ¼ = 0.02.
    for pair in vanishing.windows(2) {
        ensure!(pair[0].bias < 0.1 * pair[1].bias, "{pair:?}");
    }
    // Here by about √(64 / 2) = 6: ReLU passes half of it on.
    let exploding = layers(8, Activation::Relu, "normal:1")?;
    ensure!(exploding[0].bias > 1e4 * exploding[7].bias, "{exploding:?}");
    // Kaiming's rule keeps all layers within one order of magnitude or little more.
    let healthy = layers(8, Activation::Relu, "kaiming")?;
    let weights: Vec<f64> = healthy.iter().map(|layer| layer.weight).collect();
    let high = weights.iter().fold(0f64, |high, &norm| high.max(norm));
    ensure!(
        weights.iter().all(|&norm| high < 20.0 * norm),
        "{weights:?}"
    );
    ensure!(vanishing[0].norm() < 1e-5 * healthy[0].norm() && vanishing[0].norm() > 0.0);
    ensure!(exploding[0].norm() > 1e5 * healthy[0].norm());
    Ok(())
}
