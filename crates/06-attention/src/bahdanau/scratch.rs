//! Attention while translating, by hand: the scores of [`crate::score`], the masked softmax of [`crate::mask`], and
//! gated recurrent units as PyTorch has them. D2L zh 10.4, en 11.4.
//!
//! r = σ(W_ir x + b_ir + W_hr h + b_hr),   z = σ(W_iz x + b_iz + W_hz h + b_hz)
//!
//! n = tanh(W_in x + b_in + r ∘ (W_hn h + b_hn)),   h' = (1 - z) ∘ n + z ∘ h
//!
//! Names and initial values of the parameters are those of [`super::concise`], so that one can continue from the other.

use candle_core::{DType, Result, Tensor};
use candle_nn::VarBuilder;
use candle_nn::ops::sigmoid;
use d2l::Preset;
use d2l::nn::{Dropout, Initializer, Mode, ParamStore, report_attention};

use super::Options;
use crate::encoder_decoder::{
    Initializers, OF_EMBEDDINGS, Sizes, State, Translator, at_time_step, parts_of,
};
use crate::mask::masked_softmax;
use crate::score::{Additive, product};
use crate::translation;

/// The experiments. They have no bands, because the book trains with PyTorch's layers.
pub const PRESETS: &[Preset<Options>] = &[Preset::quick(
    20,
    "zh 10.4",
    translation::QUICK,
    Options::ZH,
)];

/// A layer of gated recurrent units. The gates r, z, n are stacked along the rows.
struct GruLayer {
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor,
    b_hh: Tensor,
}

impl GruLayer {
    /// Layer `number` of PyTorch's parameters: `[3 H, D]`, `[3 H, H]`, `[3 H]`, `[3 H]`.
    fn new(
        (num_inputs, num_hiddens): (usize, usize),
        number: usize,
        init: &Initializer,
        vb: &VarBuilder,
    ) -> Result<Self> {
        let rows = 3 * num_hiddens;
        let weight = |inputs, name: &str| {
            // PyTorch's rule depends on the number of units, whatever the inputs.
            let fan_in = match init {
                Initializer::PytorchDefault => num_hiddens,
                _ => inputs,
            };
            let init = init.weight(fan_in, rows);
            vb.get_with_hints((rows, inputs), &format!("{name}_l{number}"), init)
        };
        let bias = |name: &str| {
            vb.get_with_hints(rows, &format!("{name}_l{number}"), init.bias(num_hiddens))
        };
        Ok(Self {
            w_ih: weight(num_inputs, "weight_ih")?,
            w_hh: weight(num_hiddens, "weight_hh")?,
            b_ih: bias("bias_ih")?,
            b_hh: bias("bias_hh")?,
        })
    }

    /// `[B, D]` and the state before it `[B, H]` to the state after it.
    fn step(&self, x: &Tensor, h: &Tensor) -> Result<Tensor> {
        let (_, hiddens) = h.dims2()?;
        let of_x = x.matmul(&self.w_ih.t()?)?.broadcast_add(&self.b_ih)?; // [B, 3 H]
        let of_h = h.matmul(&self.w_hh.t()?)?.broadcast_add(&self.b_hh)?;
        let gate = |i: usize, sum: &Tensor| sum.narrow(1, i * hiddens, hiddens);
        let r = sigmoid(&(gate(0, &of_x)? + gate(0, &of_h)?)?)?;
        let z = sigmoid(&(gate(1, &of_x)? + gate(1, &of_h)?)?)?;
        let n = (gate(2, &of_x)? + (r * gate(2, &of_h)?)?)?.tanh()?;
        ((1.0 - &z)? * n)? + (z * h)?
    }
}

/// Layers, with dropout after each but the last.
struct Layers {
    layers: Vec<GruLayer>,
    dropouts: Vec<Dropout>,
}

impl Layers {
    fn new(num_inputs: usize, sizes: Sizes, init: &Initializer, vb: VarBuilder) -> Result<Self> {
        let h = sizes.num_hiddens;
        let layer = |number| {
            let inputs = if number == 0 { num_inputs } else { h };
            GruLayer::new((inputs, h), number, init, &vb)
        };
        let dropout = |number| {
            let name = vb.pp(format!("dropout_l{number}")).prefix();
            Dropout::new(sizes.dropout, name)
        };
        Ok(Self {
            layers: (0..sizes.num_layers).map(layer).collect::<Result<_>>()?,
            dropouts: (1..sizes.num_layers)
                .map(|number| dropout(number - 1))
                .collect::<Result<_>>()?,
        })
    }

    /// `[T, B, D]` and the states before it to the outputs of the last layer `[T, B, H]` and the states after it, a tensor
    /// `[B, H]` for each layer.
    fn forward(&self, x: &Tensor, states: &[Tensor], mode: Mode) -> Result<(Tensor, Vec<Tensor>)> {
        let mut x = x.clone();
        let mut after = Vec::with_capacity(states.len());
        for (number, (layer, h)) in self.layers.iter().zip(states).enumerate() {
            let mut h = h.clone();
            let mut outputs = Vec::new();
            for t in 0..x.dim(0)? {
                h = layer.step(&x.get(t)?, &h)?;
                outputs.push(h.clone());
            }
            after.push(h);
            x = Tensor::stack(&outputs, 0)?;
            if let Some(dropout) = self.dropouts.get(number) {
                x = dropped(&x, dropout, mode)?;
            }
        }
        Ok((x, after))
    }
}

/// x times a mask of 0 and 1 / (1 - p).
fn dropped(x: &Tensor, dropout: &Dropout, mode: Mode) -> Result<Tensor> {
    let mask = dropout.forward_t(&x.ones_like()?, mode)?;
    x * mask
}

/// An encoder of gated recurrent units, and a decoder of them with attention.
pub struct Bahdanau {
    sizes: Sizes,
    source_vectors: Tensor,
    encoder: Layers,
    target_vectors: Tensor,
    attention: Additive,
    attention_dropout: Dropout,
    decoder: Layers,
    w: Tensor,
    b: Tensor,
}

impl Bahdanau {
    /// Parameters under `encoder` and `decoder`.
    pub fn new(sizes: Sizes, init: &Initializers, params: &ParamStore) -> Result<Self> {
        let h = sizes.num_hiddens;
        let (encoder, decoder) = (
            params.builder().pp("encoder"),
            params.builder().pp("decoder"),
        );
        let vectors = |vocab_size: usize, vb: &VarBuilder| {
            let init = OF_EMBEDDINGS.weight(h, vocab_size);
            vb.pp("embedding")
                .get_with_hints((vocab_size, h), "weight", init)
        };
        let weight = |outputs: usize, vb: VarBuilder| {
            vb.get_with_hints((outputs, h), "weight", init.linear.weight(h, outputs))
        };
        let [source, target] = sizes.vocabularies;
        let (attention, dense) = (decoder.pp("attention"), decoder.pp("dense"));
        Ok(Self {
            sizes,
            source_vectors: vectors(source, &encoder)?,
            encoder: Layers::new(h, sizes, &init.recurrent, encoder.pp("rnn"))?,
            target_vectors: vectors(target, &decoder)?,
            attention: Additive {
                w_q: weight(h, attention.pp("w_q"))?,
                w_k: weight(h, attention.pp("w_k"))?,
                w_v: weight(1, attention.pp("w_v"))?,
            },
            attention_dropout: Dropout::new(sizes.dropout, attention.pp("dropout").prefix())?,
            decoder: Layers::new(2 * h, sizes, &init.recurrent, decoder.pp("rnn"))?,
            w: weight(target, dense.clone())?,
            b: dense.get_with_hints(target, "bias", init.linear.bias(h))?,
        })
    }

    /// The context c_t `[B, H]` for the query h_{t-1} `[B, H]`.
    fn context(
        &self,
        query: &Tensor,
        (values, valid_lens): (&Tensor, &Tensor),
        mode: Mode,
    ) -> Result<Tensor> {
        let scores = self.attention.scores(&query.unsqueeze(1)?, values)?; // [B, 1, T]
        let weights = masked_softmax(&scores, Some(valid_lens))?;
        report_attention("decoder.attention", &weights);
        let weights = dropped(&weights, &self.attention_dropout, mode)?;
        weights.matmul(values)?.squeeze(1) // [B, H]
    }
}

/// The vectors of tokens: `[B, T] -> [T, B, H]`
fn look_up(vectors: &Tensor, tokens: &Tensor) -> Result<Tensor> {
    let (batch, steps) = tokens.dims2()?;
    let rows = tokens.t()?.flatten_all()?.to_dtype(DType::U32)?;
    vectors.index_select(&rows, 0)?.reshape((steps, batch, ()))
}

impl Translator for Bahdanau {
    /// The state keeps the encoder's outputs `[B, T, H]` and their valid lengths `[B]`, and carries a state `[B, H]` for
    /// each layer.
    fn encode(&self, source: &Tensor, valid_lens: &Tensor, mode: Mode) -> Result<State> {
        let x = look_up(&self.source_vectors, source)?;
        let (_, batch, hiddens) = x.dims3()?;
        let zeros = Tensor::zeros((batch, hiddens), x.dtype(), x.device())?;
        let zeros = vec![zeros; self.sizes.num_layers];
        let (outputs, carried) = self.encoder.forward(&x, &zeros, mode)?;
        let values = outputs.transpose(0, 1)?.contiguous()?;
        Ok(State { encoder: vec![values, valid_lens.clone()], carried })
    }

    fn decode(&self, x: &Tensor, state: State, mode: Mode) -> Result<(Tensor, State)> {
        let (_, steps) = x.dims2()?;
        let [values, valid_lens] = parts_of(&state.encoder)?;
        let mut h = state.carried.clone();
        let x = look_up(&self.target_vectors, x)?; // [T, B, H]
        let mut outputs = Vec::with_capacity(steps);
        for t in 0..steps {
            let mode = at_time_step(mode, t, steps);
            let Some(query) = h.last() else {
                candle_core::bail!("found a state without layers, wanted one at least");
            };
            let context = self.context(query, (values, valid_lens), mode)?;
            let input = Tensor::cat(&[&context, &x.get(t)?], 1)?.unsqueeze(0)?; // [1, B, 2 H]
            let (output, after) = self.decoder.forward(&input, &h, mode)?;
            outputs.push(output.squeeze(0)?);
            h = after;
        }
        let outputs = Tensor::stack(&outputs, 1)?; // [B, T, H]
        let logits = product(&outputs, &self.w)?.broadcast_add(&self.b)?; // [B, T, V]
        let state = State { carried: h, ..state };
        Ok((logits, state))
    }
}
