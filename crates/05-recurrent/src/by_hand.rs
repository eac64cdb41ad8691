//! What the models by hand have in common: a gate, the loop over the time steps, the output layer.
//!
//! D2L zh 8.5, en 9.5. The layers themselves are [`crate::rnn::scratch`], [`crate::gru::scratch`] and
//! [`crate::lstm::scratch`].

use candle_core::{Result, Tensor, bail};
use candle_nn::VarBuilder;
use d2l::nn::{Initializer, Mode, block, boundary, matmul};

use crate::language_model::{Recurrent, State};
use crate::stacked::Stacked;
use crate::structure::Structure;
use crate::vectors::Vectors;

/// X W_x + H W_h + b: the argument of every function in a recurrent layer.
pub struct Gate {
    w_x: Tensor,
    w_h: Tensor,
    b: Tensor,
}

impl Gate {
    /// `w_x` `[D, H]`, `w_h` `[H, H]` and `b` `[H]`, named with the book's `letter`: `w_xz`, `w_hz`, `b_z`.
    pub fn new(
        letter: char,
        (num_inputs, num_hiddens): (usize, usize),
        initializer: &Initializer,
        vb: &VarBuilder,
    ) -> Result<Self> {
        let weight = |name: String, inputs| {
            let init = initializer.weight(inputs, num_hiddens);
            vb.get_with_hints((inputs, num_hiddens), &name, init)
        };
        Ok(Self {
            w_x: weight(format!("w_x{letter}"), num_inputs)?,
            w_h: weight(format!("w_h{letter}"), num_hiddens)?,
            b: vb.get_with_hints(
                num_hiddens,
                &format!("b_{letter}"),
                initializer.bias(num_hiddens),
            )?,
        })
    }

    /// `[B, D]` and `[B, H]` to `[B, H]`
    pub fn forward(&self, x: &Tensor, h: &Tensor) -> Result<Tensor> {
        (matmul(x, &self.w_x)? + matmul(h, &self.w_h)?)?.broadcast_add(&self.b)
    }

    /// The initial state, zeros: `[B, H]`
    pub fn zeros(&self, batch: usize) -> Result<Tensor> {
        Tensor::zeros((batch, self.b.dim(0)?), self.b.dtype(), self.b.device())
    }
}

/// The gates of a time step by name, each `[B, H]` between 0 and 1. A layer without gates has none.
pub type Gates = Vec<(&'static str, Tensor)>;

/// A recurrent layer by hand.
pub trait Layer {
    /// The inputs `[B, D]` of all time steps and the state before them to the outputs `[B, H]` and the state after them.
    fn forward(
        &self,
        inputs: &[Tensor],
        state: Option<&[Tensor]>,
        mode: Mode,
    ) -> Result<(Vec<Tensor>, State)>;

    /// The gates at the time step with input `[B, D]`; none if the layer doesn't show any.
    fn gates_at(&self, _x: &Tensor, _state: Option<&[Tensor]>) -> Result<Gates> {
        Ok(Gates::new())
    }
}

/// A recurrent layer that repeats one function at every time step.
pub trait Step {
    /// The initial state for a batch, zeros. The first tensor of a state is h.
    fn zeros(&self, batch: usize) -> Result<State>;

    /// X_t `[B, D]` and the state before it to the state after it; beside it the gates, to look at.
    fn step(&self, x: &Tensor, state: &[Tensor]) -> Result<(State, Gates)>;
}

impl<S: Step> Layer for S {
    fn forward(
        &self,
        inputs: &[Tensor],
        state: Option<&[Tensor]>,
        _: Mode,
    ) -> Result<(Vec<Tensor>, State)> {
        unroll(self, inputs, state, |_, state| Ok(state))
    }

    fn gates_at(&self, x: &Tensor, state: Option<&[Tensor]>) -> Result<Gates> {
        let zeros = self.zeros(x.dim(0)?)?;
        Ok(self.step(x, state.unwrap_or(&zeros))?.1)
    }
}

/// Repeats a layer's function at every time step. `between` may change the state before time step t, counted from 0.
pub fn unroll<S: Step>(
    layer: &S,
    inputs: &[Tensor],
    state: Option<&[Tensor]>,
    between: impl Fn(usize, State) -> Result<State>,
) -> Result<(Vec<Tensor>, State)> {
    let mut state = match state {
        Some(state) => state.to_vec(),
        None => layer.zeros(inputs.first().map_or(Ok(0), |x| x.dim(0))?)?,
    };
    let mut outputs = Vec::with_capacity(inputs.len());
    for (t, x) in inputs.iter().enumerate() {
        (state, _) = layer.step(x, &between(t, state)?)?;
        // candle's graph ends here, so that the backward pass takes one time step after the other.
        state = state.iter().map(boundary).collect::<Result<_>>()?;
        outputs.extend(state.first().cloned());
    }
    Ok((outputs, state))
}

/// The `N` tensors of a state.
pub fn parts_of<const N: usize>(state: &[Tensor]) -> Result<&[Tensor; N]> {
    match state.try_into() {
        Ok(parts) => Ok(parts),
        Err(_) => bail!("found a state of {} tensors, wanted {N}", state.len()),
    }
}

/// Tokens as vectors, recurrent layers, and the logits O = H W_hq + b_q. zh 8.5.2, en 9.5.2.
pub struct ByHand<L> {
    vectors: Vectors,
    rnn: Stacked<L>,
    w_hq: Tensor,
    b_q: Tensor,
}

impl<L: Layer> ByHand<L> {
    /// `layer` makes a recurrent layer from its number of inputs and of hidden units.
    pub fn new(
        (vocab_size, structure): (usize, Structure),
        initializer: &Initializer,
        vb: &VarBuilder,
        layer: impl Fn((usize, usize), &Initializer, VarBuilder) -> Result<L>,
    ) -> Result<Self> {
        let Structure { num_hiddens, embedding_dim, .. } = structure;
        let inputs = embedding_dim.unwrap_or(vocab_size);
        let init = initializer.weight(num_hiddens, vocab_size);
        let w_hq = vb.get_with_hints((num_hiddens, vocab_size), "w_hq", init)?;
        Ok(Self {
            vectors: Vectors::new(vocab_size, embedding_dim, initializer, vb)?,
            rnn: Stacked::new(inputs, structure, initializer, vb.pp("rnn"), layer)?,
            b_q: vb.get_with_hints(vocab_size, "b_q", initializer.bias(num_hiddens))?,
            w_hq,
        })
    }
}

impl<L: Layer> Recurrent for ByHand<L> {
    fn forward_from(
        &self,
        x: &Tensor,
        state: Option<&[Tensor]>,
        mode: Mode,
    ) -> Result<(Tensor, State)> {
        let (batch, steps) = x.dims2()?;
        let vectors = self.vectors.forward(x)?; // [T, B, D]
        let inputs = (0..steps).map(|t| vectors.get(t));
        let inputs: Vec<Tensor> = inputs.collect::<Result<_>>()?;
        let mut after = State::new();
        let h = block("rnn", || {
            let outputs;
            (outputs, after) = self.rnn.forward(&inputs, state, mode)?;
            Tensor::stack(&outputs, 1)
        })?; // [B, T, H]
        let product = h.flatten_to(1)?.matmul(&self.w_hq)?; // [B T, V]
        let o = product.reshape((batch, steps, ()))?; // [B, T, V]
        Ok((o.broadcast_add(&self.b_q)?, after))
    }

    fn gates_at(&self, x: &Tensor, state: Option<&[Tensor]>) -> Result<Gates> {
        let x = self.vectors.forward(&x.unsqueeze(1)?)?.squeeze(0)?; // [B, D]
        self.rnn.gates_at(&x, state)
    }
}
