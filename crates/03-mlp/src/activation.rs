//! Activation functions and how steep they are. D2L zh 4.1.2, en 5.1.2.

use std::fmt::{self, Display};

use anyhow::{Context, Result};
use candle_core::{Device, Tensor, Var};
use clap::ValueEnum;
use d2l::nn::{self, backward};
use d2l::plot::{Series, curves};
use d2l::{Run, name_of};
use serde::Serialize;

/// Slope of the leaky ReLU below 0, as in PyTorch. Maas et al. 2013.
const LEAK: f64 = 0.01;

/// A function of each number, between two linear layers: without one, the two would be one linear layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Activation {
    /// 1 / (1 + exp(-x))
    Sigmoid,
    /// (1 - exp(-2x)) / (1 + exp(-2x))
    Tanh,
    /// max(x, 0)
    Relu,
    /// x above 0, 0.01 x below
    LeakyRelu,
    /// x Φ(x), where Φ is the normal distribution's cumulative function; Hendrycks and Gimpel 2016, arXiv:1606.08415
    Gelu,
}

impl Activation {
    /// φ(x), element by element.
    pub fn apply(self, x: &Tensor) -> candle_core::Result<Tensor> {
        match self {
            Self::Sigmoid => nn::sigmoid(x),
            Self::Tanh => nn::tanh(x),
            Self::Relu => nn::relu(x),
            Self::LeakyRelu => nn::leaky_relu(x, LEAK),
            Self::Gelu => nn::gelu(x),
        }
    }
}

impl Display for Activation {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&name_of(self))
    }
}

/// Draws all functions, `figures/activations.svg`, and their derivatives, `figures/activation-gradients.svg`.
pub fn draw(run: &Run) -> Result<()> {
    let (Some(values), Some(slopes)) = (
        run.figure("activations")?,
        run.figure("activation-gradients")?,
    ) else {
        return Ok(());
    };
    let x: Vec<f64> = (-80..=80).map(|i| f64::from(i) * 0.05).collect(); // -4 to 4
    let (mut functions, mut derivatives) = (Vec::new(), Vec::new());
    for &activation in Activation::value_variants() {
        let (y, slope) = value_and_derivative(activation, &x)?;
        let line = |y: Vec<f64>| Series {
            name: activation.to_string(),
            points: x.iter().copied().zip(y).collect(),
        };
        functions.push(line(y));
        derivatives.push(line(slope));
    }
    curves(&values, "Activation functions", "x", "φ(x)", &functions)?;
    curves(
        &slopes,
        "Derivatives of the activation functions",
        "x",
        "dφ/dx",
        &derivatives,
    )
}

/// φ and dφ/dx at each x: the derivative of Σ φ(xᵢ) with respect to xᵢ is φ'(xᵢ), so one backward pass gives all.
pub fn value_and_derivative(activation: Activation, x: &[f64]) -> Result<(Vec<f64>, Vec<f64>)> {
    let x = Var::from_slice(x, x.len(), &Device::Cpu)?;
    let y = activation.apply(&x)?;
    let gradients = backward(&y.sum_all()?)?;
    let slope = gradients
        .get(&x)
        .with_context(|| format!("{activation} has no gradient"))?;
    Ok((y.to_vec1()?, slope.to_vec1()?))
}
