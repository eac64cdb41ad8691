//! What the models by hand have in common: a gate, the layer's loop over the steps, the output layer.
//!
//! D2L zh 8.5, en 9.5. Only tensors; the layers themselves stand in `rnn/scratch.rs`, `gru/scratch.rs` and
//! `lstm/scratch.rs`.

use candle_core::{Result, Tensor, bail};
use candle_nn::VarBuilder;
use d2l::nn::{Initializer, Mode, Network, ParamStore};

use crate::language_model::{OneHot, Recurrent, State};

/// X W_x + H W_h + b: what stands in front of every function of a recurrent layer.
pub struct Gate {
    w_x: Tensor,
    w_h: Tensor,
    b: Tensor,
}

impl Gate {
    /// `w_x` `[D, H]`, `w_h` `[H, H]` and `b` `[H]`, with the book's `letter` behind their names: `w_xz`, `w_hz`, `b_z`.
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
        (x.matmul(&self.w_x)? + h.matmul(&self.w_h)?)?.broadcast_add(&self.b)
    }

    /// The zeros that a layer of this size starts from: `[B, H]`
    pub fn zeros(&self, batch: usize) -> Result<Tensor> {
        Tensor::zeros((batch, self.b.dim(0)?), self.b.dtype(), self.b.device())
    }
}

/// 1 / (1 + e^-x)
pub fn sigmoid(x: &Tensor) -> Result<Tensor> {
    (x.neg()?.exp()? + 1.0)?.recip()
}

/// A recurrent layer by hand.
pub trait Layer {
    /// The steps' inputs `[B, D]` and the state before them to the steps' outputs `[B, H]` and the state behind them.
    fn forward(&self, inputs: &[Tensor], state: Option<&[Tensor]>) -> Result<(Vec<Tensor>, State)>;
}

/// A recurrent layer that is one step again and again.
pub trait Step {
    /// The zeros that a batch starts from; h comes first in a state.
    fn zeros(&self, batch: usize) -> Result<State>;

    /// X_t `[B, D]` and the state before it to the state behind it.
    fn step(&self, x: &Tensor, state: &[Tensor]) -> Result<State>;
}

impl<S: Step> Layer for S {
    fn forward(&self, inputs: &[Tensor], state: Option<&[Tensor]>) -> Result<(Vec<Tensor>, State)> {
        let mut state = match state {
            Some(state) => state.to_vec(),
            None => self.zeros(inputs.first().map_or(Ok(0), |x| x.dim(0))?)?,
        };
        let mut outputs = Vec::with_capacity(inputs.len());
        for x in inputs {
            state = self.step(x, &state)?;
            outputs.extend(state.first().cloned());
        }
        Ok((outputs, state))
    }
}

/// The `N` tensors of a state.
pub fn parts_of<const N: usize>(state: &[Tensor]) -> Result<&[Tensor; N]> {
    match state.try_into() {
        Ok(parts) => Ok(parts),
        Err(_) => bail!("found a state of {} tensors, wanted {N}", state.len()),
    }
}

/// One-hot tokens, a recurrent layer, and the logits O = H W_hq + b_q. zh 8.5.2, en 9.5.2.
pub struct ByHand<L> {
    one_hot: OneHot,
    rnn: L,
    w_hq: Tensor,
    b_q: Tensor,
}

impl<L: Layer> ByHand<L> {
    /// `layer` is made of the number of inputs and of hidden units.
    pub fn new(
        vocab_size: usize,
        num_hiddens: usize,
        initializer: &Initializer,
        params: &ParamStore,
        layer: impl FnOnce((usize, usize), &Initializer, VarBuilder) -> Result<L>,
    ) -> Result<Self> {
        let vb = params.builder();
        let init = initializer.weight(num_hiddens, vocab_size);
        let w_hq = vb.get_with_hints((num_hiddens, vocab_size), "w_hq", init)?;
        Ok(Self {
            one_hot: OneHot::new(vocab_size, w_hq.dtype(), w_hq.device())?,
            rnn: layer((vocab_size, num_hiddens), initializer, vb.pp("rnn"))?,
            b_q: vb.get_with_hints(vocab_size, "b_q", initializer.bias(num_hiddens))?,
            w_hq,
        })
    }

    /// Name and output of every part, and the state behind the tokens.
    fn parts(&self, x: &Tensor, state: Option<&[Tensor]>) -> Result<([Tensor; 4], State)> {
        let (batch, steps) = x.dims2()?;
        let one_hot = self.one_hot.forward(x)?;
        let inputs = (0..steps).map(|t| one_hot.get(t));
        let inputs: Vec<Tensor> = inputs.collect::<Result<_>>()?;
        let (outputs, state) = self.rnn.forward(&inputs, state)?;
        let h = Tensor::stack(&outputs, 1)?; // [B, T, H]
        let product = h.flatten_to(1)?.matmul(&self.w_hq)?; // [B T, V]
        let product = product.reshape((batch, steps, ()))?;
        let o = product.broadcast_add(&self.b_q)?;
        Ok(([one_hot.transpose(0, 1)?, h, product, o], state))
    }
}

impl<L: Layer> Recurrent for ByHand<L> {
    fn forward(&self, x: &Tensor, state: Option<&[Tensor]>, _: Mode) -> Result<(Tensor, State)> {
        let ([_, _, _, o], state) = self.parts(x, state)?;
        Ok((o, state))
    }
}

impl<L: Layer> Network for ByHand<L> {
    /// `[B, T] -> [B, T, V]`: logits, from a state of zeros.
    fn forward_t(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        Ok(Recurrent::forward(self, x, None, mode)?.0)
    }

    fn layers(&self, x: &Tensor) -> Result<Vec<(String, Tensor)>> {
        let names = ["one_hot", "rnn", "w_hq", "b_q"].map(String::from);
        let (outputs, _) = self.parts(x, None)?;
        Ok(names.into_iter().zip(outputs).collect())
    }
}
