//! Layers by hand, each fed with the outputs of the one before. D2L zh 9.3.1, en 10.3.1.
//!
//! H_t^l = f_l(H_t^{l-1}, H_{t-1}^l), where H_t^0 = X_t and f_l is a recurrent layer's function, tanh(…) for one

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;
use d2l::nn::{Dropout, Initializer, Mode};

use crate::by_hand::{Gates, Layer};
use crate::language_model::State;
use crate::structure::Structure;

/// One layer or several. The parameters of several begin with the layer's number: `0.w_xh`, `1.w_xh`, …
pub struct Stacked<L> {
    layers: Vec<L>,
    /// Between two layers.
    dropouts: Vec<Dropout>,
}

impl<L: Layer> Stacked<L> {
    /// `layer` makes a layer from its number of inputs and of hidden units.
    pub fn new(
        num_inputs: usize,
        structure: Structure,
        initializer: &Initializer,
        vb: VarBuilder,
        layer: impl Fn((usize, usize), &Initializer, VarBuilder) -> Result<L>,
    ) -> Result<Self> {
        let Structure { num_hiddens, num_layers, dropout, .. } = structure;
        if num_layers == 1 {
            let layer = layer((num_inputs, num_hiddens), initializer, vb)?;
            return Ok(Self { layers: vec![layer], dropouts: Vec::new() });
        }
        let numbered = |number: usize| {
            let inputs = if number == 0 { num_inputs } else { num_hiddens };
            layer((inputs, num_hiddens), initializer, vb.pp(number))
        };
        // The library's names, so that both drop the same units.
        let behind = |number| Dropout::new(dropout, vb.pp(format!("dropout_l{number}")).prefix());
        Ok(Self {
            layers: (0..num_layers).map(numbered).collect::<Result<_>>()?,
            dropouts: (1..num_layers)
                .map(|number| behind(number - 1))
                .collect::<Result<_>>()?,
        })
    }

    /// The part of a state that is the layer's of this number.
    fn part<'a>(&self, state: Option<&'a [Tensor]>, number: usize) -> Option<&'a [Tensor]> {
        let state = state?;
        state.chunks(state.len() / self.layers.len()).nth(number)
    }
}

impl<L: Layer> Layer for Stacked<L> {
    fn forward(
        &self,
        inputs: &[Tensor],
        state: Option<&[Tensor]>,
        mode: Mode,
    ) -> Result<(Vec<Tensor>, State)> {
        let (mut outputs, mut states) = (inputs.to_vec(), State::new());
        for (number, layer) in self.layers.iter().enumerate() {
            if let Some(dropout) = number.checked_sub(1).and_then(|n| self.dropouts.get(n)) {
                outputs = dropped(dropout, &outputs, mode)?;
            }
            let (h, after) = layer.forward(&outputs, self.part(state, number), mode)?;
            outputs = h;
            states.extend(after);
        }
        Ok((outputs, states))
    }

    /// Those of the first layer.
    fn gates_at(&self, x: &Tensor, state: Option<&[Tensor]>) -> Result<Gates> {
        match self.layers.first() {
            Some(layer) => layer.gates_at(x, self.part(state, 0)),
            None => Ok(Gates::new()),
        }
    }
}

/// The outputs `[B, H]` of all time steps after dropout, one mask for all.
fn dropped(dropout: &Dropout, outputs: &[Tensor], mode: Mode) -> Result<Vec<Tensor>> {
    if dropout.probability() == 0.0 {
        return Ok(outputs.to_vec());
    }
    let h = dropout.forward_t(&Tensor::stack(outputs, 0)?, mode)?; // [T, B, H]
    (0..outputs.len()).map(|t| h.get(t)).collect()
}
