//! By hand and with the library the same: outputs, states, losses and gradients.

use anyhow::{Context, Result, ensure};
use candle_core::{DType, Tensor};
use d2l::Implementation::{Concise, Scratch};
use d2l::next_token_loss;
use d2l::nn::testing::filled;
use d2l::nn::{
    Initializer, Linear, Mode, Network, ParamStore, RecurrentOptions, Reset, backward, gru, linear,
};
use recurrent::experiment::Build;
use recurrent::language_model::Recurrent;
use recurrent::lstm::variants;
use recurrent::structure::Structure;
use recurrent::vectors::OneHot;
use recurrent::{gru as gru_model, lstm, rnn};

use crate::{
    DEVICE, EMBEDDED, ONE, SIZES, TRAIN, TWO, ensure_near, f64_params, model, model_of, tokens,
};

/// Arranges parameters or gradients of a model by hand as the library's model has them.
///
/// The library's weights are the transposed ones, one gate below the other. Of its two biases the second is 0.
struct Mapping<'a> {
    /// A layer's parameters: their prefix by hand, and the number at the end of the library's names.
    layers: &'a [(&'a str, usize)],
    /// The book's letters in the library's order.
    letters: &'a str,
    /// Those with a peephole.
    peepholes: &'a str,
}

impl Mapping<'_> {
    /// Each of the library's tensors, made of those that `by_hand` finds by their names.
    fn apply(&self, by_hand: impl Fn(&str) -> Result<Tensor>) -> Result<Vec<(String, Tensor)>> {
        let mut mapped = vec![
            ("linear.weight".to_string(), by_hand("w_hq")?.t()?),
            ("linear.bias".to_string(), by_hand("b_q")?),
        ];
        if let Ok(table) = by_hand("embedding.weight") {
            mapped.push(("embedding.weight".to_string(), table));
        }
        for (prefix, number) in self.layers {
            if !self.peepholes.is_empty() {
                let letters = self.peepholes.chars();
                let peepholes = letters.map(|letter| by_hand(&format!("{prefix}p_{letter}")));
                let peepholes = Tensor::cat(&peepholes.collect::<Result<Vec<_>>>()?, 0)?;
                mapped.push((format!("rnn.weight_peephole_l{number}"), peepholes));
            }
            let stacked = |kind: &str| -> Result<Tensor> {
                let gates = self.letters.chars().map(|letter| {
                    let gate = by_hand(&format!("{prefix}{kind}{letter}"))?;
                    Ok(if gate.rank() == 2 { gate.t()? } else { gate })
                });
                Ok(Tensor::cat(&gates.collect::<Result<Vec<_>>>()?, 0)?)
            };
            let bias = stacked("b_")?;
            mapped.extend([
                (format!("rnn.weight_ih_l{number}"), stacked("w_x")?),
                (format!("rnn.weight_hh_l{number}"), stacked("w_h")?),
                (format!("rnn.bias_hh_l{number}"), bias.zeros_like()?),
                (format!("rnn.bias_ih_l{number}"), bias),
            ]);
        }
        Ok(mapped)
    }
}

fn named(params: &ParamStore, name: &str) -> Result<candle_core::Var> {
    let mut all = params.parameters().into_iter();
    let found = all.find(|(known, _)| known == name);
    Ok(found.with_context(|| format!("no {name}"))?.1)
}

/// Outputs, states, loss and gradients at equal parameters, from a state that isn't zero.
fn ensure_equal(
    (by_hand, ours): (&dyn Recurrent, &ParamStore),
    (library, theirs): (&dyn Recurrent, &ParamStore),
    mapping: &Mapping,
) -> Result<()> {
    // Biases too, which would be 0 otherwise; each parameter has other numbers, so that none can stand for another.
    for (number, (_, variable)) in (3..).zip(ours.parameters()) {
        let shape = variable.shape().clone();
        variable.set(&filled(shape, number, 1.0, DType::F64, &DEVICE)?)?;
    }
    let value = |name: &str| -> Result<Tensor> { Ok(named(ours, name)?.as_detached_tensor()) };
    for (name, value) in mapping.apply(value)? {
        named(theirs, &name)?.set(&value.contiguous()?)?;
    }
    let (x, y) = (tokens(1)?, tokens(2)?);
    let (_, state) = by_hand.forward_from(&tokens(5)?, None, TRAIN)?;
    let layers = mapping.layers.len();
    // By hand a state is h, or h and c, layer by layer. The library has one tensor of all layers' h, and one of all c.
    let kinds = state.len() / layers;
    let together: Vec<Tensor> = (0..kinds)
        .map(|kind| {
            let of_kind: Vec<&Tensor> = state.iter().skip(kind).step_by(kinds).collect();
            Tensor::stack(&of_kind, 0)
        })
        .collect::<candle_core::Result<_>>()?;

    let (a, after_a) = by_hand.forward_from(&x, Some(&state), TRAIN)?;
    let (b, after_b) = library.forward_from(&x, Some(&together), TRAIN)?;
    ensure_near("outputs", &a, &b)?;
    for (kind, b) in after_b.iter().enumerate() {
        let of_kind: Vec<&Tensor> = after_a.iter().skip(kind).step_by(kinds).collect();
        ensure_near("states", &Tensor::stack(&of_kind, 0)?, b)?;
    }
    let (a, b) = (next_token_loss(&a, &y)?, next_token_loss(&b, &y)?);
    ensure_near("loss", &a, &b)?;
    // From zeros, because the state above has a graph of its own.
    let a = backward(&next_token_loss(&by_hand.forward(&x, TRAIN)?, &y)?)?;
    let b = backward(&next_token_loss(&library.forward(&x, TRAIN)?, &y)?)?;
    let of_hand = |name: &str| -> Result<Tensor> {
        let gradient = a
            .get(named(ours, name)?.as_tensor())
            .context("a gradient")?;
        Ok(gradient.clone())
    };
    for (name, wanted) in mapping.apply(of_hand)? {
        let found = b
            .get(named(theirs, &name)?.as_tensor())
            .context("a gradient")?;
        if !name.contains("bias_hh") {
            ensure_near(&name, &wanted, found)?;
        } else {
            // The second bias is added to the same sums as the first, so it has the same gradient.
            let first = named(theirs, &name.replace("bias_hh", "bias_ih"))?;
            ensure_near(
                &name,
                b.get(first.as_tensor()).context("a gradient")?,
                found,
            )?;
        }
    }
    Ok(())
}

#[test]
fn the_rnn_by_hand_is_the_librarys() -> Result<()> {
    let (ours, theirs) = (f64_params(), f64_params());
    let by_hand = model(rnn::network, Scratch, &ours)?;
    let library = model(rnn::network, Concise, &theirs)?;
    let layers = [("rnn.", 0)];
    let mapping = Mapping { layers: &layers, letters: "h", peepholes: "" };
    ensure_equal((&*by_hand, &ours), (&*library, &theirs), &mapping)
}

#[test]
fn the_lstm_by_hand_is_the_librarys() -> Result<()> {
    let (ours, theirs) = (f64_params(), f64_params());
    let by_hand = model(lstm::network, Scratch, &ours)?;
    let library = model(lstm::network, Concise, &theirs)?;
    let layers = [("rnn.", 0)];
    let mapping = Mapping {
        layers: &layers,
        letters: "ifco", // PyTorch's g is the book's candidate c
        peepholes: "",
    };
    ensure_equal((&*by_hand, &ours), (&*library, &theirs), &mapping)
}

#[test]
fn the_lstm_with_peepholes_by_hand_is_the_librarys() -> Result<()> {
    let (ours, theirs) = (f64_params(), f64_params());
    let by_hand = model(variants::peephole, Scratch, &ours)?;
    let library = model(variants::peephole, Concise, &theirs)?;
    let layers = [("rnn.", 0)];
    let mapping = Mapping { layers: &layers, letters: "ifco", peepholes: "ifo" };
    ensure_equal((&*by_hand, &ours), (&*library, &theirs), &mapping)
}

/// What the gates do is what they show: with them, the memory and the output of an LSTM follow from its equations.
#[test]
fn an_lstm_shows_the_gates_that_it_uses() -> Result<()> {
    let params = f64_params();
    let lstm = model(lstm::network, Scratch, &params)?;
    let of = |name: &str| -> Result<Tensor> { Ok(named(&params, name)?.as_detached_tensor()) };
    let (_, before) = lstm.forward_from(&tokens(1)?, None, Mode::Evaluate)?;
    let x = tokens(2)?.narrow(1, 0, 1)?;
    let gates = lstm.gates_at(&x.squeeze(1)?, Some(&before))?;
    let names: Vec<&str> = gates.iter().map(|(name, _)| *name).collect();
    ensure!(names == ["input", "forget", "output"], "{names:?}");
    let [i, f, o] = [0, 1, 2].map(|gate: usize| gates[gate].1.clone());
    let w_x = of("rnn.w_xc")?.index_select(&x.flatten_all()?, 0)?;
    let sums = (w_x + before[0].matmul(&of("rnn.w_hc")?)?)?.broadcast_add(&of("rnn.b_c")?)?;
    let c = ((f * &before[1])? + (i * sums.tanh()?)?)?;
    let h = (o * c.tanh()?)?;
    let (_, after) = lstm.forward_from(&x, Some(&before), Mode::Evaluate)?;
    ensure_near("h", &h, &after[0])?;
    ensure_near("c", &c, &after[1])?;
    // A layer without gates, and one of the library, show none.
    let rnn = model(rnn::network, Scratch, &f64_params())?;
    let library = model(gru_model::network, Concise, &f64_params())?;
    for model in [rnn, library] {
        ensure!(model.gates_at(&x.squeeze(1)?, None)?.is_empty());
    }
    Ok(())
}

#[test]
fn two_layers_by_hand_are_the_librarys() -> Result<()> {
    let layers = [("rnn.0.", 0), ("rnn.1.", 1)];
    // With dropout both drop the same units, because the layers have the same names.
    for dropout in [0.0, 0.5] {
        let structure = Structure { dropout, ..TWO };
        let networks: [(Build, &str); 3] = [
            (rnn::network, "h"),
            (rnn::relu_network, "h"),
            (lstm::network, "ifco"),
        ];
        for (build, letters) in networks {
            let (ours, theirs) = (f64_params(), f64_params());
            let by_hand = model_of(build, Scratch, structure, &ours)?;
            let library = model_of(build, Concise, structure, &theirs)?;
            let mapping = Mapping { layers: &layers, letters, peepholes: "" };
            ensure_equal((&*by_hand, &ours), (&*library, &theirs), &mapping)
                .with_context(|| format!("{letters}, dropout {dropout}"))?;
        }
    }
    Ok(())
}

/// Dropout between two layers changes their outputs in training alone.
#[test]
fn dropout_between_layers_is_for_training() -> Result<()> {
    for implementation in [Scratch, Concise] {
        let of = |dropout: f64, mode: Mode| -> Result<Tensor> {
            let structure = Structure { dropout, ..TWO };
            let model = model_of(rnn::network, implementation, structure, &f64_params())?;
            Ok(model.forward(&tokens(1)?, mode)?)
        };
        ensure_near(
            "evaluated",
            &of(0.5, Mode::Evaluate)?,
            &of(0.0, Mode::Evaluate)?,
        )?;
        ensure!(ensure_near("trained", &of(0.5, TRAIN)?, &of(0.0, TRAIN)?).is_err());
    }
    Ok(())
}

/// A layer that lacks both gates is the simple network's, and a gate that is wide open or shut is as good as none.
#[test]
fn a_gru_without_a_gate_is_a_gru_whose_gate_is_fixed() -> Result<()> {
    let networks: [(Build, char, f64); 2] = [
        (gru_model::reset_network, 'z', -1e3),
        (gru_model::update_network, 'r', 1e3),
    ];
    for (build, missing, sum) in networks {
        let (fewer, both) = (f64_params(), f64_params());
        let without = model(build, Scratch, &fewer)?;
        let with = model(gru_model::network, Scratch, &both)?;
        for (name, value) in fewer.parameters() {
            named(&both, &name)?.set(&value.as_detached_tensor())?;
        }
        let bias = named(&both, &format!("rnn.b_{missing}"))?;
        bias.set(&(bias.ones_like()? * sum)?)?;
        let x = tokens(1)?;
        let outputs = [without, with].map(|model| model.forward(&x, Mode::Evaluate));
        let [a, b] = outputs;
        ensure_near(&format!("without {missing}"), &a?, &b?)?;
    }
    Ok(())
}

/// The product of a one-hot vector and W_xh is a row of W_xh: an embedding E in front of the layer computes what one-hot
/// vectors compute with E W_xh.
#[test]
fn an_embedding_is_a_factor_of_the_input_weight() -> Result<()> {
    let (embedded, one_hot) = (f64_params(), f64_params());
    let model_of =
        |structure, params: &ParamStore| model_of(rnn::network, Scratch, structure, params);
    let (a, b) = (model_of(EMBEDDED, &embedded)?, model_of(ONE, &one_hot)?);
    for (name, value) in one_hot.parameters() {
        let found = named(&embedded, &name)?.as_detached_tensor();
        value.set(&match name.as_str() {
            "rnn.w_xh" => {
                let table = named(&embedded, "embedding.weight")?;
                table.as_detached_tensor().matmul(&found)?
            }
            _ => found,
        })?;
    }
    let x = tokens(1)?;
    let outputs = [a, b].map(|model| model.forward(&x, Mode::Evaluate));
    let [a, b] = outputs;
    ensure_near("outputs", &a?, &b?)
}

#[test]
fn the_embedded_network_by_hand_is_the_librarys() -> Result<()> {
    let (ours, theirs) = (f64_params(), f64_params());
    let by_hand = model_of(rnn::network, Scratch, EMBEDDED, &ours)?;
    let library = model_of(rnn::network, Concise, EMBEDDED, &theirs)?;
    let layers = [("rnn.", 0)];
    let mapping = Mapping { layers: &layers, letters: "h", peepholes: "" };
    ensure_equal((&*by_hand, &ours), (&*library, &theirs), &mapping)
}

#[test]
fn the_rnn_with_relu_by_hand_is_the_librarys() -> Result<()> {
    let (ours, theirs) = (f64_params(), f64_params());
    let by_hand = model(rnn::relu_network, Scratch, &ours)?;
    let library = model(rnn::relu_network, Concise, &theirs)?;
    let layers = [("rnn.", 0)];
    let mapping = Mapping { layers: &layers, letters: "h", peepholes: "" };
    ensure_equal((&*by_hand, &ours), (&*library, &theirs), &mapping)
}

/// The library's layer as the book has it: the reset gate multiplies the state before the product with W_hh.
struct BooksGru {
    one_hot: OneHot,
    layer: d2l::nn::Gru,
    output: Linear,
}

impl Recurrent for BooksGru {
    fn forward_from(
        &self,
        x: &Tensor,
        state: Option<&[Tensor]>,
        mode: Mode,
    ) -> candle_core::Result<(Tensor, Vec<Tensor>)> {
        use candle_core::Module;
        let h = state.and_then(|state| state.first());
        let (y, h) = self.layer.forward_t(&self.one_hot.forward(x)?, h, mode)?;
        Ok((
            self.output.forward(&y.transpose(0, 1)?.contiguous()?)?,
            vec![h],
        ))
    }
}

#[test]
fn the_gru_by_hand_is_the_librarys_with_the_reset_before_the_product() -> Result<()> {
    let (ours, theirs) = (f64_params(), f64_params());
    let by_hand = model(gru_model::network, Scratch, &ours)?;
    let (v, h, _, _) = SIZES;
    let (vb, zeros) = (theirs.builder(), Initializer::Zeros);
    let reset = Reset::BeforeProduct;
    let library = BooksGru {
        one_hot: OneHot::new(v, DType::F64, &DEVICE)?,
        layer: gru(
            v,
            h,
            reset,
            RecurrentOptions::default(),
            &zeros,
            vb.pp("rnn"),
        )?,
        output: linear(h, v, &zeros, vb.pp("linear"))?,
    };
    let layers = [("rnn.", 0)];
    let mapping = Mapping {
        layers: &layers,
        letters: "rzh", // PyTorch's order r, z, n
        peepholes: "",
    };
    ensure_equal((&*by_hand, &ours), (&library, &theirs), &mapping)
}
