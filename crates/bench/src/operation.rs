//! A single operation, forward and backward.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use candle_core::backprop::GradStore;
use candle_core::{DType, Device, Shape, Tensor, Var};
use d2l::nn::testing::filled;
use d2l::nn::{ParamStore, backward, mse_loss};

use crate::Work;

/// The first salt of the inputs, and the salt of the target.
const INPUT_SALT: u32 = 11;
const TARGET_SALT: u32 = 9;
/// Inputs and target lie in ±1.
const SCALE: f64 = 2.0;

/// y = f(x₁, …), the mean squared error of y and a fixed target, and the gradients of all inputs and parameters. The
/// error gives y a gradient that isn't the same everywhere; it costs both sides a pass over y each way.
pub struct Operation<F, const N: usize> {
    inputs: [Var; N],
    target: Tensor,
    params: ParamStore,
    forward: F,
    last: Option<(Tensor, GradStore)>,
}

impl<F: Fn(&[Var; N]) -> candle_core::Result<Tensor>, const N: usize> Operation<F, N> {
    /// `forward` takes inputs of the first shapes to an output of the second, with parameters from `params`.
    pub fn new<S: Into<Shape>>(
        inputs: [S; N],
        output: S,
        params: ParamStore,
        forward: F,
    ) -> Result<Self> {
        let fill = |shape, salt| filled(shape, salt, SCALE, DType::F32, &Device::Cpu);
        let inputs = (INPUT_SALT..)
            .zip(inputs)
            .map(|(salt, shape)| Var::from_tensor(&fill(shape.into(), salt)?))
            .collect::<candle_core::Result<Vec<Var>>>()?;
        let Ok(inputs) = inputs.try_into() else {
            bail!("as many inputs as shapes were made") // one for each: cannot happen
        };
        Ok(Self {
            inputs,
            target: fill(output.into(), TARGET_SALT)?,
            params,
            forward,
            last: None,
        })
    }
}

impl<F: Fn(&[Var; N]) -> candle_core::Result<Tensor>, const N: usize> Work for Operation<F, N> {
    fn step(&mut self) -> candle_core::Result<()> {
        self.last = None; // the last step's gradients
        let loss = mse_loss(&(self.forward)(&self.inputs)?, &self.target)?;
        let gradients = backward(&loss)?;
        self.last = Some((loss.detach(), gradients));
        Ok(())
    }

    /// The error, and the norm of each gradient: of the inputs, then of the parameters in the order of their names.
    fn values(&self) -> Result<Vec<f64>> {
        let (loss, gradients) = self.last.as_ref().context("no step was made")?;
        let mut values = vec![loss.to_dtype(DType::F64)?.to_scalar()?];
        let parameters = self.params.parameters();
        for var in self
            .inputs
            .iter()
            .chain(parameters.iter().map(|(_, var)| var))
        {
            let gradient = gradients
                .get(var)
                .with_context(|| format!("no gradient of shape {:?}", var.dims()))?;
            let squares = gradient.to_dtype(DType::F64)?.sqr()?.sum_all()?;
            values.push(squares.to_scalar::<f64>()?.sqrt());
        }
        Ok(values)
    }

    fn initial(&self) -> BTreeMap<String, Tensor> {
        self.params.state()
    }
}
